// dtlto-lld: stock lld. lld's own archives and LLVM's own library, with nothing of
// dtlto's between them, and a main that does what lld's does. The launcher
// (packages/dtlto/launcher) becomes this program where nothing asks for dtlto, so
// that users need no lld, and none of a certain version.
#include "lld/Common/Driver.h"
#include "lld/Common/ErrorHandler.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"
#include <optional>

using namespace llvm;

LLD_HAS_DRIVER(coff)
LLD_HAS_DRIVER(elf)
LLD_HAS_DRIVER(mingw)
LLD_HAS_DRIVER(macho)
LLD_HAS_DRIVER(wasm)

namespace lld {
// What the stock lld program's main calls; these have no header.
int unsafeLldMain(ArrayRef<const char *> args, raw_ostream &stdoutOS,
                  raw_ostream &stderrOS, ArrayRef<DriverDef> drivers,
                  bool exitEarly);
extern bool inTestOutputDisabled;
} // namespace lld

/// LLD_IN_TEST: LLVM's tests link that many times in one process, and show the last.
static unsigned inTestVerbosity() {
  unsigned Verbosity = 0;
  StringRef(getenv("LLD_IN_TEST")).getAsInteger(10, Verbosity);
  return Verbosity;
}

static int linkSeveralTimes(ArrayRef<const char *> Argv,
                            ArrayRef<lld::DriverDef> Drivers, unsigned Times) {
  std::optional<int> Code;
  CrashRecoveryContext::Enable();
  for (unsigned Left = Times; Left > 0; --Left) {
    lld::inTestOutputDisabled = Left != 1;
    lld::Result Result = lld::lldMain(Argv, outs(), errs(), Drivers);
    if (!Result.canRunAgain)
      lld::exitLld(Result.retCode);
    if (Code && Result.retCode != *Code)
      return Result.retCode;
    Code = Result.retCode;
  }
  return *Code;
}

int main(int Argc, char **Argv) {
  InitLLVM Init(Argc, Argv);
  sys::Process::UseANSIEscapeCodes(true);
  if (getenv("FORCE_LLD_DIAGNOSTICS_CRASH")) {
    errs() << "crashing due to environment variable "
              "FORCE_LLD_DIAGNOSTICS_CRASH\n";
    LLVM_BUILTIN_TRAP;
  }
  const lld::DriverDef Drivers[] = LLD_ALL_DRIVERS;
  ArrayRef<const char *> Arguments(Argv, Argc);
  if (unsigned Times = inTestVerbosity())
    return linkSeveralTimes(Arguments, Drivers, Times);
  return lld::unsafeLldMain(Arguments, outs(), errs(), Drivers,
                            /*exitEarly=*/true);
}
