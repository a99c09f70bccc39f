#include "cut_module_test.h"

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

class ModuleLayoutTest : public CutModuleTest {
protected:
  void SetUp() override { assemble(Source); }

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
  EXPECT_TRUE(ModuleLayout::of(Modules[0]).unread(guids({"nowhere"})).empty());
}

TEST_F(ModuleLayoutTest, BelievesNothing) { expectNothingIsBelieved({"one"}); }

} // namespace
