// The main function of stock lld, for dtlto-lld and for a linker program in Node.
#ifndef DTLTO_LINK_STOCK_MAIN_H
#define DTLTO_LINK_STOCK_MAIN_H

#include "lld/Common/Driver.h"
#include "llvm/ADT/STLFunctionalExtras.h"

// All drivers of lld, for what includes this.
LLD_HAS_DRIVER(coff)
LLD_HAS_DRIVER(elf)
LLD_HAS_DRIVER(mingw)
LLD_HAS_DRIVER(macho)
LLD_HAS_DRIVER(wasm)

namespace dtlto {

/// As lld's own, line by line, but for what each program does before: InitLLVM.
/// LLVM's tests link several times in one process, by LLD_IN_TEST, and show what
/// the last says; \p BeginRun hears which is the last. Most links end the program
/// inside. \returns the exit code.
int stockMain(llvm::ArrayRef<const char *> Arguments,
              llvm::ArrayRef<lld::DriverDef> Drivers,
              llvm::function_ref<void(bool IsLast)> BeginRun);

} // namespace dtlto

#endif
