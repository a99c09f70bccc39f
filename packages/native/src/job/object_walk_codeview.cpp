// The types and symbols of CodeView, which lld merges into a PDB and whose
// numbers it follows without looking. See object_walk.cpp.

#include "object_formats.h"
#include "llvm/DebugInfo/CodeView/CVSymbolVisitor.h"
#include "llvm/DebugInfo/CodeView/CVTypeVisitor.h"
#include "llvm/DebugInfo/CodeView/SymbolDeserializer.h"
#include "llvm/DebugInfo/CodeView/SymbolRecordHelpers.h"
#include "llvm/DebugInfo/CodeView/SymbolVisitorCallbackPipeline.h"
#include "llvm/DebugInfo/CodeView/TypeIndexDiscovery.h"
#include "llvm/DebugInfo/CodeView/TypeVisitorCallbacks.h"
#include "llvm/Support/Endian.h"

using namespace llvm;
using namespace llvm::codeview;
using support::endian::read16le;
using support::endian::read32le;

static Error bad() {
  return createStringError("its debug information makes no sense");
}

/// Calls \p Visit with each record, its length included.
static Error forEachRecord(ArrayRef<uint8_t> Records,
                           function_ref<Error(ArrayRef<uint8_t>)> Visit) {
  while (!Records.empty()) {
    if (Records.size() < 4)
      return bad();
    size_t Size = 2 + read16le(Records.data());
    if (Size < 4 || Size > Records.size())
      return bad();
    if (Error E = Visit(Records.take_front(Size)))
      return E;
    Records = Records.drop_front(Size);
  }
  return Error::success();
}

/// Each type that a record names must be one of the first \p Count.
static Error walkReferences(ArrayRef<uint8_t> Record,
                            ArrayRef<TiReference> References, uint32_t Count) {
  ArrayRef<uint8_t> Content = Record.drop_front(sizeof(RecordPrefix));
  for (const TiReference &R : References) {
    if (!dtlto::fits(R.Offset, uint64_t(R.Count) * 4, Content.size()))
      return bad();
    for (uint32_t I = 0; I < R.Count; ++I) {
      TypeIndex Index(read32le(Content.data() + R.Offset + 4 * I));
      if (!Index.isSimple() && Index.toArrayIndex() >= Count)
        return bad();
    }
  }
  return Error::success();
}

namespace {
/// Reading a record is the check; kinds that LLVM does not know are refused.
class TypeWalk final : public TypeVisitorCallbacks {
public:
  Error visitUnknownType(CVType &) override { return bad(); }
  Error visitUnknownMember(CVMemberRecord &) override { return bad(); }
  Error visitKnownRecord(CVType &, FieldListRecord &Fields) override {
    TypeWalk Members;
    return visitMemberRecordStream(Fields.Data, Members);
  }
  using TypeVisitorCallbacks::visitKnownRecord;
};

struct SymbolWalk final : SymbolVisitorCallbacks {
  Error visitUnknownSymbol(CVSymbol &) override { return bad(); }
};
} // namespace

Expected<uint32_t> dtlto::walkCodeViewTypes(ArrayRef<uint8_t> Records) {
  uint32_t Count = 0;
  if (Error E = forEachRecord(Records, [&](ArrayRef<uint8_t> Record) -> Error {
        CVType Type(Record);
        TypeWalk Walk;
        if (Error E = visitTypeRecord(Type, Walk))
          return E;
        SmallVector<TiReference, 8> References;
        discoverTypeIndices(Record, References);
        return walkReferences(Record, References, Count++);
      }))
    return std::move(E);
  return Count;
}

Error dtlto::walkCodeViewSymbols(ArrayRef<uint8_t> Records,
                                 uint32_t TypeCount) {
  size_t Depth = 0;
  SymbolVisitorCallbackPipeline Pipeline;
  SymbolDeserializer Deserializer(nullptr, CodeViewContainer::ObjectFile);
  SymbolWalk Walk;
  Pipeline.addCallbackToPipeline(Deserializer);
  Pipeline.addCallbackToPipeline(Walk);
  CVSymbolVisitor Visitor(Pipeline);
  if (Error E = forEachRecord(Records, [&](ArrayRef<uint8_t> Record) -> Error {
        CVSymbol Symbol(Record);
        if (Error E = Visitor.visitSymbolRecord(Symbol))
          return E;
        Depth += symbolOpensScope(Symbol.kind());
        if (symbolEndsScope(Symbol.kind()) && Depth-- == 0)
          return bad();
        SmallVector<TiReference, 8> References;
        if (!discoverTypeIndicesInSymbol(Symbol, References))
          return bad();
        return walkReferences(Record, References, TypeCount);
      }))
    return E;
  return Depth ? bad() : Error::success();
}
