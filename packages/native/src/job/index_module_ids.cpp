// Replaces the module ids of an individual index.
//
// Module ids are paths of the linking machine. Replacing them must lose
// nothing, and reading an index into memory and writing it again does (an
// imported alias whose aliasee is not imported has no place in memory). So
// renameModules() works on the container: module ids stand in a block of their
// own, every other block refers to them by number, blocks are aligned to 32
// bits and hold no absolute positions. It writes that one block anew and
// corrects the length of the block around it; every other bit is copied.
//
// renameModules() does not read the old table: LLVM 22 writes the bytes of an id
// with their signs extended, so that one beyond ASCII damages what follows it in
// the table. readModuleIds() does, for ids that are plain.

#include "individual_index.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Bitcode/LLVMBitCodes.h"
#include "llvm/Bitstream/BitstreamReader.h"
#include "llvm/Bitstream/BitstreamWriter.h"
#include "llvm/Support/Endian.h"

using namespace llvm;

namespace {

/// Where the table of module ids stands in an index; byte offsets.
struct ModuleTable {
  size_t OuterLength; // the length word of the block around it
  size_t Length;      // its own length word
  size_t End;         // the first byte after it
  unsigned CodeWidth;
  BitstreamCursor Records; // at its first record
};

Error malformed(const Twine &What) {
  return createStringError("malformed individual index: " + What);
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
    Table.Records = std::move(Cursor);
    return Table;
  }
  return malformed("no module table");
}

} // namespace

Expected<std::string>
dtlto::renameModules(const IndividualIndex &Index,
                     const StringMap<std::string> &NewIds,
                     function_ref<bool(StringRef)> NeedsHash) {
  StringRef Bytes = Index.Bytes;
  Expected<ModuleTable> Table = findModuleTable(Bytes);
  if (!Table)
    return Table.takeError();

  StringRef Previous;
  for (const IndividualIndex::Module &Module : Index.Modules) {
    auto New = NewIds.find(Module.Id);
    if (New == NewIds.end())
      return createStringError("no new id for module '" + Module.Id + "'");
    if (!Previous.empty() && !(Previous < New->second))
      return createStringError("new module id '" + New->second +
                               "' does not sort as the old one, '" + Module.Id +
                               "'");
    Previous = New->second;
  }

  SmallVector<char, 0> Block;
  {
    BitstreamWriter Writer(Block);
    Writer.EnterSubblock(bitc::MODULE_STRTAB_BLOCK_ID, Table->CodeWidth);
    // Tables make up much of small indexes, and names here are short and plain.
    auto Plain = std::make_shared<BitCodeAbbrev>();
    Plain->Add(BitCodeAbbrevOp(bitc::MST_CODE_ENTRY));
    Plain->Add(BitCodeAbbrevOp(BitCodeAbbrevOp::VBR, 8));
    Plain->Add(BitCodeAbbrevOp(BitCodeAbbrevOp::Array));
    Plain->Add(BitCodeAbbrevOp(BitCodeAbbrevOp::Char6));
    unsigned PlainEntry = Writer.EmitAbbrev(std::move(Plain));
    auto Words = std::make_shared<BitCodeAbbrev>();
    Words->Add(BitCodeAbbrevOp(bitc::MST_CODE_HASH));
    for (int I = 0; I < 5; ++I)
      Words->Add(BitCodeAbbrevOp(BitCodeAbbrevOp::Fixed, 32));
    unsigned HashWords = Writer.EmitAbbrev(std::move(Words));

    SmallVector<uint64_t, 64> Record;
    for (auto [Number, Module] : enumerate(Index.Modules)) {
      StringRef Id = NewIds.find(Module.Id)->second;
      Record.assign(1, Number);
      for (char C : Id)
        Record.push_back(static_cast<unsigned char>(C));
      Writer.EmitRecord(bitc::MST_CODE_ENTRY, Record,
                        all_of(Id, BitCodeAbbrevOp::isChar6) ? PlainEntry : 0);
      bool HasHash = any_of(Module.Hash, [](uint32_t Word) { return Word; });
      if (HasHash && NeedsHash(Module.Id))
        Writer.EmitRecord(bitc::MST_CODE_HASH, Module.Hash, HashWords);
    }
    Writer.ExitBlock();
  }
  // The header that EnterSubblock wrote fills one word, and the old header
  // stays: it begins within a word that it shares with what stands before it.
  StringRef NewTable = StringRef(Block.data(), Block.size()).drop_front(4);

  std::string Result;
  Result.reserve(Bytes.size() + NewTable.size());
  Result += Bytes.take_front(Table->Length);
  Result += NewTable;
  Result += Bytes.drop_front(Table->End);
  int64_t Growth =
      int64_t(NewTable.size()) - int64_t(Table->End - Table->Length);
  char *OuterLength = Result.data() + Table->OuterLength;
  support::endian::write32le(
      OuterLength, support::endian::read32le(OuterLength) + Growth / 4);
  return Result;
}

static Expected<std::vector<dtlto::IndividualIndex::Module>>
readTable(BitstreamCursor &Cursor) {
  std::vector<dtlto::IndividualIndex::Module> Modules;
  SmallVector<uint64_t, 64> Record;
  while (true) {
    Expected<BitstreamEntry> Entry =
        Cursor.advance(BitstreamCursor::AF_DontPopBlockAtEnd);
    if (!Entry)
      return Entry.takeError();
    if (Entry->Kind == BitstreamEntry::EndBlock)
      return Modules;
    if (Entry->Kind != BitstreamEntry::Record)
      return malformed("a table of modules with something else in it");
    Record.clear();
    Expected<unsigned> Code = Cursor.readRecord(Entry->ID, Record);
    if (!Code)
      return Code.takeError();
    if (*Code == bitc::MST_CODE_ENTRY) {
      if (Record.empty() || Record[0] != Modules.size())
        return malformed("modules that are not in order");
      auto &Module = Modules.emplace_back();
      Module.Hash = {};
      for (uint64_t C : ArrayRef(Record).drop_front()) {
        if (C == 0 || C > 127)
          return malformed("a module id that is not plain ASCII");
        Module.Id += char(C);
      }
    } else if (*Code == bitc::MST_CODE_HASH) {
      if (Modules.empty() || Record.size() != 5)
        return malformed("a hash of no module");
      for (size_t I = 0; I < 5; ++I)
        Modules.back().Hash[I] = uint32_t(Record[I]);
    }
  }
}

Expected<dtlto::IndividualIndex> dtlto::readModuleIds(StringRef Bytes) {
  Expected<ModuleTable> Table = findModuleTable(Bytes);
  if (!Table)
    return Table.takeError();
  auto Modules = readTable(Table->Records);
  if (!Modules)
    return Modules.takeError();
  IndividualIndex Index;
  Index.Bytes = Bytes.str();
  Index.Modules = std::move(*Modules);
  return Index;
}

StringMap<std::string> dtlto::canonicalIds(std::vector<std::string> Ids) {
  llvm::sort(Ids);
  StringMap<std::string> Result;
  size_t Width = std::to_string(Ids.empty() ? 0 : Ids.size() - 1).size();
  for (auto [Number, Id] : enumerate(Ids)) {
    // Of equal length, so that they sort as their numbers.
    std::string Digits = std::to_string(Number);
    Result[Id] = "m" + std::string(Width - Digits.size(), '0') + Digits;
  }
  return Result;
}
