// Which options keep a link's jobs in the linking process.
//
// A job may be remote when its object, and everything else a user can see,
// follows from its bytes. It may not when options hold code (hooks, plugins), ask
// for output about the compiling process (statistics, timings, dumps on stderr),
// keep state across modules (bisection, debug counters), or name files that only
// this machine has. When in doubt a job is not remote: compiling in the linking
// process is what lld does.

#include "config_codec.h"
#include "llvm_compat.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"

using namespace llvm;

namespace {

/// "-name=value", "--name" → name, value.
std::pair<StringRef, StringRef> splitOption(StringRef Arg) {
  return Arg.ltrim('-').split('=');
}

/// By a word of its name: whether an option reads or writes a file. A word too
/// many keeps the jobs of a link at home, a word too few gives a wrong object.
bool namesFile(StringRef Name) {
  // Those that have no such word. The first one runs a program.
  static constexpr StringLiteral Names[] = {"exec-on-ir-change",
                                            "cgscc-inline-replay",
                                            "dfsan-abilist",
                                            "lowertypetests-read-summary",
                                            "lowertypetests-write-summary",
                                            "memprof-import-summary",
                                            "sample-profile-inline-replay",
                                            "thinlto-workload-def",
                                            "use-ctx-profile",
                                            "wholeprogramdevirt-read-summary",
                                            "wholeprogramdevirt-write-summary"};
  if (is_contained(Names, Name) || Name.ends_with("interactive-channel-base"))
    return true;
  SmallVector<StringRef, 8> Words;
  Name.split(Words, '-');
  return any_of(Words, [](StringRef Word) {
    return is_contained({"file", "filename", "files", "path", "dir",
                         "directory", "output", "export", "list", "load",
                         "remapping"},
                        Word);
  });
}

bool isProcessWide(StringRef Name) {
  static constexpr StringLiteral Names[] = {"help",
                                            "help-hidden",
                                            "help-list",
                                            "help-list-hidden",
                                            "version",
                                            "stats",
                                            "stats-json",
                                            "time-passes",
                                            "time-passes-per-run",
                                            "track-memory",
                                            "sort-timers",
                                            "opt-bisect-limit",
                                            "opt-bisect-verbose",
                                            "opt-bisect-print-ir-path",
                                            "opt-disable",
                                            "debug",
                                            "debug-only",
                                            "debug-counter",
                                            "print-debug-counter",
                                            "debug-pass",
                                            "debug-pass-manager",
                                            "filter-print-funcs-none",
                                            "rng-seed",
                                            "pass-remarks-output"};
  static constexpr StringLiteral Prefixes[] = {
      "print-", "view-", "dot-", "dump-", "time-trace", "codegen-data"};
  return is_contained(Names, Name) || any_of(Prefixes, [&](StringRef Prefix) {
           return Name.starts_with(Prefix);
         });
}

} // namespace

std::optional<std::string>
dtlto::reasonNotRemote(ArrayRef<std::string> LlvmArgs) {
  for (StringRef Arg : LlvmArgs) {
    auto [Name, Value] = splitOption(Arg);
    if (Arg.starts_with("@"))
      return ("the LLVM option '" + Arg +
              "' is a response file of this machine")
          .str();
    if (isProcessWide(Name))
      return ("the LLVM option '" + Arg +
              "' concerns the linking process as a whole")
          .str();
    // A bare word is no path, even when a file of this name happens to exist.
    if (namesFile(Name) || Value.find_first_of("/\\") != StringRef::npos ||
        (Value.contains('.') && sys::fs::exists(Value)))
      return ("the LLVM option '" + Arg + "' may name a file of this machine")
          .str();
  }
  return std::nullopt;
}

std::optional<std::string> dtlto::reasonNotRemote(const lto::Config &Conf,
                                                  bool IsMachO) {
  const std::pair<bool, StringRef> Hooks[] = {
      {bool(Conf.PreOptModuleHook), "before optimization"},
      {bool(Conf.PostPromoteModuleHook), "after promotion"},
      {bool(Conf.PostInternalizeModuleHook), "after internalization"},
      {bool(Conf.PostImportModuleHook), "after importing"},
      {bool(Conf.PostOptModuleHook), "after optimization"},
      {bool(Conf.PreCodeGenModuleHook), "before code generation"},
      {Conf.PreCodeGenPassesHook && !IsMachO, "for passes of code generation"},
  };
  for (auto [IsSet, When] : Hooks)
    if (IsSet)
      return ("the linker has a hook " + When +
              " (--save-temps, --lto-emit-llvm)")
          .str();

  if (!passPlugins(Conf).empty())
    return "the pass plugin '" + passPlugins(Conf).front() +
           "' is code of this machine (--load-pass-plugin)";
  if (hasLoadedPlugins(Conf))
    return "a pass plugin of the linker is code of this machine";
  for (StringRef Pass : {"dot-", "view-", "exec-", "write-"})
    if (Conf.OptPipeline.find(Pass) != std::string::npos)
      return "the pipeline '" + Conf.OptPipeline +
             "' has passes that write files (--lto-newpm-passes)";
  if (Conf.TimeTraceEnabled)
    return "the time trace is that of this process (--time-trace)";
  if (!Conf.StatsFile.empty())
    return "statistics are those of this process (--plugin-opt=stats-file=)";
  if (Conf.DebugPassManager)
    return "the pass manager reports on stderr (--lto-debug-pass-manager)";
  if (const std::string &File = stackUsageFile(Conf.Options); !File.empty())
    return "stack usage is written to '" + File + "'";
  if (!Conf.Options.MCOptions.AsSecureLogFile.empty())
    return "the assembler logs to '" + Conf.Options.MCOptions.AsSecureLogFile +
           "' (AS_SECURE_LOG_FILE)";
  if (!Conf.Options.MCOptions.IASSearchPaths.empty())
    return "the assembler searches directories of this machine";
  if (!Conf.SplitDwarfOutput.empty())
    return "all .dwo files are written to '" + Conf.SplitDwarfOutput + "'";
  return reasonNotRemote(Conf.MllvmArgs);
}

std::vector<std::string>
dtlto::unaccountedLlvmOptions(ArrayRef<std::string> LlvmArgs) {
  // lld passes its own -mcpu= on as an LLVM option; the Config holds the value.
  StringSet<> Accounted;
  Accounted.insert("mcpu");
  for (StringRef Arg : LlvmArgs)
    Accounted.insert(splitOption(Arg).first);

  // An option may be registered under several names (one for each value), and
  // it does not tell under which of them it was given.
  DenseMap<cl::Option *, SmallVector<StringRef, 1>> Given;
  for (auto &[Name, Option] : cl::getRegisteredOptions())
    if (Option->getNumOccurrences())
      Given[Option].push_back(Name);

  std::vector<std::string> Result;
  for (auto &[Option, Names] : Given) {
    bool IsPrefix = Option->getFormattingFlag() == cl::Prefix ||
                    Option->getFormattingFlag() == cl::AlwaysPrefix;
    bool IsAccounted = any_of(Names, [&](StringRef Name) {
      if (IsPrefix)
        return any_of(LlvmArgs, [&](StringRef Arg) {
          return Arg.ltrim('-').starts_with(Name);
        });
      return Accounted.contains(Name);
    });
    if (!IsAccounted)
      Result.push_back("-" + Names.front().str());
  }
  llvm::sort(Result);
  return Result;
}
