// Which LLVM does a link. An installation may have several: an addon, a
// dtlto-codegen and a dtlto-lld for each. docs/install.md has these rules for users.
//
// 1. The name: ld.dtlto-23, x86_64-linux-gnu-ld.dtlto-23, dtlto-23.
// 2. DTLTO_LLVM=23.
// 3. The directory that the program was called in: …/llvm-23/bin/ld.dtlto. clang
//    looks for linkers beside itself first.
// 4. The clang that called it: a linker's parent is clang's driver, whose file is
//    …/llvm-23/bin/clang or …/clang-23. What clang's command line says of its
//    version depends on the target and on what is linked; nothing does always. The
//    bitcode would be right by definition, but one must read it first, and which
//    linker does.
// 5. The first version that dtlto was built for.
//
// Who asks by 1 or 2 gets what was asked for, or an error. 3 and 4 only choose among
// what there is.
#ifndef DTLTO_LAUNCHER_LLVM_CHOICE_H
#define DTLTO_LAUNCHER_LLVM_CHOICE_H

#include "installation.h"
#include "program.h"
#include <string>

namespace dtlto {

/// \returns empty, or what is wrong; then \p Here has the version's parts.
std::string chooseLlvm(Installation &Here, const Program &TheProgram,
                       const std::string &Argv0);

} // namespace dtlto

#endif
