// Which bytes of a module's bitcode a backend that imports from it never reads.
// See module_layout.cpp.
#ifndef DTLTO_JOB_MODULE_LAYOUT_H
#define DTLTO_JOB_MODULE_LAYOUT_H

#include "metadata_layout.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/GlobalValue.h"
#include <memory>
#include <mutex>
#include <vector>

namespace dtlto {

/// Bytes of a module's standalone file (ModuleBytes): the first four must be
/// \p Word, little-endian, and nobody reads the others.
struct UnreadRange {
  uint32_t Offset;
  uint32_t Size; ///< 4, or at least 8
  uint32_t Word;
};

class ModuleLayout {
public:
  ModuleLayout();
  /// What is not understood is read: the layout is then empty. The module's bytes
  /// must outlive it.
  static ModuleLayout of(const llvm::BitcodeModule &Module);

  enum class MetadataReading {
    OnDemand,
    All, ///< by options of the link
  };
  static MetadataReading
  metadataReading(llvm::ArrayRef<std::string> LlvmOptions);

  /// For a backend that imports these definitions; in order. Any thread.
  std::vector<UnreadRange>
  unread(const llvm::DenseSet<llvm::GlobalValue::GUID> &Imported,
         MetadataReading How = MetadataReading::OnDemand) const;

private:
  /// A function's block, from its size on.
  struct Body {
    uint64_t EnterAt; ///< the bit at which a reader enters it
    uint32_t SizeAt, End;
    /// Its blocks are referred to from outside: it is loaded with the module.
    bool IsLoaded = false;
  };
  struct Definition {
    uint32_t Value; ///< its number in the module
    unsigned Body;  ///< an index into Bodies
  };
  struct KeptUses {
    std::mutex Mutex;
    /// By values; made when one is first imported. Nothing if it is not known.
    llvm::DenseMap<uint32_t, std::optional<llvm::BitVector>> Uses;
  };
  static constexpr unsigned NoBody = ~0u, UnknownBody = ~1u;
  /// A file of its own begins with them; a module's buffer is without.
  static constexpr uint32_t MagicBytes = 4;
  friend class LayoutReader;

  void readMetadataOfAll();
  std::optional<std::vector<uint32_t>> metadataUsedBy(const Body &B) const;
  std::optional<llvm::BitVector> usesOf(const Definition &D) const;
  bool addUses(const Definition &D, llvm::BitVector &Needed) const;
  std::vector<UnreadRange>
  unreadMetadata(llvm::ArrayRef<Definition> Read) const;
  void addChangedWords(const llvm::BitVector &Needed,
                       std::vector<UnreadRange> &Result) const;
  void addUnreadBodies(const llvm::BitVector &Imported,
                       std::vector<UnreadRange> &Result) const;

  llvm::StringRef Bitcode;
  std::unique_ptr<llvm::BitstreamBlockInfo> BlockInfo;
  std::vector<Body> Bodies; ///< in order, as in the file
  llvm::DenseMap<llvm::GlobalValue::GUID, Definition> Definitions;
  /// What definitions refer to, by their values.
  llvm::DenseMap<uint32_t, llvm::SmallVector<uint32_t, 4>> SummaryOf;
  std::optional<MetadataLayout> Metadata; ///< none: all of it is needed
  MetadataLayout::Arguments Arguments = MetadataLayout::Arguments::None;
  llvm::BitVector AlwaysNeeded; ///< of Metadata
  std::unique_ptr<KeptUses> Kept;
  std::vector<UnreadRange> Always; ///< behind all bodies
};

} // namespace dtlto

#endif
