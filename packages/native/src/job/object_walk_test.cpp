#include "object_walk.h"
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

} // namespace
