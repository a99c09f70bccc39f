#include "cache_entry.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace dtlto {

std::string entryPath(const FileCache &Cache, StringRef Key) {
  SmallString<128> Path(Cache.getCacheDirectoryPath());
  sys::path::append(Path, "llvmcache-" + Key);
  return std::string(Path);
}

void dropDamagedEntry(const std::string &Path) {
  auto Entry = MemoryBuffer::getFile(Path, /*IsText=*/false,
                                     /*RequiresNullTerminator=*/false);
  if (!Entry)
    return;
  auto Object =
      object::ObjectFile::createObjectFile((*Entry)->getMemBufferRef());
  if (!Object) {
    consumeError(Object.takeError());
    sys::fs::remove(Path);
  }
}

} // namespace dtlto
