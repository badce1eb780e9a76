#include "edge/spool/spool_recovery.h"

#include <algorithm>
#include <map>
#include <span>
#include <utility>

#include "edge/spool/spool_writer.h"

namespace starling::edge {
namespace {

// The samples of which a later record was seen.
class Covered {
 public:
  bool Has(const RecordHeader& header) const {
    const auto boot = boots_.find(header.boot);
    if (boot == boots_.end()) return false;
    auto range = boot->second.upper_bound(header.first_sequence);
    if (range == boot->second.begin()) return false;
    --range;
    return header.through_sequence() <= range->second;
  }

  void Add(const RecordHeader& header) {
    std::map<std::uint64_t, std::uint64_t>& ranges = boots_[header.boot];
    std::uint64_t first = header.first_sequence;
    std::uint64_t through = header.through_sequence();
    auto at = ranges.upper_bound(first);
    if (at != ranges.begin() && std::prev(at)->second + 1 >= first) --at;
    while (at != ranges.end() && at->first <= through + 1) {
      first = std::min(first, at->first);
      through = std::max(through, at->second);
      at = ranges.erase(at);
    }
    ranges.emplace(first, through);
  }

 private:
  std::map<BootId, std::map<std::uint64_t, std::uint64_t>> boots_;
};

// Goes through the segments from the newest to the oldest: a checkpoint says what of
// everything before it is needed, and a sealed batch stands for its drafts.
class Recovery {
 public:
  explicit Recovery(SpoolContents* contents) : contents_(contents) {}

  bool Needs(std::uint32_t segment) const { return segment >= contents_->checkpoint.head.segment; }

  void Take(std::uint32_t segment, std::span<const std::byte> bytes) {
    SegmentReader reader(segment, bytes);
    std::vector<StoredBatch> records;
    std::map<std::uint32_t, SpoolCheckpoint> checkpoints;  // by offset
    while (const std::optional<SegmentRecord> record = reader.Next()) {
      records.push_back({record->header, record->position, static_cast<std::uint32_t>(record->payload.size())});
      if (record->header.type != RecordType::kCheckpoint || contents_->has_checkpoint) continue;
      if (auto checkpoint = ReadCheckpoint(record->payload)) {
        checkpoints.clear();  // Only the last one is asked for.
        checkpoints.emplace(record->position.offset, std::move(*checkpoint));
      }
    }
    contents_->damage.places += reader.damage().places;
    contents_->damage.bytes += reader.damage().bytes;
    contents_->damage.samples += reader.damage().samples;
    contents_->torn_bytes += reader.tail_bytes();
    for (auto record = records.rbegin(); record != records.rend(); ++record) {
      if (record->header.type == RecordType::kCheckpoint) {
        const auto found = checkpoints.find(record->position.offset);
        if (found == checkpoints.end()) continue;
        contents_->has_checkpoint = true;
        contents_->boot = record->header.boot;
        contents_->checkpoint = std::move(found->second);
        checkpoints.clear();
      } else {
        TakeSamples(*record);
      }
    }
  }

  void Finish() {
    std::reverse(contents_->batches.begin(), contents_->batches.end());
    if (!contents_->has_checkpoint) return;
    contents_->sampled = std::max(contents_->checkpoint.ledger.sampled, through_[contents_->boot]);
  }

 private:
  void TakeSamples(const StoredBatch& record) {
    std::uint64_t& through = through_[record.header.boot];
    through = std::max(through, record.header.through_sequence());
    if (record.position < contents_->checkpoint.head) return;
    const std::vector<RecordPosition>& dead = contents_->checkpoint.dead;
    const bool needed = std::find(dead.begin(), dead.end(), record.position) == dead.end();
    if (needed && !covered_.Has(record.header)) contents_->batches.push_back(record);
    covered_.Add(record.header);
  }

  SpoolContents* const contents_;
  Covered covered_;
  std::map<BootId, std::uint64_t> through_;  // the last sample of each in any record
};

}  // namespace

Result<SpoolContents> ReadSpool(SpoolFiles* files) {
  const Result<std::vector<SpoolFiles::Entry>> listed = files->List();
  if (!listed.ok()) return listed.status();
  SpoolContents contents;
  for (const SpoolFiles::Entry& entry : listed.value()) {
    const std::optional<std::uint32_t> segment = SegmentOfName(entry.name);
    if (!segment) continue;
    contents.segments.push_back({*segment, entry.bytes});
    contents.last_segment = std::max(contents.last_segment, *segment);
  }
  std::sort(contents.segments.begin(), contents.segments.end(),
            [](const StoredSegment& a, const StoredSegment& b) { return a.segment < b.segment; });

  Recovery recovery(&contents);
  std::vector<std::byte> bytes;
  std::vector<std::uint32_t> foreign;
  for (auto each = contents.segments.rbegin(); each != contents.segments.rend(); ++each) {
    const std::string name = SegmentName(each->segment);
    const bool needed = recovery.Needs(each->segment);
    bytes.resize(needed ? static_cast<std::size_t>(std::min<std::uint64_t>(each->bytes, kSegmentBytesMax))
                        : kSegmentHeaderBytes);
    const Result<std::size_t> read = files->Read(name, 0, bytes);
    if (!read.ok()) {
      contents.warnings.emplace_back(read.status().message());
      contents.damage.places += needed ? 1 : 0;
      contents.damage.bytes += needed ? each->bytes : 0;
      continue;
    }
    bytes.resize(read.value());
    if (const std::optional<std::uint16_t> version = ForeignVersion(bytes)) {
      contents.warnings.push_back(name + " has version " + std::to_string(*version) + " of the format, and version " +
                                  std::to_string(kSegmentVersion) + " was expected: it is left as it is");
      foreign.push_back(each->segment);
      continue;
    }
    if (needed) recovery.Take(each->segment, bytes);
  }
  recovery.Finish();
  std::erase_if(contents.segments, [&](const StoredSegment& each) {
    return std::find(foreign.begin(), foreign.end(), each.segment) != foreign.end();
  });
  return contents;
}

}  // namespace starling::edge
