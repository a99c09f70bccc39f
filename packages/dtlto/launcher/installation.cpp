// Where the parts of this installation are.
#include "installation.h"
#include "text.h"
#include <algorithm>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <sys/auxv.h>
#include <unistd.h>

namespace dtlto {

static bool exists(const std::string &Path) {
  return access(Path.c_str(), F_OK) == 0;
}

static std::string ownPath() {
  char *Real = realpath("/proc/self/exe", nullptr);
  // Without /proc: what the kernel was asked to start.
  if (!Real)
    if (auto *Started = reinterpret_cast<const char *>(getauxval(AT_EXECFN)))
      Real = realpath(Started, nullptr);
  std::string Path = Real ? Real : "";
  free(Real);
  return Path;
}

/// npm's package of the compiled programs (native/src/load.ts).
#if defined(__x86_64__)
#define DTLTO_PLATFORM_PACKAGE "@dtlto/linux-x64-gnu"
#elif defined(__aarch64__)
#define DTLTO_PLATFORM_PACKAGE "@dtlto/linux-arm64-gnu"
#else
#error "what does Node call this processor?"
#endif

/// As Node finds packages, and beside us in a checkout.
static std::string findNative(const std::string &Root) {
  constexpr const char *Build = "/build";
  constexpr const char *Program = "/dtlto-lld";
  std::string Beside = directoryOf(Root) + "/native" + Build;
  if (exists(Beside + Program))
    return Beside;
  for (std::string At = Root;; At = directoryOf(At)) {
    std::string Found =
        (At == "/" ? "" : At) + "/node_modules/" DTLTO_PLATFORM_PACKAGE + Build;
    if (exists(Found + Program) || At == "/" || At == ".")
      return Found;
  }
}

/// Further versions are in directories `llvm-23`, each with a file that names the
/// directory of the stock programs.
static std::vector<Llvm> findLlvms(const std::string &Native) {
  std::vector<Llvm> Llvms = {{DTLTO_LLVM_MAJOR, Native, DTLTO_LLVM_BIN}};
  DIR *Directory = opendir(Native.c_str());
  if (!Directory)
    return Llvms;
  while (dirent *Entry = readdir(Directory)) {
    constexpr const char *Prefix = "llvm-";
    if (strncmp(Entry->d_name, Prefix, strlen(Prefix)) != 0)
      continue;
    Llvm More;
    More.Major = strtoul(Entry->d_name + strlen(Prefix), nullptr, 10);
    More.Directory = Native + "/" + Entry->d_name;
    if (More.Major != DTLTO_LLVM_MAJOR && exists(stockLinker(More)) &&
        readFile(More.Directory + "/stock-bin", More.StockBin))
      Llvms.push_back(More);
  }
  closedir(Directory);
  std::sort(Llvms.begin() + 1, Llvms.end(),
            [](const Llvm &A, const Llvm &B) { return A.Major < B.Major; });
  return Llvms;
}

Installation findInstallation() {
  Installation Here;
  Here.Launcher = ownPath();
  Here.Root = directoryOf(directoryOf(Here.Launcher));
  Here.Llvms = findLlvms(findNative(Here.Root));
  Here.Script = Here.Root + "/dist/start.cjs";
  Here.SignalKeeper = directoryOf(Here.Launcher) + "/dtlto-signals.so";
  return Here;
}

static void addFromPath(const std::string &Name,
                        std::vector<NodeCandidate> &Candidates,
                        const std::string &From) {
  const char *Variable = getenv("PATH");
  std::string Path = Variable ? Variable : "/usr/local/bin:/usr/bin:/bin";
  for (size_t Start = 0; Start <= Path.size();) {
    size_t End = Path.find(':', Start);
    if (End == std::string::npos)
      End = Path.size();
    std::string Directory = Path.substr(Start, End - Start);
    std::string Candidate = (Directory.empty() ? "." : Directory) + "/" + Name;
    if (access(Candidate.c_str(), X_OK) == 0)
      Candidates.push_back({Candidate, From});
    Start = End + 1;
  }
}

std::vector<NodeCandidate> nodeCandidates(const Installation &Here) {
  std::vector<NodeCandidate> Candidates;
  std::string Bundled = directoryOf(Here.Launcher) + "/node";
  if (exists(Bundled))
    Candidates.push_back({Bundled, ""});
  const char *Named = getenv("DTLTO_NODE");
  if (Named && *Named) {
    const bool IsPath = strchr(Named, '/') != nullptr;
    if (!IsPath)
      addFromPath(Named, Candidates, "DTLTO_NODE");
    if (Candidates.empty() || Candidates.back().From.empty())
      Candidates.push_back({Named, "DTLTO_NODE", IsPath});
    return Candidates;
  }
  std::string Recorded;
  if (readFile(Here.Root + "/build/node-path", Recorded) && exists(Recorded))
    Candidates.push_back({Recorded, ""});
  addFromPath("node", Candidates, "");
  return Candidates;
}

} // namespace dtlto
