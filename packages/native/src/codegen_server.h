// dtlto-codegen for a whole machine: many jobs at a time over one stream.
// See codegen_server.cpp for the format.

#ifndef DTLTO_CODEGEN_SERVER_H
#define DTLTO_CODEGEN_SERVER_H

#include "job/codegen_job.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"

namespace dtlto {

using CompileFn =
    llvm::function_ref<llvm::Expected<CodegenResult>(const CodegenJob &)>;

/// Serves until \p In ends: true. False when the streams make no sense or cannot
/// be used any more; why is on stderr. Ends the process, with all that it has
/// started, when the other side neither sends nor takes anything for
/// \p SilenceSeconds. The process must have one thread.
bool serveMany(int In, int Out, unsigned SilenceSeconds, CompileFn Compile);

} // namespace dtlto

#endif
