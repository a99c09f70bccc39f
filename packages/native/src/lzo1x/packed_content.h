// A content in compressed pieces, of which blocks are made for many jobs.
#ifndef DTLTO_LZO1X_PACKED_CONTENT_H
#define DTLTO_LZO1X_PACKED_CONTENT_H

#include "lzo1x.h"
#include "llvm/ADT/DenseMap.h"
#include <condition_variable>
#include <deque>
#include <memory>
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
    bool IsReady = false;
    Piece P; ///< written by who made the slot, before it is ready
  };
  struct Known {
    uint64_t End;
    Slot *S;
  };
  struct Step;
  /// All pieces, and whoever makes a block of some keeps all.
  struct Pieces {
    /// By where they begin, then by where they end.
    llvm::DenseMap<uint64_t, llvm::SmallVector<Known, 1>> Starts;
    std::deque<Slot> Slots;
    size_t Bytes = 0;

    Known &longest(uint64_t From, uint64_t To);
    std::vector<Step> plan(uint64_t Size, llvm::ArrayRef<uint32_t> Unread);
  };

  mutable std::mutex Mutex;
  std::condition_variable Ready;
  std::shared_ptr<Pieces> Kept = std::make_shared<Pieces>();
};

} // namespace dtlto::lzo1x

#endif
