// What lld's Mach-O reader relies on. See object_walk.cpp.

#include "object_formats.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/DebugInfo/DWARF/DWARFCompileUnit.h"
#include "llvm/DebugInfo/DWARF/DWARFContext.h"
#include "llvm/Support/Endian.h"

using namespace llvm;
using namespace llvm::object;
using namespace llvm::MachO;
using support::endian::read32le;
using support::endian::read64le;

namespace {

Error bad(const Twine &What) { return createStringError(What); }

class Walk {
public:
  explicit Walk(const MachOObjectFile &Object)
      : Object(Object), IsArm(Object.getArch() == Triple::aarch64) {}

  Error run() {
    // lld links nothing else.
    if (!Object.is64Bit() || !Object.isLittleEndian() ||
        (!IsArm && Object.getArch() != Triple::x86_64))
      return bad("it is for a machine that lld does not link for");
    const mach_header_64 &Header = Object.getHeader64();
    if (Header.filetype != MH_OBJECT || Header.reserved ||
        Header.flags & ~uint32_t(MH_SUBSECTIONS_VIA_SYMBOLS))
      return bad("its header is not that of an object");
    if (Error E = commands())
      return E;
    SymbolCount = Object.getSymtabLoadCommand().nsyms;
    if (Error E = symbols())
      return E;
    for (size_t I = 0; I < Sections.size(); ++I)
      if (Error E = contents(I))
        return E;
    return debugInfo();
  }

private:
  static Error badSection(size_t I, const Twine &What) {
    return bad("section " + Twine(I + 1) + " has " + What);
  }

  Error commands() {
    bool HasSegment = false, HasSymtab = false, HasDysymtab = false;
    for (const auto &Command : Object.load_commands()) {
      switch (Command.C.cmd) {
      case LC_SEGMENT_64: {
        if (HasSegment)
          return bad("it has two segments");
        HasSegment = true;
        auto Segment = Object.getSegment64LoadCommand(Command);
        if (Segment.nsects > MAX_SECT)
          return bad("it has more sections than symbols can name");
        for (unsigned I = 0; I < Segment.nsects; ++I) {
          Sections.push_back(Object.getSection64(Command, I));
          if (Error E = section(I, Segment))
            return E;
        }
        break;
      }
      case LC_SYMTAB:
        HasSymtab = true;
        break;
      case LC_DYSYMTAB:
        HasDysymtab = true;
        break;
      case LC_BUILD_VERSION: {
        auto Version = Object.getBuildVersionLoadCommand(Command);
        if (Version.platform == PLATFORM_UNKNOWN ||
            Version.platform > PLATFORM_XROS_SIMULATOR || Version.ntools)
          return bad("it is for an unknown platform");
        break;
      }
      case LC_VERSION_MIN_MACOSX:
      case LC_VERSION_MIN_IPHONEOS:
      case LC_VERSION_MIN_TVOS:
      case LC_VERSION_MIN_WATCHOS:
      case LC_DATA_IN_CODE:
      case LC_LINKER_OPTION:
      case LC_LINKER_OPTIMIZATION_HINT:
        break;
      default:
        return bad("it has an unknown load command");
      }
    }
    // An object without symbols has neither.
    if (!HasSegment || HasSymtab != HasDysymtab)
      return bad("it has no sections or no symbols");
    return Error::success();
  }

  Error section(size_t I, const segment_command_64 &Segment) {
    const section_64 &S = Sections[I];
    uint64_t FileSize = Object.getData().size();
    unsigned Type = S.flags & SECTION_TYPE;
    bool IsZeroFill = Type == S_ZEROFILL || Type == S_THREAD_LOCAL_ZEROFILL ||
                      Type == S_GB_ZEROFILL;
    if (Type > LAST_KNOWN_SECTION_TYPE || S.reserved3)
      return badSection(I, "an unknown type");
    if (S.align > 21)
      return badSection(I, "an absurd alignment");
    if (S.size >> 40 || !dtlto::fits(S.addr, S.size, Segment.vmsize))
      return badSection(I, "a place outside of its segment");
    // lld knows its special sections by both names.
    StringRef Name(S.sectname, strnlen(S.sectname, sizeof(S.sectname)));
    StringRef InSegment(S.segname, strnlen(S.segname, sizeof(S.segname)));
    if (!dtlto::isSymbolName(Name) || !dtlto::isSymbolName(InSegment) ||
        (Name.starts_with("__debug_") && InSegment != "__DWARF") ||
        (Name == "__compact_unwind" && InSegment != "__LD") ||
        (Name == "__eh_frame" && InSegment != "__TEXT") ||
        bool(S.flags & S_ATTR_DEBUG) !=
            (InSegment == "__DWARF" || InSegment == "__LD"))
      return badSection(I, "a name that does not belong to its segment");
    if (!IsZeroFill && !dtlto::fits(S.offset, S.size, FileSize))
      return badSection(I, "contents outside of the file");
    if (IsZeroFill && (S.offset || S.nreloc))
      return badSection(I, "contents though it has none");
    if (!dtlto::fits(S.reloff, uint64_t(S.nreloc) * 8, FileSize))
      return badSection(I, "relocations outside of the file");
    for (size_t J = 0; J < I; ++J)
      if (S.addr < Sections[J].addr + Sections[J].size &&
          Sections[J].addr < S.addr + S.size)
        return badSection(I, "a place that another one has");
    return Error::success();
  }

  Error symbols() {
    for (const SymbolRef &Ref : Object.symbols()) {
      nlist_64 S = Object.getSymbol64TableEntry(Ref.getRawDataRefImpl());
      size_t I = Object.getSymbolIndex(Ref.getRawDataRefImpl());
      auto Bad = [I](const Twine &What) {
        return bad("symbol " + Twine(I) + " has " + What);
      };
      auto Name = Ref.getName();
      if (!Name)
        return Name.takeError();
      if (!dtlto::isSymbolName(*Name))
        return Bad("no name, or one with control characters");
      if (S.n_type & N_STAB)
        return Bad("an unknown type");
      switch (S.n_type & N_TYPE) {
      case N_UNDF:
        if (S.n_sect || !(S.n_type & N_EXT))
          return Bad("no section");
        // A value is the size of a common symbol.
        if (S.n_value >> 40)
          return Bad("an absurd size");
        break;
      case N_ABS:
        if (S.n_sect)
          return Bad("a section though it is absolute");
        break;
      case N_SECT: {
        if (S.n_sect == 0 || S.n_sect > Sections.size())
          return Bad("no section");
        const section_64 &In = Sections[S.n_sect - 1];
        if (S.n_value < In.addr || S.n_value - In.addr > In.size)
          return Bad("a place outside of its section");
        break;
      }
      default:
        return Bad("an unknown type");
      }
    }
    return Error::success();
  }

  Error contents(size_t I) {
    const section_64 &S = Sections[I];
    StringRef Bytes = Object.getData().substr(S.offset, S.size);
    StringRef Name(S.sectname, strnlen(S.sectname, sizeof(S.sectname)));
    unsigned Unit = 1;
    switch (S.flags & SECTION_TYPE) {
    case S_ZEROFILL:
    case S_GB_ZEROFILL:
    case S_THREAD_LOCAL_ZEROFILL:
      return Error::success();
    case S_CSTRING_LITERALS:
      if (!Bytes.empty() && Bytes.back() != 0)
        return badSection(I, "a string without an end");
      break;
    case S_4BYTE_LITERALS:
      Unit = 4;
      break;
    case S_8BYTE_LITERALS:
    case S_LITERAL_POINTERS:
    case S_MOD_INIT_FUNC_POINTERS:
    case S_MOD_TERM_FUNC_POINTERS:
    case S_NON_LAZY_SYMBOL_POINTERS:
      Unit = 8;
      break;
    case S_16BYTE_LITERALS:
      Unit = 16;
      break;
    case S_THREAD_LOCAL_VARIABLES:
      Unit = 24;
      break;
    }
    if (Name == "__compact_unwind")
      Unit = 32;
    if (S.size % Unit != 0)
      return badSection(I, "a part of an entry");
    if (Name == "__llvm_addrsig")
      if (Error E = dtlto::walkSymbolNumbers(Bytes, SymbolCount))
        return E;
    if (Name == "__eh_frame")
      if (Error E = dtlto::walkEhFrame(Bytes, /*IsLittleEndian=*/true))
        return E;
    if (Error E = relocations(I, Bytes))
      return E;
    if (Name == "__compact_unwind")
      return unwindEntries(I);
    return Error::success();
  }

  relocation_info relocation(const section_64 &S, size_t N) const {
    // The bit fields are laid out by hand: they are the file's, not the host's.
    const char *At = Object.getData().data() + S.reloff + 8 * N;
    uint32_t Word = read32le(At + 4);
    relocation_info R;
    R.r_address = int32_t(read32le(At));
    R.r_symbolnum = Word & 0xffffff;
    R.r_pcrel = Word >> 24 & 1;
    R.r_length = Word >> 25 & 3;
    R.r_extern = Word >> 27 & 1;
    R.r_type = Word >> 28;
    return R;
  }

  Error relocations(size_t I, StringRef Bytes) {
    const section_64 &S = Sections[I];
    for (size_t N = 0; N < S.nreloc; ++N) {
      relocation_info R = relocation(S, N);
      auto Bad = [&](const Twine &What) {
        return bad("relocation " + Twine(N) + " of section " + Twine(I + 1) +
                   " has " + What);
      };
      unsigned Width = 1u << R.r_length;
      // A negative address marks a kind that these machines do not have.
      if (R.r_address < 0 || !dtlto::fits(R.r_address, Width, S.size))
        return Bad("a place outside of its section");
      unsigned Last =
          IsArm ? unsigned(ARM64_RELOC_ADDEND) : unsigned(X86_64_RELOC_TLV);
      if (R.r_type > Last)
        return Bad("an unknown type");
      bool IsAddend = IsArm && R.r_type == ARM64_RELOC_ADDEND;
      unsigned Subtractor = IsArm ? unsigned(ARM64_RELOC_SUBTRACTOR)
                                  : unsigned(X86_64_RELOC_SUBTRACTOR);
      if (R.r_type == Subtractor || IsAddend) {
        if (N + 1 == S.nreloc)
          return Bad("no partner");
        relocation_info Next = relocation(S, N + 1);
        bool Fits = IsAddend ? Next.r_type == ARM64_RELOC_PAGE21 ||
                                   Next.r_type == ARM64_RELOC_PAGEOFF12 ||
                                   Next.r_type == ARM64_RELOC_BRANCH26
                             : Next.r_type == 0 && Next.r_length == R.r_length;
        if (!Fits || Next.r_address != R.r_address)
          return Bad("a wrong partner");
      }
      if (IsAddend)
        continue;
      if (R.r_extern) {
        if (R.r_symbolnum >= SymbolCount)
          return Bad("no symbol");
        continue;
      }
      if (R.r_symbolnum == 0 || R.r_symbolnum > Sections.size())
        return Bad("no section");
      // lld looks for the piece of the section that the contents point into.
      if (R.r_type == Subtractor || Width < 4)
        return Bad("a section where only a symbol will do");
      const char *At = Bytes.data() + R.r_address;
      uint64_t Points =
          Width == 8 ? read64le(At) : uint64_t(int64_t(int32_t(read32le(At))));
      if (R.r_pcrel)
        Points += S.addr + R.r_address + 4 + implicitOffset(R.r_type);
      const section_64 &To = Sections[R.r_symbolnum - 1];
      if (Points < To.addr || Points - To.addr > To.size)
        return Bad("a target outside of the section it names");
    }
    return Error::success();
  }

  /// Bytes between the relocated field and the end of its instruction.
  unsigned implicitOffset(unsigned Type) const {
    if (IsArm)
      return 0;
    return Type == X86_64_RELOC_SIGNED_1   ? 1
           : Type == X86_64_RELOC_SIGNED_2 ? 2
           : Type == X86_64_RELOC_SIGNED_4 ? 4
                                           : 0;
  }

  /// Each entry is about a function, which its first word is relocated to.
  Error unwindEntries(size_t I) {
    const section_64 &S = Sections[I];
    std::vector<bool> HasFunction(S.size / 32);
    for (size_t N = 0; N < S.nreloc; ++N) {
      relocation_info R = relocation(S, N);
      if (R.r_address % 32 == 0 && R.r_length == 3 && R.r_type == 0 &&
          !R.r_pcrel)
        HasFunction[R.r_address / 32] = true;
      else if (R.r_address % 32 != 16 && R.r_address % 32 != 24)
        return badSection(I, "a relocation of a field that has none");
    }
    return is_contained(HasFunction, false)
               ? badSection(I, "an entry about no function")
               : Error::success();
  }

  /// lld writes the name and the directory of the source file into its map for
  /// debuggers.
  Error debugInfo() {
    auto Ignore = [](Error E) { consumeError(std::move(E)); };
    auto Context = DWARFContext::create(
        Object, DWARFContext::ProcessDebugRelocations::Ignore,
        /*L=*/nullptr, /*DWPName=*/"", Ignore, Ignore);
    for (const auto &Unit : Context->compile_units()) {
      DWARFDie Die = Unit->getUnitDIE();
      if (!Die || !Die.getShortName() || !Unit->getCompilationDir())
        return bad("its debug information names no source file");
    }
    return Error::success();
  }

  const MachOObjectFile &Object;
  bool IsArm;
  std::vector<section_64> Sections;
  uint64_t SymbolCount = 0;
};

} // namespace

Error dtlto::walkMachO(const MachOObjectFile &Object) {
  return Walk(Object).run();
}
