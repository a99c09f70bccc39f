// Preloaded into Node, only where signals are ignored, as under `nohup`.
//
// The first things that Node does are to take ignored signals back and to set
// handlers of its own, and the first script, which could ignore them again, runs
// 30 ms later: a hang-up in between ended the link. Node sets its signal mask, too,
// so that nothing which survives exec could hold the signal back. This keeps what
// is ignored ignored: in any other program that the variable reaches on the way to
// Node, too, where it does no harm. SIGCHLD is Node's, who waits for its children.
#include <csignal>
#include <dlfcn.h>

extern "C" __attribute__((visibility("default"))) int
sigaction(int Signal, const struct sigaction *New,
          struct sigaction *Old) noexcept {
  using Function = int(int, const struct sigaction *, struct sigaction *);
  auto *Next = reinterpret_cast<Function *>(dlsym(RTLD_NEXT, "sigaction"));
  struct sigaction Now;
  if (!New || Signal == SIGCHLD || Next(Signal, nullptr, &Now) != 0 ||
      Now.sa_handler != SIG_IGN)
    return Next(Signal, New, Old);
  if (Old)
    *Old = Now;
  return 0;
}
