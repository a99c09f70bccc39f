// The text is described in job_codec.cpp.

#include "job_manifest.h"
#include "config_codec.h"
#include "job_codec.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

using namespace llvm;
using dtlto::BlobLine;

namespace {

constexpr StringLiteral RoleNames[] = {"own", "import", "index", "options",
                                       "file"};
constexpr StringLiteral TransferNames[] = {"send", "keep", "known"};

/// The words of one line.
class LineReader {
public:
  explicit LineReader(StringRef Line) : Rest(Line) {}

  StringRef word() {
    auto [Word, Tail] = Rest.split(' ');
    // A blank that nothing follows is one too many.
    Failed |= Word.empty() || (Tail.empty() && Word.size() < Rest.size());
    Rest = Tail;
    return Word;
  }
  template <class T> T number() {
    T Value = 0;
    Failed |= word().getAsInteger(10, Value);
    return Value;
  }
  std::string quoted() {
    Expected<std::string> Value = dtlto::takeQuoted(Rest);
    if (!Value) {
      consumeError(Value.takeError());
      Failed = true;
      return {};
    }
    if (!Rest.empty())
      Failed |= !Rest.consume_front(" ") || Rest.empty();
    return std::move(*Value);
  }
  template <class Enum, size_t Size>
  Enum oneOf(const StringLiteral (&Names)[Size]) {
    const auto *Found = find(Names, word());
    Failed |= Found == std::end(Names);
    return Enum(Found == std::end(Names) ? 0 : Found - std::begin(Names));
  }
  bool atEnd() const { return Rest.empty(); }
  bool succeeded() const { return !Failed && Rest.empty(); }

private:
  StringRef Rest;
  bool Failed = false;
};

bool isBlobName(StringRef Name) {
  return !Name.empty() && Name.size() <= 128 && all_of(Name, [](char C) {
    return isAlnum(C) || C == '-' || C == '_';
  });
}

} // namespace

Error dtlto::badJob(const Twine &What) {
  return createStringError("job: " + What);
}

Expected<dtlto::JobManifest> dtlto::parseManifest(StringRef Text) {
  JobManifest Result;
  // Each line may only be followed by lines of its own rank or above.
  enum { Version, Llvm, Task, Object, Replay, Blob, Contents, Digest };
  int Rank = -1;
  const StringRef Whole = Text;
  while (!Text.empty()) {
    StringRef Before = Whole.drop_back(Text.size());
    StringRef Line;
    std::tie(Line, Text) = Text.split('\n');
    LineReader In(Line);
    StringRef Key = In.word();
    int This = StringSwitch<int>(Key)
                   .Case("dtlto-job", Version)
                   .Case("llvm", Llvm)
                   .Case("task", Task)
                   .Case("object", Object)
                   .Case("replay", Replay)
                   .Case("blob", Blob)
                   .Case("contents", Contents)
                   .Case("digest", Digest)
                   .Default(-1);
    bool Repeats = This == Rank && (This == Replay || This == Blob);
    bool Follows = This == Rank + 1 || (This == Blob && Rank == Object) ||
                   (This == Digest && Rank == Blob);
    if (This < 0 || (!Repeats && !Follows))
      return badJob("unexpected line '" + Line.take_front(100) + "'");
    Rank = This;
    switch (This) {
    case Version: {
      unsigned Number = In.number<unsigned>();
      if (In.succeeded() && Number != dtlto::JobVersion)
        return badJob("made in version " + Twine(Number) +
                      " of the format, and this worker reads version " +
                      Twine(dtlto::JobVersion));
      break;
    }
    case Llvm: {
      StringRef Made = In.word();
      if (In.succeeded() && Made != dtlto::llvmVersion())
        return badJob("made by LLVM " + Made.take_front(32) +
                      ", and this worker has LLVM " + dtlto::llvmVersion());
      break;
    }
    case Task:
      Result.Task = In.number<unsigned>();
      break;
    case Object:
      Result.ObjectPathName = In.quoted();
      break;
    case Replay:
      Result.ReplayedArgs.push_back(In.quoted());
      break;
    case Blob: {
      BlobLine Blob;
      Blob.Role = In.oneOf<BlobLine::RoleKind>(RoleNames);
      Blob.Name = In.quoted();
      Blob.Digest = In.word().str();
      Blob.SizeBytes = In.number<uint64_t>();
      if (!In.atEnd())
        Blob.Transfer = In.oneOf<BlobLine::TransferKind>(TransferNames);
      if (!isBlobName(Blob.Digest))
        return badJob("'" + StringRef(Blob.Digest).take_front(100) +
                      "' is no digest");
      Result.Blobs.push_back(std::move(Blob));
      break;
    }
    case Contents:
      Result.Contents = In.word().str();
      break;
    case Digest:
      if (In.word() != dtlto::digestOf({Before}))
        return badJob("its manifest was damaged on its way");
      break;
    }
    if (!In.succeeded())
      return badJob("malformed line '" + Line.take_front(100) + "'");
  }

  auto Count = [&](BlobLine::RoleKind Role) {
    return count_if(Result.Blobs,
                    [&](const BlobLine &Line) { return Line.Role == Role; });
  };
  for (auto Role : {BlobLine::Own, BlobLine::Index, BlobLine::Options})
    if (Count(Role) != 1)
      return badJob("expected one blob '" + RoleNames[Role] +
                    "' but received " + Twine(Count(Role)));
  return Result;
}
