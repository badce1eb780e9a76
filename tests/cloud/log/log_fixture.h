// Domain verbs for tests of the embedded log.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

#include <gtest/gtest.h>

#include "cloud/log/embedded_log.h"

namespace starling::cloud {

inline std::span<const std::byte> Bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline std::string Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline std::uint64_t Number(Offset offset) { return static_cast<std::uint64_t>(offset); }
inline std::uint64_t Number(Ticket ticket) { return static_cast<std::uint64_t>(ticket); }

inline constexpr Partition kPartition{7};

// A directory of its own that goes with it.
class TestDirectory {
 public:
  TestDirectory() {
    // In memory where that is to be had: hundreds of opens sync a lot, and nothing
    // here cuts the power of this machine.
    const bool in_memory = ::access("/dev/shm", W_OK) == 0;
    const std::string parent = in_memory ? "/dev/shm/" : testing::TempDir();
    std::string pattern = parent + "starling_log_XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  ~TestDirectory() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Keeps what it is handed.  Read it after the log is closed, or after AwaitEmitted.
class Recorder : public LogConsumer {
 public:
  struct Seen {
    std::uint64_t offset;
    std::int64_t time_ns;
    std::string key;
    std::string value;
  };

  void OnRecords(std::span<const LogRecord> records) override {
    std::lock_guard lock(mutex_);
    for (const LogRecord& record : records) {
      aligned_ = aligned_ && reinterpret_cast<std::uintptr_t>(record.value.data()) % 8 == 0;
      seen_.push_back({Number(record.offset), ToNs(record.time), Text(record.key),
                       Text(record.value)});
    }
  }

  std::vector<Seen> seen() const {
    std::lock_guard lock(mutex_);
    return seen_;
  }
  bool aligned() const {
    std::lock_guard lock(mutex_);
    return aligned_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Seen> seen_;
  bool aligned_ = true;
};

class LogTest : public testing::Test {
 protected:
  LogTest() {
    config_.directory = directory_.path() + "/log";
    config_.commit_interval_min = std::chrono::microseconds(0);
    config_.sync_interval = milliseconds(0);
  }

  void Open() {
    auto log = EmbeddedLog::Open(config_, [this] { return CloudTimeFromNs(now_ns_); });
    ASSERT_TRUE(log.ok()) << log.status().message();
    log_ = std::move(log).value();
  }

  void Close() {
    const Status status = log_->Close();
    ASSERT_TRUE(status.ok()) << status.message();
    log_.reset();
  }

  void Reopen() {
    Close();
    Open();
  }

  Ticket Append(Topic topic, std::string_view value, Partition partition = kPartition) {
    const Result<Ticket> ticket = log_->Append(topic, partition, Bytes("key"), Bytes(value));
    EXPECT_TRUE(ticket.ok()) << ticket.status().message();
    return ticket.ok() ? ticket.value() : Ticket{};
  }

  // A commit of its own.
  void Emit(Topic topic, std::string_view value, Partition partition = kPartition) {
    ASSERT_TRUE(log_->AwaitEmitted(Append(topic, value, partition)).ok());
  }

  // The values from `from` on, ending in "CORRUPT" where reading fails.
  std::vector<std::string> ReadAll(Topic topic, Offset from = Offset{},
                                   Partition partition = kPartition) const {
    std::vector<std::string> values;
    const Status status = log_->Read(topic, partition, from, [&](const LogRecord& record) {
      values.push_back(Text(record.value));
      return true;
    });
    if (!status.ok()) {
      EXPECT_EQ(status.code(), ErrorCode::kCorruption) << status.message();
      values.push_back("CORRUPT");
    }
    return values;
  }

  TestDirectory directory_;
  EmbeddedLogConfig config_;
  std::atomic<std::int64_t> now_ns_{1'700'000'000'000'000'000};
  std::unique_ptr<EmbeddedLog> log_;
};

using Values = std::vector<std::string>;

}  // namespace starling::cloud
