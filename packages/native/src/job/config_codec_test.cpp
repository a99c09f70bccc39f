#include "changed_fields.h"
#include "codegen_job.h"
#include "config_codec.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>

using namespace llvm;
using namespace dtlto;

namespace {

using Fields = std::map<std::string, std::string>;

std::string header() {
  lto::Config Conf;
  return cantFail(encodeOptions(Conf))
      .Text.substr(0, std::string_view("dtlto-codegen-options 1 llvm ").size() +
                          llvmVersion().size() + 1);
}

std::string textOf(const Fields &Fields) {
  std::string Text = header();
  for (const auto &[Key, Value] : Fields)
    Text += Key + "=" + Value + "\n";
  if (HasBitcodeLibFuncs)
    Text += "BitcodeLibFuncs=[]\n";
  return Text;
}

/// Empty when the text is accepted.
std::string problemOf(StringRef Text) {
  lto::Config Conf;
  std::vector<std::string> LibFuncs;
  return toString(decodeOptions(Text, Conf, LibFuncs));
}

std::string read(StringRef Text, lto::Config &Conf) {
  std::vector<std::string> LibFuncs;
  return toString(decodeOptions(Text, Conf, LibFuncs));
}

Fields defaults() {
  lto::Config Conf;
  return optionFields(Conf);
}

TEST(ConfigCodec, CarriesEveryFieldWithAValueOtherThanTheDefault) {
  lto::Config Default, Changed, Read;
  changeFields(Changed);
  Fields Before = optionFields(Default);
  Fields Wanted = optionFields(Changed);
  for (const auto &[Key, Value] : Wanted) {
    // A hook, which is no field.
    bool IsField = Key != "PreCodeGenPasses";
    EXPECT_EQ(Value != Before[Key], IsField) << Key;
  }
  ASSERT_EQ(read(textOf(Wanted), Read), "");
  EXPECT_EQ(optionFields(Read), Wanted);
}

TEST(ConfigCodec, CarriesThePassOfTheMachOFlavour) {
  lto::Config Conf, Read;
  Conf.PreCodeGenPassesHook = [](legacy::PassManager &) {};
  Fields Wanted = optionFields(Conf);
  EXPECT_EQ(Wanted["PreCodeGenPasses"], "objc-arc-contract");
  ASSERT_EQ(read(textOf(Wanted), Read), "");
  EXPECT_TRUE(bool(Read.PreCodeGenPassesHook));
}

TEST(ConfigCodec, CarriesLibraryFunctionsThatMustNotBeCalled) {
  lto::Config Conf, Read;
  std::string Text = cantFail(encodeOptions(Conf, {"strlen", "bcmp"})).Text;
  std::vector<std::string> Names;
  ASSERT_EQ(toString(decodeOptions(Text, Read, Names)), "");
  if (HasBitcodeLibFuncs) {
    EXPECT_EQ(Names, (std::vector<std::string>{"bcmp", "strlen"}));
  } else {
    EXPECT_TRUE(Names.empty());
    EXPECT_EQ(Text, cantFail(encodeOptions(Conf)).Text);
  }
}

TEST(ConfigCodec, LeavesOutWhatOnlyTheLinkActsOn) {
  for (const char *Key : {"AlwaysEmitRegularLTOObj", "KeepSymbolNameCopies",
                          "Dtlto", "StatsFile", "ThinLTOModulesToCompile"})
    EXPECT_FALSE(defaults().count(Key)) << Key;
}

TEST(ConfigCodec, RefusesATextThatLacksAField) {
  for (const auto &[Key, Value] : defaults()) {
    Fields Fewer = defaults();
    Fewer.erase(Key);
    EXPECT_EQ(problemOf(textOf(Fewer)),
              "codegen options: field '" + Key + "' is missing");
  }
}

TEST(ConfigCodec, RefusesAFieldGivenTwice) {
  for (const auto &[Key, Value] : defaults()) {
    std::string Problem =
        problemOf(textOf(defaults()) + Key + "=" + Value + "\n");
    EXPECT_NE(Problem.find("'" + Key + "' is given twice"), std::string::npos)
        << Problem;
  }
}

TEST(ConfigCodec, RefusesAnUnknownField) {
  std::string Problem = problemOf(textOf(defaults()) + "Target.New=true\n");
  EXPECT_NE(Problem.find("unknown field 'Target.New'"), std::string::npos)
      << Problem;
}

TEST(ConfigCodec, RefusesValuesThatNoFieldCanHave) {
  for (const char *Bad :
       {"", "?", "True", "-", "99999999999999999999999", "\"", "\"\\4",
        "\"\\zz\"", "\"a\"b", "[", "[\"a\"", "[\"a\"\"b\"]", "[ ]", "1.", ".1",
        "1.2.3", "none ", " none"}) {
    for (const auto &[Key, Value] : defaults()) {
      Fields Wrong = defaults();
      Wrong[Key] = Bad;
      EXPECT_NE(problemOf(textOf(Wrong)), "") << Key << "=" << Bad;
    }
  }
}

TEST(ConfigCodec, RefusesAnOptimizationLevelThatLlvmDoesNotHave) {
  Fields Wrong = defaults();
  Wrong["OptLevel"] = "4";
  EXPECT_EQ(problemOf(textOf(Wrong)), "codegen options: 'OptLevel' is above 3");
}

TEST(ConfigCodec, RefusesOtherVersions) {
  std::string Text = textOf(defaults());
  std::string Body = Text.substr(Text.find('\n'));
  for (const std::string &Header :
       {std::string(), std::string("dtlto-codegen-options 1"),
        "dtlto-codegen-options 2 llvm " + llvmVersion().str(),
        std::string("dtlto-codegen-options 1 llvm 22.1.7"),
        header().substr(0, header().size() - 1) + " "})
    EXPECT_NE(problemOf(Header + Body), "") << Header;
  EXPECT_EQ(problemOf(Text), "");
}

TEST(ConfigCodec, RefusesATextThatEndsEarly) {
  lto::Config Conf;
  changeFields(Conf);
  std::string Text = textOf(optionFields(Conf));
  ASSERT_EQ(problemOf(Text), "");
  // Without the last line's end it is whole.
  for (size_t Size = 0; Size + 1 < Text.size(); ++Size)
    ASSERT_NE(problemOf(StringRef(Text).take_front(Size)), "") << Size;
}

TEST(ConfigCodec, SaysWhichFileItCannotRead) {
  lto::Config Conf;
  Conf.SampleProfile = "/nonexistent/profile";
  Expected<CodegenOptions> Options = encodeOptions(Conf);
  ASSERT_FALSE(bool(Options));
  EXPECT_EQ(toString(Options.takeError()).substr(0, 36),
            "cannot read '/nonexistent/profile': ");
}

TEST(ConfigCodec, BringsTheContentsOfTheFilesThatOptionsName) {
  SmallString<128> Path;
  int Descriptor;
  ASSERT_FALSE(
      sys::fs::createTemporaryFile("profile", "txt", Descriptor, Path));
  raw_fd_ostream(Descriptor, /*shouldClose=*/true) << "main:1:2\n";
  lto::Config Conf;
  Conf.SampleProfile = Path.str();
  Conf.Options.BBSectionsFuncListBuf = MemoryBuffer::getMemBuffer("!main\n");
  CodegenOptions Options = cantFail(encodeOptions(Conf));
  sys::fs::remove(Path);
  ASSERT_EQ(Options.Files.size(), 2u);
  EXPECT_EQ(Options.Files[0].Field, "SampleProfile");
  EXPECT_EQ(Options.Files[0].Contents->getBuffer(), "main:1:2\n");
  EXPECT_EQ(Options.Files[1].Field, "BBSectionsFuncList");
  EXPECT_EQ(Options.Files[1].Contents->getBuffer(), "!main\n");
}

TEST(ConfigCodec, NamesNoFileThatABackendOnlyWrites) {
  lto::Config Conf;
  Conf.CSIRProfile = "default.profraw";
  Conf.RunCSIRInstr = true;
  EXPECT_TRUE(filesRead(Conf).empty());
}

TEST(Quoting, KeepsEveryByte) {
  std::string Bytes;
  for (int Byte = 0; Byte < 256; ++Byte)
    Bytes += char(Byte);
  std::string Text;
  appendQuoted(Text, Bytes);
  for (unsigned char C : Text)
    EXPECT_TRUE(C >= 0x20 && C < 0x7f);
  Text += " rest";
  StringRef In = Text;
  EXPECT_EQ(cantFail(takeQuoted(In)), Bytes);
  EXPECT_EQ(In, " rest");
}

TEST(Quoting, TakesNothingFromAStringThatDoesNotEnd) {
  for (StringRef Bad : {"", "a\"", "\"", "\"a", "\"\\", "\"\\4", "\"\\4g\""}) {
    StringRef In = Bad;
    Expected<std::string> Result = takeQuoted(In);
    EXPECT_FALSE(bool(Result)) << Bad.str();
    consumeError(Result.takeError());
    EXPECT_EQ(In, Bad);
  }
}

} // namespace
