// A link's options in the language of a stock clang.
// See clang_job.cpp.

#ifndef DTLTO_JOB_CLANG_JOB_H
#define DTLTO_JOB_CLANG_JOB_H

#include "link_flavour.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/LTO/Config.h"
#include "llvm/TargetParser/Triple.h"
#include <string>
#include <vector>

namespace dtlto {

/// clang words its diagnostics in its own way, and exits with 0 after some errors of
/// ThinLTO. Whoever runs it accepts an object only when clang printed nothing,
/// and has all other jobs compiled at home.
struct ClangArguments {
  /// For `clang ARGS MODULE-ARGS -c -x ir MODULE -fthinlto-index=INDEX -o
  /// OBJECT`, without these files; -O and all that the options ask for. A COFF
  /// object holds its own name (CodeView): there each job needs two arguments
  /// more, -Xclang -object-file-name=<CodegenJob::ObjectPathName>.
  std::vector<std::string> Args;
  /// Files that an argument names: Args[ArgIndex] ends in a path of the linking
  /// machine, and the worker needs the file's contents (option \p Field).
  struct File {
    size_t ArgIndex;
    std::string Field;
    std::string Path;
  };
  std::vector<File> Files;
  /// Not empty: stock clang cannot do this job. Names the option and its value.
  std::string Reason;

  bool canBeExpressed() const { return Reason.empty(); }
};

/// Conservative: an option that no argument is known to reproduce exactly makes
/// the answer no. \p ReplayedArgs as in CodegenJob. Call reasonNotRemote()
/// first.
ClangArguments
clangArguments(const llvm::lto::Config &Conf, LinkFlavour Flavour,
               const llvm::Triple &Target,
               llvm::ArrayRef<std::string> ReplayedArgs,
               llvm::ArrayRef<llvm::StringRef> BitcodeLibFuncs = {});

/// What one job needs beside: MODULE-ARGS.
struct ClangModuleArguments {
  std::vector<std::string> Args;
  /// Not empty: stock clang cannot do this job, and why.
  std::string Reason;
};

/// Of a module, for every job that compiles it or imports from it.
struct ClangModuleFacts {
  /// Not empty: no stock clang may compile functions of it, and why.
  std::string Reason;
  /// Its flags may name a code model or a threshold for large data.
  bool NamesModel = false;
  /// At its scope, or it may have some.
  bool HasAssembly = false;
  std::string Triple;

  /// Reads some records of the module and loads nothing.
  static ClangModuleFacts of(const llvm::BitcodeModule &Module);
};

/// Reads \p Own's header and flags where they matter; no functions. Any thread.
ClangModuleArguments
clangModuleArguments(const llvm::lto::Config &Conf, LinkFlavour Flavour,
                     llvm::BitcodeModule Own, const ClangModuleFacts &Facts,
                     llvm::ArrayRef<const ClangModuleFacts *> Imports);

} // namespace dtlto

#endif
