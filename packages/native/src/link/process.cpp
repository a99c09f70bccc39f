// What a linker program needs of LLVM beside the link.
#include "process.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Allocator.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/StringSaver.h"
#include <csignal>
#include <fcntl.h>
#include <unistd.h>

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

static bool IsLinker = false;
static uint64_t DescriptorLimit = 0;

bool actsAsLinker() { return IsLinker; }

uint64_t startedProgramsDescriptorLimit() { return DescriptorLimit; }

void actAsLinker(const StartedWith &Start) {
  IsLinker = true;
  DescriptorLimit = Start.DescriptorLimit;
  // Node ignores SIGPIPE, as its sockets must. lld dies of it, as any program
  // that writes to a pipe that nobody reads. The signal goes to the thread that
  // writes: so it is blocked on this one, and on those that this one starts,
  // and not blocked on lld's (Link::run).
  sigset_t Pipe;
  sigemptyset(&Pipe);
  sigaddset(&Pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &Pipe, nullptr);
  signal(SIGPIPE, SIG_DFL);
  signal(SIGXFSZ, SIG_DFL); // node ignores that, too
  signal(SIGUSR1, SIG_DFL); // would open node's debugger
  for (int Signal : Start.IgnoredSignals)
    signal(Signal, SIG_IGN);
  // Node closes in child processes what it inherited: not in those of lld.
  for (int Descriptor : Start.Descriptors)
    fcntl(Descriptor, F_SETFD, 0);
}

void exitProcess(int Code) { _exit(Code); }

} // namespace dtlto
