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
#include "metadata_records.h"
#include "record_reader.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Bitcode/LLVMBitCodes.h"
#include "llvm/Support/Endian.h"

using namespace llvm;

namespace dtlto {

/// Walks over the top of a module. Errors of the bitstream, and records that are
/// not as LLVM writes them, end it with false.
class LayoutReader : RecordReader {
public:
  explicit LayoutReader(const BitcodeModule &Module)
      : RecordReader(BitstreamCursor(Module.getBuffer())), Module(Module) {
    Cursor.setBlockInfo(Layout.BlockInfo.get());
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
      if (!skipBlock())
        return false;
    }
    return false;
  }

  ModuleLayout Layout;

private:
  static constexpr uint32_t MagicBytes = ModuleLayout::MagicBytes;

  struct Symbol {
    std::string Name;
    GlobalValue::LinkageTypes Linkage;
    enum { Function, Declaration, Variable, Alias } Kind;
    /// Of an alias its aliasee; of a variable its initializer and 1, or 0.
    uint64_t Constant;
  };

  bool readModule() {
    return readAll([&](unsigned Id) { return readBlock(Id) && !IsDone; },
                   [&](unsigned Code) { return readSymbol(Code); }) ||
           IsDone;
  }

  bool readBlock(unsigned Id) {
    switch (Id) {
    case bitc::BLOCKINFO_BLOCK_ID: {
      std::optional<std::optional<BitstreamBlockInfo>> Info =
          valueOf(Cursor.ReadBlockInfoBlock());
      if (!Info || !*Info)
        return false;
      *Layout.BlockInfo = std::move(**Info);
      return true;
    }
    case bitc::FUNCTION_BLOCK_ID: {
      std::optional<ModuleLayout::Body> Extent = extent();
      if (!Extent)
        return false;
      Layout.Bodies.push_back(*Extent);
      break;
    }
    case bitc::TYPE_BLOCK_ID_NEW:
      return enter(Id) && readTypes();
    case bitc::METADATA_BLOCK_ID:
      HasWholeMetadata |= HasMetadata;
      HasMetadata = true;
      Layout.Metadata =
          MetadataLayout::of(Cursor, values(), std::move(OfConstants));
      break;
    case bitc::CONSTANTS_BLOCK_ID:
      HasWholeMetadata |= HasMetadata;
      return enter(Id) && readConstants();
    case bitc::GLOBALVAL_SUMMARY_BLOCK_ID: {
      std::optional<ModuleLayout::Body> Extent = extent();
      return Extent && enter(Id) && readSummary(Extent->End);
    }
    default:
      break;
    }
    return skipBlock();
  }

  /// Of the block that the cursor is about to enter.
  std::optional<ModuleLayout::Body> extent() const {
    BitstreamCursor Ahead = Cursor;
    if (!valueOf(Ahead.ReadVBR(bitc::CodeLenWidth)) ||
        errorToBool(Ahead.JumpToBit(alignTo(Ahead.GetCurrentBitNo(), 32))))
      return std::nullopt;
    uint64_t At = Ahead.GetCurrentBitNo() / 8;
    auto Words = valueOf(Ahead.Read(bitc::BlockSizeWidth));
    if (!Words)
      return std::nullopt;
    uint64_t End = At + 4 + uint64_t(*Words) * 4;
    if (End > Module.getBuffer().size())
      return std::nullopt;
    return ModuleLayout::Body{Cursor.GetCurrentBitNo(),
                              uint32_t(At) + MagicBytes,
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
    HasWholeMetadata |= HasMetadata;
    constexpr size_t TypeAt = 2, ConstantAt = 4, LinkageAt = 5;
    if (Record.size() <= LinkageAt)
      return false;
    StringRef Names = Module.getStrtab();
    if (Record[0] > Names.size() || Record[1] > Names.size() - Record[0])
      return false;
    StringRef Name = Names.substr(Record[0], Record[1]);
    Symbols.push_back(
        {Name.str(), linkageOf(Record[LinkageAt]), Kind, Record[ConstantAt]});
    if (Kind == Symbol::Declaration && TakesMetadata.contains(Record[TypeAt]))
      takesMetadata(Name);
    return true;
  }

  void takesMetadata(StringRef Intrinsic) {
    if (Intrinsic.starts_with("llvm.dbg."))
      HasWholeMetadata = true;
    else if (Intrinsic != "llvm.experimental.noalias.scope.decl")
      Layout.Arguments = MetadataLayout::Arguments::Any;
    else if (Layout.Arguments == MetadataLayout::Arguments::None)
      Layout.Arguments = MetadataLayout::Arguments::NoAliasScopes;
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

  /// Finds the types of functions that take metadata.
  bool readTypes() {
    unsigned Type = 0;
    std::optional<unsigned> Metadata;
    return readAll([&](unsigned Code) {
      switch (Code) {
      case bitc::TYPE_CODE_NUMENTRY:
      case bitc::TYPE_CODE_STRUCT_NAME:
        return true;
      case bitc::TYPE_CODE_METADATA:
        Metadata = Type;
        break;
      case bitc::TYPE_CODE_FUNCTION: // [variadic, result, parameters …]
        if (Metadata && is_contained(ArrayRef(Record).drop_front(
                                         std::min<size_t>(2, Record.size())),
                                     *Metadata))
          TakesMetadata.insert(Type);
      }
      ++Type;
      return true;
    });
  }

  bool readConstants() {
    return readAll([&](unsigned Code) {
      // [type, function, basic block]
      if (Code == bitc::CST_CODE_BLOCKADDRESS) {
        if (Record.size() < 3)
          return false;
        LoadedFunctions.push_back(Record[1]);
      }
      if (Code == bitc::CST_CODE_SETTYPE)
        return true;
      if (constantRefersToValues(Code))
        OfConstants[values()].assign(Record.begin(), Record.end());
      ++Constants;
      return true;
    });
  }

  /// How many there are by now.
  uint32_t values() const { return uint32_t(Symbols.size()) + Constants; }

  bool readSummary(uint32_t End) {
    // Functions come before the summary: nothing that follows matters.
    IsDone = readAll([&](unsigned Code) {
      switch (Code) {
      case bitc::FS_FLAGS: {
        uint32_t At =
            uint32_t(alignTo(Cursor.GetCurrentBitNo(), 32) / 8) + MagicBytes;
        if (End >= At + 8)
          Layout.Always.push_back({At, End - At, UINT32_MAX});
        break;
      }
      // [value, …]: what refers to other values has their numbers somewhere.
      case bitc::FS_PERMODULE:
      case bitc::FS_PERMODULE_PROFILE:
      case bitc::FS_PERMODULE_RELBF:
      case bitc::FS_PERMODULE_GLOBALVAR_INIT_REFS:
      case bitc::FS_PERMODULE_VTABLE_GLOBALVAR_INIT_REFS:
      case bitc::FS_ALIAS:
        if (!Record.empty() && Record[0] < Symbols.size())
          for (uint64_t Operand : Record)
            if (Operand < Symbols.size())
              Layout.SummaryOf[uint32_t(Record[0])].push_back(
                  uint32_t(Operand));
      }
      return true;
    });
    return IsDone;
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
    for (auto [I, S, Body] : enumerate(Symbols, BodyOfValue)) {
      if (S.Kind == Symbol::Declaration)
        continue;
      ModuleLayout::Definition D{uint32_t(I), Body};
      if (S.Kind == Symbol::Alias)
        D = S.Constant < Symbols.size()
                ? ModuleLayout::Definition{uint32_t(S.Constant),
                                           BodyOfValue[S.Constant]}
                : ModuleLayout::Definition{0, ModuleLayout::UnknownBody};
      if (S.Kind == Symbol::Variable && S.Constant)
        Layout.SummaryOf[D.Value].push_back(uint32_t(S.Constant - 1));
      Layout.Definitions[GlobalValue::getGUIDAssumingExternalLinkage(
          GlobalValue::getGlobalIdentifier(S.Name, S.Linkage, SourceFile))] = D;
    }
    if (HasWholeMetadata)
      Layout.Metadata.reset();
    return true;
  }

  const BitcodeModule &Module;
  DenseSet<uint64_t> TakesMetadata; ///< types of functions
  /// There is one block of it, behind all symbols and constants: else nothing of it
  /// is left out.
  bool HasMetadata = false, HasWholeMetadata = false;
  uint32_t Constants = 0; ///< of the module itself
  MetadataLayout::ValueReferences OfConstants;
  std::string SourceFile;
  std::vector<Symbol> Symbols; ///< by the numbers of values
  std::vector<uint64_t> LoadedFunctions;
  bool HasPositions = false;
  bool IsDone = false;
};

ModuleLayout::ModuleLayout()
    : BlockInfo(std::make_unique<BitstreamBlockInfo>()) {}

ModuleLayout ModuleLayout::of(const BitcodeModule &Module) {
  LayoutReader Reader(Module);
  if (!Reader.read())
    return ModuleLayout();
  ModuleLayout Layout = std::move(Reader.Layout);
  Layout.Bitcode = Module.getBuffer();
  if (Layout.Metadata)
    Layout.readMetadataOfAll();
  return Layout;
}

/// What every import needs of the metadata.
void ModuleLayout::readMetadataOfAll() {
  BitVector Needed(Metadata->size());
  Metadata->addAlways(Arguments, Needed);
  for (const Body &B : Bodies) {
    if (!B.IsLoaded)
      continue;
    std::optional<std::vector<uint32_t>> Used = metadataUsedBy(B);
    if (!Used)
      return Metadata.reset();
    Metadata->add(*Used, Needed);
  }
  Metadata->beginWith(Needed);
  AlwaysNeeded = std::move(Needed);
  Kept = std::make_unique<KeptUses>();
}

std::optional<std::vector<uint32_t>>
ModuleLayout::metadataUsedBy(const Body &B) const {
  BitstreamCursor Cursor(Bitcode);
  Cursor.setBlockInfo(BlockInfo.get());
  if (errorToBool(Cursor.JumpToBit(B.EnterAt)))
    return std::nullopt;
  return Metadata->usedBy(Cursor);
}

/// What every import needs, and all that the definition refers to, directly or not.
/// None if that is not known.
std::optional<BitVector> ModuleLayout::usesOf(const Definition &D) const {
  // The summary has what the code refers to; the block has its metadata.
  auto Summary = SummaryOf.find(D.Value);
  if (Summary == SummaryOf.end())
    return std::nullopt;
  BitVector Needed = AlwaysNeeded;
  Metadata->add(Summary->second, Needed);
  if (D.Body == NoBody)
    return Needed;
  std::optional<std::vector<uint32_t>> Used = metadataUsedBy(Bodies[D.Body]);
  if (!Used)
    return std::nullopt;
  Metadata->add(*Used, Needed);
  return Needed;
}

/// Adds what the definition needs.
bool ModuleLayout::addUses(const Definition &D, BitVector &Needed) const {
  std::lock_guard<std::mutex> Lock(Kept->Mutex);
  auto [Known, IsNew] = Kept->Uses.try_emplace(D.Value);
  if (IsNew)
    Known->second = usesOf(D);
  if (!Known->second)
    return false;
  Needed |= *Known->second;
  return true;
}

ModuleLayout::MetadataReading
ModuleLayout::metadataReading(ArrayRef<std::string> LlvmOptions) {
  auto readsAll = [](StringRef Option) {
    return Option.contains("import-full-type-definitions") ||
           Option.contains("disable-ondemand-mds-loading");
  };
  return any_of(LlvmOptions, readsAll) ? MetadataReading::All
                                       : MetadataReading::OnDemand;
}

std::vector<UnreadRange>
ModuleLayout::unread(const DenseSet<GlobalValue::GUID> &Imported,
                     MetadataReading How) const {
  std::vector<Definition> Read;
  BitVector IsRead(Bodies.size());
  for (GlobalValue::GUID Guid : Imported) {
    auto Found = Definitions.find(Guid);
    if (Found == Definitions.end() || Found->second.Body == UnknownBody)
      return {};
    Read.push_back(Found->second);
    if (Found->second.Body != NoBody)
      IsRead.set(Found->second.Body);
  }
  std::vector<UnreadRange> Result;
  if (How == MetadataReading::OnDemand)
    Result = unreadMetadata(Read);
  addUnreadBodies(IsRead, Result);
  append_range(Result, Always);
  return Result;
}

std::vector<UnreadRange>
ModuleLayout::unreadMetadata(ArrayRef<Definition> Read) const {
  // Each range costs some ten bytes, and the bytes before and behind it are
  // compressed apart.
  constexpr uint32_t Least = 192;
  if (!Metadata)
    return {};
  BitVector Needed = AlwaysNeeded;
  for (const Definition &D : Read)
    if (!addUses(D, Needed))
      return {};
  std::vector<UnreadRange> Ranges, Words, Result;
  Metadata->unread(Needed, Least, [&](uint32_t From, uint32_t To) {
    Ranges.push_back({From + MagicBytes, To - From, UINT32_MAX});
  });
  addChangedWords(Needed, Words);
  std::merge(Ranges.begin(), Ranges.end(), Words.begin(), Words.end(),
             std::back_inserter(Result),
             [](const UnreadRange &A, const UnreadRange &B) {
               return A.Offset < B.Offset;
             });
  return Result;
}

void ModuleLayout::addChangedWords(const BitVector &Needed,
                                   std::vector<UnreadRange> &Result) const {
  // Words between two that are nearer are told as they are: what stands between
  // ranges is compressed apart.
  constexpr uint32_t SizeOfWord = 4, Near = 16;
  uint32_t Begin = 0; // of the last word
  bool IsFirst = true;
  auto addWord = [&](uint32_t At) {
    IsFirst = false;
    Begin = At;
    Result.push_back({At + MagicBytes, SizeOfWord,
                      support::endian::read32le(Bitcode.data() + At)});
  };
  // They are in order: none has a byte before the last word.
  Metadata->changed(Needed, [&](uint32_t At, uint64_t Xor) {
    for (; Xor; ++At, Xor >>= 8) {
      if ((Xor & 0xff) == 0)
        continue;
      if (IsFirst || At >= Begin + Near)
        addWord(At);
      while (At >= Begin + SizeOfWord)
        addWord(Begin + SizeOfWord);
      Result.back().Word ^= uint32_t(Xor & 0xff) << (8 * (At - Begin));
    }
  });
}

void ModuleLayout::addUnreadBodies(const BitVector &Imported,
                                   std::vector<UnreadRange> &Result) const {
  constexpr uint32_t SizeOfWord = 4;
  for (auto [I, B] : enumerate(Bodies)) {
    if (Imported[I] || B.IsLoaded)
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
}

} // namespace dtlto
