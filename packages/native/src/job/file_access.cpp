// The assembler reads files of a module's choice: `.incbin`, `.include`. No search
// of the text finds them all: macros, `.irp`, variants of dialects (`.inc$(bin$|$)`)
// and operands that are the names of symbols put the words together. And LLVM has
// no hook for the files that inline assembly includes. But all that libLLVM opens, it
// opens by the open() of the program that it is loaded into, if that has one:
// dtlto-codegen has this one. Its system call is the only one of the kind that
// libLLVM imports (its other ways to files, execve and opendir, are closed by the
// options that a job may have: reason_not_remote.cpp).

#include "file_access.h"
#include "scratch_file.h"
#include <cassert>
#include <cerrno>
#include <cstdarg>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace dtlto {

static NoFileAccess *Current = nullptr;

NoFileAccess::NoFileAccess() {
  assert(!Current && "jobs are compiled one at a time");
  Current = this;
}
NoFileAccess::~NoFileAccess() { Current = nullptr; }

bool mayOpen(const char *Path) {
  if (!Current || ScratchFile::isOne(Path))
    return true;
  if (Current->Wanted.empty())
    Current->Wanted = Path;
  return false;
}

} // namespace dtlto

extern "C" __attribute__((visibility("default"))) int open(const char *Path,
                                                           int Flags, ...) {
  va_list Rest;
  va_start(Rest, Flags);
  mode_t Mode = Flags & (O_CREAT | O_TMPFILE) ? va_arg(Rest, mode_t) : 0;
  va_end(Rest);
  if (!dtlto::mayOpen(Path)) {
    errno = EACCES;
    return -1;
  }
  return static_cast<int>(syscall(SYS_openat, AT_FDCWD, Path, Flags, Mode));
}
