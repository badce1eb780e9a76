// The bytes of the spool on disk, shared by the writer and the reader.  The full
// description, with an example, is docs/formats/spool.md.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/ids.h"

namespace starling::edge {

template <typename Word>
void StoreLittleEndian(Word word, std::byte* target) {
  for (std::size_t i = 0; i < sizeof(Word); ++i) target[i] = static_cast<std::byte>(word >> (8 * i));
}

template <typename Word>
Word LoadLittleEndian(const std::byte* source) {
  Word word = 0;
  for (std::size_t i = 0; i < sizeof(Word); ++i) {
    word = static_cast<Word>(word | (static_cast<Word>(source[i]) << (8 * i)));
  }
  return word;
}

// A segment's header, little-endian: magic | version | 0 | number | crc32c of these.
// Every version of the format begins with these 16 bytes.
inline constexpr std::uint32_t kSegmentMagic = 0x5350'4C53;  // "SLPS" on disk
inline constexpr std::uint16_t kSegmentVersion = 1;
inline constexpr std::size_t kSegmentVersionOffset = 4;
inline constexpr std::size_t kSegmentNumberOffset = 8;
inline constexpr std::size_t kSegmentCrcOffset = 12;
inline constexpr std::size_t kSegmentHeaderBytes = 16;

// A record's header, little-endian.  Its checksum covers what follows it there, and
// the record's place: bytes that were left over from another place are no record.
inline constexpr std::uint32_t kRecordMagic = 0x5250'4C53;   // "SLPR" on disk
inline constexpr std::uint8_t kRecordVersion = 1;
inline constexpr std::size_t kRecordHeaderCrcOffset = 4;
inline constexpr std::size_t kRecordPayloadCrcOffset = 8;
inline constexpr std::size_t kRecordLengthOffset = 12;
inline constexpr std::size_t kRecordVersionOffset = 16;
inline constexpr std::size_t kRecordTypeOffset = 17;
inline constexpr std::size_t kRecordCountOffset = 18;
inline constexpr std::size_t kRecordStoredOffset = 20;
inline constexpr std::size_t kRecordBootOffset = 24;
inline constexpr std::size_t kRecordFirstOffset = 32;
inline constexpr std::size_t kRecordHeaderBytes = 40;

// Part of the format, so that no reader allocates more than this.
inline constexpr std::size_t kRecordPayloadBytesMax = 1 << 20;
inline constexpr std::size_t kSegmentBytesMax = 4 << 20;

enum class RecordType : std::uint8_t {
  kBatch = 1,       // a sealed batch
  kDraft = 2,       // samples of a batch that was still open
  kCheckpoint = 3,  // what is no longer needed, and the ledger
};

// Where a record begins.  The order of positions is the order of writing.
struct RecordPosition {
  std::uint32_t segment = 0;
  std::uint32_t offset = 0;

  friend constexpr auto operator<=>(const RecordPosition&, const RecordPosition&) = default;
};

struct RecordHeader {
  RecordType type{};
  std::uint16_t count = 0;          // samples; 0 in a checkpoint
  std::uint32_t stored_s = 0;       // Unix time by the vehicle's clock, which may be wrong
  BootId boot{};
  std::uint64_t first_sequence = 0; // 0 in a checkpoint

  std::uint64_t through_sequence() const { return first_sequence + count - 1; }
};

// The ledger of one run, of all that the spool had to do with:
// inherited + sampled == removed + dropped (all reasons) + held, when it was written.
struct SpoolLedger {
  std::uint64_t inherited = 0;           // held when the run began
  std::uint64_t sampled = 0;             // of this boot: the sequence of the last sample taken
  std::uint64_t removed = 0;             // the cloud said "durable", or that it cannot read them
  std::uint64_t dropped_full = 0;
  std::uint64_t dropped_too_old = 0;
  std::uint64_t dropped_unreadable = 0;  // could not be read back
  std::uint64_t dropped_io = 0;          // the medium refused them
  std::uint64_t lost_before = 0;         // in all runs before this one, as far as it is known

  std::uint64_t dropped() const { return dropped_full + dropped_too_old + dropped_unreadable + dropped_io; }
  friend constexpr bool operator==(const SpoolLedger&, const SpoolLedger&) = default;
};

// The payload of a checkpoint.  `dead` are records at or behind `head` that are no
// longer needed; at most kDeadRecordsMax.
inline constexpr std::size_t kDeadRecordsMax = 64;
inline constexpr std::size_t kCheckpointBytes = 80;  // and 8 for each of `dead`
inline constexpr std::uint32_t kCheckpointClean = 1;

struct SpoolCheckpoint {
  bool clean = false;                    // the run ended in order: nothing came after it
  RecordPosition head;                   // nothing before it is needed
  SpoolLedger ledger;
  std::vector<RecordPosition> dead;

  friend bool operator==(const SpoolCheckpoint&, const SpoolCheckpoint&) = default;
};

}  // namespace starling::edge
