#include "edge/spool/spool_writer.h"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <utility>

#include "common/check.h"

namespace starling::edge {
namespace {

constexpr std::size_t kDigits = 8;
constexpr char kSuffix[] = ".spool";

}  // namespace

std::string SegmentName(std::uint32_t segment) {
  char digits[kDigits + 1];
  std::snprintf(digits, sizeof(digits), "%08x", static_cast<unsigned>(segment));
  return std::string(digits) + kSuffix;
}

std::optional<std::uint32_t> SegmentOfName(const std::string& name) {
  std::uint32_t segment = 0;
  if (name.size() < kDigits) return std::nullopt;
  std::from_chars(name.data(), name.data() + kDigits, segment, 16);
  if (segment == 0 || name != SegmentName(segment)) return std::nullopt;
  return segment;
}

void DirectSpoolWriter::Start(SpoolJob job) {
  STARLING_CHECK(!result_);
  const auto begin = std::chrono::steady_clock::now();
  SpoolJobResult result;
  if (job.unlink_first) result.unlinked = Unlink(job);
  if (!job.bytes.empty()) result.written = Append(job);
  // Whatever of it the file has: it is not appended to again.
  if (!result.written.ok()) file_.reset();
  // The last checkpoint may lie in what is to go; one that says so has to be there first.
  if (!job.unlink_first && result.written.ok()) result.unlinked = Unlink(job);
  result.memory = std::move(job.bytes);
  result.took = std::chrono::steady_clock::now() - begin;
  result_ = std::move(result);
}

std::optional<SpoolJobResult> DirectSpoolWriter::Finished() { return std::exchange(result_, std::nullopt); }

SpoolJobResult DirectSpoolWriter::Wait() {
  STARLING_CHECK(result_.has_value());
  return *Finished();
}

Status DirectSpoolWriter::Append(const SpoolJob& job) {
  if (job.create) {
    Result<std::unique_ptr<SpoolFile>> created = files_->Create(SegmentName(job.segment));
    if (!created.ok()) return created.status();
    file_ = std::move(created).value();
    segment_ = job.segment;
  }
  STARLING_CHECK(file_ != nullptr && segment_ == job.segment);
  if (Status status = file_->Append(job.bytes); !status.ok()) return status;
  if (Status status = file_->Sync(); !status.ok()) return status;
  return job.create ? files_->SyncDirectory() : Status();
}

// Not made durable: a segment that comes back has nothing that its successors do not call dead.
Status DirectSpoolWriter::Unlink(const SpoolJob& job) {
  for (const std::uint32_t segment : job.unlink) {
    if (Status status = files_->Unlink(SegmentName(segment)); !status.ok()) return status;
  }
  return Status();
}

ThreadSpoolWriter::ThreadSpoolWriter(SpoolFiles* files) : direct_(files), thread_([this] { Run(); }) {}

ThreadSpoolWriter::~ThreadSpoolWriter() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void ThreadSpoolWriter::Start(SpoolJob job) {
  {
    std::lock_guard lock(mutex_);
    STARLING_CHECK(!job_ && !result_);
    job_ = std::move(job);
  }
  changed_.notify_all();
}

std::optional<SpoolJobResult> ThreadSpoolWriter::Finished() {
  std::lock_guard lock(mutex_);
  return std::exchange(result_, std::nullopt);
}

SpoolJobResult ThreadSpoolWriter::Wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return result_.has_value(); });
  return *std::exchange(result_, std::nullopt);
}

void ThreadSpoolWriter::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ending_ || job_.has_value(); });
    if (!job_) return;
    SpoolJob job = std::move(*job_);
    lock.unlock();
    direct_.Start(std::move(job));
    SpoolJobResult result = direct_.Wait();
    lock.lock();
    job_.reset();
    result_ = std::move(result);
    changed_.notify_all();
  }
}

}  // namespace starling::edge
