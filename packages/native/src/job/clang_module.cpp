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

/// Modules hold the texts of attributes in one block near their beginning, as
/// numbers, one for each character: no name of a function is read.
Expected<StringRef> dontCallAttribute(const BitcodeModule &Module) {
  static constexpr StringLiteral Names[] = {"dontcall-error", "dontcall-warn"};
  BitstreamCursor Cursor(Module.getBuffer());
  for (unsigned Depth = 0;;) {
    if (Depth == 0 && Cursor.AtEndOfStream())
      return StringRef();
    Expected<BitstreamEntry> Entry = Cursor.advance();
    if (!Entry)
      return Entry.takeError();
    switch (Entry->Kind) {
    case BitstreamEntry::Error:
      return createStringError("malformed bitcode");
    case BitstreamEntry::EndBlock:
      return StringRef();
    case BitstreamEntry::SubBlock:
      if (Entry->ID == bitc::MODULE_BLOCK_ID ||
          Entry->ID == bitc::PARAMATTR_GROUP_BLOCK_ID) {
        if (Error E = Cursor.EnterSubBlock(Entry->ID))
          return std::move(E);
        ++Depth;
      } else if (Error E = Cursor.SkipBlock()) {
        return std::move(E);
      }
      break;
    case BitstreamEntry::Record: {
      SmallVector<uint64_t, 64> Record;
      if (Expected<unsigned> Code = Cursor.readRecord(Entry->ID, Record); !Code)
        return Code.takeError();
      for (StringRef Name : Names)
        if (std::search(Record.begin(), Record.end(), Name.begin(),
                        Name.end()) != Record.end())
          return Name;
    }
    }
  }
}

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

  dtlto::ClangModuleArguments run(BitcodeModule Own,
                                  ArrayRef<BitcodeModule> Imports) {
    checkCalls(Own);
    for (const BitcodeModule &Import : Imports)
      checkCalls(Import);
    LLVMContext Context;
    auto Module = Own.getLazyModule(Context, /*ShouldLazyLoadMetadata=*/true,
                                    /*IsImporting=*/true);
    if (!Module) {
      cannot(toString(Module.takeError()));
      return std::move(Result);
    }
    spellTarget((*Module)->getTargetTriple());
    checkAssembly(dtlto::moduleAssembly(**Module));
    if (Error E = (*Module)->materializeMetadata())
      cannot(toString(std::move(E)));
    else
      spellModels(**Module);
    return std::move(Result);
  }

private:
  void cannot(const Twine &Why) {
    if (Result.Reason.empty())
      Result.Reason = Why.str();
  }

  void checkCalls(const BitcodeModule &Module) {
    Expected<StringRef> Name = dontCallAttribute(Module);
    if (!Name)
      return cannot(toString(Name.takeError()));
    if (!Name->empty())
      cannot("'" + Module.getModuleIdentifier() +
             "' has functions with the attribute " + *Name +
             ", and clang does not report calls of them");
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
    if (!Conf.RelocModel && Flavour == LinkFlavour::ELF) {
      bool IsPic =
          M.getModuleFlag("PIC Level") && M.getPICLevel() != PICLevel::NotPIC;
      add({IsPic ? "-fPIC" : "-fno-pic"});
    }
    static constexpr StringLiteral Names[] = {"tiny", "small", "kernel",
                                              "medium", "large"};
    std::optional<CodeModel::Model> Model = Conf.CodeModel;
    if (!Model)
      Model = M.getCodeModel();
    if (Model) {
      add({("-mcmodel=" + Names[*Model]).str()});
      // The driver adds a threshold of its own to some models.
      if (std::optional<uint64_t> Threshold = M.getLargeDataThreshold())
        add({"-mlarge-data-threshold=" + std::to_string(*Threshold)});
      else if (*Model == CodeModel::Medium || *Model == CodeModel::Large)
        add({"-mlarge-data-threshold=0"});
    }
  }

  void add(std::initializer_list<std::string> Args) {
    append_range(Result.Args, Args);
  }

  const lto::Config &Conf;
  LinkFlavour Flavour;
  dtlto::ClangModuleArguments Result;
};

} // namespace

dtlto::ClangModuleArguments
dtlto::clangModuleArguments(const lto::Config &Conf, LinkFlavour Flavour,
                            BitcodeModule Own,
                            ArrayRef<BitcodeModule> Imports) {
  return ModuleTranslation(Conf, Flavour).run(Own, Imports);
}
