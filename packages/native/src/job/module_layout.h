// Which bytes of a module's bitcode a backend that imports from it never reads.
// See module_layout.cpp.
#ifndef DTLTO_JOB_MODULE_LAYOUT_H
#define DTLTO_JOB_MODULE_LAYOUT_H

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/GlobalValue.h"
#include <vector>

namespace dtlto {

/// Bytes of a module's standalone file (ModuleBytes): the first four must be
/// \p Word, little-endian, and nobody reads the others.
struct UnreadRange {
  uint32_t Offset;
  uint32_t Size; ///< at least 8, a multiple of 4
  uint32_t Word;
};

class ModuleLayout {
public:
  /// What is not understood is read: the layout is then empty.
  static ModuleLayout of(const llvm::BitcodeModule &Module);

  /// For a backend that imports these definitions; in order.
  std::vector<UnreadRange>
  unread(const llvm::DenseSet<llvm::GlobalValue::GUID> &Imported) const;

private:
  /// A function's block, from its size on.
  struct Body {
    uint32_t SizeAt, End;
    /// Its blocks are referred to from outside: it is loaded with the module.
    bool IsLoaded = false;
  };
  static constexpr unsigned NoBody = ~0u, UnknownBody = ~1u;
  friend class LayoutReader;

  std::vector<Body> Bodies; ///< in order, as in the file
  /// What each symbol that the module defines needs: an index into Bodies.
  llvm::DenseMap<llvm::GlobalValue::GUID, unsigned> BodyOf;
  std::vector<UnreadRange> Always; ///< behind all bodies
};

} // namespace dtlto

#endif
