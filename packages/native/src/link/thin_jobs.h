// The ThinLTO backend that lld gets from us.
#ifndef DTLTO_LINK_THIN_JOBS_H
#define DTLTO_LINK_THIN_JOBS_H

#include "compile_notes.h"
#include "job/clang_job.h"
#include "job/individual_index.h"
#include "job/module_bytes.h"
#include "job/module_layout.h"
#include "link.h"
#include "llvm_compat.h"
#include <deque>
#include <optional>

namespace dtlto {

/// What a backend job is, for scheduling; no bytes.
struct JobFacts {
  unsigned Task;
  std::string ModuleId;
  std::string TargetTriple;
  uint64_t BitcodeBytes;
  uint64_t Instructions; ///< own and imported, from the summaries
  unsigned ImportedModules;
  uint64_t ImportedBytes;
};

/// One ThinLTO backend. It lives as long as lld's thread waits: references are
/// into LTO::runThinLTO's frame. What is not guarded by Mutex is set by start()
/// and prepare(), before anybody else sees the job, and does not change after that.
struct ThinJob {
  /// Who gives lld the object. Writing is entered once, by the attempt that
  /// first has an object: it is the winner.
  enum class State { Open, Writing, Settled, Failed };

  ThinJob(unsigned Task, llvm::BitcodeModule Module,
          const llvm::FunctionImporter::ImportMapTy &ImportList,
          const llvm::FunctionImporter::ExportSetTy &ExportList,
          const std::map<llvm::GlobalValue::GUID,
                         llvm::GlobalValue::LinkageTypes> &ResolvedODR,
          const llvm::GVSummaryMapTy &DefinedGlobals,
          llvm::MapVector<llvm::StringRef, llvm::BitcodeModule> &ModuleMap,
          llvm::AddStreamFn AddStream)
      : Task(Task), Module(Module), ImportList(ImportList),
        ExportList(ExportList), ResolvedODR(ResolvedODR),
        DefinedGlobals(DefinedGlobals), ModuleMap(ModuleMap),
        AddStream(std::move(AddStream)) {}

  unsigned Task;
  unsigned Index = 0; ///< among the jobs of the link: ThinJobs::job
  llvm::BitcodeModule Module;
  const llvm::FunctionImporter::ImportMapTy &ImportList;
  const llvm::FunctionImporter::ExportSetTy &ExportList;
  const std::map<llvm::GlobalValue::GUID, llvm::GlobalValue::LinkageTypes>
      &ResolvedODR;
  const llvm::GVSummaryMapTy &DefinedGlobals;
  llvm::MapVector<llvm::StringRef, llvm::BitcodeModule> &ModuleMap;

  std::string Key; ///< LLVM's cache key, when there is a cache
  llvm::AddStreamFn
      AddStream; ///< where the object goes: lld's buffer, or the cache
  std::mutex Mutex;
  // Guarded by Mutex:
  State Now = State::Open;
  /// Opened before its time, for its name. It must not be destroyed uncommitted.
  std::unique_ptr<llvm::CachedFileStream> Opened;
  /// The name of whatever stream was opened for the job.
  std::string ObjectPathName;
  /// Where the object's bytes are, if lld has them in memory: they stay there
  /// until lld frees its own.
  const llvm::SmallVectorImpl<char> *Object = nullptr;
  /// Of the compile in this process that made the object, if notes were wanted.
  std::optional<CompileNotes> Notes;
  llvm::Error Failure = llvm::Error::success(); ///< set once, on Failed
  bool CacheHit = false;

  ~ThinJob() { llvm::consumeError(std::move(Failure)); }
};

/// What is read of a module, on first use, and kept: every job that imports from it
/// asks. Any thread.
template <typename Kept> class OfModules {
public:
  const Kept &of(const llvm::BitcodeModule &Module) {
    Entry &E = entryOf(Module.getModuleIdentifier());
    std::call_once(E.Once, [&] { E.Value = Kept::of(Module); });
    return E.Value;
  }

private:
  struct Entry {
    std::once_flag Once;
    Kept Value;
  };

  Entry &entryOf(llvm::StringRef ModuleId) {
    std::lock_guard<std::mutex> Lock(Mutex);
    return All.try_emplace(ModuleId).first->second;
  }

  std::mutex Mutex;
  llvm::StringMap<Entry> All; ///< entries do not move
};

/// Collects the backends that LTO starts, then has them made by whoever listens
/// to the link.
class ThinJobs final : public llvm::lto::ThinBackendProc {
public:
  ThinJobs(const llvm::lto::Config &Conf, llvm::ModuleSummaryIndex &Index,
           const llvm::DenseMap<llvm::StringRef, llvm::GVSummaryMapTy>
               &ModuleToDefinedGVSummaries,
           llvm::AddStreamFn AddStream, llvm::FileCache Cache,
           llvm::lto::IndexWriteCallback OnWrite, bool EmitIndexFiles,
           bool EmitImportsFiles, llvm::ThreadPoolStrategy Parallelism,
           BitcodeLibFuncs LibFuncs, Link &Owner);

  void setup(unsigned ThinLTONumTasks, unsigned ThinLTOTaskOffset,
             llvm::Triple Triple) override;
  llvm::Error
  start(unsigned Task, llvm::BitcodeModule Module,
        const llvm::FunctionImporter::ImportMapTy &ImportList,
        const llvm::FunctionImporter::ExportSetTy &ExportList,
        const std::map<llvm::GlobalValue::GUID, llvm::GlobalValue::LinkageTypes>
            &ResolvedODR,
        llvm::MapVector<llvm::StringRef, llvm::BitcodeModule> &ModuleMap)
      override;
  llvm::Error wait() override;

  // While lld's thread is in wait(), from the thread that started the link:

  /// How many jobs lld itself would run at a time (--thinlto-jobs).
  unsigned slots() { return getThreadCount(); }
  /// Those that lld's cache did not have.
  size_t size() const { return Open.size(); }
  ThinJob &job(unsigned I) { return *Open[I]; }
  const ThinJob &job(unsigned I) const { return *Open[I]; }
  /// Of each job, in order.
  const std::vector<JobFacts> &facts() const { return Facts; }
  /// LLVM's ThinLTO cache key as the identity of the job's object: empty where it
  /// is none, for a module without hash or where library functions must not be
  /// called, which the key leaves out.
  std::string cacheKey(const ThinJob &Job) const {
    return LibFuncs.empty() ? keyOf(Job) : "";
  }
  /// The ids of the modules that the job imports from, in the order of their
  /// names.
  std::vector<std::string> importedModules(ThinJob &Job) const;
  /// Of any module of the link; made on first use and kept. Null for an unknown
  /// id.
  const ModuleBytes *moduleBytes(llvm::StringRef ModuleId);
  /// Lets go of what is mapped of all modules until somebody reads it again.
  void forgetModules() const;
  /// Starts an in-process compile on a pool thread: same Config, same combined
  /// index, no serialisation. \p TakeNotes: madeHere() is wanted.
  void compileInProcess(ThinJob &Job, bool TakeNotes = false);
  /// What a compile in this process has made of the job, for others to use in
  /// its place. Empty if it was not noted, or cannot be repeated from that.
  std::optional<MadeHere> madeHere(ThinJob &Job) const;
  /// Without \p ToCache the object goes past lld's cache, straight to lld. False
  /// if the job is settled already. Writes a copy on a pool thread: what goes
  /// wrong there goes wrong as in LLVM's own backend.
  bool deliver(ThinJob &Job, llvm::StringRef Object, bool ToCache);
  /// The file in lld's cache that holds the job's object, or will; empty without
  /// one.
  std::string cacheEntry(const ThinJob &Job) const;
  /// The files that the job's backend writes beside the object: .dwo, remarks.
  std::vector<std::string> sideOutputPaths(const ThinJob &Job) const;
  /// Ends the job without a message of its own.
  void drop(ThinJob &Job);
  /// The name that COFF objects hold of themselves. Opens the job's stream.
  std::string objectPathName(ThinJob &Job);
  /// A diagnostic of a compile elsewhere. lld may end the program over it
  /// (--error-limit): Link::endProgram.
  void diagnose(llvm::DiagnosticSeverity Severity, llvm::StringRef Text) const;
  /// Settles a job as failed: lld reports the error.
  void fail(ThinJob &Job, llvm::Error E);

  // From any thread, while lld's thread is in wait():

  IndividualIndex individualIndex(const ThinJob &Job) const;
  const ModuleLayout &layout(const llvm::BitcodeModule &Module) {
    return Layouts.of(Module);
  }
  const ClangModuleFacts &clangFacts(const llvm::BitcodeModule &Module) {
    return ClangFacts.of(Module);
  }
  /// The object as this process makes it, for comparison: it settles nothing and
  /// reports nothing, but LLVM writes the files beside it (.dwo, remarks).
  llvm::Expected<llvm::SmallVector<char, 0>>
  compileToMemory(ThinJob &Job) const;
  const llvm::lto::Config &config() const { return Conf; }
  const llvm::Triple &triple() const { return TargetTriple; }
  /// Library functions that no job may call (llvm_compat.h).
  BitcodeLibFuncs bitcodeLibFuncs() const { return LibFuncs; }
  LinkFlavour flavour() const { return Owner.flavour(); }

private:
  void prepare(ThinJob &Job);
  JobFacts factsOf(const ThinJob &Job) const;
  std::string keyOf(const ThinJob &Job) const;
  llvm::Expected<std::unique_ptr<llvm::CachedFileStream>>
  takeStream(ThinJob &Job, unsigned Task, const llvm::Twine &ModuleName);
  llvm::Error compile(ThinJob &Job, bool &Lost, bool &HasErrors,
                      CompileNotes *Notes);
  llvm::Error write(ThinJob &Job, llvm::StringRef Object, bool ToCache);

  llvm::AddStreamFn AddStream;
  llvm::FileCache Cache;
  bool EmitIndexFiles;
  BitcodeLibFuncs LibFuncs;
  Link &Owner;
  llvm::Triple TargetTriple;
  std::deque<ThinJob> All; ///< in the order of start(): lld's own
  std::vector<ThinJob *>
      Open; ///< those that no cache had; fixed before Link::backendWaits
  std::vector<JobFacts> Facts; ///< of Open
  llvm::DenseSet<llvm::GlobalValue::GUID> CfiFunctionDefs, CfiFunctionDecls;
  std::mutex BytesMutex;
  llvm::StringMap<ModuleBytes> Bytes; ///< entries do not move
  OfModules<ModuleLayout> Layouts;
  OfModules<ClangModuleFacts> ClangFacts;
};

} // namespace dtlto

#endif
