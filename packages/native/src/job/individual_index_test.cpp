#include "individual_index.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Support/SourceMgr.h"
#include <gtest/gtest.h>

using namespace llvm;
using namespace dtlto;

namespace {

/// Two modules: a.o, with the function 1, which calls 2 (imported from b.o) and
/// refers to the variables 4, resolved in this output, and 5, which is not. The
/// imported body of 2 calls 3, resolved in this output, and 6, which is defined
/// nowhere.
constexpr const char *Combined = R"(
^0 = module: (path: "a.o", hash: (1, 2, 3, 4, 5))
^1 = module: (path: "b.o", hash: (6, 7, 8, 9, 10))
^2 = gv: (guid: 1, summaries: (function: (module: ^0, flags: (linkage: external, visibility: default, notEligibleToImport: 0, live: 1, dsoLocal: 1, canAutoHide: 0, importType: definition), insts: 2, calls: ((callee: ^3)), refs: (^5, ^6))))
^3 = gv: (guid: 2, summaries: (function: (module: ^1, flags: (linkage: external, visibility: default, notEligibleToImport: 0, live: 1, dsoLocal: 1, canAutoHide: 0, importType: definition), insts: 2, calls: ((callee: ^4), (callee: ^7)))))
^4 = gv: (guid: 3, summaries: (function: (module: ^1, flags: (linkage: external, visibility: default, notEligibleToImport: 0, live: 1, dsoLocal: 1, canAutoHide: 0, importType: definition), insts: 90)))
^5 = gv: (guid: 4, summaries: (variable: (module: ^1, flags: (linkage: external, visibility: default, notEligibleToImport: 0, live: 1, dsoLocal: 1, canAutoHide: 0, importType: definition), varFlags: (readonly: 0, writeonly: 0, constant: 0))))
^6 = gv: (guid: 5, summaries: (variable: (module: ^1, flags: (linkage: weak, visibility: default, notEligibleToImport: 0, live: 1, dsoLocal: 0, canAutoHide: 0, importType: definition), varFlags: (readonly: 0, writeonly: 0, constant: 0))))
^7 = gv: (guid: 6)
^8 = gv: (guid: 7, summaries: (function: (module: ^1, flags: (linkage: external, visibility: default, notEligibleToImport: 0, live: 1, dsoLocal: 1, canAutoHide: 0, importType: definition), insts: 5)))
)";

class IndividualIndexTest : public testing::Test {
protected:
  void SetUp() override {
    SMDiagnostic Problem;
    Index = parseSummaryIndexAssemblyString(Combined, Problem);
    ASSERT_TRUE(Index) << Problem.getMessage().str();
    Index->setWithDSOLocalPropagation();
    Index->collectDefinedGVSummariesPerModule(Defined);
  }

  IndividualIndex make(StringRef ModuleId) {
    return makeIndividualIndex(*Index, Defined, Imports, ModuleId);
  }

  std::unique_ptr<ModuleSummaryIndex> read(StringRef Bytes) {
    return cantFail(getModuleSummaryIndex(MemoryBufferRef(Bytes, "index")));
  }

  static const GlobalValueSummary *only(const ModuleSummaryIndex &Index,
                                        GlobalValue::GUID Guid) {
    ValueInfo VI = Index.getValueInfo(Guid);
    if (!VI || VI.getSummaryList().size() != 1)
      return nullptr;
    return VI.getSummaryList()[0].get();
  }

  std::unique_ptr<ModuleSummaryIndex> Index;
  DenseMap<StringRef, GVSummaryMapTy> Defined;
  FunctionImporter::ImportIDTable Ids;
  FunctionImporter::ImportMapTy Imports{Ids};
};

TEST_F(IndividualIndexTest, HoldsOwnAndImportedSummariesAndNoOthers) {
  Imports.addDefinition(Index->modulePaths().find("b.o")->first(), 2);
  IndividualIndex Own = make("a.o");
  EXPECT_EQ(Own.ImportedModules, std::vector<std::string>{"b.o"});
  auto Read = read(Own.Bytes);
  ASSERT_TRUE(only(*Read, 1));
  EXPECT_EQ(only(*Read, 1)->modulePath(), "a.o");
  ASSERT_TRUE(only(*Read, 2));
  EXPECT_EQ(only(*Read, 2)->modulePath(), "b.o");
  EXPECT_FALSE(only(*Read, 7));
}

TEST_F(IndividualIndexTest, ReadsItsOwnIdsAndRenamesThem) {
  Imports.addDefinition(Index->modulePaths().find("b.o")->first(), 2);
  IndividualIndex Own = make("a.o");
  IndividualIndex Again = cantFail(readModuleIds(Own.Bytes));
  ASSERT_EQ(Again.Modules.size(), Own.Modules.size());
  StringMap<std::string> There, Back;
  for (size_t I = 0; I < Own.Modules.size(); ++I) {
    EXPECT_EQ(Again.Modules[I].Id, Own.Modules[I].Id);
    EXPECT_EQ(Again.Modules[I].Hash, Own.Modules[I].Hash);
    There[Own.Modules[I].Id] = "/tmp/a b/" + Own.Modules[I].Id;
    Back["/tmp/a b/" + Own.Modules[I].Id] = Own.Modules[I].Id;
  }
  std::string Renamed = cantFail(renameModules(Again, There));
  IndividualIndex Moved = cantFail(readModuleIds(Renamed));
  EXPECT_EQ(Moved.Modules[0].Id, "/tmp/a b/" + Own.Modules[0].Id);
  // Once with our table, it comes back as it was.
  std::string First = cantFail(renameModules(Moved, Back));
  IndividualIndex Twice = cantFail(readModuleIds(
      cantFail(renameModules(cantFail(readModuleIds(First)), There))));
  EXPECT_EQ(cantFail(renameModules(Twice, Back)), First);
}

TEST_F(IndividualIndexTest, RefusesWhatIsNoIndex) {
  std::string Bytes = make("a.o").Bytes;
  for (StringRef Broken :
       {StringRef(), StringRef("BC\xC0\xDE", 4), StringRef("no bitcode"),
        StringRef(Bytes).take_front(Bytes.size() / 2 / 4 * 4)}) {
    auto Read = readModuleIds(Broken);
    EXPECT_FALSE(bool(Read));
    consumeError(Read.takeError());
  }
}

TEST_F(IndividualIndexTest, StandsInForWhatTheLinkerResolvedInThisOutput) {
  Imports.addDefinition(Index->modulePaths().find("b.o")->first(), 2);
  auto Read = read(make("a.o").Bytes);
  // 3 from imported code, 4 from own code.
  for (GlobalValue::GUID Guid : {3, 4}) {
    const GlobalValueSummary *StandIn = only(*Read, Guid);
    ASSERT_TRUE(StandIn) << Guid;
    EXPECT_TRUE(StandIn->isDSOLocal()) << Guid;
    EXPECT_TRUE(StandIn->isLive()) << Guid;
    EXPECT_TRUE(StandIn->notEligibleToImport()) << Guid;
    EXPECT_TRUE(StandIn->refs().empty()) << Guid;
    // Else the backend would load b.o to import nothing from it.
    EXPECT_EQ(StandIn->modulePath(), "a.o") << Guid;
  }
  // 5 is resolved elsewhere, 6 nowhere.
  for (GlobalValue::GUID Guid : {5, 6})
    EXPECT_FALSE(only(*Read, Guid)) << Guid;
}

TEST_F(IndividualIndexTest, WithoutImportsNamesNoOtherModule) {
  IndividualIndex Own = make("a.o");
  EXPECT_TRUE(Own.ImportedModules.empty());
  auto Read = read(Own.Bytes);
  EXPECT_FALSE(only(*Read, 2) && only(*Read, 2)->modulePath() == "b.o");
  EXPECT_TRUE(only(*Read, 4));
}

TEST_F(IndividualIndexTest, CountsNoModuleOfWhichOnlyDeclarationsAreImported) {
  Imports.maybeAddDeclaration(Index->modulePaths().find("b.o")->first(), 2);
  IndividualIndex Own = make("a.o");
  EXPECT_TRUE(Own.ImportedModules.empty());
  std::vector<std::string> Named;
  for (const IndividualIndex::Module &Module : Own.Modules)
    Named.push_back(Module.Id);
  EXPECT_EQ(Named, (std::vector<std::string>{"a.o", "b.o"}));
}

TEST_F(IndividualIndexTest, DoesNotDependOnTheOrderInWhichTheThinLinkWent) {
  Imports.addDefinition(Index->modulePaths().find("b.o")->first(), 2);
  std::string Bytes = make("a.o").Bytes;
  for (auto &Entry : Defined) {
    // Another order of growth is another order of iteration.
    GVSummaryMapTy Other;
    for (GlobalValue::GUID Guid : {7, 6, 5, 4, 3, 2, 1})
      if (Entry.second.count(Guid))
        Other[Guid] = Entry.second.lookup(Guid);
    Other.reserve(1000);
    Entry.second = std::move(Other);
  }
  EXPECT_EQ(make("a.o").Bytes, Bytes);
}

TEST_F(IndividualIndexTest, RenamesModulesAndNothingElse) {
  Imports.addDefinition(Index->modulePaths().find("b.o")->first(), 2);
  IndividualIndex Own = make("a.o");
  for (StringRef Second :
       {"m1", "a name that is much longer than the old one", "\xc3\xa9"}) {
    StringMap<std::string> Names;
    Names["a.o"] = "M0";
    Names["b.o"] = Second.str();
    std::string Bytes = cantFail(renameModules(Own, Names));
    auto Read = read(Bytes);
    EXPECT_EQ(only(*Read, 1)->modulePath(), "M0");
    EXPECT_EQ(only(*Read, 2)->modulePath(), Second);
    EXPECT_EQ(Read->getModuleHash("M0"), (ModuleHash{1, 2, 3, 4, 5}));
    EXPECT_EQ(Read->getModuleHash(Second), (ModuleHash{6, 7, 8, 9, 10}));
    for (GlobalValue::GUID Guid : {3, 4})
      EXPECT_TRUE(only(*Read, Guid)->isDSOLocal());
  }
}

TEST_F(IndividualIndexTest, LeavesOutTheHashesThatNobodyNeeds) {
  Imports.addDefinition(Index->modulePaths().find("b.o")->first(), 2);
  StringMap<std::string> Names;
  Names["a.o"] = "m0";
  Names["b.o"] = "m1";
  std::string Bytes = cantFail(renameModules(
      make("a.o"), Names, [](StringRef Id) { return Id == "a.o"; }));
  auto Read = read(Bytes);
  EXPECT_EQ(Read->getModuleHash("m0"), (ModuleHash{1, 2, 3, 4, 5}));
  EXPECT_EQ(Read->getModuleHash("m1"), ModuleHash{});
}

TEST_F(IndividualIndexTest, RefusesNamesThatAreMissingOrSortInAnotherWay) {
  Imports.addDefinition(Index->modulePaths().find("b.o")->first(), 2);
  IndividualIndex Own = make("a.o");
  StringMap<std::string> Names;
  Names["a.o"] = "m1";
  EXPECT_NE(toString(renameModules(Own, Names).takeError()), "");
  Names["b.o"] = "m0";
  EXPECT_NE(toString(renameModules(Own, Names).takeError()), "");
  Names["b.o"] = "m1";
  EXPECT_NE(toString(renameModules(Own, Names).takeError()), "");
  Names["b.o"] = "m2";
  EXPECT_EQ(toString(renameModules(Own, Names).takeError()), "");
}

TEST_F(IndividualIndexTest, RefusesDamagedBytes) {
  Imports.addDefinition(Index->modulePaths().find("b.o")->first(), 2);
  IndividualIndex Own = make("a.o");
  StringMap<std::string> Names;
  Names["a.o"] = "m0";
  Names["b.o"] = "m1";
  IndividualIndex Damaged = Own;
  Damaged.Bytes[0] = 'X';
  EXPECT_NE(toString(renameModules(Damaged, Names).takeError()), "");
  for (size_t Size : {0, 4, 8, 12, 16, 20}) {
    Damaged.Bytes = Own.Bytes.substr(0, Size);
    EXPECT_NE(toString(renameModules(Damaged, Names).takeError()), "") << Size;
  }
}

TEST(CanonicalIds, SortAsTheIdsThatTheyStandFor) {
  std::vector<std::string> Ids;
  for (int I = 0; I < 101; ++I)
    Ids.push_back("dir/" + std::to_string((I * 37) % 101) + ".o");
  StringMap<std::string> Names = canonicalIds(Ids);
  ASSERT_EQ(Names.size(), Ids.size());
  llvm::sort(Ids);
  for (size_t I = 1; I < Ids.size(); ++I)
    EXPECT_LT(Names[Ids[I - 1]], Names[Ids[I]]);
  EXPECT_EQ(Names[Ids[0]], "m000");
  EXPECT_EQ(Names[Ids[100]], "m100");
}

} // namespace
