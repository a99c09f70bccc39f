// dtlto-codegen for several small jobs, one after the other.

#ifndef DTLTO_CODEGEN_GROUP_H
#define DTLTO_CODEGEN_GROUP_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace dtlto {

/// Compiles the job in a directory, writes the object and, in another
/// directory, `result`. Gives an exit code.
using CompileDirectoryFn = llvm::function_ref<int(
    llvm::StringRef Job, llvm::StringRef Object, llvm::StringRef SideOutputs)>;

/// Compiles the job in each directory of \p Jobs, each in a process of its own:
/// LLVM's options are global, and none must depend on which others there were.
/// That of JOBS/NAME writes OUTPUTS/NAME/object.o and OUTPUTS/NAME/result. A job
/// that does not compile, or whose process LLVM has ended, has neither.
llvm::Error compileEach(llvm::StringRef Jobs, llvm::StringRef Outputs,
                        CompileDirectoryFn Compile);

} // namespace dtlto

#endif
