// A BitcodeModule is a slice of whatever file the linker read: an object, an
// archive member, a section of a native object (FatLTO), one of two modules of
// a split unit. The slice holds the module's blocks, and they refer to names by
// position in a string table that stands elsewhere in the file, shared with the
// other modules. A file of its own therefore needs three things: the magic
// number, the slice, and that string table. The symbol table, which only
// linkers read, is left out.

#include "module_bytes.h"
#include "llvm/Bitcode/BitcodeWriter.h"

using namespace llvm;

dtlto::ModuleBytes::ModuleBytes(const BitcodeModule &Module)
    : Blocks(Module.getBuffer()) {
  // The writer begins with the magic number. Blocks are aligned to 32 bits and
  // hold no absolute positions, so what it appends may stand behind the slice.
  BitcodeWriter Writer(MagicAndStrtab);
  Writer.copyStrtab(Module.getStrtab());
}

std::array<StringRef, 3> dtlto::ModuleBytes::parts() const {
  constexpr size_t MagicSize = 4;
  StringRef Both(MagicAndStrtab.data(), MagicAndStrtab.size());
  return {Both.take_front(MagicSize), Blocks, Both.drop_front(MagicSize)};
}

uint64_t dtlto::ModuleBytes::sizeBytes() const {
  return MagicAndStrtab.size() + Blocks.size();
}
