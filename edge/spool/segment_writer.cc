#include "edge/spool/segment_writer.h"

#include <array>

#include "common/check.h"
#include "common/crc32c.h"
#include "edge/spool/segment_reader.h"

namespace starling::edge {

SegmentWriter::SegmentWriter(std::uint32_t segment, std::uint32_t offset) : segment_(segment), offset_(offset) {
  if (offset != 0) return;
  bytes_.resize(kSegmentHeaderBytes);
  StoreLittleEndian(kSegmentMagic, bytes_.data());
  StoreLittleEndian(kSegmentVersion, bytes_.data() + kSegmentVersionOffset);
  StoreLittleEndian(segment, bytes_.data() + kSegmentNumberOffset);
  StoreLittleEndian(Crc32c(std::span(bytes_).first(kSegmentCrcOffset)), bytes_.data() + kSegmentCrcOffset);
}

RecordPosition SegmentWriter::next() const {
  return {segment_, offset_ + static_cast<std::uint32_t>(bytes_.size())};
}

void SegmentWriter::Add(const RecordHeader& header, std::span<const std::byte> payload) {
  STARLING_CHECK(payload.size() <= kRecordPayloadBytesMax);
  const RecordPosition position = next();
  bytes_.resize(bytes_.size() + kRecordHeaderBytes);
  std::byte* const at = bytes_.data() + bytes_.size() - kRecordHeaderBytes;
  StoreLittleEndian(kRecordMagic, at);
  StoreLittleEndian(Crc32c(payload), at + kRecordPayloadCrcOffset);
  StoreLittleEndian(static_cast<std::uint32_t>(payload.size()), at + kRecordLengthOffset);
  StoreLittleEndian(kRecordVersion, at + kRecordVersionOffset);
  StoreLittleEndian(static_cast<std::uint8_t>(header.type), at + kRecordTypeOffset);
  StoreLittleEndian(header.count, at + kRecordCountOffset);
  StoreLittleEndian(header.stored_s, at + kRecordStoredOffset);
  StoreLittleEndian(ToNumber(header.boot), at + kRecordBootOffset);
  StoreLittleEndian(header.first_sequence, at + kRecordFirstOffset);
  StoreLittleEndian(RecordHeaderCrc(position, std::span<const std::byte>(at, kRecordHeaderBytes)),
                    at + kRecordHeaderCrcOffset);
  bytes_.insert(bytes_.end(), payload.begin(), payload.end());
}

void SegmentWriter::AddCheckpoint(BootId boot, std::uint32_t stored_s, const SpoolCheckpoint& checkpoint) {
  STARLING_CHECK(checkpoint.dead.size() <= kDeadRecordsMax);
  const SpoolLedger& ledger = checkpoint.ledger;
  std::vector<std::byte> payload(kCheckpointBytes + 8 * checkpoint.dead.size());
  std::byte* at = payload.data();
  for (const std::uint32_t word : {checkpoint.clean ? kCheckpointClean : 0, checkpoint.head.segment,
                                   checkpoint.head.offset, static_cast<std::uint32_t>(checkpoint.dead.size())}) {
    StoreLittleEndian(word, at);
    at += sizeof(word);
  }
  for (const std::uint64_t word : {ledger.inherited, ledger.sampled, ledger.removed, ledger.dropped_full,
                                   ledger.dropped_too_old, ledger.dropped_unreadable, ledger.dropped_io,
                                   ledger.lost_before}) {
    StoreLittleEndian(word, at);
    at += sizeof(word);
  }
  for (const RecordPosition& dead : checkpoint.dead) {
    StoreLittleEndian(dead.segment, at);
    StoreLittleEndian(dead.offset, at + 4);
    at += 8;
  }
  Add({RecordType::kCheckpoint, 0, stored_s, boot, 0}, payload);
}

}  // namespace starling::edge
