// Is a program that should be Node one?
#include "node_check.h"
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dtlto {

/// Of cli/start.cjs.
static constexpr unsigned NeededMajor = 20, NeededMinor = 19;
/// Node answers in 50 ms, on a busy machine in some seconds.
static constexpr int PatienceMs = 30000;
/// An exit code for "not started", as shells have it.
static constexpr int NotStarted = 127;

/// Its first line; false if it neither ends nor says anything in time.
static bool readAnswer(int Pipe, std::string &Answer) {
  char Buffer[256];
  pollfd Poll = {Pipe, POLLIN, 0};
  while (Answer.size() < sizeof(Buffer) &&
         Answer.find('\n') == std::string::npos) {
    if (poll(&Poll, 1, PatienceMs) <= 0)
      return false;
    ssize_t Count = read(Pipe, Buffer, sizeof(Buffer));
    if (Count <= 0)
      break;
    Answer.append(Buffer, static_cast<size_t>(Count));
  }
  return true;
}

static std::string howItEnded(int Status) {
  if (WIFSIGNALED(Status))
    return "was ended by signal " + std::to_string(WTERMSIG(Status));
  return "ended with exit code " + std::to_string(WEXITSTATUS(Status));
}

std::string whyNoNode(const std::function<void()> &Execute) {
  int Pipe[2];
  if (pipe2(Pipe, O_CLOEXEC) != 0)
    return "";
  // Where they are ignored, how a child has ended is not told.
  signal(SIGCHLD, SIG_DFL);
  pid_t Child = fork();
  if (Child == 0) {
    int Null = open("/dev/null", O_RDWR);
    dup2(Null, STDIN_FILENO);
    dup2(Null, STDERR_FILENO);
    dup2(Pipe[1], STDOUT_FILENO);
    Execute();
    _exit(NotStarted);
  }
  close(Pipe[1]);
  if (Child < 0) {
    close(Pipe[0]);
    return "";
  }
  std::string Answer;
  bool IsInTime = readAnswer(Pipe[0], Answer);
  close(Pipe[0]);
  unsigned Major, Minor;
  bool IsVersion = sscanf(Answer.c_str(), "v%u.%u.", &Major, &Minor) == 2;
  if (!IsVersion)
    kill(Child, SIGKILL); // it may never end
  int Status = 0;
  while (waitpid(Child, &Status, 0) < 0 && errno == EINTR) {
  }
  if (!IsInTime)
    return "does not answer --version";
  if (Answer.empty() && WIFEXITED(Status) && WEXITSTATUS(Status) == NotStarted)
    return "";
  if (Answer.empty())
    return "is no Node: with --version it " + howItEnded(Status) +
           " and printed nothing";
  if (!IsVersion)
    return "is no Node: with --version it printed '" +
           Answer.substr(0, Answer.find_first_of("\r\n")).substr(0, 80) + "'";
  if (Major > NeededMajor || (Major == NeededMajor && Minor >= NeededMinor))
    return "";
  return "is version " + Answer.substr(1, Answer.find_first_of("\r\n") - 1) +
         ", which is too old";
}

} // namespace dtlto
