// A backend loads a module that it imports from lazily: types, constants, symbols
// and metadata at once, and of the functions those that it imports. The other
// bodies, half of a module's bytes and more, are jumped over: the reader has
// their positions from the module's symbol table. So they need not be there, as
// long as everything else stays where it is. Found by reading LLVM's
// BitcodeReader and FunctionImporter; the parity suite shows it.
//
// What must still be right:
//
// * The sizes of blocks. Before it imports, the backend asks the module for its
//   kind (getLTOInfo), which is in the summary behind the functions: it gets there
//   from block to block. Neighbours that are left out become one block.
// * Of the summary the first records, up to the flags that say that kind.
// * Functions whose basic blocks are in the initializer of a variable (computed
//   gotos) are loaded with any other function of the module.
// * An alias is imported as its function.
//
// Whoever leaves bytes out should put 0xFF there. If something reads them after
// all, this is no valid abbreviation, and the compile fails. (Zeros would be the
// end of a block: an empty function.)

#include "module_layout.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Bitcode/LLVMBitCodes.h"
#include "llvm/Bitstream/BitstreamReader.h"

using namespace llvm;

namespace dtlto {

/// Walks over the top of a module. Errors of the bitstream, and records that are
/// not as LLVM writes them, end it with false.
class LayoutReader {
public:
  explicit LayoutReader(const BitcodeModule &Module)
      : Module(Module), Cursor(Module.getBuffer()) {
    Cursor.setBlockInfo(&BlockInfo);
  }

  bool read() {
    // A file of its own begins with four bytes more; offsets are of 32 bits.
    if (Module.getBuffer().size() > UINT32_MAX - MagicBytes)
      return false;
    while (!Cursor.AtEndOfStream()) {
      BitstreamEntry Entry = next();
      if (Entry.Kind != BitstreamEntry::SubBlock)
        return false;
      if (Entry.ID == bitc::MODULE_BLOCK_ID)
        return enter(Entry.ID) && readModule() && assign();
      if (errorToBool(Cursor.SkipBlock()))
        return false;
    }
    return false;
  }

  ModuleLayout Layout;

private:
  static constexpr uint32_t MagicBytes = 4;

  struct Symbol {
    std::string Name;
    GlobalValue::LinkageTypes Linkage;
    enum { Function, Declaration, Variable, Alias } Kind;
    uint64_t Aliasee; ///< of an alias
  };

  BitstreamEntry next() {
    if (auto Entry = Cursor.advance())
      return *Entry;
    else
      consumeError(Entry.takeError());
    return BitstreamEntry::getError();
  }

  bool enter(unsigned Block) {
    return !errorToBool(Cursor.EnterSubBlock(Block));
  }

  std::optional<unsigned> readRecord(unsigned Abbreviation) {
    Record.clear();
    if (auto Code = Cursor.readRecord(Abbreviation, Record))
      return *Code;
    else
      consumeError(Code.takeError());
    return std::nullopt;
  }

  bool readModule() {
    for (;;) {
      BitstreamEntry Entry = next();
      switch (Entry.Kind) {
      case BitstreamEntry::Error:
        return false;
      case BitstreamEntry::EndBlock:
        return true;
      case BitstreamEntry::SubBlock:
        if (!readBlock(Entry.ID))
          return false;
        if (IsDone)
          return true;
        break;
      case BitstreamEntry::Record:
        std::optional<unsigned> Code = readRecord(Entry.ID);
        if (!Code || !readSymbol(*Code))
          return false;
      }
    }
  }

  bool readBlock(unsigned Id) {
    switch (Id) {
    case bitc::BLOCKINFO_BLOCK_ID: {
      auto Info = Cursor.ReadBlockInfoBlock();
      if (!Info) {
        consumeError(Info.takeError());
        return false;
      }
      if (!*Info)
        return false;
      BlockInfo = std::move(**Info);
      return true;
    }
    case bitc::FUNCTION_BLOCK_ID: {
      std::optional<ModuleLayout::Body> Extent = extent();
      if (!Extent)
        return false;
      Layout.Bodies.push_back(*Extent);
      break;
    }
    case bitc::CONSTANTS_BLOCK_ID:
      return enter(Id) && readConstants();
    case bitc::GLOBALVAL_SUMMARY_BLOCK_ID: {
      std::optional<ModuleLayout::Body> Extent = extent();
      return Extent && enter(Id) && readSummary(Extent->End);
    }
    default:
      break;
    }
    return !errorToBool(Cursor.SkipBlock());
  }

  /// Of the block that the cursor is about to enter.
  std::optional<ModuleLayout::Body> extent() const {
    BitstreamCursor Ahead = Cursor;
    if (auto Width = Ahead.ReadVBR(bitc::CodeLenWidth); !Width) {
      consumeError(Width.takeError());
      return std::nullopt;
    }
    if (errorToBool(Ahead.JumpToBit(alignTo(Ahead.GetCurrentBitNo(), 32))))
      return std::nullopt;
    uint64_t At = Ahead.GetCurrentBitNo() / 8;
    auto Words = Ahead.Read(bitc::BlockSizeWidth);
    if (!Words) {
      consumeError(Words.takeError());
      return std::nullopt;
    }
    uint64_t End = At + 4 + uint64_t(*Words) * 4;
    if (End > Module.getBuffer().size())
      return std::nullopt;
    return ModuleLayout::Body{uint32_t(At) + MagicBytes,
                              uint32_t(End) + MagicBytes};
  }

  bool readSymbol(unsigned Code) {
    // All begin with the name's place in the string table, since version 2.
    switch (Code) {
    case bitc::MODULE_CODE_VERSION:
      return Record.size() == 1 && Record[0] == 2;
    case bitc::MODULE_CODE_SOURCE_FILENAME:
      SourceFile.assign(Record.begin(), Record.end());
      return true;
    case bitc::MODULE_CODE_VSTOFFSET:
      HasPositions = true;
      return true;
    // [name, type, is constant, initializer, linkage, …]
    case bitc::MODULE_CODE_GLOBALVAR:
      return addSymbol(Symbol::Variable);
    // [name, type, calling convention, is a declaration, linkage, …]
    case bitc::MODULE_CODE_FUNCTION:
      return Record.size() > 4 &&
             addSymbol(Record[4] ? Symbol::Declaration : Symbol::Function);
    // [name, type, address space, aliasee, linkage, …]
    case bitc::MODULE_CODE_ALIAS:
      return addSymbol(Symbol::Alias);
    // Values are numbered in the order of all of these.
    case bitc::MODULE_CODE_IFUNC:
    case bitc::MODULE_CODE_ALIAS_OLD:
      return false;
    default:
      return true;
    }
  }

  bool addSymbol(decltype(Symbol::Kind) Kind) {
    constexpr size_t AliaseeAt = 4, LinkageAt = 5;
    if (Record.size() <= LinkageAt)
      return false;
    StringRef Names = Module.getStrtab();
    if (Record[0] > Names.size() || Record[1] > Names.size() - Record[0])
      return false;
    Symbols.push_back({Names.substr(Record[0], Record[1]).str(),
                       linkageOf(Record[LinkageAt]), Kind, Record[AliaseeAt]});
    return true;
  }

  /// Only whether it is local decides about a symbol's GUID.
  static GlobalValue::LinkageTypes linkageOf(uint64_t Encoded) {
    switch (Encoded) {
    case 3:
      return GlobalValue::InternalLinkage;
    case 9:
    case 13: // obsolete kinds of private
    case 14:
      return GlobalValue::PrivateLinkage;
    default:
      return GlobalValue::ExternalLinkage;
    }
  }

  /// The code of the next record of a block without blocks in it; 0 at its end.
  std::optional<unsigned> nextRecord() {
    BitstreamEntry Entry = next();
    if (Entry.Kind == BitstreamEntry::EndBlock)
      return 0;
    if (Entry.Kind != BitstreamEntry::Record)
      return std::nullopt;
    return readRecord(Entry.ID);
  }

  bool readConstants() {
    for (;;) {
      std::optional<unsigned> Code = nextRecord();
      if (!Code || *Code == 0)
        return Code.has_value();
      // [type, function, basic block]
      if (*Code == bitc::CST_CODE_BLOCKADDRESS) {
        if (Record.size() < 3)
          return false;
        LoadedFunctions.push_back(Record[1]);
      }
    }
  }

  bool readSummary(uint32_t End) {
    for (;;) {
      std::optional<unsigned> Code = nextRecord();
      if (!Code || *Code == 0)
        return Code.has_value();
      if (*Code != bitc::FS_FLAGS)
        continue;
      uint32_t At =
          uint32_t(alignTo(Cursor.GetCurrentBitNo(), 32) / 8) + MagicBytes;
      if (End >= At + 8)
        Layout.Always.push_back({At, End - At, UINT32_MAX});
      // Functions come before the summary: nothing that follows matters.
      IsDone = true;
      return true;
    }
  }

  /// Gives each symbol its body.
  bool assign() {
    std::vector<unsigned> BodyOfValue;
    unsigned Count = 0;
    for (const Symbol &S : Symbols)
      BodyOfValue.push_back(S.Kind == Symbol::Function ? Count++
                                                       : ModuleLayout::NoBody);
    if (!HasPositions || Count != Layout.Bodies.size())
      return false;
    for (uint64_t Function : LoadedFunctions) {
      if (Function >= Symbols.size() ||
          BodyOfValue[Function] == ModuleLayout::NoBody)
        return false;
      Layout.Bodies[BodyOfValue[Function]].IsLoaded = true;
    }
    for (auto [S, Body] : zip_equal(Symbols, BodyOfValue)) {
      if (S.Kind == Symbol::Declaration)
        continue;
      if (S.Kind == Symbol::Alias)
        Body = S.Aliasee < Symbols.size() ? BodyOfValue[S.Aliasee]
                                          : ModuleLayout::UnknownBody;
      Layout.BodyOf[GlobalValue::getGUIDAssumingExternalLinkage(
          GlobalValue::getGlobalIdentifier(S.Name, S.Linkage, SourceFile))] =
          Body;
    }
    return true;
  }

  const BitcodeModule &Module;
  BitstreamCursor Cursor;
  BitstreamBlockInfo BlockInfo;
  SmallVector<uint64_t, 64> Record;
  std::string SourceFile;
  std::vector<Symbol> Symbols; ///< by the numbers of values
  std::vector<uint64_t> LoadedFunctions;
  bool HasPositions = false;
  bool IsDone = false;
};

ModuleLayout ModuleLayout::of(const BitcodeModule &Module) {
  LayoutReader Reader(Module);
  return Reader.read() ? std::move(Reader.Layout) : ModuleLayout();
}

std::vector<UnreadRange>
ModuleLayout::unread(const DenseSet<GlobalValue::GUID> &Imported) const {
  BitVector IsRead(Bodies.size());
  for (GlobalValue::GUID Guid : Imported) {
    auto Found = BodyOf.find(Guid);
    if (Found == BodyOf.end() || Found->second == UnknownBody)
      return {};
    if (Found->second != NoBody)
      IsRead.set(Found->second);
  }
  constexpr uint32_t SizeOfWord = 4;
  std::vector<UnreadRange> Result;
  for (auto [I, B] : enumerate(Bodies)) {
    if (IsRead[I] || B.IsLoaded)
      continue;
    // The block's first word stands between two blocks' sizes.
    bool IsNeighbour =
        !Result.empty() &&
        Result.back().Offset + Result.back().Size + SizeOfWord == B.SizeAt;
    if (!IsNeighbour)
      Result.push_back({B.SizeAt, 0, 0});
    UnreadRange &Range = Result.back();
    Range.Size = B.End - Range.Offset;
    Range.Word = Range.Size / SizeOfWord - 1; // the block, without its size
  }
  append_range(Result, Always);
  return Result;
}

} // namespace dtlto
