// The manifest of a job: what job.txt and the head of a message hold.
// For job_codec.cpp alone.

#ifndef DTLTO_JOB_MANIFEST_H
#define DTLTO_JOB_MANIFEST_H

#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace dtlto {

/// What a manifest says of a blob.
struct BlobLine {
  enum RoleKind { Own, Import, Index, Options, File } Role;
  std::string Name;
  std::string Digest;
  uint64_t SizeBytes;
  enum TransferKind { Send, Keep, Known } Transfer = Send;
};

struct JobManifest {
  unsigned Task = 0;
  std::string ObjectPathName;
  std::vector<std::string> ReplayedArgs;
  std::vector<BlobLine> Blobs;
  /// SHA-256 of the digests of all blobs, in hexadecimal; empty: absent.
  std::string Contents;
};

llvm::Error badJob(const llvm::Twine &What);

/// Strict: another version, another LLVM, an unknown, misplaced or malformed line
/// and a missing blob are errors.
llvm::Expected<JobManifest> parseManifest(llvm::StringRef Text);

} // namespace dtlto

#endif
