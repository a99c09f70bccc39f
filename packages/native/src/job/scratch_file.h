// A nameless file with a path, for those parts of LLVM that only take paths.

#ifndef DTLTO_JOB_SCRATCH_FILE_H
#define DTLTO_JOB_SCRATCH_FILE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace dtlto {

/// Memory with a path of this process where the system has such a thing
/// (Linux), else a temporary file. Gone when the object is destroyed; on Linux
/// also when the process is killed.
class ScratchFile {
public:
  static llvm::Expected<ScratchFile> create(llvm::StringRef Contents);
  ScratchFile(ScratchFile &&Other);
  ScratchFile &operator=(ScratchFile &&) = delete;
  ~ScratchFile();

  const std::string &path() const { return Path; }
  /// Whether \p Path belongs to a ScratchFile that has not been destroyed yet.
  static bool isOne(llvm::StringRef Path);
  /// The contents, whoever wrote them by the path.
  llvm::Expected<std::string> read() const;

private:
  ScratchFile(std::string Path, int Descriptor, bool IsTemporary);

  std::string Path;
  int Descriptor;
  bool IsTemporary;
};

} // namespace dtlto

#endif
