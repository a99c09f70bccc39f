// Results as messages. The format stands in job_codec.cpp.

#include "config_codec.h"
#include "job_codec.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/SHA256.h"

using namespace llvm;

namespace {

constexpr StringLiteral ResultMagic = "DTLR";
constexpr StringLiteral VersionLine = "dtlto-result 3\n";
// In the order of llvm::DiagnosticSeverity.
constexpr StringLiteral SeverityNames[] = {"error", "warning", "remark",
                                           "note"};

void writeMessage(StringRef Text, ArrayRef<StringRef> Body, raw_ostream &OS) {
  uint64_t BodyBytes = 0;
  for (StringRef Piece : Body)
    BodyBytes += Piece.size();
  char Sizes[16];
  memcpy(Sizes, ResultMagic.data(), 4);
  support::endian::write32le(Sizes + 4, Text.size());
  support::endian::write64le(Sizes + 8, BodyBytes);
  SHA256 Digest;
  Digest.update(Text);
  for (StringRef Piece : Body)
    Digest.update(Piece);
  OS.write(Sizes, sizeof(Sizes));
  OS << toStringRef(Digest.final()) << Text;
  for (StringRef Piece : Body)
    OS << Piece;
}

std::string quoted(StringRef Bytes) {
  std::string Result;
  dtlto::appendQuoted(Result, Bytes);
  return Result;
}

} // namespace

void dtlto::writeResultMessage(const CodegenResult &Result, raw_ostream &OS,
                               StringRef JobId) {
  std::string Text = VersionLine.str();
  if (!JobId.empty())
    Text += ("job " + JobId + "\n").str();
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
  writeMessage(Text, Body, OS);
}

void dtlto::writeRefusalMessage(StringRef Reason, raw_ostream &OS) {
  writeMessage(VersionLine.str() + "status refused\nfailure " + quoted(Reason) +
                   "\n",
               {}, OS);
}
