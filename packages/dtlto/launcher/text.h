// Files and encodings.
#ifndef DTLTO_LAUNCHER_TEXT_H
#define DTLTO_LAUNCHER_TEXT_H

#include <string>

namespace dtlto {

bool readFile(const std::string &Path, std::string &Text);
/// What is left to read of an open file.
bool readFile(int File, std::string &Text);

/// Makes UTF-8 of UTF-16 with a byte order mark and takes the mark off UTF-8, as
/// LLVM does. False if it is no UTF-16.
bool toUtf8(std::string &Text);

bool isUtf8(const std::string &Text);

/// "." for a name without a slash.
std::string directoryOf(const std::string &Path);

} // namespace dtlto

#endif
