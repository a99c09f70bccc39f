// The main function of stock lld.
#include "stock_main.h"
#include "lld/Common/ErrorHandler.h"
#include "llvm/Support/Compiler.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"
#include <optional>
#ifdef __linux__
#include <sys/prctl.h>
#endif

using namespace llvm;

namespace lld {
// What the stock lld program's main calls; these have no header.
int unsafeLldMain(ArrayRef<const char *> args, raw_ostream &stdoutOS,
                  raw_ostream &stderrOS, ArrayRef<DriverDef> drivers,
                  bool exitEarly);
extern bool inTestOutputDisabled;
} // namespace lld

namespace dtlto {

static unsigned inTestVerbosity() {
  unsigned Verbosity = 0;
  StringRef(getenv("LLD_IN_TEST")).getAsInteger(10, Verbosity);
  return Verbosity;
}

int stockMain(ArrayRef<const char *> Arguments,
              ArrayRef<lld::DriverDef> Drivers,
              function_ref<void(bool IsLast)> BeginRun) {
#ifdef __linux__
  // The name of the program that was started: lld's time trace holds it.
  prctl(PR_SET_NAME, sys::path::filename(Arguments.front()).str().c_str());
#endif
  sys::Process::UseANSIEscapeCodes(true);
  if (getenv("FORCE_LLD_DIAGNOSTICS_CRASH")) {
    errs() << "crashing due to environment variable "
              "FORCE_LLD_DIAGNOSTICS_CRASH\n";
    LLVM_BUILTIN_TRAP;
  }
  unsigned Runs = inTestVerbosity();
  if (Runs == 0) {
    BeginRun(/*IsLast=*/true);
    return lld::unsafeLldMain(Arguments, outs(), errs(), Drivers,
                              /*exitEarly=*/true);
  }

  std::optional<int> Code;
  CrashRecoveryContext::Enable();
  for (unsigned Left = Runs; Left > 0; --Left) {
    lld::inTestOutputDisabled = Left != 1;
    BeginRun(/*IsLast=*/Left == 1);
    lld::Result Result = lld::lldMain(Arguments, outs(), errs(), Drivers);
    if (!Result.canRunAgain)
      lld::exitLld(Result.retCode);
    if (Code && Result.retCode != *Code)
      return Result.retCode;
    Code = Result.retCode;
  }
  return *Code;
}

} // namespace dtlto
