// Which operands are numbers of metadata is told from those that are not, known by
// kind: an operand that a later LLVM adds counts as one. Sizes are metadata since
// LLVM 21.

#include "metadata_records.h"
#include "llvm/BinaryFormat/Dwarf.h"
#include "llvm/Bitcode/LLVMBitCodes.h"

using namespace llvm;
using namespace dtlto;

namespace {

constexpr OperandSet AllPositions = ~OperandSet(0);

/// Of a named type what is read when it is imported: not its base (6), elements
/// (11), holder of virtual functions (13), and what follows the identifier (15).
bool isDeclaredOnly(ArrayRef<uint64_t> Record) {
  constexpr size_t TagAt = 1, NameAt = 2, IdentifierAt = 15;
  switch (Record[TagAt]) {
  case dwarf::DW_TAG_enumeration_type:
  case dwarf::DW_TAG_class_type:
  case dwarf::DW_TAG_structure_type:
  case dwarf::DW_TAG_union_type:
    return Record[NameAt] && Record[IdentifierAt];
  default:
    return false;
  }
}

} // namespace

OperandSet dtlto::plainOperands(unsigned Code, ArrayRef<uint64_t> Record) {
  const uint64_t Flags = Record.empty() ? 0 : Record[0];
  switch (Code) {
  case bitc::METADATA_VALUE: // [type, value]
  case bitc::METADATA_EXPRESSION:
  case bitc::METADATA_ASSIGN_ID:
    return AllPositions;
  case bitc::METADATA_LOCATION:
    // [distinct, line, column, scope, inlined at, …]
    return at({0, 1, 2, 5, 6, 7});
  case bitc::METADATA_GENERIC_DEBUG: // [distinct, tag, version, header, …]
    return at({0, 1, 2});
  case bitc::METADATA_SUBRANGE: // [version and distinct, count, …]
    return Flags >> 1 == 2 ? at({0}) : 0;
  case bitc::METADATA_ENUMERATOR: // [flags, width or value, name, words …]
    return ~at({2});
  case bitc::METADATA_BASIC_TYPE:
    // [flags, tag, name, size, align, encoding, …]
    return at({0, 1, 4, 5, 6, 7, 8});
  case bitc::METADATA_FILE: // [distinct, name, directory, kind of sum, sum, …]
    return at({0, 3});
  case bitc::METADATA_DERIVED_TYPE:
    // [flags, tag, name, file, line, scope, base, size, align, offset, flags,
    //  extra data, address space, annotations, pointer authentication]
    return at({0, 1, 4, 8, 10, 12, 14});
  case bitc::METADATA_COMPOSITE_TYPE: {
    // [flags, tag, name, file, line, scope, base, size, align, offset, flags,
    //  elements, language, holder, template parameters, identifier,
    //  discriminator, data location, associated, allocated, rank, annotations,
    //  extra inhabitants, specification, kind of enumeration, stride]
    if (Record.size() < 16)
      return 0;
    OperandSet Plain = at({0, 1, 4, 8, 10, 12, 22, 24});
    if (isDeclaredOnly(Record))
      Plain |= at({6, 11, 13, 16, 17, 18, 19, 20, 21, 23, 25});
    return Plain;
  }
  case bitc::METADATA_SUBROUTINE_TYPE: // [flags, flags, types, convention]
    return Flags < 2 ? 0 : at({0, 1, 3});
  case bitc::METADATA_COMPILE_UNIT:
    // [distinct, language, file, producer, optimized, flags, version, split name,
    //  emission, enumerations, retained types, functions, variables, imported
    //  entities, id, macros, …, system root, kit, version of the language]
    return at({0, 1, 4, 6, 8, 14, 16, 17, 18, 19, 22});
  case bitc::METADATA_SUBPROGRAM:
    // [flags, scope, name, linkage name, file, line, type, line of the scope,
    //  containing type, flags, virtual index, flags, unit, template parameters,
    //  declaration, retained nodes, adjustment, thrown types, annotations, target,
    //  key instructions]
    return (Flags & 6) == 6 ? at({0, 5, 7, 9, 10, 11, 16, 20}) : 0;
  case bitc::METADATA_LEXICAL_BLOCK: // [distinct, scope, file, line, column]
    return at({0, 3, 4});
  case bitc::METADATA_LEXICAL_BLOCK_FILE: // [distinct, scope, file, …]
    return at({0, 3});
  case bitc::METADATA_GLOBAL_VAR:
    // [version and distinct, scope, name, linkage name, file, line, type, local,
    //  definition, declaration, template parameters, align, annotations]
    return Flags >> 1 == 2 ? at({0, 5, 7, 8, 11}) : 0;
  case bitc::METADATA_LOCAL_VAR:
    // [flags, scope, name, file, line, type, argument, flags, align, annotations]
    return Flags & 2 ? at({0, 4, 6, 7, 8}) : 0;
  case bitc::METADATA_LABEL: // [flags, scope, name, file, line, column, …]
    return at({0, 4, 5, 6});
  default:
    return 0;
  }
}

bool dtlto::isMetadataNode(unsigned Code) {
  switch (Code) {
  case bitc::METADATA_VALUE:
  case bitc::METADATA_NODE:
  case bitc::METADATA_DISTINCT_NODE:
  case bitc::METADATA_LOCATION:
  case bitc::METADATA_ARG_LIST:
    return true;
  default:
    return (Code >= bitc::METADATA_GENERIC_DEBUG &&
            Code <= bitc::METADATA_MACRO_FILE) ||
           Code == bitc::METADATA_GLOBAL_VAR_EXPR ||
           (Code >= bitc::METADATA_LABEL &&
            Code <= bitc::METADATA_FIXED_POINT_TYPE);
  }
}

bool dtlto::constantRefersToValues(unsigned Code) {
  switch (Code) {
  case bitc::CST_CODE_SETTYPE:
  case bitc::CST_CODE_NULL:
  case bitc::CST_CODE_UNDEF:
  case bitc::CST_CODE_POISON:
  case bitc::CST_CODE_INTEGER:
  case bitc::CST_CODE_WIDE_INTEGER:
  case bitc::CST_CODE_FLOAT:
  case bitc::CST_CODE_STRING:
  case bitc::CST_CODE_CSTRING:
  case bitc::CST_CODE_DATA:
    return false;
  default:
    return true;
  }
}
