// What a linker program needs of LLVM beside the link.
#include "process.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Allocator.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/StringSaver.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace dtlto {

std::vector<std::string>
expandResponseFiles(const std::vector<std::string> &Arguments,
                    bool WindowsQuoting) {
  BumpPtrAllocator Allocator;
  StringSaver Saver(Allocator);
  SmallVector<const char *, 256> Argv;
  for (const std::string &A : Arguments)
    Argv.push_back(A.c_str());
  cl::ExpandResponseFiles(Saver,
                          WindowsQuoting ? cl::TokenizeWindowsCommandLine
                                         : cl::TokenizeGNUCommandLine,
                          Argv);
  return std::vector<std::string>(Argv.begin(), Argv.end());
}

bool isUtf8(const std::string &S) {
  auto *Begin = reinterpret_cast<const UTF8 *>(S.data());
  return isLegalUTF8String(&Begin, Begin + S.size());
}

void exitProcess(int Code) {
  outs().flush();
  errs().flush();
  // A reader that went away: stock lld dies of SIGPIPE with EX_IOERR; Node
  // ignores the signal, so we see the error instead.
  if (outs().has_error()) {
    outs().clear_error();
    Code = 74;
  }
  sys::Process::Exit(Code, /*NoCleanup=*/true);
}

} // namespace dtlto
