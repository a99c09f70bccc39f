// The files of one compilation: those that options name, and those that LLVM
// would write beside the object. All of them are memory here.
// For codegen_job.cpp alone.

#ifndef DTLTO_JOB_FILES_H
#define DTLTO_JOB_FILES_H

#include "codegen_job.h"
#include "scratch_file.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/LTO/Config.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <optional>
#include <string>
#include <vector>

namespace dtlto {

/// Files that options name, in the contents that came with the job.
class InputFiles {
public:
  /// Points the options at copies of the contents.
  llvm::Error replace(const CodegenJob &Job, llvm::lto::Config &Conf);
  /// Messages speak of the user's files.
  void restorePaths(std::string &Text) const;

private:
  struct Replaced {
    ScratchFile File;
    std::string OriginalPath;
  };
  std::vector<Replaced> Files;
};

/// The .dwo file, which LLVM writes by path.
class DwoOutput {
public:
  /// The linker gives a directory; LLVM derives from it both the name that the
  /// skeleton unit holds and the path to write. Here they are two things.
  llvm::Error redirect(llvm::lto::Config &Conf, unsigned Task);
  llvm::Error collect(CodegenResult &Result);

private:
  std::optional<ScratchFile> File;
  std::string Path;
};

/// Optimization remarks, which LLVM can write to a stream. Must be destroyed
/// before the context.
class RemarksOutput {
public:
  llvm::Error start(llvm::LLVMContext &Context, llvm::lto::Config &Conf,
                    unsigned Task);
  void collect(CodegenResult &Result);
  ~RemarksOutput() { finish(); }

private:
  void finish();

  std::string Path;
  std::string Bytes;
  llvm::raw_string_ostream OS{Bytes};
  llvm::LLVMContext *Active = nullptr;
};

} // namespace dtlto

#endif
