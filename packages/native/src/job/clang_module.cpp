// What clang must be told about one module, beside the options of the link.
//
// lld and clang take some things from different places:
//
// * The target. lld's backend compiles each module for the triple that the
//   module names, to the letter; modules of one link may name different ones
//   (other versions of the system, other vendors). clang compiles for the
//   triple of its command line, which its driver rewrites: a version is added
//   or raised, deprecated names are replaced. The driver therefore gets a
//   triple that it takes as it is, and cc1 the module's own. cc1 normalizes
//   what it gets, so a triple that is not normalized has no spelling at all.
// * The relocation and the code model, where the linker leaves them open (a -r
//   link leaves the relocation model open): LLVM's LTO then looks into the
//   module's flags, clang never does.
// * Calls of functions with the attributes dontcall-error and dontcall-warn. The
//   backend reports them, lld prints that and fails; clang, which compiles from
//   bitcode, drops the report and exits with 0.
// * Files that assembly reads (`.incbin`): clang would read those of its machine.
//   Only the assembly of the file's scope is looked at, where they are: that of
//   functions is found by reading all functions. (A worker of dtlto-codegen opens
//   no file whatever the job: file_access.cpp.)

#include "clang_job.h"
#include "llvm_compat.h"
#include "llvm/Bitcode/LLVMBitCodes.h"
#include "llvm/Bitstream/BitstreamReader.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

using namespace llvm;
using dtlto::LinkFlavour;

namespace {

/// Reads what it has to know of a module without loading it: names of functions,
/// functions and metadata are passed over.
class ModuleReader {
public:
  explicit ModuleReader(StringRef Bitcode) : Cursor(Bitcode) {}

  Error read() {
    while (!Cursor.AtEndOfStream()) {
      Expected<BitstreamEntry> Entry = checked(Cursor.advance());
      if (!Entry)
        return Entry.takeError();
      if (Entry->Kind != BitstreamEntry::SubBlock)
        return malformed();
      if (Entry->ID != bitc::MODULE_BLOCK_ID) {
        if (Error E = Cursor.SkipBlock())
          return E;
        continue;
      }
      if (Error E = readModule())
        return E;
    }
    return Error::success();
  }

  StringRef DontCall;
  dtlto::ClangModuleFacts Facts; ///< without a reason

private:
  static Error malformed() { return createStringError("malformed bitcode"); }

  static Expected<BitstreamEntry> checked(Expected<BitstreamEntry> Entry) {
    if (Entry && Entry->Kind == BitstreamEntry::Error)
      return malformed();
    return Entry;
  }

  Error readModule() {
    if (Error E = Cursor.EnterSubBlock(bitc::MODULE_BLOCK_ID))
      return E;
    while (true) {
      Expected<BitstreamEntry> Entry = checked(Cursor.advance());
      if (!Entry)
        return Entry.takeError();
      if (Entry->Kind == BitstreamEntry::EndBlock)
        return Error::success();
      if (Entry->Kind == BitstreamEntry::Record) {
        if (Error E = readRecord(Entry->ID))
          return E;
        continue;
      }
      BitstreamCursor Block = Cursor;
      if (Error E = Cursor.SkipBlock())
        return E;
      if (Entry->ID == bitc::PARAMATTR_GROUP_BLOCK_ID ||
          Entry->ID == bitc::METADATA_BLOCK_ID)
        if (Error E = readBlock(Block, Entry->ID))
          return E;
    }
  }

  Error readRecord(unsigned Abbreviation) {
    SmallVector<uint64_t, 64> Record;
    Expected<unsigned> Code = Cursor.readRecord(Abbreviation, Record);
    if (!Code)
      return Code.takeError();
    if (*Code == bitc::MODULE_CODE_TRIPLE)
      Facts.Triple.assign(Record.begin(), Record.end());
    // A kind of record that is new may be assembly too.
    if (*Code == bitc::MODULE_CODE_ASM || *Code > bitc::MODULE_CODE_IFUNC)
      Facts.HasAssembly = true;
    return Error::success();
  }

  Error readBlock(BitstreamCursor &Block, unsigned Id) {
    if (Error E = Block.EnterSubBlock(Id))
      return E;
    SmallVector<uint64_t, 64> Record;
    for (bool GoesOn = true; GoesOn;) {
      Expected<BitstreamEntry> Entry =
          checked(Block.advanceSkippingSubblocks());
      if (!Entry)
        return Entry.takeError();
      if (Entry->Kind == BitstreamEntry::EndBlock)
        break;
      Record.clear();
      StringRef Blob;
      Expected<unsigned> Code = Block.readRecord(Entry->ID, Record, &Blob);
      if (!Code)
        return Code.takeError();
      if (Id == bitc::METADATA_BLOCK_ID)
        GoesOn = readMetadata(*Code, Blob);
      else
        readAttributes(Record);
    }
    return Error::success();
  }

  /// Texts are numbers here, one for each character.
  void readAttributes(ArrayRef<uint64_t> Record) {
    static constexpr StringLiteral Names[] = {"dontcall-error",
                                              "dontcall-warn"};
    for (StringRef Name : Names)
      if (std::search(Record.begin(), Record.end(), Name.begin(), Name.end()) !=
          Record.end())
        DontCall = Name;
  }

  /// All strings of a module's metadata are one record, the block's first; only
  /// bitcode from before LLVM 4 has a record for each. True: go on.
  bool readMetadata(unsigned Code, StringRef Blob) {
    if (Code == bitc::METADATA_STRINGS)
      Facts.NamesModel |=
          Blob.contains("Code Model") || Blob.contains("Large Data Threshold");
    else if (Code == bitc::METADATA_STRING_OLD)
      Facts.NamesModel = true;
    else
      return true;
    return false;
  }

  BitstreamCursor Cursor;
};

/// A triple for the driver that it neither rewrites nor warns of, and
/// with which it chooses what it would choose for \p T.
std::string driverTriple(const Triple &T) {
  std::string Begin = (T.getArchName() + "-" + T.getVendorName() + "-").str();
  std::string End = T.hasEnvironment() && T.isOSBinFormatMachO()
                        ? ("-" + T.getEnvironmentName()).str()
                        : "";
  // Versions that exist for every architecture.
  if (T.isMacOSX())
    return Begin + "macosx12.0.0" + End;
  if (T.isOSDarwin() && T.getOSMajorVersion() == 0)
    return Begin + Triple::getOSTypeName(T.getOS()).str() + "15.0.0" + End;
  if (T.getEnvironmentName() == "gnullvm")
    return Begin + "windows-gnu";
  if (T.getOS() == Triple::WASI)
    return Begin + "wasip1" +
           (T.hasEnvironment() ? ("-" + T.getEnvironmentName()).str() : "");
  return T.str();
}

class ModuleTranslation {
public:
  ModuleTranslation(const lto::Config &Conf, LinkFlavour Flavour)
      : Conf(Conf), Flavour(Flavour) {}

  dtlto::ClangModuleArguments
  run(BitcodeModule Own, const dtlto::ClangModuleFacts &Facts,
      ArrayRef<const dtlto::ClangModuleFacts *> Imports) {
    cannot(Facts.Reason);
    for (const dtlto::ClangModuleFacts *Import : Imports)
      cannot(Import->Reason);
    spellTarget(Triple(Facts.Triple));
    // To load a module, without its functions, takes as long as to make the job's
    // index, and few need it.
    if (!Facts.HasAssembly && !Facts.NamesModel && !isRelocModelOpen()) {
      spellModel(Conf.CodeModel, std::nullopt);
      return std::move(Result);
    }
    LLVMContext Context;
    auto Module = Own.getLazyModule(Context, /*ShouldLazyLoadMetadata=*/true,
                                    /*IsImporting=*/true);
    if (!Module) {
      cannot(toString(Module.takeError()));
      return std::move(Result);
    }
    checkAssembly(dtlto::moduleAssembly(**Module));
    // Flags are metadata, and LLVM loads all or nothing.
    if (Facts.NamesModel || isRelocModelOpen())
      if (Error E = (*Module)->materializeMetadata())
        cannot(toString(std::move(E)));
    spellModels(**Module);
    return std::move(Result);
  }

private:
  void cannot(const Twine &Why) {
    if (Result.Reason.empty())
      Result.Reason = Why.str();
  }

  bool isRelocModelOpen() const {
    return !Conf.RelocModel && Flavour == LinkFlavour::ELF;
  }

  void spellTarget(const Triple &T) {
    bool IsArch =
        T.getArch() == Triple::x86_64 || T.getArch() == Triple::aarch64;
    bool IsAbi = T.getEnvironment() != Triple::GNUX32 &&
                 T.getEnvironment() != Triple::MuslX32 &&
                 T.getEnvironment() != Triple::GNUILP32;
    bool IsKnown = Flavour == LinkFlavour::ELF
                       ? IsArch && IsAbi && T.isOSLinux() && !T.isAndroid()
                   : Flavour == LinkFlavour::Wasm ? T.isWasm()
                                                  : IsArch;
    if (!IsKnown)
      return cannot("stock clang has not been compared with lld for the target "
                    "'" +
                    T.str() + "'");
    std::string Normalized = Triple::normalize(T.str());
    if (Normalized != T.str())
      return cannot("clang writes the target '" + T.str() + "' as '" +
                    Normalized + "'");
    std::string Driver = driverTriple(T);
    add({"--target=" + Driver});
    if (Driver != T.str())
      add({"-Xclang", "-triple", "-Xclang", T.str()});
  }

  /// As LLVM's createTargetMachine in LTOBackend.cpp.
  void checkAssembly(StringRef Assembly) {
    for (StringRef Directive : {".incbin", ".include"})
      if (Assembly.contains_insensitive(Directive))
        cannot("assembly of this module reads a file (" + Directive + ")");
  }

  void spellModels(const Module &M) {
    if (isRelocModelOpen()) {
      bool IsPic =
          M.getModuleFlag("PIC Level") && M.getPICLevel() != PICLevel::NotPIC;
      add({IsPic ? "-fPIC" : "-fno-pic"});
    }
    spellModel(Conf.CodeModel ? Conf.CodeModel : M.getCodeModel(),
               M.getLargeDataThreshold());
  }

  void spellModel(std::optional<CodeModel::Model> Model,
                  std::optional<uint64_t> Threshold) {
    static constexpr StringLiteral Names[] = {"tiny", "small", "kernel",
                                              "medium", "large"};
    if (!Model)
      return;
    add({("-mcmodel=" + Names[*Model]).str()});
    // The driver adds a threshold of its own to some models.
    if (Threshold)
      add({"-mlarge-data-threshold=" + std::to_string(*Threshold)});
    else if (*Model == CodeModel::Medium || *Model == CodeModel::Large)
      add({"-mlarge-data-threshold=0"});
  }

  void add(std::initializer_list<std::string> Args) {
    append_range(Result.Args, Args);
  }

  const lto::Config &Conf;
  LinkFlavour Flavour;
  dtlto::ClangModuleArguments Result;
};

} // namespace

dtlto::ClangModuleFacts
dtlto::ClangModuleFacts::of(const BitcodeModule &Module) {
  ModuleReader Reader(Module.getBuffer());
  if (Error E = Reader.read()) {
    ClangModuleFacts Unknown;
    Unknown.Reason = toString(std::move(E));
    return Unknown;
  }
  ClangModuleFacts Facts = std::move(Reader.Facts);
  if (!Reader.DontCall.empty())
    Facts.Reason = ("'" + Module.getModuleIdentifier() +
                    "' has functions with the attribute " + Reader.DontCall +
                    ", and clang does not report calls of them")
                       .str();
  return Facts;
}

dtlto::ClangModuleArguments
dtlto::clangModuleArguments(const lto::Config &Conf, LinkFlavour Flavour,
                            BitcodeModule Own, const ClangModuleFacts &Facts,
                            ArrayRef<const ClangModuleFacts *> Imports) {
  return ModuleTranslation(Conf, Flavour).run(Own, Facts, Imports);
}
