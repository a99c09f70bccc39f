// Reads bitcode's records, for who only looks: whatever is wrong is a nullopt or a
// false, not an error with a text.
#ifndef DTLTO_JOB_RECORD_READER_H
#define DTLTO_JOB_RECORD_READER_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Bitstream/BitstreamReader.h"
#include "llvm/Support/Error.h"
#include <optional>

namespace dtlto {

class RecordReader {
public:
  explicit RecordReader(llvm::BitstreamCursor Cursor)
      : Cursor(std::move(Cursor)) {}

  llvm::BitstreamEntry next() {
    return valueOf(Cursor.advance()).value_or(llvm::BitstreamEntry::getError());
  }

  bool enter(unsigned Block) {
    return !errorToBool(Cursor.EnterSubBlock(Block));
  }
  bool skipBlock() { return !errorToBool(Cursor.SkipBlock()); }

  /// The code; its operands are in \p Record, its blob, if it has one, in \p Blob.
  std::optional<unsigned> readRecord(unsigned Abbreviation) {
    Record.clear();
    Blob = {};
    IsUnabbreviated = Abbreviation == llvm::bitc::UNABBREV_RECORD;
    return valueOf(Cursor.readRecord(Abbreviation, Record, &Blob));
  }

  /// The code of the next record of a block without blocks in it; 0 at its end.
  std::optional<unsigned> nextRecord() {
    llvm::BitstreamEntry Entry = next();
    if (Entry.Kind == llvm::BitstreamEntry::EndBlock)
      return 0;
    if (Entry.Kind != llvm::BitstreamEntry::Record)
      return std::nullopt;
    return readRecord(Entry.ID);
  }

  /// All records of the block that was entered, which has no blocks. False if it is
  /// damaged, or \p Each, which gets their codes, says so.
  bool readAll(llvm::function_ref<bool(unsigned)> Each) {
    return readAll([](unsigned) { return false; }, Each);
  }
  /// The same for one with blocks: \p Block gets their ids, and reads or skips them.
  bool readAll(llvm::function_ref<bool(unsigned)> Block,
               llvm::function_ref<bool(unsigned)> Each) {
    for (;;) {
      llvm::BitstreamEntry Entry = next();
      switch (Entry.Kind) {
      case llvm::BitstreamEntry::Error:
        return false;
      case llvm::BitstreamEntry::EndBlock:
        return true;
      case llvm::BitstreamEntry::SubBlock:
        if (!Block(Entry.ID))
          return false;
        break;
      case llvm::BitstreamEntry::Record:
        std::optional<unsigned> Code = readRecord(Entry.ID);
        if (!Code || !Each(*Code))
          return false;
      }
    }
  }

  template <typename T> static std::optional<T> valueOf(llvm::Expected<T> Or) {
    if (Or)
      return std::move(*Or);
    consumeError(Or.takeError());
    return std::nullopt;
  }

  llvm::BitstreamCursor Cursor;
  llvm::SmallVector<uint64_t, 64> Record;
  llvm::StringRef Blob;
  bool IsUnabbreviated = false; ///< of the record that was read
};

} // namespace dtlto

#endif
