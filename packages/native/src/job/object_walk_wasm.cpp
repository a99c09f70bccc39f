// What lld's Wasm reader relies on. See object_walk.cpp. LLVM's own reader, the
// one that lld uses, checks numbers and sizes by itself.

#include "object_formats.h"
#include "llvm/BinaryFormat/Wasm.h"

using namespace llvm;
using namespace llvm::object;
using namespace llvm::wasm;

namespace {

Error bad(const Twine &What) { return createStringError(What); }

/// How a relocated number stands in the file.
struct Field {
  unsigned Bytes;
  /// Padded LEB128: every byte but the last one says that another follows.
  bool IsLeb;
};

Field fieldOf(unsigned Type) {
  switch (Type) {
  case R_WASM_MEMORY_ADDR_LEB64:
  case R_WASM_MEMORY_ADDR_SLEB64:
  case R_WASM_MEMORY_ADDR_REL_SLEB64:
  case R_WASM_MEMORY_ADDR_TLS_SLEB64:
  case R_WASM_TABLE_INDEX_SLEB64:
  case R_WASM_TABLE_INDEX_REL_SLEB64:
    return {10, true};
  case R_WASM_TABLE_INDEX_I32:
  case R_WASM_MEMORY_ADDR_I32:
  case R_WASM_MEMORY_ADDR_LOCREL_I32:
  case R_WASM_FUNCTION_OFFSET_I32:
  case R_WASM_FUNCTION_INDEX_I32:
  case R_WASM_SECTION_OFFSET_I32:
  case R_WASM_GLOBAL_INDEX_I32:
    return {4, false};
  case R_WASM_MEMORY_ADDR_I64:
  case R_WASM_TABLE_INDEX_I64:
  case R_WASM_FUNCTION_OFFSET_I64:
    return {8, false};
  default:
    return {5, true};
  }
}

class Walk {
public:
  explicit Walk(const WasmObjectFile &Object) : Object(Object) {}

  Error run() {
    if (!Object.isRelocatableObject())
      return bad("it is no object that can be linked");
    for (const WasmSegment &Segment : Object.dataSegments())
      if (Segment.Data.Alignment > 21)
        return bad("a data segment has an absurd alignment");
    for (const SymbolRef &Ref : Object.symbols())
      if (Error E = symbol(Object.getWasmSymbol(Ref)))
        return E;
    for (const SectionRef &Ref : Object.sections())
      if (Error E = relocations(Object.getWasmSection(Ref)))
        return E;
    return Error::success();
  }

private:
  Error symbol(const WasmSymbol &S) {
    if (!S.isTypeSection() && !dtlto::isSymbolName(S.Info.Name))
      return bad("a symbol has no name, or one with control characters");
    if (!S.isTypeData() || S.isUndefined() ||
        S.Info.Flags & WASM_SYMBOL_ABSOLUTE)
      return Error::success();
    const WasmDataReference &At = S.Info.DataRef;
    if (At.Segment >= Object.dataSegments().size() ||
        !dtlto::fits(At.Offset, At.Size,
                     Object.dataSegments()[At.Segment].Data.Content.size()))
      return bad("symbol '" + S.Info.Name + "' lies outside of its segment");
    return Error::success();
  }

  Error relocations(const WasmSection &S) {
    for (const WasmRelocation &R : S.Relocations) {
      Field F = fieldOf(R.Type);
      if (!dtlto::fits(R.Offset, F.Bytes, S.Content.size()))
        return bad("a relocation lies outside of its section");
      for (unsigned I = 0; F.IsLeb && I < F.Bytes; ++I)
        if (bool(S.Content[R.Offset + I] & 0x80) != (I + 1 < F.Bytes))
          return bad("a relocation changes something else than a number");
      if (!isInOnePiece(S, R.Offset, F.Bytes))
        return bad("a relocation lies between functions or segments");
    }
    return Error::success();
  }

  /// lld hands a relocation to the function or segment that it begins in. Both
  /// stand in the order of their places.
  bool isInOnePiece(const WasmSection &S, uint64_t At, uint64_t Bytes) const {
    auto Holds = [&](uint64_t Begin, uint64_t Size) {
      return At >= Begin && dtlto::fits(At - Begin, Bytes, Size);
    };
    if (S.Type == WASM_SEC_CODE) {
      auto Functions = Object.functions();
      auto Next = partition_point(Functions, [&](const WasmFunction &F) {
        return F.CodeSectionOffset <= At;
      });
      return Next != Functions.begin() &&
             Holds(Next[-1].CodeSectionOffset, Next[-1].Size);
    }
    if (S.Type == WASM_SEC_DATA) {
      auto Segments = Object.dataSegments();
      auto Next = partition_point(Segments, [&](const WasmSegment &Segment) {
        return Segment.SectionOffset <= At;
      });
      return Next != Segments.begin() &&
             Holds(Next[-1].SectionOffset, Next[-1].Data.Content.size());
    }
    return true;
  }

  const WasmObjectFile &Object;
};

} // namespace

Error dtlto::walkWasm(const WasmObjectFile &Object) {
  return Walk(Object).run();
}
