// Response files: `@file` arguments, read as lld reads them.
#include "response_files.h"
#include "text.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dtlto {

static bool isBlank(char C) {
  return C == ' ' || C == '\t' || C == '\r' || C == '\n';
}

static std::vector<std::string> tokenizeGnu(const std::string &Text,
                                            bool KeepsEmpty) {
  std::vector<std::string> Tokens;
  std::string Token;
  char Quote = 0;
  bool WasQuoted = false;
  auto End = [&] {
    // Before 23, LLVM drops empty tokens, quoted ones too.
    if (!Token.empty() || (WasQuoted && KeepsEmpty))
      Tokens.push_back(Token);
    Token.clear();
    WasQuoted = false;
  };
  for (size_t I = 0; I < Text.size(); ++I) {
    char C = Text[I];
    if (C == '\\' && I + 1 < Text.size())
      Token += Text[++I];
    else if (Quote) {
      if (C == Quote)
        Quote = 0;
      else
        Token += C;
    } else if (C == '"' || C == '\'') {
      Quote = C;
      WasQuoted = true;
    } else if (isBlank(C))
      End();
    else
      Token += C;
  }
  End();
  return Tokens;
}

/// Backslashes count only before a double quote: two make one, an odd one takes
/// the quote's meaning away. Returns how many characters were used.
static size_t takeBackslashes(const std::string &Text, size_t Start,
                              std::string &Token) {
  size_t After = Text.find_first_not_of('\\', Start);
  if (After == std::string::npos)
    After = Text.size();
  size_t Count = After - Start;
  bool IsBeforeQuote = After < Text.size() && Text[After] == '"';
  if (!IsBeforeQuote) {
    Token.append(Count, '\\');
    return Count;
  }
  Token.append(Count / 2, '\\');
  if (Count % 2 == 0)
    return Count;
  Token += '"';
  return Count + 1;
}

static std::vector<std::string> tokenizeWindows(const std::string &Text) {
  std::vector<std::string> Tokens;
  std::string Token;
  bool IsInToken = false, IsQuoted = false;
  for (size_t I = 0; I < Text.size();) {
    char C = Text[I];
    bool IsEnd = isBlank(C) || C == '\0';
    if (C == '\\') {
      I += takeBackslashes(Text, I, Token);
      IsInToken = true;
    } else if (C == '"') {
      // Inside quotes two quotes are one.
      bool IsDoubled = IsQuoted && I + 1 < Text.size() && Text[I + 1] == '"';
      if (IsDoubled)
        Token += '"';
      else
        IsQuoted = !IsQuoted;
      I += IsDoubled ? 2 : 1;
      IsInToken = true;
    } else if (IsEnd && !IsQuoted) {
      if (IsInToken)
        Tokens.push_back(Token);
      Token.clear();
      IsInToken = false;
      ++I;
    } else {
      Token += C;
      IsInToken = true;
      ++I;
    }
  }
  if (IsInToken)
    Tokens.push_back(Token);
  return Tokens;
}

std::vector<std::string> tokenize(const std::string &Text, Quoting TheQuoting) {
  std::vector<std::string> Tokens =
      TheQuoting == Quoting::Windows
          ? tokenizeWindows(Text)
          : tokenizeGnu(Text, TheQuoting == Quoting::GnuKeepsEmpty);
  // They become C strings.
  for (std::string &Token : Tokens)
    Token.resize(Token.find('\0') == std::string::npos ? Token.size()
                                                       : Token.find('\0'));
  return Tokens;
}

namespace {

class Expander {
public:
  Expander(Quoting TheQuoting, Expansion &Result)
      : TheQuoting(TheQuoting), Result(Result) {}

  /// Adds the argument, expanded, to \p Into. Returns true if something in it
  /// cannot be read again.
  bool add(const std::string &Argument, std::vector<std::string> &Into) {
    // `@` alone is the working directory, which is no file.
    std::string Path =
        Argument == "@" ? "." : Argument.substr(Argument.empty() ? 0 : 1);
    struct stat Status;
    if (Result.HasFailed || Argument[0] != '@' ||
        stat(Path.c_str(), &Status) != 0) {
      Into.push_back(Argument);
      return false;
    }
    std::string Text;
    if (isOpen(Status) || !readFile(Path, Text) || !toUtf8(Text)) {
      Result.HasFailed = true;
      Into.push_back(Argument);
      return false;
    }
    bool IsReadOnce = S_ISFIFO(Status.st_mode) || S_ISCHR(Status.st_mode);
    Open.push_back(Status);
    for (const std::string &Token : tokenize(Text, TheQuoting))
      IsReadOnce |= add(Token, Into);
    Open.pop_back();
    return IsReadOnce;
  }

private:
  bool isOpen(const struct stat &Status) const {
    for (const struct stat &Other : Open)
      if (Other.st_dev == Status.st_dev && Other.st_ino == Status.st_ino)
        return true;
    return false;
  }

  Quoting TheQuoting;
  Expansion &Result;
  std::vector<struct stat> Open; ///< the files that we are in
};

} // namespace

Expansion expandResponseFiles(const std::vector<std::string> &Arguments,
                              Quoting TheQuoting) {
  Expansion Result;
  Expander TheExpander(TheQuoting, Result);
  for (const std::string &Argument : Arguments) {
    std::vector<std::string> Parts;
    bool IsReadOnce = TheExpander.add(Argument, Parts);
    Result.All.insert(Result.All.end(), Parts.begin(), Parts.end());
    if (IsReadOnce)
      Result.Readable.insert(Result.Readable.end(), Parts.begin(), Parts.end());
    else
      Result.Readable.push_back(Argument);
  }
  return Result;
}

/// In double quotes; both tokenizers drop backslashes before those alone.
static std::string quote(const std::string &Argument, Quoting TheQuoting) {
  std::string Quoted = "\"";
  for (size_t I = 0; I < Argument.size(); ++I) {
    size_t After = Argument.find_first_not_of('\\', I);
    bool NeedsBackslash = Argument[I] == '"';
    if (Argument[I] == '\\')
      NeedsBackslash = TheQuoting != Quoting::Windows ||
                       After == std::string::npos || Argument[After] == '"';
    if (NeedsBackslash)
      Quoted += '\\';
    Quoted += Argument[I];
  }
  return Quoted + "\"\n";
}

std::string writeResponseFile(const std::vector<std::string> &Arguments,
                              Quoting TheQuoting) {
  std::string Text;
  for (const std::string &Argument : Arguments)
    Text += quote(Argument, TheQuoting);
  // Open in the programs that this process becomes; those that lld starts may
  // have it, too.
  int File = memfd_create("response-file", 0);
  if (File < 0)
    return "";
  std::string Path = "/proc/self/fd/" + std::to_string(File);
  for (size_t Written = 0; Written < Text.size();) {
    ssize_t Count = write(File, Text.data() + Written, Text.size() - Written);
    if (Count < 0)
      return "";
    Written += static_cast<size_t>(Count);
  }
  return access(Path.c_str(), R_OK) == 0 ? Path : "";
}

} // namespace dtlto
