// How Node is started, and what of the user's environment it does not see.
#include "node.h"
#include "text.h"
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

extern char **environ;

namespace dtlto {

static constexpr const char *Hidden = "DTLTO_START_HIDDEN_";
static constexpr const char *Added = "DTLTO_START_ADDED=";
static constexpr char Hexadecimal = '\1';

/// libfaketime freezes the monotonic clock too, and then no timer of Node's ever
/// ends. With this variable it leaves that clock alone.
static constexpr const char *RealMonotonicClock =
    "FAKETIME_DONT_FAKE_MONOTONIC";

static bool isIgnored(int Signal) {
  struct sigaction Action;
  return sigaction(Signal, nullptr, &Action) == 0 &&
         Action.sa_handler == SIG_IGN;
}

static bool isTimeFaked() {
  const char *Preloaded = getenv("LD_PRELOAD");
  return Preloaded && strstr(Preloaded, "faketime");
}

/// LD_PRELOAD with keep_ignored_signals.cpp, or nothing where nothing is ignored.
/// Not where the path has a separator of that variable: then a signal can still
/// end Node before its first script.
static std::string preloaded(const std::string &SignalKeeper) {
  bool IsAnyIgnored = false;
  for (int Signal :
       {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM,
        SIGPROF, SIGTSTP, SIGTTIN, SIGTTOU, SIGXCPU})
    IsAnyIgnored |= isIgnored(Signal);
  if (!IsAnyIgnored || SignalKeeper.find_first_of(" :") != std::string::npos ||
      access(SignalKeeper.c_str(), R_OK) != 0)
    return "";
  const char *Users = getenv("LD_PRELOAD");
  return Users && *Users ? Users + (":" + SignalKeeper) : SignalKeeper;
}

/// What Node or its libraries read. NODE_VERSION is for those that choose a Node.
static bool isForNode(const std::string &Name) {
  return (Name.rfind("NODE_", 0) == 0 && Name != "NODE_VERSION") ||
         Name.rfind("UV_", 0) == 0 || Name.rfind("OPENSSL_", 0) == 0 ||
         Name.rfind("SSL_CERT_", 0) == 0 ||
         (Name == RealMonotonicClock && isTimeFaked());
}

void restoreEnvironment() {
  std::vector<std::string> Variables;
  for (char **Each = environ; *Each; ++Each)
    Variables.push_back(*Each);
  for (const std::string &Variable : Variables) {
    if (Variable.rfind(Added, 0) == 0) {
      std::string Names = Variable.substr(strlen(Added)) + ",";
      for (size_t End; (End = Names.find(',')) != std::string::npos;
           Names.erase(0, End + 1))
        unsetenv(Names.substr(0, End).c_str());
      unsetenv("DTLTO_START_ADDED");
    }
  }
  for (const std::string &Variable : Variables) {
    size_t Equals = Variable.find('=');
    if (Variable.rfind(Hidden, 0) != 0 || Equals == std::string::npos)
      continue;
    std::string Name = Variable.substr(0, Equals);
    setenv(Name.substr(strlen(Hidden)).c_str(), Variable.c_str() + Equals + 1,
           1);
    unsetenv(Name.c_str());
  }
}

std::vector<std::string> nodeEnvironment(Room TheRoom,
                                         const std::string &SignalKeeper) {
  std::string Preloaded = preloaded(SignalKeeper);
  std::vector<std::string> Variables;
  for (char **Each = environ; *Each; ++Each) {
    std::string Variable = *Each;
    std::string Name = Variable.substr(0, Variable.find('='));
    bool IsHidden =
        isForNode(Name) || (Name == "LD_PRELOAD" && !Preloaded.empty());
    Variables.push_back(IsHidden ? Hidden + Variable : Variable);
  }
  std::string Names;
  auto Add = [&](std::string Name, const std::string &Value) {
    Variables.push_back(Name + "=" + Value);
    Names += (Names.empty() ? "" : ",") + Name;
  };
  if (TheRoom == Room::FewThreads)
    Add("UV_THREADPOOL_SIZE", "1");
  if (isTimeFaked())
    Add(RealMonotonicClock, "1");
  if (!Preloaded.empty())
    Add("LD_PRELOAD", Preloaded);
  if (!Names.empty())
    Variables.push_back(Added + Names);
  return Variables;
}

std::vector<std::string> nodeOptions(Room TheRoom) {
  if (TheRoom == Room::FewThreads)
    return {"--v8-pool-size=0"};
  return {};
}

std::string encodeArgument(const std::string &Argument) {
  if (isUtf8(Argument) && (Argument.empty() || Argument[0] != Hexadecimal))
    return Argument;
  constexpr const char *Digits = "0123456789abcdef";
  std::string Encoded(1, Hexadecimal);
  for (unsigned char Byte : Argument) {
    Encoded += Digits[Byte >> 4];
    Encoded += Digits[Byte & 15];
  }
  return Encoded;
}

std::string decodeArgument(const std::string &Argument) {
  if (Argument.empty() || Argument[0] != Hexadecimal)
    return Argument;
  std::string Decoded;
  for (size_t I = 1; I + 1 < Argument.size(); I += 2)
    Decoded +=
        static_cast<char>(strtoul(Argument.substr(I, 2).c_str(), nullptr, 16));
  return Decoded;
}

static void addNumber(std::string &Numbers, int Number) {
  Numbers += (Numbers.empty() ? "" : ",") + std::to_string(Number);
}

std::string ignoredSignals() {
  std::string Numbers;
  for (int Signal = 1; Signal < 32; ++Signal)
    if (isIgnored(Signal))
      addNumber(Numbers, Signal);
  return Numbers;
}

std::string openDescriptors() {
  std::string Numbers;
  DIR *Directory = opendir("/proc/self/fd");
  // Without /proc: those that a shell or make hands down.
  for (int Number = 3; !Directory && Number < 64; ++Number)
    if (fcntl(Number, F_GETFD) >= 0)
      addNumber(Numbers, Number);
  while (dirent *Entry = Directory ? readdir(Directory) : nullptr) {
    int Number = atoi(Entry->d_name);
    if (Number > 2 && Number != dirfd(Directory))
      addNumber(Numbers, Number);
  }
  if (Directory)
    closedir(Directory);
  return Numbers;
}

std::string descriptorLimit() {
  rlimit Limit;
  if (getrlimit(RLIMIT_NOFILE, &Limit) != 0 || Limit.rlim_cur == RLIM_INFINITY)
    return "0";
  return std::to_string(Limit.rlim_cur);
}

} // namespace dtlto
