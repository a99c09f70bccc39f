#include "packed_content.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Endian.h"
#include <array>

using namespace llvm;
using namespace dtlto::lzo1x;

namespace {

/// Larger pieces would find few more matches, which reach 48 KiB back.
constexpr uint64_t LargestPiece = 1024 * 1024;
/// Of a range that is not read: the word, and the byte that is repeated.
constexpr size_t RangeBegin = 5, SmallestRange = 8;
constexpr uint8_t UnreadByte = 0xff;

Error checkRanges(ArrayRef<uint32_t> Unread, uint64_t Size) {
  uint64_t At = 0;
  for (; Unread.size() >= 3; Unread = Unread.drop_front(3)) {
    uint64_t Offset = Unread[0], Bytes = Unread[1];
    if (Offset < At || Bytes < SmallestRange || Offset + Bytes > Size)
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

/// A piece of the content, or a range that is not read.
struct PackedContent::Step {
  uint64_t From;
  std::shared_ptr<Slot> S; ///< none: not read
  bool IsMine = false;     ///< to be compressed by who made the plan
  uint32_t Size = 0, Word = 0;
};

std::shared_ptr<PackedContent::Slot> PackedContent::longest(uint64_t From,
                                                            uint64_t To) const {
  std::shared_ptr<Slot> Longest;
  auto Known = Slots.find(From);
  if (Known != Slots.end())
    for (const std::shared_ptr<Slot> &S : Known->second)
      if (S->End <= To && (!Longest || S->End > Longest->End))
        Longest = S;
  return Longest;
}

std::vector<PackedContent::Step>
PackedContent::plan(uint64_t Size, ArrayRef<uint32_t> Unread) {
  std::vector<Step> Steps;
  uint64_t At = 0;
  auto add = [&](uint64_t To) {
    while (At < To) {
      Step Next{At, longest(At, To)};
      if (!Next.S) {
        Next.S = std::make_shared<Slot>();
        Next.S->End = std::min(To, At + LargestPiece);
        Next.IsMine = true;
        Slots[At].push_back(Next.S);
      }
      At = Next.S->End;
      Steps.push_back(std::move(Next));
    }
  };
  for (; !Unread.empty(); Unread = Unread.drop_front(3)) {
    add(Unread[0]);
    Step Range{At, nullptr};
    Range.Size = Unread[1];
    Range.Word = Unread[2];
    At += Range.Size;
    Steps.push_back(std::move(Range));
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
  std::vector<Step> Steps = plan(Size, Unread);
  const unsigned Before = Forgotten;
  Lock.unlock();

  // Who waits for others below has done what others wait for: nobody waits for
  // ever.
  SmallVector<uint8_t, 0> Gathered;
  size_t Made = 0;
  for (Step &Each : Steps) {
    if (!Each.IsMine)
      continue;
    Each.S->P =
        C.compress(bytesBetween(Parts, Each.From, Each.S->End, Gathered));
    Made += Each.S->P.Size;
    Result.CompressedBytes += Each.S->End - Each.From;
  }
  Lock.lock();
  if (Result.CompressedBytes > 0) {
    for (Step &Each : Steps)
      if (Each.IsMine)
        Each.S->IsReady = true;
    if (Before == Forgotten)
      KeptBytes += Made;
    Ready.notify_all();
  }
  Ready.wait(Lock, [&] {
    return all_of(Steps, [](const Step &S) { return !S.S || S.S->IsReady; });
  });
  Lock.unlock();

  BlockWriter Block(Into);
  std::vector<std::array<uint8_t, RangeBegin>> Begins(Unread.size() / 3);
  auto Begin = Begins.begin();
  for (const Step &Each : Steps) {
    if (Each.S) {
      Block.add(Each.S->P);
      continue;
    }
    support::endian::write32le(Begin->data(), Each.Word);
    Begin->back() = UnreadByte;
    Block.literals(*Begin++);
    Block.repeatLast(Each.Size - RangeBegin);
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
  return KeptBytes;
}

void PackedContent::forget() {
  std::lock_guard<std::mutex> Lock(Mutex);
  Slots.clear();
  KeptBytes = 0;
  ++Forgotten;
}
