// Response files: `@file` arguments, read as lld reads them.
//
// The launcher must know what they contain, and lld reads them again. Files that
// can be read only once (fifos, `@/dev/stdin`, `@<(…)`) are therefore replaced by
// their content; all others stay as they are, and so do their errors, which are
// lld's to report.
#ifndef DTLTO_LAUNCHER_RESPONSE_FILES_H
#define DTLTO_LAUNCHER_RESPONSE_FILES_H

#include <string>
#include <vector>

namespace dtlto {

enum class Quoting {
  Gnu,
  GnuKeepsEmpty, ///< since LLVM 23: `""` is a word
  Windows
};

struct Expansion {
  /// Every response file replaced by its content.
  std::vector<std::string> All;
  /// As given; only those replaced that were read and cannot be read again.
  std::vector<std::string> Readable;
  /// A file could not be read, or contains itself: lld will say so.
  bool HasFailed = false;
};

/// Follows LLVM's cl::ExpansionContext::expandResponseFiles: nested files, names
/// relative to the working directory, UTF-16, what cannot be found stays.
Expansion expandResponseFiles(const std::vector<std::string> &Arguments,
                              Quoting TheQuoting);

/// The tokenizers of LLVM's support library.
std::vector<std::string> tokenize(const std::string &Text, Quoting TheQuoting);

/// A response file in memory with these arguments, named by the path under which
/// this process and those that it becomes can read it. Empty where there is no
/// /proc.
std::string writeResponseFile(const std::vector<std::string> &Arguments,
                              Quoting TheQuoting);

} // namespace dtlto

#endif
