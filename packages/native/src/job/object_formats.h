// One walk for each object format, and what they share.
// For object_walk.cpp alone; see there.

#ifndef DTLTO_JOB_OBJECT_FORMATS_H
#define DTLTO_JOB_OBJECT_FORMATS_H

#include "llvm/Object/COFF.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Object/MachO.h"
#include "llvm/Object/Wasm.h"
#include "llvm/Support/Error.h"

namespace dtlto {

// Each takes an object that LLVM's reader has opened.
llvm::Error walkElf(const llvm::object::ELFObjectFileBase &Object);
llvm::Error walkCoff(const llvm::object::COFFObjectFile &Object);
llvm::Error walkMachO(const llvm::object::MachOObjectFile &Object);
llvm::Error walkWasm(const llvm::object::WasmObjectFile &Object);

/// Alignments above this are nothing that backends ask for by themselves, and a
/// bit away from outputs of gigabytes.
constexpr uint64_t MaxAlignment = 1 << 21;

inline bool isAlignment(uint64_t Value) {
  return Value <= MaxAlignment && (Value & (Value - 1)) == 0;
}

/// True if [Offset, Offset + Size) lies within \p Whole bytes.
inline bool fits(uint64_t Offset, uint64_t Size, uint64_t Whole) {
  return Offset <= Whole && Size <= Whole - Offset;
}

/// A table of ULEB128 numbers, each below \p Limit: .llvm_addrsig.
llvm::Error walkSymbolNumbers(llvm::StringRef Table, uint64_t Limit);

/// The records of a .eh_frame section: sizes, and references to CIEs.
llvm::Error walkEhFrame(llvm::StringRef Section, bool IsLittleEndian);

/// The records of .debug$T after its magic number: how many types there are.
llvm::Expected<uint32_t> walkCodeViewTypes(llvm::ArrayRef<uint8_t> Records);
/// The records of a subsection of symbols in .debug$S.
llvm::Error walkCodeViewSymbols(llvm::ArrayRef<uint8_t> Records,
                                uint32_t TypeCount);

/// True for what LLVM writes as a symbol's name: some text, no control
/// characters.
inline bool isSymbolName(llvm::StringRef Name) {
  return !Name.empty() && llvm::none_of(Name, [](unsigned char C) {
    return C < 0x20 || C == 0x7f;
  });
}

} // namespace dtlto

#endif
