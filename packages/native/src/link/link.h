// One link: lld on a thread of its own.
//
// lld knows nothing of us. It runs, unmodified, on one thread; when it asks for
// the in-process ThinLTO backend it gets ours (thin_jobs.cpp), which hands
// the backend jobs of the link to a LinkListener and waits until each has an
// object or has failed. What happens on which thread:
//
//   lld's thread     everything of lld; LinkListener::driverChosen, jobsReady,
//                    finished
//   pool threads     ThinJobs::compileInProcess, deliver; LinkListener::jobCompiled; finished,
//                    where lld ends the program from such a thread
//   caller's thread  all methods of Link, and those of ThinJobs that its
//                    header names for it
//
// lld keeps global state: one link at a time in a process. Nobody waits for
// lld's thread to end: it owns its Link together with whoever started it.
#ifndef DTLTO_LINK_LINK_H
#define DTLTO_LINK_LINK_H

#include "job/link_flavour.h"
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <string>
#include <vector>

namespace dtlto {

class ThinJobs;

enum class CompileOutcome {
  Compiled, ///< the object is in lld's hands
  Failed,   ///< it does not compile; lld will report it
  Lost ///< the job was settled by another attempt, or cancelled, before this
       ///< one had an object
};

/// Called on any thread.
class LinkListener {
public:
  virtual ~LinkListener() = default;
  /// lld has decided, and begins. Not called when it knows no driver.
  virtual void driverChosen(LinkFlavour Flavour) = 0;
  /// The set of jobs is fixed. lld's thread waits until Link::resume.
  virtual void jobsReady() = 0;
  /// \p EndedMs: on the monotonic clock, in milliseconds.
  virtual void jobCompiled(unsigned Index, CompileOutcome Outcome,
                           double CompileMs, double EndedMs) = 0;
  /// lld is done, or gave up: its output is written.
  virtual void finished(int ExitCode) = 0;
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

  /// What lld waits for; valid from jobsReady to resume, on the caller's thread
  /// and on any that is Reading.
  ThinJobs &jobs() const { return *Jobs; }
  LinkFlavour flavour() const { return Flavour; }
  /// Whether lld has reported errors, so that the link fails whatever the
  /// objects are. Valid from jobsReady to resume.
  bool hasErrors() const;

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
  /// ThinLTO modules of the link, and how many of them lld's cache had. 0 until
  /// the backend knows; from any thread.
  unsigned thinModules() const { return ThinModules; }
  unsigned cacheHits() const { return CacheHits; }
  void modulesKnown(unsigned Modules, unsigned Hits) {
    ThinModules = Modules;
    CacheHits = Hits;
  }
  LinkListener &listener() { return *Listener; }
  static Link *running();

  /// lld ends the program here: as much of it as is ours ends, and this thread
  /// stays where it is.
  [[noreturn]] void endProgram(int ExitCode);
  void driverChosen(LinkFlavour Chosen);

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
  LinkFlavour Flavour = LinkFlavour::ELF; ///< lld's own choice, once it is made
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
  std::atomic<unsigned> ThinModules{0}, CacheHits{0};
};

} // namespace dtlto

#endif
