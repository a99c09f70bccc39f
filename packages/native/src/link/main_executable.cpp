// lld asks where its program is to find clang's libraries beside it (lld-link's
// default /libpath). It is neither node nor dtlto-lld: it is the stock program that
// argv[0] names. This binds for lld's references alone.
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"

using namespace llvm;

std::string sys::fs::getMainExecutable(const char *Argv0, void *) {
  SmallString<128> Path;
  if (sys::fs::real_path(Argv0, Path))
    return Argv0;
  return std::string(Path);
}
