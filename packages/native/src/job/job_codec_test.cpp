#include "job_codec.h"
#include "job_manifest.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <gtest/gtest.h>

using namespace llvm;
using namespace dtlto;

namespace {

/// A stream that holds \p Bytes; counts what was asked of it.
struct Stream {
  StringRef Bytes;
  uint64_t Asked = 0;

  Expected<bool> operator()(MutableArrayRef<char> Buffer) {
    Asked += Buffer.size();
    if (Bytes.empty() && !Buffer.empty())
      return false;
    if (Bytes.size() < Buffer.size()) {
      Bytes = "";
      return createStringError("the stream ends");
    }
    std::copy_n(Bytes.begin(), Buffer.size(), Buffer.begin());
    Bytes = Bytes.drop_front(Buffer.size());
    return true;
  }
};

std::string framed(StringRef Manifest, uint64_t BodyBytes, StringRef Body) {
  char Sizes[12];
  support::endian::write32le(Sizes, Manifest.size());
  support::endian::write64le(Sizes + 4, BodyBytes);
  return ("DTLJ" + StringRef(Sizes, 12) + Manifest + Body).str();
}

std::string framed(StringRef Manifest, StringRef Body) {
  return framed(Manifest, Body.size(), Body);
}

std::string headLines() {
  return ("dtlto-job 3\nllvm " + llvmVersion() +
          "\ntask 7\nobject \"a\\22.o\"\n")
      .str();
}

const char *const Replays = "replay \"-x=1\"\nreplay \"-y\"\n";
const char *const Blobs = "blob own \"m1\" o 3 send\n"
                          "blob import \"m0\" i 4 keep\n"
                          "blob index \"\" x 2 send\n"
                          "blob options \"\" p 5 send\n"
                          "blob file \"SampleProfile\" f 1 send\n";
const char *const Body = "ownimpoixoptsxf";

std::string manifest() { return headLines() + Replays + Blobs; }
std::string message() { return framed(manifest(), Body); }

void expectTheJob(const CodegenJob &Job) {
  EXPECT_EQ(Job.Task, 7u);
  EXPECT_EQ(Job.ObjectPathName, "a\".o");
  EXPECT_EQ(Job.ReplayedArgs, (std::vector<std::string>{"-x=1", "-y"}));
  EXPECT_EQ(Job.Own.Id, "m1");
  EXPECT_EQ(join(Job.Own.Bytes, ""), "own");
  ASSERT_EQ(Job.Imports.size(), 1u);
  EXPECT_EQ(Job.Imports[0].Id, "m0");
  EXPECT_EQ(join(Job.Imports[0].Bytes, ""), "impo");
  EXPECT_EQ(Job.Index, "ix");
  EXPECT_EQ(Job.Options, "optsx");
  ASSERT_EQ(Job.Files.size(), 1u);
  EXPECT_EQ(Job.Files[0].Field, "SampleProfile");
  EXPECT_EQ(Job.Files[0].Bytes, "f");
}

/// Empty when there was a job or the end.
std::string problemOf(JobReader &Reader, Stream &In) {
  return toString(Reader.read(In).takeError());
}

std::string problemOf(StringRef Manifest) {
  return toString(parseManifest(Manifest).takeError());
}

TEST(JobMessage, IsReadAsItWasWritten) {
  std::string Two = message() + message();
  Stream In{Two};
  JobReader Reader;
  for (int I = 0; I < 2; ++I) {
    auto Job = Reader.read(In);
    ASSERT_TRUE(bool(Job)) << toString(Job.takeError());
    ASSERT_TRUE(*Job);
    expectTheJob((*Job)->Job);
  }
  auto End = Reader.read(In);
  ASSERT_TRUE(bool(End)) << toString(End.takeError());
  EXPECT_FALSE(*End);
}

TEST(JobMessage, CutOffAnywhereIsAnErrorThatEndsTheStream) {
  std::string Whole = message();
  for (size_t Size = 1; Size < Whole.size(); ++Size) {
    Stream In{StringRef(Whole).take_front(Size)};
    JobReader Reader;
    EXPECT_NE(problemOf(Reader, In), "") << Size;
    EXPECT_TRUE(Reader.isBroken()) << Size;
  }
}

TEST(JobMessage, AsksForNoMemoryBeyondWhatArrives) {
  struct Case {
    std::string Bytes;
    uint64_t AtMost;
  } Cases[] = {
      // Sizes that no message may have: refused from the header.
      {framed(manifest(), ~uint64_t(0), ""), 16},
      {"DTLJ" + std::string(12, '\xff'), 16},
      // Sizes that a message may have, and does not: one step.
      {framed(manifest(), uint64_t(8) << 30, Body), 4 << 20},
      {std::string("DTLJ\0\0\0\4\0\0\0\0\0\0\0\0", 16), 4 << 20},
  };
  for (const Case &C : Cases) {
    Stream In{C.Bytes};
    JobReader Reader;
    EXPECT_NE(problemOf(Reader, In), "");
    EXPECT_TRUE(Reader.isBroken());
    EXPECT_LE(In.Asked, C.AtMost);
  }
}

TEST(JobManifest, MayEndInADigestOfItself) {
  std::string Digest = "digest " + digestOf({manifest()}) + "\n";
  EXPECT_EQ(problemOf(manifest() + Digest), "");
  std::string Damaged = manifest();
  Damaged[Damaged.find("task 7") + 5] = '8';
  EXPECT_EQ(problemOf(Damaged), "");
  EXPECT_EQ(problemOf(Damaged + Digest),
            "job: its manifest was damaged on its way");
  EXPECT_NE(problemOf(manifest() + Digest + Digest), "");
  EXPECT_NE(problemOf(headLines() + Digest + Blobs), "");
}

TEST(JobMessage, HasALimitThatItsReaderSets) {
  std::string Whole = message();
  JobReader Small(strlen(Body) - 1), Enough(strlen(Body));
  Stream First{Whole}, Second{Whole};
  EXPECT_NE(problemOf(Small, First), "");
  EXPECT_EQ(problemOf(Enough, Second), "");
}

TEST(JobMessage, WithSizesThatDoNotAddUpIsSkipped) {
  auto WithSizes = [](StringRef Own, StringRef Index) {
    return framed(headLines() +
                      ("blob own \"m\" o " + Own + " send\nblob index \"\" x " +
                       Index + " send\nblob options \"\" p 0 send\n")
                          .str(),
                  "abc");
  };
  for (auto [Own, Index] : {std::pair("1", "1"),
                            {"4", "0"},
                            {"0", "4"},
                            {"2", "2"},
                            {"9223372036854775808", "9223372036854775808"},
                            {"18446744073709551615", "4"}}) {
    std::string Bytes = WithSizes(Own, Index) + message();
    Stream In{Bytes};
    JobReader Reader;
    EXPECT_NE(problemOf(Reader, In), "") << Own << " " << Index;
    EXPECT_FALSE(Reader.isBroken());
    auto Next = Reader.read(In);
    ASSERT_TRUE(bool(Next)) << toString(Next.takeError());
    expectTheJob((*Next)->Job);
  }
  std::string Bytes = WithSizes("1", "2");
  Stream In{Bytes};
  JobReader Reader;
  EXPECT_EQ(problemOf(Reader, In), "");
}

TEST(JobMessage, WithABadManifestIsSkipped) {
  std::string Bytes = framed("nonsense", std::string(3 << 20, 'x')) + message();
  Stream In{Bytes};
  JobReader Reader;
  EXPECT_NE(problemOf(Reader, In), "");
  EXPECT_FALSE(Reader.isBroken());
  auto Next = Reader.read(In);
  ASSERT_TRUE(bool(Next)) << toString(Next.takeError());
  expectTheJob((*Next)->Job);
}

std::string messageWithImport(StringRef Transfer, StringRef Bytes,
                              StringRef Size = "4") {
  return framed(headLines() +
                    ("blob own \"m1\" o 0 send\nblob import \"m0\" i " + Size +
                     " " + Transfer +
                     "\nblob index \"\" x 0 send\nblob options \"\" p 0 send\n")
                        .str(),
                Bytes);
}

TEST(JobMessage, NamesABlobThatAnEarlierOneBrought) {
  std::string Bytes =
      messageWithImport("keep", "impo") + messageWithImport("known", "");
  Stream In{Bytes};
  JobReader Reader;
  ASSERT_EQ(problemOf(Reader, In), "");
  auto Job = Reader.read(In);
  ASSERT_TRUE(bool(Job)) << toString(Job.takeError());
  EXPECT_EQ((*Job)->Job.Imports[0].Bytes[0], "impo");
}

TEST(JobMessage, NamesNoBlobThatWasNotKeptOrHasAnotherSize) {
  for (const std::string &Bytes :
       {messageWithImport("send", "impo") + messageWithImport("known", ""),
        messageWithImport("keep", "impo") +
            messageWithImport("known", "", "5")}) {
    Stream In{Bytes};
    JobReader Reader;
    ASSERT_EQ(problemOf(Reader, In), "");
    EXPECT_EQ(problemOf(Reader, In),
              "job: blob i was never sent to this worker");
    EXPECT_FALSE(Reader.isBroken());
  }
}

TEST(JobMessage, WithABlobThatIsNotWhatItsDigestSaysIsRefused) {
  std::string Digest = digestOf({"own"});
  auto With = [&](StringRef Bytes) {
    return framed(headLines() + ("blob own \"m\" " + Digest +
                                 " 3 send\n"
                                 "blob index \"\" x 0 send\n"
                                 "blob options \"\" p 0 send\n"),
                  Bytes);
  };
  std::string Bytes = With("OWN") + With("own");
  Stream In{Bytes};
  JobReader Reader;
  EXPECT_EQ(problemOf(Reader, In),
            "job: the contents of blob " + Digest + " do not have this digest");
  EXPECT_FALSE(Reader.isBroken());
  EXPECT_EQ(problemOf(Reader, In), "");
}

TEST(JobManifest, RefusesAMissingLine) {
  SmallVector<StringRef, 16> Lines;
  std::string Text = manifest();
  StringRef(Text).split(Lines, '\n', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (size_t I = 0; I < Lines.size(); ++I) {
    std::string Fewer;
    for (size_t J = 0; J < Lines.size(); ++J)
      if (J != I)
        Fewer += (Lines[J] + "\n").str();
    StringRef Left = Lines[I];
    bool MayBeAbsent = Left.starts_with("replay") ||
                       Left.starts_with("blob import") ||
                       Left.starts_with("blob file");
    EXPECT_EQ(problemOf(Fewer) == "", MayBeAbsent) << Left.str();
  }
}

TEST(JobManifest, RefusesALineGivenTwice) {
  SmallVector<StringRef, 16> Lines;
  std::string Text = manifest();
  StringRef(Text).split(Lines, '\n', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (size_t I = 0; I < Lines.size(); ++I) {
    std::string More;
    for (size_t J = 0; J < Lines.size(); ++J)
      for (int Times = 0; Times < (J == I ? 2 : 1); ++Times)
        More += (Lines[J] + "\n").str();
    StringRef Twice = Lines[I];
    bool MayRepeat = Twice.starts_with("replay") ||
                     Twice.starts_with("blob import") ||
                     Twice.starts_with("blob file");
    EXPECT_EQ(problemOf(More) == "", MayRepeat) << Twice.str();
  }
}

TEST(JobManifest, RefusesLinesThatAreMalformedOrInAnotherPlace) {
  std::string Version = "dtlto-job 3\n",
              Llvm = ("llvm " + llvmVersion() + "\n").str();
  std::string Rest = "task 0\nobject \"\"\n" + std::string(Blobs);
  ASSERT_EQ(problemOf(Version + Llvm + Rest), "");
  for (const std::string &Bad :
       {std::string(), Llvm + Version + Rest, "dtlto-job 1\n" + Llvm + Rest,
        "dtlto-job 3 \n" + Llvm + Rest, "dtlto-job\n" + Llvm + Rest,
        Version + "llvm 22.1.7\n" + Rest, Version + "llvm  \n" + Rest,
        Version + Llvm + "\n" + Rest, Version + Llvm + Rest + "\n",
        Version + Llvm + Rest + "replay \"-x\"\n",
        Version + Llvm + Rest + "unknown\n",
        Version + Llvm + "task -1\nobject \"\"\n" + Blobs,
        Version + Llvm + "task 4294967296\nobject \"\"\n" + Blobs,
        Version + Llvm + "task 0\nobject a\n" + Blobs,
        Version + Llvm + "task 0\nobject \"a\n" + Blobs,
        Version + Llvm + "task 0\nobject \"a\"b\n" + Blobs})
    EXPECT_NE(problemOf(Bad), "") << Bad;
  for (const char *Blob :
       {"blob", "blob file", "blob file \"a\"", "blob file \"a\" d",
        "blob file \"a\" d -1", "blob file \"a\" d 18446744073709551616",
        "blob file \"a\" d 1 sent", "blob file \"a\" d 1 send ",
        "blob file \"a\" ../d 1", "blob file \"a\" d/e 1",
        "blob file \"a\" d.e 1", "blob files \"a\" d 1",
        "blob file \"a\"  1 send"})
    EXPECT_NE(problemOf(Version + Llvm + Rest + Blob + "\n"), "") << Blob;
}

TEST(JobManifest, LimitsTheLengthOfABlobsName) {
  auto With = [](size_t Length) {
    return manifest() + "blob file \"a\" " + std::string(Length, 'd') + " 1\n";
  };
  EXPECT_EQ(problemOf(With(128)), "");
  EXPECT_NE(problemOf(With(129)), "");
}

TEST(JobManifest, WithAnyByteReplacedIsReadOrRefused) {
  std::string Whole = manifest();
  for (size_t At = 0; At < Whole.size(); ++At)
    for (int Byte = 0; Byte < 256; ++Byte) {
      std::string Damaged = Whole;
      Damaged[At] = char(Byte);
      consumeError(parseManifest(Damaged).takeError());
    }
}

/// A directory that is removed with this.
class Directory {
public:
  Directory() {
    EXPECT_FALSE(sys::fs::createUniqueDirectory("dtlto-job-test", Path));
  }
  ~Directory() { sys::fs::remove_directories(Path); }
  void write(StringRef Name, StringRef Bytes) {
    SmallString<128> File(Path);
    sys::path::append(File, Name);
    std::error_code EC;
    raw_fd_ostream(File, EC) << Bytes;
    EXPECT_FALSE(EC);
  }
  SmallString<128> Path;
};

/// \p OwnName: of the file with the own module, which is "own".
std::string directoryManifest(StringRef OwnName) {
  std::string Empty = digestOf({""});
  std::string Contents = digestOf({digestOf({"own"}), Empty, Empty});
  return headLines() +
         ("blob own \"m\" " + OwnName + " 3\nblob index \"\" " + Empty +
          " 0\nblob options \"\" " + Empty + " 0\ncontents " + Contents + "\n")
             .str();
}

TEST(JobDirectory, IsReadWithEachBlobFromItsFile) {
  for (size_t Digits : {64, 16, 4}) {
    Directory D;
    std::string Name = digestOf({"own"}).substr(0, Digits);
    D.write("job.txt", directoryManifest(Name));
    D.write(Name, "own");
    D.write(digestOf({""}), "");
    Expected<OwnedJob> Job = readJobDirectory(D.Path);
    ASSERT_TRUE(bool(Job)) << toString(Job.takeError());
    EXPECT_EQ(Job->Job.Own.Bytes[0], "own");
    EXPECT_EQ(Job->Job.Index, "");
  }
}

TEST(JobDirectory, WithAMissingOrDamagedFileIsRefused) {
  Directory D;
  auto Problem = [&] { return toString(readJobDirectory(D.Path).takeError()); };
  EXPECT_NE(Problem(), "") << "no manifest";
  D.write("job.txt", directoryManifest(digestOf({"own"})));
  D.write(digestOf({""}), "");
  EXPECT_NE(Problem(), "") << "no blob";
  D.write(digestOf({"own"}), "ow");
  EXPECT_NE(Problem(), "") << "too short";
  D.write(digestOf({"own"}), "OWN");
  EXPECT_NE(Problem(), "") << "other bytes";
  D.write(digestOf({"own"}), "own");
  EXPECT_EQ(Problem(), "");
}

TEST(JobDirectory, ChecksAllDigitsOfDigestsThatItDoesNotName) {
  Directory D;
  std::string Name = digestOf({"own"}).substr(0, 8);
  D.write(Name, "own");
  D.write(digestOf({""}), "");
  std::string Whole = directoryManifest(Name);
  auto Problem = [&](StringRef Manifest) {
    D.write("job.txt", Manifest);
    return toString(readJobDirectory(D.Path).takeError());
  };
  EXPECT_EQ(Problem(Whole), "");
  const char *Other =
      "job: the contents of its files are not those that it was made of";
  // As if other bytes had a digest that begins in the same way.
  std::string Damaged = Whole;
  Damaged[Whole.size() - 2] = Whole[Whole.size() - 2] == '0' ? '1' : '0';
  EXPECT_EQ(Problem(Damaged), Other);
  EXPECT_EQ(Problem(StringRef(Whole).take_front(Whole.find("contents "))),
            Other);
}

TEST(JobDirectory, ReadsNoFileWhoseNameIsNoDigest) {
  Directory D;
  D.write(digestOf({""}), "");
  for (const char *Name : {"own", "job-txt", "UNNAMED", "123"}) {
    D.write("job.txt", directoryManifest(Name));
    D.write(Name, "own");
    EXPECT_EQ(toString(readJobDirectory(D.Path).takeError()),
              "job: '" + std::string(Name) + "' is no SHA-256 digest");
  }
}

} // namespace
