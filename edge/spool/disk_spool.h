#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "edge/spool/segment_format.h"
#include "edge/spool/sliding_vector.h"
#include "edge/spool/spool.h"
#include "edge/spool/spool_files.h"
#include "edge/spool/spool_recovery.h"
#include "edge/spool/spool_writer.h"

namespace starling::edge {

struct DiskSpoolConfig {
  std::size_t bytes_max = 16 << 20;           // of files, whole blocks counted; [4 segments, 2^36]
  nanoseconds age_max = seconds(7 * 86'400);  // older batches are given up; [1 s, 10 years]
  std::size_t segment_bytes = 256 << 10;      // [4096, 2^20]; given up and deleted as one
  std::size_t memory_bytes_max = 256 << 10;   // [4096, 2^26]; of what the disk has not taken (yet)
  std::size_t batches_max = 32'768;           // [16, 2^20]; of the index: 32 bytes of memory each
  nanoseconds retry_interval = seconds(10);   // [0, 1 h]; after the disk refused

  Status Validate() const;
};

struct DiskSpoolCounters {
  std::uint64_t commits = 0;
  std::uint64_t bytes_written = 0;            // what the medium was handed; it writes whole pages
  std::uint64_t syncs = 0;                    // of files, and of the folder for each new one
  std::uint64_t failures = 0;                 // commits that the medium refused, in whole or part
  nanoseconds commit_longest{};
  std::uint64_t damage_places = 0;            // found when it was opened, or read
  std::uint64_t damage_bytes = 0;
  std::uint64_t torn_bytes = 0;               // found when it was opened
};

// What the folder knows of the run before, whose power may have gone:
//
//   inherited + sampled == removed + dropped() + held + lost - repeated
//
// `sampled` counts up to the last commit that reached the disk: of what came later
// nothing is known, and it is at most what the sources gave in one commit interval and
// the time that one commit takes; nothing, if it ended cleanly.
struct SpoolRun {
  BootId boot{};
  bool clean = false;
  SpoolLedger ledger;
  std::uint64_t held = 0;                     // found whole, to be sent now
  std::uint64_t lost = 0;                     // were committed, or refused by the disk, and are nowhere
  std::uint64_t repeated = 0;                 // sent again although the cloud answered: it drops them
};

// A spool on disk: what was committed survives a power cut.  Format: docs/formats/spool.md;
// why it is built so: docs/decisions/0018-spool-on-disk.md.
//
// Append and Delete change memory alone.  Commit hands what is new to the writer, all of
// it as one write and one sync, and takes note of how the commit before went.  At reads
// the file.  A batch's samples stay in memory until the disk has them for sure; while the
// disk refuses (full, read-only, broken), it is tried again every retry_interval, in a new
// segment, and batches are kept in memory up to memory_bytes_max.
//
// The oldest batches are given up when there are too many bytes, batches, or too old ones.
//
// Age is counted by the vehicle's own clock; for what an earlier run left, from the Unix
// time beside it.  A clock that says less than 2025, or goes back, makes that batch new.
//
// Threading: thread-compatible; its agent owns it.
class DiskSpool final : public Spool {
 public:
  // Unix time of the vehicle, in seconds.
  using WallClock = std::function<std::uint32_t()>;

  // Reads what `files` has.  That it cannot be written shows later, in failure().
  //
  // REQUIRES: config.Validate().ok()
  // Errors: as SpoolFiles::List; kCorruption if no number is left for another segment.
  static Result<std::unique_ptr<DiskSpool>> Open(const DiskSpoolConfig& config, std::unique_ptr<SpoolFiles> files,
                                                 std::unique_ptr<SpoolWriter> writer, WallClock wall_clock);

  // Commits what is there, and that this was all; waits for the medium.
  ~DiskSpool() override;

  // Errors: kIoError if the disk refuses and memory_bytes_max is reached.
  Status Append(SpooledBatch batch) override;
  const SpooledBatch* At(std::size_t index) const override;
  std::optional<BatchLimits> Limits(std::size_t index) const override;
  std::size_t Delete(BootId boot, std::uint64_t first_sequence) override;
  void GiveUp(std::size_t index) override;
  BootTime Commit(SpoolMoment moment) override;
  std::vector<std::byte> TakeSpareColumns() override;

  std::size_t batches() const override { return entries_.size(); }
  std::uint64_t samples() const override { return samples_; }
  std::size_t bytes() const override { return static_cast<std::size_t>(disk_bytes_ + memory_bytes_); }
  std::uint64_t dropped_samples() const override { return ledger_.dropped_full; }
  std::uint64_t too_old_samples() const override { return ledger_.dropped_too_old; }
  std::uint64_t unreadable_samples() const override { return ledger_.dropped_unreadable; }

  const std::optional<SpoolRun>& previous() const { return previous_; }
  const std::vector<std::string>& warnings() const { return warnings_; }  // of Open
  const SpoolLedger& ledger() const { return ledger_; }
  const DiskSpoolCounters& counters() const { return counters_; }
  std::size_t memory_batches() const { return memory_.size(); }
  std::size_t segments() const { return segments_.size(); }
  // Why the disk refused last; empty if the last commit went well.
  const std::string& failure() const { return failure_; }

 private:
  struct Entry {                  // 32 bytes: there are many
    std::uint64_t first = 0;
    RecordPosition position;      // {} while it is in memory
    std::uint32_t bytes = 0;      // of its columns
    std::int32_t since_s = 0;     // from base_
    std::uint32_t boot = 0;       // in boots_
    std::uint16_t count = 0;
  };
  struct InMemory {
    SpooledBatch batch;
    RecordPosition writing;       // in the commit that is under way; {}: in none
  };
  struct Draft {
    SpooledBatch batch;           // no columns once it is written
    RecordPosition position;      // {} until then
    RecordPosition writing;
  };

  DiskSpool(const DiskSpoolConfig& config, std::unique_ptr<SpoolFiles> files, std::unique_ptr<SpoolWriter> writer,
            WallClock wall_clock);
  void Take(SpoolContents contents);

  std::size_t on_disk() const { return entries_.size() - memory_.size(); }
  std::uint32_t IndexOf(BootId boot);
  void Keep(std::vector<std::byte> columns);  // as spare
  std::uint64_t Forget(std::size_t index);  // its samples
  void GiveUpTooOld();
  void GiveUpOldestSegment();
  void MakeRoom();
  RecordPosition Head(RecordPosition end) const;
  void DropDeadSegments(RecordPosition head);
  void DropDeadDrafts();
  bool HasNews() const;
  void Start(bool last);
  void Collect();
  void Take(SpoolJobResult result);
  void TakeWritten();
  void TakeRefused(const Status& why);
  void Refused(const Status& why);

  const DiskSpoolConfig config_;
  const std::unique_ptr<SpoolFiles> files_;
  const WallClock wall_clock_;

  std::vector<BootId> boots_;
  SlidingVector<Entry> entries_;  // Oldest first; those in memory are the newest.
  SlidingVector<InMemory> memory_;           // Of the last entries.
  std::vector<Draft> drafts_;     // Of the open batch, and of sealed ones in memory.
  std::vector<RecordPosition> dead_;         // Behind the head.
  std::deque<StoredSegment> segments_;       // Oldest first.
  std::vector<std::uint32_t> unlink_;
  std::uint32_t next_segment_ = 1;
  bool appending_ = false;        // The last segment takes more.
  std::uint64_t samples_ = 0;
  std::uint64_t disk_bytes_ = 0;
  std::uint64_t memory_bytes_ = 0;

  SpoolMoment moment_;
  std::optional<BootTime> base_;  // Of Entry::since_s.
  std::uint64_t sealed_through_ = 0;         // Of this boot.
  bool checkpoint_due_ = true;
  SpoolLedger ledger_;
  std::optional<SpoolRun> previous_;
  std::vector<std::string> warnings_;

  // Memory for the next ones.
  std::vector<std::vector<std::byte>> spare_columns_;
  std::vector<std::byte> spare_job_;

  // The commit that is under way.
  bool writing_ = false;
  bool wrote_checkpoint_ = false;
  std::uint64_t writing_bytes_ = 0;
  std::uint64_t writing_syncs_ = 0;
  std::vector<RecordPosition> deleted_while_written_;
  std::vector<std::uint32_t> unlinking_;
  bool unlinking_first_ = false;

  bool again_ = false;            // There is more to commit than what was handed over.
  BootTime retry_at_;
  std::string failure_;
  bool full_ = false;             // The disk, as it said.
  DiskSpoolCounters counters_;

  mutable SpooledBatch read_;     // What At gave out.
  mutable RecordPosition read_at_;
  mutable std::vector<std::byte> scratch_;

  const std::unique_ptr<SpoolWriter> writer_;  // Ends first: it uses files_.
};

}  // namespace starling::edge
