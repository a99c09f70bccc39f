// Jobs that leave the process: what Link says about them.
//
// Module ids are paths of this machine, or `lib.a(member at 1234)`, which nobody
// can open. A job that travels gets short names in their place, in the same
// order, because the order of modules is part of what decides the object.
// Unlike paths, they are the same for everybody who makes the same job.
#include "job/clang_job.h"
#include "job/config_codec.h"
#include "job/object_walk.h"
#include "link.h"
#include "thin_jobs.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"

using namespace llvm;

namespace dtlto {

static LinkFlavour flavourOf(StringRef Name) {
  return StringSwitch<LinkFlavour>(Name)
      .Case("coff", LinkFlavour::COFF)
      .Case("mingw", LinkFlavour::MinGW)
      .Case("macho", LinkFlavour::MachO)
      .Case("wasm", LinkFlavour::Wasm)
      .Default(LinkFlavour::ELF);
}

static std::string whyHere(const lto::Config &Conf, LinkFlavour Flavour,
                           const std::vector<std::string> &ReplayedArgs) {
  if (auto Why = reasonToCompileHere(Conf, Flavour == LinkFlavour::MachO))
    return *Why;
  if (auto Why = reasonToCompileHere(ReplayedArgs))
    return *Why;
  std::vector<std::string> Known = Conf.MllvmArgs;
  Known.insert(Known.end(), ReplayedArgs.begin(), ReplayedArgs.end());
  auto Unknown = unaccountedLlvmOptions(Known);
  if (!Unknown.empty())
    return "the LLVM option '" + Unknown.front() + "' was set in this process";
  return {};
}

TravelOptions
Link::travelOptions(StringRef Flavour,
                    const std::vector<std::string> &ReplayedArgs) {
  TravelOptions Result;
  const lto::Config &Conf = Jobs->config();
  LinkFlavour F = flavourOf(Flavour);
  Result.ReasonToCompileHere = whyHere(Conf, F, ReplayedArgs);
  if (!Result.ReasonToCompileHere.empty())
    return Result;
  Expected<CodegenOptions> Options = encodeOptions(Conf);
  if (!Options) {
    Result.ReasonToCompileHere = toString(Options.takeError());
    return Result;
  }
  Result.Text = std::move(Options->Text);
  for (const OptionFile &File : Options->Files)
    Result.Files.push_back({File.Field, File.Contents->getBuffer().str()});

  ClangArguments Clang = clangArguments(Conf, F, Jobs->triple(), ReplayedArgs);
  Result.ReasonNotForClang = std::move(Clang.Reason);
  Result.ClangArgs = std::move(Clang.Args);
  for (const ClangArguments::File &File : Clang.Files) {
    // The path is replaced by a name of the job's.
    std::string &Arg = Result.ClangArgs[File.ArgIndex];
    Arg.resize(Arg.size() - File.Path.size());
    Result.ClangFiles.push_back({File.ArgIndex, File.Field});
  }
  Result.NeedsObjectName = F == LinkFlavour::COFF || F == LinkFlavour::MinGW;
  return Result;
}

TravelIndex Link::travelIndex(unsigned Index, std::string &Error) const {
  TravelIndex Result;
  IndividualIndex Own = Jobs->individualIndex(Jobs->job(Index));
  std::vector<std::string> Ids;
  for (const IndividualIndex::Module &Module : Own.Modules)
    Ids.push_back(Module.Id);
  Ids.push_back(Jobs->job(Index).Module.getModuleIdentifier().str());
  llvm::sort(Ids);
  Ids.erase(std::unique(Ids.begin(), Ids.end()), Ids.end());
  StringMap<std::string> NewIds = canonicalIds(Ids);
  for (const std::string &Id : Ids)
    Result.Names.push_back(
        {Id, NewIds[Id], llvm::is_contained(Own.ImportedModules, Id)});
  StringRef OwnId = Jobs->job(Index).Module.getModuleIdentifier();
  auto IsLoaded = [&](StringRef Id) {
    return Id == OwnId || llvm::is_contained(Own.ImportedModules, Id);
  };
  Expected<std::string> Renamed = renameModules(Own, NewIds, IsLoaded);
  if (Renamed)
    Result.Bytes = std::move(*Renamed);
  else
    Error = toString(Renamed.takeError());
  return Result;
}

ClangModuleArguments Link::clangModule(StringRef Flavour,
                                       unsigned Index) const {
  const ThinJob &Job = Jobs->job(Index);
  MapVector<StringRef, BitcodeModule> Imports;
  for (const auto &[FromModule, Guid, Kind] : Job.ImportList) {
    auto Found = Job.ModuleMap.find(FromModule);
    if (Kind == GlobalValueSummary::Definition && Found != Job.ModuleMap.end())
      Imports.insert(*Found);
  }
  return clangModuleArguments(
      Jobs->config(), flavourOf(Flavour), Job.Module,
      to_vector(make_second_range(Imports.getArrayRef())));
}

std::string Link::objectPathName(unsigned Index) {
  return Jobs->objectPathName(Jobs->job(Index));
}

std::string Link::checkObject(StringRef Object) const {
  if (Object.empty())
    return "empty";
  if (Jobs->config().CGFileType != CodeGenFileType::ObjectFile)
    return {}; // assembly has no format to check
  return objectFault(Object, Jobs->triple());
}

std::vector<std::string> Link::sideOutputPaths(unsigned Index) const {
  return Jobs->sideOutputPaths(Jobs->job(Index));
}

void Link::diagnose(StringRef Severity, StringRef Text) {
  Jobs->diagnose(StringSwitch<DiagnosticSeverity>(Severity)
                     .Case("error", DS_Error)
                     .Case("warning", DS_Warning)
                     .Case("remark", DS_Remark)
                     .Default(DS_Note),
                 Text);
}

std::string Link::compileToMemory(unsigned Index, std::string &Error) const {
  auto Object = Jobs->compileToMemory(Jobs->job(Index));
  if (Object)
    return std::string(Object->data(), Object->size());
  Error = toString(Object.takeError());
  return {};
}

} // namespace dtlto
