// A backend compilation from bytes alone.
// See codegen_job.cpp for what makes it equal to the in-process one.

#ifndef DTLTO_JOB_CODEGEN_JOB_H
#define DTLTO_JOB_CODEGEN_JOB_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace dtlto {

/// Bytes in one or several pieces. Views: whoever makes a job keeps the memory.
using Pieces = llvm::SmallVector<llvm::StringRef, 3>;

struct JobModule {
  /// The id under which the job's index knows the module.
  std::string Id;
  Pieces Bytes;
};

struct JobFile {
  std::string Field;
  llvm::StringRef Bytes;
};

struct CodegenJob {
  /// SHA-256, in hexadecimal, of the manifest of a message; empty for a directory.
  std::string Id;
  /// lld's number of the object; part of the names of .dwo and remarks files.
  unsigned Task = 0;
  /// Embedded in COFF objects; see CachedFileStream::ObjectPathName.
  std::string ObjectPathName;
  JobModule Own;
  /// The modules from which definitions are imported.
  std::vector<JobModule> Imports;
  llvm::StringRef Index;
  /// From encodeOptions().
  llvm::StringRef Options;
  std::vector<JobFile> Files;
  /// LLVM's own options ("-name=value") that the linker was given and that
  /// Config::MllvmArgs does not hold. Config's come first.
  std::vector<std::string> ReplayedArgs;
};

struct Diagnostic {
  llvm::DiagnosticSeverity Severity;
  /// lld puts the module's id and a space before it: an error in inline
  /// assembly.
  bool NamesModule = false;
  std::string Text;
};

Diagnostic toDiagnostic(const llvm::DiagnosticInfo &Info);

/// A file that the linker would have written beside the object.
struct SideOutput {
  /// "dwo" or "remarks".
  std::string Kind;
  /// Where the linking process would have written it.
  std::string Path;
  std::string Bytes;
};

struct CodegenResult {
  /// Empty, or why the module does not compile, as thinBackend() puts it.
  std::string Failure;
  /// False also for a module whose compilation was an error diagnostic before
  /// the object was begun.
  bool HasObject = false;
  llvm::SmallVector<char, 0> Object;
  std::vector<Diagnostic> Diagnostics;
  std::vector<SideOutput> SideOutputs;
  /// What was printed on file descriptor 2; only codegen processes capture it.
  std::string StderrText;
  /// True if the linker would accept the result.
  bool compiled() const;
};

/// Compiles. A module that does not compile is a result; an error means that
/// the job itself is no good (malformed, incomplete, other LLVM options than
/// those of this process). One job at a time in a process: what a module may read
/// (file_access.h) and LLVM's options are the process's. What
/// LLVM cannot survive (a crash, report_fatal_error) ends the process. LLVM's own
/// options are global: the first job of a process sets them, one with others is
/// refused.
llvm::Expected<CodegenResult> compileJob(const CodegenJob &Job);

/// Does what every first compile does. A process that forks for each job does it
/// once for all.
void initializeTargets();

/// "22.1.8": the LLVM that is loaded, which must be the one that made the job.
llvm::StringRef llvmVersion();

} // namespace dtlto

#endif
