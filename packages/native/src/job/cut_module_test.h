// For tests of what is left out of a module: the module, whole and cut.
#ifndef DTLTO_JOB_CUT_MODULE_TEST_H
#define DTLTO_JOB_CUT_MODULE_TEST_H

#include "llvm_compat.h"
#include "module_bytes.h"
#include "module_layout.h"
#include "llvm/Analysis/ModuleSummaryAnalysis.h"
#include "llvm/Analysis/ProfileSummaryInfo.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>
#if DTLTO_LLVM_23
#include "llvm/Transforms/Utils/AssignGUID.h"
#endif

namespace dtlto {

class CutModuleTest : public testing::Test {
protected:
  void assemble(llvm::StringRef Text) {
    llvm::SMDiagnostic Problem;
    llvm::LLVMContext Context;
    auto M = llvm::parseAssemblyString(Text, Problem, Context);
    ASSERT_TRUE(M) << Problem.getMessage().str();
#if DTLTO_LLVM_23
    // Summaries know functions by numbers that a pass has given them.
    llvm::AssignGUIDPass::runOnModule(*M);
#endif
    llvm::raw_svector_ostream OS(File);
    llvm::ProfileSummaryInfo Profile(*M);
    llvm::ModuleSummaryIndex Index =
        llvm::buildModuleSummaryIndex(*M, nullptr, &Profile);
    llvm::WriteBitcodeToFile(*M, OS, /*ShouldPreserveUseListOrder=*/false,
                             &Index);
    Modules = cantFail(llvm::getBitcodeModuleList(buffer()));
    ASSERT_EQ(Modules.size(), 1u);
    ModuleBytes Bytes(Modules[0]);
    for (llvm::StringRef Part : Bytes.parts())
      Standalone += Part;
  }

  static llvm::DenseSet<llvm::GlobalValue::GUID>
  guids(llvm::ArrayRef<llvm::StringRef> Names) {
    llvm::DenseSet<llvm::GlobalValue::GUID> Guids;
    for (llvm::StringRef Name : Names)
      Guids.insert(llvm::GlobalValue::getGUIDAssumingExternalLinkage(Name));
    return Guids;
  }

  /// The standalone file without what a backend that imports \p Names leaves.
  std::string without(llvm::ArrayRef<llvm::StringRef> Names) {
    std::string Result = Standalone;
    size_t End = 0;
    for (const UnreadRange &R :
         ModuleLayout::of(Modules[0]).unread(guids(Names))) {
      EXPECT_GE(size_t(R.Offset), End);
      EXPECT_TRUE(R.Size == 4 || R.Size >= 8) << R.Size;
      End = size_t(R.Offset) + R.Size;
      EXPECT_LE(End, Result.size());
      llvm::support::endian::write32le(&Result[R.Offset], R.Word);
      std::fill_n(&Result[R.Offset + 4], R.Size - 4, char(0xff));
    }
    return Result;
  }

  /// Damaged modules have some layout or none; nothing is read outside of them, and
  /// ranges are such that they can be left out.
  void expectNothingIsBelieved(llvm::ArrayRef<llvm::StringRef> Names) {
    for (size_t I = 0; I < File.size() * 8; I += 3) {
      File[I / 8] ^= char(1 << (I % 8));
      auto List = llvm::getBitcodeModuleList(buffer());
      if (List) {
        for (const llvm::BitcodeModule &M : *List) {
          size_t End = 0;
          for (const UnreadRange &R :
               ModuleLayout::of(M).unread(guids(Names))) {
            EXPECT_GE(size_t(R.Offset), End);
            End = size_t(R.Offset) + R.Size;
            EXPECT_LE(End, M.getBuffer().size() + 4);
          }
        }
      } else {
        consumeError(List.takeError());
      }
      File[I / 8] ^= char(1 << (I % 8));
    }
  }

  llvm::MemoryBufferRef buffer() const {
    return {llvm::StringRef(File.data(), File.size()), "a.o"};
  }

  llvm::SmallString<0> File;
  std::vector<llvm::BitcodeModule> Modules;
  std::string Standalone;
};

} // namespace dtlto

#endif
