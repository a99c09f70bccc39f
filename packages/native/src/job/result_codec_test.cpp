#include "job_codec.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include <gtest/gtest.h>

using namespace llvm;
using namespace dtlto;

namespace {

constexpr size_t HeaderBytes = 48;

struct Message {
  std::string Text;
  std::string Body;
};

/// Takes a message apart, and sees to its frame.
Message split(StringRef Bytes) {
  EXPECT_TRUE(Bytes.starts_with("DTLR"));
  EXPECT_GE(Bytes.size(), HeaderBytes);
  uint64_t TextBytes = support::endian::read32le(Bytes.data() + 4);
  StringRef Rest = Bytes.drop_front(HeaderBytes);
  EXPECT_EQ(Rest.size(),
            TextBytes + support::endian::read64le(Bytes.data() + 8));
  EXPECT_EQ(toHex(Bytes.substr(16, 32), /*LowerCase=*/true), digestOf({Rest}));
  return {Rest.take_front(TextBytes).str(), Rest.drop_front(TextBytes).str()};
}

Message messageOf(const CodegenResult &Result) {
  std::string Bytes;
  raw_string_ostream OS(Bytes);
  writeResultMessage(Result, OS);
  return split(OS.str());
}

TEST(ResultMessage, HoldsAllThatAResultHolds) {
  CodegenResult Result;
  Result.HasObject = true;
  Result.Object.append({'o', '\0', 'j'});
  Result.Diagnostics = {{DS_Warning, false, "first\nline"},
                        {DS_Error, true, "\"\\\xff"},
                        {DS_Remark, false, ""},
                        {DS_Note, false, "n"}};
  Result.SideOutputs = {{"dwo", "d i\"r/3.dwo", "dwo"},
                        {"remarks", "r.opt.yaml", ""}};
  Result.StderrText = "printed\n";
  Message M = messageOf(Result);
  EXPECT_EQ(M.Text, "dtlto-result 3\n"
                    "status failed\n"
                    "diagnostic warning 0 \"first\\0Aline\"\n"
                    "diagnostic error 1 \"\\22\\5C\\FF\"\n"
                    "diagnostic remark 0 \"\"\n"
                    "diagnostic note 0 \"n\"\n"
                    "object 3\n"
                    "output dwo \"d i\\22r/3.dwo\" 3\n"
                    "output remarks \"r.opt.yaml\" 0\n"
                    "stderr 8\n");
  EXPECT_EQ(M.Body, std::string("o\0jdwoprinted\n", 14));
}

TEST(ResultMessage, SaysWhetherTheModuleCompiled) {
  CodegenResult Result;
  EXPECT_EQ(messageOf(Result).Text, "dtlto-result 3\nstatus failed\n");
  Result.HasObject = true;
  EXPECT_EQ(messageOf(Result).Text,
            "dtlto-result 3\nstatus compiled\nobject 0\n");
  Result.Failure = "why";
  EXPECT_EQ(messageOf(Result).Text,
            "dtlto-result 3\nstatus failed\nfailure \"why\"\nobject 0\n");
}

TEST(ResultMessage, OfARefusedJobHoldsTheReason) {
  std::string Bytes;
  raw_string_ostream OS(Bytes);
  writeRefusalMessage("job: \"x\"\n", OS);
  Message M = split(OS.str());
  EXPECT_EQ(M.Text, "dtlto-result 3\nstatus refused\n"
                    "failure \"job: \\22x\\22\\0A\"\n");
  EXPECT_EQ(M.Body, "");
}

} // namespace
