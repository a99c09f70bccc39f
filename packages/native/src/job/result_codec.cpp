// Results as messages. The format stands in job_codec.cpp.

#include "config_codec.h"
#include "job_codec.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"

using namespace llvm;

namespace {

constexpr StringLiteral Magic = "DTLR";
constexpr StringLiteral VersionLine = "dtlto-result 1\n";
constexpr size_t HeaderBytes = 16;
// In the order of llvm::DiagnosticSeverity.
constexpr StringLiteral SeverityNames[] = {"error", "warning", "remark",
                                           "note"};

void writeMessage(StringRef Text, ArrayRef<StringRef> Body, raw_ostream &OS) {
  uint64_t BodyBytes = 0;
  for (StringRef Piece : Body)
    BodyBytes += Piece.size();
  char Header[HeaderBytes];
  memcpy(Header, Magic.data(), 4);
  support::endian::write32le(Header + 4, Text.size());
  support::endian::write64le(Header + 8, BodyBytes);
  OS.write(Header, sizeof(Header));
  OS << Text;
  for (StringRef Piece : Body)
    OS << Piece;
}

std::string quoted(StringRef Bytes) {
  std::string Result;
  dtlto::appendQuoted(Result, Bytes);
  return Result;
}

} // namespace

void dtlto::writeResultMessage(const CodegenResult &Result, raw_ostream &OS) {
  std::string Text = VersionLine.str();
  std::vector<StringRef> Body;
  auto Bytes = [&](const Twine &Line, StringRef Bytes) {
    Text += (Line + " " + Twine(Bytes.size()) + "\n").str();
    Body.push_back(Bytes);
  };
  Text += Result.compiled() ? "status compiled\n" : "status failed\n";
  if (!Result.Failure.empty())
    Text += "failure " + quoted(Result.Failure) + "\n";
  for (const Diagnostic &D : Result.Diagnostics)
    Text += ("diagnostic " + SeverityNames[D.Severity] +
             (D.NamesModule ? " 1 " : " 0 "))
                .str() +
            quoted(D.Text) + "\n";
  if (Result.HasObject)
    Bytes("object", StringRef(Result.Object.data(), Result.Object.size()));
  for (const SideOutput &Output : Result.SideOutputs)
    Bytes("output " + Output.Kind + " " + quoted(Output.Path), Output.Bytes);
  if (!Result.StderrText.empty())
    Bytes("stderr", Result.StderrText);
  if (!Result.TimeTrace.empty())
    Bytes("trace", Result.TimeTrace);
  writeMessage(Text, Body, OS);
}

void dtlto::writeRefusalMessage(StringRef Reason, raw_ostream &OS) {
  writeMessage(VersionLine.str() + "status refused\nfailure " + quoted(Reason) +
                   "\n",
               {}, OS);
}

Expected<dtlto::CodegenResult> dtlto::parseResultMessage(StringRef Message) {
  auto Bad = [](const Twine &What) {
    return createStringError("result of a codegen worker: " + What);
  };
  if (Message.size() < HeaderBytes || !Message.starts_with(Magic))
    return Bad("not a result message");
  uint64_t TextBytes = support::endian::read32le(Message.data() + 4);
  uint64_t BodyBytes = support::endian::read64le(Message.data() + 8);
  Message = Message.drop_front(HeaderBytes);
  if (TextBytes > Message.size() || BodyBytes != Message.size() - TextBytes)
    return Bad("incomplete");
  StringRef Text = Message.take_front(TextBytes);
  StringRef Body = Message.drop_front(TextBytes);
  if (!Text.consume_front(VersionLine))
    return Bad("of another version");

  CodegenResult Result;
  bool Refused = false;
  while (!Text.empty()) {
    StringRef Line;
    std::tie(Line, Text) = Text.split('\n');
    auto [Key, Rest] = Line.split(' ');
    auto Malformed = [&, Line = Line] {
      return Bad("malformed line '" + Line.take_front(100) + "'");
    };
    auto Bytes = [&](StringRef Size) -> std::optional<StringRef> {
      uint64_t Count;
      if (Size.getAsInteger(10, Count) || Count > Body.size())
        return std::nullopt;
      StringRef Taken = Body.take_front(Count);
      Body = Body.drop_front(Count);
      return Taken;
    };
    if (Key == "status") {
      if (!is_contained({"compiled", "failed", "refused"}, Rest))
        return Malformed();
      Refused = Rest == "refused";
    } else if (Key == "failure") {
      Expected<std::string> Failure = takeQuoted(Rest);
      if (!Failure)
        return Failure.takeError();
      Result.Failure = std::move(*Failure);
    } else if (Key == "diagnostic") {
      auto [Severity, NamesAndText] = Rest.split(' ');
      const auto *Found = find(SeverityNames, Severity);
      bool NamesModule = NamesAndText.starts_with("1 ");
      if (Found == std::end(SeverityNames) ||
          (!NamesModule && !NamesAndText.starts_with("0 ")))
        return Malformed();
      StringRef Quoted = NamesAndText.drop_front(2);
      Expected<std::string> Message = takeQuoted(Quoted);
      if (!Message)
        return Message.takeError();
      Result.Diagnostics.push_back(
          {DiagnosticSeverity(Found - std::begin(SeverityNames)), NamesModule,
           std::move(*Message)});
    } else if (Key == "output") {
      auto [Kind, PathAndSize] = Rest.split(' ');
      Expected<std::string> Path = takeQuoted(PathAndSize);
      if (!Path)
        return Path.takeError();
      auto Taken = Bytes(PathAndSize.ltrim(' '));
      if (!Taken)
        return Malformed();
      Result.SideOutputs.push_back(
          {Kind.str(), std::move(*Path), Taken->str()});
    } else if (Key == "object" || Key == "stderr" || Key == "trace") {
      auto Taken = Bytes(Rest);
      if (!Taken)
        return Malformed();
      if (Key == "object") {
        Result.HasObject = true;
        Result.Object.assign(Taken->begin(), Taken->end());
      } else {
        (Key == "stderr" ? Result.StderrText : Result.TimeTrace) = Taken->str();
      }
    } else {
      return Malformed();
    }
  }
  if (!Body.empty())
    return Bad("more bytes than its header names");
  if (Refused)
    return createStringError(Result.Failure);
  return Result;
}
