// What makes a compilation from bytes give the in-process object:
//
// * lto::LTOLLVMContext: it discards value names and unifies debug types by
//   their ODR names, as in the linker. A plain context gives other debug info.
// * Only modules of which a definition is imported are loaded. Declarations in
//   the index (stand-ins among them) are there to be looked up, not imported.
// * Every field of lto::Config comes from the job. Defaults of this process,
//   and above all the flags that lld registers, are never asked.
// * LLVM's own options are global: they are set once, before the first job.
// * Names that end up in outputs (the COFF object's own name, the .dwo name in
//   a skeleton unit, the remarks file in a section) are those that the linker
//   would use, while the bytes go into memory.
//
// LLVM reads profiles and writes .dwo only by path. The paths given to it lead
// to anonymous memory files, where the system has them: a killed worker leaves
// nothing behind. Elsewhere they are temporary files.

#include "codegen_job.h"
#include "config_codec.h"
#include "file_access.h"
#include "job_files.h"
#include "llvm_compat.h"
#include "llvm-c/Core.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/Module.h"
#include "llvm/LTO/LTOBackend.h"
#include "llvm/Support/Caching.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/TargetSelect.h"
#include <list>
#include <optional>

using namespace llvm;

StringRef dtlto::llvmVersion() {
  // Not LLVM_VERSION_STRING: that is the version of the headers.
  static const std::string Version = [] {
    unsigned Major, Minor, Patch;
    LLVMGetVersion(&Major, &Minor, &Patch);
    return (Twine(Major) + "." + Twine(Minor) + "." + Twine(Patch)).str();
  }();
  return Version;
}

bool dtlto::CodegenResult::compiled() const {
  return Failure.empty() && HasObject &&
         none_of(Diagnostics,
                 [](const Diagnostic &D) { return D.Severity == DS_Error; });
}

//===----------------------------------------------------------------------===//
// State of the process
//===----------------------------------------------------------------------===//

static std::optional<std::vector<std::string>> ProcessLlvmOptions;
static std::string ProcessOptionsProblem;

/// Sets LLVM's options by the first job, and compares those of the others.
static Error useLlvmOptions(std::vector<std::string> Args) {
  if (!ProcessOptionsProblem.empty())
    return createStringError(ProcessOptionsProblem);
  if (ProcessLlvmOptions) {
    if (*ProcessLlvmOptions == Args)
      return Error::success();
    return createStringError("this process compiles with the LLVM options '" +
                             join(*ProcessLlvmOptions, " ") +
                             "' and cannot use '" + join(Args, " ") +
                             "' as well; they need a process of their own");
  }
  std::vector<const char *> Argv = {"dtlto-codegen"};
  for (const std::string &Arg : Args)
    Argv.push_back(Arg.c_str());
  std::string Problem;
  raw_string_ostream OS(Problem);
  if (!Args.empty() &&
      !cl::ParseCommandLineOptions(Argv.size(), Argv.data(), "", &OS)) {
    // Those before the bad one have taken effect: the process is of no use.
    ProcessOptionsProblem =
        ("LLVM options '" + join(Args, " ") + "': " + StringRef(Problem).trim())
            .str();
    return createStringError(ProcessOptionsProblem);
  }
  ProcessLlvmOptions = std::move(Args);
  return Error::success();
}

void dtlto::initializeTargets() {
  static std::once_flag Once;
  std::call_once(Once, [] {
    InitializeAllTargets();
    InitializeAllTargetMCs();
    InitializeAllAsmPrinters();
    InitializeAllAsmParsers();
  });
}

//===----------------------------------------------------------------------===//
// The job's bytes
//===----------------------------------------------------------------------===//

namespace {

/// Bitcode is read in place; pieces must be joined first.
StringRef contiguous(const dtlto::Pieces &Pieces,
                     std::list<std::string> &Memory) {
  if (Pieces.size() == 1)
    return Pieces.front();
  size_t Size = 0;
  for (StringRef Piece : Pieces)
    Size += Piece.size();
  std::string &Joined = Memory.emplace_back();
  Joined.reserve(Size);
  for (StringRef Piece : Pieces)
    Joined += Piece;
  return Joined;
}

struct Input {
  std::list<std::string> Memory;
  MapVector<StringRef, BitcodeModule> Modules;
  std::unique_ptr<ModuleSummaryIndex> Index;
  FunctionImporter::ImportIDTable ImportIds;
  FunctionImporter::ImportMapTy ImportList{ImportIds};
  DenseMap<StringRef, GVSummaryMapTy> Defined;
};

Error addModule(const dtlto::JobModule &Module, Input &In) {
  StringRef Bytes = contiguous(Module.Bytes, In.Memory);
  auto Modules = getBitcodeModuleList(MemoryBufferRef(Bytes, Module.Id));
  if (!Modules)
    return createStringError("module '" + Module.Id +
                             "': " + toString(Modules.takeError()));
  if (Modules->size() != 1)
    return createStringError("module '" + Module.Id +
                             "': expected one module "
                             "but received " +
                             Twine(Modules->size()));
  if (!In.Modules.insert({Module.Id, Modules->front()}).second)
    return createStringError("module '" + Module.Id + "' is given twice");
  return Error::success();
}

Error readInput(const dtlto::CodegenJob &Job, Input &In) {
  if (Error E = addModule(Job.Own, In))
    return E;
  for (const dtlto::JobModule &Module : Job.Imports)
    if (Error E = addModule(Module, In))
      return E;

  auto Index = getModuleSummaryIndex(MemoryBufferRef(Job.Index, "index"));
  if (!Index)
    return createStringError("index: " + toString(Index.takeError()));
  In.Index = std::move(*Index);
  // An index of another module would be obeyed in silence: nothing imported,
  // nothing internalized.
  if (!In.Index->modulePaths().count(Job.Own.Id))
    return createStringError("the index is not one of module '" + Job.Own.Id +
                             "'");
  for (const auto &Value : *In.Index) {
    for (const auto &Summary : Value.second.getSummaryList()) {
      if (Summary->modulePath() == Job.Own.Id ||
          Summary->importType() != GlobalValueSummary::Definition)
        continue;
      if (!In.Modules.count(Summary->modulePath()))
        return createStringError("the index imports from module '" +
                                 Summary->modulePath() +
                                 "', which is not in the job");
      In.ImportList.addDefinition(Summary->modulePath(), Value.first);
    }
  }
  In.Index->collectDefinedGVSummariesPerModule(In.Defined);
  return Error::success();
}

} // namespace

dtlto::Diagnostic dtlto::toDiagnostic(const DiagnosticInfo &Info) {
  Diagnostic Result;
  Result.Severity = Info.getSeverity();
  if (const auto *InSource = dyn_cast<DiagnosticInfoSrcMgr>(&Info))
    Result.NamesModule = InSource->isInlineAsmDiag();
  raw_string_ostream OS(Result.Text);
  DiagnosticPrinterRawOStream Printer(OS);
  Info.print(Printer);
  return Result;
}

Expected<dtlto::CodegenResult> dtlto::compileJob(const CodegenJob &Job) {
  lto::Config Conf;
  std::vector<std::string> LibFuncNames;
  if (Error E = decodeOptions(Job.Options, Conf, LibFuncNames))
    return std::move(E);
  // Whoever made the job should have kept it; who did not is not to be trusted.
  std::optional<std::string> Why = reasonNotRemote(Conf, /*IsMachO=*/true);
  if (!Why)
    Why = reasonNotRemote(Job.ReplayedArgs);
  if (Why)
    return createStringError("this job must not leave its machine: " + *Why);
  std::vector<std::string> LlvmOptions = Conf.MllvmArgs;
  append_range(LlvmOptions, Job.ReplayedArgs);
  if (Error E = useLlvmOptions(std::move(LlvmOptions)))
    return std::move(E);
  initializeTargets();
  const std::vector<StringRef> LibFuncs(LibFuncNames.begin(),
                                        LibFuncNames.end());

  Input In;
  if (Error E = readInput(Job, In))
    return std::move(E);
  InputFiles Files;
  if (Error E = Files.replace(Job, Conf))
    return std::move(E);
  DwoOutput Dwo;
  if (Error E = Dwo.redirect(Conf, Job.Task))
    return std::move(E);

  CodegenResult Result;
  Conf.DiagHandler = [&](const DiagnosticInfo &Info) {
    Result.Diagnostics.push_back(toDiagnostic(Info));
    Files.restorePaths(Result.Diagnostics.back().Text);
  };
  auto AddStream = [&](unsigned, const Twine &) {
    Result.HasObject = true;
    return std::make_unique<CachedFileStream>(
        std::make_unique<raw_svector_ostream>(Result.Object),
        Job.ObjectPathName);
  };

  std::string Wanted;
  {
    lto::LTOLLVMContext Context(Conf);
    RemarksOutput Remarks;
    if (Error E = Remarks.start(Context, Conf, Job.Task))
      return std::move(E);
    auto Compile = [&]() -> Error {
      auto Module = In.Modules.front().second.parseModule(Context);
      if (!Module)
        return Module.takeError();
      return thinBackend(Conf, Job.Task, AddStream, **Module, *In.Index,
                         In.ImportList, In.Defined[Job.Own.Id], In.Modules,
                         LibFuncs);
    };
    NoFileAccess ForJob;
    if (Error E = Compile()) {
      Result.Failure = toString(std::move(E));
      Files.restorePaths(Result.Failure);
    }
    Remarks.collect(Result);
    Wanted = ForJob.wanted();
  }
  if (!Wanted.empty())
    return createStringError("this job must not leave its machine: inline "
                             "assembly reads a file ('" +
                             Wanted + "')");
  if (Error E = Dwo.collect(Result))
    return std::move(E);
  return Result;
}
