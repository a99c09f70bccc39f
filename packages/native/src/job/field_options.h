// What a user writes to set a field of lto::Config.

#ifndef DTLTO_JOB_FIELD_OPTIONS_H
#define DTLTO_JOB_FIELD_OPTIONS_H

#include "link_flavour.h"
#include "llvm_compat.h"
#include "llvm/ADT/StringRef.h"
#include <string>
#include <vector>

namespace dtlto {

struct FieldOption {
  llvm::StringLiteral Field; ///< as in config_fields.h
  /// lld's option; empty: none of lld's own.
  llvm::StringLiteral Lld;
  /// Of lld-link; empty: it has none.
  llvm::StringLiteral Coff;
  /// Of LLVM, for -mllvm, without its dash; empty: none.
  llvm::StringLiteral Llvm;
  LlvmVersions Versions = Every;
};

/// All fields of this LLVM that an option sets, each once.
std::vector<FieldOption> fieldOptions();

/// The option of this link that sets a field, as it is written, in quotes; or, for
/// a field that no option sets, words that say so.
std::string whatSetsField(llvm::StringRef Field, LinkFlavour Flavour);

} // namespace dtlto

#endif
