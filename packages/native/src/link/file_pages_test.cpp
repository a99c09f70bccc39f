#include "file_pages.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <gtest/gtest.h>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

using namespace dtlto;

namespace {

const size_t PageSize = size_t(sysconf(_SC_PAGESIZE));
constexpr size_t Pages = 64;

/// How much of the process's memory is pages of files, in bytes.
size_t residentOfFiles() {
  std::ifstream Status("/proc/self/status");
  for (std::string Word; Status >> Word;)
    if (Word == "RssFile:") {
      size_t Kibibytes;
      Status >> Kibibytes;
      return Kibibytes * 1024;
    }
  return 0;
}

/// A file of Pages pages, each full of its own number, mapped privately.
class MappedFile {
public:
  MappedFile() {
    char Name[] = "/tmp/dtlto-pages-XXXXXX";
    int File = mkstemp(Name);
    unlink(Name);
    for (size_t I = 0; I < Pages; ++I) {
      std::string Page(PageSize, char('0' + I));
      EXPECT_EQ(write(File, Page.data(), PageSize), ssize_t(PageSize));
    }
    Begin = static_cast<char *>(
        mmap(nullptr, size(), PROT_READ | PROT_WRITE, MAP_PRIVATE, File, 0));
    close(File);
  }
  ~MappedFile() { munmap(Begin, size()); }

  static size_t size() { return Pages * PageSize; }
  char *page(size_t I) { return Begin + I * PageSize; }
  llvm::StringRef bytes() const { return {Begin, size()}; }
  /// How many of the pages this process has.
  size_t resident() {
    std::vector<uint64_t> Entries(Pages);
    int Map = open("/proc/self/pagemap", O_RDONLY);
    EXPECT_EQ(pread(Map, Entries.data(), Pages * sizeof(uint64_t),
                    off_t(uintptr_t(Begin) / PageSize * sizeof(uint64_t))),
              ssize_t(Pages * sizeof(uint64_t)));
    close(Map);
    return size_t(std::count_if(Entries.begin(), Entries.end(),
                                [](uint64_t Entry) { return Entry >> 63; }));
  }
  void read() {
    for (size_t I = 0; I < Pages; ++I)
      EXPECT_EQ(*static_cast<volatile char *>(page(I)), char('0' + I));
  }

private:
  char *Begin;
};

TEST(FilePages, AreForgottenAndReadAgain) {
  MappedFile File;
  File.read();
  EXPECT_EQ(File.resident(), Pages);
  forgetFilePages(File.bytes());
  EXPECT_EQ(File.resident(), 0u);
  File.read();
}

TEST(FilePages, StayWhereTheRangeHasOnlyAPart) {
  MappedFile File;
  File.read();
  forgetFilePages(File.bytes().drop_front(1).drop_back(1));
  EXPECT_EQ(File.resident(), 2u);
}

TEST(FilePages, StayWhereTheyWereWrittenTo) {
  MappedFile File;
  File.read();
  std::strcpy(File.page(3), "written");
  forgetFilePages(File.bytes());
  EXPECT_STREQ(File.page(3), "written");
}

TEST(FilePages, MemoryOfNoFileStays) {
  std::vector<char> Bytes(Pages * PageSize, 'x');
  forgetFilePages(llvm::StringRef(Bytes.data(), Bytes.size()));
  EXPECT_EQ(Bytes, std::vector<char>(Pages * PageSize, 'x'));
}

TEST(FilePages, ProgramsGoOn) {
  size_t Before = residentOfFiles();
  forgetProgramPages();
  size_t After = residentOfFiles();
  EXPECT_LT(After, Before / 2);
  EXPECT_EQ(std::to_string(Pages), "64");
}

} // namespace
