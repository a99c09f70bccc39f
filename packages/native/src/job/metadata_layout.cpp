// A module that is imported from has its metadata read lazily: strings and nodes
// are numbered, an index has the nodes' positions, and a node is read when
// something refers to it that is read. (MetadataLoader in LLVM's BitcodeReader.)
// With debug information metadata is most of a module without its functions, and
// most of it belongs to other functions than those that are imported. What nothing
// reads needs not be there.
//
// Read with any import are the named metadata, what is attached to variables and
// declarations, and all that they refer to, which is most of it again; with a
// function, what its block refers to. An import does not need all that:
//
// * Debug information of a variable or a declaration matters if the imported code,
//   or metadata, refers to that (copyGlobalValueProto in LLVM's IRMover). The
//   records of what is attached to others are made empty.
// * A compile unit's lists of enumerations, retained types, variables and macros
//   are forgotten by the import (prepareCompileUnitsForImport in IRMover). They are
//   made empty.
//
// Both only in modules without types that are known by an identifier (C++, Rust,
// Swift): of those with the same one the first that is read stands for all, so
// which are read may matter.
//
// Further:
//
// * A call's arguments are numbered relative to the values before it, and only who
//   knows the types of all of them can tell which is metadata. Few functions take
//   any. Where a module declares one, all strings and all nodes without a meaning
//   of their own are taken to be needed. (Intrinsics of debug information take
//   others, but no longer exist in bitcode: modules with one are left whole.)
// * An imported type that has a name and an identifier is a declaration: what it
//   consists of is not read.
//
// A node that is missing ends the backend with an error; a string would not, and so
// those of every node that is there are there.

#include "metadata_layout.h"
#include "llvm/Support/LEB128.h"

using namespace llvm;

namespace dtlto {

void MetadataLayout::addReference(uint32_t From, uint32_t To) {
  uint8_t Bytes[16];
  unsigned Size = encodeSLEB128(int64_t(To) - int64_t(From), Bytes);
  References.insert(References.end(), Bytes, Bytes + Size);
}

template <typename Function>
void MetadataLayout::references(uint32_t Id, Function Each) const {
  if (Id >= firstNode()) {
    auto First = FirstReference.begin() + (Id - firstNode());
    const uint8_t *At = References.data() + First[0];
    const uint8_t *End = References.data() + First[1];
    while (At < End) {
      unsigned Size;
      int64_t Distance = decodeSLEB128(At, &Size, End);
      At += Size;
      if (!Each(uint32_t(Id + Distance)))
        return;
    }
  } else if (Id < firstString()) {
    auto Known = OfValues.find(Id);
    if (Known != OfValues.end())
      for (uint32_t Reference : Known->second)
        if (!Each(Reference))
          return;
  }
}

void MetadataLayout::add(ArrayRef<uint32_t> Ids, BitVector &Needed) const {
  SmallVector<uint32_t, 64> ToFollow;
  auto addOne = [&](uint32_t Id) {
    // Functions have metadata of their own, with numbers behind these.
    if (Id < size() && !Needed[Id]) {
      Needed.set(Id);
      ToFollow.push_back(Id);
    }
    return true;
  };
  for (uint32_t Id : Ids)
    addOne(Id);
  while (!ToFollow.empty())
    references(ToFollow.pop_back_val(), addOne);
}

void MetadataLayout::beginWith(const BitVector &Needed) {
  MetadataLayout Kept;
  for (uint32_t Node = 0; Node < nodes(); ++Node) {
    Kept.FirstReference.push_back(uint32_t(Kept.References.size()));
    const uint32_t Id = firstNode() + Node;
    if (Needed[Id])
      continue;
    references(Id, [&](uint32_t Reference) {
      if (Reference >= size() || !Needed[Reference])
        Kept.addReference(Id, Reference);
      return true;
    });
  }
  Kept.FirstReference.push_back(uint32_t(Kept.References.size()));
  FirstReference = std::move(Kept.FirstReference);
  References = std::move(Kept.References);
  FirstReference.shrink_to_fit();
  References.shrink_to_fit();
  NodeBegin.shrink_to_fit();
  StringBegin.shrink_to_fit();
  IsGeneric = {};
  Roots = {};
}

/// The nodes that refer to none with a meaning of its own, directly or not.
BitVector MetadataLayout::plainNodes() const {
  BitVector Plain = IsGeneric;
  for (bool IsDone = false; !IsDone;) {
    IsDone = true;
    for (unsigned Node : Plain.set_bits()) {
      bool IsPlain = true;
      references(firstNode() + Node, [&](uint32_t Id) {
        return IsPlain =
                   Id < firstNode() || Id >= size() || Plain[Id - firstNode()];
      });
      if (!IsPlain) {
        Plain.reset(Node);
        IsDone = false;
      }
    }
  }
  return Plain;
}

void MetadataLayout::addAlways(Arguments A, BitVector &Needed) const {
  add(Roots, Needed);
  if (A == Arguments::None)
    return;
  const BitVector Plain = plainNodes();
  for (unsigned Node : Plain.set_bits())
    add({firstNode() + Node}, Needed);
  if (A == Arguments::Any)
    Needed.set(firstString(), firstNode());
}

void MetadataLayout::unread(
    const BitVector &Needed, uint32_t Least,
    function_ref<void(uint32_t, uint32_t)> Found) const {
  auto runs = [&](uint32_t First, uint32_t End, auto bytesOf) {
    for (int Begin = Needed.find_first_unset_in(First, End); Begin != -1;) {
      int Next = Needed.find_first_in(Begin, End);
      auto [From, To] = bytesOf(Begin - First, (Next < 0 ? End : Next) - First);
      if (To >= From + Least)
        Found(From, To);
      Begin = Next < 0 ? -1 : Needed.find_first_unset_in(Next, End);
    }
  };
  runs(firstString(), firstNode(), [&](uint32_t Begin, uint32_t End) {
    return std::pair(StringBegin[Begin], StringBegin[End]);
  });
  runs(firstNode(), size(), [&](uint32_t Begin, uint32_t End) {
    return std::pair(uint32_t(alignTo(NodeBegin[Begin], 8) / 8),
                     NodeBegin[End] / 8);
  });
}

void MetadataLayout::changed(
    const BitVector &Needed,
    function_ref<void(uint32_t, uint64_t)> Found) const {
  for (const Change &C : Changes)
    if (C.Value == NoValue || !Needed[C.Value])
      Found(C.At, C.Xor);
}

} // namespace dtlto
