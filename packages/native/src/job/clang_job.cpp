// `clang -c -x ir MODULE -fthinlto-index=INDEX` runs the same backend as the
// linker, from a Config that it fills from its own command line. So a stock
// clang can do a job if, and only if, its Config can be made equal to the
// link's in everything that an object depends on.
//
// The comparison is over all fields of the options' text. First come the fields
// that arguments spell out whatever their value. Then the rest must equal a
// baseline: the Config of an lld without options, for which clang's own
// defaults were found to give identical objects. A field that differs from the
// baseline needs a spelling known to be exact; without one the answer is no,
// and the job goes to a worker that takes the options as they are. Fields that
// only the thin link acts on are not compared.
//
// Spellings are those of cc1 (-Xclang) where the driver's mean more than the
// field: the driver's -fprofile-sample-use= also changes debug info, its
// -fprofile-use= also turns on passes.
//
// Known to be inexpressible: optimization levels 0 and 1 (clang then runs
// another pipeline), code generation levels other than the one that -O implies,
// .dwo directories, remarks, custom pipelines. What differs from module to
// module is in clang_module.cpp: the target, models that the linker leaves open.

#include "clang_job.h"
#include "config_codec.h"
#include "field_options.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace llvm;
using dtlto::LinkFlavour;

namespace {

/// The Config of an lld that was given no options, of any flavour, but for the
/// fields that are always spelled out.
void setBaseline(lto::Config &Base) {
  // lld's flags for code generation set these on every target.
  Base.Options.NoTrappingFPMath = false;
  Base.Options.UseInitArray = true;
}

/// Fields without influence on the object of one backend.
constexpr StringLiteral LinkFields[] = {
    "AllVtablesHaveTypeInfos",   "DisableVerify",
    "HasWholeProgramVisibility", "TimeTraceEnabled",
    "TimeTraceGranularity",      "ValidateAllVtablesHaveTypeInfos",
    "VisibilityScheme"};

/// LLVM options that lld registers and clang does not; their values are fields.
constexpr StringLiteral LldOptions[] = {"mcpu",
                                        "mattr",
                                        "relocation-model",
                                        "code-model",
                                        "function-sections",
                                        "data-sections"};

/// Flags of llvm/CodeGen/CommandFlags.h, which lld registers and clang does not
/// know; they say what fields of the Config say, but not all fields have an
/// argument.
constexpr StringLiteral CodeGenFlags[] = {
    "march",
    "thread-model",
    "large-data-threshold",
    "exception-model",
    "filetype",
    "frame-pointer",
    "no-infs-fp-math",
    "enable-no-infs-fp-math",
    "enable-no-nans-fp-math",
    "enable-no-signed-zeros-fp-math",
    "enable-no-trapping-fp-math",
    "denormal-fp-math",
    "denormal-fp-math-f32",
    "enable-sign-dependent-rounding-fp-math",
    "float-abi",
    "fp-contract",
    "nozero-initialized-in-bss",
    "disable-tail-calls",
    "stackrealign",
    "tailcallopt",
    "stack-symbol-ordering",
    "use-ctors",
    "relax-elf-relocations",
    "ignore-xcoff-visibility",
    "xcoff-traceback-table",
    "basic-block-sections",
    "basic-block-address-map",
    "tls-size",
    "emulated-tls",
    "enable-tlsdesc",
    "unique-section-names",
    "unique-basic-block-section-names",
    "separate-named-sections",
    "meabi",
    "debugger-tune",
    "vector-library",
    "stack-size-section",
    "stack-usage-file",
    "addrsig",
    "call-graph-section",
    "emit-call-site-info",
    "debug-entry-values",
    "split-machine-functions",
    "partition-static-data-sections",
    "force-dwarf-frame-section",
    "xray-function-index",
    "strict-dwarf",
    "align-loops",
    "enable-jmc-instrument",
    "no-integrated-as",
    "trap-func",
    "vec-extabi",
    "xcoff-roptr",
    "disable-strictnode-mutation",
    "default-gcov-version",
    "swift-async-fp",
    "trap-unreachable",
    "mxcoff-roptr",
    "no-deprecated-warn",
    "no-type-check",
    "no-warn",
    "fatal-warnings",
    "dwarf-version",
    "dwarf64",
    "emit-dwarf-unwind",
    "emit-compact-unwind-non-canonical",
    "crel",
    "implicit-mapsyms",
    "x86-relax-relocations",
    "x86-sse2avx",
    "reloc-section-sym",
    "large-eh-encoding",
    "target-abi",
    "as-secure-log-file",
    "mc-relax-all",
    "incremental-linker-compatible",
    "asm-show-inst",
    "save-temp-labels",
    "fdpic"};

class Translation {
public:
  Translation(const lto::Config &Conf, LinkFlavour Flavour,
              const Triple &Target)
      : Conf(Conf), Flavour(Flavour), Target(Target) {}

  dtlto::ClangArguments run(ArrayRef<std::string> ReplayedArgs,
                            ArrayRef<StringRef> BitcodeLibFuncs) {
    if (!BitcodeLibFuncs.empty())
      cannot("clang cannot be told that '" + BitcodeLibFuncs.front() +
             "' must not be called: it is a library function in an archive of "
             "bitcode, and nothing of this link has pulled it in");
    if (!Conf.OverrideTriple.empty() || !Conf.DefaultTriple.empty())
      cannot("the linker overrides the modules' target");
    spelled({"OverrideTriple", "DefaultTriple"});
    // A configuration file of the worker's user is no part of the job.
    add({"--no-default-config", "-Wno-override-module"});
    spellLevels();
    spellRelocationModel();
    spellFlags();
    spellCpu();
    spellProfiles();
    spellBasicBlockSections();
    spellLlvmOptions(Conf.MllvmArgs);
    spellLlvmOptions(ReplayedArgs);
    compareTheRest();
    return std::move(Result);
  }

private:
  void add(std::initializer_list<std::string> Args) {
    append_range(Result.Args, Args);
  }
  void addCc1(const std::string &Arg) { add({"-Xclang", Arg}); }
  void addFile(StringRef Prefix, StringRef Field, StringRef Path) {
    Result.Args.push_back((Prefix + Path).str());
    Result.Files.push_back({Result.Args.size() - 1, Field.str(), Path.str()});
  }
  void cannot(const Twine &Why) {
    if (Result.Reason.empty())
      Result.Reason = Why.str();
  }
  void spelled(std::initializer_list<StringRef> Keys) {
    for (StringRef Key : Keys)
      Spelled.insert(Key);
  }

  void spellLevels() {
    unsigned CodeGenLevel = unsigned(Conf.CGOptLevel);
    if (Conf.OptLevel < 2 || CodeGenLevel != Conf.OptLevel)
      cannot(
          "optimization level " + Twine(Conf.OptLevel) +
          " with code generation level " + Twine(CodeGenLevel) +
          " (--lto-O, --lto-CGO): clang's levels go together and start at 2");
    add({"-O" + std::to_string(Conf.OptLevel)});
    spelled({"OptLevel", "CGOptLevel"});
  }

  /// What the linker leaves open is each module's own: clang_module.cpp.
  void spellRelocationModel() {
    spelled({"RelocModel", "CodeModel"});
    bool Choice = Flavour == LinkFlavour::ELF || Flavour == LinkFlavour::Wasm;
    if (Choice && Conf.RelocModel == Reloc::Static)
      add({"-fno-pic"});
    else if (Choice && Conf.RelocModel == Reloc::PIC_)
      add({"-fPIC"});
    else if (Flavour == LinkFlavour::ELF && !Conf.RelocModel)
      return;
    else if (Conf.RelocModel != Reloc::PIC_)
      cannot("clang has no argument for the relocation model '" +
             dtlto::optionFields(Conf)["RelocModel"] + "' of this link");
  }

  void spellFlags() {
    auto Flag = [&](StringRef Key, bool Value, StringRef Name) {
      add({((Value ? "-f" : "-fno-") + Name).str()});
      spelled({Key});
    };
    const TargetOptions &Options = Conf.Options;
    Flag("Target.FunctionSections", Options.FunctionSections,
         "function-sections");
    Flag("Target.DataSections", Options.DataSections, "data-sections");
    Flag("Target.EmitAddrsig", Options.EmitAddrsig, "addrsig");
    Flag("Pipeline.SLPVectorization", Conf.PTO.SLPVectorization,
         "slp-vectorize");
    Flag("Pipeline.LoopVectorization", Conf.PTO.LoopVectorization, "vectorize");
    if (Target.isOSBinFormatCOFF()) {
      // Else the object says when it was made: the driver's default for MSVC,
      // and from LLVM 23 for MinGW.
      add({"-mno-incremental-linker-compatible"});
      // Else its own command line becomes part of the debug info. The driver
      // passes this on only when it compiles from sources.
      addCc1("-gno-codeview-command-line");
    }
  }

  void spellCpu() {
    if (!Conf.CPU.empty())
      add({(Target.isX86() ? "-march=" : "-mcpu=") + Conf.CPU});
    for (const std::string &Feature : Conf.MAttrs) {
      addCc1("-target-feature");
      addCc1(Feature);
    }
    spelled({"CPU", "MAttrs"});
  }

  void spellProfiles() {
    if (!Conf.SampleProfile.empty()) {
      add({"-Xclang"});
      addFile("-fprofile-sample-use=", "SampleProfile", Conf.SampleProfile);
    }
    if (Conf.RunCSIRInstr) {
      addCc1("-fprofile-instrument=csllvm");
      addCc1("-fprofile-instrument-path=" + Conf.CSIRProfile);
    } else if (!Conf.CSIRProfile.empty()) {
      addCc1("-fprofile-instrument-use=csllvm");
      add({"-Xclang"});
      addFile("-fprofile-instrument-use-path=", "CSIRProfile",
              Conf.CSIRProfile);
    }
    spelled({"SampleProfile", "CSIRProfile", "RunCSIRInstr"});
    // Asked only when a profile is used.
    if (Conf.CSIRProfile.empty())
      spelled({"PGOWarnMismatch"});
  }

  void spellBasicBlockSections() {
    spelled({"Target.BBSections", "Target.HasBBSectionsFuncList",
             "Target.UniqueBasicBlockSectionNames"});
    if (Conf.Options.UniqueBasicBlockSectionNames)
      add({"-funique-basic-block-section-names"});
    switch (Conf.Options.BBSections) {
    case BasicBlockSection::None:
      return;
    case BasicBlockSection::All:
      return add({"-fbasic-block-sections=all"});
    case BasicBlockSection::List:
      // The Config holds the contents and no path.
      return addFile("-fbasic-block-sections=list=", "BBSectionsFuncList",
                     "bb-sections-list");
    case BasicBlockSection::Preset:
      return cannot("basic block sections by preset");
    }
  }

  void spellLlvmOptions(ArrayRef<std::string> Args) {
    for (const std::string &Arg : Args) {
      StringRef Name = StringRef(Arg).ltrim('-').split('=').first;
      if (Name.starts_with("pass-remarks"))
        cannot("clang words remarks in its own way (" + Twine(Arg) + ")");
      if (is_contained(CodeGenFlags, Name))
        cannot("the option '" + Twine(Arg) +
               "' is one that clang does not know");
      if (!is_contained(LldOptions, Name))
        add({"-mllvm", Arg});
    }
    spelled({"MllvmArgs"});
  }

  void compareTheRest() {
    lto::Config Base;
    setBaseline(Base);
    std::map<std::string, std::string> Expected = dtlto::optionFields(Base);
    for (const auto &[Key, Value] : dtlto::optionFields(Conf)) {
      if (Spelled.contains(Key) || is_contained(LinkFields, Key) ||
          Value == Expected[Key])
        continue;
      // The Mach-O flavour always adds ObjCARCContract; clang's own pipeline
      // for code generation has it whenever a module holds such calls.
      if (Key == "PreCodeGenPasses" && Flavour == LinkFlavour::MachO)
        continue;
      cannot("clang has no argument for " + dtlto::whatSetsField(Key, Flavour) +
             " (" + Key + "=" + Value + ")");
    }
  }

  const lto::Config &Conf;
  LinkFlavour Flavour;
  const Triple &Target;
  dtlto::ClangArguments Result;
  StringSet<> Spelled;
};

} // namespace

dtlto::ClangArguments
dtlto::clangArguments(const lto::Config &Conf, LinkFlavour Flavour,
                      const Triple &Target, ArrayRef<std::string> ReplayedArgs,
                      ArrayRef<StringRef> BitcodeLibFuncs) {
  return Translation(Conf, Flavour, Target).run(ReplayedArgs, BitcodeLibFuncs);
}
