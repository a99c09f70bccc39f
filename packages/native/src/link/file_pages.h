// Pages of mapped files that this process can do without for a while.
#ifndef DTLTO_LINK_FILE_PAGES_H
#define DTLTO_LINK_FILE_PAGES_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace dtlto {

/// Lets go of the pages of mapped files that lie wholly in one of \p Ranges,
/// which must stay mapped meanwhile. Whoever reads them finds them again, by a
/// page fault, from the system's cache or the file. What was written to, or is
/// no file's, is left alone. Any thread.
void forgetFilePages(llvm::ArrayRef<llvm::StringRef> Ranges);

/// The same for the code and constants of the program and of all libraries that
/// it has loaded.
void forgetProgramPages();

} // namespace dtlto

#endif
