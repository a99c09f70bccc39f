// What jobs need to be compiled in another process, and what their objects must
// be. See remote_jobs.cpp.
#ifndef DTLTO_LINK_REMOTE_JOBS_H
#define DTLTO_LINK_REMOTE_JOBS_H

#include "job/clang_job.h"
#include "thin_jobs.h"
#include <optional>

namespace dtlto {

/// The options of a link's jobs.
struct RemoteOptions {
  std::string ReasonNotRemote; ///< not empty: no job of this link may leave
  std::string Text;            ///< for dtlto-codegen: see config_codec.h
  struct File {
    std::string Field;
    std::string Bytes;
  };
  std::vector<File> Files; ///< profiles and the like, for both kinds of workers
  /// For a stock clang: see clang_job.h.
  std::string ReasonNotForClang;
  std::vector<std::string> ClangArgs;
  /// Argument that ends in a path, field in Files.
  std::vector<std::pair<size_t, std::string>> ClangFiles;
  bool NeedsObjectName = false; ///< the object holds its own name (COFF)
};

/// \p ReplayedArgs as in CodegenJob. The thread that started the link.
RemoteOptions remoteOptions(const ThinJobs &Jobs,
                            const std::vector<std::string> &ReplayedArgs);

/// A job's individual index with canonical module names: the same job made in
/// another directory has the same bytes.
struct RemoteIndex {
  std::string Bytes;
  struct Name {
    std::string ModuleId, Canonical;
    bool IsImported; ///< a definition comes from it
  };
  std::vector<Name> Names; ///< in the order of both kinds of names
};

// These take long; any thread.

llvm::Expected<RemoteIndex> remoteIndex(const ThinJobs &Jobs,
                                        const ThinJob &Job);
/// For a stock clang, beside remoteOptions.
ClangModuleArguments clangModule(ThinJobs &Jobs, const ThinJob &Job);
/// What the job's compile does not read of the modules that it imports from.
struct UnreadImport {
  std::string ModuleId;
  std::vector<UnreadRange> Ranges; ///< of ThinJobs::moduleBytes; in order
};
std::vector<UnreadImport> unreadImports(ThinJobs &Jobs, const ThinJob &Job);
/// The index, and \p ForClang the two others, if a clang can do the job: each way to
/// another thread and back takes as long as they do.
struct RemoteJob {
  RemoteIndex Index;
  std::optional<ClangModuleArguments> Clang;
  std::vector<UnreadImport> Unread;
};
llvm::Expected<RemoteJob> remoteJob(ThinJobs &Jobs, const ThinJob &Job,
                                    bool ForClang);
/// Why these bytes cannot be an object of the link; empty when they may.
std::string checkObject(const ThinJobs &Jobs, llvm::StringRef Object);

} // namespace dtlto

#endif
