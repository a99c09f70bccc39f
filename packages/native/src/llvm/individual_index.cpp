// What an individual index must hold for the object to come out the same.
//
// LLVM writes individual indexes for distributed builds: the summaries of the
// module itself, and of everything imported into it. A backend that reads one
// does not always give the object that the in-process backend gives, which sees
// the combined index. What is missing is small: for a symbol that imported or
// own code *refers to* without importing it, the combined index says whether it
// is dso_local, that is, whether the linker resolved it inside this output. Then
// code reaches it directly, otherwise through the GOT, a PLT or an import table.
//
// So we add one *stand-in* per such symbol: a summary with nothing in it but
// "live, dso_local, do not import". The backend looks symbols up by GUID and
// asks the first summary; it does not ask where it came from.
//
// Where stand-ins are filed matters. Under the symbol's real module they would
// make the backend load that module in order to import nothing from it; linking
// an empty module still reorders the globals of the destination, and a module of
// the regular-LTO partition is no bitcode file at all. Under the importing
// module they are inert: the symbol's GUID is that of a declaration there, and
// resolutions for the module's own definitions are looked up by definition.
//
// All flags of a stand-in are zero otherwise: attribute propagation reads
// function flags of declarations too, and upstream's in-process backend has not
// copied those at this point. One thing is copied: which bytes a callee touches
// through its parameters, for stack tagging asks that of callees.
//
// Module ids are paths of the linking machine. Replacing them must lose nothing,
// and reading an index into memory and writing it again does (an imported alias
// whose aliasee is not imported has no place in memory). So renameModules() works
// on the container: module ids stand in a block of their own, every other block
// refers to them by number, blocks are aligned to 32 bits and hold no absolute
// positions. It writes that one block anew and corrects the length of the block
// around it; every other bit is copied.

#include "individual_index.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/Bitcode/LLVMBitCodes.h"
#include "llvm/Bitstream/BitstreamReader.h"
#include "llvm/Bitstream/BitstreamWriter.h"
#include "llvm/Support/Endian.h"
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
/// it follows a call when the definition that the call reaches is certain. (Local
/// definitions are no concern: those of this module have summaries of their own.)
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
  GlobalValueSummary::GVFlags Flags(
      GlobalValue::ExternalLinkage, GlobalValue::DefaultVisibility,
      /*NotEligibleToImport=*/true, /*Live=*/true, /*IsLocal=*/true,
      /*CanAutoHide=*/false, GlobalValueSummary::Declaration);

  const GlobalValueSummary *Base = VI.getSummaryList().front().get();
  if (const auto *Alias = dyn_cast<AliasSummary>(Base))
    Base = Alias->hasAliasee() ? &Alias->getAliasee() : nullptr;

  std::unique_ptr<GlobalValueSummary> StandIn;
  if (isa_and_nonnull<FunctionSummary>(Base))
    StandIn = std::make_unique<FunctionSummary>(
        Flags, /*NumInsts=*/0, FunctionSummary::FFlags{},
        SmallVector<ValueInfo, 0>(), SmallVector<FunctionSummary::EdgeTy, 0>(),
        std::vector<GlobalValue::GUID>(),
        std::vector<FunctionSummary::VFuncId>(),
        std::vector<FunctionSummary::VFuncId>(),
        std::vector<FunctionSummary::ConstVCall>(),
        std::vector<FunctionSummary::ConstVCall>(), paramAccessesOf(VI),
        std::vector<CallsiteInfo>(), std::vector<AllocInfo>());
  else
    StandIn = std::make_unique<GlobalVarSummary>(
        Flags,
        GlobalVarSummary::GVarFlags(/*ReadOnly=*/false, /*WriteOnly=*/false,
                                    /*Constant=*/false,
                                    GlobalObject::VCallVisibilityPublic),
        SmallVector<ValueInfo, 0>());
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

  for (auto &Entry : ByModule)
    Entry.second = inOrderOfGuid(Entry.second);
  raw_string_ostream OS(Result.Bytes);
  writeIndexToFile(CombinedIndex, OS, &ByModule, &Declarations);
  return Result;
}

namespace {

struct ModuleEntry {
  uint64_t Number;
  std::string Id;
  SmallVector<uint64_t, 5> Hash;
};

/// Where the table of module ids stands in an index; byte offsets.
struct ModuleTable {
  size_t OuterLength; // the length word of the block around it
  size_t Length;      // its own length word
  size_t End;         // the first byte after it
  unsigned CodeWidth;
  std::vector<ModuleEntry> Entries;
};

Error malformed(const Twine &What) {
  return createStringError("malformed individual index: " + What);
}

Error readEntries(BitstreamCursor &Cursor, ModuleTable &Table) {
  SmallVector<uint64_t, 128> Record;
  while (true) {
    Expected<BitstreamEntry> Entry = Cursor.advanceSkippingSubblocks();
    if (!Entry)
      return Entry.takeError();
    if (Entry->Kind == BitstreamEntry::EndBlock)
      return Error::success();
    if (Entry->Kind != BitstreamEntry::Record)
      return malformed("unreadable module table");
    Record.clear();
    Expected<unsigned> Code = Cursor.readRecord(Entry->ID, Record);
    if (!Code)
      return Code.takeError();
    if (*Code == bitc::MST_CODE_ENTRY && !Record.empty()) {
      ModuleEntry Module{Record[0], {}, {}};
      for (uint64_t C : drop_begin(Record))
        Module.Id.push_back(char(C));
      Table.Entries.push_back(std::move(Module));
    } else if (*Code == bitc::MST_CODE_HASH && Record.size() == 5 &&
               !Table.Entries.empty()) {
      Table.Entries.back().Hash.assign(Record.begin(), Record.end());
    } else {
      return malformed("unknown record in the module table");
    }
  }
}

Expected<ModuleTable> findModuleTable(StringRef Bytes) {
  if (!Bytes.starts_with("BC\xC0\xDE") || Bytes.size() % 4)
    return malformed("not bitcode");
  BitstreamCursor Cursor(Bytes);
  if (Error E = Cursor.JumpToBit(32))
    return std::move(E);

  ModuleTable Table{};
  bool InModule = false;
  while (!Cursor.AtEndOfStream()) {
    Expected<BitstreamEntry> Entry = Cursor.advance();
    if (!Entry)
      return Entry.takeError();
    if (Entry->Kind == BitstreamEntry::Record && InModule) {
      if (Expected<unsigned> Skipped = Cursor.skipRecord(Entry->ID); !Skipped)
        return Skipped.takeError();
      continue;
    }
    if (Entry->Kind != BitstreamEntry::SubBlock)
      return malformed("no module table");
    bool IsTable = InModule && Entry->ID == bitc::MODULE_STRTAB_BLOCK_ID;
    if (!IsTable && (InModule || Entry->ID != bitc::MODULE_BLOCK_ID)) {
      if (Error E = Cursor.SkipBlock())
        return std::move(E);
      continue;
    }
    unsigned Words = 0;
    if (Error E = Cursor.EnterSubBlock(Entry->ID, &Words))
      return std::move(E);
    size_t Start = Cursor.GetCurrentBitNo() / 8;
    if (Words > (Bytes.size() - Start) / 4)
      return malformed("block longer than the file");
    if (!IsTable) {
      InModule = true;
      Table.OuterLength = Start - 4;
      continue;
    }
    Table.Length = Start - 4;
    Table.End = Start + size_t(Words) * 4;
    Table.CodeWidth = Cursor.getAbbrevIDWidth();
    if (Error E = readEntries(Cursor, Table))
      return std::move(E);
    return Table;
  }
  return malformed("no module table");
}

} // namespace

Expected<std::string>
dtlto::renameModules(StringRef Bytes, const StringMap<std::string> &NewIds) {
  Expected<ModuleTable> Table = findModuleTable(Bytes);
  if (!Table)
    return Table.takeError();

  std::map<StringRef, StringRef> InOldOrder;
  for (const ModuleEntry &Entry : Table->Entries) {
    auto New = NewIds.find(Entry.Id);
    if (New == NewIds.end())
      return createStringError("no new id for module '" + Entry.Id + "'");
    InOldOrder[Entry.Id] = New->second;
  }
  StringRef Previous;
  bool IsFirst = true;
  for (const auto &[Old, New] : InOldOrder) {
    if (!IsFirst && !(Previous < New))
      return createStringError("new module id '" + New +
                               "' does not sort as the old one, '" + Old + "'");
    Previous = New;
    IsFirst = false;
  }

  SmallVector<char, 0> Block;
  {
    BitstreamWriter Writer(Block);
    Writer.EnterSubblock(bitc::MODULE_STRTAB_BLOCK_ID, Table->CodeWidth);
    SmallVector<uint64_t, 64> Record;
    for (const ModuleEntry &Entry : Table->Entries) {
      Record.assign(1, Entry.Number);
      for (char C : NewIds.find(Entry.Id)->second)
        Record.push_back(static_cast<unsigned char>(C));
      Writer.EmitRecord(bitc::MST_CODE_ENTRY, Record);
      if (!Entry.Hash.empty())
        Writer.EmitRecord(bitc::MST_CODE_HASH, Entry.Hash);
    }
    Writer.ExitBlock();
  }
  // The header that EnterSubblock wrote fills one word, and the old header stays:
  // it begins within a word that it shares with what stands before it.
  StringRef NewTable = StringRef(Block.data(), Block.size()).drop_front(4);

  std::string Result;
  Result.reserve(Bytes.size() + NewTable.size());
  Result += Bytes.take_front(Table->Length);
  Result += NewTable;
  Result += Bytes.drop_front(Table->End);
  int64_t Growth =
      int64_t(NewTable.size()) - int64_t(Table->End - Table->Length);
  char *OuterLength = Result.data() + Table->OuterLength;
  support::endian::write32le(OuterLength,
                             support::endian::read32le(OuterLength) +
                                 Growth / 4);
  return Result;
}

Expected<std::vector<std::string>> dtlto::moduleIds(StringRef IndexBytes) {
  Expected<ModuleTable> Table = findModuleTable(IndexBytes);
  if (!Table)
    return Table.takeError();
  std::vector<std::string> Ids;
  for (ModuleEntry &Entry : Table->Entries)
    Ids.push_back(std::move(Entry.Id));
  return Ids;
}
