// All programs of dtlto: the name tells which (program.h).
//
// Most links of a build ask for nothing of dtlto's. They become stock lld, at once
// and in every respect: exec of dtlto-lld, which is lld's own archives with a main
// like lld's. All others become Node with the program in dist/. The process stays
// the same throughout.
//
// This program is linked with nothing but the C library, and static parts of C++'s:
// it starts in a millisecond.
#include "config_file.h"
#include "installation.h"
#include "limits.h"
#include "llvm_choice.h"
#include "node.h"
#include "node_check.h"
#include "program.h"
#include "request.h"
#include "response_files.h"
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

extern char **environ;

using namespace dtlto;

namespace {

/// The arguments of a link.
struct Link {
  Program TheProgram;
  Quoting TheQuoting;
  Expansion Arguments;
};

} // namespace

/// What to do about a Node that is missing or too old.
static constexpr const char *NodeAdvice =
    "install Node 20.19 or newer, or let DTLTO_NODE name one";

/// Set by dist/start.cjs, in a Node that is too old, to come back here.
static constexpr const char *Problem = "DTLTO_START_PROBLEM";
static constexpr const char *StartedAs = "DTLTO_START_NAME";
static constexpr const char *StartedLlvm = "DTLTO_START_LLVM";

static void say(const Program &TheProgram, const char *Kind,
                const std::string &Text) {
  std::string Line = TheProgram.Name + ": " + Kind + ": " + Text + "\n";
  // Nobody is left to tell if this fails.
  [[maybe_unused]] ssize_t Written =
      write(STDERR_FILENO, Line.data(), Line.size());
}

/// \returns only if that fails, and then errno.
static int execute(const std::string &Path, const std::string &Argv0,
                   const std::vector<std::string> &Arguments,
                   const std::vector<std::string> &Environment) {
  std::vector<char *> Argv{const_cast<char *>(Argv0.c_str())};
  for (const std::string &Argument : Arguments)
    Argv.push_back(const_cast<char *>(Argument.c_str()));
  Argv.push_back(nullptr);
  std::vector<char *> Variables;
  for (const std::string &Variable : Environment)
    Variables.push_back(const_cast<char *>(Variable.c_str()));
  Variables.push_back(nullptr);
  execve(Path.c_str(), Argv.data(), Variables.data());
  return errno;
}

/// As execute. Command lines that are too long for the kernel, or become so by what
/// we add, go by a response file in memory.
static int executeLink(const std::string &Path, const std::string &Argv0,
                       std::vector<std::string> First,
                       const std::vector<std::string> &Arguments,
                       const std::vector<std::string> &Environment,
                       const Link &TheLink,
                       std::string (*Encode)(const std::string &)) {
  std::vector<std::string> All = First;
  for (const std::string &Argument : Arguments)
    All.push_back(Encode(Argument));
  int Error = execute(Path, Argv0, All, Environment);
  if (Error != E2BIG)
    return Error;
  Expansion Complete = expandResponseFiles(Arguments, TheLink.TheQuoting);
  std::string File = writeResponseFile(Complete.All, TheLink.TheQuoting);
  if (File.empty())
    return Error;
  First.push_back("@" + File);
  return execute(Path, Argv0, First, Environment);
}

static std::vector<std::string> currentEnvironment() {
  std::vector<std::string> Variables;
  for (char **Each = environ; *Each; ++Each)
    Variables.push_back(*Each);
  return Variables;
}

/// Stock lld's path is its argv[0]: it selects the flavour, begins every message,
/// and PDBs embed it.
static std::string stockArgv0(const Installation &Here,
                              const Program &TheProgram) {
  return Here.Chosen.StockBin + "/" + TheProgram.Stock;
}

[[noreturn]] static void
linkWithStockLld(const Installation &Here, const Link &TheLink,
                 const std::vector<std::string> &Arguments) {
  auto AsIs = [](const std::string &Argument) { return Argument; };
  std::string Linker = stockLinker(Here.Chosen);
  int Error = executeLink(Linker, stockArgv0(Here, TheLink.TheProgram), {},
                          Arguments, currentEnvironment(), TheLink, AsIs);
  say(TheLink.TheProgram, "error",
      "cannot start '" + Linker + "': " + strerror(Error) +
          "; install dtlto again");
  exit(1);
}

/// Node cannot do it. What breaks in dtlto costs time, not the link.
[[noreturn]] static void linkWithoutNode(const Installation &Here,
                                         const Link &TheLink,
                                         const std::string &Reason) {
  bool IsWindows = TheLink.TheProgram.isWindows();
  const std::vector<std::string> &All = TheLink.Arguments.All;
  if (TheLink.TheProgram.TheFlavour == Flavour::Tool ||
      !allowsFallback(All, IsWindows)) {
    say(TheLink.TheProgram, "error", Reason);
    exit(1);
  }
  say(TheLink.TheProgram, "warning", Reason + "; this link is not distributed");
  linkWithStockLld(Here, TheLink, withoutOwnOptions(All, IsWindows));
}

/// lld's own words, and then a line of ours: build systems look for the linker's
/// kind and version in the first line (Meson, the Linux kernel) or take the first
/// version of all (CMake). No setting matters to it, and no Node is needed.
static int tellVersions(const Installation &Here, const Link &TheLink) {
  std::vector<std::string> Arguments =
      withoutOwnOptions(TheLink.Arguments.All, TheLink.TheProgram.isWindows());
  signal(SIGCHLD, SIG_DFL); // ignored, it would keep the exit code from us
  pid_t Child = fork();
  if (Child <= 0)
    linkWithStockLld(Here, TheLink, Arguments);
  int Status = 0;
  while (waitpid(Child, &Status, 0) < 0 && errno == EINTR)
    ;
  if (WIFSIGNALED(Status)) {
    signal(WTERMSIG(Status), SIG_DFL);
    raise(WTERMSIG(Status));
  }
  if (!WIFEXITED(Status) || WEXITSTATUS(Status) != 0)
    return WIFEXITED(Status) ? WEXITSTATUS(Status) : 1;
  static constexpr char Line[] = "dtlto " DTLTO_VERSION "\n";
  // What was asked of lld it has said.
  [[maybe_unused]] ssize_t Written =
      write(STDOUT_FILENO, Line, sizeof(Line) - 1);
  return 0;
}

/// A shell script without `#!` is started as shells do.
static int executeNode(const std::string &Path,
                       const std::vector<std::string> &Options,
                       const std::vector<std::string> &First,
                       const std::vector<std::string> &Arguments,
                       const std::vector<std::string> &Environment,
                       const Link &TheLink) {
  std::vector<std::string> All = Options;
  All.insert(All.end(), First.begin(), First.end());
  int Error = executeLink(Path, Path, All, Arguments, Environment, TheLink,
                          encodeArgument);
  if (Error != ENOEXEC)
    return Error;
  All.insert(All.begin(), Path);
  return executeLink("/bin/sh", "sh", All, Arguments, Environment, TheLink,
                     encodeArgument);
}

/// Node opens /dev/null in place of a descriptor 0, 1 or 2 that is closed, and lld
/// could write there. What is opened the wrong way gives it the error that it gets
/// from a closed one: EBADF.
static void keepClosed() {
  for (int Number : {0, 1, 2})
    if (fcntl(Number, F_GETFD) < 0)
      open("/dev/null", Number == 0 ? O_WRONLY : O_RDONLY);
}

[[noreturn]] static void linkWithNode(const Installation &Here,
                                      const char *Argv0, const Link &TheLink) {
  std::string Reason;
  Room TheRoom = roomForNode(Reason);
  if (TheRoom == Room::TooLittle)
    linkWithoutNode(Here, TheLink, Reason);

  // cli/start.cjs and cli/start-information.ts read these.
  std::vector<std::string> First = {
      Here.Script,
      encodeArgument(Here.Launcher),
      encodeArgument(Argv0),
      TheLink.TheProgram.flavourName(),
      encodeArgument(stockArgv0(Here, TheLink.TheProgram)),
      std::to_string(Here.Chosen.Major),
      encodeArgument(Here.Chosen.Directory),
      TheLink.TheQuoting == Quoting::Windows ? "windows" : "gnu",
      ignoredSignals(),
      openDescriptors(),
      descriptorLimit()};
  keepClosed();
  std::vector<std::string> Environment =
      nodeEnvironment(TheRoom, Here.SignalKeeper);
  Reason = std::string("there is no Node: ") + NodeAdvice;
  for (const NodeCandidate &Node : nodeCandidates(Here)) {
    int Error = Node.IsFound ? executeNode(Node.Path, nodeOptions(TheRoom),
                                           First, TheLink.Arguments.Readable,
                                           Environment, TheLink)
                             : ENOENT;
    Reason = "cannot start Node '" + Node.Path + "'" +
             (Node.From.empty() ? "" : ", which " + Node.From + " names") +
             ": " + strerror(Error) + "; " + NodeAdvice;
  }
  linkWithoutNode(Here, TheLink, Reason);
}

/// `dtlto doctor` runs in the very thing that may be wrong: so the first word is
/// ours, in its form.
static void checkNode(const Installation &Here, const Link &TheLink) {
  std::vector<std::string> Environment =
      nodeEnvironment(Room::Enough, Here.SignalKeeper);
  for (const NodeCandidate &Node : nodeCandidates(Here)) {
    if (!Node.IsFound)
      continue;
    std::string Problem = whyNoNode([&] {
      executeNode(Node.Path, {}, {"--version"}, {}, Environment, TheLink);
    });
    if (Problem.empty() && access(Node.Path.c_str(), X_OK) != 0)
      continue; // nor will it be started: the next one is tried
    if (Problem.empty())
      return;
    std::string Name =
        Node.From.empty() ? "" : ", which " + Node.From + " names,";
    printf("Installation\nBAD   Node '%s'%s %s\n      to do: %s\n",
           Node.Path.c_str(), Name.c_str(), Problem.c_str(), NodeAdvice);
    exit(1);
  }
}

/// As lld: the last of several counts, and only the command line itself.
static Quoting responseFileQuoting(Flavour TheFlavour, unsigned LlvmMajor,
                                   const std::vector<std::string> &Arguments) {
  if (TheFlavour == Flavour::Coff)
    return Quoting::Windows;
  const Quoting Gnu = LlvmMajor >= 23 ? Quoting::GnuKeepsEmpty : Quoting::Gnu;
  Quoting Result = Gnu;
  if (TheFlavour != Flavour::Gnu && TheFlavour != Flavour::Wasm)
    return Result;
  for (size_t I = 0; I < Arguments.size(); ++I) {
    std::string Argument = Arguments[I];
    // wasm-ld takes one dash, too.
    if (TheFlavour == Flavour::Wasm && Argument.rfind("-rsp", 0) == 0)
      Argument = "-" + Argument;
    std::string Value;
    if (Argument.rfind("--rsp-quoting=", 0) == 0)
      Value = Argument.substr(strlen("--rsp-quoting="));
    else if (Argument == "--rsp-quoting" && I + 1 < Arguments.size())
      Value = Arguments[++I];
    else
      continue;
    Result = Value == "windows" ? Quoting::Windows : Gnu;
  }
  return Result;
}

/// Out of the environment of whatever follows.
static std::string takeVariable(const char *Name) {
  const char *Value = getenv(Name);
  std::string Taken = Value ? Value : "";
  unsetenv(Name);
  return Taken;
}

int main(int Argc, char **Argv) {
  Installation Here = findInstallation();
  std::string FromNode = takeVariable(Problem);
  std::string Argv0 = decodeArgument(takeVariable(StartedAs));
  if (Argv0.empty())
    Argv0 = Argc > 0 ? Argv[0] : Here.Launcher;
  std::vector<std::string> Arguments;
  for (int I = 1; I < Argc; ++I)
    Arguments.push_back(FromNode.empty() ? Argv[I] : decodeArgument(Argv[I]));

  Link TheLink;
  TheLink.TheProgram = identifyProgram(Argv0.c_str(), Arguments);
  const Program &TheProgram = TheLink.TheProgram;
  std::string Before = takeVariable(StartedLlvm);
  if (!Before.empty()) // who called us then cannot be seen any more
    TheLink.TheProgram.LlvmMajor = strtoul(Before.c_str(), nullptr, 10);
  std::string Wrong = chooseLlvm(Here, TheProgram, Argv0);
  if (!Wrong.empty()) {
    say(TheProgram, "error", Wrong);
    return 1;
  }
  TheLink.TheQuoting =
      responseFileQuoting(TheProgram.TheFlavour, Here.Chosen.Major, Arguments);
  if (TheProgram.TheFlavour == Flavour::Tool)
    TheLink.Arguments = {Arguments, Arguments, false};
  else
    TheLink.Arguments = expandResponseFiles(Arguments, TheLink.TheQuoting);

  if (!FromNode.empty()) {
    restoreEnvironment();
    linkWithoutNode(Here, TheLink, FromNode + "; " + NodeAdvice);
  }
  if (TheProgram.TheFlavour == Flavour::Tool && !Arguments.empty() &&
      Arguments[0] == "doctor")
    checkNode(Here, TheLink);
  if (TheProgram.TheFlavour == Flavour::Tool)
    linkWithNode(Here, Argv0.c_str(), TheLink);
  bool IsWindows = TheProgram.isWindows();
  if (TheLink.Arguments.HasFailed)
    linkWithStockLld(Here, TheLink,
                     withoutOwnOptions(TheLink.Arguments.Readable, IsWindows));
  if (!TheProgram.hasStockName() && asksForVersion(TheLink.Arguments.All))
    return tellVersions(Here, TheLink);
  if (argumentsAsk(TheLink.Arguments.All, IsWindows) || environmentAsks() ||
      hasConfigFile())
    linkWithNode(Here, Argv0.c_str(), TheLink);
  linkWithStockLld(Here, TheLink, TheLink.Arguments.Readable);
}
