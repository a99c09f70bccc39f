#include "object_walk.h"
#include "llvm/Object/COFF.h"
#include "llvm/Object/ObjectFile.h"

using namespace llvm;
using namespace llvm::object;

/// Objects do not tell ARM from Thumb.
static Triple::ArchType machineOf(Triple::ArchType Arch) {
  return Arch == Triple::thumb     ? Triple::arm
         : Arch == Triple::thumbeb ? Triple::armeb
                                   : Arch;
}

std::string dtlto::objectFault(StringRef Bytes, const Triple &Target) {
  if (Bytes.empty())
    return "empty";
  // LLVM's readers want aligned memory; what comes in a message is not.
  auto Aligned = MemoryBuffer::getMemBufferCopy(Bytes, "object");
  // Parsing finds truncation, too: tables stand at the end of objects.
  auto Object = ObjectFile::createObjectFile(Aligned->getMemBufferRef());
  if (!Object)
    return "damaged: " + toString(Object.takeError());
  auto *Coff = dyn_cast<COFFObjectFile>(Object->get());
  // This reader alone puts up with a missing symbol table.
  if (Coff && Coff->getPointerToSymbolTable() && !Coff->getSymbolTable())
    return "damaged: its symbol table is missing";
  bool IsFormat = (*Object)->isWasm() ? Target.isOSBinFormatWasm()
                                      : (*Object)->getTripleObjectFormat() ==
                                            Target.getObjectFormat();
  if (!IsFormat ||
      machineOf((*Object)->getArch()) != machineOf(Target.getArch()))
    return ("made for another target (" + (*Object)->getFileFormatName() + ")")
        .str();
  return {};
}
