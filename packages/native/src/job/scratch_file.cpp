#include "scratch_file.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"
#include <set>
#include <utility>
#ifdef __linux__
#include <sys/mman.h>
#endif

using namespace llvm;

static Error cannot(const Twine &Do, std::error_code EC) {
  return createStringError(EC, "cannot " + Do + ": " + EC.message());
}

Expected<dtlto::ScratchFile> dtlto::ScratchFile::create(StringRef Contents) {
  int Descriptor = -1;
  std::string Path;
  bool IsTemporary = false;
#ifdef __linux__
  Descriptor = memfd_create("dtlto", MFD_CLOEXEC);
  if (Descriptor >= 0) {
    Path = "/proc/self/fd/" + std::to_string(Descriptor);
    // Without /proc the memory has no path.
    if (!sys::fs::exists(Path)) {
      sys::Process::SafelyCloseFileDescriptor(Descriptor);
      Descriptor = -1;
    }
  }
#endif
  if (Descriptor < 0) {
    SmallString<128> Name;
    if (std::error_code EC =
            sys::fs::createTemporaryFile("dtlto", "tmp", Descriptor, Name))
      return cannot("make a temporary file", EC);
    Path = Name.str();
    IsTemporary = true;
  }
  ScratchFile File(std::move(Path), Descriptor, IsTemporary);
  raw_fd_ostream OS(Descriptor, /*shouldClose=*/false);
  OS << Contents;
  OS.flush();
  if (OS.has_error()) {
    std::error_code EC = OS.error();
    OS.clear_error();
    return cannot("write a temporary file", EC);
  }
  return std::move(File);
}

/// Jobs are compiled one at a time.
static std::set<std::string, std::less<>> &paths() {
  static std::set<std::string, std::less<>> Paths;
  return Paths;
}

bool dtlto::ScratchFile::isOne(StringRef Path) {
  return paths().count(Path) != 0;
}

dtlto::ScratchFile::ScratchFile(std::string Path, int Descriptor,
                                bool IsTemporary)
    : Path(std::move(Path)), Descriptor(Descriptor), IsTemporary(IsTemporary) {
  paths().insert(this->Path);
}

dtlto::ScratchFile::ScratchFile(ScratchFile &&Other)
    : Path(std::move(Other.Path)),
      Descriptor(std::exchange(Other.Descriptor, -1)),
      IsTemporary(std::exchange(Other.IsTemporary, false)) {}

dtlto::ScratchFile::~ScratchFile() {
  if (Descriptor >= 0)
    paths().erase(Path);
  if (IsTemporary)
    sys::fs::remove(Path);
  if (Descriptor >= 0)
    sys::Process::SafelyCloseFileDescriptor(Descriptor);
}

Expected<std::string> dtlto::ScratchFile::read() const {
  auto Contents = MemoryBuffer::getFile(Path, /*IsText=*/false,
                                        /*RequiresNullTerminator=*/false,
                                        /*IsVolatile=*/true);
  if (!Contents)
    return cannot("read '" + Path + "'", Contents.getError());
  return (*Contents)->getBuffer().str();
}
