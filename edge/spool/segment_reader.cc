#include "edge/spool/segment_reader.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "common/crc32c.h"

namespace starling::edge {
namespace {

constexpr std::array<std::byte, 4> kMagicBytes = {std::byte{'S'}, std::byte{'L'}, std::byte{'P'}, std::byte{'R'}};

// A record's header that is whole, whether its payload is or not.
struct FoundHeader {
  RecordHeader header;
  std::uint32_t length = 0;
  std::uint32_t payload_crc = 0;
};

std::optional<FoundHeader> ReadHeader(RecordPosition position, std::span<const std::byte> bytes) {
  if (bytes.size() < kRecordHeaderBytes) return std::nullopt;
  const std::byte* const at = bytes.data();
  if (LoadLittleEndian<std::uint32_t>(at) != kRecordMagic ||
      LoadLittleEndian<std::uint32_t>(at + kRecordHeaderCrcOffset) !=
          RecordHeaderCrc(position, bytes.first(kRecordHeaderBytes))) {
    return std::nullopt;
  }
  FoundHeader found;
  found.length = LoadLittleEndian<std::uint32_t>(at + kRecordLengthOffset);
  found.payload_crc = LoadLittleEndian<std::uint32_t>(at + kRecordPayloadCrcOffset);
  RecordHeader& header = found.header;
  header.type = static_cast<RecordType>(at[kRecordTypeOffset]);
  header.count = LoadLittleEndian<std::uint16_t>(at + kRecordCountOffset);
  header.stored_s = LoadLittleEndian<std::uint32_t>(at + kRecordStoredOffset);
  header.boot = BootId{LoadLittleEndian<std::uint64_t>(at + kRecordBootOffset)};
  header.first_sequence = LoadLittleEndian<std::uint64_t>(at + kRecordFirstOffset);
  const bool samples = header.type == RecordType::kBatch || header.type == RecordType::kDraft;
  if (LoadLittleEndian<std::uint8_t>(at + kRecordVersionOffset) != kRecordVersion ||
      found.length > kRecordPayloadBytesMax || (!samples && header.type != RecordType::kCheckpoint) ||
      (samples && (header.count == 0 || header.first_sequence == 0 ||
                   header.first_sequence > UINT64_MAX - header.count))) {
    return std::nullopt;
  }
  return found;
}

}  // namespace

std::uint32_t RecordHeaderCrc(RecordPosition position, std::span<const std::byte> header) {
  constexpr std::size_t kCovered = kRecordHeaderBytes - kRecordPayloadCrcOffset;
  std::array<std::byte, kCovered + 8> covered;
  std::memcpy(covered.data(), header.data() + kRecordPayloadCrcOffset, kCovered);
  StoreLittleEndian(position.segment, covered.data() + kCovered);
  StoreLittleEndian(position.offset, covered.data() + kCovered + 4);
  return Crc32c(covered);
}

std::optional<SegmentRecord> ReadRecord(RecordPosition position, std::span<const std::byte> bytes) {
  const std::optional<FoundHeader> found = ReadHeader(position, bytes);
  if (!found || found->length > bytes.size() - kRecordHeaderBytes) return std::nullopt;
  const auto payload = bytes.subspan(kRecordHeaderBytes, found->length);
  if (Crc32c(payload) != found->payload_crc) return std::nullopt;
  return SegmentRecord{found->header, position, payload};
}

std::optional<SpoolCheckpoint> ReadCheckpoint(std::span<const std::byte> payload) {
  if (payload.size() < kCheckpointBytes) return std::nullopt;
  const std::byte* at = payload.data();
  const auto word32 = [&at] {
    at += 4;
    return LoadLittleEndian<std::uint32_t>(at - 4);
  };
  const auto word64 = [&at] {
    at += 8;
    return LoadLittleEndian<std::uint64_t>(at - 8);
  };
  SpoolCheckpoint checkpoint;
  checkpoint.clean = (word32() & kCheckpointClean) != 0;
  checkpoint.head.segment = word32();
  checkpoint.head.offset = word32();
  const std::uint32_t dead = word32();
  if (dead > kDeadRecordsMax || payload.size() != kCheckpointBytes + 8 * dead) return std::nullopt;
  SpoolLedger& ledger = checkpoint.ledger;
  for (std::uint64_t* figure : {&ledger.inherited, &ledger.sampled, &ledger.removed, &ledger.dropped_full,
                                &ledger.dropped_too_old, &ledger.dropped_unreadable, &ledger.dropped_io,
                                &ledger.lost_before}) {
    *figure = word64();
  }
  for (std::uint32_t i = 0; i < dead; ++i) {
    const std::uint32_t segment = word32();
    checkpoint.dead.push_back({segment, word32()});
  }
  return checkpoint;
}

std::optional<std::uint16_t> ForeignVersion(std::span<const std::byte> segment) {
  if (segment.size() < kSegmentHeaderBytes ||
      LoadLittleEndian<std::uint32_t>(segment.data()) != kSegmentMagic ||
      LoadLittleEndian<std::uint32_t>(segment.data() + kSegmentCrcOffset) !=
          Crc32c(segment.first(kSegmentCrcOffset))) {
    return std::nullopt;
  }
  const auto version = LoadLittleEndian<std::uint16_t>(segment.data() + kSegmentVersionOffset);
  if (version == kSegmentVersion) return std::nullopt;
  return version;
}

// Records say themselves where they belong, so a segment whose own header is damaged is read all the same.
SegmentReader::SegmentReader(std::uint32_t segment, std::span<const std::byte> bytes)
    : segment_(segment), bytes_(bytes), at_(std::min(kSegmentHeaderBytes, bytes.size())) {}

std::optional<SegmentRecord> SegmentReader::Next() {
  while (at_ < bytes_.size()) {
    const RecordPosition position{segment_, static_cast<std::uint32_t>(at_)};
    const auto rest = bytes_.subspan(at_);
    const std::optional<FoundHeader> found = ReadHeader(position, rest);
    if (found && found->length <= rest.size() - kRecordHeaderBytes) {
      const std::size_t bytes = kRecordHeaderBytes + found->length;
      const auto payload = rest.subspan(kRecordHeaderBytes, found->length);
      at_ += bytes;
      if (Crc32c(payload) == found->payload_crc) {
        damage_.places += skipped_.bytes != 0 ? 1 : 0;
        damage_.bytes += skipped_.bytes;
        damage_.samples += skipped_.samples;
        skipped_ = {};
        return SegmentRecord{found->header, position, payload};
      }
      // Its length can be believed: the header has a checksum of its own.
      skipped_.bytes += bytes;
      if (found->header.type == RecordType::kBatch) skipped_.samples += found->header.count;
      continue;
    }
    const auto magic = std::search(rest.begin() + 1, rest.end(), kMagicBytes.begin(), kMagicBytes.end());
    const auto skip = static_cast<std::size_t>(magic - rest.begin());
    skipped_.bytes += skip;
    at_ += skip;
  }
  return std::nullopt;
}

}  // namespace starling::edge
