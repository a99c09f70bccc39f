// Reads a module's metadata into a MetadataLayout. A module with an unknown kind of
// node is left whole, as is one with an unknown kind of record in a function that is
// imported: too much may be kept, never too little.

#include "metadata_layout.h"
#include "metadata_records.h"
#include "record_reader.h"
#include "llvm/Bitcode/LLVMBitCodes.h"
#include "llvm/IR/LLVMContext.h"

using namespace llvm;

namespace dtlto {

namespace {

// Operands of a record without abbreviation are in pieces of 6 bits, of which the
// highest says that another follows.
constexpr unsigned PieceBits = 6, DataBits = 5;
constexpr uint64_t Follows = 1 << DataBits, DataMask = Follows - 1;
/// As many as fit into eight bytes from any bit of the first one on.
constexpr unsigned MostPieces = 8;

unsigned piecesOf(uint64_t Operand) {
  return std::max(1u, unsigned(divideCeil(bit_width(Operand), DataBits)));
}

uint64_t pieceOf(uint64_t Operand, unsigned Piece) {
  uint64_t Data = (Operand >> (Piece * DataBits)) & DataMask;
  return Piece + 1 < piecesOf(Operand) ? Data | Follows : Data;
}

} // namespace

/// Reads the records of blocks of metadata. All functions say false to what they
/// do not expect.
class MetadataReader : RecordReader {
public:
  MetadataReader(const BitstreamCursor &Cursor, uint32_t Values)
      : RecordReader(Cursor), Values(Values) {}

  /// The module's own block.
  bool readModule(MetadataLayout &Layout) {
    if (Cursor.SizeInBytes() > UINT32_MAX / 8 || !readStrings(Layout) ||
        !readNodes(Layout) || !readRest(Layout))
      return false;
    if (HasIdentifiedTypes) {
      append_range(Layout.Roots, OfLists);
      Layout.Changes.clear();
    }
    for (const auto &[Value, Id] : OfValues)
      if (HasIdentifiedTypes)
        Layout.Roots.push_back(Id);
      else
        Layout.OfValues[Value].push_back(Id);
    return true;
  }

  /// A function's block.
  bool readFunction(std::vector<uint32_t> &Used) {
    return enter(bitc::FUNCTION_BLOCK_ID) &&
           readAll([&](unsigned Id) { return readBlockOfFunction(Id, Used); },
                   [&](unsigned Code) { return readInstruction(Code, Used); });
  }

private:
  bool readStrings(MetadataLayout &Layout) {
    if (!enter(bitc::METADATA_BLOCK_ID))
      return false;
    // [count, where the characters begin], and lengths and characters
    constexpr unsigned WidthOfLength = 6;
    std::optional<unsigned> Code = nextRecord();
    if (Code != bitc::METADATA_STRINGS || Record.size() != 2 ||
        Record[1] > Blob.size())
      return false;
    // The blob ends where a word of the stream does, and the cursor is behind it.
    uint64_t End = Cursor.GetCurrentBitNo() / 8;
    uint64_t At = End - alignTo(Blob.size(), 4) + Record[1];
    SimpleBitstreamCursor Lengths(Blob.take_front(Record[1]));
    for (uint64_t I = 0; I < Record[0]; ++I) {
      std::optional<uint32_t> Length =
          Lengths.AtEndOfStream() ? std::nullopt
                                  : valueOf(Lengths.ReadVBR(WidthOfLength));
      if (!Length || At + *Length > End)
        return false;
      Layout.StringBegin.push_back(uint32_t(At));
      At += *Length;
    }
    Layout.StringBegin.push_back(uint32_t(At));
    return true;
  }

  bool readNodes(MetadataLayout &Layout) {
    if (nextRecord() != bitc::METADATA_INDEX_OFFSET)
      return false; // few nodes: all are read
    const uint64_t Begin = Cursor.GetCurrentBitNo();
    std::vector<uint32_t> Ids;
    for (;;) {
      uint64_t At = Cursor.GetCurrentBitNo();
      std::optional<unsigned> Code = nextRecord();
      if (!Code)
        return false;
      Layout.NodeBegin.push_back(uint32_t(At));
      Layout.FirstReference.push_back(uint32_t(Layout.References.size()));
      if (*Code == bitc::METADATA_INDEX)
        return isIndex(Layout, Begin);
      if (!isMetadataNode(*Code))
        return false;
      const uint32_t Id = Layout.firstNode() + Layout.nodes();
      OperandSet Plain = plainOperands(*Code, Record);
      if (*Code == bitc::METADATA_COMPILE_UNIT && makeListsEmpty(Layout)) {
        addReferences(*Code, ~ForgottenLists, OfLists);
        Plain |= ForgottenLists;
      }
      Ids.clear();
      addReferences(*Code, Plain, Ids);
      llvm::sort(Ids);
      Ids.erase(llvm::unique(Ids), Ids.end());
      for (uint32_t Reference : Ids)
        Layout.addReference(Id, Reference);
      constexpr size_t IdentifierAt = 15;
      if (*Code == bitc::METADATA_COMPOSITE_TYPE &&
          (Record.size() <= IdentifierAt || Record[IdentifierAt]))
        HasIdentifiedTypes = true;
      Layout.IsGeneric.push_back(*Code == bitc::METADATA_NODE ||
                                 *Code == bitc::METADATA_DISTINCT_NODE ||
                                 *Code == bitc::METADATA_VALUE);
    }
  }

  /// The record that was read has the positions that were found.
  bool isIndex(const MetadataLayout &Layout, uint64_t At) const {
    if (Record.size() != Layout.nodes())
      return false;
    for (auto [Distance, Begin] : zip(Record, Layout.NodeBegin)) {
      At += Distance;
      if (At != Begin)
        return false;
    }
    return true;
  }

  /// Named metadata, and what is attached.
  bool readRest(MetadataLayout &Layout) {
    return readAll([&](unsigned Code) {
      switch (Code) {
      case bitc::METADATA_NAME:
        return true;
      case bitc::METADATA_NAMED_NODE:
        for (uint64_t Operand : Record)
          addMetadata(Operand, Layout.Roots);
        return true;
      case bitc::METADATA_GLOBAL_DECL_ATTACHMENT: // [value, (kind, node) …]
        readAttachment(Layout);
        return true;
      default:
        return false;
      }
    });
  }

  /// The first bit of the record's count of operands.
  std::optional<uint64_t> countAt() const {
    // Changes are of eight bytes, which must be there.
    if (!IsUnabbreviated ||
        Cursor.GetCurrentBitNo() / 8 + sizeof(uint64_t) > Cursor.SizeInBytes())
      return std::nullopt;
    unsigned Pieces = piecesOf(Record.size());
    for (uint64_t Operand : Record)
      Pieces += piecesOf(Operand);
    const uint64_t At = Cursor.GetCurrentBitNo() - Pieces * PieceBits;
    // Who writes numbers longer than they need to be is not understood.
    SimpleBitstreamCursor Again(Cursor.getBitcodeBytes());
    if (errorToBool(Again.JumpToBit(At)) ||
        valueOf(Again.ReadVBR(PieceBits)) != Record.size())
      return std::nullopt;
    return At;
  }

  /// The change of pieces from a bit on.
  static void addChange(MetadataLayout &Layout, uint64_t Bit,
                        ArrayRef<uint64_t> Xor, uint32_t Value) {
    for (; !Xor.empty(); Bit += MostPieces * PieceBits) {
      ArrayRef<uint64_t> Some =
          Xor.take_front(std::min<size_t>(MostPieces, Xor.size()));
      Xor = Xor.drop_front(Some.size());
      uint64_t All = 0;
      for (auto [I, Piece] : enumerate(Some))
        All |= Piece << (I * PieceBits);
      if (All)
        Layout.Changes.push_back({uint32_t(Bit / 8), All << (Bit % 8), Value});
    }
  }

  static void addPieces(uint64_t Operand, SmallVectorImpl<uint64_t> &Pieces) {
    for (unsigned I = 0, E = piecesOf(Operand); I < E; ++I)
      Pieces.push_back(pieceOf(Operand, I));
  }

  /// What is attached to a value: debug information is needed with the value, and
  /// the rest always.
  void readAttachment(MetadataLayout &Layout) {
    size_t Debug = 0;
    for (size_t I = 1; I + 1 < Record.size(); I += 2) {
      if (Record[I] == LLVMContext::MD_dbg && Debug == 0)
        Debug = I;
      else
        addMetadata(Record[I + 1], Layout.Roots);
    }
    if (Debug == 0)
      return;
    const uint64_t Node = Record[Debug + 1];
    if (Record[0] < Values && Node < UINT32_MAX - Values &&
        leaveOut(Debug, Layout))
      OfValues.emplace_back(uint32_t(Record[0]), Values + uint32_t(Node));
    else
      addMetadata(Node, Layout.Roots);
  }

  /// The change that leaves the pair at \p Debug out of the record: there are two
  /// operands less, and the last one that stays is as much longer.
  bool leaveOut(size_t Debug, MetadataLayout &Layout) const {
    // A longer number is none that LLVM reads.
    constexpr size_t LongestOperand = 12;
    std::optional<uint64_t> At = countAt();
    if (!At || piecesOf(Record.size()) != 1)
      return false;
    SmallVector<uint64_t, 2 * MostPieces> Old, New;
    Old.push_back(Record.size());
    New.push_back(Record.size() - 2);
    size_t LastOperand = 0;
    for (auto [I, Operand] : enumerate(Record)) {
      addPieces(Operand, Old);
      if (I == Debug || I == Debug + 1)
        continue;
      LastOperand = New.size();
      addPieces(Operand, New);
    }
    if (Old.size() - LastOperand > LongestOperand)
      return false;
    while (New.size() < Old.size()) {
      New.back() |= Follows;
      New.push_back(0);
    }
    for (auto [O, N] : zip(Old, New))
      O ^= N;
    addChange(Layout, *At, Old, uint32_t(Record[0]));
    return true;
  }

  /// The changes that make the lists empty that an import forgets: 0 in place of
  /// their numbers, as long as those.
  bool makeListsEmpty(MetadataLayout &Layout) const {
    // What follows the lists is a word, and more, that stays.
    constexpr size_t LeastOperands = 20;
    std::optional<uint64_t> At = countAt();
    if (!At || Record.size() < LeastOperands)
      return false;
    uint64_t Bit = *At + piecesOf(Record.size()) * PieceBits;
    for (auto [I, Operand] : enumerate(Record)) {
      SmallVector<uint64_t, MostPieces> Pieces;
      addPieces(Operand, Pieces);
      if ((ForgottenLists >> I) & 1) {
        for (uint64_t &Piece : Pieces)
          Piece &= DataMask;
        addChange(Layout, Bit, Pieces, MetadataLayout::NoValue);
      }
      Bit += Pieces.size() * PieceBits;
    }
    return true;
  }

  void addMetadata(uint64_t Number, std::vector<uint32_t> &Ids) const {
    // What is wrong refers to nothing.
    if (Number < UINT32_MAX - Values)
      Ids.push_back(Values + uint32_t(Number));
  }

  /// Of the record that was read.
  void addReferences(unsigned Code, OperandSet Plain,
                     std::vector<uint32_t> &Ids) const {
    if (Code == bitc::METADATA_VALUE) // [type, value]
      return addValues(ArrayRef(Record).drop_front(!Record.empty()), Ids);
    for (auto [I, Operand] : enumerate(Record)) {
      if ((Plain >> std::min<size_t>(I, LastPosition)) & 1)
        continue;
      // Most are larger by one; 0 is none.
      constexpr size_t ScopeAt = 3;
      bool IsRaw = Code == bitc::METADATA_ARG_LIST ||
                   (Code == bitc::METADATA_LOCATION && I == ScopeAt);
      if (IsRaw || Operand)
        addMetadata(IsRaw ? Operand : Operand - 1, Ids);
    }
  }

  void addValues(ArrayRef<uint64_t> Numbers, std::vector<uint32_t> &Ids) const {
    for (uint64_t Number : Numbers)
      if (Number < Values)
        Ids.push_back(uint32_t(Number));
  }

  bool readBlockOfFunction(unsigned Id, std::vector<uint32_t> &Used) {
    switch (Id) {
    case bitc::CONSTANTS_BLOCK_ID:
      return enter(Id) && readAll([&](unsigned Code) {
               if (constantRefersToValues(Code))
                 addValues(Record, Used);
               return true;
             });
    case bitc::METADATA_BLOCK_ID:
      return enter(Id) && readAll([&](unsigned Code) {
               if (Code == bitc::METADATA_STRINGS)
                 return true;
               if (!isMetadataNode(Code))
                 return false;
               addReferences(Code, plainOperands(Code, Record), Used);
               return true;
             });
    case bitc::METADATA_ATTACHMENT_ID:
      return enter(Id) && readAll([&](unsigned) {
               // [(kind, node) …], behind the number of an instruction if it has
               // one
               for (size_t I = Record.size() % 2 + 1; I < Record.size(); I += 2)
                 addMetadata(Record[I], Used);
               return true;
             });
    case bitc::VALUE_SYMTAB_BLOCK_ID:
    case bitc::USELIST_BLOCK_ID:
      return skipBlock();
    default:
      return false;
    }
  }

  /// Of the record that was read.
  bool readInstruction(unsigned Code, std::vector<uint32_t> &Used) const {
    switch (Code) {
    case bitc::FUNC_CODE_DEBUG_LOC: // [line, column, scope, inlined at, …]
      if (Record.size() < 4)
        return false;
      for (uint64_t Operand : ArrayRef(Record).slice(2, 2))
        if (Operand)
          addMetadata(Operand - 1, Used);
      return true;
    case bitc::FUNC_CODE_DEBUG_RECORD_VALUE_SIMPLE: // the last is a value
    case bitc::FUNC_CODE_DEBUG_RECORD_VALUE:
    case bitc::FUNC_CODE_DEBUG_RECORD_DECLARE:
    case bitc::FUNC_CODE_DEBUG_RECORD_ASSIGN:
    case bitc::FUNC_CODE_DEBUG_RECORD_LABEL:
    case bitc::FUNC_CODE_DEBUG_RECORD_DECLARE_VALUE:
      for (uint64_t Operand : Record)
        addMetadata(Operand, Used);
      return true;
    case bitc::FUNC_CODE_OPERAND_BUNDLE:
      return !is_contained(Record, uint64_t(bitc::OB_METADATA));
    default:
      return Code <= bitc::FUNC_CODE_DEBUG_RECORD_DECLARE_VALUE;
    }
  }

  const uint32_t Values;
  bool HasIdentifiedTypes = false;
  std::vector<uint32_t> OfLists; ///< what lists refer to that are made empty
  /// The debug information of values.
  std::vector<std::pair<uint32_t, uint32_t>> OfValues;
};

std::optional<MetadataLayout> MetadataLayout::of(const BitstreamCursor &Cursor,
                                                 uint32_t Values,
                                                 ValueReferences References) {
  MetadataLayout Layout;
  Layout.Values = Values;
  Layout.OfValues = std::move(References);
  if (!MetadataReader(Cursor, Values).readModule(Layout))
    return std::nullopt;
  return Layout;
}

std::optional<std::vector<uint32_t>>
MetadataLayout::usedBy(const BitstreamCursor &Cursor) const {
  std::vector<uint32_t> Used;
  if (!MetadataReader(Cursor, Values).readFunction(Used))
    return std::nullopt;
  return Used;
}

} // namespace dtlto
