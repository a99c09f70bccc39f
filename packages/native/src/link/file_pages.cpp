// MADV_DONTNEED takes a page out of the process. One that is a file's comes back
// as it was when it is next read; one that was written to in a private mapping
// (a breakpoint in code, a relocated constant) comes back as the file has it,
// and memory of malloc's as zeros. So the kernel is asked which is which.
#include "file_pages.h"
#include <algorithm>
#include <array>
#include <cstdint>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

namespace dtlto {

namespace {
/// /proc/self/pagemap: 64 bits for each page
/// (Documentation/admin-guide/mm/pagemap.rst of Linux).
class PageMap {
public:
  PageMap() : File(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)) {}
  PageMap(const PageMap &) = delete;
  ~PageMap() {
    if (File >= 0)
      close(File);
  }

  /// Nothing is forgotten where the kernel does not tell.
  void forget(uintptr_t Begin, uintptr_t End) const {
    std::array<uint64_t, 1024> Entries;
    uintptr_t Page = (Begin + PageSize - 1) / PageSize, Last = End / PageSize;
    while (Page < Last) {
      size_t Wanted = std::min<size_t>(Entries.size(), Last - Page);
      ssize_t Read = pread(File, Entries.data(), Wanted * sizeof(uint64_t),
                           off_t(Page * sizeof(uint64_t)));
      if (Read < ssize_t(sizeof(uint64_t)))
        return;
      size_t Count = size_t(Read) / sizeof(uint64_t);
      for (size_t I = 0; I < Count;) {
        size_t First = I;
        while (I < Count && isOfFile(Entries[I]))
          ++I;
        if (I > First)
          madvise(reinterpret_cast<void *>((Page + First) * PageSize),
                  (I - First) * PageSize, MADV_DONTNEED);
        else
          ++I;
      }
      Page += Count;
    }
  }

private:
  static bool isOfFile(uint64_t Entry) {
    constexpr uint64_t Present = uint64_t(1) << 63, FileOrShared = uint64_t(1)
                                                                   << 61;
    return (Entry & Present) && (Entry & FileOrShared);
  }

  const int File;
  const uintptr_t PageSize = uintptr_t(sysconf(_SC_PAGESIZE));
};

} // namespace

void forgetFilePages(llvm::ArrayRef<llvm::StringRef> Ranges) {
  PageMap Pages;
  for (llvm::StringRef Bytes : Ranges)
    Pages.forget(reinterpret_cast<uintptr_t>(Bytes.begin()),
                 reinterpret_cast<uintptr_t>(Bytes.end()));
}

void forgetProgramPages() {
  PageMap Pages;
  // The loader keeps libraries from being closed meanwhile.
  dl_iterate_phdr(
      [](dl_phdr_info *Object, size_t, void *Pages) {
        for (unsigned I = 0; I < Object->dlpi_phnum; ++I) {
          const auto &Segment = Object->dlpi_phdr[I];
          if (Segment.p_type != PT_LOAD || (Segment.p_flags & PF_W))
            continue;
          uintptr_t Begin = Object->dlpi_addr + Segment.p_vaddr;
          static_cast<PageMap *>(Pages)->forget(Begin, Begin + Segment.p_memsz);
        }
        return 0;
      },
      &Pages);
}

} // namespace dtlto
