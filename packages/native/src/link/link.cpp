// One link: lld on a thread of its own.
#include "link.h"
#include "lld/Common/CommonLinkerContext.h"
#include "lld/Common/ErrorHandler.h"
#include "second_link.h"
#include "stock_main.h"
#include "thin_jobs.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/ManagedStatic.h"
#include "llvm/Support/PluginLoader.h" // has lld's option -load
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <csignal>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace llvm;

namespace lld {
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
/// An earlier link ended where lld cannot start again (lld::Result).
static std::atomic<bool> CannotRunAgain{false};

Link *Link::running() { return Running; }

Link::Link(std::vector<std::string> Arguments, LinkStdio Stdio,
           std::shared_ptr<LinkListener> Listener)
    : Arguments(std::move(Arguments)), Stdio(Stdio),
      Listener(std::move(Listener)), Caller(pthread_self()) {}

/// lld's own drivers: which of them runs is lld's decision, and noted.
template <LinkFlavour Flavour, lld::Driver Link>
static bool runDriver(ArrayRef<const char *> Args, raw_ostream &Out,
                      raw_ostream &Err, bool ExitEarly, bool DisableOutput) {
  dtlto::Link::running()->driverChosen(Flavour);
  return Link(Args, Out, Err, ExitEarly, DisableOutput);
}

static constexpr lld::DriverDef Drivers[] = {
    {lld::WinLink, runDriver<LinkFlavour::COFF, lld::coff::link>},
    {lld::Gnu, runDriver<LinkFlavour::ELF, lld::elf::link>},
    {lld::MinGW, runDriver<LinkFlavour::MinGW, lld::mingw::link>},
    {lld::Darwin, runDriver<LinkFlavour::MachO, lld::macho::link>},
    {lld::Wasm, runDriver<LinkFlavour::Wasm, lld::wasm::link>}};

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

/// LLVM ends the process by exit() where it refuses an option or cannot go on, on
/// whichever thread; so does node, with compiles still running. Neither lives
/// through the destruction of the other's globals. What LLVM itself has to do at
/// exit (outs() writes what is left) comes before this.
static void endAtOnce(int Status, void *) {
  if (Status != 0 && gettid() != getpid())
    startSecondLink();
  releaseOutput();
  _exit(Status);
}

/// Pass plugins take LLVM's symbols from the program that loads them and need
/// not name libLLVM. The addon's libraries are its own until then.
static void shareLibLLVM() {
  Dl_info LibLLVM;
  if (dladdr(reinterpret_cast<void *>(&llvm_shutdown), &LibLLVM))
    dlopen(LibLLVM.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_GLOBAL);
}

/// Node keeps its own stdin, stdout and stderr from child processes; programs
/// that lld starts have lld's.
static void inheritStdio() {
  for (int FD : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    int Flags = fcntl(FD, F_GETFD);
    if (Flags >= 0 && (Flags & FD_CLOEXEC))
      fcntl(FD, F_SETFD, Flags & ~FD_CLOEXEC);
  }
}

LinkStart Link::start() {
  if (CannotRunAgain)
    return LinkStart::CannotRunAgain;
  Link *None = nullptr;
  if (!Running.compare_exchange_strong(None, this))
    return LinkStart::AnotherRuns;
  inheritStdio();
  shareLibLLVM();
  pthread_attr_t Attributes;
  pthread_attr_init(&Attributes);
  pthread_attr_setstacksize(&Attributes, lldStackSize());
  pthread_attr_setdetachstate(&Attributes, PTHREAD_CREATE_DETACHED);
  auto Entry = [](void *Self) -> void * {
    std::unique_ptr<std::shared_ptr<Link>> Owned(
        static_cast<std::shared_ptr<Link> *>(Self));
    (*Owned)->run();
    return nullptr;
  };
  auto Self = std::make_unique<std::shared_ptr<Link>>(shared_from_this());
  pthread_t Thread;
  bool Started = pthread_create(&Thread, &Attributes, Entry, Self.get()) == 0;
  pthread_attr_destroy(&Attributes);
  if (!Started) {
    Running = nullptr;
    return LinkStart::NoThread;
  }
  (void)Self.release(); // the thread's
  return LinkStart::Started;
}

void Link::run() {
  std::vector<const char *> Argv;
  for (const std::string &A : Arguments)
    Argv.push_back(A.c_str());

  if (Stdio == LinkStdio::Inherit) {
    // As stock lld's main, line by line. lld ends the program by itself, in
    // exitLld, which calls sys::Process::Exit: the end of this file.
    sigset_t Pipe; // blocked on node's threads: see actAsLinker
    sigemptyset(&Pipe);
    sigaddset(&Pipe, SIGPIPE);
    pthread_sigmask(SIG_UNBLOCK, &Pipe, nullptr);
    on_exit(endAtOnce, nullptr);
    int Argc = Argv.size();
    const char **ArgvData = Argv.data();
    int ExitCode;
    {
      InitLLVM Init(Argc, ArgvData, /*InstallPipeSignalExitHandler=*/false);
      ExitCode = stockMain(Argv, Drivers,
                           [this](bool IsLast) { IsRehearsal = !IsLast; });
    }
    // Only after LLD_IN_TEST: else lld has ended the program.
    outs().flush();
    endProgram(ExitCode);
  }
  raw_string_ostream Out(Stdout), Err(Stderr);
  lld::wasm::BitcodeFile::doneLTO = false;
  lld::Result R = lld::lldMain(Argv, Out, Err, Drivers);
  if (!R.canRunAgain)
    CannotRunAgain = true;
  Running = nullptr; // before anybody is told, who may start the next one
  finish(R.retCode);
}

void Link::finish(int ExitCode) {
  if (!Finished.exchange(true))
    Listener->finished(ExitCode);
}

void Link::endProgram(int ExitCode) {
  // Other threads of lld may be in the middle of something.
  CannotRunAgain = true;
  if (pthread_equal(Caller, pthread_self()))
    _exit(ExitCode); // over a diagnostic from elsewhere; nobody can be told
  finish(ExitCode);
  while (true)
    pause();
}

void Link::driverChosen(LinkFlavour Chosen) {
  Flavour = Chosen;
  Listener->driverChosen(Chosen);
}

void Link::backendWaits(ThinJobs &TheJobs) {
  if (IsRehearsal) {
    for (size_t I = 0; I < TheJobs.size(); ++I)
      TheJobs.compileInProcess(TheJobs.job(I));
    return; // who called waits for them
  }
  {
    std::unique_lock<std::mutex> Lock(Mutex);
    Jobs = &TheJobs;
    Waits = !Cancelled;
    if (Waits) {
      Lock.unlock();
      Listener->jobsReady();
      Lock.lock();
    }
    Changed.wait(Lock, [this] { return !Waits && Readers == 0; });
    Jobs = nullptr;
  }
  // A linker program says itself why it gives up. lld is nowhere yet.
  if (Cancelled && Stdio == LinkStdio::Inherit)
    endProgram(1);
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

bool Link::beginReading() {
  std::lock_guard<std::mutex> Lock(Mutex);
  if (!Waits)
    return false;
  ++Readers;
  return true;
}

void Link::endReading() {
  std::lock_guard<std::mutex> Lock(Mutex);
  --Readers;
  Changed.notify_all();
}

bool Link::hasErrors() const { return Jobs && lld::errorCount() > 0; }

void Link::resume() {
  std::lock_guard<std::mutex> Lock(Mutex);
  Waits = false;
  Changed.notify_all();
}

void Link::cancel() {
  std::lock_guard<std::mutex> Lock(Mutex);
  Cancelled = true;
  Waits = false;
  Changed.notify_all();
}

} // namespace dtlto

// lld::exitLld ends the program here, at its end, at a fatal error or after too
// many of them: temporary files are gone, timers and statistics printed, output
// is flushed. The process goes on until dtlto has said its own. This binds for
// lld's references alone.
void sys::Process::Exit(int ExitCode, bool) {
  if (auto *Recovery = CrashRecoveryContext::GetCurrent())
    Recovery->HandleExit(ExitCode);
  if (dtlto::Link *Link = dtlto::Link::running())
    Link->endProgram(ExitCode);
  _exit(ExitCode);
}
