// LZO1X: pieces of blocks, blocks put together of them, and back. See lzo1x.cpp.
#ifndef DTLTO_LZO1X_LZO1X_H
#define DTLTO_LZO1X_LZO1X_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace dtlto::lzo1x {

/// The most bytes that the block of \p Size bytes can have.
constexpr size_t worstCase(size_t Size) { return Size + Size / 16 + 68; }

/// A part of a block, compressed by itself: literals, then from the first match
/// to the last one, then literals. There are many small ones.
struct Piece {
  std::unique_ptr<uint8_t[]> Bytes;
  size_t Size = 0;
  /// Where the matches begin, and end.
  size_t MatchesAt = 0, TailAt = 0;

  llvm::ArrayRef<uint8_t> bytes() const { return {Bytes.get(), Size}; }
};

/// Compresses one piece after the other; for one thread. Its memory, up to
/// 1.2 MiB for pieces of 1 MiB, is used again.
class Compressor {
public:
  /// At most 1 GiB. Copies.
  Piece compress(llvm::ArrayRef<uint8_t> Input);

private:
  /// A position in the input, from Base on, for each hash value; what is not
  /// above Base is of pieces before.
  std::vector<uint32_t> Table;
  uint32_t Base = 0;
  llvm::SmallVector<uint8_t, 0> Room;
};

/// Puts one block together in memory of the caller.
class BlockWriter {
public:
  explicit BlockWriter(llvm::MutableArrayRef<uint8_t> Out) : Out(Out) {}

  void add(const Piece &P);
  /// They must not change before the block is finished.
  void literals(llvm::ArrayRef<uint8_t> Bytes);
  /// The last byte of what was added, \p Count times more: at least 3, and
  /// after something.
  void repeatLast(size_t Count);
  /// How many bytes the block has. Nothing if it did not fit, or was empty: a
  /// block has no form for that.
  std::optional<size_t> finish();

private:
  bool hasRoom(size_t Bytes);
  void putLiterals();

  llvm::MutableArrayRef<uint8_t> Out;
  size_t Made = 0;
  bool IsEmpty = true, IsFull = false;
  /// What stands between two matches is one run, of these.
  llvm::SmallVector<llvm::ArrayRef<uint8_t>, 16> Literals;
  size_t LiteralBytes = 0;
};

/// How long \p Block is when it is decompressed; something above \p Limit if
/// that is more than \p Limit. An error says what is wrong with a damaged one.
llvm::Expected<uint64_t> decompressedSize(llvm::ArrayRef<uint8_t> Block,
                                          uint64_t Limit);

/// \p Out has the size that decompressedSize gave.
llvm::Error decompress(llvm::ArrayRef<uint8_t> Block,
                       llvm::MutableArrayRef<uint8_t> Out);

} // namespace dtlto::lzo1x

#endif
