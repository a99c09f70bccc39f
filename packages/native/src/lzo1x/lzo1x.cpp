// LZO1X, as distcc puts every file body on the wire.
//
// The format (public description: Documentation/staging/lzo.rst of the Linux
// kernel). `state` is the number of literals that the last instruction copied: 0
// to 3, or 4 for any longer run. D, H, L, S are bit fields of the instruction
// byte `t`.
//
//   first byte only, 18...255    t-17 literals follow
//   0000LLLL, state 0            literals: L + 3, or for L = 0: 18 + run
//   0000DDSS H, state 1...3      match of 2, distance (H << 2) + D + 1
//   0000DDSS H, state 4          match of 3, distance (H << 2) + D + 2049
//   0001HLLL D D, 16-bit         match of L + 2, or for L = 0: 9 + run; distance
//                                (H << 14) + D + 16384; exactly 16384 ends it
//   001LLLLL D D, 16-bit         match of L + 2, or for L = 0: 33 + run;
//                                distance D + 1
//   01LDDDSS H                   match of L + 3, distance (H << 3) + D + 1
//   1LLDDDSS H                   match of L + 5, distance (H << 3) + D + 1
//
// A run is 255 for each zero byte plus the first byte that is not zero. The
// 16-bit word is little-endian, D its upper 14 bits, S its lower two. After each
// match S literals follow.
//
// The compressor is greedy, with one candidate per position from a hash of four
// bytes, and steps that grow while nothing matches. It finds about what the
// fastest level of the reference finds. Bitcode is a bit stream: its numbers
// rarely align to bytes, so that most of what matches is in string tables,
// metadata strings and blobs. That caps the gain whatever the effort.
//
// A block does not say how long it is decompressed, and a hostile one may expand
// 255-fold. So it is walked twice by the same code: first without an output,
// which finds every error and the exact size.
#include "lzo1x.h"
#include "llvm/ADT/Twine.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/Endian.h"
#include <algorithm>
#include <cassert>
#include <cstring>

using namespace llvm;
using namespace dtlto::lzo1x;

namespace {

constexpr unsigned HashBits = 14;
constexpr size_t LzoMaxDistance = 16384 + 32767;
/// How slowly steps grow in data that does not match: one byte more for each 2^5
/// literals in a row.
constexpr unsigned StepShift = 5;
/// Matches are looked for up to this many bytes before the end, so that four
/// bytes can always be read.
constexpr size_t LzoTail = 5;
/// Of what a run's or a match's own bytes can be, without its run.
constexpr size_t LzoHeadRoom = 8;
constexpr uint32_t LargestBase = 1u << 31;

uint32_t slotOf(uint32_t Word) {
  return (Word * 0x9e3779b1u) >> (32 - HashBits);
}

uint8_t *putLzoRun(uint8_t *To, size_t Count) {
  for (; Count > 255; Count -= 255)
    *To++ = 0;
  *To++ = uint8_t(Count);
  return To;
}

/// How many literals follow. Up to three are counted in two bits of the match
/// before them: the byte before its last one, in every form.
uint8_t *putLzoCount(uint8_t *To, size_t Count, bool IsFirst) {
  if (Count == 0)
    return To;
  if (IsFirst && Count <= 238)
    *To++ = uint8_t(17 + Count);
  else if (!IsFirst && Count <= 3)
    To[-2] |= uint8_t(Count);
  else if (Count <= 18)
    *To++ = uint8_t(Count - 3);
  else {
    *To++ = 0;
    To = putLzoRun(To, Count - 18);
  }
  return To;
}

uint8_t *putLzoMatch(uint8_t *To, size_t Distance, size_t Count) {
  if (Count <= 8 && Distance <= 2048) {
    *To++ = uint8_t(((Count - 1) << 5) | (((Distance - 1) & 7) << 2));
    *To++ = uint8_t((Distance - 1) >> 3);
    return To;
  }
  // Of the form: its bits, the longest match that they count, and the word.
  uint8_t Form;
  size_t Longest, Word;
  if (Distance <= 16384) {
    Form = 32;
    Longest = 33;
    Word = (Distance - 1) << 2;
  } else {
    size_t Rest = Distance - 16384;
    Form = uint8_t(16 | ((Rest >> 11) & 8));
    Longest = 9;
    Word = (Rest << 2) & 0xffff;
  }
  if (Count <= Longest)
    *To++ = uint8_t(Form | (Count - 2));
  else {
    *To++ = Form;
    To = putLzoRun(To, Count - Longest);
  }
  *To++ = uint8_t(Word);
  *To++ = uint8_t(Word >> 8);
  return To;
}

/// How many bytes are equal from \p At and from the earlier \p From on.
size_t equalBytes(ArrayRef<uint8_t> In, size_t From, size_t At) {
  size_t Start = At;
  for (; At + 8 <= In.size(); At += 8, From += 8) {
    uint64_t Differing = support::endian::read64le(&In[At]) ^
                         support::endian::read64le(&In[From]);
    if (Differing != 0)
      return At - Start + llvm::countr_zero(Differing) / 8;
  }
  while (At < In.size() && In[At] == In[From])
    ++At, ++From;
  return At - Start;
}

} // namespace

Piece Compressor::compress(ArrayRef<uint8_t> In) {
  const size_t Size = In.size();
  assert(Size <= LargestBase / 2 && "too large for positions of 32 bits");
  if (Table.empty() || Base > LargestBase) {
    Table.assign(size_t(1) << HashBits, 0);
    Base = 0;
  }
  if (Room.size() < worstCase(Size))
    Room.resize_for_overwrite(worstCase(Size));
  uint8_t *Made = Room.data();
  size_t LiteralStart = 0, HeadEnd = Size;
  const size_t Limit = Size > LzoTail ? Size - LzoTail : 0;

  for (size_t At = 1; At < Limit;) {
    uint32_t Word = support::endian::read32le(&In[At]);
    uint32_t &Slot = Table[slotOf(Word)];
    size_t From = size_t(Slot) - Base - 1;
    bool IsOfThis = Slot > Base;
    Slot = Base + uint32_t(At) + 1;
    if (!IsOfThis || At - From > LzoMaxDistance ||
        support::endian::read32le(&In[From]) != Word) {
      At += 1 + ((At - LiteralStart) >> StepShift);
      continue;
    }
    size_t Stop = At + 4 + equalBytes(In, From + 4, At + 4);
    size_t Start = At;
    while (Start > LiteralStart && From > 0 && In[Start - 1] == In[From - 1])
      --Start, --From;
    if (HeadEnd == Size)
      HeadEnd = Start;
    else {
      Made = putLzoCount(Made, Start - LiteralStart, /*IsFirst=*/false);
      memcpy(Made, &In[LiteralStart], Start - LiteralStart);
      Made += Start - LiteralStart;
    }
    Made = putLzoMatch(Made, Start - From, Stop - Start);
    LiteralStart = Stop;
    if (Stop < Limit)
      Table[slotOf(support::endian::read32le(&In[Stop - 2]))] =
          Base + uint32_t(Stop) - 1;
    At = Stop;
  }
  Base += uint32_t(Size) + 1;

  const size_t TailStart = HeadEnd == Size ? Size : LiteralStart;
  const size_t MatchBytes = Made - Room.data();
  Piece Result;
  Result.MatchesAt = HeadEnd;
  Result.TailAt = HeadEnd + MatchBytes;
  Result.Size = Result.TailAt + Size - TailStart;
  Result.Bytes.reset(new uint8_t[Result.Size]);
  std::copy_n(In.data(), HeadEnd, Result.Bytes.get());
  std::copy_n(Room.data(), MatchBytes, Result.Bytes.get() + HeadEnd);
  std::copy_n(In.data() + TailStart, Size - TailStart,
              Result.Bytes.get() + Result.TailAt);
  return Result;
}

bool BlockWriter::hasRoom(size_t Bytes) {
  IsFull |= Bytes > Out.size() - Made;
  return !IsFull;
}

void BlockWriter::add(const Piece &P) {
  literals(P.bytes().take_front(P.MatchesAt));
  ArrayRef<uint8_t> Matches =
      P.bytes().slice(P.MatchesAt, P.TailAt - P.MatchesAt);
  if (!Matches.empty()) {
    putLiterals();
    if (!hasRoom(Matches.size()))
      return;
    memcpy(&Out[Made], Matches.data(), Matches.size());
    Made += Matches.size();
    IsEmpty = false;
  }
  literals(P.bytes().drop_front(P.TailAt));
}

void BlockWriter::literals(ArrayRef<uint8_t> Bytes) {
  if (Bytes.empty())
    return;
  Literals.push_back(Bytes);
  LiteralBytes += Bytes.size();
  IsEmpty = false;
}

void BlockWriter::repeatLast(size_t Count) {
  assert(!IsEmpty && Count >= 3 && "no form for this");
  putLiterals();
  if (hasRoom(Count / 255 + LzoHeadRoom))
    Made = putLzoMatch(Out.data() + Made, 1, Count) - Out.data();
}

void BlockWriter::putLiterals() {
  if (hasRoom(LiteralBytes + LiteralBytes / 255 + LzoHeadRoom)) {
    uint8_t *To = putLzoCount(Out.data() + Made, LiteralBytes, Made == 0);
    for (ArrayRef<uint8_t> Bytes : Literals)
      To = std::copy(Bytes.begin(), Bytes.end(), To);
    Made = To - Out.data();
  }
  Literals.clear();
  LiteralBytes = 0;
}

std::optional<size_t> BlockWriter::finish() {
  putLiterals();
  if (IsEmpty || !hasRoom(3))
    return std::nullopt;
  Out[Made++] = 17;
  Out[Made++] = 0;
  Out[Made++] = 0;
  return Made;
}

namespace {

Error cutOff() { return createStringError("the block ends in the middle"); }

/// A match may overlap what it writes: then it repeats its last bytes.
void copyLzoMatch(uint8_t *To, size_t Distance, size_t Count) {
  const uint8_t *From = To - Distance;
  if (Distance >= Count)
    memcpy(To, From, Count);
  else if (Distance == 1)
    memset(To, *From, Count);
  else
    // What is there already is a whole number of repetitions: it doubles.
    for (size_t Done = 0; Done < Count;) {
      size_t Step = std::min(Distance + Done, Count - Done);
      memcpy(To + Done, From, Step);
      Done += Step;
    }
}

/// Walks through the block, and writes to \p Out if there is one. Stops with a
/// larger size where the block has more than \p Limit bytes.
template <bool Writes>
Expected<uint64_t> walkLzo(ArrayRef<uint8_t> Block, uint8_t *Out,
                           uint64_t Limit) {
  const size_t End = Block.size();
  size_t At = 0;
  uint64_t Made = 0;
  unsigned State = 0;

  /// Behind the instruction byte: what a count of \p Base and a run is.
  auto runFrom = [&](uint64_t Base) -> std::optional<uint64_t> {
    size_t First = At;
    while (At < End && Block[At] == 0)
      ++At;
    if (At == End)
      return std::nullopt;
    uint64_t Zeros = At - First;
    return Base + Zeros * 255 + Block[At++];
  };

  while (true) {
    if (At == End)
      return cutOff();
    const unsigned T = Block[At++];
    uint64_t Literals;
    if (At == 1 && T > 17) {
      Literals = T - 17;
      State = Literals < 4 ? unsigned(Literals) : 4;
    } else if (T < 16 && State == 0) {
      Literals = T + 3;
      if (T == 0) {
        std::optional<uint64_t> Run = runFrom(18);
        if (!Run)
          return cutOff();
        Literals = *Run;
      }
      State = 4;
    } else {
      uint64_t Distance, Count;
      if (T < 16 || T >= 64) {
        if (At == End)
          return cutOff();
        const unsigned High = Block[At++];
        if (T >= 64) {
          Distance = (High << 3) + ((T >> 2) & 7) + 1;
          Count = T < 128 ? ((T >> 5) & 1) + 3 : ((T >> 5) & 3) + 5;
        } else {
          Distance = (High << 2) + (T >> 2) + (State == 4 ? 2049 : 1);
          Count = State == 4 ? 3 : 2;
        }
        State = T & 3;
      } else {
        Count = (T & (T >= 32 ? 31 : 7)) + 2;
        if (Count == 2) {
          std::optional<uint64_t> Run = runFrom(T >= 32 ? 33 : 9);
          if (!Run)
            return cutOff();
          Count = *Run;
        }
        if (End - At < 2)
          return cutOff();
        const unsigned Word = support::endian::read16le(&Block[At]);
        At += 2;
        Distance = (Word >> 2) + 1;
        if (T < 32) {
          Distance += ((T & 8) << 11) + 16383;
          if (Distance == 16384) {
            if (At != End)
              return createStringError(Twine(End - At) +
                                       " bytes follow the end of the block");
            return Made;
          }
        }
        State = Word & 3;
      }
      if (Distance > Made)
        return createStringError("a match reaches " + Twine(Distance - Made) +
                                 " bytes before the start");
      if (Count > Limit - Made)
        return Limit + 1;
      if (Writes)
        copyLzoMatch(Out + Made, Distance, Count);
      Made += Count;
      Literals = State;
    }
    if (Literals == 0)
      continue;
    if (Literals > End - At)
      return cutOff();
    if (Literals > Limit - Made)
      return Limit + 1;
    if (Writes)
      memcpy(Out + Made, &Block[At], Literals);
    At += Literals;
    Made += Literals;
  }
}

} // namespace

Expected<uint64_t> dtlto::lzo1x::decompressedSize(ArrayRef<uint8_t> Block,
                                                  uint64_t Limit) {
  return walkLzo<false>(Block, nullptr, Limit);
}

Error dtlto::lzo1x::decompress(ArrayRef<uint8_t> Block,
                               MutableArrayRef<uint8_t> Out) {
  Expected<uint64_t> Made = walkLzo<true>(Block, Out.data(), Out.size());
  if (!Made)
    return Made.takeError();
  return *Made == Out.size() ? Error::success()
                             : createStringError("the block is not of " +
                                                 Twine(Out.size()) + " bytes");
}
