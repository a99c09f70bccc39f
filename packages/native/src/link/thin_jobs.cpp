// The ThinLTO backend that lld gets from us.
//
// The idea of dtlto in one file. Every lld flavour asks
// llvm::lto::createInProcessThinBackend (public header LTO.h) for the ThinLTO
// backend; this file defines that function, the addon is linked so that lld's
// archives bind to it (what else is ours there stands in
// ARCHITECTURE.md). LTO calls start() once a module, then wait(). LLVM's own backend
// compiles in start(), on a pool; ours only notes the job there, so that in
// wait() the set of jobs is fixed and can be planned as a whole. That costs
// nothing: start() for all modules takes well under a millisecond, and nothing
// else runs meanwhile.
//
// A job that is compiled in this process takes exactly LLVM's path: the same
// Config, combined index, import list and module map go to lto::thinBackend; no
// individual index is made and nothing is copied.
#include "thin_jobs.h"
#include "cache_entry.h"
#include "file_pages.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/Module.h"
#include "llvm/LTO/LTOBackend.h"
#include "llvm/Support/Caching.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/TimeProfiler.h"
#include <chrono>

using namespace llvm;
using namespace llvm::lto;

namespace dtlto {

ThinJobs::ThinJobs(
    const Config &Conf, ModuleSummaryIndex &Index,
    const DenseMap<StringRef, GVSummaryMapTy> &ModuleToDefinedGVSummaries,
    AddStreamFn AddStream, FileCache Cache, IndexWriteCallback OnWrite,
    bool EmitIndexFiles, bool EmitImportsFiles, ThreadPoolStrategy Parallelism,
    BitcodeLibFuncs LibFuncs, Link &Owner)
    : ThinBackendProc(Conf, Index, ModuleToDefinedGVSummaries,
                      std::move(OnWrite), EmitImportsFiles, Parallelism),
      AddStream(std::move(AddStream)), Cache(std::move(Cache)),
      EmitIndexFiles(EmitIndexFiles), LibFuncs(LibFuncs), Owner(Owner) {
  auto Defs = guidsOf(Index.cfiFunctionDefs());
  CfiFunctionDefs.insert(Defs.begin(), Defs.end());
  auto Decls = guidsOf(Index.cfiFunctionDecls());
  CfiFunctionDecls.insert(Decls.begin(), Decls.end());
}

void ThinJobs::setup(unsigned, unsigned, Triple T) { TargetTriple = T; }

Error ThinJobs::start(
    unsigned Task, BitcodeModule Module,
    const FunctionImporter::ImportMapTy &ImportList,
    const FunctionImporter::ExportSetTy &ExportList,
    const std::map<GlobalValue::GUID, GlobalValue::LinkageTypes> &ResolvedODR,
    MapVector<StringRef, BitcodeModule> &ModuleMap) {
  StringRef Id = Module.getModuleIdentifier();
  const GVSummaryMapTy &Defined = ModuleToDefinedGVSummaries.find(Id)->second;
  All.emplace_back(Task, Module, ImportList, ExportList, ResolvedODR, Defined,
                   ModuleMap, AddStream);
  if (OnWrite)
    OnWrite(Id.str());
  return Error::success();
}

/// What precedes a compile wherever it happens: index files for
/// --thinlto-emit-index-files, and lld's cache. A hit is in lld's hands when
/// this returns, and is no job. Pool thread.
void ThinJobs::prepare(ThinJob &Job) {
  StringRef Id = Job.Module.getModuleIdentifier();
  if (EmitIndexFiles)
    if (Error E = dtlto::emitFiles(*this, Job.ImportList, Job.Task, Id))
      return fail(Job, std::move(E));
  if (!Cache.isValid())
    return;
  Job.Key = keyOf(Job);
  if (Job.Key.empty())
    return;
  if (Conf.CGFileType == CodeGenFileType::ObjectFile)
    dropDamagedEntry(entryPath(Cache, Job.Key));
  Expected<AddStreamFn> OnMiss = Cache(Job.Task, Job.Key, Id);
  if (!OnMiss)
    return fail(Job, OnMiss.takeError());
  if (*OnMiss)
    Job.AddStream = std::move(*OnMiss);
  else
    Job.CacheHit = true;
}

std::string ThinJobs::cacheEntry(const ThinJob &Job) const {
  return Cache.isValid() && !Job.Key.empty() ? entryPath(Cache, Job.Key) : "";
}

Error ThinJobs::wait() {
  if (EmitIndexFiles || Cache.isValid()) {
    for (ThinJob &Job : All)
      BackendThreadPool.async([this, &Job] { prepare(Job); });
    BackendThreadPool.wait();
  }
  unsigned Hits = 0;
  for (ThinJob &Job : All) {
    Hits += Job.CacheHit;
    if (!Job.CacheHit && Job.Now == ThinJob::State::Open) {
      Job.Index = Open.size();
      Open.push_back(&Job);
    }
  }
  Owner.modulesKnown(All.size(), Hits);
  // On this thread, for JavaScript's has other things to do.
  for (const ThinJob *Job : Open)
    Facts.push_back(factsOf(*Job));

  if (!Open.empty())
    Owner.backendWaits(*this);
  // Attempts that lost may still be running, and refer to LTO's data.
  BackendThreadPool.wait();

  for (ThinJob &Job : All)
    if (Job.Opened)
      Job.Opened->Committed = true; // of a job that failed: dropped in peace

  // In lld's order, so that several failures read the same in every run.
  Error Result = Error::success();
  for (ThinJob &Job : All)
    Result = joinErrors(std::move(Result), std::move(Job.Failure));
  return Result;
}

JobFacts ThinJobs::factsOf(const ThinJob &Job) const {
  uint64_t Instructions = 0;
  auto Add = [&](const GlobalValueSummary *S) {
    if (auto *F = dyn_cast_or_null<FunctionSummary>(S))
      Instructions += F->instCount();
  };
  for (const auto &Entry : Job.DefinedGlobals)
    Add(Entry.second);
  for (const auto &[FromModule, Guid, Kind] : Job.ImportList)
    if (Kind == GlobalValueSummary::Definition)
      Add(CombinedIndex.findSummaryInModule(Guid, FromModule));
  auto SizeOf = [](const BitcodeModule &M) {
    return uint64_t(M.getBuffer().size() + M.getStrtab().size());
  };
  uint64_t ImportedBytes = 0;
  auto Sources = Job.ImportList.getSourceModules();
  for (StringRef Source : Sources)
    if (auto Found = Job.ModuleMap.find(Source); Found != Job.ModuleMap.end())
      ImportedBytes += SizeOf(Found->second);
  return {Job.Task,           Job.Module.getModuleIdentifier().str(),
          TargetTriple.str(), SizeOf(Job.Module),
          Instructions,       unsigned(Sources.size()),
          ImportedBytes};
}

std::string ThinJobs::keyOf(const ThinJob &Job) const {
  StringRef Id = Job.Module.getModuleIdentifier();
  if (!Job.Key.empty())
    return Job.Key;
  // As LLVM's own backend: no key without the module's hash.
  if (!CombinedIndex.modulePaths().count(Id) ||
      all_of(CombinedIndex.getModuleHash(Id),
             [](uint32_t V) { return V == 0; }))
    return {};
  return computeLTOCacheKey(Conf, CombinedIndex, Id, Job.ImportList,
                            Job.ExportList, Job.ResolvedODR, Job.DefinedGlobals,
                            CfiFunctionDefs, CfiFunctionDecls);
}

std::vector<std::string> ThinJobs::importedModules(ThinJob &Job) const {
  std::vector<std::string> Names;
  for (StringRef Source : Job.ImportList.getSourceModules())
    Names.push_back(Source.str());
  return Names;
}

IndividualIndex ThinJobs::individualIndex(const ThinJob &Job) const {
  return makeIndividualIndex(CombinedIndex, ModuleToDefinedGVSummaries,
                             Job.ImportList, Job.Module.getModuleIdentifier());
}

const ModuleBytes *ThinJobs::moduleBytes(StringRef ModuleId) {
  std::lock_guard<std::mutex> Lock(BytesMutex);
  auto Known = Bytes.find(ModuleId);
  if (Known != Bytes.end())
    return &Known->second;
  const auto &Modules = All.front().ModuleMap;
  auto Found = Modules.find(ModuleId);
  if (Found == Modules.end())
    return nullptr;
  return &Bytes.try_emplace(ModuleId, Found->second).first->second;
}

void ThinJobs::forgetModules() const {
  std::vector<StringRef> Ranges;
  if (!All.empty())
    for (const auto &Entry : All.front().ModuleMap)
      Ranges.push_back(Entry.second.getBuffer());
  forgetFilePages(Ranges);
}

namespace {
/// As LTOLLVMContext's own, with two differences. It takes note of errors: a
/// backend whose inline assembly is wrong reports them and returns success. And
/// a compile claims its job before its first diagnostic, so that nothing is
/// reported twice when the job is compiled elsewhere, too.
class ClaimingHandler final : public DiagnosticHandler {
public:
  ClaimingHandler(const Config &Conf, bool &HasErrors, CompileNotes *Notes,
                  function_ref<bool()> Claim)
      : Conf(Conf), HasErrors(HasErrors), Notes(Notes), Claim(Claim) {}
  bool handleDiagnostics(const DiagnosticInfo &DI) override {
    HasErrors |= DI.getSeverity() == DS_Error;
    if (Notes)
      Notes->Diagnostics.push_back(toDiagnostic(DI));
    if (Claim() && Conf.DiagHandler) {
      DiagnosticPrinting Printing;
      Conf.DiagHandler(DI);
    }
    return true;
  }

private:
  const Config &Conf;
  bool &HasErrors;
  CompileNotes *Notes;
  function_ref<bool()> Claim;
};

struct Silence final : DiagnosticHandler {
  bool handleDiagnostics(const DiagnosticInfo &) override { return true; }
};
} // namespace

/// LLVM's own backend, with one difference: the object is dropped if another
/// attempt has won meanwhile. Pool thread.
Error ThinJobs::compile(ThinJob &Job, bool &Lost, bool &HasErrors,
                        CompileNotes *Notes) {
  bool Claimed = false;
  auto Claim = [&] {
    if (Claimed || Lost)
      return Claimed;
    std::lock_guard<std::mutex> Lock(Job.Mutex);
    Claimed = Job.Now == ThinJob::State::Open;
    Lost = !Claimed;
    if (Claimed)
      Job.Now = ThinJob::State::Writing;
    return Claimed;
  };
  auto Open = [&](unsigned Task, const Twine &ModuleName)
      -> Expected<std::unique_ptr<CachedFileStream>> {
    if (Claim())
      return takeStream(Job, Task, ModuleName);
    return std::make_unique<CachedFileStream>(
        std::make_unique<raw_null_ostream>());
  };
  LTOLLVMContext Context(Conf);
  Context.setDiagnosticHandler(
      std::make_unique<ClaimingHandler>(Conf, HasErrors, Notes, Claim),
      /*RespectFilters=*/true);
  Expected<std::unique_ptr<Module>> M = Job.Module.parseModule(Context);
  if (!M) {
    Claim();
    return M.takeError();
  }
  Error E = dtlto::thinBackend(Conf, Job.Task, Open, **M, CombinedIndex,
                               Job.ImportList, Job.DefinedGlobals,
                               Job.ModuleMap, LibFuncs);
  if (Notes)
    Notes->MayReadFiles = mayReadFiles(**M);
  if (E) // of a job that nobody else has made meanwhile
    Claim();
  return E;
}

void ThinJobs::compileInProcess(ThinJob &Job, bool TakeNotes) {
  BackendThreadPool.async([this, &Job, TakeNotes] {
    auto Start = std::chrono::steady_clock::now();
    CompileOutcome Outcome = CompileOutcome::Lost;
    bool Wanted;
    {
      std::lock_guard<std::mutex> Lock(Job.Mutex);
      Wanted = Job.Now == ThinJob::State::Open && !Owner.isCancelled();
    }
    if (Wanted) {
      if (Conf.TimeTraceEnabled)
        timeTraceProfilerInitialize(Conf.TimeTraceGranularity, "thin backend");
      bool Lost = false, HasErrors = false;
      std::optional<CompileNotes> Notes;
      if (TakeNotes)
        Notes.emplace();
      const uint64_t PrintedBefore = TakeNotes ? printedBytes() : 0;
      Error E = [&] {
        // As LLVM's own backend names it.
        TimeTraceScope Scope("Run ThinLTO backend thread (in-process)",
                             Job.Module.getModuleIdentifier());
        return compile(Job, Lost, HasErrors, Notes ? &*Notes : nullptr);
      }();
      if (Lost) {
        consumeError(std::move(E));
      } else if (E) {
        Outcome = CompileOutcome::Failed;
        fail(Job, std::move(E));
      } else {
        // Also without an object: a hook may end a backend early
        // (--lto-emit-llvm).
        std::lock_guard<std::mutex> Lock(Job.Mutex);
        Job.Now = ThinJob::State::Settled;
        Outcome = HasErrors ? CompileOutcome::Failed : CompileOutcome::Compiled;
        if (Notes) {
          Notes->Printed = printedBytes() != PrintedBefore;
          Job.Notes = std::move(Notes);
        }
      }
      if (Conf.TimeTraceEnabled)
        timeTraceProfilerFinishThread();
    }
    using Milliseconds = std::chrono::duration<double, std::milli>;
    auto End = std::chrono::steady_clock::now();
    Owner.listener().jobCompiled(Job.Index, Outcome,
                                 Milliseconds(End - Start).count(),
                                 Milliseconds(End.time_since_epoch()).count());
  });
}

bool ThinJobs::deliver(ThinJob &Job, StringRef Object, bool ToCache) {
  {
    std::lock_guard<std::mutex> Lock(Job.Mutex);
    if (Job.Now != ThinJob::State::Open)
      return false;
    Job.Now = ThinJob::State::Writing;
  }
  BackendThreadPool.async([this, &Job, ToCache, Copy = Object.str()] {
    if (Error E = write(Job, Copy, ToCache))
      return fail(Job, std::move(E));
    std::lock_guard<std::mutex> Lock(Job.Mutex);
    Job.Now = ThinJob::State::Settled;
  });
  return true;
}

/// As LLVM's own code generator does it, which cannot do without a stream. A
/// disk that is full ends the process, too: raw_fd_ostream does that.
Error ThinJobs::write(ThinJob &Job, StringRef Object, bool ToCache) {
  StringRef Id = Job.Module.getModuleIdentifier();
  auto Stream =
      ToCache ? takeStream(Job, Job.Task, Id) : AddStream(Job.Task, Id);
  if (!Stream)
    report_fatal_error(Stream.takeError());
  *(*Stream)->OS << Object;
  return (*Stream)->commit();
}

/// All flavours of lld have objects written to memory of theirs; only those that
/// go into the cache are written to a file.
static const SmallVectorImpl<char> *memoryOf(CachedFileStream &Stream) {
  auto *Memory = dyn_cast<raw_svector_ostream>(Stream.OS.get());
  return Memory ? &Memory->buffer() : nullptr;
}

/// For whoever has claimed the job.
Expected<std::unique_ptr<CachedFileStream>>
ThinJobs::takeStream(ThinJob &Job, unsigned Task, const Twine &ModuleName) {
  {
    std::lock_guard<std::mutex> Lock(Job.Mutex);
    if (Job.Opened) {
      Job.Object = memoryOf(*Job.Opened);
      return std::move(Job.Opened);
    }
  }
  auto Stream = Job.AddStream(Task, ModuleName);
  if (Stream) {
    std::lock_guard<std::mutex> Lock(Job.Mutex);
    Job.ObjectPathName = (*Stream)->ObjectPathName;
    Job.Object = memoryOf(**Stream);
  }
  return Stream;
}

std::optional<MadeHere> ThinJobs::madeHere(ThinJob &Job) const {
  std::lock_guard<std::mutex> Lock(Job.Mutex);
  if (Job.Now != ThinJob::State::Settled || !Job.Notes || Job.Notes->Printed ||
      Job.Notes->MayReadFiles)
    return std::nullopt;
  MadeHere Made{std::move(Job.Notes->Diagnostics), {}, {}};
  Job.Notes.reset();
  if (Job.Object)
    Made.Object = StringRef(Job.Object->data(), Job.Object->size());
  else
    Made.Path = cacheEntry(Job);
  return Made;
}

std::vector<std::string> ThinJobs::sideOutputPaths(const ThinJob &Job) const {
  std::vector<std::string> Paths;
  std::string Task = std::to_string(Job.Task);
  if (!Conf.DwoDir.empty()) {
    SmallString<128> Path(Conf.DwoDir);
    sys::path::append(Path, Task + ".dwo");
    Paths.push_back(std::string(Path));
  }
  if (!Conf.RemarksFilename.empty())
    Paths.push_back(Conf.RemarksFilename + ".thin." + Task + "." +
                    Conf.RemarksFormat);
  return Paths;
}

void ThinJobs::drop(ThinJob &Job) {
  std::lock_guard<std::mutex> Lock(Job.Mutex);
  if (Job.Now == ThinJob::State::Open)
    Job.Now = ThinJob::State::Failed;
}

std::string ThinJobs::objectPathName(ThinJob &Job) {
  std::lock_guard<std::mutex> Lock(Job.Mutex);
  if (Job.Now != ThinJob::State::Open || Job.Opened ||
      !Job.ObjectPathName.empty())
    return Job.ObjectPathName;
  // A stream of the cache has a temporary file, which stays if nobody writes.
  if (Cache.isValid() && !Job.Key.empty())
    return Job.ObjectPathName = entryPath(Cache, Job.Key);
  auto Stream = Job.AddStream(Job.Task, Job.Module.getModuleIdentifier());
  if (!Stream) {
    // Who writes the object gets the same error, and reports it.
    consumeError(Stream.takeError());
    return {};
  }
  Job.Opened = std::move(*Stream);
  return Job.ObjectPathName = Job.Opened->ObjectPathName;
}

void ThinJobs::diagnose(DiagnosticSeverity Severity, StringRef Text) const {
  if (Conf.DiagHandler)
    Conf.DiagHandler(DiagnosticInfoGeneric(Text, Severity));
}

Expected<SmallVector<char, 0>> ThinJobs::compileToMemory(ThinJob &Job) const {
  SmallVector<char, 0> Object;
  std::string ObjectPathName;
  {
    std::lock_guard<std::mutex> Lock(Job.Mutex);
    ObjectPathName = Job.ObjectPathName;
  }
  auto ToMemory =
      [&](unsigned,
          const Twine &) -> Expected<std::unique_ptr<CachedFileStream>> {
    return std::make_unique<CachedFileStream>(
        std::make_unique<raw_svector_ostream>(Object), ObjectPathName);
  };
  LTOLLVMContext Context(Conf);
  Context.setDiagnosticHandler(std::make_unique<Silence>());
  BitcodeModule Copy = Job.Module;
  Expected<std::unique_ptr<Module>> M = Copy.parseModule(Context);
  if (!M)
    return M.takeError();
  if (Error E = dtlto::thinBackend(Conf, Job.Task, ToMemory, **M, CombinedIndex,
                                   Job.ImportList, Job.DefinedGlobals,
                                   Job.ModuleMap, LibFuncs))
    return E;
  return Object;
}

void ThinJobs::fail(ThinJob &Job, Error E) {
  std::lock_guard<std::mutex> Lock(Job.Mutex);
  if (Job.Now == ThinJob::State::Settled || Job.Now == ThinJob::State::Failed)
    return consumeError(std::move(E));
  Job.Now = ThinJob::State::Failed;
  consumeError(std::move(Job.Failure));
  Job.Failure = std::move(E);
}

} // namespace dtlto

// The backend that lld asks for: dtlto's in place of LLVM's.
ThinBackend lto::createInProcessThinBackend(ThreadPoolStrategy Parallelism,
                                            IndexWriteCallback OnWrite,
                                            bool ShouldEmitIndexFiles,
                                            bool ShouldEmitImportsFiles) {
  auto Make = [=](const Config &Conf, ModuleSummaryIndex &Index,
                  const DenseMap<StringRef, GVSummaryMapTy> &Defined,
                  AddStreamFn AddStream, FileCache Cache,
                  dtlto::BitcodeLibFuncs LibFuncs) {
    return std::make_unique<dtlto::ThinJobs>(
        Conf, Index, Defined, std::move(AddStream), std::move(Cache), OnWrite,
        ShouldEmitIndexFiles, ShouldEmitImportsFiles, Parallelism, LibFuncs,
        *dtlto::Link::running());
  };
  return dtlto::thinBackendOf(Make, Parallelism);
}
