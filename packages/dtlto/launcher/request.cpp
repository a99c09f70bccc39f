// Does anything ask for dtlto? A link for which nothing does is stock lld's.
#include "request.h"
#include "config_file.h"
#include <cctype>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <strings.h>
#include <unistd.h>

extern char **environ;

namespace dtlto {

static bool startsWith(const std::string &Text, const char *Prefix) {
  return Text.compare(0, strlen(Prefix), Prefix) == 0;
}

/// The option without its dashes, such as `distribute-fallback=none`; empty if
/// it is none of ours.
static std::string ownOption(const std::string &Argument, bool IsWindows) {
  constexpr const char *Begin = "distribute";
  size_t Dashes = startsWith(Argument, "--") ? 2 : 1;
  if (!IsWindows)
    return startsWith(Argument, "--distribute") ? Argument.substr(2) : "";
  if (Argument.empty() || (Argument[0] != '-' && Argument[0] != '/'))
    return "";
  std::string Option = Argument.substr(Dashes);
  if (strncasecmp(Option.c_str(), Begin, strlen(Begin)) != 0)
    return "";
  // A path: /distributed/main.obj.
  size_t End = Option.find_first_of(":=/");
  return End != std::string::npos && Option[End] == '/' ? "" : Option;
}

bool isOwnOption(const std::string &Argument, bool IsWindows) {
  return !ownOption(Argument, IsWindows).empty();
}

/// What the compiler driver left of `-Wl,--distribute=distcc,hosts=a` after it
/// had split it at the comma.
static bool isTrailingPair(const std::string &Argument) {
  size_t I = 0;
  while (I < Argument.size() &&
         (isalnum(static_cast<unsigned char>(Argument[I])) ||
          (I > 0 && (Argument[I] == '-' || Argument[I] == '_'))))
    ++I;
  return I > 0 && islower(static_cast<unsigned char>(Argument[0])) &&
         I < Argument.size() && Argument[I] == '=' &&
         access(Argument.c_str(), F_OK) != 0;
}

std::vector<std::string>
withoutOwnOptions(const std::vector<std::string> &Arguments, bool IsWindows) {
  std::vector<std::string> Rest;
  bool IsAfterDistribute = false;
  for (const std::string &Argument : Arguments) {
    std::string Option = ownOption(Argument, IsWindows);
    if (!Option.empty()) {
      size_t End = Option.find_first_of(IsWindows ? ":=" : "=");
      IsAfterDistribute = End == strlen("distribute");
    } else if (!IsAfterDistribute || !isTrailingPair(Argument)) {
      IsAfterDistribute = false;
      Rest.push_back(Argument);
    }
  }
  return Rest;
}

static bool asksForHelp(const std::string &Argument, bool IsWindows) {
  if (Argument == "--help" || Argument == "-help")
    return true;
  return IsWindows &&
         (Argument == "/?" || Argument == "-?" || Argument == "/help");
}

bool asksForVersion(const std::vector<std::string> &Arguments) {
  if (Arguments.size() == 1 && (Arguments[0] == "-v" || Arguments[0] == "-V"))
    return true;
  for (const std::string &Argument : Arguments)
    if (Argument == "--version")
      return true;
  return false;
}

bool argumentsAsk(const std::vector<std::string> &Arguments, bool IsWindows) {
  for (const std::string &Argument : Arguments)
    if (isOwnOption(Argument, IsWindows) || asksForHelp(Argument, IsWindows))
      return true;
  return false;
}

/// How dtlto is started, and this repository's set-up, tests and benches: they
/// ask for nothing. config/variables.ts knows the same names.
static bool isNoSetting(const std::string &Name) {
  if (Name == "DTLTO_NODE" || Name == "DTLTO_NATIVE" || Name == "DTLTO_LLVM")
    return true;
  for (const char *Prefix :
       {"DTLTO_START_", "DTLTO_TEST_", "DTLTO_FUZZ_", "DTLTO_PARITY_",
        "DTLTO_SKIP_", "DTLTO_LLVM_", "DTLTO_CLANG_"})
    if (startsWith(Name, Prefix))
      return true;
  return false;
}

bool environmentAsks() {
  for (char **Variable = environ; *Variable; ++Variable) {
    char *Equals = strchr(*Variable, '=');
    if (!Equals || !Equals[1] || strncmp(*Variable, "DTLTO_", 6) != 0)
      continue;
    if (!isNoSetting(std::string(*Variable, Equals)))
      return true;
  }
  return false;
}

/// An empty variable counts as unset.
static const char *setVariable(const char *Name) {
  const char *Value = getenv(Name);
  return Value && *Value ? Value : nullptr;
}

static std::string namedConfigFile(const std::vector<std::string> &Arguments,
                                   bool IsWindows) {
  constexpr size_t Length = sizeof("distribute-config=") - 1;
  for (const std::string &Argument : Arguments) {
    std::string Option = ownOption(Argument, IsWindows);
    if (Option.size() > Length && (Option[Length - 1] == '=' || IsWindows) &&
        strncasecmp(Option.c_str(), "distribute-config", Length - 1) == 0)
      return Option.substr(Length);
  }
  const char *Named = setVariable("DTLTO_CONFIG");
  return Named ? Named : "";
}

bool allowsFallback(const std::vector<std::string> &Arguments, bool IsWindows) {
  Wishes File = wishesOfFile(namedConfigFile(Arguments, IsWindows));
  bool Allows = !File.ForbidsFallback, IsRequired = File.IsRequired;
  if (const char *Value = setVariable("DTLTO_FALLBACK"))
    Allows = strcmp(Value, "none") != 0;
  if (const char *Value = setVariable("DTLTO_REQUIRED"))
    IsRequired = strcmp(Value, "0") != 0 && strcmp(Value, "false") != 0 &&
                 strcmp(Value, "off") != 0;
  for (const std::string &Argument : Arguments) {
    std::string Option = ownOption(Argument, IsWindows);
    for (char &C : Option)
      C = C == ':' ? '=' : static_cast<char>(tolower(C));
    if (startsWith(Option, "distribute-fallback="))
      Allows = Option != "distribute-fallback=none";
    else if (startsWith(Option, "distribute-required"))
      IsRequired = Option == "distribute-required" ||
                   Option == "distribute-required=true" ||
                   Option == "distribute-required=on" ||
                   Option == "distribute-required=1";
  }
  return Allows && !IsRequired;
}

} // namespace dtlto
