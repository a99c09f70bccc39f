// Files and encodings.
#include "text.h"
#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <unistd.h>

namespace dtlto {

bool readFile(const std::string &Path, std::string &Text) {
  int File = open(Path.c_str(), O_RDONLY | O_CLOEXEC);
  if (File < 0)
    return false;
  bool IsRead = readFile(File, Text);
  close(File);
  return IsRead;
}

bool readFile(int File, std::string &Text) {
  char Buffer[16384];
  ssize_t Count;
  while ((Count = read(File, Buffer, sizeof(Buffer))) != 0) {
    if (Count > 0)
      Text.append(Buffer, static_cast<size_t>(Count));
    else if (errno != EINTR)
      break;
  }
  return Count == 0;
}

static void appendUtf8(std::string &Text, uint32_t C) {
  auto Add = [&Text](uint32_t Byte) { Text += static_cast<char>(Byte); };
  if (C < 0x80)
    return Add(C);
  if (C < 0x800) {
    Add(0xC0 | C >> 6);
  } else if (C < 0x10000) {
    Add(0xE0 | C >> 12);
    Add(0x80 | (C >> 6 & 0x3F));
  } else {
    Add(0xF0 | C >> 18);
    Add(0x80 | (C >> 12 & 0x3F));
    Add(0x80 | (C >> 6 & 0x3F));
  }
  Add(0x80 | (C & 0x3F));
}

bool toUtf8(std::string &Text) {
  if (Text.rfind("\xEF\xBB\xBF", 0) == 0)
    Text.erase(0, 3);
  bool IsLittle = Text.rfind("\xFF\xFE", 0) == 0;
  if (!IsLittle && Text.rfind("\xFE\xFF", 0) != 0)
    return true;
  if (Text.size() % 2 != 0)
    return false;
  auto Unit = [&](size_t At) -> uint32_t {
    auto First = static_cast<unsigned char>(Text[At]);
    auto Second = static_cast<unsigned char>(Text[At + 1]);
    return IsLittle ? First | Second << 8 : First << 8 | Second;
  };
  std::string Converted;
  for (size_t At = 2; At < Text.size(); At += 2) {
    uint32_t C = Unit(At);
    if (C >= 0xDC00 && C < 0xE000)
      return false;
    if (C >= 0xD800 && C < 0xDC00) {
      At += 2;
      uint32_t Low = At < Text.size() ? Unit(At) : 0;
      if (Low < 0xDC00 || Low >= 0xE000)
        return false;
      C = 0x10000 + ((C - 0xD800) << 10) + (Low - 0xDC00);
    }
    appendUtf8(Converted, C);
  }
  Text = Converted;
  return true;
}

bool isUtf8(const std::string &Text) {
  for (size_t I = 0; I < Text.size();) {
    auto Byte = [&](size_t At) -> uint32_t {
      return At < Text.size() ? static_cast<unsigned char>(Text[At]) : 0;
    };
    uint32_t First = Byte(I);
    unsigned Length = First < 0x80                     ? 1
                      : First >= 0xC2 && First <= 0xDF ? 2
                      : First >= 0xE0 && First <= 0xEF ? 3
                      : First >= 0xF0 && First <= 0xF4 ? 4
                                                       : 0;
    if (Length == 0)
      return false;
    for (unsigned K = 1; K < Length; ++K)
      if ((Byte(I + K) & 0xC0) != 0x80)
        return false;
    // Overlong forms, surrogates, and what is beyond Unicode.
    uint32_t Second = Byte(I + 1);
    if ((First == 0xE0 && Second < 0xA0) || (First == 0xED && Second > 0x9F) ||
        (First == 0xF0 && Second < 0x90) || (First == 0xF4 && Second > 0x8F))
      return false;
    I += Length;
  }
  return true;
}

std::string directoryOf(const std::string &Path) {
  size_t Slash = Path.rfind('/');
  if (Slash == std::string::npos)
    return ".";
  return Slash == 0 ? "/" : Path.substr(0, Slash);
}

} // namespace dtlto
