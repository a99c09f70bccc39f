// What jobs need to be compiled in another process.
//
// Module ids are paths of this machine, or `lib.a(member at 1234)`, which nobody
// can open. A remote job has short names in their place, in the same order,
// because the order of modules is part of what decides the object. Unlike paths,
// they are the same for everybody who makes the same job.
#include "remote_jobs.h"
#include "job/config_codec.h"
#include "job/object_walk.h"
#include "llvm/ADT/STLExtras.h"

using namespace llvm;

namespace dtlto {

static std::string reasonNotRemote(const ThinJobs &Jobs,
                                   const std::vector<std::string> &Replayed) {
  const lto::Config &Conf = Jobs.config();
  if (auto Why = reasonNotRemote(Conf, Jobs.flavour() == LinkFlavour::MachO))
    return *Why;
  if (auto Why = reasonNotRemote(Replayed))
    return *Why;
  std::vector<std::string> Known = Conf.MllvmArgs;
  Known.insert(Known.end(), Replayed.begin(), Replayed.end());
  auto Unknown = unaccountedLlvmOptions(Known);
  if (!Unknown.empty())
    return "the LLVM option '" + Unknown.front() + "' was set in this process";
  return {};
}

RemoteOptions remoteOptions(const ThinJobs &Jobs,
                            const std::vector<std::string> &ReplayedArgs) {
  RemoteOptions Result;
  Result.ReasonNotRemote = reasonNotRemote(Jobs, ReplayedArgs);
  if (!Result.ReasonNotRemote.empty())
    return Result;
  Expected<CodegenOptions> Options =
      encodeOptions(Jobs.config(), Jobs.bitcodeLibFuncs());
  if (!Options) {
    Result.ReasonNotRemote = toString(Options.takeError());
    return Result;
  }
  Result.Text = std::move(Options->Text);
  for (const OptionFile &File : Options->Files)
    Result.Files.push_back({File.Field, File.Contents->getBuffer().str()});

  ClangArguments Clang =
      clangArguments(Jobs.config(), Jobs.flavour(), Jobs.triple(), ReplayedArgs,
                     Jobs.bitcodeLibFuncs());
  Result.ReasonNotForClang = std::move(Clang.Reason);
  Result.ClangArgs = std::move(Clang.Args);
  for (const ClangArguments::File &File : Clang.Files) {
    // The path is replaced by a name of the job's.
    std::string &Arg = Result.ClangArgs[File.ArgIndex];
    Arg.resize(Arg.size() - File.Path.size());
    Result.ClangFiles.push_back({File.ArgIndex, File.Field});
  }
  Result.NeedsObjectName = Jobs.triple().isOSBinFormatCOFF();
  return Result;
}

Expected<RemoteIndex> remoteIndex(const ThinJobs &Jobs, const ThinJob &Job) {
  IndividualIndex Own = Jobs.individualIndex(Job);
  StringRef OwnId = Job.Module.getModuleIdentifier();
  std::vector<std::string> Ids = {OwnId.str()};
  for (const IndividualIndex::Module &Module : Own.Modules)
    Ids.push_back(Module.Id);
  llvm::sort(Ids);
  Ids.erase(std::unique(Ids.begin(), Ids.end()), Ids.end());

  StringMap<std::string> NewIds = canonicalIds(Ids);
  auto IsLoaded = [&](StringRef Id) {
    return Id == OwnId || is_contained(Own.ImportedModules, Id);
  };
  Expected<std::string> Renamed = renameModules(Own, NewIds, IsLoaded);
  if (!Renamed)
    return Renamed.takeError();
  RemoteIndex Result = {std::move(*Renamed), {}};
  for (const std::string &Id : Ids)
    Result.Names.push_back(
        {Id, NewIds[Id], is_contained(Own.ImportedModules, Id)});
  return Result;
}

/// The modules from which definitions come, and which.
static MapVector<StringRef, DenseSet<GlobalValue::GUID>>
importedDefinitions(const ThinJob &Job) {
  MapVector<StringRef, DenseSet<GlobalValue::GUID>> Result;
  for (const auto &[FromModule, Guid, Kind] : Job.ImportList)
    if (Kind == GlobalValueSummary::Definition &&
        Job.ModuleMap.count(FromModule))
      Result[FromModule].insert(Guid);
  return Result;
}

ClangModuleArguments clangModule(ThinJobs &Jobs, const ThinJob &Job) {
  std::vector<const ClangModuleFacts *> Imports;
  for (const auto &Import : importedDefinitions(Job))
    Imports.push_back(
        &Jobs.clangFacts(Job.ModuleMap.find(Import.first)->second));
  return clangModuleArguments(Jobs.config(), Jobs.flavour(), Job.Module,
                              Jobs.clangFacts(Job.Module), Imports);
}

std::vector<UnreadImport> unreadImports(ThinJobs &Jobs, const ThinJob &Job) {
  const auto How = ModuleLayout::metadataReading(Jobs.config().MllvmArgs);
  std::vector<UnreadImport> Result;
  for (const auto &[Id, Guids] : importedDefinitions(Job)) {
    const BitcodeModule &Module = Job.ModuleMap.find(Id)->second;
    Result.push_back({Id.str(), Jobs.layout(Module).unread(Guids, How)});
  }
  return Result;
}

Expected<RemoteJob> remoteJob(ThinJobs &Jobs, const ThinJob &Job,
                              bool ForClang) {
  Expected<RemoteIndex> Index = remoteIndex(Jobs, Job);
  if (!Index)
    return Index.takeError();
  RemoteJob Made = {std::move(*Index), {}, {}};
  if (!ForClang)
    return Made;
  Made.Clang = clangModule(Jobs, Job);
  if (Made.Clang->Reason.empty())
    Made.Unread = unreadImports(Jobs, Job);
  return Made;
}

std::string checkObject(const ThinJobs &Jobs, StringRef Object) {
  if (Object.empty())
    return "empty";
  if (Jobs.config().CGFileType != CodeGenFileType::ObjectFile)
    return {}; // assembly has no format to check
  return objectFault(Object, Jobs.triple());
}

} // namespace dtlto
