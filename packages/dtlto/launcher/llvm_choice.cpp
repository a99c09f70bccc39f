// Which LLVM does a link.
#include "llvm_choice.h"
#include <algorithm>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace dtlto {

/// All of \p Text, or 0.
static unsigned parseMajor(const std::string &Text) {
  if (Text.empty() || Text.size() > 4 ||
      Text.find_first_not_of("0123456789") != std::string::npos)
    return 0;
  return strtoul(Text.c_str(), nullptr, 10);
}

/// `llvm-23` with \p Prefix `llvm-`; 0 for anything else.
static unsigned majorAfter(const std::string &Word, const char *Prefix) {
  size_t Length = strlen(Prefix);
  if (Word.compare(0, Length, Prefix) != 0)
    return 0;
  return parseMajor(Word.substr(Length));
}

/// The directory `llvm-23` of `…/llvm-23/bin/NAME`.
static unsigned majorOfDirectory(const std::string &Path) {
  size_t Slash = Path.rfind("/bin/");
  if (Slash == std::string::npos ||
      Path.find('/', Slash + strlen("/bin/")) != std::string::npos)
    return 0;
  size_t Begin = Path.rfind('/', Slash - 1);
  if (Slash == 0 || Begin == std::string::npos)
    return 0;
  return majorAfter(Path.substr(Begin + 1, Slash - Begin - 1), "llvm-");
}

static unsigned majorOfCaller() {
  char Buffer[PATH_MAX];
  std::string Link = "/proc/" + std::to_string(getppid()) + "/exe";
  ssize_t Size = readlink(Link.c_str(), Buffer, sizeof(Buffer));
  if (Size <= 0)
    return 0;
  std::string Path(Buffer, Size);
  std::string Name = Path.substr(Path.rfind('/') + 1);
  if (unsigned Major = majorAfter(Name, "clang-"))
    return Major;
  return Name == "clang" ? majorOfDirectory(Path) : 0;
}

static std::string listOf(const std::vector<Llvm> &Llvms) {
  std::string Text;
  for (const Llvm &Each : Llvms)
    Text += (Text.empty() ? "" : ", ") + std::to_string(Each.Major);
  return Text;
}

std::string chooseLlvm(Installation &Here, const Program &TheProgram,
                       const std::string &Argv0) {
  auto Use = [&](unsigned Major) {
    auto Found =
        std::find_if(Here.Llvms.begin(), Here.Llvms.end(),
                     [&](const Llvm &Each) { return Each.Major == Major; });
    if (Found == Here.Llvms.end())
      return false;
    Here.Chosen = *Found;
    return true;
  };
  auto Demand = [&](unsigned Major, const std::string &By) -> std::string {
    if (Use(Major))
      return "";
    return By + " asks for LLVM " + std::to_string(Major) + ", and '" +
           Here.Root + "' has LLVM " + listOf(Here.Llvms) +
           ": install dtlto for LLVM " + std::to_string(Major) +
           ", or ask for another";
  };

  if (TheProgram.LlvmMajor)
    return Demand(TheProgram.LlvmMajor, "the name '" + TheProgram.Name + "'");
  const char *Named = getenv("DTLTO_LLVM");
  if (Named && *Named) {
    if (unsigned Major = parseMajor(Named))
      return Demand(Major, "DTLTO_LLVM");
    return "DTLTO_LLVM: expected a version of LLVM (" + listOf(Here.Llvms) +
           ") but received '" + Named + "'";
  }
  Here.Chosen = Here.Llvms.front();
  if (Here.Llvms.size() > 1 && !Use(majorOfDirectory(Argv0)))
    Use(majorOfCaller());
  return "";
}

} // namespace dtlto
