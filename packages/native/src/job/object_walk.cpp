// lld reads what its own backends wrote a moment ago, and trusts it: an offset
// beyond a section, a symbol number beyond the table or a relocation that lacks
// its partner is a read or a write somewhere in the linker's memory. An object
// from elsewhere may have been damaged on its way, or be made to harm, so it is
// walked before lld sees it: headers, sections, symbols, relocations, groups
// and the tables that lld itself interprets (.llvm_addrsig, unwind tables, call
// graph profiles, debug types). What LLVM's own writers never emit is refused
// even where the format allows it, for a job that is refused costs one compile
// here.
//
// Contents of code and data have no structure to check. An object that is whole
// but wrong passes; only --distribute-verify can tell.
//
// LLVM's readers report most damage as an error, but some of it (anything in
// Wasm that ends too early) as a fatal error, and a damaged count of elements
// as memory that cannot be had; both end the process. Here they are answers,
// too: the walk is left by longjmp. It leaks what the reader had allocated, at
// most a few times the object's size.

#include "object_walk.h"
#include "object_formats.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/LEB128.h"
#include "llvm/Support/raw_ostream.h"
#include <csetjmp>
#include <mutex>
#include <unistd.h>

using namespace llvm;
using namespace llvm::object;

//===----------------------------------------------------------------------===//
// What ends LLVM's readers
//===----------------------------------------------------------------------===//

namespace {
struct FatalError {
  jmp_buf Return;
  char Reason[200];
};
} // namespace

/// Set while this thread walks an object.
static thread_local FatalError *Catcher;

/// For all other threads as if no handler were set: LLVM's message on descriptor
/// 2, then LLVM ends the process.
static void onFatalError(void *, const char *Reason, bool) {
  if (!Catcher) {
    std::string Text = ("LLVM ERROR: " + Twine(Reason) + "\n").str();
    ssize_t Written = ::write(2, Text.data(), Text.size());
    (void)Written;
    return;
  }
  strncpy(Catcher->Reason, Reason, sizeof(Catcher->Reason) - 1);
  longjmp(Catcher->Return, 1);
}

/// For all other threads as if no handler were set, too.
static void onBadAlloc(void *, const char *Reason, bool) {
  if (Catcher)
    onFatalError(nullptr, "it needs more memory than there is", false);
  std::string_view Texts[] = {"LLVM ERROR: out of memory\n", Reason, "\n"};
  for (std::string_view Text : Texts) {
    ssize_t Written = ::write(2, Text.data(), Text.size());
    (void)Written;
  }
  abort();
}

static std::string catchingFatalErrors(function_ref<std::string()> Walk) {
  static std::once_flag Once;
  std::call_once(Once, [] {
    install_fatal_error_handler(onFatalError);
    install_bad_alloc_error_handler(onBadAlloc);
    install_out_of_memory_new_handler();
  });
  FatalError Caught = {};
  Catcher = &Caught;
  if (setjmp(Caught.Return) == 0) {
    std::string Fault = Walk();
    Catcher = nullptr;
    return Fault;
  }
  Catcher = nullptr;
  return "damaged: " + std::string(Caught.Reason);
}

//===----------------------------------------------------------------------===//
// What formats share
//===----------------------------------------------------------------------===//

Error dtlto::walkSymbolNumbers(StringRef Table, uint64_t Limit) {
  const uint8_t *At = Table.bytes_begin();
  while (At != Table.bytes_end()) {
    unsigned Size;
    const char *Problem = nullptr;
    uint64_t Number = decodeULEB128(At, &Size, Table.bytes_end(), &Problem);
    if (Problem || Number >= Limit)
      return createStringError("its table of address-significant symbols "
                               "names no symbol");
    At += Size;
  }
  return Error::success();
}

Error dtlto::walkEhFrame(StringRef Section, bool IsLittleEndian) {
  auto Bad = [] {
    return createStringError("the records of its unwind table do not add up");
  };
  endianness Endian = IsLittleEndian ? endianness::little : endianness::big;
  auto Word = [&](uint64_t At) {
    return support::endian::read32(Section.data() + At, Endian);
  };
  DenseSet<uint64_t> Cies;
  for (uint64_t At = 0; At < Section.size();) {
    if (!fits(At, 4, Section.size()))
      return Bad();
    uint64_t Size = Word(At);
    if (Size == 0) { // the end mark
      At += 4;
      continue;
    }
    if (Size < 8 || !fits(At + 4, Size, Section.size()))
      return Bad();
    uint64_t Id = Word(At + 4);
    if (Id == 0) {
      uint8_t Version = Section[At + 8];
      if (Version != 1 && Version != 3)
        return Bad();
      Cies.insert(At);
    } else if (Id > At + 4 || !Cies.contains(At + 4 - Id)) {
      return Bad();
    }
    At += 4 + Size;
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//

/// Objects do not tell ARM from Thumb.
static Triple::ArchType machineOf(Triple::ArchType Arch) {
  return Arch == Triple::thumb     ? Triple::arm
         : Arch == Triple::thumbeb ? Triple::armeb
                                   : Arch;
}

static Error walk(const ObjectFile &Object) {
  if (auto *Elf = dyn_cast<ELFObjectFileBase>(&Object))
    return dtlto::walkElf(*Elf);
  if (auto *Coff = dyn_cast<COFFObjectFile>(&Object))
    return dtlto::walkCoff(*Coff);
  if (auto *MachO = dyn_cast<MachOObjectFile>(&Object))
    return dtlto::walkMachO(*MachO);
  if (auto *Wasm = dyn_cast<WasmObjectFile>(&Object))
    return dtlto::walkWasm(*Wasm);
  return createStringError("it is in a format that lld does not link");
}

static std::string faultOf(MemoryBufferRef Bytes, const Triple &Target) {
  // Parsing finds truncation, too: tables stand at the end of objects.
  auto Object = ObjectFile::createObjectFile(Bytes);
  if (!Object)
    return "damaged: " + toString(Object.takeError());
  bool IsFormat = (*Object)->isWasm() ? Target.isOSBinFormatWasm()
                                      : (*Object)->getTripleObjectFormat() ==
                                            Target.getObjectFormat();
  if (!IsFormat ||
      machineOf((*Object)->getArch()) != machineOf(Target.getArch()))
    return ("made for another target (" + (*Object)->getFileFormatName() + ")")
        .str();
  if (Error E = walk(**Object))
    return "damaged: " + toString(std::move(E));
  return {};
}

std::string dtlto::objectFault(StringRef Bytes, const Triple &Target) {
  if (Bytes.empty())
    return "empty";
  // LLVM's readers want aligned memory; what comes in a message is not.
  auto Aligned = MemoryBuffer::getMemBufferCopy(Bytes, "object");
  return catchingFatalErrors(
      [&] { return faultOf(Aligned->getMemBufferRef(), Target); });
}
