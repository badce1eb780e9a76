#include "edge/spool/segment_writer.h"

#include <utility>

#include "common/check.h"
#include "common/crc32c.h"
#include "edge/spool/segment_reader.h"

namespace starling::edge {

SegmentWriter::SegmentWriter(std::uint32_t segment, std::uint32_t offset, std::vector<std::byte> memory)
    : segment_(segment), offset_(offset), bytes_(std::move(memory)) {
  bytes_.clear();
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

RecordPosition SegmentWriter::Begin() {
  const RecordPosition position = next();
  bytes_.resize(bytes_.size() + kRecordHeaderBytes);
  return position;
}

void SegmentWriter::Finish(RecordPosition position, const RecordHeader& header, std::size_t payload_bytes) {
  STARLING_CHECK(payload_bytes <= kRecordPayloadBytesMax);
  std::byte* const at = bytes_.data() + bytes_.size() - payload_bytes - kRecordHeaderBytes;
  const std::span<const std::byte> payload(at + kRecordHeaderBytes, payload_bytes);
  StoreLittleEndian(kRecordMagic, at);
  StoreLittleEndian(Crc32c(payload), at + kRecordPayloadCrcOffset);
  StoreLittleEndian(static_cast<std::uint32_t>(payload_bytes), at + kRecordLengthOffset);
  StoreLittleEndian(kRecordVersion, at + kRecordVersionOffset);
  StoreLittleEndian(static_cast<std::uint8_t>(header.type), at + kRecordTypeOffset);
  StoreLittleEndian(header.count, at + kRecordCountOffset);
  StoreLittleEndian(header.stored_s, at + kRecordStoredOffset);
  StoreLittleEndian(ToNumber(header.boot), at + kRecordBootOffset);
  StoreLittleEndian(header.first_sequence, at + kRecordFirstOffset);
  StoreLittleEndian(RecordHeaderCrc(position, std::span<const std::byte>(at, kRecordHeaderBytes)),
                    at + kRecordHeaderCrcOffset);
}

void SegmentWriter::Add(const RecordHeader& header, std::span<const std::byte> payload) {
  const RecordPosition position = Begin();
  bytes_.insert(bytes_.end(), payload.begin(), payload.end());
  Finish(position, header, payload.size());
}

void SegmentWriter::AddCheckpoint(BootId boot, std::uint32_t stored_s, const SpoolCheckpoint& checkpoint) {
  STARLING_CHECK(checkpoint.dead.size() <= kDeadRecordsMax);
  const SpoolLedger& ledger = checkpoint.ledger;
  const RecordPosition position = Begin();
  const std::size_t payload_bytes = kCheckpointBytes + 8 * checkpoint.dead.size();
  bytes_.resize(bytes_.size() + payload_bytes);
  std::byte* at = bytes_.data() + bytes_.size() - payload_bytes;
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
  Finish(position, {RecordType::kCheckpoint, 0, stored_s, boot, 0}, payload_bytes);
}

}  // namespace starling::edge
