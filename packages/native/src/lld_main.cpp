// dtlto-lld: stock lld. lld's own archives and LLVM's own library, with nothing of
// dtlto's between them, and a main that does what lld's does. The launcher
// (packages/dtlto/launcher) becomes this program where nothing asks for dtlto, so
// that users need no lld, and none of a certain version.
#include "link/stock_main.h"
#include "llvm/Support/InitLLVM.h"

using namespace llvm;

int main(int Argc, char **Argv) {
  InitLLVM Init(Argc, Argv);
  const lld::DriverDef Drivers[] = LLD_ALL_DRIVERS;
  return dtlto::stockMain(ArrayRef<const char *>(Argv, Argc), Drivers,
                          [](bool) {});
}
