#include "object_walk.h"
#include "llvm/BinaryFormat/COFF.h"
#include "llvm/Support/EndianStream.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>
#include <sys/resource.h>

using namespace llvm;
using namespace dtlto;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool IsSanitized = true; // ends the process where no memory is left
#else
constexpr bool IsSanitized = false;
#endif

TEST(ObjectWalk, DamagedCountOfElementsIsAFault) {
  if (IsSanitized)
    GTEST_SKIP() << "sanitizers have an allocator of their own";
  // Of any machine's memory, too little.
  rlimit Before;
  ASSERT_EQ(getrlimit(RLIMIT_AS, &Before), 0);
  rlimit Little = {rlim_t(4) << 30, Before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_AS, &Little), 0);
  // A section of 0xffffffff signatures, for which LLVM's reader makes room.
  StringRef Object("\0asm\x01\0\0\0\x01\x05\xff\xff\xff\xff\x0f", 15);
  std::string Fault = objectFault(Object, Triple("wasm32-unknown-unknown"));
  setrlimit(RLIMIT_AS, &Before);
  EXPECT_EQ(Fault, "damaged: it needs more memory than there is");
}

TEST(ObjectWalk, TruncatedSectionIsAFault) {
  StringRef Object("\0asm\x01\0\0\0\x01\x05\xff\xff", 12);
  EXPECT_EQ(objectFault(Object, Triple("wasm32-unknown-unknown"))
                .substr(0, sizeof("damaged: ") - 1),
            "damaged: ");
}

/// Weak external symbols, each of which stands for the next one, and the last one
/// for \p Last.
std::string coffAliases(uint32_t Count, uint32_t Last) {
  std::string Bytes;
  raw_string_ostream OS(Bytes);
  support::endian::Writer Write(OS, endianness::little);
  // The header: no sections, and the symbols behind it. Each alias is two records.
  uint32_t Records = 2 * Count + 1;
  Write.write<uint16_t>(COFF::IMAGE_FILE_MACHINE_AMD64);
  Write.write<uint16_t>(0);
  for (uint32_t Word : {0u, uint32_t(COFF::Header16Size), Records, 0u})
    Write.write<uint32_t>(Word);
  for (uint32_t I = 0; I <= Count; ++I) {
    bool IsAlias = I < Count;
    OS << "symbol" << StringRef("\0\0", 2);
    Write.write<uint32_t>(0);
    Write.write<uint32_t>(0); // of no section, of no type
    OS << char(IsAlias ? COFF::IMAGE_SYM_CLASS_WEAK_EXTERNAL
                       : COFF::IMAGE_SYM_CLASS_EXTERNAL)
       << char(IsAlias);
    if (!IsAlias)
      break;
    Write.write<uint32_t>(I + 1 == Count ? Last : 2 * (I + 1));
    Write.write<uint32_t>(COFF::IMAGE_WEAK_EXTERN_SEARCH_ALIAS);
    OS.write_zeros(COFF::Symbol16Size - 8);
  }
  Write.write<uint32_t>(4); // the table of long names, which is its size alone
  return Bytes;
}

TEST(ObjectWalk, LongChainsOfAliasesAreWalkedOnce) {
  // Walked anew for each of them it would take minutes.
  constexpr uint32_t Count = 300000;
  Triple Windows("x86_64-pc-windows-msvc");
  EXPECT_EQ(objectFault(coffAliases(Count, 2 * Count), Windows), "");
  for (uint32_t Last : {uint32_t(0), Count, 2 * (Count - 1)})
    EXPECT_NE(objectFault(coffAliases(Count, Last), Windows)
                  .find("an alias to itself"),
              std::string::npos);
}

} // namespace
