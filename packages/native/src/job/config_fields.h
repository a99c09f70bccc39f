// Every data field of lto::Config and of what hangs on it, in one list.
//
// The codec's writer and reader both walk this list, so they cannot disagree. A
// field that is not in it would be dropped silently and objects would differ;
// therefore the assertions at the end: they stop the build when LLVM's structs
// are not those that the list was made from.
//
// A visitor is called as Visit(Key, Reference) with a bool, an integer, an enum
// of the table below, a string, a list of strings, a pair of integers or an
// optional of these. Left out is what only the linking process acts on, and
// what holds its paths: AlwaysEmitRegularLTOObj, KeepSymbolNameCopies, Dtlto,
// StatsFile, ThinLTOModulesToCompile, LoadedPassPlugins, and the hooks.

#ifndef DTLTO_JOB_CONFIG_FIELDS_H
#define DTLTO_JOB_CONFIG_FIELDS_H

#include "llvm_compat.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/LTO/Config.h"
#include <iterator>

namespace dtlto {

/// Names of an enum's values, in the order of their numbers, which start at 0.
template <class Enum> struct EnumNames;

#define DTLTO_ENUM(Type, Last, ...)                                            \
  template <> struct EnumNames<Type> {                                         \
    static constexpr llvm::StringLiteral Values[] = {__VA_ARGS__};             \
    static_assert(std::size(Values) == size_t(Last) + 1);                      \
  };
DTLTO_ENUM(llvm::Reloc::Model, llvm::Reloc::ROPI_RWPI, "static", "pic",
           "dynamic-no-pic", "ropi", "rwpi", "ropi-rwpi")
DTLTO_ENUM(llvm::CodeModel::Model, llvm::CodeModel::Large, "tiny", "small",
           "kernel", "medium", "large")
DTLTO_ENUM(llvm::CodeGenOptLevel, llvm::CodeGenOptLevel::Aggressive, "none",
           "less", "default", "aggressive")
DTLTO_ENUM(llvm::CodeGenFileType, llvm::CodeGenFileType::Null, "assembly",
           "object", "null")
DTLTO_ENUM(llvm::lto::Config::VisScheme, llvm::lto::Config::ELF,
           "from-prevailing", "elf")
DTLTO_ENUM(llvm::GlobalISelAbortMode,
           llvm::GlobalISelAbortMode::DisableWithDiag, "disable", "enable",
           "disable-with-diag")
DTLTO_ENUM(llvm::SwiftAsyncFramePointerMode,
           llvm::SwiftAsyncFramePointerMode::Never, "deployment-based",
           "always", "never")
DTLTO_ENUM(llvm::BasicBlockSection, llvm::BasicBlockSection::None, "all",
           "list", "preset", "none")
DTLTO_ENUM(llvm::FloatABI::ABIType, llvm::FloatABI::Hard, "default", "soft",
           "hard")
DTLTO_ENUM(llvm::FPOpFusion::FPOpFusionMode, llvm::FPOpFusion::Strict, "fast",
           "standard", "strict")
DTLTO_ENUM(llvm::ThreadModel::Model, llvm::ThreadModel::Single, "posix",
           "single")
DTLTO_ENUM(llvm::EABI, llvm::EABI::GNU, "unknown", "default", "4", "5", "gnu")
DTLTO_ENUM(llvm::DebuggerKind, llvm::DebuggerKind::DBX, "default", "gdb",
           "lldb", "sce", "dbx")
DTLTO_ENUM(llvm::VectorLibrary, llvm::VectorLibrary::AMDLIBM, "none",
           "accelerate", "darwin-libsystem-m", "libmvec", "massv", "svml",
           "sleef-gnuabi", "armpl", "amdlibm")
DTLTO_ENUM(llvm::ExceptionHandling, llvm::ExceptionHandling::ZOS, "none",
           "dwarf-cfi", "sjlj", "arm", "win-eh", "wasm", "aix", "zos")
DTLTO_ENUM(llvm::EmitDwarfUnwindType, llvm::EmitDwarfUnwindType::Default,
           "always", "no-compact-unwind",
           DTLTO_SINCE_LLVM_23("dwarf-only", ) "default")
DTLTO_ENUM(llvm::MCTargetOptions::DwarfDirectory,
           llvm::MCTargetOptions::DefaultDwarfDirectory, "disable", "enable",
           "default")
DTLTO_ENUM(llvm::DebugCompressionType, llvm::DebugCompressionType::Zstd, "none",
           "zlib", "zstd")
DTLTO_SINCE_LLVM_23(DTLTO_ENUM(llvm::RelocSectionSymType,
                               llvm::RelocSectionSymType::None, "all",
                               "internal", "none"))
#undef DTLTO_ENUM

// FIELD: an ordinary member. BIT: a one-bit member, which has no reference. Those
// that not every version of LLVM has stand in DTLTO_SINCE_LLVM_… or
// DTLTO_UNTIL_LLVM_….
#define FIELD(Name) Visit(Prefix + #Name, Object.Name);
#define BIT(Name)                                                              \
  {                                                                            \
    bool Bit = Object.Name;                                                    \
    Visit(Prefix + #Name, Bit);                                                \
    Object.Name = Bit;                                                         \
  }

template <class Visitor>
void visitFields(Visitor &Visit, llvm::MCTargetOptions &Object) {
  std::string Prefix = "MC.";
  BIT(MCRelaxAll)
  BIT(MCNoExecStack)
  BIT(MCFatalWarnings)
  BIT(MCNoWarn)
  BIT(MCNoDeprecatedWarn)
  BIT(MCNoTypeCheck)
  BIT(MCSaveTempLabels)
  BIT(MCIncrementalLinkerCompatible)
  BIT(FDPIC)
  BIT(ShowMCEncoding)
  BIT(ShowMCInst)
  BIT(AsmVerbose)
  BIT(PreserveAsmComments)
  BIT(Dwarf64)
  FIELD(Crel)
  FIELD(ImplicitMapSyms)
  FIELD(X86RelaxRelocations)
  FIELD(X86Sse2Avx)
  DTLTO_SINCE_LLVM_23(FIELD(RelocSectionSym))
  FIELD(OutputAsmVariant)
  FIELD(EmitDwarfUnwind)
  FIELD(DwarfVersion)
  FIELD(MCUseDwarfDirectory)
  FIELD(CompressDebugSections)
  FIELD(ABIName)
  FIELD(AssemblyLanguage)
  FIELD(SplitDwarfFile)
  FIELD(AsSecureLogFile)
  FIELD(Argv0)
  FIELD(CommandlineArgs)
  FIELD(IASSearchPaths)
  FIELD(InstPrinterOptions)
  BIT(EmitCompactUnwindNonCanonical)
  BIT(EmitSFrameUnwind)
  BIT(PPCUseFullRegisterNames)
  DTLTO_SINCE_LLVM_23(FIELD(LargeEHEncoding))
}

template <class Visitor>
void visitFields(Visitor &Visit, llvm::TargetOptions &Object) {
  std::string Prefix = "Target.";
  FIELD(BinutilsVersion)
  DTLTO_UNTIL_LLVM_22(BIT(NoInfsFPMath))
  DTLTO_UNTIL_LLVM_22(BIT(NoNaNsFPMath))
  BIT(NoTrappingFPMath)
  DTLTO_UNTIL_LLVM_22(BIT(NoSignedZerosFPMath))
  BIT(EnableAIXExtendedAltivecABI)
  BIT(HonorSignDependentRoundingFPMathOption)
  BIT(NoZerosInBSS)
  BIT(GuaranteedTailCallOpt)
  BIT(StackSymbolOrdering)
  BIT(EnableFastISel)
  BIT(EnableGlobalISel)
  FIELD(GlobalISelAbort)
  FIELD(SwiftAsyncFramePointer)
  BIT(UseInitArray)
  BIT(DisableIntegratedAS)
  BIT(FunctionSections)
  BIT(DataSections)
  BIT(IgnoreXCOFFVisibility)
  BIT(XCOFFTracebackTable)
  BIT(UniqueSectionNames)
  BIT(UniqueBasicBlockSectionNames)
  BIT(SeparateNamedSections)
  BIT(TrapUnreachable)
  BIT(NoTrapAfterNoreturn) {
    uint8_t TLSSize = Object.TLSSize;
    Visit(Prefix + "TLSSize", TLSSize);
    Object.TLSSize = TLSSize;
  }
  BIT(EmulatedTLS)
  BIT(EnableTLSDESC)
  BIT(EnableIPRA)
  BIT(EmitStackSizeSection)
  BIT(EnableMachineOutliner)
  BIT(EnableMachineFunctionSplitter)
  BIT(EnableStaticDataPartitioning)
  BIT(SupportsDefaultOutlining)
  BIT(EmitAddrsig)
  BIT(BBAddrMap)
  FIELD(BBSections) {
    // The contents are a file of the job; the field is whether there is one.
    bool HasList = Object.BBSectionsFuncListBuf != nullptr;
    Visit(Prefix + "HasBBSectionsFuncList", HasList);
    if (!HasList)
      Object.BBSectionsFuncListBuf = nullptr;
    else if (!Object.BBSectionsFuncListBuf)
      Object.BBSectionsFuncListBuf = llvm::MemoryBuffer::getMemBuffer("");
  }
  BIT(EmitCallGraphSection)
  BIT(EmitCallSiteInfo)
  BIT(SupportsDebugEntryValues)
  BIT(EnableDebugEntryValues)
  BIT(ValueTrackingVariableLocations)
  BIT(ForceDwarfFrameSection)
  BIT(XRayFunctionIndex)
  BIT(DebugStrictDwarf)
  BIT(Hotpatch)
  BIT(PPCGenScalarMASSEntries)
  BIT(JMCInstrument)
  BIT(EnableCFIFixup)
  BIT(MisExpect)
  BIT(XCOFFReadOnlyPointers)
  BIT(VerifyArgABICompliance)
  DTLTO_UNTIL_LLVM_22(FIELD(StackUsageOutput))
  DTLTO_SINCE_LLVM_23(FIELD(StackUsageFile))
  FIELD(LoopAlignment)
  FIELD(FloatABIType)
  FIELD(AllowFPOpFusion)
  FIELD(ThreadModel)
  FIELD(EABIVersion)
  FIELD(DebuggerTuning)
  FIELD(VecLib)
  FIELD(ExceptionModel)
  FIELD(ObjectFilenameForDebug)
  visitFields(Visit, Object.MCOptions);
}

template <class Visitor>
void visitFields(Visitor &Visit, llvm::PipelineTuningOptions &Object) {
  std::string Prefix = "Pipeline.";
  FIELD(LoopInterleaving)
  FIELD(LoopVectorization)
  FIELD(SLPVectorization)
  FIELD(LoopUnrolling)
  FIELD(LoopInterchange)
  FIELD(LoopFusion)
  FIELD(ForgetAllSCEVInLoopUnroll)
  FIELD(LicmMssaOptCap)
  FIELD(LicmMssaNoAccForPromotionCap)
  FIELD(CallGraphProfile)
  FIELD(UnifiedLTO)
  FIELD(MergeFunctions)
  FIELD(InlinerThreshold)
  FIELD(EagerlyInvalidateAnalyses)
  FIELD(DevirtualizeSpeculatively)
}

template <class Visitor>
void visitFields(Visitor &Visit, llvm::lto::Config &Object) {
  std::string Prefix;
  FIELD(CPU)
  FIELD(MAttrs)
  FIELD(MllvmArgs)
  DTLTO_UNTIL_LLVM_22(FIELD(PassPlugins))
  DTLTO_SINCE_LLVM_23(FIELD(PassPluginFilenames))
  FIELD(RelocModel)
  FIELD(CodeModel)
  FIELD(CGOptLevel)
  FIELD(CGFileType)
  FIELD(OptLevel)
  FIELD(VerifyEach)
  FIELD(DisableVerify)
  FIELD(Freestanding)
  FIELD(CodeGenOnly)
  FIELD(RunCSIRInstr)
  FIELD(PGOWarnMismatch)
  FIELD(HasWholeProgramVisibility)
  FIELD(ValidateAllVtablesHaveTypeInfos)
  FIELD(AllVtablesHaveTypeInfos)
  FIELD(VisibilityScheme)
  FIELD(OptPipeline)
  FIELD(AAPipeline)
  FIELD(OverrideTriple)
  FIELD(DefaultTriple)
  FIELD(CSIRProfile)
  FIELD(SampleProfile)
  FIELD(ProfileRemapping)
  FIELD(DwoDir)
  FIELD(SplitDwarfFile)
  FIELD(SplitDwarfOutput)
  FIELD(RemarksFilename)
  FIELD(RemarksPasses)
  FIELD(RemarksWithHotness)
  FIELD(RemarksHotnessThreshold)
  FIELD(RemarksFormat)
  FIELD(DebugPassManager)
  FIELD(TimeTraceEnabled)
  FIELD(TimeTraceGranularity)
  FIELD(ShouldDiscardValueNames)
  FIELD(AddFSDiscriminator)
  visitFields(Visit, Object.Options);
  visitFields(Visit, Object.PTO);
}

#undef FIELD
#undef BIT

// If one of these fails: compare the struct's definition with the list above,
// add what is new (here, in field_options.cpp if an option sets it, and in
// clang_job.cpp if stock clang cannot express it), and only then put the new number
// into llvm_compat.h. For a version of LLVM that was built before, raise
// OptionsVersion, too; another version is told by the text's header.
#if defined(__x86_64__) && defined(__GLIBCXX__)
static_assert(sizeof(llvm::lto::Config) == ExpectedSizes.Config,
              "lto::Config has changed: see the comment above");
static_assert(sizeof(llvm::TargetOptions) == ExpectedSizes.TargetOptions,
              "TargetOptions has changed: see the comment above");
static_assert(sizeof(llvm::MCTargetOptions) == ExpectedSizes.MCTargetOptions,
              "MCTargetOptions has changed: see the comment above");
static_assert(sizeof(llvm::PipelineTuningOptions) ==
                  ExpectedSizes.PipelineTuningOptions,
              "PipelineTuningOptions has changed: see the comment above");
#endif

} // namespace dtlto

#endif
