// One link: lld on a thread of its own.
//
// lld knows nothing of us. It runs, unmodified, on one thread; when it asks for
// the in-process ThinLTO backend it gets ours (thin_jobs.cpp), which hands
// the backend jobs of the link to a LinkListener and waits until each has an
// object or has failed. What happens on which thread:
//
//   lld's thread     everything of lld; LinkListener::driverChosen, jobsReady,
//                    finished
//   pool threads     compileHere, deliver; LinkListener::jobCompiled; finished,
//                    where lld ends the program from such a thread
//   caller's thread  all methods of Link
//
// lld keeps global state: one link at a time in a process. Nobody waits for
// lld's thread to end: it owns its Link together with whoever started it.
#ifndef DTLTO_LINK_LINK_H
#define DTLTO_LINK_LINK_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <string>
#include <vector>

namespace dtlto {

class ThinJobs;
struct ClangModuleArguments;

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

enum class CompileOutcome {
  Compiled, ///< the object is in lld's hands
  Failed,   ///< it does not compile; lld will report it
  Lost ///< the job was settled by another attempt, or cancelled, before this
       ///< one had an object
};

/// Which of lld's drivers does the link.
enum class LinkDriver { ELF, COFF, MinGW, MachO, Wasm };

/// Called on any thread.
class LinkListener {
public:
  virtual ~LinkListener() = default;
  /// lld has decided, and begins. Not called when it knows no driver.
  virtual void driverChosen(LinkDriver Driver) = 0;
  /// The set of jobs is fixed. lld's thread waits until Link::resume.
  virtual void jobsReady() = 0;
  virtual void jobCompiled(unsigned Index, CompileOutcome Outcome,
                           double CompileMs) = 0;
  /// lld is done, or gave up: its output is written.
  virtual void finished(int ExitCode) = 0;
};

/// The options of the link's jobs for workers elsewhere.
struct TravelOptions {
  std::string
      ReasonToCompileHere; ///< not empty: no job of this link may travel
  std::string Text;        ///< for dtlto-codegen: see config_codec.h
  struct File {
    std::string Field;
    std::string Bytes;
  };
  std::vector<File> Files; ///< profiles and the like, for both kinds of workers
  /// For a stock clang: see clang_job.h.
  std::string ReasonNotForClang;
  std::vector<std::string> ClangArgs;
  std::vector<std::pair<size_t, std::string>>
      ClangFiles; ///< argument that ends in a path, field in Files
  bool NeedsObjectName = false;
};

/// A job's individual index with canonical module names: the same job made in
/// another directory has the same bytes.
struct TravelIndex {
  std::string Bytes;
  struct Name {
    std::string ModuleId, Canonical;
    bool IsImported; ///< a definition comes from it
  };
  std::vector<Name> Names; ///< in the order of both kinds of names
};

enum class LinkStdio {
  Inherit, ///< file descriptors 1 and 2, exactly as stock lld; a fatal error of
           ///< lld ends the process
  Capture  ///< kept in memory; a fatal error of lld ends the link only, and its
           ///< memory is freed at the end
};

enum class LinkStart {
  Started,
  AnotherRuns,    ///< in this process
  CannotRunAgain, ///< an earlier link left lld's state unusable
  NoThread
};

class Link : public std::enable_shared_from_this<Link> {
public:
  Link(std::vector<std::string> Arguments, LinkStdio Stdio,
       std::shared_ptr<LinkListener> Listener);

  LinkStart start();

  /// Facts of all jobs, in lld's order; valid from jobsReady to resume.
  std::vector<JobFacts> jobs() const;
  size_t jobCount() const;
  /// How many jobs lld itself would run at a time (--thinlto-jobs).
  unsigned localSlots() const;
  /// Whether lld has reported errors, so that the link fails whatever the
  /// objects are. Valid from jobsReady to resume.
  bool hasErrors() const;

  /// Starts an in-process compile on a pool thread: same Config, same combined
  /// index, no serialisation.
  void compileHere(unsigned Index);
  /// Gives lld the object of a job. False if the job is settled already. What
  /// cannot be stored is lld's error, as if its own backend had made it.
  bool deliver(unsigned Index, llvm::StringRef Object, bool ToCache);
  /// Settles a job as failed: lld reports the message.
  void fail(unsigned Index, llvm::StringRef Message);
  /// See ThinJobs.
  std::string cacheEntry(unsigned Index) const;
  /// LLVM's ThinLTO cache key, empty for a module without hash.
  std::string cacheKey(unsigned Index) const;

  /// The standalone bitcode of a module of the link, in parts: views, valid
  /// until resume. Empty for an unknown id.
  std::vector<llvm::StringRef> moduleParts(llvm::StringRef ModuleId);

  /// Permission to read lld's memory on any thread, for as long as it lives:
  /// lld does not go on before. False from resume or cancel on.
  class Reading {
  public:
    explicit Reading(Link &L) : L(L), Granted(L.beginReading()) {}
    ~Reading() {
      if (Granted)
        L.endReading();
    }
    Reading(const Reading &) = delete;
    explicit operator bool() const { return Granted; }

  private:
    Link &L;
    bool Granted;
  };

  // What a job needs to be compiled elsewhere. travelIndex, checkObject and
  // compileToMemory take long and may be called on any thread that is Reading.

  /// \p Flavour as in `-flavor`-less names: elf, mingw, coff, macho, wasm.
  TravelOptions travelOptions(llvm::StringRef Flavour,
                              const std::vector<std::string> &ReplayedArgs);
  TravelIndex travelIndex(unsigned Index, std::string &Error) const;
  /// For a stock clang, beside travelOptions. Any thread, as travelIndex.
  ClangModuleArguments clangModule(llvm::StringRef Flavour,
                                   unsigned Index) const;
  std::string objectPathName(unsigned Index);
  /// Why these bytes cannot be an object of the link; empty when they may. Any
  /// thread, as travelIndex.
  std::string checkObject(llvm::StringRef Object) const;
  std::vector<std::string> sideOutputPaths(unsigned Index) const;
  void diagnose(llvm::StringRef Severity, llvm::StringRef Text);
  std::string compileToMemory(unsigned Index, std::string &Error) const;

  /// Lets lld go on; every job must be settled (unsettled ones count as
  /// cancelled).
  void resume();
  /// No further compile starts and no further job is waited for; lld ends with
  /// an error.
  void cancel();

  const std::string &capturedStdout() const { return Stdout; }
  const std::string &capturedStderr() const { return Stderr; }

  /// Called by the backend on lld's thread.
  void backendWaits(ThinJobs &Jobs);
  bool isCancelled() const { return Cancelled; }
  LinkListener &listener() { return *Listener; }
  static Link *running();

  /// lld ends the program here: as much of it as is ours ends, and this thread
  /// stays where it is.
  [[noreturn]] void endProgram(int ExitCode);
  void driverChosen(LinkDriver Driver) { Listener->driverChosen(Driver); }

private:
  void run();
  void finish(int ExitCode);
  bool beginReading();
  void endReading();

  const std::vector<std::string> Arguments;
  const LinkStdio Stdio;
  const std::shared_ptr<LinkListener> Listener;
  const pthread_t Caller;
  std::string Stdout, Stderr;
  ThinJobs *Jobs = nullptr; ///< while lld's thread is in backendWaits
  std::mutex Mutex;
  std::condition_variable Changed;
  /// Guarded by Mutex: whether lld waits for jobs, and who reads meanwhile.
  bool Waits = false;
  unsigned Readers = 0;
  /// Not the last of several runs (stockMain): nobody is told of its jobs.
  bool IsRehearsal = false;
  std::atomic<bool> Cancelled{false};
  std::atomic<bool> Finished{false};
};

} // namespace dtlto

#endif
