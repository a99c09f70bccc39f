// Which program of lld, or of dtlto, a name means.
#include "program.h"
#include <cstdlib>
#include <strings.h>

namespace dtlto {

static constexpr struct {
  const char *Ours, *Stock;
} Names[] = {{"ld64.dtlto", "ld64.lld"},
             {"wasm-ld.dtlto", "wasm-ld"},
             {"ld.dtlto", "ld.lld"},
             {"dtlto-link", "lld-link"}};

static bool equalsIgnoringCase(const std::string &A, const char *B) {
  return strcasecmp(A.c_str(), B) == 0;
}

static std::string withoutExe(const std::string &Name) {
  size_t Length = Name.size();
  if (Length > 4 && equalsIgnoringCase(Name.substr(Length - 4), ".exe"))
    return Name.substr(0, Length - 4);
  return Name;
}

/// `x86_64-linux-gnu-ld.dtlto-22` becomes `x86_64-linux-gnu-ld.lld-22`. Names
/// of lld's own stay as they are.
static std::string stockName(const std::string &Name) {
  for (const auto &[Ours, Stock] : Names) {
    std::string Part = Ours;
    size_t At = Name.find(Part);
    if (At == std::string::npos || (At > 0 && Name[At - 1] != '-'))
      continue;
    std::string Rest = Name.substr(At + Part.size());
    if (Rest.empty() || Rest[0] == '-' || equalsIgnoringCase(Rest, ".exe"))
      return Name.substr(0, At) + Stock + Rest;
  }
  return Name;
}

static Flavour flavourOf(const std::string &Word) {
  static constexpr struct {
    const char *Word;
    Flavour TheFlavour;
  } Words[] = {
      {"ld", Flavour::Gnu},       {"ld.lld", Flavour::Gnu},
      {"gnu", Flavour::Gnu},      {"wasm", Flavour::Wasm},
      {"ld-wasm", Flavour::Wasm}, {"link", Flavour::Coff},
      {"ld64", Flavour::MachO},   {"ld64.lld", Flavour::MachO},
      {"darwin", Flavour::MachO},
  };
  for (const auto &Known : Words)
    if (equalsIgnoringCase(Word, Known.Word))
      return Known.TheFlavour;
  return Flavour::Unknown;
}

static Flavour flavourOfName(const std::string &Name) {
  for (size_t Start = 0; Start <= Name.size();) {
    size_t End = Name.find('-', Start);
    if (End == std::string::npos)
      End = Name.size();
    Flavour Found = flavourOf(Name.substr(Start, End - Start));
    if (Found != Flavour::Unknown)
      return Found;
    Start = End + 1;
  }
  return Flavour::Unknown;
}

/// Names of lld's own say nothing about dtlto.
static unsigned llvmMajorOf(const std::string &Name) {
  std::string Whole = withoutExe(Name);
  size_t Dash = Whole.rfind('-');
  if (Dash == std::string::npos || Dash + 1 == Whole.size() ||
      Whole.find_first_not_of("0123456789", Dash + 1) != std::string::npos)
    return 0;
  return strtoul(Whole.c_str() + Dash + 1, nullptr, 10);
}

Program identifyProgram(const char *Argv0,
                        const std::vector<std::string> &Arguments) {
  std::string Path = Argv0;
  std::string Name = Path.substr(Path.rfind('/') + 1);
  if (Name == "dtlto" || Name.rfind("dtlto-", 0) == 0) {
    // Not dtlto-link, but dtlto-22.
    if (stockName(Name) == Name)
      return {Name, Name, Flavour::Tool, llvmMajorOf(Name)};
  }
  std::string Stock = stockName(Name);
  Flavour TheFlavour = flavourOfName(withoutExe(Stock));
  if (Arguments.size() > 1 && Arguments[0] == "-flavor")
    TheFlavour = flavourOf(Arguments[1]);
  return {Name, Stock, TheFlavour, Stock == Name ? 0 : llvmMajorOf(Name)};
}

const char *Program::flavourName() const {
  switch (TheFlavour) {
  case Flavour::Unknown:
    return "unknown";
  case Flavour::Tool:
    return "tool";
  case Flavour::Gnu:
    return "gnu";
  case Flavour::Coff:
    return "coff";
  case Flavour::MachO:
    return "macho";
  case Flavour::Wasm:
    return "wasm";
  }
  return "unknown";
}

} // namespace dtlto
