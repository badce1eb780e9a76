// Log and state store side by side, under the keys of one file.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "cloud/log/embedded_log.h"
#include "tests/cloud/store/key_file.h"
#include "tests/cloud/store/store_fixture.h"

namespace starling::cloud {

namespace fs = std::filesystem;

inline constexpr const char* kSecret = "this is where everybody was";

class Encryption : public StoreTest {
 protected:
  Encryption() {
    log_config_.directory = directory_.path() + "/log";
    log_config_.commit_interval_min = std::chrono::microseconds(0);
    log_config_.sync_interval = milliseconds(0);
  }

  std::string KeyPath() const { return directory_.path() + "/keys"; }
  void SetKeys(const std::string& text) { WriteKeyFile(KeyPath(), text); }

  Status OpenStatus(const StoreEncryption& encryption) {
    store_.reset();
    auto store = RocksStateStore::Open(config_, encryption);
    if (!store.ok()) return store.status();
    store_ = std::move(store).value();
    return {};
  }
  void OpenWithKeys(bool accept_plain = false) {
    const Status status = OpenStatus(OpenKeys(KeyPath(), accept_plain));
    ASSERT_TRUE(status.ok()) << status.message();
  }

  Status OpenLog(const StoreEncryption& encryption) {
    log_.reset();
    auto log = EmbeddedLog::Open(log_config_, CloudNow, encryption);
    if (!log.ok()) return log.status();
    log_ = std::move(log).value();
    return {};
  }
  void Emit(const std::string& value) {
    const auto ticket = log_->Append(kTopic, kPartition, Bytes("k"), Bytes(value));
    ASSERT_TRUE(ticket.ok());
    ASSERT_TRUE(log_->AwaitDurable(ticket.value()).ok());
  }
  std::vector<std::string> LogValues() {
    std::vector<std::string> values;
    const Status status = log_->Read(kTopic, kPartition, Offset{}, [&](const LogRecord& record) {
      values.push_back(Text(record.value));
      return true;
    });
    if (!status.ok()) values.push_back("CORRUPT");
    return values;
  }

  static std::string Contents(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  static bool Holds(const fs::path& directory, const std::string& text) {
    for (const auto& entry : fs::recursive_directory_iterator(directory)) {
      if (entry.is_regular_file() && Contents(entry.path()).find(text) != std::string::npos) return true;
    }
    return false;
  }

  EmbeddedLogConfig log_config_;
  std::unique_ptr<EmbeddedLog> log_;
};

}  // namespace starling::cloud
