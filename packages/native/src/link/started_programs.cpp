// Programs that lld starts: --error-handling-script, --thinlto-distributor,
// llvm-symbolizer after a crash.
//
// libLLVM starts them all with posix_spawn, and finds this one: the addon comes
// first where libLLVM's references are looked up (RTLD_DEEPBIND, see load.ts).
// That order is also why it is needed. `environ` of libLLVM is then the
// variable in libc.so, which nobody sets: node is no position-independent
// executable, has a copy of the variable (a copy relocation), and libc itself
// uses that one. And what node changed at its start is not for these programs.
#include "process.h"
#include <csignal>
#include <dlfcn.h>
#include <spawn.h>
#include <sys/resource.h>

namespace {

/// Found as the executable finds it.
template <typename T> T *globalSymbol(const char *Name) {
  static void *const Executable = dlopen(nullptr, RTLD_LAZY);
  return reinterpret_cast<T *>(dlsym(Executable, Name));
}

/// Node raises the limit for itself. Other threads meet the lower one for the
/// millisecond that it takes to start a program.
class LowerDescriptorLimit {
public:
  LowerDescriptorLimit() {
    rlim_t Wanted = dtlto::startedProgramsDescriptorLimit();
    if (!Wanted || getrlimit(RLIMIT_NOFILE, &Ours) != 0 ||
        Wanted >= Ours.rlim_cur)
      return;
    rlimit Lower = {Wanted, Ours.rlim_max};
    IsLower = setrlimit(RLIMIT_NOFILE, &Lower) == 0;
  }
  ~LowerDescriptorLimit() {
    if (IsLower)
      setrlimit(RLIMIT_NOFILE, &Ours);
  }

private:
  rlimit Ours;
  bool IsLower = false;
};

} // namespace

extern "C" __attribute__((visibility("default"))) int
posix_spawn(pid_t *Pid, const char *Path,
            const posix_spawn_file_actions_t *Actions,
            const posix_spawnattr_t *Attributes, char *const Argv[],
            char *const Environment[]) {
  static auto *const Spawn = globalSymbol<decltype(posix_spawn)>("posix_spawn");
  static char ***const Environ = globalSymbol<char **>("environ");
  if (!Environment)
    Environment = *Environ;
  LowerDescriptorLimit Lower;
  if (Attributes || dtlto::actsAsLinker())
    return Spawn(Pid, Path, Actions, Attributes, Argv, Environment);
  // An embedding program: SIGPIPE is node's to ignore, and not for others.
  posix_spawnattr_t Own;
  posix_spawnattr_init(&Own);
  sigset_t Default;
  sigemptyset(&Default);
  sigaddset(&Default, SIGPIPE);
  posix_spawnattr_setsigdefault(&Own, &Default);
  posix_spawnattr_setflags(&Own, POSIX_SPAWN_SETSIGDEF);
  int Result = Spawn(Pid, Path, Actions, &Own, Argv, Environment);
  posix_spawnattr_destroy(&Own);
  return Result;
}
