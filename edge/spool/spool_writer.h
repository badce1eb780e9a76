#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/status.h"
#include "common/time.h"
#include "edge/spool/spool_files.h"

namespace starling::edge {

// The name of a segment's file: eight hexadecimal digits and ".spool".
std::string SegmentName(std::uint32_t segment);
// Its number; nothing if the file is no segment.
std::optional<std::uint32_t> SegmentOfName(const std::string& name);

// One group commit.
struct SpoolJob {
  std::uint32_t segment = 0;
  bool create = false;                // the segment begins with these bytes
  std::vector<std::byte> bytes;       // appended to it and made durable; may be none
  std::vector<std::uint32_t> unlink;  // segments that nobody needs
  bool unlink_first = false;          // the disk is full: make room before writing
};

struct SpoolJobResult {
  Status written;      // kExhausted if the disk is full, kIoError
  Status unlinked;     // not tried if it was not written, unless that comes first
  nanoseconds took{};
  std::vector<std::byte> memory;  // the job's, for the next one
};

// Does what a spool wants done with its files, one job after the other.
class SpoolWriter {
 public:
  virtual ~SpoolWriter() = default;

  // REQUIRES: no job is under way: none was started, or Finished or Wait gave the last
  //           one's result
  virtual void Start(SpoolJob job) = 0;

  // The result of the job, once; nothing while it is under way.
  virtual std::optional<SpoolJobResult> Finished() = 0;

  // The same, when it is there.
  // REQUIRES: a job is under way
  virtual SpoolJobResult Wait() = 0;
};

// Does a job in Start, on its caller's thread.
class DirectSpoolWriter final : public SpoolWriter {
 public:
  // `files` must outlive the writer.
  explicit DirectSpoolWriter(SpoolFiles* files) : files_(files) {}

  void Start(SpoolJob job) override;
  std::optional<SpoolJobResult> Finished() override;
  SpoolJobResult Wait() override;

 private:
  Status Append(const SpoolJob& job);
  Status Unlink(const SpoolJob& job);

  SpoolFiles* const files_;
  std::unique_ptr<SpoolFile> file_;   // the segment that is appended to
  std::uint32_t segment_ = 0;
  std::optional<SpoolJobResult> result_;
};

// Does it on a thread of its own: a disk that takes seconds to sync keeps nobody
// waiting but that thread.
class ThreadSpoolWriter final : public SpoolWriter {
 public:
  // `files` must outlive the writer.
  explicit ThreadSpoolWriter(SpoolFiles* files);
  ~ThreadSpoolWriter() override;  // after the job that is under way
  ThreadSpoolWriter(const ThreadSpoolWriter&) = delete;
  ThreadSpoolWriter& operator=(const ThreadSpoolWriter&) = delete;

  void Start(SpoolJob job) override;
  std::optional<SpoolJobResult> Finished() override;
  SpoolJobResult Wait() override;

 private:
  void Run();

  DirectSpoolWriter direct_;          // Run's alone.

  std::mutex mutex_;                  // Guards what follows.
  std::condition_variable changed_;
  std::optional<SpoolJob> job_;
  std::optional<SpoolJobResult> result_;
  bool ending_ = false;

  std::thread thread_;
};

}  // namespace starling::edge
