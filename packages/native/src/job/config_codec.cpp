// Code generation options as text that people can read and diff:
//
//     dtlto-codegen-options 1 llvm 22.1.8
//     CPU=""
//     CGOptLevel=default
//     MAttrs=["+avx2" "+bmi"]
//     RemarksHotnessThreshold=0
//     Target.FunctionSections=true
//     …
//
// One line per field, in the order of config_fields.h. Every field stands
// there, defaults too: a default is a property of LLVM's version and of the
// flags that lld registers, so only the linking process knows it. For the same
// reason the reader accepts exactly the fields that it would write.
//
// Values: true and false; decimal numbers; names of an enum's values; quoted
// strings; lists in brackets; `none` for an optional without a value.
//
// Hooks are no data. A job with a hook is not remote (reason_not_remote.cpp), but
// for the one of the Mach-O flavour, which adds the ObjCARCContract pass: it is
// the field PreCodeGenPasses.
//
// LLVM 23 has one input of code generation that is in no Config: the field
// BitcodeLibFuncs.

#include "config_codec.h"
#include "codegen_job.h"
#include "config_fields.h"
#include "llvm_compat.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Transforms/ObjCARC.h"

using namespace llvm;

void dtlto::appendQuoted(std::string &Out, StringRef Bytes) {
  Out += '"';
  for (unsigned char C : Bytes) {
    if (isPrint(C) && C != '"' && C != '\\') {
      Out += C;
      continue;
    }
    Out += '\\';
    Out += hexdigit(C >> 4);
    Out += hexdigit(C & 15);
  }
  Out += '"';
}

Expected<std::string> dtlto::takeQuoted(StringRef &In) {
  StringRef Rest = In;
  if (!Rest.consume_front("\""))
    return createStringError("expected a quoted string");
  std::string Result;
  while (!Rest.empty()) {
    char C = Rest.front();
    Rest = Rest.drop_front();
    if (C == '"') {
      In = Rest;
      return Result;
    }
    if (C == '\\') {
      if (Rest.size() < 2 || !isHexDigit(Rest[0]) || !isHexDigit(Rest[1]))
        return createStringError("expected two hexadecimal digits after \\");
      C = char(hexFromNibbles(Rest[0], Rest[1]));
      Rest = Rest.drop_front(2);
    }
    Result += C;
  }
  return createStringError("a quoted string does not end");
}

namespace {

constexpr StringLiteral Magic = "dtlto-codegen-options";
constexpr StringLiteral PassesKey = "PreCodeGenPasses";
constexpr StringLiteral ObjCArcContract = "objc-arc-contract";
constexpr StringLiteral LibFuncsKey = "BitcodeLibFuncs";

std::string headerLine() {
  return (Magic + " " + Twine(dtlto::OptionsVersion) + " llvm " +
          dtlto::llvmVersion())
      .str();
}

//===----------------------------------------------------------------------===//
// Values to text
//===----------------------------------------------------------------------===//

std::string toText(bool Value) { return Value ? "true" : "false"; }
std::string toText(StringRef Value) {
  std::string Text;
  dtlto::appendQuoted(Text, Value);
  return Text;
}
std::string toText(const std::string &Value) {
  return toText(StringRef(Value));
}
template <class T>
std::enable_if_t<std::is_integral_v<T>, std::string> toText(T Value) {
  return std::to_string(Value);
}
template <class T>
std::enable_if_t<std::is_enum_v<T>, std::string> toText(T Value) {
  return dtlto::EnumNames<T>::Values[size_t(Value)].str();
}
std::string toText(const std::vector<std::string> &Value) {
  std::string Text = "[";
  for (const std::string &Item : Value) {
    if (Text.size() > 1)
      Text += ' ';
    dtlto::appendQuoted(Text, Item);
  }
  return Text + "]";
}
std::string toText(const std::pair<int, int> &Value) {
  return std::to_string(Value.first) + "." + std::to_string(Value.second);
}
template <class T> std::string toText(const std::optional<T> &Value) {
  return Value ? toText(*Value) : "none";
}

//===----------------------------------------------------------------------===//
// Text to values; true on success
//===----------------------------------------------------------------------===//

bool fromText(StringRef Text, bool &Value) {
  Value = Text == "true";
  return Value || Text == "false";
}
bool fromText(StringRef Text, std::string &Value) {
  Expected<std::string> Parsed = dtlto::takeQuoted(Text);
  if (!Parsed) {
    consumeError(Parsed.takeError());
    return false;
  }
  Value = std::move(*Parsed);
  return Text.empty();
}
template <class T>
std::enable_if_t<std::is_integral_v<T>, bool> fromText(StringRef Text,
                                                       T &Value) {
  return !Text.getAsInteger(10, Value);
}
template <class T>
std::enable_if_t<std::is_enum_v<T>, bool> fromText(StringRef Text, T &Value) {
  const auto *Found = llvm::find(dtlto::EnumNames<T>::Values, Text);
  if (Found == std::end(dtlto::EnumNames<T>::Values))
    return false;
  Value = T(Found - std::begin(dtlto::EnumNames<T>::Values));
  return true;
}
bool fromText(StringRef Text, std::vector<std::string> &Value) {
  Value.clear();
  if (!Text.consume_front("["))
    return false;
  while (!Text.consume_front("]")) {
    if (!Value.empty() && !Text.consume_front(" "))
      return false;
    Expected<std::string> Item = dtlto::takeQuoted(Text);
    if (!Item) {
      consumeError(Item.takeError());
      return false;
    }
    Value.push_back(std::move(*Item));
  }
  return Text.empty();
}
bool fromText(StringRef Text, std::pair<int, int> &Value) {
  auto [First, Second] = Text.split('.');
  return fromText(First, Value.first) && fromText(Second, Value.second);
}
template <class T> bool fromText(StringRef Text, std::optional<T> &Value) {
  Value.reset();
  return Text == "none" || fromText(Text, Value.emplace());
}

//===----------------------------------------------------------------------===//
// Visitors
//===----------------------------------------------------------------------===//

struct FieldWriter {
  std::vector<std::pair<std::string, std::string>> Fields;

  template <class T> void operator()(const Twine &Key, T &Value) {
    Fields.emplace_back(Key.str(), toText(Value));
  }
};

struct FieldReader {
  struct Line {
    StringRef Value;
    unsigned Number;
  };
  StringMap<Line> Lines;
  std::string Problem;

  template <class T> void operator()(const Twine &Key, T &Value) {
    auto Found = Lines.find(Key.str());
    if (Found == Lines.end()) {
      note("field '" + Key + "' is missing");
      return;
    }
    if (!fromText(Found->second.Value, Value))
      note("line " + Twine(Found->second.Number) + ": '" +
           Found->second.Value.take_front(200) + "' is no value for '" + Key +
           "'");
    Lines.erase(Found);
  }

  void note(const Twine &What) {
    if (Problem.empty())
      Problem = What.str();
  }
};

std::vector<std::pair<std::string, std::string>>
writeFields(const lto::Config &Conf) {
  FieldWriter Writer;
  // The list serves reader and writer, so it takes a Config that it may change;
  // this visitor changes nothing. (A Config cannot be copied.)
  dtlto::visitFields(Writer, const_cast<lto::Config &>(Conf));
  Writer.Fields.emplace_back(
      PassesKey, Conf.PreCodeGenPassesHook ? ObjCArcContract : "none");
  return std::move(Writer.Fields);
}

Error badOptions(const Twine &What) {
  return createStringError("codegen options: " + What);
}

} // namespace

std::map<std::string, std::string>
dtlto::optionFields(const lto::Config &Conf) {
  std::map<std::string, std::string> Result;
  for (auto &[Key, Value] : writeFields(Conf))
    Result.emplace(std::move(Key), std::move(Value));
  return Result;
}

std::vector<std::pair<StringRef, StringRef>>
dtlto::filesRead(const lto::Config &Conf) {
  std::vector<std::pair<StringRef, StringRef>> Files;
  if (!Conf.SampleProfile.empty())
    Files.emplace_back("SampleProfile", Conf.SampleProfile);
  // When instrumenting this is the name that the program will write to.
  if (!Conf.CSIRProfile.empty() && !Conf.RunCSIRInstr)
    Files.emplace_back("CSIRProfile", Conf.CSIRProfile);
  if (!Conf.ProfileRemapping.empty())
    Files.emplace_back("ProfileRemapping", Conf.ProfileRemapping);
  return Files;
}

Expected<dtlto::CodegenOptions>
dtlto::encodeOptions(const lto::Config &Conf,
                     ArrayRef<StringRef> BitcodeLibFuncs) {
  CodegenOptions Result;
  Result.Text = headerLine() + "\n";
  for (auto &[Key, Value] : writeFields(Conf)) {
    if (Key == "RemarksFilename" && !Conf.RemarksFilename.empty()) {
      // Some remarks formats put the absolute name into the object, and only
      // this process knows what it is relative to.
      SmallString<256> Path(Conf.RemarksFilename);
      sys::fs::make_absolute(Path);
      Value = toText(StringRef(Path));
    }
    Result.Text += Key + "=" + Value + "\n";
  }
  if (HasBitcodeLibFuncs) {
    std::vector<std::string> Names(BitcodeLibFuncs.begin(),
                                   BitcodeLibFuncs.end());
    llvm::sort(Names); // a set; LLVM has it in the order of the archives
    Result.Text += (LibFuncsKey + "=" + toText(Names) + "\n").str();
  }

  for (auto [Field, Path] : filesRead(Conf)) {
    auto Contents = MemoryBuffer::getFile(Path, /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false);
    if (!Contents)
      return createStringError(Contents.getError(),
                               "cannot read '" + Path +
                                   "': " + Contents.getError().message());
    Result.Files.push_back({Field.str(), std::move(*Contents)});
  }
  if (const auto &List = Conf.Options.BBSectionsFuncListBuf)
    Result.Files.push_back(
        {"BBSectionsFuncList",
         MemoryBuffer::getMemBuffer(List->getMemBufferRef(),
                                    /*RequiresNullTerminator=*/false)});
  return Result;
}

Error dtlto::decodeOptions(StringRef Text, lto::Config &Conf,
                           std::vector<std::string> &BitcodeLibFuncs) {
  auto [Header, Body] = Text.split('\n');
  if (Header != headerLine())
    return badOptions(
        "expected '" + Twine(headerLine()) + "' but received '" +
        Header.take_front(100) +
        "'; the linker and the codegen worker must be of one version");

  FieldReader Reader;
  unsigned Number = 1;
  while (!Body.empty()) {
    ++Number;
    StringRef Line;
    std::tie(Line, Body) = Body.split('\n');
    auto [Key, Value] = Line.split('=');
    if (Key.empty() || Key.size() == Line.size())
      return badOptions("line " + Twine(Number) + ": expected key=value");
    if (!Reader.Lines.try_emplace(Key, FieldReader::Line{Value, Number}).second)
      return badOptions("line " + Twine(Number) + ": '" + Key +
                        "' is given twice");
  }

  visitFields(Reader, Conf);
  if (HasBitcodeLibFuncs)
    Reader(LibFuncsKey, BitcodeLibFuncs);

  std::string Passes;
  auto PassesLine = Reader.Lines.find(PassesKey);
  if (PassesLine == Reader.Lines.end()) {
    Reader.note("field '" + PassesKey + "' is missing");
  } else {
    Passes = PassesLine->second.Value.str();
    Reader.Lines.erase(PassesLine);
  }
  if (Passes == ObjCArcContract)
    Conf.PreCodeGenPassesHook = [](legacy::PassManager &Manager) {
      Manager.add(createObjCARCContractPass());
    };
  else if (Passes != "none")
    Reader.note("'" + Passes + "' is no value for '" + PassesKey + "'");

  if (!Reader.Lines.empty()) {
    const auto &Unknown = *Reader.Lines.begin();
    Reader.note("line " + Twine(Unknown.second.Number) + ": unknown field '" +
                Unknown.first().take_front(100) + "'");
  }
  if (Conf.OptLevel > 3)
    Reader.note("'OptLevel' is above 3");
  if (!Reader.Problem.empty())
    return badOptions(Reader.Problem);
  return Error::success();
}
