#include "changed_fields.h"
#include "clang_job.h"
#include "field_options.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/CodeGen/CommandFlags.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/MCTargetOptionsCommandFlags.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/SourceMgr.h"
#include <gtest/gtest.h>

using namespace llvm;
using namespace dtlto;

namespace {

constexpr const char *Linux = "x86_64-unknown-linux-gnu";

/// As an lld without options makes it.
void setUp(lto::Config &Conf) {
  Conf.Options.NoTrappingFPMath = false;
  Conf.Options.UseInitArray = true;
  Conf.RelocModel = Reloc::PIC_;
}

ClangArguments argumentsFor(const lto::Config &Conf, const char *Target = Linux,
                            LinkFlavour Flavour = LinkFlavour::ELF,
                            ArrayRef<std::string> Replayed = {}) {
  return clangArguments(Conf, Flavour, Triple(Target), Replayed);
}

bool has(const ClangArguments &Arguments, StringRef First,
         StringRef Second = "") {
  for (size_t I = 0; I < Arguments.Args.size(); ++I)
    if (Arguments.Args[I] == First &&
        (Second.empty() ||
         (I + 1 < Arguments.Args.size() && Arguments.Args[I + 1] == Second)))
      return true;
  return false;
}

TEST(ClangJob, ExpressesALinkWithoutOptions) {
  lto::Config Conf;
  setUp(Conf);
  ClangArguments Arguments = argumentsFor(Conf);
  EXPECT_EQ(Arguments.Reason, "");
  for (const char *Arg : {"--no-default-config", "-O2", "-fPIC"})
    EXPECT_TRUE(has(Arguments, Arg)) << Arg;
  EXPECT_TRUE(Arguments.Files.empty());
}

TEST(ClangJob, CannotForbidLibraryFunctions) {
  lto::Config Conf;
  setUp(Conf);
  ClangArguments Arguments =
      clangArguments(Conf, LinkFlavour::ELF, Triple(Linux), {}, {"strlen"});
  EXPECT_NE(Arguments.Reason.find("'strlen' must not be called"),
            std::string::npos)
      << Arguments.Reason;
}

TEST(ClangJob, DropsNoFieldSilently) {
  // What a backend does not read (clang_job.cpp has the reasons), and what it
  // reads with another field's consent only. The code model is an argument of
  // each module: below.
  const StringRef WithoutInfluence[] = {"AllVtablesHaveTypeInfos",
                                        "DisableVerify",
                                        "HasWholeProgramVisibility",
                                        "TimeTraceEnabled",
                                        "TimeTraceGranularity",
                                        "ValidateAllVtablesHaveTypeInfos",
                                        "VisibilityScheme",
                                        "PGOWarnMismatch",
                                        "CodeModel",
                                        "Target.HasBBSectionsFuncList"};
  lto::Config Plain;
  setUp(Plain);
  std::vector<std::string> Args = argumentsFor(Plain).Args;
  lto::Config Any;
  for (const std::string &Key : changeFields(Any)) {
    lto::Config Conf;
    setUp(Conf);
    changeFields(Conf, Key);
    ClangArguments Arguments = argumentsFor(Conf);
    bool IsExpressed = Arguments.canBeExpressed() && Arguments.Args != Args;
    bool IsRefused = !Arguments.canBeExpressed();
    EXPECT_TRUE(IsExpressed || IsRefused || is_contained(WithoutInfluence, Key))
        << Key;
  }
}

TEST(ClangJob, NamesTheOptionOrSaysThatThereIsNone) {
  lto::Config Any;
  for (const std::string &Key : changeFields(Any))
    for (LinkFlavour Flavour : {LinkFlavour::ELF, LinkFlavour::COFF}) {
      lto::Config Conf;
      setUp(Conf);
      changeFields(Conf, Key);
      ClangArguments Arguments = argumentsFor(Conf, Linux, Flavour);
      StringRef Reason = Arguments.Reason;
      if (!Reason.consume_front("clang has no argument for ") ||
          Reason.starts_with("the relocation model "))
        continue; // words of their own
      EXPECT_TRUE(Reason.contains(" (" + Key + "=")) << Reason.str();
      bool IsCoff = Flavour == LinkFlavour::COFF;
      EXPECT_TRUE(Reason.starts_with(IsCoff ? "'/" : "'-") ||
                  Reason.starts_with("a setting of the linker's"))
          << Reason.str();
    }
}

TEST(ClangJob, KnowsFieldsAndOptionsThatThereAre) {
  static codegen::RegisterCodeGenFlags Flags;
  static mc::RegisterMCTargetOptionsFlags AssemblerFlags;
  lto::Config Any;
  std::vector<std::string> Fields = changeFields(Any);
  StringSet<> Seen;
  for (const FieldOption &Option : fieldOptions()) {
    EXPECT_TRUE(is_contained(Fields, Option.Field)) << Option.Field.str();
    EXPECT_TRUE(Seen.insert(Option.Field).second) << Option.Field.str();
    EXPECT_TRUE(Option.Llvm.empty() ||
                cl::getRegisteredOptions().contains(Option.Llvm))
        << Option.Llvm.str();
  }
}

TEST(ClangJob, SpellsWhatHasAnArgument) {
  lto::Config Conf;
  setUp(Conf);
  Conf.OptLevel = 3;
  Conf.CGOptLevel = CodeGenOptLevel::Aggressive;
  Conf.RelocModel = Reloc::Static;
  Conf.CPU = "haswell";
  Conf.MAttrs = {"+avx2", "-bmi"};
  Conf.MllvmArgs = {"-inline-threshold=5"};
  Conf.Options.FunctionSections = true;
  Conf.PTO.SLPVectorization = false;
  ClangArguments Arguments = argumentsFor(Conf);
  EXPECT_EQ(Arguments.Reason, "");
  for (const char *Arg : {"-O3", "-fno-pic", "-march=haswell",
                          "-ffunction-sections", "-fno-slp-vectorize"})
    EXPECT_TRUE(has(Arguments, Arg)) << Arg;
  EXPECT_TRUE(has(Arguments, "-target-feature", "-Xclang"));
  EXPECT_TRUE(has(Arguments, "-Xclang", "+avx2"));
  EXPECT_TRUE(has(Arguments, "-Xclang", "-bmi"));
  EXPECT_TRUE(has(Arguments, "-mllvm", "-inline-threshold=5"));
}

TEST(ClangJob, NamesTheFilesThatArgumentsRead) {
  lto::Config Conf;
  setUp(Conf);
  Conf.SampleProfile = "dir/p=1.prof";
  ClangArguments Arguments = argumentsFor(Conf);
  ASSERT_EQ(Arguments.Reason, "");
  ASSERT_EQ(Arguments.Files.size(), 1u);
  const ClangArguments::File &File = Arguments.Files[0];
  EXPECT_EQ(File.Field, "SampleProfile");
  EXPECT_EQ(File.Path, Conf.SampleProfile);
  EXPECT_EQ(Arguments.Args[File.ArgIndex],
            "-fprofile-sample-use=" + Conf.SampleProfile);
}

TEST(ClangJob, GivesTheReasonWhyClangCannot) {
  struct Case {
    void (*Change)(lto::Config &);
    const char *Reason;
  } Cases[] = {
      {[](lto::Config &C) { C.OptLevel = 1; }, "optimization level 1"},
      {[](lto::Config &C) { C.CGOptLevel = CodeGenOptLevel::Less; },
       "code generation level 1"},
      {[](lto::Config &C) { C.DwoDir = "d"; }, "DwoDir"},
      {[](lto::Config &C) { C.RemarksFilename = "r"; }, "RemarksFilename"},
      {[](lto::Config &C) { C.OptPipeline = "p"; }, "OptPipeline"},
      {[](lto::Config &C) { C.MllvmArgs = {"-pass-remarks=x"}; },
       "-pass-remarks=x"},
      {[](lto::Config &C) { C.MllvmArgs = {"--crel"}; }, "--crel"},
      {[](lto::Config &C) { C.Options.BBSections = BasicBlockSection::Preset; },
       "preset"},
  };
  for (const Case &Case : Cases) {
    lto::Config Conf;
    setUp(Conf);
    Case.Change(Conf);
    ClangArguments Arguments = argumentsFor(Conf);
    EXPECT_NE(Arguments.Reason.find(Case.Reason), std::string::npos)
        << Arguments.Reason;
  }
}

TEST(ClangJob, KeepsItsOwnCommandLineOutOfCodeView) {
  lto::Config Conf;
  setUp(Conf);
  auto Mentions = [](const ClangArguments &Arguments) {
    return is_contained(Arguments.Args, "-gno-codeview-command-line");
  };
  EXPECT_FALSE(Mentions(argumentsFor(Conf)));
  EXPECT_TRUE(Mentions(
      argumentsFor(Conf, "x86_64-pc-windows-msvc", LinkFlavour::COFF)));
}

TEST(ClangJob, PassesReplayedOptionsOn) {
  lto::Config Conf;
  setUp(Conf);
  ClangArguments Arguments =
      argumentsFor(Conf, Linux, LinkFlavour::ELF, {"-x=1", "-mcpu=haswell"});
  EXPECT_TRUE(has(Arguments, "-mllvm", "-x=1"));
  // lld's own; the Config has its value.
  EXPECT_FALSE(has(Arguments, "-mcpu=haswell"));
}

/// A module of bitcode.
class Bitcode {
public:
  explicit Bitcode(const Twine &Assembly) {
    LLVMContext Context;
    SMDiagnostic Problem;
    auto Module = parseAssemblyString(Assembly.str(), Problem, Context);
    EXPECT_TRUE(Module) << Problem.getMessage().str();
    raw_svector_ostream OS(Bytes);
    WriteBitcodeToFile(*Module, OS);
  }
  BitcodeModule module() const {
    return cantFail(getBitcodeModuleList(
        MemoryBufferRef(StringRef(Bytes.data(), Bytes.size()), "m.o")))[0];
  }

private:
  SmallVector<char, 0> Bytes;
};

Bitcode moduleFor(StringRef Target, StringRef More = "") {
  return Bitcode("target triple = \"" + Target + "\"\n" + More);
}

ClangModuleArguments argumentsOf(const Bitcode &Own, const lto::Config &Conf,
                                 LinkFlavour Flavour = LinkFlavour::ELF) {
  return clangModuleArguments(Conf, Flavour, Own.module(),
                              ClangModuleFacts::of(Own.module()), {});
}

TEST(ClangModule, IsOfferedForTargetsThatHaveBeenComparedOnly) {
  lto::Config Conf;
  setUp(Conf);
  for (const char *Target : {Linux, "aarch64-unknown-linux-gnu"}) {
    ClangModuleArguments Arguments = argumentsOf(moduleFor(Target), Conf);
    EXPECT_EQ(Arguments.Reason, "") << Target;
    EXPECT_EQ(Arguments.Args,
              std::vector<std::string>{"--target=" + std::string(Target)});
  }
  for (const char *Target :
       {"riscv64-unknown-linux-gnu", "x86_64-unknown-freebsd",
        "aarch64-unknown-linux-android", "i686-unknown-linux-gnu",
        "x86_64-unknown-linux-gnux32", "x86_64-linux-gnu"})
    EXPECT_NE(argumentsOf(moduleFor(Target), Conf).Reason, "") << Target;
}

TEST(ClangModule, GivesClangsFrontendATripleThatItsDriverWouldRewrite) {
  lto::Config Conf;
  setUp(Conf);
  ClangModuleArguments Arguments = argumentsOf(
      moduleFor("x86_64-apple-macosx10.15.0"), Conf, LinkFlavour::MachO);
  EXPECT_EQ(Arguments.Reason, "");
  EXPECT_EQ(Arguments.Args,
            (std::vector<std::string>{"--target=x86_64-apple-macosx12.0.0",
                                      "-Xclang", "-triple", "-Xclang",
                                      "x86_64-apple-macosx10.15.0"}));
}

TEST(ClangModule, TakesFromTheModuleWhatTheLinkLeavesOpen) {
  lto::Config Open, Said;
  setUp(Said);
  Said.CodeModel = CodeModel::Tiny;
  Open.RelocModel.reset();
  Bitcode Own = moduleFor(Linux, "!llvm.module.flags = !{!0, !1}\n"
                                 "!0 = !{i32 8, !\"PIC Level\", i32 2}\n"
                                 "!1 = !{i32 1, !\"Code Model\", i32 4}\n");
  auto Has = [](const ClangModuleArguments &Arguments, StringRef Arg) {
    return is_contained(Arguments.Args, Arg);
  };
  ClangModuleArguments FromModule = argumentsOf(Own, Open);
  EXPECT_TRUE(Has(FromModule, "-fPIC"));
  EXPECT_TRUE(Has(FromModule, "-mcmodel=large"));
  EXPECT_TRUE(Has(argumentsOf(moduleFor(Linux), Open), "-fno-pic"));
  ClangModuleArguments FromLink = argumentsOf(Own, Said);
  EXPECT_FALSE(Has(FromLink, "-fPIC"));
  EXPECT_TRUE(Has(FromLink, "-mcmodel=tiny"));
  // The usual link says one and leaves the other open.
  lto::Config Usual;
  setUp(Usual);
  Usual.RelocModel = Reloc::PIC_;
  Usual.CodeModel.reset();
  EXPECT_TRUE(Has(argumentsOf(Own, Usual), "-mcmodel=large"));
  Bitcode Threshold =
      moduleFor(Linux, "!llvm.module.flags = !{!0}\n"
                       "!0 = !{i32 1, !\"Large Data Threshold\", i64 7}\n");
  EXPECT_TRUE(Has(argumentsOf(Threshold, Said), "-mlarge-data-threshold=7"));
}

TEST(ClangModule, KnowsWithoutLoadingMetadataWhetherItNamesAModel) {
  auto NamesModel = [](StringRef More) {
    return ClangModuleFacts::of(moduleFor(Linux, More).module()).NamesModel;
  };
  EXPECT_FALSE(NamesModel(""));
  EXPECT_FALSE(NamesModel("!llvm.module.flags = !{!0}\n"
                          "!0 = !{i32 8, !\"PIC Level\", i32 2}\n"));
  EXPECT_TRUE(NamesModel("!llvm.module.flags = !{!0}\n"
                         "!0 = !{i32 1, !\"Code Model\", i32 4}\n"));
}

TEST(ClangModule, IsNotOfferedWhenAssemblyReadsAFile) {
  lto::Config Conf;
  setUp(Conf);
  EXPECT_EQ(argumentsOf(moduleFor(Linux, "module asm \".text\""), Conf).Reason,
            "");
  Bitcode Reads = moduleFor(Linux, "module asm \".incbin \\22/f\\22\"");
  EXPECT_EQ(argumentsOf(Reads, Conf).Reason,
            "assembly of this module reads a file (.incbin)");
}

TEST(ClangModule, IsNotOfferedWhenACallWouldBeReported) {
  lto::Config Conf;
  setUp(Conf);
  Bitcode Plain = moduleFor(Linux, "declare void @f()");
  ASSERT_EQ(argumentsOf(Plain, Conf).Reason, "");
  for (StringRef Name : {"dontcall-error", "dontcall-warn"}) {
    Bitcode Calls = moduleFor(
        Linux, ("declare void @f() \"" + Name + "\"=\"do not\"").str());
    EXPECT_NE(argumentsOf(Calls, Conf).Reason, "") << Name.str();
    // What is imported is compiled, too.
    ClangModuleFacts Facts = ClangModuleFacts::of(Calls.module());
    EXPECT_NE(clangModuleArguments(Conf, LinkFlavour::ELF, Plain.module(),
                                   ClangModuleFacts::of(Plain.module()), &Facts)
                  .Reason,
              "")
        << Name.str();
  }
}

} // namespace
