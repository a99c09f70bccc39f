// The one place that knows versions of LLVM: 22 and 23 from one source.
//
// What differs between them has one name here, and callers are written once. An
// addon, a dtlto-codegen and a dtlto-lld are built for each version
// (CMakeLists.txt); jobs of one version are never compiled by another.
//
// What LLVM 23 changed for us:
//
// * Backends get names of library functions that must not be called
//   (BitcodeLibFuncs): the link has them as bitcode in archives and did not extract
//   them, and it is too late to do so. They are an input of code generation that
//   no individual index holds, and that clang's -fthinlto-index= knows nothing of.
// * Config.PassPlugins became PassPluginFilenames, beside LoadedPassPlugins.
// * Summaries say of local symbols whether promotion renames them
//   (NoRenameOnPromotion).
// * TargetOptions and MCTargetOptions lost some fields and got others; the list in
//   job/config_fields.h says since and until when each is there.

#ifndef DTLTO_LLVM_COMPAT_H
#define DTLTO_LLVM_COMPAT_H

#include "llvm/Config/llvm-config.h"
#include "llvm/IR/Module.h"
#include "llvm/LTO/LTO.h"
#include "llvm/LTO/LTOBackend.h"

#if LLVM_VERSION_MAJOR == 22
#define DTLTO_LLVM_23 0
#elif LLVM_VERSION_MAJOR == 23
#define DTLTO_LLVM_23 1
#else
#error "dtlto is built with LLVM 22 or 23"
#endif

// For lists of members: job/config_fields.h.
#if DTLTO_LLVM_23
#define DTLTO_SINCE_LLVM_23(...) __VA_ARGS__
#define DTLTO_UNTIL_LLVM_22(...)
#else
#define DTLTO_SINCE_LLVM_23(...)
#define DTLTO_UNTIL_LLVM_22(...) __VA_ARGS__
#endif

namespace dtlto {

/// The versions of LLVM that have something; for rows of tables.
enum LlvmVersions { Every, Until22, Since23 };
constexpr bool isHere(LlvmVersions Versions) {
  return Versions != (DTLTO_LLVM_23 ? Until22 : Since23);
}

/// Names of library functions that must not be called; empty with LLVM 22.
using BitcodeLibFuncs = llvm::ArrayRef<llvm::StringRef>;
constexpr bool HasBitcodeLibFuncs = DTLTO_LLVM_23;

/// Sizes of LLVM's structs of options, on x86-64 with libstdc++: where another
/// size is found, there are fields that job/config_fields.h does not list.
struct OptionSizes {
  size_t Config, TargetOptions, MCTargetOptions, PipelineTuningOptions;
};
#if DTLTO_LLVM_23
constexpr OptionSizes ExpectedSizes = {1568, 440, 288, 28};
#else
constexpr OptionSizes ExpectedSizes = {1440, 432, 280, 28};
#endif

/// Names of the pass plugins that are to be loaded.
inline const std::vector<std::string> &
passPlugins(const llvm::lto::Config &Conf) {
#if DTLTO_LLVM_23
  return Conf.PassPluginFilenames;
#else
  return Conf.PassPlugins;
#endif
}

/// Whether passes come from code that is loaded into this process already.
inline bool hasLoadedPlugins(const llvm::lto::Config &Conf) {
#if DTLTO_LLVM_23
  return !Conf.LoadedPassPlugins.empty();
#else
  return false;
#endif
}

inline const std::string &stackUsageFile(const llvm::TargetOptions &Options) {
#if DTLTO_LLVM_23
  return Options.StackUsageFile;
#else
  return Options.StackUsageOutput;
#endif
}

#if DTLTO_LLVM_23
/// ValueInfo has a function of this name, which 23.1's library does not define.
inline bool noRenameOnPromotion(llvm::ValueInfo VI) {
  return llvm::any_of(VI.getSummaryList(), [](const auto &Summary) {
    return Summary->noRenameOnPromotion();
  });
}
#endif

/// Of a live definition of \p VI with external linkage that is resolved in this
/// output and must not be imported.
inline llvm::GlobalValueSummary::GVFlags
standInFlags([[maybe_unused]] llvm::ValueInfo VI) {
  return llvm::GlobalValueSummary::GVFlags(
      llvm::GlobalValue::ExternalLinkage, llvm::GlobalValue::DefaultVisibility,
      /*NotEligibleToImport=*/true, /*Live=*/true, /*IsLocal=*/true,
      /*CanAutoHide=*/false, llvm::GlobalValueSummary::Definition
#if DTLTO_LLVM_23
      ,
      noRenameOnPromotion(VI)
#endif
  );
}

/// The assembly at a module's scope; in LLVM 23 fragments, which may be for
/// different processors.
inline std::string moduleAssembly(const llvm::Module &M) {
#if DTLTO_LLVM_23
  std::string All;
  for (const llvm::Module::GlobalAsmFragment &Fragment : M.getModuleInlineAsm())
    All += Fragment.Asm;
  return All;
#else
  return M.getModuleInlineAsm();
#endif
}

inline auto guidsOf(const llvm::CfiFunctionIndex &Functions) {
#if DTLTO_LLVM_23
  return Functions.getExportedThinLTOGUIDs();
#else
  return Functions.guids();
#endif
}

inline llvm::Error
thinBackend(const llvm::lto::Config &Conf, unsigned Task,
            llvm::AddStreamFn AddStream, llvm::Module &M,
            const llvm::ModuleSummaryIndex &Index,
            const llvm::FunctionImporter::ImportMapTy &ImportList,
            const llvm::GVSummaryMapTy &Defined,
            llvm::MapVector<llvm::StringRef, llvm::BitcodeModule> &ModuleMap,
            [[maybe_unused]] BitcodeLibFuncs LibFuncs) {
  return llvm::lto::thinBackend(Conf, Task, std::move(AddStream), M, Index,
                                ImportList, Defined, &ModuleMap,
                                Conf.CodeGenOnly
#if DTLTO_LLVM_23
                                ,
                                LibFuncs
#endif
  );
}

/// The individual index of a module, and its list of imports if that was asked for,
/// as files.
inline llvm::Error
emitFiles(const llvm::lto::ThinBackendProc &Backend,
          const llvm::FunctionImporter::ImportMapTy &ImportList,
          [[maybe_unused]] unsigned Task, llvm::StringRef ModuleId) {
#if DTLTO_LLVM_23
  return Backend.emitFiles(ImportList, Task, ModuleId, ModuleId.str());
#else
  return Backend.emitFiles(ImportList, ModuleId, ModuleId.str());
#endif
}

/// A ThinBackend that calls \p Make(Conf, Index, Defined, AddStream, Cache,
/// LibFuncs).
template <class Function>
llvm::lto::ThinBackend thinBackendOf(Function Make,
                                     llvm::ThreadPoolStrategy Parallelism) {
#if DTLTO_LLVM_23
  return llvm::lto::ThinBackend(std::move(Make), Parallelism);
#else
  return llvm::lto::ThinBackend(
      [Make = std::move(Make)](
          const llvm::lto::Config &Conf, llvm::ModuleSummaryIndex &Index,
          const llvm::DenseMap<llvm::StringRef, llvm::GVSummaryMapTy> &Defined,
          llvm::AddStreamFn AddStream, llvm::FileCache Cache) {
        return Make(Conf, Index, Defined, std::move(AddStream),
                    std::move(Cache), BitcodeLibFuncs());
      },
      Parallelism);
#endif
}

} // namespace dtlto

#endif
