// What operands of bitcode's records refer to.
#ifndef DTLTO_JOB_METADATA_RECORDS_H
#define DTLTO_JOB_METADATA_RECORDS_H

#include "llvm/ADT/ArrayRef.h"
#include <initializer_list>

namespace dtlto {

/// Positions of operands, as bits. The last one stands for those that follow, too.
using OperandSet = uint64_t;
constexpr unsigned LastPosition = 63;

constexpr OperandSet at(std::initializer_list<unsigned> Positions) {
  OperandSet Set = 0;
  for (unsigned P : Positions)
    Set |= uint64_t(1) << P;
  return Set;
}

/// Whether a record of a block of metadata is a node, which has a number.
bool isMetadataNode(unsigned Code);

/// The operands of a node that are no numbers of metadata. None for what is
/// written in an older way, or is rare. From LLVM's ModuleBitcodeWriter.
OperandSet plainOperands(unsigned Code, llvm::ArrayRef<uint64_t> Record);

/// The lists of a compile unit that an import forgets: enumerations, retained
/// types, variables, macros.
constexpr OperandSet ForgottenLists = at({9, 10, 12, 15});

/// Whether a constant of this code has operands that are values. (All operands of
/// such a one are taken for values.)
bool constantRefersToValues(unsigned Code);

} // namespace dtlto

#endif
