// dtlto.toml, as far as it matters before Node starts.
#include "config_file.h"
#include "text.h"
#include <algorithm>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace dtlto {

static constexpr off_t MaxBytes = 1 << 20;

/// From the working directory upwards, whatever they are.
static std::vector<std::string> candidates() {
  std::vector<std::string> Found;
  char *Directory = getcwd(nullptr, 0);
  if (!Directory)
    return Found; // deleted: there is nothing above it
  std::string At = Directory;
  free(Directory);
  for (;;) {
    struct stat Status;
    std::string Candidate = (At == "/" ? "" : At) + "/dtlto.toml";
    if (lstat(Candidate.c_str(), &Status) == 0)
      Found.push_back(Candidate);
    if (At == "/" || At == ".")
      return Found;
    At = directoryOf(At);
  }
}

bool hasConfigFile() { return !candidates().empty(); }

static bool isOwn(const struct stat &Status) {
  return Status.st_uid == geteuid() || Status.st_uid == 0;
}

static bool othersMayWrite(const struct stat &Status) {
  bool IsOwnGroup = Status.st_gid == getegid() && Status.st_gid == geteuid();
  return (Status.st_mode & S_IWOTH) ||
         ((Status.st_mode & S_IWGRP) && !IsOwnGroup);
}

static bool isTrustedDirectory(const std::string &Path) {
  struct stat Status;
  return stat(Path.c_str(), &Status) == 0 && isOwn(Status) &&
         (!othersMayWrite(Status) || (Status.st_mode & S_ISVTX));
}

static bool isTrustedFile(const struct stat &Status) {
  return S_ISREG(Status.st_mode) && isOwn(Status) && !othersMayWrite(Status) &&
         Status.st_size <= MaxBytes;
}

/// Its text, if only the user or root can have written it.
static bool readTrusted(const std::string &Path, std::string &Text) {
  struct stat Status;
  if (lstat(Path.c_str(), &Status) != 0 ||
      (S_ISLNK(Status.st_mode) && !isOwn(Status)))
    return false;
  char *Real = realpath(Path.c_str(), nullptr);
  if (!Real)
    return false;
  std::string Target = Real;
  free(Real);
  if (!isTrustedDirectory(directoryOf(Path)) ||
      !isTrustedDirectory(directoryOf(Target)) ||
      lstat(Target.c_str(), &Status) != 0 || !isTrustedFile(Status))
    return false;
  int File = open(Target.c_str(),
                  O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
  if (File < 0)
    return false;
  bool IsRead = fstat(File, &Status) == 0 && isTrustedFile(Status) &&
                readFile(File, Text);
  close(File);
  return IsRead;
}

/// Of a line `key = value`.
static bool hasValue(const std::string &Line, const std::string &Key,
                     std::string &Value) {
  constexpr const char *Blank = " \t";
  for (const char *Quote : {"", "\"", "'"}) {
    std::string Written = Quote + Key + Quote;
    size_t Start = Line.find_first_not_of(Blank);
    if (Start == std::string::npos ||
        Line.compare(Start, Written.size(), Written) != 0)
      continue;
    size_t Equals = Line.find_first_not_of(Blank, Start + Written.size());
    if (Equals == std::string::npos || Line[Equals] != '=')
      continue;
    size_t Begin = Line.find_first_not_of(Blank, Equals + 1);
    Value = Begin == std::string::npos ? "" : Line.substr(Begin);
    Value.resize(std::min(Value.size(), Value.find_first_of("# \t\r")));
    return true;
  }
  return false;
}

static Wishes wishesOfText(const std::string &Text) {
  Wishes Found;
  for (size_t Start = 0; Start < Text.size();) {
    size_t End = std::min(Text.find('\n', Start), Text.size());
    std::string Line = Text.substr(Start, End - Start), Value;
    if (hasValue(Line, "fallback", Value))
      Found.ForbidsFallback |= Value != "\"local\"" && Value != "'local'";
    else if (hasValue(Line, "required", Value))
      Found.IsRequired |= Value != "false";
    Start = End + 1;
  }
  return Found;
}

Wishes wishesOfFile(const std::string &Named) {
  std::string Text;
  if (!Named.empty()) {
    // One that cannot be read is an error of every link.
    if (!readFile(Named, Text))
      return {true, true};
    return wishesOfText(Text);
  }
  for (const std::string &Candidate : candidates())
    if (readTrusted(Candidate, Text))
      return wishesOfText(Text);
  return {};
}

} // namespace dtlto
