// Processes that compile one job each.

#ifndef DTLTO_CODEGEN_FORK_H
#define DTLTO_CODEGEN_FORK_H

#include <unistd.h>
#ifdef __linux__
#include <csignal>
#include <sys/prctl.h>
#endif

namespace dtlto {

/// fork(), but the child ends with its parent: nobody may run on for nobody.
inline pid_t forkCompiler() {
  pid_t Parent = getpid();
  pid_t Process = fork();
  if (Process != 0)
    return Process;
#ifdef __linux__
  prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
  if (getppid() != Parent)
    _exit(1);
  return 0;
}

} // namespace dtlto

#endif
