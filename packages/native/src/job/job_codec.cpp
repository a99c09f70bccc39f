// A job is a manifest and blobs. The manifest is text, so that a stranded job
// can be read, and so that writing one in another language needs no library:
//
//     dtlto-job 3
//     llvm 22.1.8
//     task 3
//     object "server.o"
//     replay "-inline-threshold=50"
//     blob own "m1" <sha-256> <size>
//     blob import "m0" <sha-256> <size>
//     blob index "" <sha-256> <size>
//     blob options "" <sha-256> <size>
//     blob file "SampleProfile" <sha-256> <size>
//
// Lines stand in this order; replay, import and file may repeat or be absent.
// Strings are quoted as in the options' text (config_codec.h). A last line
// `digest <sha-256>`, which may be absent, is of the lines before it: with it and
// blobs that are named by their digests no damage on the way goes unnoticed.
//
// As a directory: job.txt, and a file for each blob, named by the first 4 digits
// of its digest or more. Before the last line there is then one more,
// `contents <sha-256>`, of the digests of all blob lines, in their order and in
// hexadecimal: so names may be short, and all bytes are checked nevertheless.
//
// As a message: "DTLJ", the manifest's size (32 bits), the blobs' size (64
// bits, both little-endian), the manifest, the blobs in the manifest's order.
// There, a blob line ends in one word more: `send` (the bytes follow), `keep`
// (they follow and are remembered under the digest) or `known` (remembered
// earlier, not sent), so modules, which recur in many jobs of a link, are sent
// once. The digest may be any short name there; when it has the form of a
// digest, it is checked, and then no damaged byte reaches LLVM, whose readers
// are not made for them.
//
// A result is a message: "DTLR", the text's size (32 bits), the size of what
// follows it (64 bits), the SHA-256 of both (32 bytes), the text, the bytes in
// the order of their lines:
//
//     dtlto-result 3
//     job <sha-256>               of the job's manifest, to a message
//     status compiled | failed | refused
//     failure "…"
//     diagnostic error 0 "…"      severity; 1 if the module's id goes before it
//     object <size>
//     output dwo "dwo/3.dwo" <size>
//     stderr <size>
//
// Readers believe no size: each is compared with what its message may hold
// before memory is asked for, and memory grows with the bytes that really
// arrive.

#include "job_codec.h"
#include "job_manifest.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"

using namespace llvm;
using dtlto::badJob;
using dtlto::BlobLine;
using dtlto::JobManifest;

namespace {

constexpr StringLiteral JobMagic = "DTLJ";
constexpr size_t HeaderBytes = 16;
constexpr uint32_t MaxManifestBytes = 64u << 20;

/// In a message a blob's name need not be a digest.
bool hasDigestForm(StringRef Name) {
  return Name.size() == 64 && all_of(Name, isHexDigit);
}

/// In a directory it need not be whole.
bool isDigestPrefix(StringRef Name) {
  return Name.size() >= 4 && Name.size() <= 64 && all_of(Name, isHexDigit);
}

Error checkSize(const BlobLine &Line, StringRef Bytes) {
  if (Bytes.size() == Line.SizeBytes)
    return Error::success();
  return badJob("expected " + Twine(Line.SizeBytes) + " bytes of blob " +
                Line.Digest + " but received " + Twine(Bytes.size()));
}

Error checkDigest(const BlobLine &Line, StringRef Digest) {
  if (Digest.starts_with(Line.Digest))
    return Error::success();
  return badJob("the contents of blob " + Line.Digest +
                " do not have this digest");
}

Error checkBlob(const BlobLine &Line, StringRef Bytes) {
  if (Error E = checkSize(Line, Bytes))
    return E;
  return hasDigestForm(Line.Digest)
             ? checkDigest(Line, dtlto::digestOf({Bytes}))
             : Error::success();
}

dtlto::OwnedJob assemble(JobManifest Parsed,
                         ArrayRef<std::shared_ptr<MemoryBuffer>> Blobs) {
  dtlto::OwnedJob Result;
  Result.Memory = Blobs.vec();
  dtlto::CodegenJob &Job = Result.Job;
  Job.Task = Parsed.Task;
  Job.ObjectPathName = std::move(Parsed.ObjectPathName);
  Job.ReplayedArgs = std::move(Parsed.ReplayedArgs);
  for (auto [Line, Blob] : zip_equal(Parsed.Blobs, Blobs)) {
    StringRef Bytes = Blob->getBuffer();
    switch (Line.Role) {
    case BlobLine::Own:
      Job.Own = {std::move(Line.Name), {Bytes}};
      break;
    case BlobLine::Import:
      Job.Imports.push_back({std::move(Line.Name), {Bytes}});
      break;
    case BlobLine::Index:
      Job.Index = Bytes;
      break;
    case BlobLine::Options:
      Job.Options = Bytes;
      break;
    case BlobLine::File:
      Job.Files.push_back({std::move(Line.Name), Bytes});
      break;
    }
  }
  return Result;
}

} // namespace

std::string dtlto::digestOf(ArrayRef<StringRef> Pieces) {
  SHA256 Hash;
  for (StringRef Piece : Pieces)
    Hash.update(Piece);
  return toHex(Hash.final(), /*LowerCase=*/true);
}

//===----------------------------------------------------------------------===//
// Directories
//===----------------------------------------------------------------------===//

Expected<dtlto::OwnedJob> dtlto::readJobDirectory(StringRef Directory) {
  auto Read = [&](StringRef Name) -> Expected<std::shared_ptr<MemoryBuffer>> {
    SmallString<256> Path(Directory);
    sys::path::append(Path, Name);
    auto Buffer = MemoryBuffer::getFile(Path, /*IsText=*/false,
                                        /*RequiresNullTerminator=*/false);
    if (!Buffer)
      return createStringError(Buffer.getError(),
                               "cannot read '" + Path +
                                   "': " + Buffer.getError().message());
    return std::move(*Buffer);
  };
  auto Text = Read(JobManifestName);
  if (!Text)
    return Text.takeError();
  Expected<JobManifest> Parsed = dtlto::parseManifest((*Text)->getBuffer());
  if (!Parsed)
    return Parsed.takeError();

  struct File {
    std::shared_ptr<MemoryBuffer> Buffer;
    std::string Digest;
  };
  StringMap<File> Files;
  std::vector<std::shared_ptr<MemoryBuffer>> Blobs;
  std::string Digests;
  for (const BlobLine &Line : Parsed->Blobs) {
    if (!isDigestPrefix(Line.Digest))
      return badJob("'" + Line.Digest + "' is no SHA-256 digest");
    File &Known = Files[Line.Digest];
    if (!Known.Buffer) {
      auto Loaded = Read(Line.Digest);
      if (!Loaded)
        return Loaded.takeError();
      Known = {std::move(*Loaded), {}};
      Known.Digest = dtlto::digestOf({Known.Buffer->getBuffer()});
    }
    if (Error E = checkSize(Line, Known.Buffer->getBuffer()))
      return std::move(E);
    if (Error E = checkDigest(Line, Known.Digest))
      return std::move(E);
    Blobs.push_back(Known.Buffer);
    Digests += Known.Digest;
  }
  if (Parsed->Contents != dtlto::digestOf({Digests}))
    return badJob(
        "the contents of its files are not those that it was made of");
  return assemble(std::move(*Parsed), Blobs);
}

//===----------------------------------------------------------------------===//
// Messages
//===----------------------------------------------------------------------===//

/// Reads \p Size bytes; what is missing is an error. Asks for memory in steps.
static Expected<std::unique_ptr<MemoryBuffer>> readBytes(dtlto::ReadFn Read,
                                                         uint64_t Size) {
  SmallVector<char, 0> Bytes;
  uint64_t Step = 1 << 20;
  while (Bytes.size() < Size) {
    size_t Old = Bytes.size();
    Bytes.resize_for_overwrite(Old + std::min(Step, Size - Old));
    Expected<bool> More = Read(MutableArrayRef<char>(Bytes).drop_front(Old));
    if (!More)
      return More.takeError();
    if (!*More)
      return createStringError("the stream ends within a message");
    Step *= 2;
  }
  return std::make_unique<SmallVectorMemoryBuffer>(
      std::move(Bytes), "blob", /*RequiresNullTerminator=*/false);
}

Expected<std::unique_ptr<dtlto::OwnedJob>> dtlto::JobReader::read(ReadFn Read) {
  // Until the framing has been checked, an error leaves no way back into step.
  Broken = true;
  char Header[HeaderBytes];
  Expected<bool> More = Read(Header);
  if (!More)
    return More.takeError();
  if (!*More)
    return nullptr;
  uint32_t TextBytes = support::endian::read32le(Header + 4);
  uint64_t BodyBytes = support::endian::read64le(Header + 8);
  if (StringRef(Header, 4) != JobMagic)
    return createStringError("the stream holds no job message");
  if (TextBytes > MaxManifestBytes || BodyBytes > MaxMessageBytes)
    return createStringError("a message of " + Twine(TextBytes) + " and " +
                             Twine(BodyBytes) + " bytes is too large");
  auto Text = readBytes(Read, TextBytes);
  if (!Text)
    return Text.takeError();

  Expected<JobManifest> Parsed = dtlto::parseManifest((*Text)->getBuffer());
  uint64_t Remaining = BodyBytes;
  bool SizesAgree = true;
  if (Parsed) {
    for (const BlobLine &Line : Parsed->Blobs) {
      if (Line.Transfer == BlobLine::Known)
        continue;
      SizesAgree &= Line.SizeBytes <= Remaining;
      Remaining -= std::min(Line.SizeBytes, Remaining);
    }
    SizesAgree &= Remaining == 0;
  }
  if (!Parsed || !SizesAgree) {
    // The message's own size still tells where the next one begins.
    for (uint64_t Left = BodyBytes; Left;) {
      uint64_t Step = std::min<uint64_t>(Left, 1 << 20);
      auto Skipped = readBytes(Read, Step);
      if (!Skipped) {
        if (!Parsed)
          consumeError(Parsed.takeError());
        return Skipped.takeError();
      }
      Left -= Step;
    }
    Broken = false;
    if (!Parsed)
      return Parsed.takeError();
    return badJob("the sizes of its blobs do not add up to the message's");
  }

  // What is wrong with one blob does not keep the others from being read: the
  // next message begins after them.
  std::vector<std::shared_ptr<MemoryBuffer>> Blobs;
  Error Problem = Parsed->Contents.empty()
                      ? Error::success()
                      : badJob("the line 'contents' is for directories");
  for (const BlobLine &Line : Parsed->Blobs) {
    std::shared_ptr<MemoryBuffer> Blob;
    if (Line.Transfer == BlobLine::Known) {
      Blob = Remembered.lookup(Line.Digest);
      if (!Blob || Blob->getBufferSize() != Line.SizeBytes)
        Problem = joinErrors(
            std::move(Problem),
            badJob("blob " + Line.Digest + " was never sent to this worker"));
    } else {
      auto Bytes = readBytes(Read, Line.SizeBytes);
      if (!Bytes)
        return joinErrors(std::move(Problem), Bytes.takeError());
      Blob = std::move(*Bytes);
      if (Error E = checkBlob(Line, Blob->getBuffer()))
        Problem = joinErrors(std::move(Problem), std::move(E));
      else if (Line.Transfer == BlobLine::Keep &&
               Line.SizeBytes <= MaxMessageBytes - RememberedBytes) {
        RememberedBytes += Line.SizeBytes;
        Remembered[Line.Digest] = Blob;
      }
    }
    Blobs.push_back(std::move(Blob));
  }
  Broken = false;
  if (Problem)
    return std::move(Problem);
  auto Job = std::make_unique<OwnedJob>(assemble(std::move(*Parsed), Blobs));
  Job->Job.Id = digestOf({(*Text)->getBuffer()});
  return Job;
}
