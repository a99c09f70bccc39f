// What is noted of a compile in this process so that its result may stand in for
// another compile of the same job, elsewhere and later.
#ifndef DTLTO_LINK_COMPILE_NOTES_H
#define DTLTO_LINK_COMPILE_NOTES_H

#include "job/codegen_job.h"
#include <mutex>

namespace llvm {
class Module;
}

namespace dtlto {

struct CompileNotes {
  std::vector<Diagnostic> Diagnostics;
  /// Something other than a diagnostic was printed to descriptor 2 during this
  /// compile, perhaps by another one. Whoever takes the result from a cache would
  /// not print it, so it is not stored.
  bool Printed = false;
  /// The object may depend on files that are no part of the job.
  bool MayReadFiles = false;
};

struct MadeHere {
  std::vector<Diagnostic> Diagnostics;
  /// lld's memory.
  llvm::StringRef Object;
  /// The file that has the object, if it is not in memory.
  std::string Path;
};

/// Whether inline assembly of the module, as it was compiled, may have read files
/// (.incbin, .include). No search of the text finds them all (file_access.cpp),
/// so any directive counts, and what may become one.
bool mayReadFiles(const llvm::Module &Compiled);

/// Bytes that LLVM has printed on descriptor 2 beside diagnostics, on any thread.
uint64_t printedBytes();

/// What is printed while one lives is a diagnostic.
class DiagnosticPrinting {
public:
  DiagnosticPrinting();
  ~DiagnosticPrinting();
  DiagnosticPrinting(const DiagnosticPrinting &) = delete;

private:
  std::unique_lock<std::timed_mutex> Lock;
  const uint64_t Before;
};

} // namespace dtlto

#endif
