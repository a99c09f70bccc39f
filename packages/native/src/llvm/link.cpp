// One link: lld on a thread of its own.
#include "link.h"
#include "lld/Common/CommonLinkerContext.h"
#include "lld/Common/Driver.h"
#include "thin_jobs.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/PrettyStackTrace.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <csignal>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace llvm;

LLD_HAS_DRIVER(coff)
LLD_HAS_DRIVER(elf)
LLD_HAS_DRIVER(mingw)
LLD_HAS_DRIVER(macho)
LLD_HAS_DRIVER(wasm)

namespace lld {
// What the stock lld program's main calls; it has no header.
int unsafeLldMain(ArrayRef<const char *> args, raw_ostream &stdoutOS,
                  raw_ostream &stderrOS, ArrayRef<DriverDef> drivers,
                  bool exitEarly);

namespace wasm {
// The one piece of lld's state that a second link in a process finds as the
// first left it ("attempt to add bitcode file after LTO"). lld's header with
// this class is not installed.
class BitcodeFile {
public:
  static bool doneLTO;
};
} // namespace wasm
} // namespace lld

namespace dtlto {

static std::atomic<Link *> Running{nullptr};

Link *Link::running() { return Running; }

Link::Link(std::vector<std::string> Arguments, LinkStdio Stdio,
           LinkListener &Listener)
    : Arguments(std::move(Arguments)), Stdio(Stdio), Listener(Listener) {}

Link::~Link() { join(); }

/// lld recurses deeply (parsers, the inliner in regular LTO): give it what a
/// main thread has, never less than 8 MiB. musl and `ulimit -s unlimited` would
/// give it far less.
static size_t lldStackSize() {
  constexpr size_t Least = size_t(8) << 20;
  constexpr size_t Most = size_t(256) << 20;
  rlimit Limit;
  if (getrlimit(RLIMIT_STACK, &Limit) != 0)
    return Least;
  return std::clamp<size_t>(Limit.rlim_cur, Least, Most);
}

/// LLVM ends the process by exit() where it refuses an option or cannot go on.
/// On a thread beside node's that would destroy node's globals under the event
/// loop, which then may crash before the process has ended.
static void endAtOnce(int Status, void *) {
  if (gettid() == getpid())
    return;
  outs().flush();
  _exit(Status);
}

bool Link::start() {
  Link *None = nullptr;
  if (!Running.compare_exchange_strong(None, this))
    return false;
  pthread_attr_t Attributes;
  pthread_attr_init(&Attributes);
  pthread_attr_setstacksize(&Attributes, lldStackSize());
  auto Entry = [](void *Self) -> void * {
    static_cast<Link *>(Self)->run();
    return nullptr;
  };
  Started = pthread_create(&Thread, &Attributes, Entry, this) == 0;
  pthread_attr_destroy(&Attributes);
  if (!Started)
    Running = nullptr;
  return Started;
}

void Link::join() {
  if (Started)
    pthread_join(Thread, nullptr);
  Started = false;
}

void Link::run() {
  std::vector<const char *> Argv;
  for (const std::string &A : Arguments)
    Argv.push_back(A.c_str());
  const lld::DriverDef Drivers[] = LLD_ALL_DRIVERS;

  int ExitCode = 1;
  if (Stdio == LinkStdio::Inherit) {
    sigset_t Pipe;
    sigemptyset(&Pipe);
    sigaddset(&Pipe, SIGPIPE);
    pthread_sigmask(SIG_UNBLOCK, &Pipe, nullptr);
    // As stock lld's main, in its program: stack traces on crashes, and the end
    // of the process on a fatal error. With exitEarly lld would end the process
    // by itself; without, and without lldMain, it returns and frees nothing,
    // which the caller's early exit makes right.
    sys::PrintStackTraceOnErrorSignal(Argv[0]);
    PrettyStackTraceProgram OnCrash(Argv.size(), Argv.data());
    on_exit(endAtOnce, nullptr);
    ExitCode = lld::unsafeLldMain(Argv, outs(), errs(), Drivers,
                                  /*exitEarly=*/false);
    outs().flush();
    errs().flush();
  } else {
    raw_string_ostream Out(Stdout), Err(Stderr);
    lld::wasm::BitcodeFile::doneLTO = false;
    lld::Result R = lld::lldMain(Argv, Out, Err, Drivers);
    ExitCode = R.retCode;
  }
  Running = nullptr;
  Listener.finished(ExitCode);
}

void Link::backendWaits(ThinJobs &TheJobs) {
  std::unique_lock<std::mutex> Lock(Mutex);
  Jobs = &TheJobs;
  MayResume = false;
  if (!Cancelled) {
    Lock.unlock();
    Listener.jobsReady();
    Lock.lock();
    Resumed.wait(Lock, [this] { return MayResume; });
  }
  Jobs = nullptr;
  // One message for all that was given up; none when a failure says why.
  bool HasFailed = false;
  for (size_t I = 0; I < TheJobs.size(); ++I) {
    ThinJob &Job = TheJobs.job(I);
    std::lock_guard<std::mutex> JobLock(Job.Mutex);
    HasFailed |= Job.Now == ThinJob::State::Failed;
  }
  for (size_t I = 0; I < TheJobs.size(); ++I) {
    ThinJob &Job = TheJobs.job(I);
    bool IsOpen;
    {
      std::lock_guard<std::mutex> JobLock(Job.Mutex);
      IsOpen = Job.Now == ThinJob::State::Open;
    }
    if (IsOpen && !HasFailed)
      TheJobs.fail(Job, createStringError("link cancelled"));
    else if (IsOpen)
      TheJobs.drop(Job);
    HasFailed |= IsOpen;
  }
}

std::vector<JobFacts> Link::jobs() const {
  std::vector<JobFacts> Facts;
  for (size_t I = 0; Jobs && I < Jobs->size(); ++I)
    Facts.push_back(Jobs->facts(Jobs->job(I)));
  return Facts;
}

size_t Link::jobCount() const { return Jobs ? Jobs->size() : 0; }

unsigned Link::localSlots() const { return Jobs ? Jobs->slots() : 0; }

void Link::compileHere(unsigned Index) { Jobs->compileHere(Index); }

bool Link::deliver(unsigned Index, StringRef Object, bool ToCache,
                   std::string &Error) {
  return Jobs->deliver(Jobs->job(Index), Object, ToCache, Error);
}

void Link::fail(unsigned Index, StringRef Message) {
  Jobs->fail(Jobs->job(Index), createStringError(Message));
}

std::string Link::cacheKey(unsigned Index) const {
  return Jobs->cacheKey(Jobs->job(Index));
}

std::vector<StringRef> Link::moduleParts(StringRef ModuleId) {
  const ModuleBytes *Bytes = Jobs->moduleBytes(ModuleId);
  if (!Bytes)
    return {};
  auto Parts = Bytes->parts();
  return std::vector<StringRef>(Parts.begin(), Parts.end());
}

void Link::resume() {
  std::lock_guard<std::mutex> Lock(Mutex);
  MayResume = true;
  Resumed.notify_all();
}

void Link::cancel() {
  Cancelled = true;
  resume();
}

} // namespace dtlto
