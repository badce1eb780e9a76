// A folder as an orchestrator has it: log, state store, settings; and what a backup of it holds.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cloud/backup/backup.h"
#include "cloud/log/embedded_log.h"
#include "cloud/store/rocks_state_store.h"
#include "tests/cloud/log/log_fixture.h"
#include "tests/cloud/store/key_file.h"

namespace starling::cloud {

class BackupFixture : public testing::Test {
 protected:
  BackupFixture() { std::filesystem::create_directories(data_); }

  std::string Path(const std::string& name) const { return directory_.path() + "/" + name; }

  void Open(const std::string& data) {
    EmbeddedLogConfig config;
    config.directory = data;
    auto log = EmbeddedLog::Open(config, CloudNow, encryption_);
    ASSERT_TRUE(log.ok()) << log.status().message();
    log_ = std::move(log).value();
    auto store = RocksStateStore::Open({data + "/state"}, encryption_);
    ASSERT_TRUE(store.ok()) << store.status().message();
    store_ = std::move(store).value();
  }
  void Open() { Open(data_); }
  void Close() {
    store_.reset();
    if (log_ == nullptr) return;
    EXPECT_TRUE(log_->Close().ok());
    log_.reset();
  }
  void Append(Topic topic, const std::string& value) {
    const Result<Ticket> ticket = log_->Append(topic, kPartition, {}, Bytes(value));
    ASSERT_TRUE(ticket.ok());
    ASSERT_TRUE(log_->AwaitDurable(ticket.value()).ok());
  }
  void Know(const std::string& key, const std::string& value) {
    const StateChange change{Bytes(key), Bytes(value)};
    ASSERT_TRUE(store_->Write(Topic::kTelemetry, kPartition, log_->RangeOf(Topic::kTelemetry, kPartition).end,
                              std::span(&change, 1))
                    .ok());
  }
  std::vector<std::string> Records(Topic topic) const {
    std::vector<std::string> records;
    EXPECT_TRUE(log_->Read(topic, kPartition, Offset{}, [&](const LogRecord& record) {
                      records.push_back(Text(record.value));
                      return true;
                    }).ok());
    return records;
  }
  std::map<std::string, std::string> Known() const {
    std::map<std::string, std::string> known;
    EXPECT_TRUE(store_->Load(Topic::kTelemetry, kPartition, [&](auto key, auto value) {
                       known[Text(key)] = Text(value);
                       return Status();
                     }).ok());
    return known;
  }
  static std::string Content(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  void Write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(Path(name)).parent_path());
    std::ofstream(Path(name), std::ios::binary) << text;
  }

  TestDirectory directory_;
  const std::string data_ = Path("data");
  StoreEncryption encryption_;
  std::unique_ptr<EmbeddedLog> log_;
  std::unique_ptr<RocksStateStore> store_;
};

}  // namespace starling::cloud
