// What a job may read of the machine that compiles it: nothing.

#ifndef DTLTO_JOB_FILE_ACCESS_H
#define DTLTO_JOB_FILE_ACCESS_H

#include "llvm/ADT/StringRef.h"
#include <string>

namespace dtlto {

/// While one lives, this process opens no file by name but those of ScratchFile.
/// One at a time.
class NoFileAccess {
public:
  NoFileAccess();
  ~NoFileAccess();
  NoFileAccess(const NoFileAccess &) = delete;
  NoFileAccess &operator=(const NoFileAccess &) = delete;

  /// The first file that somebody wanted to open; empty if nobody did.
  llvm::StringRef wanted() const { return Wanted; }

private:
  friend bool mayOpen(const char *);
  std::string Wanted;
};

} // namespace dtlto

#endif
