// What a linker program needs of LLVM beside the link.
#ifndef DTLTO_LINK_PROCESS_H
#define DTLTO_LINK_PROCESS_H

#include <cstdint>
#include <string>
#include <vector>

namespace dtlto {

/// Replaces `@file` arguments by the file's content with the tokenizer that lld
/// itself uses: GNU's, or Windows' for COFF. A file that does not exist stays
/// as it is: lld reports it.
std::vector<std::string>
expandResponseFiles(const std::vector<std::string> &Arguments,
                    bool WindowsQuoting);

bool isUtf8(const std::string &S);

/// What the linker program was started with, and node changes at its start.
struct StartedWith {
  std::vector<int> IgnoredSignals;
  std::vector<int> Descriptors; ///< open ones beside stdin, stdout and stderr
  uint64_t DescriptorLimit = 0; ///< soft; 0: as it is
};

/// Makes the process again, where lld and the programs that it starts can see
/// it, what it was before node started. For linker programs, once, on node's
/// main thread and before others do work for it.
void actAsLinker(const StartedWith &Start);

/// The soft limit of open files for programs that lld starts; 0: as it is.
uint64_t startedProgramsDescriptorLimit();
bool actsAsLinker();

/// Ends the process as lld does when it is done: nothing is freed, no destructor
/// runs. lld has written its output.
[[noreturn]] void exitProcess(int Code);

} // namespace dtlto

#endif
