// A content in compressed pieces, of which blocks are made for many jobs.
#ifndef DTLTO_LZO1X_PACKED_CONTENT_H
#define DTLTO_LZO1X_PACKED_CONTENT_H

#include "lzo1x.h"
#include "llvm/ADT/DenseMap.h"
#include <condition_variable>
#include <mutex>

namespace dtlto::lzo1x {

/// Each job needs other functions of a module, and most pieces are those of jobs
/// before it: they are compressed once, also if several threads need them at a
/// time. All functions may be called on any thread.
class PackedContent {
public:
  struct Packed {
    size_t BlockBytes;
    /// Of the content, those that had to be compressed for it.
    size_t CompressedBytes;
  };

  /// The content, in parts one after the other, as one LZO1X block at the
  /// beginning of \p Into, without what \p Unread says is not read: as UnreadRanges in
  /// packages/dtlto/src/distributors/interface.ts, three numbers each. Nothing, 0
  /// bytes, for an empty one. Errors: wrong ranges, a block that does not fit.
  llvm::Expected<Packed> pack(llvm::ArrayRef<llvm::ArrayRef<uint8_t>> Parts,
                              llvm::ArrayRef<uint32_t> Unread,
                              llvm::MutableArrayRef<uint8_t> Into,
                              Compressor &C);

  /// Of all pieces.
  size_t keptBytes() const;

  /// Lets go of all pieces, but for blocks that are being made.
  void forget();

private:
  struct Slot {
    uint64_t End;
    bool IsReady = false;
    Piece P; ///< written by who made the slot, before it is ready
  };
  struct Step;

  std::vector<Step> plan(uint64_t Size, llvm::ArrayRef<uint32_t> Unread);
  std::shared_ptr<Slot> longest(uint64_t From, uint64_t To) const;

  mutable std::mutex Mutex;
  std::condition_variable Ready;
  /// By where they begin; none overlap that begin at the same place but the
  /// shorter is a part of the longer.
  llvm::DenseMap<uint64_t, llvm::SmallVector<std::shared_ptr<Slot>, 1>> Slots;
  size_t KeptBytes = 0;
  /// How often the pieces were forgotten.
  unsigned Forgotten = 0;
};

} // namespace dtlto::lzo1x

#endif
