// What lld's ELF reader relies on. See object_walk.cpp.

#include "object_formats.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Object/Decompressor.h"

using namespace llvm;
using namespace llvm::object;
using namespace llvm::ELF;

namespace {

Error bad(const Twine &What) { return createStringError(What); }

/// How many bytes a relocation changes at its offset, at least, and how many
/// before it lld may look at or rewrite when it relaxes the code around it.
struct Reach {
  unsigned Before, After;
};

Reach reachOf(unsigned Machine, uint32_t Type) {
  if (Machine == EM_X86_64) {
    switch (Type) {
    case R_X86_64_NONE:
      return {0, 0};
    case R_X86_64_64:
    case R_X86_64_PC64:
    case R_X86_64_DTPOFF64:
    case R_X86_64_TPOFF64:
    case R_X86_64_GOTOFF64:
    case R_X86_64_GOTPC64:
    case R_X86_64_GOT64:
    case R_X86_64_GOTPCREL64:
    case R_X86_64_GOTPLT64:
    case R_X86_64_PLTOFF64:
    case R_X86_64_SIZE64:
      return {0, 8};
    case R_X86_64_16:
    case R_X86_64_PC16:
      return {0, 2};
    case R_X86_64_8:
    case R_X86_64_PC8:
      return {0, 1};
    case R_X86_64_TLSDESC_CALL:
      return {0, 2};
    case R_X86_64_TLSGD:
      return {4, 12};
    case R_X86_64_TLSLD:
      return {3, 9};
    case R_X86_64_GOTPCRELX:
      return {2, 4};
    case R_X86_64_GOTTPOFF:
    case R_X86_64_REX_GOTPCRELX:
    case R_X86_64_GOTPC32_TLSDESC:
      return {3, 4};
    case R_X86_64_CODE_4_GOTPCRELX:
    case R_X86_64_CODE_4_GOTTPOFF:
    case R_X86_64_CODE_4_GOTPC32_TLSDESC:
      return {4, 4};
    default:
      return {0, 4};
    }
  }
  if (Machine == EM_386) {
    switch (Type) {
    case R_386_NONE:
      return {0, 0};
    case R_386_8:
    case R_386_PC8:
      return {0, 1};
    case R_386_16:
    case R_386_PC16:
    case R_386_TLS_DESC_CALL:
      return {0, 2};
    case R_386_TLS_GD:
      return {3, 9};
    case R_386_TLS_LDM:
      return {2, 9};
    case R_386_TLS_IE:
    case R_386_TLS_GOTIE:
    case R_386_TLS_GOTDESC:
    case R_386_GOT32X:
      return {2, 4};
    default:
      return {0, 4};
    }
  }
  StringRef Name = getELFRelocationTypeName(Machine, Type);
  // Marks, and the narrow ones of RISC-V and LoongArch.
  for (StringRef Word : {"NONE", "RELAX", "ALIGN", "TLSDESC_CALL"})
    if (Name.ends_with(Word))
      return {0, 0};
  for (StringRef Word : {"ADD", "SUB", "SET", "ULEB", "UVAR"})
    if (Name.contains(Word))
      return {0, Name.ends_with("32") ? 4u : Name.ends_with("64") ? 8u : 1u};
  if (Name.ends_with("ABS64") || Name.ends_with("PREL64") ||
      Name.ends_with("_64"))
    return {0, 8};
  if (Name.contains("8") || Name.contains("16") || Name.contains("RVC"))
    return {0, 1};
  return {0, 4};
}

/// lld takes the relocation that follows one of these for the call that belongs
/// to it, and does not look whether there is one.
bool hasPartner(unsigned Machine, uint32_t Type) {
  if (Machine == EM_X86_64)
    return Type == R_X86_64_TLSGD || Type == R_X86_64_TLSLD;
  if (Machine == EM_386)
    return Type == R_386_TLS_GD || Type == R_386_TLS_LDM;
  return false;
}

template <class ELFT> class Walk {
  using Shdr = typename ELFT::Shdr;
  using Sym = typename ELFT::Sym;

public:
  explicit Walk(const ELFFile<ELFT> &File)
      : File(File), Machine(File.getHeader().e_machine) {}

  Error run() {
    if (Error E = header())
      return E;
    auto All = File.sections();
    if (!All)
      return All.takeError();
    Sections = *All;
    Owner.assign(Sections.size(), 0);
    for (const Shdr &S : Sections)
      if (Error E = section(S))
        return E;
    if (!Symtab)
      return bad("it has no symbol table");
    if (Error E = symbols())
      return E;
    std::vector<bool> Relocated(Sections.size());
    for (const Shdr &S : Sections)
      if (Error E = contents(S))
        return E;
    for (const Shdr &S : Sections) {
      if (!isRelocations(S))
        continue;
      if (Relocated[S.sh_info])
        return bad("a section has two tables of relocations");
      Relocated[S.sh_info] = true;
      if (Error E = relocations(S))
        return E;
    }
    for (const Shdr &S : Sections)
      if (bool(S.sh_flags & SHF_GROUP) != (Owner[indexOf(S)] != 0))
        return bad("section " + Twine(indexOf(S)) +
                   " and the section groups disagree");
    return Error::success();
  }

private:
  size_t indexOf(const Shdr &S) const { return &S - Sections.begin(); }
  Error badSection(const Shdr &S, const Twine &What) const {
    return bad("section " + Twine(indexOf(S)) + " has " + What);
  }
  static bool isRelocations(const Shdr &S) {
    return S.sh_type == SHT_REL || S.sh_type == SHT_RELA ||
           S.sh_type == SHT_CREL;
  }
  /// Holds data of the program, and is not about other sections.
  static bool isProgram(const Shdr &S) {
    return S.sh_type != SHT_NULL && S.sh_type != SHT_SYMTAB &&
           S.sh_type != SHT_STRTAB && S.sh_type != SHT_GROUP &&
           S.sh_type != SHT_SYMTAB_SHNDX && !isRelocations(S);
  }

  Error header() {
    const auto &H = File.getHeader();
    bool IsPadded = all_of(ArrayRef(H.e_ident).slice(EI_PAD),
                           [](unsigned char C) { return C == 0; });
    if (H.e_type != ET_REL || H.e_version != EV_CURRENT ||
        H.e_ident[EI_VERSION] != EV_CURRENT || !IsPadded || H.e_entry ||
        H.e_phoff || H.e_phnum || H.e_phentsize || H.e_ehsize != sizeof(H) ||
        H.e_shentsize != sizeof(Shdr))
      return bad("its header is not that of an object");
    bool HasFlags = Machine != EM_X86_64 && Machine != EM_386 &&
                    Machine != EM_AARCH64 && Machine != EM_S390;
    if (H.e_flags && !HasFlags)
      return bad("its header has flags that its machine does not know");
    return Error::success();
  }

  Error section(const Shdr &S) {
    if (indexOf(S) == 0)
      return Error::success();
    if (Expected<StringRef> Name = File.getSectionName(S); !Name)
      return Name.takeError();
    // LLVM has no name for this one.
    bool IsAttributes =
        Machine == EM_AARCH64 && S.sh_type == SHT_AARCH64_ATTRIBUTES;
    if ((getELFSectionTypeName(Machine, S.sh_type) == "Unknown" &&
         !IsAttributes) ||
        S.sh_type == SHT_NULL || S.sh_type == SHT_DYNAMIC ||
        S.sh_type == SHT_DYNSYM || S.sh_type == SHT_HASH ||
        S.sh_type == SHT_GNU_HASH || S.sh_type == SHT_GNU_verdef ||
        S.sh_type == SHT_GNU_verneed || S.sh_type == SHT_GNU_versym ||
        S.sh_type == SHT_RELR || S.sh_type == SHT_ANDROID_REL ||
        S.sh_type == SHT_ANDROID_RELA || S.sh_type == SHT_ANDROID_RELR ||
        S.sh_type == SHT_SHLIB)
      return badSection(S, "the type " + Twine(S.sh_type));
    uint64_t Known = SHF_WRITE | SHF_ALLOC | SHF_EXECINSTR | SHF_MERGE |
                     SHF_STRINGS | SHF_INFO_LINK | SHF_LINK_ORDER | SHF_GROUP |
                     SHF_TLS | SHF_COMPRESSED | SHF_GNU_RETAIN | SHF_EXCLUDE;
    if (Machine == EM_X86_64)
      Known |= SHF_X86_64_LARGE;
    if (Machine == EM_ARM || Machine == EM_AARCH64)
      Known |= SHF_ARM_PURECODE;
    if (Machine == EM_MIPS)
      Known |= SHF_MIPS_GPREL | SHF_MIPS_NOSTRIP;
    if (S.sh_flags & ~Known)
      return badSection(S, "unknown flags");
    if (S.sh_addr)
      return badSection(S, "an address");
    if (!dtlto::isAlignment(S.sh_addralign))
      return badSection(S, "the alignment " + Twine(S.sh_addralign));
    if (S.sh_type == SHT_NOBITS) {
      if (uint64_t(S.sh_size) >> 40)
        return badSection(S, "an absurd size");
    } else if (!dtlto::fits(S.sh_offset, S.sh_size, File.getBufSize())) {
      return badSection(S, "more bytes than the file");
    }
    if (S.sh_link >= Sections.size())
      return badSection(S, "a link to no section");
    if (S.sh_flags & SHF_LINK_ORDER && S.sh_link == indexOf(S))
      return badSection(S, "a link to itself");
    if (S.sh_flags & SHF_LINK_ORDER && S.sh_link &&
        !isProgram(Sections[S.sh_link]))
      return badSection(S, "a link to a table");
    bool UsesInfo =
        isRelocations(S) || S.sh_type == SHT_SYMTAB || S.sh_type == SHT_GROUP;
    if (S.sh_info && !UsesInfo)
      return badSection(S, "unexpected information");
    if (isProgram(S) && S.sh_flags & SHF_MERGE &&
        (S.sh_entsize == 0 || S.sh_size % S.sh_entsize != 0 ||
         S.sh_type == SHT_NOBITS))
      return S.sh_flags & SHF_COMPRESSED
                 ? Error::success()
                 : badSection(S, "pieces of an impossible size");
    if (isProgram(S) && S.sh_flags & SHF_STRINGS && !(S.sh_flags & SHF_MERGE))
      return badSection(S, "strings that are not to be merged");
    if (S.sh_type == SHT_SYMTAB) {
      if (Symtab)
        return bad("it has two symbol tables");
      Symtab = &S;
    } else if (S.sh_type == SHT_SYMTAB_SHNDX) {
      auto Table = File.getSHNDXTable(S);
      if (!Table)
        return Table.takeError();
      ShndxTable = *Table;
    }
    return Error::success();
  }

  Error symbols() {
    auto All = File.symbols(Symtab);
    if (!All)
      return All.takeError();
    Symbols = *All;
    auto Names = File.getStringTableForSymtab(*Symtab, Sections);
    if (!Names)
      return Names.takeError();
    if (Symtab->sh_info == 0 || Symtab->sh_info > Symbols.size())
      return bad("its symbol table has an impossible number of locals");
    for (size_t I = 1; I < Symbols.size(); ++I)
      if (Error E = symbol(I, *Names))
        return E;
    return Error::success();
  }

  Error symbol(size_t I, StringRef Names) {
    const Sym &S = Symbols[I];
    auto Bad = [I](const Twine &What) {
      return bad("symbol " + Twine(I) + " has " + What);
    };
    if (S.st_name >= Names.size())
      return Bad("no name, or one with control characters");
    unsigned Binding = S.getBinding();
    bool IsLocal = Binding == STB_LOCAL;
    if (Binding > STB_WEAK && Binding != STB_GNU_UNIQUE)
      return Bad("an unknown binding");
    if (IsLocal != (I < Symtab->sh_info))
      return Bad("its place among others of another binding");
    unsigned Type = S.getType();
    if (Type > STT_TLS && Type != STT_GNU_IFUNC)
      return Bad("an unknown type");
    unsigned Other = S.st_other & ~3u;
    if (Other && (Machine == EM_X86_64 || Machine == EM_386 ||
                  (Machine == EM_AARCH64 && Other != STO_AARCH64_VARIANT_PCS)))
      return Bad("an unknown visibility");
    if (!IsLocal && (Type == STT_SECTION || Type == STT_FILE))
      return Bad("a binding that its type does not allow");
    if (!IsLocal && !dtlto::isSymbolName(Names.data() + S.st_name))
      return Bad("no name, or one with control characters");

    uint32_t Index = S.st_shndx;
    switch (Index) {
    case SHN_UNDEF:
      if (IsLocal)
        return Bad("no section");
      return S.st_value || S.st_size ? Bad("a value without a section")
                                     : Error::success();
    case SHN_ABS:
      return Error::success();
    case SHN_COMMON:
      return !S.st_value || !dtlto::isAlignment(S.st_value) || IsLocal
                 ? Bad("an impossible alignment")
                 : Error::success();
    case SHN_XINDEX: {
      auto Extended =
          getExtendedSymbolTableIndex<ELFT>(S, I, DataRegion(ShndxTable));
      if (!Extended)
        return Extended.takeError();
      Index = *Extended;
      break;
    }
    default:
      if (Index >= SHN_LORESERVE)
        return Bad("an unknown kind of section");
    }
    if (Index == 0 || Index >= Sections.size())
      return Bad("no section");
    const Shdr &In = Sections[Index];
    // A group whose name is no symbol of the object otherwise (of destructors
    // that are one function, for example) is named by one that is in itself.
    if (In.sh_type == SHT_GROUP && IsLocal && Type == STT_NOTYPE &&
        !S.st_value && !S.st_size)
      return Error::success();
    if (!isProgram(In))
      return Bad("a table for its section");
    // The lowest bit says Thumb.
    uint64_t Value = S.st_value;
    if (Machine == EM_ARM && Type == STT_FUNC)
      Value &= ~uint64_t(1);
    uint64_t Size = In.sh_flags & SHF_COMPRESSED ? ~uint64_t(0) : In.sh_size;
    if (!dtlto::fits(Value, S.st_size, Size))
      return Bad("a place outside of its section");
    if (Type == STT_SECTION && (S.st_value || S.st_size))
      return Bad("a value though it stands for a section");
    if (Type == STT_TLS && !(In.sh_flags & SHF_TLS))
      return Bad("no thread-local section");
    return Error::success();
  }

  Error relocations(const Shdr &S) {
    if (S.sh_type == SHT_CREL) {
      auto Decoded = File.crels(S);
      if (!Decoded)
        return Decoded.takeError();
      if (Error E = relocations(S, ArrayRef(Decoded->first)))
        return E;
      return relocations(S, ArrayRef(Decoded->second));
    }
    if (S.sh_type == SHT_RELA) {
      auto All = File.relas(S);
      return All ? relocations(S, *All) : All.takeError();
    }
    auto All = File.rels(S);
    return All ? relocations(S, *All) : All.takeError();
  }

  template <class Rel> Error relocations(const Shdr &S, ArrayRef<Rel> All) {
    const Shdr &Target = Sections[S.sh_info];
    uint64_t Size = Target.sh_size;
    if (Target.sh_flags & SHF_COMPRESSED)
      Size = DecompressedSizes.lookup(S.sh_info);
    bool IsMips64EL = File.isMips64EL();
    for (size_t I = 0; I < All.size(); ++I) {
      uint32_t Type = All[I].getType(IsMips64EL);
      auto Bad = [&](const Twine &What) {
        return bad("relocation " + Twine(I) + " of section " +
                   Twine(S.sh_info) + " has " + What);
      };
      if (getELFRelocationTypeName(Machine, Type & 0xff) == "Unknown" &&
          getELFRelocationTypeName(Machine, Type) == "Unknown")
        return Bad("an unknown type");
      if (All[I].getSymbol(IsMips64EL) >= Symbols.size())
        return Bad("no symbol");
      Reach R = reachOf(Machine, Type);
      uint64_t At = All[I].r_offset;
      if (!dtlto::fits(At, R.After, Size) || At < R.Before)
        return Bad("a place outside of its section");
      if (hasPartner(Machine, Type) && Target.sh_flags & SHF_EXECINSTR &&
          (I + 1 == All.size() || All[I + 1].r_offset <= At ||
           All[I + 1].r_offset > At + 9))
        return Bad("no call that belongs to it");
    }
    return Error::success();
  }

  Error contents(const Shdr &S) {
    if (isRelocations(S)) {
      if (&Sections[S.sh_link] != Symtab || S.sh_info == 0 ||
          S.sh_info >= Sections.size() || !isProgram(Sections[S.sh_info]) ||
          Sections[S.sh_info].sh_type == SHT_NOBITS)
        return badSection(S, "relocations of no section");
      return Error::success();
    }
    if (S.sh_type == SHT_NOBITS || indexOf(S) == 0)
      return Error::success();
    auto Bytes = File.getSectionContents(S);
    if (!Bytes)
      return Bytes.takeError();
    StringRef Text = toStringRef(*Bytes);
    SmallVector<char, 0> Uncompressed;
    if (S.sh_flags & SHF_COMPRESSED) {
      if (Error E = decompress(S, Text, Uncompressed))
        return E;
      Text = StringRef(Uncompressed.data(), Uncompressed.size());
    }
    if (S.sh_type == SHT_GROUP)
      return group(S);
    if (isProgram(S) && S.sh_flags & SHF_STRINGS && !Text.empty() &&
        (S.sh_entsize > Text.size() ||
         !all_of(Text.take_back(S.sh_entsize), [](char C) { return !C; })))
      return badSection(S, "a string without an end");
    if (S.sh_type == SHT_LLVM_ADDRSIG)
      return &Sections[S.sh_link] == Symtab
                 ? dtlto::walkSymbolNumbers(Text, Symbols.size())
                 : badSection(S, "a link to no symbol table");
    if (S.sh_type == SHT_LLVM_CALL_GRAPH_PROFILE && Text.size() % 8 != 0)
      return badSection(S, "a part of an entry");
    if (S.sh_type == SHT_LLVM_DEPENDENT_LIBRARIES && !Text.empty() &&
        Text.back() != 0)
      return badSection(S, "a string without an end");
    Expected<StringRef> Name = File.getSectionName(S);
    if (Name && *Name == ".eh_frame")
      return dtlto::walkEhFrame(Text, ELFT::Endianness == endianness::little);
    return Error::success();
  }

  /// lld makes room for as many bytes as the header says.
  Error decompress(const Shdr &S, StringRef Text, SmallVectorImpl<char> &Out) {
    // What zlib can make of a byte at most; zstd makes more of nonsense alone.
    constexpr uint64_t MaxRatio = 1032;
    if (S.sh_flags & SHF_ALLOC || !isProgram(S))
      return badSection(S, "no contents that may be compressed");
    auto D = Decompressor::create(
        "", Text, ELFT::Endianness == endianness::little, ELFT::Is64Bits);
    if (!D)
      return D.takeError();
    if (D->getDecompressedSize() / MaxRatio > Text.size())
      return badSection(S, "an absurd size when it is decompressed");
    DecompressedSizes[indexOf(S)] = D->getDecompressedSize();
    return D->resizeAndDecompress(Out);
  }

  Error group(const Shdr &S) {
    auto Words =
        File.template getSectionContentsAsArray<typename ELFT::Word>(S);
    if (!Words)
      return Words.takeError();
    if (&Sections[S.sh_link] != Symtab || S.sh_info == 0 ||
        S.sh_info >= Symbols.size() || Words->empty() ||
        Words->front() > GRP_COMDAT || S.sh_flags)
      return badSection(S, "no group's form");
    for (uint32_t Member : Words->drop_front()) {
      if (Member == 0 || Member >= Sections.size() || Owner[Member] ||
          Sections[Member].sh_type == SHT_GROUP)
        return badSection(S, "a wrong member");
      Owner[Member] = indexOf(S);
    }
    return Error::success();
  }

  const ELFFile<ELFT> &File;
  unsigned Machine;
  ArrayRef<Shdr> Sections;
  ArrayRef<Sym> Symbols;
  const Shdr *Symtab = nullptr;
  ArrayRef<typename ELFT::Word> ShndxTable;
  std::vector<size_t> Owner; ///< each section's group, or 0
  DenseMap<unsigned, uint64_t> DecompressedSizes;
};

} // namespace

Error dtlto::walkElf(const ELFObjectFileBase &Object) {
  if (auto *O = dyn_cast<ELF64LEObjectFile>(&Object))
    return Walk(O->getELFFile()).run();
  if (auto *O = dyn_cast<ELF32LEObjectFile>(&Object))
    return Walk(O->getELFFile()).run();
  if (auto *O = dyn_cast<ELF64BEObjectFile>(&Object))
    return Walk(O->getELFFile()).run();
  return Walk(cast<ELF32BEObjectFile>(Object).getELFFile()).run();
}
