// What lld's COFF reader relies on. See object_walk.cpp.

#include "object_formats.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/BinaryFormat/COFF.h"
#include "llvm/DebugInfo/CodeView/CodeView.h"
#include "llvm/Support/Endian.h"

using namespace llvm;
using namespace llvm::object;
using namespace llvm::COFF;
using support::endian::read16le;
using support::endian::read32le;

namespace {

Error bad(const Twine &What) { return createStringError(What); }

/// Bytes that a relocation changes; nothing for a type that there is not.
std::optional<unsigned> widthOf(unsigned Machine, unsigned Type) {
  switch (Machine) {
  case IMAGE_FILE_MACHINE_AMD64:
    if (Type > IMAGE_REL_AMD64_SSPAN32)
      return std::nullopt;
    return Type == IMAGE_REL_AMD64_ABSOLUTE  ? 0
           : Type == IMAGE_REL_AMD64_ADDR64  ? 8
           : Type == IMAGE_REL_AMD64_SECTION ? 2
                                             : 4;
  case IMAGE_FILE_MACHINE_ARM64:
  case IMAGE_FILE_MACHINE_ARM64EC:
  case IMAGE_FILE_MACHINE_ARM64X:
    if (Type > IMAGE_REL_ARM64_REL32)
      return std::nullopt;
    return Type == IMAGE_REL_ARM64_ABSOLUTE  ? 0
           : Type == IMAGE_REL_ARM64_ADDR64  ? 8
           : Type == IMAGE_REL_ARM64_SECTION ? 2
                                             : 4;
  case IMAGE_FILE_MACHINE_I386:
    switch (Type) {
    case IMAGE_REL_I386_ABSOLUTE:
      return 0;
    case IMAGE_REL_I386_SECTION:
      return 2;
    case IMAGE_REL_I386_DIR32:
    case IMAGE_REL_I386_DIR32NB:
    case IMAGE_REL_I386_SECREL:
    case IMAGE_REL_I386_REL32:
      return 4;
    }
    return std::nullopt;
  default: // ARM: the longest are pairs of instructions
    if (Type > IMAGE_REL_ARM_PAIR)
      return std::nullopt;
    return Type == IMAGE_REL_ARM_ABSOLUTE  ? 0
           : Type == IMAGE_REL_ARM_SECTION ? 2
           : Type == IMAGE_REL_ARM_MOV32T  ? 8
                                           : 4;
  }
}

class Walk {
public:
  explicit Walk(const COFFObjectFile &Object)
      : Object(Object), SectionCount(Object.getNumberOfSections()),
        SymbolCount(Object.getNumberOfSymbols()) {}

  Error run() {
    // This reader puts up with a missing symbol table.
    if (!Object.getPointerToSymbolTable() || !Object.getSymbolTable())
      return bad("its symbol table is missing");
    const coff_file_header *Header = Object.getCOFFHeader();
    if (Header && (Header->SizeOfOptionalHeader || Header->Characteristics))
      return bad("its header is not that of an object");
    Definitions.resize(SectionCount + 1);
    IsSymbol.resize(SymbolCount);
    IsExternal.resize(SymbolCount);
    Sections.push_back(nullptr);
    for (uint32_t I = 1; I <= SectionCount; ++I)
      if (Error E = section(I))
        return E;
    if (Error E = symbols())
      return E;
    // Symbols name types by their numbers.
    if (Error E = types())
      return E;
    for (uint32_t I = 1; I <= SectionCount; ++I) {
      if (Error E = relocations(I))
        return E;
      if (Error E = contents(I))
        return E;
    }
    return Error::success();
  }

private:
  static Error badSection(uint32_t I, const Twine &What) {
    return bad("section " + Twine(I) + " has " + What);
  }
  static Error badSymbol(uint32_t I, const Twine &What) {
    return bad("symbol " + Twine(I) + " has " + What);
  }

  Error section(uint32_t I) {
    auto Found = Object.getSection(I);
    if (!Found)
      return Found.takeError();
    const coff_section &S = **Found;
    Sections.push_back(&S);
    auto Name = Object.getSectionName(&S);
    if (!Name)
      return Name.takeError();
    // lld makes nothing of such sections, and expects no symbol to be in one.
    if (S.Characteristics & IMAGE_SCN_LNK_REMOVE && *Name != ".drectve" &&
        !Name->starts_with(".llvm"))
      return badSection(I, "a mark that it is to be removed");
    constexpr uint32_t Known =
        IMAGE_SCN_CNT_CODE | IMAGE_SCN_CNT_INITIALIZED_DATA |
        IMAGE_SCN_CNT_UNINITIALIZED_DATA | IMAGE_SCN_LNK_INFO |
        IMAGE_SCN_LNK_REMOVE | IMAGE_SCN_LNK_COMDAT | IMAGE_SCN_MEM_16BIT |
        0x00F00000u | IMAGE_SCN_LNK_NRELOC_OVFL | IMAGE_SCN_MEM_DISCARDABLE |
        IMAGE_SCN_MEM_SHARED | IMAGE_SCN_MEM_EXECUTE | IMAGE_SCN_MEM_READ |
        IMAGE_SCN_MEM_WRITE;
    if (S.Characteristics & ~Known)
      return badSection(I, "unknown characteristics");
    if ((S.Characteristics >> 20 & 15) == 15)
      return badSection(I, "an unknown alignment");
    if (S.VirtualSize || S.VirtualAddress || S.PointerToLinenumbers ||
        S.NumberOfLinenumbers)
      return badSection(I, "fields that objects do not use");
    bool IsEmpty = S.Characteristics & IMAGE_SCN_CNT_UNINITIALIZED_DATA;
    uint64_t FileSize = Object.getData().size();
    if (IsEmpty ? S.PointerToRawData || S.NumberOfRelocations
                : !dtlto::fits(S.PointerToRawData, S.SizeOfRawData, FileSize))
      return badSection(I, "contents outside of the file");
    bool Overflows = S.Characteristics & IMAGE_SCN_LNK_NRELOC_OVFL;
    if (Overflows && S.NumberOfRelocations != UINT16_MAX)
      return badSection(I, "an impossible number of relocations");
    uint64_t Count = S.NumberOfRelocations;
    if (Overflows) {
      if (!dtlto::fits(S.PointerToRelocations, sizeof(coff_relocation),
                       FileSize))
        return badSection(I, "relocations outside of the file");
      Count = read32le(Object.getData().data() + S.PointerToRelocations);
    }
    if (Count && !dtlto::fits(S.PointerToRelocations,
                              Count * sizeof(coff_relocation), FileSize))
      return badSection(I, "relocations outside of the file");
    return Error::success();
  }

  Error symbols() {
    for (uint32_t I = 0; I < SymbolCount;) {
      auto Symbol = Object.getSymbol(I);
      if (!Symbol)
        return Symbol.takeError();
      auto Name = Object.getSymbolName(*Symbol);
      if (!Name)
        return Name.takeError();
      if (!dtlto::isSymbolName(*Name))
        return badSymbol(I, "no name, or one with control characters");
      unsigned Extra = Symbol->getNumberOfAuxSymbols();
      if (Extra >= SymbolCount - I)
        return badSymbol(I, "more records than the table");
      IsSymbol[I] = true;
      if (Error E = symbol(I, *Symbol))
        return E;
      I += 1 + Extra;
    }
    for (auto [From, To] : Aliases)
      if (To >= SymbolCount || !IsSymbol[To] || !IsExternal[To])
        return badSymbol(From, "an alias to no symbol");
    // A ring of aliases would be followed for ever. Each is walked once, for the
    // first one that leads to it.
    DenseMap<uint32_t, uint32_t> WalkedFor;
    for (auto [From, To] : Aliases) {
      uint32_t At = From;
      while (Aliases.count(At) && WalkedFor.try_emplace(At, From).second)
        At = Aliases.lookup(At);
      if (Aliases.count(At) && WalkedFor.lookup(At) == From)
        return badSymbol(From, "an alias to itself");
    }
    for (uint32_t I = 1; I <= SectionCount; ++I)
      if (Error E = comdat(I))
        return E;
    return Error::success();
  }

  Error symbol(uint32_t I, COFFSymbolRef S) {
    int32_t Number = S.getSectionNumber();
    if (Number > int32_t(SectionCount) || Number < IMAGE_SYM_DEBUG)
      return badSymbol(I, "no section");
    uint8_t Class = S.getStorageClass();
    if (Class != IMAGE_SYM_CLASS_EXTERNAL && Class != IMAGE_SYM_CLASS_STATIC &&
        Class != IMAGE_SYM_CLASS_LABEL && Class != IMAGE_SYM_CLASS_FILE &&
        Class != IMAGE_SYM_CLASS_WEAK_EXTERNAL)
      return badSymbol(I, "an unknown storage class");
    if (Class == IMAGE_SYM_CLASS_FILE)
      return Error::success();
    IsExternal[I] = Class == IMAGE_SYM_CLASS_EXTERNAL ||
                    Class == IMAGE_SYM_CLASS_WEAK_EXTERNAL;
    if (Number > 0 && S.getValue() > Sections[Number]->SizeOfRawData)
      return badSymbol(I, "a place outside of its section");
    if (Number == 0 && Class == IMAGE_SYM_CLASS_STATIC)
      return badSymbol(I, "no section");
    if (Class == IMAGE_SYM_CLASS_WEAK_EXTERNAL) {
      if (S.getNumberOfAuxSymbols() != 1 || Number != 0)
        return badSymbol(I, "no form of an alias");
      auto *Aux = reinterpret_cast<const coff_aux_weak_external *>(
          static_cast<const char *>(S.getRawPtr()) +
          Object.getSymbolTableEntrySize());
      if (Aux->Characteristics < 1 || Aux->Characteristics > 4)
        return badSymbol(I, "an unknown kind of alias");
      Aliases[I] = Aux->TagIndex;
      return Error::success();
    }
    if (S.getNumberOfAuxSymbols() && Class == IMAGE_SYM_CLASS_STATIC)
      return definition(I, Number, S);
    if (S.getNumberOfAuxSymbols())
      return badSymbol(I, "unexpected records");
    return Error::success();
  }

  Error definition(uint32_t I, int32_t Number, COFFSymbolRef S) {
    const coff_aux_section_definition *Aux = S.getSectionDefinition();
    if (!Aux || S.getNumberOfAuxSymbols() != 1 || S.getValue() != 0 ||
        Number <= 0)
      return badSymbol(I, "no form of a section's symbol");
    Definition &D = Definitions[Number];
    if (D.IsDefined)
      return badSection(Number, "two symbols of its own");
    const coff_section &Section = *Sections[Number];
    uint32_t Count = Section.NumberOfRelocations;
    if (Aux->Length != Section.SizeOfRawData ||
        Aux->NumberOfRelocations != Count || Aux->NumberOfLinenumbers ||
        Aux->Unused || Aux->Selection > IMAGE_COMDAT_SELECT_NEWEST)
      return badSection(Number, "another form than its symbol says");
    D.IsDefined = true;
    D.Selection = Aux->Selection;
    D.Parent = Aux->getNumber(Object.getSymbolTableEntrySize() ==
                              sizeof(coff_symbol32));
    return Error::success();
  }

  Error comdat(uint32_t I) {
    const Definition &D = Definitions[I];
    bool IsComdat = Sections[I]->Characteristics & IMAGE_SCN_LNK_COMDAT;
    if (!IsComdat)
      return D.Selection ? badSection(I, "a choice that needs a COMDAT")
                         : Error::success();
    if (!D.IsDefined || D.Selection == 0)
      return badSection(I, "no way to choose its COMDAT");
    if (D.Selection == IMAGE_COMDAT_SELECT_ASSOCIATIVE &&
        (D.Parent == 0 || D.Parent > SectionCount || D.Parent == I ||
         Definitions[D.Parent].Selection == IMAGE_COMDAT_SELECT_ASSOCIATIVE))
      return badSection(I, "no section that it belongs to");
    return Error::success();
  }

  Error relocations(uint32_t I) {
    const coff_section &S = *Sections[I];
    for (const coff_relocation &R : Object.getRelocations(&S)) {
      std::optional<unsigned> Width = widthOf(Object.getMachine(), R.Type);
      if (!Width)
        return badSection(I, "a relocation of an unknown type");
      if (!dtlto::fits(R.VirtualAddress, *Width, S.SizeOfRawData))
        return badSection(I, "a relocation outside of it");
      if (R.SymbolTableIndex >= SymbolCount || !IsSymbol[R.SymbolTableIndex])
        return badSection(I, "a relocation against no symbol");
    }
    return Error::success();
  }

  Error types() {
    for (uint32_t I = 1; I <= SectionCount; ++I) {
      Expected<StringRef> Name = Object.getSectionName(Sections[I]);
      if (!Name)
        return Name.takeError();
      if (*Name == ".debug$P")
        return badSection(I, "precompiled types");
      if (*Name != ".debug$T")
        continue;
      ArrayRef<uint8_t> Bytes;
      if (Error E = Object.getSectionContents(Sections[I], Bytes))
        return E;
      if (Bytes.size() < 4 || read32le(Bytes.data()) != DEBUG_SECTION_MAGIC ||
          TypeCount)
        return badSection(I, "no types");
      Expected<uint32_t> Count = dtlto::walkCodeViewTypes(Bytes.drop_front(4));
      if (!Count)
        return Count.takeError();
      TypeCount = *Count;
    }
    return Error::success();
  }

  /// The sections that lld itself interprets.
  Error contents(uint32_t I) {
    const coff_section &S = *Sections[I];
    if (S.Characteristics & IMAGE_SCN_CNT_UNINITIALIZED_DATA)
      return Error::success();
    ArrayRef<uint8_t> Bytes;
    if (Error E = Object.getSectionContents(&S, Bytes))
      return E;
    StringRef Text = toStringRef(Bytes);
    Expected<StringRef> Found = Object.getSectionName(&S);
    if (!Found)
      return Found.takeError();
    StringRef Name = *Found;
    if (Name == ".llvm_addrsig")
      return dtlto::walkSymbolNumbers(Text, SymbolCount);
    if (Name == ".sxdata" || Name.starts_with(".gfids") ||
        Name.starts_with(".giats") || Name.starts_with(".gljmp") ||
        Name.starts_with(".gehcont"))
      return numbers(I, Text, 4, 1);
    if (Name == ".llvm.call-graph-profile")
      return numbers(I, Text, 16, 2);
    if (Name == ".eh_frame")
      return dtlto::walkEhFrame(Text, /*IsLittleEndian=*/true);
    if (Name == ".drectve")
      return all_of(Text, [](char C) { return isPrint(C) || uint8_t(C) > 127; })
                 ? Error::success()
                 : badSection(I, "directives that are no text");
    if (Name == ".debug$S")
      return debugSubsections(I, Text);
    return Error::success();
  }

  /// Entries that begin with symbol numbers.
  Error numbers(uint32_t I, StringRef Text, size_t Size, size_t Count) {
    if (Text.size() % Size != 0)
      return badSection(I, "a part of an entry");
    for (; !Text.empty(); Text = Text.drop_front(Size))
      for (size_t N = 0; N < Count; ++N) {
        uint32_t Number = read32le(Text.data() + 4 * N);
        if (Number >= SymbolCount || !IsSymbol[Number])
          return badSection(I, "an entry about no symbol");
      }
    return Error::success();
  }

  Error debugSubsections(uint32_t I, StringRef Text) {
    if (Text.size() < 4 || read32le(Text.data()) != DEBUG_SECTION_MAGIC)
      return badSection(I, "no debug information");
    for (uint64_t At = 4; At < Text.size();) {
      if (!dtlto::fits(At, 8, Text.size()))
        return badSection(I, "debug information that is cut off");
      auto Kind = codeview::DebugSubsectionKind(read32le(Text.data() + At));
      uint64_t Size = read32le(Text.data() + At + 4);
      if (!dtlto::fits(At + 8, Size, Text.size()))
        return badSection(I, "debug information that is cut off");
      if (Kind == codeview::DebugSubsectionKind::Symbols)
        if (Error E = dtlto::walkCodeViewSymbols(
                arrayRefFromStringRef(Text.substr(At + 8, Size)), TypeCount))
          return E;
      At = alignTo(At + 8 + Size, 4);
    }
    return Error::success();
  }

  struct Definition {
    bool IsDefined = false;
    uint8_t Selection = 0;
    uint32_t Parent = 0;
  };

  const COFFObjectFile &Object;
  uint32_t SectionCount, SymbolCount, TypeCount = 0;
  std::vector<const coff_section *> Sections; ///< by number, from 1 on
  std::vector<Definition> Definitions;        ///< the same
  std::vector<bool> IsSymbol;                 ///< and no further record of one
  std::vector<bool> IsExternal;               ///< weak ones, too
  DenseMap<uint32_t, uint32_t> Aliases;
};

} // namespace

Error dtlto::walkCoff(const COFFObjectFile &Object) {
  return Walk(Object).run();
}
