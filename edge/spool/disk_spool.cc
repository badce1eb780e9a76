#include "edge/spool/disk_spool.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "common/check.h"
#include "edge/spool/segment_reader.h"
#include "edge/spool/segment_writer.h"

namespace starling::edge {
namespace {

// A file takes whole blocks.
constexpr std::uint64_t kBlockBytes = 4096;

// A commit takes no further batch once it is this long, but at least one.
constexpr std::size_t kCommitBytesSoftMax = 64 << 10;

constexpr std::ptrdiff_t kBootsLookedAt = 8;

// While a commit is under way: when to look whether it is done.
constexpr nanoseconds kLookInterval = milliseconds(100);

// Memory that is kept for the next commit, and for columns: what they take in ordinary driving and some
// more.  What a burst took is given back.
constexpr std::size_t kSpareJobBytes = 8 << 10;
constexpr std::size_t kSpareColumnsBytes = 2 << 10;
constexpr std::size_t kSpareColumnsMax = 4;

constexpr std::uint32_t kWallClockLeast = 1'735'689'600;  // 2025-01-01

// An empty file counts as one: its name takes room, too.
std::uint64_t BlocksOf(std::uint64_t bytes) { return (bytes / kBlockBytes + 1) * kBlockBytes; }

std::size_t BytesOf(const SpooledBatch& batch) { return sizeof(batch) + batch.columns.size(); }

bool Within(std::uint64_t value, std::uint64_t least, std::uint64_t most) { return value >= least && value <= most; }

}  // namespace

Status DiskSpoolConfig::Validate() const {
  const auto wrong = [](const char* field, std::uint64_t value, const char* range) {
    return Status(ErrorCode::kInvalidArgument,
                  std::string(field) + " is " + std::to_string(value) + ", must be within " + range);
  };
  const auto whole_seconds = [](nanoseconds span) {
    return span < nanoseconds(0) ? UINT64_MAX : static_cast<std::uint64_t>(span / seconds(1));
  };
  if (!Within(segment_bytes, 4096, 1 << 20)) return wrong("segment_bytes", segment_bytes, "4096 and 2^20");
  if (!Within(bytes_max, 4 * segment_bytes, std::uint64_t{1} << 36)) {
    return wrong("bytes_max", bytes_max, "4 segments and 2^36");
  }
  if (!Within(whole_seconds(age_max), 1, 315'360'000)) {
    return wrong("age_max (s)", whole_seconds(age_max), "1 and 315360000");
  }
  if (!Within(memory_bytes_max, 4096, 1 << 26)) return wrong("memory_bytes_max", memory_bytes_max, "4096 and 2^26");
  if (!Within(batches_max, 16, 1 << 20)) return wrong("batches_max", batches_max, "16 and 2^20");
  if (!Within(whole_seconds(retry_interval), 0, 3600)) {
    return wrong("retry_interval (s)", whole_seconds(retry_interval), "0 and 3600");
  }
  return Status();
}

Result<std::unique_ptr<DiskSpool>> DiskSpool::Open(const DiskSpoolConfig& config, std::unique_ptr<SpoolFiles> files,
                                                   std::unique_ptr<SpoolWriter> writer, WallClock wall_clock) {
  STARLING_CHECK(config.Validate().ok() && files != nullptr && writer != nullptr);
  Result<SpoolContents> contents = ReadSpool(files.get());
  if (!contents.ok()) return contents.status();
  if (contents.value().last_segment == std::numeric_limits<std::uint32_t>::max()) {
    return Status(ErrorCode::kCorruption,
                  SegmentName(contents.value().last_segment) +
                      " leaves no number for another segment: move it out of the spool's folder");
  }
  std::unique_ptr<DiskSpool> spool(new DiskSpool(config, std::move(files), std::move(writer), std::move(wall_clock)));
  spool->Take(std::move(contents).value());
  return spool;
}

DiskSpool::DiskSpool(const DiskSpoolConfig& config, std::unique_ptr<SpoolFiles> files,
                     std::unique_ptr<SpoolWriter> writer, WallClock wall_clock)
    : config_(config), files_(std::move(files)), wall_clock_(std::move(wall_clock)), writer_(std::move(writer)) {
  read_.columns.reserve(kSpareColumnsBytes);
  scratch_.reserve(kRecordHeaderBytes + kSpareColumnsBytes);
}

void DiskSpool::Take(SpoolContents contents) {
  next_segment_ = contents.last_segment + 1;
  for (const StoredSegment& segment : contents.segments) {
    segments_.push_back(segment);
    disk_bytes_ += BlocksOf(segment.bytes);
  }
  const std::uint32_t wall_s = wall_clock_();
  constexpr std::uint32_t kAgeMost = std::numeric_limits<std::int32_t>::max();
  for (const StoredBatch& batch : contents.batches) {
    const std::uint32_t stored_s = batch.header.stored_s;
    const bool known = stored_s >= kWallClockLeast && wall_s >= stored_s;
    const std::uint32_t age_s = known ? std::min(wall_s - stored_s, kAgeMost) : 0;
    entries_.push_back({batch.header.first_sequence, batch.position, batch.bytes, -static_cast<std::int32_t>(age_s),
                        IndexOf(batch.header.boot), batch.header.count});
    samples_ += batch.header.count;
  }
  dead_ = std::move(contents.checkpoint.dead);
  counters_.damage_places = contents.damage.places;
  counters_.damage_bytes = contents.damage.bytes;
  counters_.torn_bytes = contents.torn_bytes;
  warnings_ = std::move(contents.warnings);
  ledger_.inherited = samples_;
  if (!contents.has_checkpoint) return;
  SpoolRun run;
  run.boot = contents.boot;
  run.clean = contents.checkpoint.clean;
  run.ledger = contents.checkpoint.ledger;
  run.ledger.sampled = contents.sampled;
  run.held = samples_;
  const std::uint64_t taken = run.ledger.inherited + run.ledger.sampled;
  const std::uint64_t known = run.ledger.removed + run.ledger.dropped() + run.held;
  run.lost = taken > known ? taken - known : 0;
  run.repeated = known > taken ? known - taken : 0;
  ledger_.lost_before = run.ledger.lost_before + run.lost;
  previous_ = run;
}

DiskSpool::~DiskSpool() {
  if (writing_) Take(writer_->Wait());
  // A run that never committed leaves what the one before said.
  if (!base_ && memory_.empty()) return;
  // A disk that refuses is asked once more.
  DropDeadDrafts();
  Start(true);
  Take(writer_->Wait());
}

std::uint32_t DiskSpool::IndexOf(BootId boot) {
  // Batches of one boot lie together; one that is listed twice does no harm.
  const auto end = boots_.rbegin() + std::min<std::ptrdiff_t>(kBootsLookedAt, std::ssize(boots_));
  const auto known = std::find(boots_.rbegin(), end, boot);
  if (known != end) return static_cast<std::uint32_t>(boots_.rend() - known - 1);
  boots_.push_back(boot);
  return static_cast<std::uint32_t>(boots_.size() - 1);
}

Status DiskSpool::Append(SpooledBatch batch) {
  STARLING_CHECK(batch.count > 0 && batch.columns.size() <= kRecordPayloadBytesMax);
  if (batch.boot == moment_.boot) {
    sealed_through_ = std::max(sealed_through_, batch.through_sequence());
    moment_.taken = std::max(moment_.taken, sealed_through_);
  }
  // The batch stands for those of its drafts that nobody has begun to write.
  std::erase_if(drafts_, [&](const Draft& draft) {
    return draft.position == RecordPosition{} && draft.writing == RecordPosition{} &&
           draft.batch.boot == batch.boot && draft.batch.first_sequence <= batch.through_sequence();
  });
  if (memory_bytes_ + BytesOf(batch) > config_.memory_bytes_max) {
    ledger_.dropped_io += batch.count;
    checkpoint_due_ = true;
    return Status(ErrorCode::kIoError, "the spool's memory is full because its disk takes nothing" +
                                           (failure_.empty() ? "" : ": " + failure_));
  }
  // What piles up because the disk takes nothing has no room to spare.
  if (memory_.size() >= kSpareColumnsMax) batch.columns.shrink_to_fit();
  const nanoseconds since = base_ ? moment_.now - *base_ : nanoseconds(0);
  entries_.push_back({batch.first_sequence, {}, static_cast<std::uint32_t>(batch.columns.size()),
                      static_cast<std::int32_t>(since / seconds(1)), IndexOf(batch.boot), batch.count});
  samples_ += batch.count;
  memory_bytes_ += BytesOf(batch);
  memory_.push_back({std::move(batch), {}});
  return Status();
}

const SpooledBatch* DiskSpool::At(std::size_t index) const {
  if (index >= entries_.size()) return nullptr;
  if (index >= on_disk()) return &memory_[index - on_disk()].batch;
  const Entry& entry = entries_[index];
  if (read_at_ == entry.position) return &read_;
  read_at_ = {};
  scratch_.resize(kRecordHeaderBytes + entry.bytes);
  const Result<std::size_t> read = files_->Read(SegmentName(entry.position.segment), entry.position.offset, scratch_);
  if (!read.ok() || read.value() != scratch_.size()) return nullptr;
  const std::optional<SegmentRecord> record = ReadRecord(entry.position, scratch_);
  if (!record || record->payload.size() != entry.bytes || record->header.boot != boots_[entry.boot] ||
      record->header.first_sequence != entry.first || record->header.count != entry.count) {
    return nullptr;
  }
  read_.boot = record->header.boot;
  read_.first_sequence = entry.first;
  read_.count = entry.count;
  read_.columns.assign(record->payload.begin(), record->payload.end());
  read_at_ = entry.position;
  return &read_;
}

std::optional<BatchLimits> DiskSpool::Limits(std::size_t index) const {
  if (index >= entries_.size()) return std::nullopt;
  const Entry& entry = entries_[index];
  return BatchLimits{boots_[entry.boot], entry.first, entry.count};
}

std::size_t DiskSpool::Delete(BootId boot, std::uint64_t first_sequence) {
  const auto held = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.first == first_sequence && boots_[entry.boot] == boot;
  });
  if (held == entries_.end()) return 0;
  const std::uint64_t count = Forget(static_cast<std::size_t>(held - entries_.begin()));
  ledger_.removed += count;
  return static_cast<std::size_t>(count);
}

void DiskSpool::GiveUp(std::size_t index) {
  STARLING_CHECK(index < entries_.size());
  ++counters_.damage_places;
  counters_.damage_bytes += entries_[index].bytes;
  ledger_.dropped_unreadable += Forget(index);
}

std::uint64_t DiskSpool::Forget(std::size_t index) {
  const Entry entry = entries_[index];
  if (index >= on_disk()) {
    const auto held = memory_.begin() + static_cast<std::ptrdiff_t>(index - on_disk());
    if (held->writing != RecordPosition{}) deleted_while_written_.push_back(held->writing);
    memory_bytes_ -= BytesOf(held->batch);
    Keep(std::move(held->batch.columns));
    memory_.erase(held);
  } else {
    dead_.push_back(entry.position);
  }
  entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(index));
  samples_ -= entry.count;
  checkpoint_due_ = true;
  return entry.count;
}

BootTime DiskSpool::Commit(SpoolMoment moment) {
  if (!base_) base_ = moment.now;
  if (moment.open) {
    drafts_.push_back({std::move(*moment.open), {}, {}});
    moment.open.reset();
  }
  if (moment.boot == moment_.boot) moment.taken = std::max(moment.taken, moment_.taken);
  moment_ = std::move(moment);
  Collect();
  GiveUpTooOld();
  MakeRoom();
  again_ = again_ || moment_.due;
  if (again_ && !writing_ && moment_.now >= retry_at_) {
    again_ = false;
    DropDeadDrafts();
    if (HasNews()) Start(false);
    Collect();
  }

  BootTime next = BootTime::max();
  if (writing_) {
    next = moment_.now + kLookInterval;
  } else if (again_) {
    next = retry_at_;
  }
  if (!entries_.empty()) {
    next = std::min(next, *base_ + seconds(entries_.front().since_s + 1) + config_.age_max);
  }
  return std::max(next, moment_.now + milliseconds(1));
}

void DiskSpool::GiveUpTooOld() {
  const auto age = [&](const Entry& entry) { return moment_.now - (*base_ + seconds(entry.since_s)); };
  while (!entries_.empty() && age(entries_.front()) > config_.age_max) ledger_.dropped_too_old += Forget(0);
}

void DiskSpool::GiveUpOldestSegment() {
  const std::uint32_t oldest = entries_.front().position.segment;
  while (on_disk() > 0 && entries_.front().position.segment == oldest) ledger_.dropped_full += Forget(0);
}

void DiskSpool::MakeRoom() {
  while (entries_.size() > config_.batches_max) ledger_.dropped_full += Forget(0);
  if (writing_) return;  // It may not be deleted what is being written.
  DropDeadDrafts();
  const auto end = [&] { return RecordPosition{next_segment_, 0}; };
  DropDeadSegments(Head(end()));
  // Room for the segment that is written next, too.
  while (disk_bytes_ + config_.segment_bytes > config_.bytes_max && on_disk() > 0) {
    GiveUpOldestSegment();
    DropDeadSegments(Head(end()));
  }
  // Of a disk that others fill we keep what we have: the oldest makes room for the newest.
  if (full_ && moment_.now >= retry_at_ && 2 * memory_bytes_ > config_.memory_bytes_max && on_disk() > 0) {
    GiveUpOldestSegment();
    DropDeadSegments(Head(end()));
  }
}

// What nobody needs lies before it.
RecordPosition DiskSpool::Head(RecordPosition end) const {
  RecordPosition head = end;
  if (on_disk() > 0) head = std::min(head, entries_.front().position);
  for (const Draft& draft : drafts_) {
    if (draft.position != RecordPosition{}) head = std::min(head, draft.position);
  }
  return head;
}

void DiskSpool::DropDeadSegments(RecordPosition head) {
  while (!segments_.empty() && segments_.front().segment < head.segment && !(appending_ && segments_.size() == 1)) {
    unlink_.push_back(segments_.front().segment);
    checkpoint_due_ = true;  // The last one may be in it.
    disk_bytes_ -= BlocksOf(segments_.front().bytes);
    segments_.pop_front();
  }
}

// A draft is needed until its batch is written, or gone.
void DiskSpool::DropDeadDrafts() {
  std::erase_if(drafts_, [&](const Draft& draft) {
    const BatchLimits limits{draft.batch.boot, draft.batch.first_sequence, draft.batch.count};
    const bool open = limits.boot == moment_.boot && limits.first_sequence > sealed_through_;
    const bool waits = std::any_of(memory_.begin(), memory_.end(), [&](const InMemory& held) {
      return held.batch.boot == limits.boot && held.batch.first_sequence <= limits.first_sequence &&
             limits.through_sequence() <= held.batch.through_sequence();
    });
    const bool written = draft.position != RecordPosition{};
    if (open || (waits && written)) return false;
    // Its batch went without having been written, so nothing else says that the draft is dead.
    if (written) dead_.push_back(draft.position);
    return true;
  });
}

bool DiskSpool::HasNews() const {
  if (checkpoint_due_ || !unlink_.empty() || !memory_.empty()) return true;
  return std::any_of(drafts_.begin(), drafts_.end(),
                     [](const Draft& draft) { return draft.position == RecordPosition{}; });
}

// Hands the writer one commit: batches, drafts, and a checkpoint if anything went.
void DiskSpool::Start(bool last) {
  std::size_t estimate = kSegmentHeaderBytes;
  std::size_t batches = 0;
  while (batches < memory_.size() && (last || batches == 0 || estimate < kCommitBytesSoftMax)) {
    estimate += kRecordHeaderBytes + memory_[batches].batch.columns.size();
    ++batches;
  }
  again_ = batches < memory_.size();
  for (const Draft& draft : drafts_) estimate += kRecordHeaderBytes + draft.batch.columns.size();
  SpoolJob job;
  job.create = !appending_ || segments_.back().bytes + estimate > config_.segment_bytes;
  job.segment = job.create ? next_segment_ : segments_.back().segment;
  const auto offset = job.create ? 0 : static_cast<std::uint32_t>(segments_.back().bytes);
  const std::uint32_t wall_s = wall_clock_();

  std::vector<std::byte> memory = std::move(spare_job_);
  memory.reserve(kSpareJobBytes);
  SegmentWriter writer(job.segment, offset, std::move(memory));
  const RecordPosition begin = writer.next();
  for (std::size_t i = 0; i < batches; ++i) {
    const SpooledBatch& batch = memory_[i].batch;
    memory_[i].writing = writer.next();
    writer.Add({RecordType::kBatch, batch.count, wall_s, batch.boot, batch.first_sequence}, batch.columns);
  }
  for (Draft& draft : drafts_) {
    if (draft.position != RecordPosition{}) continue;
    draft.writing = writer.next();
    writer.Add({RecordType::kDraft, draft.batch.count, wall_s, draft.batch.boot, draft.batch.first_sequence},
               draft.batch.columns);
  }
  const RecordPosition head = Head(begin);
  if (job.create) appending_ = false;
  DropDeadSegments(head);
  std::erase_if(dead_, [&](const RecordPosition& dead) { return dead < head; });
  if (dead_.size() > kDeadRecordsMax) {
    dead_.erase(dead_.begin(), dead_.end() - static_cast<std::ptrdiff_t>(kDeadRecordsMax));
  }
  if (checkpoint_due_ || last) {
    ledger_.sampled = moment_.taken;
    SpoolCheckpoint checkpoint{last && batches == memory_.size(), head, ledger_, std::move(dead_)};
    writer.AddCheckpoint(moment_.boot, wall_s, checkpoint);
    dead_ = std::move(checkpoint.dead);
  }
  wrote_checkpoint_ = std::exchange(checkpoint_due_, false);
  const bool any = writer.next() != begin;
  job.bytes = writer.TakeBytes();
  if (!any) job.bytes.clear();
  if (job.bytes.empty()) job.create = false;

  if (job.create) {
    segments_.push_back({job.segment, 0});
    disk_bytes_ += BlocksOf(0);
    appending_ = true;
    ++next_segment_;
  }
  job.unlink = unlinking_ = std::exchange(unlink_, {});
  job.unlink_first = unlinking_first_ = full_;
  writing_bytes_ = job.bytes.size();
  writing_ = true;
  writing_syncs_ = job.bytes.empty() ? 0 : (job.create ? 2 : 1);
  writer_->Start(std::move(job));
}

void DiskSpool::Collect() {
  if (!writing_) return;
  if (std::optional<SpoolJobResult> result = writer_->Finished()) Take(std::move(*result));
}

void DiskSpool::Take(SpoolJobResult result) {
  writing_ = false;
  if (result.memory.capacity() == kSpareJobBytes) spare_job_ = std::move(result.memory);
  ++counters_.commits;
  counters_.commit_longest = std::max(counters_.commit_longest, result.took);
  if (result.written.ok()) {
    TakeWritten();
  } else {
    TakeRefused(result.written);
  }
  if (!result.unlinked.ok() || (!result.written.ok() && !unlinking_first_)) {
    // They are counted as gone; their files are tried again with the next commit.
    unlink_.insert(unlink_.begin(), unlinking_.begin(), unlinking_.end());
    if (result.written.ok()) Refused(result.unlinked);
  }
  unlinking_.clear();
}

void DiskSpool::TakeWritten() {
  counters_.bytes_written += writing_bytes_;
  counters_.syncs += writing_syncs_;
  if (writing_bytes_ != 0) {
    StoredSegment& segment = segments_.back();
    disk_bytes_ += BlocksOf(segment.bytes + writing_bytes_) - BlocksOf(segment.bytes);
    segment.bytes += writing_bytes_;
    failure_.clear();
    full_ = false;
  }
  while (!memory_.empty() && memory_.front().writing != RecordPosition{}) {
    InMemory& written = memory_.front();
    const std::uint64_t first = written.batch.first_sequence;
    const std::uint64_t through = written.batch.through_sequence();
    const auto in_it = [&](const Draft& draft) {
      return draft.batch.boot == written.batch.boot && draft.batch.first_sequence >= first &&
             draft.batch.through_sequence() <= through;
    };
    for (Draft& draft : drafts_) {
      if (in_it(draft)) Keep(std::exchange(draft.batch.columns, {}));
    }
    std::erase_if(drafts_, in_it);
    entries_[on_disk()].position = written.writing;
    memory_bytes_ -= BytesOf(written.batch);
    Keep(std::move(written.batch.columns));
    memory_.pop_front();
  }
  for (Draft& draft : drafts_) {
    if (draft.writing == RecordPosition{}) continue;
    draft.position = std::exchange(draft.writing, {});
    Keep(std::exchange(draft.batch.columns, {}));
  }
  dead_.insert(dead_.end(), deleted_while_written_.begin(), deleted_while_written_.end());
  deleted_while_written_.clear();
}

std::vector<std::byte> DiskSpool::TakeSpareColumns() {
  std::vector<std::byte> columns;
  if (!spare_columns_.empty()) {
    columns = std::move(spare_columns_.back());
    spare_columns_.pop_back();
    columns.clear();
  }
  columns.reserve(kSpareColumnsBytes);
  return columns;
}

void DiskSpool::Keep(std::vector<std::byte> columns) {
  if (columns.capacity() != kSpareColumnsBytes || spare_columns_.size() == kSpareColumnsMax) return;
  spare_columns_.push_back(std::move(columns));
}

void DiskSpool::Refused(const Status& why) {
  ++counters_.failures;
  failure_ = why.message();
  full_ = why.code() == ErrorCode::kExhausted;
  retry_at_ = moment_.now + config_.retry_interval;
  again_ = true;
}

// What was to be written stays in memory, and goes to another segment: after a failed sync
// nobody knows what this one has.
void DiskSpool::TakeRefused(const Status& why) {
  Refused(why);
  for (InMemory& held : memory_) held.writing = {};
  for (Draft& draft : drafts_) draft.writing = {};
  dead_.insert(dead_.end(), deleted_while_written_.begin(), deleted_while_written_.end());
  deleted_while_written_.clear();
  checkpoint_due_ = checkpoint_due_ || wrote_checkpoint_;
  if (writing_bytes_ != 0 && appending_) {
    StoredSegment& segment = segments_.back();
    disk_bytes_ += BlocksOf(segment.bytes + writing_bytes_) - BlocksOf(segment.bytes);
    segment.bytes += writing_bytes_;
    appending_ = false;
  }
}

}  // namespace starling::edge
