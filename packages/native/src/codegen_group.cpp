#include "codegen_group.h"
#include "codegen_fork.h"
#include "job/codegen_job.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <cerrno>
#include <sys/wait.h>

using namespace llvm;
using namespace dtlto;

static Error cannot(const Twine &What, std::error_code EC) {
  return createStringError(EC, "cannot " + What + ": " + EC.message());
}

static SmallString<256> in(StringRef Directory, StringRef Name) {
  SmallString<256> Path(Directory);
  sys::path::append(Path, Name);
  return Path;
}

/// Whether a process of its own has compiled it.
static Expected<bool> compileApart(StringRef Job, StringRef Object,
                                   StringRef SideOutputs,
                                   CompileDirectoryFn Compile) {
  pid_t Process = forkCompiler();
  if (Process == 0) {
    int Code = Compile(Job, Object, SideOutputs);
    outs().flush();
    _exit(Code);
  }
  auto LastError = [] {
    return std::error_code(errno, std::generic_category());
  };
  if (Process < 0)
    return cannot("start a process", LastError());
  int Status = 0;
  while (waitpid(Process, &Status, 0) < 0)
    if (errno != EINTR)
      return cannot("wait for a process", LastError());
  return WIFEXITED(Status) && WEXITSTATUS(Status) == 0;
}

Error dtlto::compileEach(StringRef Jobs, StringRef Outputs,
                         CompileDirectoryFn Compile) {
  std::error_code EC;
  std::vector<std::string> Names;
  for (sys::fs::directory_iterator I(Jobs, EC), End; !EC && I != End;
       I.increment(EC))
    Names.push_back(sys::path::filename(I->path()).str());
  if (EC)
    return cannot("read the directory '" + Jobs + "'", EC);
  llvm::sort(Names);
  // Once, for all.
  initializeTargets();
  for (StringRef Name : Names) {
    SmallString<256> Own = in(Outputs, Name);
    if (std::error_code Failed = sys::fs::create_directories(Own))
      return cannot("make the directory '" + Own + "'", Failed);
    SmallString<256> Object = in(Own, "object.o"), Result = in(Own, "result");
    Expected<bool> IsCompiled =
        compileApart(in(Jobs, Name), Object, Own, Compile);
    if (!IsCompiled)
      return IsCompiled.takeError();
    // What a process has left that did not get to its end is no output.
    if (!*IsCompiled)
      for (StringRef Path : {Object.str(), Result.str()})
        if (std::error_code Failed = sys::fs::remove(Path))
          return cannot("remove '" + Path + "'", Failed);
  }
  return Error::success();
}
