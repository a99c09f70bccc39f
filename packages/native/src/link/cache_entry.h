// Entries of lld's ThinLTO cache, which are files.
#ifndef DTLTO_LINK_CACHE_ENTRY_H
#define DTLTO_LINK_CACHE_ENTRY_H

#include "llvm/Support/Caching.h"
#include <string>

namespace dtlto {

/// As llvm::localCache names it.
std::string entryPath(const llvm::FileCache &Cache, llvm::StringRef Key);

/// Removes a cache entry that is no object: truncated by a full disk, zeroed by
/// a crash. Stock lld would fail at each link until somebody removes it.
void dropDamagedEntry(const std::string &Path);

} // namespace dtlto

#endif
