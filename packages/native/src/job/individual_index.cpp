// What an individual index must hold for the object to come out the same.
//
// LLVM writes individual indexes for distributed builds: the summaries of the
// module itself, and of everything imported into it. A backend that reads one
// does not always give the object that the in-process backend gives, which sees
// the combined index. What is missing is small: for a symbol that imported or
// own code *refers to* without importing it, the combined index says whether it
// is dso_local, that is, whether the linker resolved it inside this output.
// Then code reaches it directly, otherwise through the GOT, a PLT or an import
// table.
//
// So we add one *stand-in* per such symbol: a summary with nothing in it but
// "live, dso_local, do not import". The backend looks symbols up by GUID and
// asks the first summary; it does not ask where it came from, nor what kind of
// symbol it is. A variable's summary is the shortest that LLVM writes, so
// functions, too, are stood in for by one. (Large links have tens of thousands
// of stand-ins; they are the larger part of what our indexes add to LLVM's.)
//
// Where stand-ins are filed matters. Under the symbol's real module they would
// make the backend load that module in order to import nothing from it; linking
// an empty module still reorders the globals of the destination, and a module
// of the regular-LTO partition is no bitcode file at all. Under the importing
// module they are inert: the symbol's GUID is that of a declaration there, and
// resolutions for the module's own definitions are looked up by definition.
//
// Nor does the backend find function flags in a stand-in: it copies those onto
// every function for which the module's own summaries have a function's entry,
// declarations included, and in the linker these symbols have no entry there.
//
// One kind of callee needs a function's summary with something in it: stack
// tagging asks which bytes a callee touches through its parameters.

#include "individual_index.h"
#include "llvm_compat.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace {

/// The same map, but iterating in an order that follows from its contents: a
/// DenseMap's order depends on how it grew, and the thin link's order of growth
/// on the hashes of paths.
GVSummaryMapTy inOrderOfGuid(const GVSummaryMapTy &Map) {
  SmallVector<GlobalValue::GUID, 0> Guids;
  Guids.reserve(Map.size());
  for (const auto &Entry : Map)
    Guids.push_back(Entry.first);
  llvm::sort(Guids);
  GVSummaryMapTy Result;
  Result.reserve(Guids.size());
  for (GlobalValue::GUID Guid : Guids)
    Result[Guid] = Map.lookup(Guid);
  return Result;
}

/// What stack safety analysis would learn of a callee from the combined index:
/// it follows a call when the definition that the call reaches is certain.
/// (Local definitions are no concern: those of this module have summaries of
/// their own.)
std::vector<FunctionSummary::ParamAccess> paramAccessesOf(ValueInfo VI) {
  const GlobalValueSummary *Callee = nullptr;
  for (const auto &Summary : VI.getSummaryList()) {
    const auto *Alias = dyn_cast<AliasSummary>(Summary.get());
    if (!Summary->isLive() || (Alias && !Alias->hasAliasee()) ||
        !isa<FunctionSummary>(Summary->getBaseObject()))
      continue;
    GlobalValue::LinkageTypes Linkage = Summary->linkage();
    if (GlobalValue::isExternalLinkage(Linkage) ||
        GlobalValue::isWeakLinkage(Linkage)) {
      if (Callee)
        return {};
      Callee = Summary.get();
    } else if ((GlobalValue::isAvailableExternallyLinkage(Linkage) ||
                GlobalValue::isLinkOnceLinkage(Linkage)) &&
               VI.getSummaryList().size() == 1) {
      Callee = Summary.get();
    }
  }
  if (!Callee || !Callee->isDSOLocal())
    return {};
  const auto *Function = cast<FunctionSummary>(Callee->getBaseObject());
  if (!Function->isLive() || !Function->isDSOLocal())
    return {};
  return Function->paramAccesses().vec();
}

std::unique_ptr<GlobalValueSummary> makeStandIn(ValueInfo VI,
                                                StringRef ModulePath) {
  GlobalValueSummary::GVFlags Flags = dtlto::standInFlags(VI);
  std::vector<FunctionSummary::ParamAccess> ParamAccesses = paramAccessesOf(VI);
  std::unique_ptr<GlobalValueSummary> StandIn;
  if (ParamAccesses.empty())
    StandIn = std::make_unique<GlobalVarSummary>(
        Flags,
        GlobalVarSummary::GVarFlags(/*ReadOnly=*/false, /*WriteOnly=*/false,
                                    /*Constant=*/false,
                                    GlobalObject::VCallVisibilityPublic),
        SmallVector<ValueInfo, 0>());
  else
    StandIn = std::make_unique<FunctionSummary>(
        Flags, /*NumInsts=*/0, FunctionSummary::FFlags{},
        SmallVector<ValueInfo, 0>(), SmallVector<FunctionSummary::EdgeTy, 0>(),
        std::vector<GlobalValue::GUID>(),
        std::vector<FunctionSummary::VFuncId>(),
        std::vector<FunctionSummary::VFuncId>(),
        std::vector<FunctionSummary::ConstVCall>(),
        std::vector<FunctionSummary::ConstVCall>(), std::move(ParamAccesses),
        std::vector<CallsiteInfo>(), std::vector<AllocInfo>());
  StandIn->setModulePath(ModulePath);
  return StandIn;
}

void collectReferences(const GlobalValueSummary &Summary,
                       std::vector<ValueInfo> &Out) {
  const GlobalValueSummary *Base = &Summary;
  if (const auto *Alias = dyn_cast<AliasSummary>(Base)) {
    // An alias is imported as a copy of its aliasee, whose body comes along.
    if (!Alias->hasAliasee())
      return;
    Base = &Alias->getAliasee();
  }
  append_range(Out, Base->refs());
  if (const auto *Function = dyn_cast<FunctionSummary>(Base))
    for (const FunctionSummary::EdgeTy &Call : Function->calls())
      Out.push_back(Call.first);
}

} // namespace

dtlto::IndividualIndex dtlto::makeIndividualIndex(
    const ModuleSummaryIndex &CombinedIndex,
    const DenseMap<StringRef, GVSummaryMapTy> &ModuleToDefinedGVSummaries,
    const FunctionImporter::ImportMapTy &ImportList, StringRef ModuleId) {
  ModuleToSummariesForIndexTy ByModule;
  GVSummaryPtrSet Declarations;
  gatherImportedSummariesForModule(ModuleId, ModuleToDefinedGVSummaries,
                                   ImportList, ByModule, Declarations);

  IndividualIndex Result;
  std::vector<ValueInfo> References;
  DenseSet<GlobalValue::GUID> Present;
  for (auto &[Module, Summaries] : ByModule) {
    bool ImportsDefinition = false;
    for (const auto &[Guid, Summary] : Summaries) {
      Present.insert(Guid);
      ImportsDefinition |= !Declarations.count(Summary);
      collectReferences(*Summary, References);
    }
    if (Module != ModuleId && ImportsDefinition)
      Result.ImportedModules.push_back(Module);
  }

  // The path that summaries refer to is the combined index's own copy.
  auto OwnPath = CombinedIndex.modulePaths().find(ModuleId);
  std::vector<std::unique_ptr<GlobalValueSummary>> StandIns;
  if (OwnPath != CombinedIndex.modulePaths().end()) {
    GVSummaryMapTy &Own = ByModule[std::string(ModuleId)];
    for (ValueInfo VI : References) {
      if (VI.getSummaryList().empty() ||
          !VI.isDSOLocal(CombinedIndex.withDSOLocalPropagation()) ||
          !Present.insert(VI.getGUID()).second)
        continue;
      StandIns.push_back(makeStandIn(VI, OwnPath->first()));
      Own[VI.getGUID()] = StandIns.back().get();
    }
  }

  for (auto &Entry : ByModule) {
    Entry.second = inOrderOfGuid(Entry.second);
    // The writer numbers modules in this order.
    auto Path = CombinedIndex.modulePaths().find(Entry.first);
    if (Path != CombinedIndex.modulePaths().end())
      Result.Modules.push_back({Entry.first, Path->second});
  }
  raw_string_ostream OS(Result.Bytes);
  writeIndexToFile(CombinedIndex, OS, &ByModule, &Declarations);
  return Result;
}
