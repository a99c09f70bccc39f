#include "packed_content.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Endian.h"

using namespace llvm;
using namespace dtlto::lzo1x;

namespace {

/// Larger pieces would find few more matches, which reach 48 KiB back.
constexpr uint64_t LargestPiece = 1024 * 1024;
/// Of a range that is not read: the word, and the byte that is repeated.
constexpr size_t RangeBegin = 5, SizeOfWord = 4, SmallestRepeated = 8;
constexpr uint8_t UnreadByte = 0xff;

Error checkRanges(ArrayRef<uint32_t> Unread, uint64_t Size) {
  uint64_t At = 0;
  for (; Unread.size() >= 3; Unread = Unread.drop_front(3)) {
    uint64_t Offset = Unread[0], Bytes = Unread[1];
    bool HasSize = Bytes == SizeOfWord || Bytes >= SmallestRepeated;
    if (Offset < At || !HasSize || Offset + Bytes > Size)
      return createStringError(Twine(Size) + " bytes have no range of " +
                               Twine(Bytes) + " at " + Twine(Offset));
    At = Offset + Bytes;
  }
  return Unread.empty() ? Error::success()
                        : createStringError("a range is three numbers");
}

/// Where they lie if they are in one part; else copied to \p Gathered.
ArrayRef<uint8_t> bytesBetween(ArrayRef<ArrayRef<uint8_t>> Parts, uint64_t From,
                               uint64_t To,
                               SmallVectorImpl<uint8_t> &Gathered) {
  Gathered.clear();
  uint64_t Offset = 0;
  for (ArrayRef<uint8_t> Part : Parts) {
    uint64_t Begin = std::max(From, Offset);
    uint64_t End = std::min(To, Offset + Part.size());
    if (Begin < End) {
      ArrayRef<uint8_t> Inside = Part.slice(Begin - Offset, End - Begin);
      if (Inside.size() == To - From)
        return Inside;
      Gathered.append(Inside.begin(), Inside.end());
    }
    Offset += Part.size();
  }
  return Gathered;
}

} // namespace

/// A piece of the content, or a range that is not read, or several of a word each.
struct PackedContent::Step {
  uint64_t From, To;
  Slot *S;             ///< none: not read
  bool IsMine = false; ///< to be compressed by who made the plan
  ArrayRef<uint32_t> Ranges = {};
};

/// The longest piece there is, or a new one.
PackedContent::Known &PackedContent::Pieces::longest(uint64_t From,
                                                     uint64_t To) {
  SmallVectorImpl<Known> &There = Starts[From];
  auto Longer = llvm::upper_bound(
      There, To, [](uint64_t End, const Known &K) { return End < K.End; });
  if (Longer != There.begin())
    return Longer[-1];
  uint64_t End = std::min(To, From + LargestPiece);
  return *There.insert(Longer, {End, nullptr});
}

std::vector<PackedContent::Step>
PackedContent::Pieces::plan(uint64_t Size, ArrayRef<uint32_t> Unread) {
  std::vector<Step> Steps;
  uint64_t At = 0;
  auto add = [&](uint64_t To) {
    while (At < To) {
      Known &Piece = longest(At, To);
      const bool IsNew = !Piece.S;
      if (IsNew)
        Piece.S = &Slots.emplace_back();
      Steps.push_back({At, Piece.End, Piece.S, IsNew});
      At = Piece.End;
    }
  };
  for (; !Unread.empty(); Unread = Unread.drop_front(3)) {
    add(Unread[0]);
    const uint32_t Bytes = Unread[1];
    if (Bytes == SizeOfWord && !Steps.empty() &&
        Steps.back().Ranges.size() > 0 &&
        Steps.back().Ranges[1] == SizeOfWord) {
      Step &Words = Steps.back();
      Words.Ranges = ArrayRef(Words.Ranges.data(), Words.Ranges.size() + 3);
      Words.To += Bytes;
    } else {
      Steps.push_back({At, At + Bytes, nullptr, false, Unread.take_front(3)});
    }
    At += Bytes;
  }
  add(Size);
  return Steps;
}

Expected<PackedContent::Packed>
PackedContent::pack(ArrayRef<ArrayRef<uint8_t>> Parts,
                    ArrayRef<uint32_t> Unread, MutableArrayRef<uint8_t> Into,
                    Compressor &C) {
  uint64_t Size = 0;
  for (ArrayRef<uint8_t> Part : Parts)
    Size += Part.size();
  if (Error E = checkRanges(Unread, Size))
    return E;
  Packed Result{0, 0};
  if (Size == 0)
    return Result;

  std::unique_lock<std::mutex> Lock(Mutex);
  const std::shared_ptr<Pieces> Mine = Kept;
  std::vector<Step> Steps = Mine->plan(Size, Unread);
  Lock.unlock();

  // Who waits for others below has done what others wait for: nobody waits for
  // ever.
  SmallVector<uint8_t, 0> Gathered;
  size_t Made = 0;
  for (Step &Each : Steps) {
    if (!Each.IsMine)
      continue;
    Each.S->P = C.compress(bytesBetween(Parts, Each.From, Each.To, Gathered));
    Made += Each.S->P.Size;
    Result.CompressedBytes += Each.To - Each.From;
  }
  Lock.lock();
  if (Result.CompressedBytes > 0) {
    for (Step &Each : Steps)
      if (Each.IsMine)
        Each.S->IsReady = true;
    Mine->Bytes += Made;
    Ready.notify_all();
  }
  Ready.wait(Lock, [&] {
    return all_of(Steps, [](const Step &S) { return !S.S || S.S->IsReady; });
  });
  Lock.unlock();

  BlockWriter Block(Into);
  // What ranges begin with: it must stay where it is.
  SmallVector<uint8_t, 0> Begins(Unread.size() / 3 * RangeBegin);
  uint8_t *To = Begins.data();
  for (const Step &Each : Steps) {
    if (Each.S) {
      Block.add(Each.S->P);
      continue;
    }
    uint8_t *Begin = To;
    for (size_t I = 2; I < Each.Ranges.size(); I += 3, To += SizeOfWord)
      support::endian::write32le(To, Each.Ranges[I]);
    const bool IsRepeated = Each.Ranges[1] != SizeOfWord;
    if (IsRepeated)
      *To++ = UnreadByte;
    Block.literals(ArrayRef(Begin, To));
    if (IsRepeated)
      Block.repeatLast(Each.To - Each.From - RangeBegin);
  }
  std::optional<size_t> BlockBytes = Block.finish();
  if (!BlockBytes)
    return createStringError("the block has no room in " + Twine(Into.size()) +
                             " bytes");
  Result.BlockBytes = *BlockBytes;
  return Result;
}

size_t PackedContent::keptBytes() const {
  std::lock_guard<std::mutex> Lock(Mutex);
  return Kept->Bytes;
}

void PackedContent::forget() {
  auto None = std::make_shared<Pieces>();
  std::lock_guard<std::mutex> Lock(Mutex);
  Kept.swap(None);
}
