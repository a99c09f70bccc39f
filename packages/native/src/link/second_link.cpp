// The second link.
//
// An object whose form is right can still be wrong: a server that lies, a bit
// that flipped on the way. lld then finds undefined or duplicate symbols or
// relocations that make no sense, and may even crash. Nothing can be repaired in
// a process in that state. So when objects take part that nobody can vouch for,
// what lld writes in its final link is held back; if it fails, this process
// becomes stock lld (exec keeps its number, its parent and its descriptors), and
// what was held back is dropped. If it succeeds, it is let out.
//
// Everything that the second link needs is made beforehand: after a crash no
// memory can be had.
#include "second_link.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"
#include <atomic>
#include <cerrno>
#include <csignal>
#include <dlfcn.h>
#include <fcntl.h>
#include <memory>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

using namespace llvm;

namespace dtlto {

/// SIGXFSZ: a file has become too large, which ends lld with words of LLVM's.
static constexpr int CrashSignals[] = {SIGSEGV, SIGBUS,  SIGILL, SIGFPE,
                                       SIGABRT, SIGTRAP, SIGXFSZ};
static constexpr int Outputs[] = {STDOUT_FILENO, STDERR_FILENO};

namespace {
struct Held {
  explicit Held(SecondLink L) : Link(std::move(L)) {
    for (std::string &Argument : Link.Arguments)
      Argv.push_back(Argument.data());
    Argv.push_back(nullptr);
    // Node's: what was opened with RTLD_DEEPBIND, as this was, sees libc's, which
    // nobody has set.
    auto *Environ =
        static_cast<char ***>(dlsym(dlopen(nullptr, RTLD_LAZY), "environ"));
    for (char **Variable = *Environ; Variable && *Variable; ++Variable)
      Envp.push_back(*Variable);
    Envp.push_back(nullptr);
  }
  SecondLink Link;
  std::vector<char *> Argv, Envp;
  int User[2] = {-1, -1};   ///< where 1 and 2 really lead
  int Memory[2] = {-1, -1}; ///< where they lead meanwhile; may be the same
  struct sigaction Before[std::size(CrashSignals)];
};
} // namespace

/// Never freed: a crash may need it at any time.
static std::atomic<Held *> TheHeld{nullptr};

/// False if not all could be written; errno says why.
static bool writeAll(int FD, const char *Bytes, size_t Size) {
  while (Size > 0) {
    ssize_t Written = write(FD, Bytes, Size);
    if (Written < 0 && errno == EINTR)
      continue;
    if (Written < 0 && errno == EAGAIN) {
      // Whoever shares it with us has made it so; a slow reader is waited for.
      pollfd Writable = {FD, POLLOUT, 0};
      poll(&Writable, 1, -1);
      continue;
    }
    if (Written < 0 && errno == EPIPE) {
      // As a linker that writes there itself: this thread may hold it back.
      sigset_t Pipe;
      sigemptyset(&Pipe);
      sigaddset(&Pipe, SIGPIPE);
      pthread_sigmask(SIG_UNBLOCK, &Pipe, nullptr);
    }
    if (Written <= 0)
      return false;
    Bytes += Written;
    Size -= Written;
  }
  return true;
}

static bool copyAll(int From, int To) {
  char Buffer[65536];
  lseek(From, 0, SEEK_SET);
  for (ssize_t Size; (Size = read(From, Buffer, sizeof(Buffer))) > 0;)
    if (!writeAll(To, Buffer, Size))
      return false;
  return true;
}

static void restoreOutputs(Held &H) {
  for (int I : {0, 1})
    dup2(H.User[I], Outputs[I]);
}

/// What was held back, to where it was meant for. False if stdout does not take
/// it; what stderr does not take is lost in LLVM, too.
static bool letOut(Held &H) {
  restoreOutputs(H);
  bool IsOut = copyAll(H.Memory[0], STDOUT_FILENO);
  int Error = errno;
  if (H.Memory[1] != H.Memory[0])
    copyAll(H.Memory[1], STDERR_FILENO);
  errno = Error;
  return IsOut;
}

/// Returns if that is not possible.
static void becomeStockLinker(Held &H) {
  sigset_t None;
  sigemptyset(&None);
  pthread_sigmask(SIG_SETMASK, &None, nullptr);
  execve(H.Link.Program.c_str(), H.Argv.data(), H.Envp.data());
}

static void onCrash(int Signal, siginfo_t *, void *) {
  static std::atomic<pid_t> Crashed{0};
  Held *H = TheHeld;
  pid_t Nobody = 0;
  // Node has uses of its own for such signals on its thread.
  if (H && gettid() != getpid() &&
      Crashed.compare_exchange_strong(Nobody, gettid())) {
    sys::RunInterruptHandlers(); // removes lld's temporary files
    startSecondLink();
  } else if (Nobody != 0 && Nobody != gettid()) {
    // lld links on many threads, and one wrong object may crash several: the first
    // one is about to start the second link, or to end the process.
    for (;;)
      pause();
  }
  for (size_t I = 0; H && I < std::size(CrashSignals); ++I)
    sigaction(CrashSignals[I], &H->Before[I], nullptr);
  if (H)
    letOut(*H);
  raise(Signal); // to whoever had it before
}

bool holdOutput(SecondLink Link) {
  if (TheHeld || access(Link.Program.c_str(), X_OK) != 0)
    return false;
  auto H = std::make_unique<Held>(std::move(Link));
  struct stat Out, Err;
  bool Same = fstat(STDOUT_FILENO, &Out) == 0 &&
              fstat(STDERR_FILENO, &Err) == 0 && Out.st_dev == Err.st_dev &&
              Out.st_ino == Err.st_ino;
  for (int I : {0, 1}) {
    H->User[I] = fcntl(Outputs[I], F_DUPFD_CLOEXEC, 3);
    H->Memory[I] =
        I && Same ? H->Memory[0] : memfd_create("dtlto output", MFD_CLOEXEC);
  }
  if (H->User[0] < 0 || H->User[1] < 0 || H->Memory[0] < 0 ||
      H->Memory[1] < 0) {
    for (int FD :
         {H->User[0], H->User[1], H->Memory[0], Same ? -1 : H->Memory[1]})
      if (FD >= 0)
        close(FD);
    return false;
  }
  outs().flush();
  for (int I : {0, 1})
    dup2(H->Memory[I], Outputs[I]);
  TheHeld = H.get();
  struct sigaction Action = {};
  Action.sa_sigaction = onCrash;
  Action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  for (size_t I = 0; I < std::size(CrashSignals); ++I)
    sigaction(CrashSignals[I], &Action, &H->Before[I]);
  (void)H.release();
  return true;
}

void releaseOutput() {
  Held *H = TheHeld.exchange(nullptr);
  if (!H)
    return;
  for (size_t I = 0; I < std::size(CrashSignals); ++I)
    sigaction(CrashSignals[I], &H->Before[I], nullptr);
  if (letOut(*H))
    return;
  // A full disk, a reader that is gone: where lld writes there itself that is an
  // error, with its own words and before there is an output. So it does.
  int Error = errno;
  becomeStockLinker(*H);
  errs() << "LLVM ERROR: IO failure on output stream: "
         << std::generic_category().message(Error) << '\n';
  _exit(1);
}

void startSecondLink() {
  Held *H = TheHeld;
  if (!H)
    return;
  for (const std::string &Path : H->Link.Remove)
    unlink(Path.c_str());
  restoreOutputs(*H);
  writeAll(STDERR_FILENO, H->Link.Notice.data(), H->Link.Notice.size());
  becomeStockLinker(*H);
}

} // namespace dtlto
