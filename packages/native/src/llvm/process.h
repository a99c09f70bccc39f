// What a linker program needs of LLVM beside the link.
#ifndef DTLTO_PROCESS_H
#define DTLTO_PROCESS_H

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

/// Ends the process as stock lld does when it is done: what is buffered is
/// written, nothing is freed, no destructor runs.
[[noreturn]] void exitProcess(int Code);

} // namespace dtlto

#endif
