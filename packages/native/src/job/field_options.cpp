// What a user writes to set a field of lto::Config. lld's options are those that
// lld/ELF/LTO.cpp and its siblings read; LLVM's are those of
// llvm/lib/CodeGen/CommandFlags.cpp and of MCTargetOptionsCommandFlags.cpp, from
// which every lld fills TargetOptions.

#include "field_options.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"

using namespace llvm;

namespace dtlto {

static constexpr FieldOption Table[] = {
    {"AAPipeline", "--lto-aa-pipeline", "", ""},
    {"AllVtablesHaveTypeInfos", "--lto-validate-all-vtables-have-type-infos",
     "", ""},
    {"CGFileType", "--lto-emit-asm", "/lldemit:asm", ""},
    {"CGOptLevel", "--lto-CGO", "/opt:lldltocgo", ""},
    {"CPU", "-mllvm -mcpu", "/mllvm:-mcpu", "mcpu"},
    {"CSIRProfile", "--lto-cs-profile-file", "/lto-cs-profile-file", ""},
    {"CodeModel", "-mllvm -code-model", "/mllvm:-code-model", "code-model"},
    {"DebugPassManager", "--lto-debug-pass-manager", "/opt:ltodebugpassmanager",
     ""},
    {"DisableVerify", "--disable-verify", "", ""},
    {"DwoDir", "--plugin-opt=dwo_dir", "/dwodir", ""},
    {"HasWholeProgramVisibility", "--lto-whole-program-visibility", "", ""},
    {"MAttrs", "-mllvm -mattr", "/mllvm:-mattr", "mattr"},
    {"MllvmArgs", "-mllvm", "/mllvm", ""},
    {"OptLevel", "--lto-O", "/opt:lldlto", ""},
    {"OptPipeline", "--lto-newpm-passes", "", ""},
    {"PGOWarnMismatch", "--lto-pgo-warn-mismatch", "/lto-pgo-warn-mismatch",
     ""},
    {"PassPlugins", "--load-pass-plugin", "", "", Until22},
    {"PassPluginFilenames", "--load-pass-plugin", "", "", Since23},
    {"RelocModel", "-mllvm -relocation-model", "/mllvm:-relocation-model",
     "relocation-model"},
    {"RemarksFilename", "--opt-remarks-filename", "", ""},
    {"RemarksFormat", "--opt-remarks-format", "", ""},
    {"RemarksHotnessThreshold", "--opt-remarks-hotness-threshold", "", ""},
    {"RemarksPasses", "--opt-remarks-passes", "", ""},
    {"RemarksWithHotness", "--opt-remarks-with-hotness", "", ""},
    {"RunCSIRInstr", "--lto-cs-profile-generate", "/lto-cs-profile-generate",
     ""},
    {"SampleProfile", "--lto-sample-profile", "/lto-sample-profile", ""},
    {"ShouldDiscardValueNames", "--save-temps", "/lldsavetemps", ""},
    {"TimeTraceEnabled", "--time-trace", "--time-trace", ""},
    {"TimeTraceGranularity", "--time-trace-granularity",
     "--time-trace-granularity", ""},
    {"ValidateAllVtablesHaveTypeInfos",
     "--lto-validate-all-vtables-have-type-infos", "", ""},
    {"Target.BBAddrMap", "--lto-basic-block-address-map", "",
     "basic-block-address-map"},
    {"Target.BBSections", "--lto-basic-block-sections", "",
     "basic-block-sections"},
    {"Target.HasBBSectionsFuncList", "--lto-basic-block-sections", "",
     "basic-block-sections"},
    {"Target.UniqueBasicBlockSectionNames",
     "--lto-unique-basic-block-section-names", "",
     "unique-basic-block-section-names"},
    {"Target.NoInfsFPMath", "", "", "enable-no-infs-fp-math", Until22},
    {"Target.NoNaNsFPMath", "", "", "enable-no-nans-fp-math", Until22},
    {"Target.NoTrappingFPMath", "", "", "enable-no-trapping-fp-math"},
    {"Target.NoSignedZerosFPMath", "", "", "enable-no-signed-zeros-fp-math",
     Until22},
    {"Target.EnableAIXExtendedAltivecABI", "", "", "vec-extabi"},
    {"Target.HonorSignDependentRoundingFPMathOption", "", "",
     "enable-sign-dependent-rounding-fp-math"},
    {"Target.NoZerosInBSS", "", "", "nozero-initialized-in-bss"},
    {"Target.GuaranteedTailCallOpt", "", "", "tailcallopt"},
    {"Target.StackSymbolOrdering", "", "", "stack-symbol-ordering"},
    {"Target.SwiftAsyncFramePointer", "", "", "swift-async-fp"},
    {"Target.UseInitArray", "", "", "use-ctors"},
    {"Target.DisableIntegratedAS", "", "", "no-integrated-as"},
    {"Target.FunctionSections", "", "", "function-sections"},
    {"Target.DataSections", "", "", "data-sections"},
    {"Target.IgnoreXCOFFVisibility", "", "", "ignore-xcoff-visibility"},
    {"Target.XCOFFTracebackTable", "", "", "xcoff-traceback-table"},
    {"Target.UniqueSectionNames", "", "", "unique-section-names"},
    {"Target.SeparateNamedSections", "", "", "separate-named-sections"},
    {"Target.TLSSize", "", "", "tls-size"},
    {"Target.EmulatedTLS", "", "", "emulated-tls"},
    {"Target.EnableTLSDESC", "", "", "enable-tlsdesc"},
    {"Target.EmitStackSizeSection", "", "", "stack-size-section"},
    {"Target.EnableMachineFunctionSplitter", "", "", "split-machine-functions"},
    {"Target.EnableStaticDataPartitioning", "", "",
     "partition-static-data-sections"},
    {"Target.EmitAddrsig", "", "", "addrsig"},
    {"Target.EmitCallGraphSection", "", "", "call-graph-section"},
    {"Target.EmitCallSiteInfo", "", "", "emit-call-site-info"},
    {"Target.EnableDebugEntryValues", "", "", "debug-entry-values"},
    {"Target.ForceDwarfFrameSection", "", "", "force-dwarf-frame-section"},
    {"Target.XRayFunctionIndex", "", "", "xray-function-index"},
    {"Target.DebugStrictDwarf", "", "", "strict-dwarf"},
    {"Target.JMCInstrument", "", "", "enable-jmc-instrument"},
    {"Target.XCOFFReadOnlyPointers", "", "", "mxcoff-roptr"},
    {"Target.LoopAlignment", "", "", "align-loops"},
    {"Target.FloatABIType", "", "", "float-abi"},
    {"Target.AllowFPOpFusion", "", "", "fp-contract"},
    {"Target.ThreadModel", "", "", "thread-model"},
    {"Target.EABIVersion", "", "", "meabi"},
    {"Target.DebuggerTuning", "", "", "debugger-tune"},
    {"Target.VecLib", "", "", "vector-library"},
    {"Target.ExceptionModel", "", "", "exception-model"},
    {"MC.MCRelaxAll", "", "", "mc-relax-all"},
    {"MC.MCFatalWarnings", "", "", "fatal-warnings"},
    {"MC.MCNoWarn", "", "", "no-warn"},
    {"MC.MCNoDeprecatedWarn", "", "", "no-deprecated-warn"},
    {"MC.MCNoTypeCheck", "", "", "no-type-check"},
    {"MC.MCSaveTempLabels", "", "", "save-temp-labels"},
    {"MC.MCIncrementalLinkerCompatible", "", "",
     "incremental-linker-compatible"},
    {"MC.FDPIC", "", "", "fdpic"},
    {"MC.ShowMCInst", "", "", "asm-show-inst"},
    {"MC.AsmVerbose", "--lto-emit-asm", "/lldemit:asm", ""},
    {"MC.Dwarf64", "", "", "dwarf64"},
    {"MC.Crel", "", "", "crel"},
    {"MC.ImplicitMapSyms", "", "", "implicit-mapsyms"},
    {"MC.X86RelaxRelocations", "", "", "x86-relax-relocations"},
    {"MC.X86Sse2Avx", "", "", "x86-sse2avx"},
    {"MC.RelocSectionSym", "", "", "reloc-section-sym", Since23},
    {"MC.LargeEHEncoding", "", "", "large-eh-encoding", Since23},
    {"MC.EmitDwarfUnwind", "", "", "emit-dwarf-unwind"},
    {"MC.DwarfVersion", "", "", "dwarf-version"},
    {"MC.ABIName", "", "", "target-abi"},
    {"MC.AsSecureLogFile", "", "", "as-secure-log-file"},
    {"MC.EmitCompactUnwindNonCanonical", "", "",
     "emit-compact-unwind-non-canonical"},
    {"MC.EmitSFrameUnwind", "", "", "gsframe"},
};

std::vector<FieldOption> fieldOptions() {
  std::vector<FieldOption> Options;
  copy_if(Table, std::back_inserter(Options),
          [](const FieldOption &Option) { return isHere(Option.Versions); });
  return Options;
}

std::string whatSetsField(StringRef Field, LinkFlavour Flavour) {
  bool IsCoff = Flavour == LinkFlavour::COFF;
  for (const FieldOption &Option : Table) {
    if (Option.Field != Field)
      continue;
    StringRef Written = IsCoff ? Option.Coff : Option.Lld;
    if (!Written.empty())
      return ("'" + Twine(Written) + "'").str();
    if (!Option.Llvm.empty())
      return (Twine(IsCoff ? "'/mllvm:-" : "'-mllvm -") + Option.Llvm + "'")
          .str();
  }
  return "a setting of the linker's LTO configuration that no option sets";
}

} // namespace dtlto
