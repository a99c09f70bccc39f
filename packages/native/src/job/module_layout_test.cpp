#include "llvm_compat.h"
#include "module_bytes.h"
#include "module_layout.h"
#include "llvm/Analysis/ModuleSummaryAnalysis.h"
#include "llvm/Analysis/ProfileSummaryInfo.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>
#if DTLTO_LLVM_23
#include "llvm/Transforms/Utils/AssignGUID.h"
#endif

using namespace llvm;
using namespace dtlto;

namespace {

constexpr const char *Source = R"(
source_filename = "a.c"
@variable = global i32 1
@labels = internal global ptr blockaddress(@jumps, %there)
@also_three = alias i32 (i32), ptr @three
declare i32 @elsewhere(i32)
define i32 @one(i32 %x) {
  %y = call i32 @two(i32 %x)
  ret i32 %y
}
define internal i32 @two(i32 %x) {
  %y = mul i32 %x, %x
  %z = call i32 @elsewhere(i32 %y)
  ret i32 %z
}
define i32 @three(i32 %x) {
  %y = add i32 %x, 3
  ret i32 %y
}
define i32 @jumps(i32 %x) {
  br label %there
there:
  ret i32 %x
}
define i32 @five(i32 %x) {
  %y = add i32 %x, 5
  ret i32 %y
}
)";

class ModuleLayoutTest : public testing::Test {
protected:
  void SetUp() override {
    SMDiagnostic Problem;
    LLVMContext Context;
    auto M = parseAssemblyString(Source, Problem, Context);
    ASSERT_TRUE(M) << Problem.getMessage().str();
#if DTLTO_LLVM_23
    // Summaries know functions by numbers that a pass has given them.
    AssignGUIDPass::runOnModule(*M);
#endif
    raw_svector_ostream OS(File);
    ProfileSummaryInfo Profile(*M);
    ModuleSummaryIndex Index = buildModuleSummaryIndex(*M, nullptr, &Profile);
    WriteBitcodeToFile(*M, OS, /*ShouldPreserveUseListOrder=*/false, &Index);
    Modules = cantFail(getBitcodeModuleList(
        MemoryBufferRef(StringRef(File.data(), File.size()), "a.o")));
    ASSERT_EQ(Modules.size(), 1u);
    ModuleBytes Bytes(Modules[0]);
    for (StringRef Part : Bytes.parts())
      Standalone += Part;
  }

  static GlobalValue::GUID guid(StringRef Name) {
    return GlobalValue::getGUIDAssumingExternalLinkage(Name);
  }

  /// The standalone file without what a backend that imports \p Names leaves.
  std::string without(ArrayRef<StringRef> Names) {
    DenseSet<GlobalValue::GUID> Guids;
    for (StringRef Name : Names)
      Guids.insert(guid(Name));
    std::string Result = Standalone;
    for (const UnreadRange &R : ModuleLayout::of(Modules[0]).unread(Guids)) {
      EXPECT_LE(size_t(R.Offset) + R.Size, Result.size());
      support::endian::write32le(&Result[R.Offset], R.Word);
      std::fill_n(&Result[R.Offset + 4], R.Size - 4, char(0xff));
    }
    return Result;
  }

  /// The text of a function of \p Bytes, loaded as for importing; empty if it
  /// cannot be.
  static std::string load(StringRef Bytes, StringRef Name) {
    LLVMContext Context;
    auto M = getLazyBitcodeModule(MemoryBufferRef(Bytes, "a.o"), Context,
                                  /*ShouldLazyLoadMetadata=*/true,
                                  /*IsImporting=*/true);
    if (!M) {
      consumeError(M.takeError());
      return {};
    }
    Function *F = (*M)->getFunction(Name);
    if (!F || errorToBool((*M)->materializeMetadata()) ||
        errorToBool(F->materialize()))
      return {};
    std::string Text;
    raw_string_ostream OS(Text);
    F->print(OS);
    return Text;
  }

  SmallString<0> File;
  std::vector<BitcodeModule> Modules;
  std::string Standalone;
};

TEST_F(ModuleLayoutTest, KeepsWhatIsImported) {
  for (StringRef Name : {"one", "three", "five"}) {
    std::string Slim = without({Name});
    ASSERT_EQ(Slim.size(), Standalone.size());
    EXPECT_NE(Slim, Standalone);
    EXPECT_EQ(load(Slim, Name), load(Standalone, Name));
    EXPECT_NE(load(Slim, Name), "");
  }
}

TEST_F(ModuleLayoutTest, LocalFunctionsAreKnownByTheirFile) {
  std::string Slim = without({"a.c;two"});
  EXPECT_EQ(load(Slim, "two"), load(Standalone, "two"));
  EXPECT_EQ(load(Slim, "one"), "");
}

TEST_F(ModuleLayoutTest, AnAliasNeedsItsFunction) {
  std::string Slim = without({"also_three"});
  EXPECT_EQ(load(Slim, "three"), load(Standalone, "three"));
  EXPECT_EQ(load(Slim, "five"), "");
}

TEST_F(ModuleLayoutTest, AVariableNeedsNoBody) {
  std::string Slim = without({"variable"});
  for (StringRef Name : {"one", "two", "three", "five"})
    EXPECT_EQ(load(Slim, Name), "") << Name.str();
}

TEST_F(ModuleLayoutTest, KeepsBodiesWithLabelsInVariables) {
  std::string Slim = without({"one"});
  EXPECT_EQ(load(Slim, "jumps"), load(Standalone, "jumps"));
}

TEST_F(ModuleLayoutTest, LeavesTheKindOfTheModule) {
  auto InfoOf = [](StringRef Bytes) {
    auto List = cantFail(getBitcodeModuleList(MemoryBufferRef(Bytes, "a.o")));
    return cantFail(List[0].getLTOInfo());
  };
  EXPECT_EQ(InfoOf(without({"one"})).HasSummary, InfoOf(Standalone).HasSummary);
}

TEST_F(ModuleLayoutTest, ReadsAllOfAModuleWithoutTheSymbol) {
  DenseSet<GlobalValue::GUID> Guids = {guid("nowhere")};
  EXPECT_TRUE(ModuleLayout::of(Modules[0]).unread(Guids).empty());
}

/// Damaged modules have some layout or none; nothing is read outside of them.
TEST_F(ModuleLayoutTest, BelievesNothing) {
  DenseSet<GlobalValue::GUID> Guids = {guid("one")};
  for (size_t I = 0; I < File.size() * 8; I += 3) {
    File[I / 8] ^= char(1 << (I % 8));
    auto List = getBitcodeModuleList(
        MemoryBufferRef(StringRef(File.data(), File.size()), "a.o"));
    if (List) {
      for (const BitcodeModule &M : *List)
        for (const UnreadRange &R : ModuleLayout::of(M).unread(Guids))
          EXPECT_LE(size_t(R.Offset) + R.Size, M.getBuffer().size() + 4);
    } else {
      consumeError(List.takeError());
    }
    File[I / 8] ^= char(1 << (I % 8));
  }
}

} // namespace
