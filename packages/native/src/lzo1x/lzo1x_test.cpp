// Blocks as no content makes them, hostile ones, and many threads. More is tried
// from TypeScript: packages/dtlto/src/distributors/lzo1x.test.ts.
#include "lzo1x.h"
#include "packed_content.h"
#include <algorithm>
#include <atomic>
#include <gtest/gtest.h>
#include <random>
#include <thread>

using namespace llvm;
using namespace dtlto::lzo1x;

namespace {

using Random = std::minstd_rand;
using Plain = std::vector<uint8_t>;

size_t below(Random &R, size_t Limit) { return R() % Limit; }

/// Bytes with repetitions near and far.
Plain someBytes(Random &R, size_t Size) {
  Plain Result;
  while (Result.size() < Size) {
    size_t Count = 1 + below(R, 400);
    if (Result.size() > 50 && below(R, 2) == 0) {
      size_t From = below(R, Result.size());
      for (size_t I = 0; I < Count; ++I)
        Result.push_back(Result[From + I]);
    } else
      for (size_t I = 0; I < Count; ++I)
        Result.push_back(uint8_t(R() >> 8));
  }
  Result.resize(Size);
  return Result;
}

Plain decompressed(ArrayRef<uint8_t> Block) {
  Expected<uint64_t> Size = decompressedSize(Block, 1 << 28);
  if (!Size) {
    ADD_FAILURE() << toString(Size.takeError());
    return {};
  }
  Plain Result(*Size);
  if (Error E = decompress(Block, Result))
    ADD_FAILURE() << toString(std::move(E));
  return Result;
}

TEST(Lzo1x, putsBlocksTogetherOfPiecesLiteralsAndRepetitions) {
  Random R(1);
  Compressor C;
  for (int Round = 0; Round < 400; ++Round) {
    std::vector<Plain> Parts{someBytes(R, 1 + below(R, 5))};
    std::vector<Piece> Pieces(1);
    Plain Expect = Parts[0];
    Plain Room(64);
    std::vector<size_t> Repeats{0};
    for (size_t I = below(R, 8); I > 0; --I) {
      unsigned Kind = unsigned(below(R, 3));
      Parts.push_back(Kind == 2 ? Plain() : someBytes(R, 1 + below(R, 3000)));
      Pieces.push_back(Kind == 0 ? C.compress(Parts.back()) : Piece());
      Repeats.push_back(Kind == 2 ? 3 + below(R, 100'000) : 0);
      Expect.insert(Expect.end(), Parts.back().begin(), Parts.back().end());
      Expect.insert(Expect.end(), Repeats.back(), Expect.back());
    }
    auto Write = [&](Plain &Into) {
      BlockWriter Block(Into);
      for (size_t I = 0; I < Parts.size(); ++I) {
        if (Repeats[I] > 0)
          Block.repeatLast(Repeats[I]);
        else if (Pieces[I].Size > 0)
          Block.add(Pieces[I]);
        else
          Block.literals(Parts[I]);
      }
      return Block.finish();
    };
    Room.resize(worstCase(Expect.size()) + 64);
    std::optional<size_t> Size = Write(Room);
    ASSERT_TRUE(Size);
    ASSERT_EQ(decompressed(ArrayRef(Room).take_front(*Size)), Expect);
    // Without room for it there is no block, and nothing is written outside.
    Plain Short(below(R, *Size));
    ASSERT_FALSE(Write(Short));
  }
}

TEST(Lzo1x, neverBreaksOverHostileBlocks) {
  Random R(2);
  Compressor C;
  for (int Round = 0; Round < 20'000; ++Round) {
    // On the heap, and exactly as large: a sanitizer sees every byte beside it.
    Plain Bad;
    if (Round % 2 == 0) {
      Bad.resize(below(R, 200));
      for (uint8_t &B : Bad)
        B = uint8_t(below(R, 3) == 0 ? below(R, 20) : R() >> 8);
    } else {
      Plain Bytes = someBytes(R, 1 + below(R, 500));
      Piece P = C.compress(Bytes);
      Plain Room(worstCase(Bytes.size()));
      BlockWriter Block(Room);
      Block.add(P);
      Bad.assign(Room.begin(), Room.begin() + *Block.finish());
      Bad[below(R, Bad.size())] ^= uint8_t(1 + below(R, 255));
      Bad.resize(1 + below(R, Bad.size()));
      Bad.shrink_to_fit();
    }
    Expected<uint64_t> Size = decompressedSize(Bad, 1 << 20);
    if (!Size)
      consumeError(Size.takeError());
    else if (*Size <= 1 << 20) {
      Plain Out(*Size);
      EXPECT_FALSE(errorToBool(decompress(Bad, Out)));
    }
    // Whoever changes a block after its size was found is no danger either.
    Plain Wrong(below(R, 300));
    consumeError(decompress(Bad, Wrong));
  }
}

TEST(Lzo1x, packsOneContentOnManyThreadsAtOnce) {
  Random R(3);
  const Plain Content = someBytes(R, 3 * 1024 * 1024);
  PackedContent Kept;
  std::vector<std::vector<uint32_t>> Jobs(16);
  for (auto &Ranges : Jobs)
    for (uint32_t At = 0;;) {
      uint32_t Offset = At + uint32_t(below(R, 40)) * 4096;
      uint32_t Size = 8 + uint32_t(below(R, 40)) * 4096;
      if (Offset + Size > Content.size())
        break;
      Ranges.insert(Ranges.end(), {Offset, Size, At});
      At = (Offset + Size + 4095) / 4096 * 4096;
    }
  std::atomic<size_t> Compressed = 0;
  std::vector<Plain> Blocks(Jobs.size());
  std::vector<std::thread> Threads;
  for (size_t I = 0; I < Jobs.size(); ++I)
    Threads.emplace_back([&, I] {
      Compressor C;
      Plain &Block = Blocks[I];
      Block.resize(worstCase(Content.size()) + Jobs[I].size() * 16);
      const ArrayRef<uint8_t> Bytes = Content;
      if (I == 9)
        Kept.forget();
      auto Packed = Kept.pack({Bytes.take_front(1000), Bytes.drop_front(1000)},
                              Jobs[I], Block, C);
      ASSERT_TRUE(bool(Packed));
      Block.resize(Packed->BlockBytes);
      Compressed += Packed->CompressedBytes;
    });
  for (std::thread &T : Threads)
    T.join();
  EXPECT_GT(Kept.keptBytes(), 0u);
  EXPECT_LE(Kept.keptBytes(), Compressed * 17 / 16);
  for (size_t I = 0; I < Jobs.size(); ++I) {
    Plain Expect = Content;
    for (size_t J = 0; J < Jobs[I].size(); J += 3) {
      uint32_t Offset = Jobs[I][J], Word = Jobs[I][J + 2];
      std::fill_n(Expect.begin() + Offset, Jobs[I][J + 1], 0xff);
      for (int B = 0; B < 4; ++B)
        Expect[Offset + B] = uint8_t(Word >> (8 * B));
    }
    ASSERT_EQ(decompressed(Blocks[I]), Expect);
  }
  Kept.forget();
  EXPECT_EQ(Kept.keptBytes(), 0u);
}

TEST(Lzo1x, refusesRangesThatAreNotOfTheContent) {
  PackedContent Kept;
  Compressor C;
  Plain Bytes(100), Room(400);
  const std::vector<std::vector<uint32_t>> Wrong = {
      {96, 8, 0},  {0, 7, 0},   {20, 20, 0, 30, 20, 0},
      {~0u, 8, 0}, {0, ~0u, 0}, {0, 8}};
  for (const auto &Ranges : Wrong)
    EXPECT_TRUE(errorToBool(Kept.pack({Bytes}, Ranges, Room, C).takeError()));
  EXPECT_EQ(Kept.keptBytes(), 0u);
}

} // namespace
