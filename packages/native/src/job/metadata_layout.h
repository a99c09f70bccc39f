// Which of a module's metadata a backend needs that imports from it. See
// metadata_layout.cpp.
#ifndef DTLTO_JOB_METADATA_LAYOUT_H
#define DTLTO_JOB_METADATA_LAYOUT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Bitstream/BitstreamReader.h"
#include <optional>
#include <vector>

namespace dtlto {

/// Everything that is referred to has a number, here: first the values of the
/// module (symbols, then constants), then strings of metadata, then its nodes. All
/// places are of the module's buffer.
class MetadataLayout {
public:
  /// What functions of a module pass as arguments of calls.
  enum class Arguments {
    None,
    NoAliasScopes, ///< to llvm.experimental.noalias.scope.decl alone
    Any,
  };
  /// For values that refer to others, these.
  using ValueReferences =
      llvm::DenseMap<uint32_t, llvm::SmallVector<uint32_t, 2>>;

  /// Of the module's block that \p Cursor is about to enter; \p Values is how many
  /// come before it. None where it is not read lazily, or not as LLVM 22 and 23
  /// write it.
  static std::optional<MetadataLayout> of(const llvm::BitstreamCursor &Cursor,
                                          uint32_t Values,
                                          ValueReferences References);

  /// What the block of a function, which \p Cursor is about to enter, refers to:
  /// numbers, several times perhaps; not the values of its instructions. None if it
  /// is not understood.
  std::optional<std::vector<uint32_t>>
  usedBy(const llvm::BitstreamCursor &Cursor) const;

  /// Adds what every import needs.
  void addAlways(Arguments A, llvm::BitVector &Needed) const;
  /// Adds \p Ids and all that they refer to.
  void add(llvm::ArrayRef<uint32_t> Ids, llvm::BitVector &Needed) const;
  /// Forgets what \p Needed, with which everybody begins from now on, refers to.
  void beginWith(const llvm::BitVector &Needed);

  /// How many numbers there are.
  uint32_t size() const { return firstNode() + nodes(); }

  /// Tells of the bytes, from and to, of what is not in \p Needed, in order, as far
  /// as they are whole bytes and \p Least of them.
  void unread(const llvm::BitVector &Needed, uint32_t Least,
              llvm::function_ref<void(uint32_t, uint32_t)> Found) const;
  /// Tells of the bytes that are to be others, up to eight from a place on: of what
  /// they are XOR those that are there. In order, some bytes several times.
  void changed(const llvm::BitVector &Needed,
               llvm::function_ref<void(uint32_t, uint64_t)> Found) const;

private:
  friend class MetadataReader;
  static constexpr uint32_t NoValue = ~0u;
  /// A change of up to eight bytes that leaves out what is needed with \p Value.
  struct Change {
    uint32_t At;
    uint64_t Xor;
    uint32_t Value = NoValue; ///< NoValue: always
  };

  uint32_t firstString() const { return Values; }
  uint32_t firstNode() const { return Values + strings(); }
  uint32_t strings() const { return uint32_t(StringBegin.size()) - 1; }
  uint32_t nodes() const { return uint32_t(NodeBegin.size()) - 1; }
  void addReference(uint32_t From, uint32_t To);
  /// Calls \p Each with all that \p Id refers to, until it says false.
  template <typename Function>
  void references(uint32_t Id, Function Each) const;
  llvm::BitVector plainNodes() const;

  uint32_t Values = 0;
  ValueReferences OfValues;
  std::vector<uint32_t> StringBegin; ///< bytes, with the end
  std::vector<uint32_t> NodeBegin;   ///< bits, with the end
  /// Where those of a node begin, with the end; and all of them, each as its
  /// distance from the node, in a few bytes.
  std::vector<uint32_t> FirstReference;
  std::vector<uint8_t> References;
  llvm::BitVector IsGeneric; ///< of nodes: without a meaning of its own
  std::vector<uint32_t> Roots;
  std::vector<Change> Changes; ///< in order
};

} // namespace dtlto

#endif
