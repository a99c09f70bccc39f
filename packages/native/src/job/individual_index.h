// Individual indexes: the part of the combined index that one backend needs.
// See individual_index.cpp for what they hold and why.

#ifndef DTLTO_JOB_INDIVIDUAL_INDEX_H
#define DTLTO_JOB_INDIVIDUAL_INDEX_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/IR/ModuleSummaryIndex.h"
#include "llvm/Support/Error.h"
#include "llvm/Transforms/IPO/FunctionImport.h"
#include <string>
#include <vector>

namespace dtlto {

struct IndividualIndex {
  /// Bitcode, as LLVM's -fthinlto-index= reads it.
  std::string Bytes;
  /// Modules from which definitions are imported, sorted; never the module
  /// itself. A backend reads these modules and no others.
  std::vector<std::string> ImportedModules;
  struct Module {
    std::string Id;
    llvm::ModuleHash Hash;
  };
  /// The modules that Bytes name (more than are imported from: declarations
  /// have modules, too), by number; sorted by id.
  std::vector<Module> Modules;
};

/// Makes the index for the backend of \p ModuleId. Only reads its arguments, so
/// any number of threads may make indexes of one combined index at once. The
/// bytes depend on the contents of the summaries, and not on the order in which
/// the thin link visited modules.
IndividualIndex
makeIndividualIndex(const llvm::ModuleSummaryIndex &CombinedIndex,
                    const llvm::DenseMap<llvm::StringRef, llvm::GVSummaryMapTy>
                        &ModuleToDefinedGVSummaries,
                    const llvm::FunctionImporter::ImportMapTy &ImportList,
                    llvm::StringRef ModuleId);

/// The index with every module id replaced by NewIds[id]; all else is copied
/// bit for bit. Every module must have a new id, and the new ids must sort as
/// the old ones do: imports are linked in the order of the ids. Modules' hashes
/// become part of the names of promoted symbols, so a backend reads those of
/// the modules that it loads; others may be left out (\p NeedsHash, by old id).
llvm::Expected<std::string> renameModules(
    const IndividualIndex &Index, const llvm::StringMap<std::string> &NewIds,
    llvm::function_ref<bool(llvm::StringRef)> NeedsHash = [](llvm::StringRef) {
      return true;
    });

/// The module ids of an index that somebody else has made, with all that
/// renameModules() needs. An error where LLVM's reader would lose its way: see
/// index_module_ids.cpp.
llvm::Expected<IndividualIndex> readModuleIds(llvm::StringRef Bytes);

/// Ids that name no machine's paths and sort as \p Ids do: "m0", … for the
/// smallest, and so on. Equal jobs of two machines get equal ids.
llvm::StringMap<std::string> canonicalIds(std::vector<std::string> Ids);

} // namespace dtlto

#endif
