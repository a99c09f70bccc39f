// A module of a bitcode file as a bitcode file of its own.

#ifndef DTLTO_JOB_MODULE_BYTES_H
#define DTLTO_JOB_MODULE_BYTES_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include <array>
#include <cstdint>

namespace dtlto {

/// The standalone bytes of one module, in parts, so that the bulk of it stays
/// where the linker mapped it. Written one after the other, the parts are a
/// bitcode file that holds this module and nothing else.
class ModuleBytes {
public:
  /// \p Module's memory must outlive this object and all views of it.
  explicit ModuleBytes(const llvm::BitcodeModule &Module);

  /// Magic number, the module's blocks (the linker's memory), its string table
  /// (a copy). Views; they stay valid when this object is moved.
  std::array<llvm::StringRef, 3> parts() const;

  uint64_t sizeBytes() const;

private:
  llvm::StringRef Blocks;
  // On the heap whatever its size, so that moving keeps the views valid.
  llvm::SmallVector<char, 0> MagicAndStrtab;
};

} // namespace dtlto

#endif
