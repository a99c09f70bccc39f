// Jobs are read, and results written. The other side of both is TypeScript:
// packages/dtlto/src/distributors/codegen/message.ts.
// See job_codec.cpp for the formats.

#ifndef DTLTO_JOB_CODEC_H
#define DTLTO_JOB_CODEC_H

#include "codegen_job.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <memory>
#include <string>
#include <vector>

namespace dtlto {

constexpr unsigned JobVersion = 3;

/// Name of the manifest in a job's directory.
constexpr llvm::StringLiteral JobManifestName = "job.txt";

/// SHA-256 in hexadecimal.
std::string digestOf(llvm::ArrayRef<llvm::StringRef> Pieces);

/// A job together with its memory.
struct OwnedJob {
  CodegenJob Job;
  std::vector<std::shared_ptr<llvm::MemoryBuffer>> Memory;
};

/// Directory form: job.txt, and each blob in a file named by the beginning of
/// its digest.
/// Reading checks versions, sizes and digests.
llvm::Expected<OwnedJob> readJobDirectory(llvm::StringRef Directory);

/// Fills \p Buffer from the stream: false at its end before the first byte, an
/// error at its end after it.
using ReadFn =
    llvm::function_ref<llvm::Expected<bool>(llvm::MutableArrayRef<char>)>;

/// Message form, for a process that serves many jobs. Blobs that the sender
/// marked are remembered, and later messages may name them without sending them
/// again (imported modules come back in many jobs).
class JobReader {
public:
  /// Also limits what is remembered.
  explicit JobReader(uint64_t MaxMessageBytes = uint64_t(16) << 30)
      : MaxMessageBytes(MaxMessageBytes) {}

  /// The next job; nothing at the end of the stream. After an error from the
  /// stream's framing the stream is unusable: isBroken(). Other errors concern
  /// this message alone.
  llvm::Expected<std::unique_ptr<OwnedJob>> read(ReadFn Read);
  bool isBroken() const { return Broken; }

private:
  uint64_t MaxMessageBytes;
  bool Broken = false;
  uint64_t RememberedBytes = 0;
  llvm::StringMap<std::shared_ptr<llvm::MemoryBuffer>> Remembered;
};

/// The result as a message: header, then object and side outputs. \p JobId: that
/// of the job, if it came as a message.
void writeResultMessage(const CodegenResult &Result, llvm::raw_ostream &OS,
                        llvm::StringRef JobId = "");
/// The message for a job that is refused; \p Reason is for people.
void writeRefusalMessage(llvm::StringRef Reason, llvm::raw_ostream &OS);

} // namespace dtlto

#endif
