// The code generation options of a link as text, and back.
// See config_codec.cpp for the format.

#ifndef DTLTO_JOB_CONFIG_CODEC_H
#define DTLTO_JOB_CONFIG_CODEC_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/LTO/Config.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dtlto {

/// Version of the text format and of the meaning of its fields.
constexpr unsigned OptionsVersion = 1;

/// The contents of a file that an option names. Field is the option's key in
/// the text: SampleProfile, CSIRProfile, ProfileRemapping, BBSectionsFuncList.
struct OptionFile {
  std::string Field;
  std::unique_ptr<llvm::MemoryBuffer> Contents;
};

/// All that code generation depends on and that is the same for every job of a
/// link.
struct CodegenOptions {
  std::string Text;
  std::vector<OptionFile> Files;
};

/// Fails only when a file that the options name cannot be read. Call
/// reasonNotRemote() first: hooks are not in the text.
llvm::Expected<CodegenOptions>
encodeOptions(const llvm::lto::Config &Conf,
              llvm::ArrayRef<llvm::StringRef> BitcodeLibFuncs = {});

/// The fields alone, without reading any file: key → value as in the text.
std::map<std::string, std::string> optionFields(const llvm::lto::Config &Conf);

/// The files whose contents a backend with these options reads: field and path.
/// BBSectionsFuncList is not among them: the Config holds its contents.
std::vector<std::pair<llvm::StringRef, llvm::StringRef>>
filesRead(const llvm::lto::Config &Conf);

/// Sets every field of \p Conf that the text holds. Strict: another version,
/// another LLVM, an unknown, repeated or missing key, a malformed or impossible
/// value is an error that names the line. Paths of files stay those of the
/// linking machine, and BBSectionsFuncListBuf, if wanted, is empty: the caller
/// puts the contents in place. \p BitcodeLibFuncs, which LLVM keeps beside its
/// Config: library functions that must not be called (llvm_compat.h).
llvm::Error decodeOptions(llvm::StringRef Text, llvm::lto::Config &Conf,
                          std::vector<std::string> &BitcodeLibFuncs);

/// Appends "…" with every byte that is not printable ASCII, and \ and ", as
/// \XX. The one quoting of all of dtlto's text formats.
void appendQuoted(std::string &Out, llvm::StringRef Bytes);

/// Reads what appendQuoted wrote from the front of \p In and drops it.
llvm::Expected<std::string> takeQuoted(llvm::StringRef &In);

/// Why jobs with these options must be compiled in the linking process (a
/// module hook, a plugin, output meant for this terminal, …), as text for people
/// that names the option; nothing when they may be remote. \p IsMachO:
/// lld's Mach-O flavour always sets a hook that adds the ObjCARCContract pass,
/// which the text expresses.
std::optional<std::string> reasonNotRemote(const llvm::lto::Config &Conf,
                                           bool IsMachO);

/// The same for LLVM options as such: \p Args are those that a job would replay
/// ("-name", "-name=value").
std::optional<std::string>
reasonNotRemote(llvm::ArrayRef<std::string> LlvmArgs);

/// Options that have been set in this process and that neither \p LlvmArgs nor
/// the Config account for. If there are any, jobs must be compiled in this
/// process: a worker would not have the options. Call after the thin link, while
/// nothing parses options.
std::vector<std::string>
unaccountedLlvmOptions(llvm::ArrayRef<std::string> LlvmArgs);

} // namespace dtlto

#endif
