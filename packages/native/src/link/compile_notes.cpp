// See compile_notes.h.
#include "compile_notes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/Module.h"
#include <atomic>
#include <chrono>

using namespace llvm;

namespace dtlto {

/// Held while a diagnostic is printed, so that nobody sees half of one counted.
/// A thread on which lld ends the program keeps it.
static std::timed_mutex PrintMutex;
static std::atomic<uint64_t> DiagnosticBytes{0};
constexpr std::chrono::seconds Patience{1};

uint64_t printedBytes() {
  std::unique_lock<std::timed_mutex> Lock(PrintMutex, Patience);
  return errs().tell() - DiagnosticBytes;
}

DiagnosticPrinting::DiagnosticPrinting()
    : Lock(PrintMutex, Patience), Before(errs().tell()) {}

DiagnosticPrinting::~DiagnosticPrinting() {
  DiagnosticBytes += errs().tell() - Before;
}

/// Directives begin with a dot: one before a letter, one that an operand follows,
/// and an operand or an alternative that stands where a statement begins.
static bool mayHaveDirective(StringRef Text) {
  bool Begins = true; // of a statement, labels left out
  for (size_t I = 0; I < Text.size(); ++I) {
    char C = Text[I];
    char Next = I + 1 < Text.size() ? Text[I + 1] : 0;
    if (C == '.' && (isAlpha(Next) || Next == '$' || Next == '_'))
      return true;
    if (C == '$' && (Begins || Next == '(' || Next == '|'))
      return true;
    if (StringRef("\n;:#!/@\\{}|&").contains(C))
      Begins = true;
    else if (isAlnum(C) || C == '_')
      Begins = false;
  }
  return false;
}

bool mayReadFiles(const Module &Compiled) {
  if (!Compiled.getModuleInlineAsm().empty())
    return true;
  for (const Function &F : Compiled)
    for (const Instruction &I : instructions(F))
      if (const auto *Call = dyn_cast<CallBase>(&I))
        if (const auto *Asm = dyn_cast<InlineAsm>(Call->getCalledOperand()))
          if (mayHaveDirective(Asm->getAsmString()))
            return true;
  return false;
}

} // namespace dtlto
