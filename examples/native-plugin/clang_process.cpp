#include "clang_process.h"
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>

namespace fs = std::filesystem;
extern char **environ;

namespace {

std::string readFile(const fs::path &Path) {
  std::ifstream In(Path, std::ios::binary);
  return {std::istreambuf_iterator<char>(In), {}};
}

/// A directory of our own, removed when the job is over.
struct PrivateDirectory {
  PrivateDirectory() {
    std::string Name = (fs::temp_directory_path() / "native-XXXXXX").string();
    if (mkdtemp(Name.data()))
      Path = Name;
  }
  ~PrivateDirectory() {
    std::error_code Ignored;
    if (!Path.empty())
      fs::remove_all(Path, Ignored);
  }
  fs::path Path;
};

pid_t spawnClang(const ClangWork &Work, const fs::path &Directory) {
  std::vector<char *> Argv;
  std::string Program = "clang-22";
  Argv.push_back(Program.data());
  for (const std::string &Arg : Work.Args)
    Argv.push_back(const_cast<char *>(Arg.c_str()));
  Argv.push_back(nullptr);

  posix_spawn_file_actions_t Actions;
  posix_spawn_file_actions_init(&Actions);
  posix_spawn_file_actions_addchdir_np(&Actions, Directory.c_str());
  posix_spawn_file_actions_addopen(&Actions, 2, "stderr.txt",
                                   O_CREAT | O_WRONLY, 0600);
  pid_t Process = 0;
  int Error = posix_spawnp(&Process, Program.c_str(), &Actions, nullptr,
                           Argv.data(), environ);
  posix_spawn_file_actions_destroy(&Actions);
  return Error == 0 ? Process : 0;
}

} // namespace

void Cancellation::cancel() {
  std::lock_guard<std::mutex> Lock(Mutex);
  Cancelled = true;
  if (Process)
    kill(Process, SIGKILL);
}

bool Cancellation::isCancelled() {
  std::lock_guard<std::mutex> Lock(Mutex);
  return Cancelled;
}

ClangAnswer runClang(const ClangWork &Work, Cancellation &Cancel) {
  auto Start = std::chrono::steady_clock::now();
  PrivateDirectory Directory;
  if (Directory.Path.empty())
    return {ClangAnswer::Trouble, "no temporary directory"};
  for (const auto &[Name, Bytes] : Work.Files) {
    fs::path Path = Directory.Path / Name;
    std::error_code Ignored;
    fs::create_directories(Path.parent_path(), Ignored);
    if (!std::ofstream(Path, std::ios::binary)
             .write(Bytes.data(), Bytes.size()))
      return {ClangAnswer::Trouble, "cannot write '" + Path.string() + "'"};
  }

  pid_t Process;
  {
    std::lock_guard<std::mutex> Lock(Cancel.Mutex);
    if (Cancel.Cancelled)
      return {ClangAnswer::Trouble, "cancelled"};
    Process = Cancel.Process = spawnClang(Work, Directory.Path);
  }
  if (!Process)
    return {ClangAnswer::Trouble, "clang-22 cannot be started"};
  // Waited for without being reaped, so that cancel() never kills a stranger
  // who was given the same process number.
  siginfo_t Info;
  while (waitid(P_PID, Process, &Info, WEXITED | WNOWAIT) < 0 &&
         errno == EINTR) {
  }
  int Status = 0;
  {
    std::lock_guard<std::mutex> Lock(Cancel.Mutex);
    Cancel.Process = 0;
    waitpid(Process, &Status, 0);
  }

  std::string Said = readFile(Directory.Path / "stderr.txt");
  if (WIFEXITED(Status) && WEXITSTATUS(Status) == 1)
    return {ClangAnswer::DoesNotCompile, Said};
  if (!WIFEXITED(Status) || WEXITSTATUS(Status) != 0)
    return {ClangAnswer::Trouble, "clang-22 did not end well: " + Said};
  if (!Said.empty())
    return {ClangAnswer::Spoke, Said};
  std::chrono::duration<double, std::milli> Elapsed =
      std::chrono::steady_clock::now() - Start;
  return {ClangAnswer::Object, readFile(Directory.Path / Work.Output),
          Elapsed.count()};
}
