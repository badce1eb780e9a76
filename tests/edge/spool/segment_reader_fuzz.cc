// Any bytes as a segment: what is read lies within them, in order, and is whole; what is
// written again reads the same.
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/check.h"
#include "edge/spool/segment_reader.h"
#include "edge/spool/segment_writer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling::edge;
  const auto bytes = std::as_bytes(std::span(data, size));
  static_cast<void>(ForeignVersion(bytes));
  SegmentReader reader(1, bytes);
  std::size_t end = 0;
  std::size_t read = 0;
  while (const auto record = reader.Next()) {
    STARLING_CHECK(record->position.offset >= end && record->position.offset >= kSegmentHeaderBytes);
    end = record->position.offset + kRecordHeaderBytes + record->payload.size();
    STARLING_CHECK(end <= size);
    read += kRecordHeaderBytes + record->payload.size();
    SegmentWriter writer(1, record->position.offset);
    writer.Add(record->header, record->payload);
    const auto again = ReadRecord(record->position, writer.bytes());
    STARLING_CHECK(again && again->header.boot == record->header.boot &&
                   again->header.first_sequence == record->header.first_sequence);
    if (record->header.type != RecordType::kCheckpoint) continue;
    if (const auto checkpoint = ReadCheckpoint(record->payload)) {
      SegmentWriter copy(1, record->position.offset);
      copy.AddCheckpoint(record->header.boot, record->header.stored_s, *checkpoint);
      STARLING_CHECK(ReadCheckpoint(ReadRecord(record->position, copy.bytes())->payload) == checkpoint);
    }
  }
  if (size >= kSegmentHeaderBytes) {
    STARLING_CHECK(read + reader.damage().bytes + reader.tail_bytes() + kSegmentHeaderBytes == size);
  }
  return 0;
}
