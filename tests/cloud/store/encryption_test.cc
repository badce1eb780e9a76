// State store and log under encryption: keys, rotation, tampering, and what is on disk.

#include "cloud/store/encryption.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "cloud/log/embedded_log.h"
#include "tests/cloud/store/key_file.h"
#include "tests/cloud/store/store_fixture.h"

namespace starling::cloud {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSecret = "this is where everybody was";

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

TEST_F(Encryption, NothingOfTheStateIsOnDiskInClear) {
  SetKeys(KeyLine('a'));
  OpenWithKeys();
  Write(5, {{kSecret, std::string(2'000, 'y') + kSecret}});
  EXPECT_FALSE(Holds(config_.directory, kSecret));
  EXPECT_FALSE(Holds(config_.directory, "yyyyyyyy"));
  OpenWithKeys();
  EXPECT_EQ(Load().next, 5u);
  EXPECT_EQ(Load().entries.size(), 1u);
  store_->AwaitCompaction();
  const KeyUse use = ReadKeyUse(config_.directory).value();
  EXPECT_EQ(use.files_plain, 0u);
  EXPECT_EQ(use.files.size(), 1u);
  EXPECT_GT(use.files.at("a"), 0u);
}

TEST_F(Encryption, NothingOfTheLogIsOnDiskInClearAndItIsAllThereAfterAReopen) {
  SetKeys(KeyLine('a'));
  ASSERT_TRUE(OpenLog(OpenKeys(KeyPath())).ok());
  for (int i = 0; i < 50; ++i) Emit(kSecret + std::to_string(i));
  EXPECT_FALSE(Holds(log_config_.directory, kSecret));
  ASSERT_TRUE(log_->Close().ok());
  ASSERT_TRUE(OpenLog(OpenKeys(KeyPath())).ok());
  EXPECT_EQ(LogValues().size(), 50u);
  Emit("one more");
  ASSERT_TRUE(log_->Close().ok());
  ASSERT_TRUE(OpenLog(OpenKeys(KeyPath())).ok());
  EXPECT_EQ(LogValues().size(), 51u);
  EXPECT_FALSE(Holds(log_config_.directory, kSecret));
}

TEST_F(Encryption, AWrongKeyIsRefusedByName) {
  SetKeys(KeyLine('a'));
  OpenWithKeys();
  Write(5, {{"k", "v"}});
  ASSERT_TRUE(OpenLog(OpenKeys(KeyPath())).ok());
  Emit("x");
  ASSERT_TRUE(log_->Close().ok());
  store_.reset();
  SetKeys(KeyLine('a', '7'));  // Another key of that name,
  for (const Status& status : {OpenStatus(OpenKeys(KeyPath())), OpenLog(OpenKeys(KeyPath()))}) {
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(std::string(status.message()).find("another key a"), std::string::npos) << status.message();
    EXPECT_EQ(std::string(status.message()).find("7777"), std::string::npos);
  }
  SetKeys(KeyLine('b'));       // none of that name,
  for (const Status& status : {OpenStatus(OpenKeys(KeyPath())), OpenLog(OpenKeys(KeyPath()))}) {
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(std::string(status.message()).find("key a"), std::string::npos) << status.message();
  }
  for (const Status& status : {OpenStatus({}), OpenLog({})}) {  // and no key at all.
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(std::string(status.message()).find("--key-file"), std::string::npos) << status.message();
  }
  SetKeys(KeyLine('a'));
  OpenWithKeys();
  EXPECT_EQ(Load().next, 5u);
}

TEST_F(Encryption, APlainDatabaseIsRefusedOrTakenOverByFlag) {
  Open();
  Write(5, {{"k", kSecret}});
  store_.reset();
  ASSERT_TRUE(OpenLog({}).ok());
  Emit(kSecret);
  ASSERT_TRUE(log_->Close().ok());
  SetKeys(KeyLine('a'));
  for (const Status& status : {OpenStatus(OpenKeys(KeyPath())), OpenLog(OpenKeys(KeyPath()))}) {
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(std::string(status.message()).find("--accept-plain-files"), std::string::npos) << status.message();
  }
  OpenWithKeys(/*accept_plain=*/true);
  ASSERT_TRUE(OpenLog(OpenKeys(KeyPath(), true)).ok());
  EXPECT_EQ(Load().entries.at("k"), kSecret);
  EXPECT_EQ(LogValues(), std::vector<std::string>{kSecret});
  const std::atomic<bool> stop{false};
  ASSERT_TRUE(store_->Reencrypt(&stop).ok());
  ASSERT_TRUE(log_->Reencrypt(&stop).ok());
  EXPECT_EQ(LogValues(), std::vector<std::string>{kSecret});
  ASSERT_TRUE(log_->Close().ok());
  log_.reset();
  store_.reset();
  EXPECT_EQ(ReadKeyUse(config_.directory).value().files_plain, 0u);
  EXPECT_EQ(ReadKeyUse(log_config_.directory).value().files_plain, 0u);
  EXPECT_FALSE(Holds(directory_.path(), kSecret));
  OpenWithKeys();
  ASSERT_TRUE(OpenLog(OpenKeys(KeyPath())).ok());
  EXPECT_EQ(Load().entries.at("k"), kSecret);
  EXPECT_EQ(LogValues(), std::vector<std::string>{kSecret});
}

// A new key first, everything is rewritten while both work, and after one more start the
// old key is needed by nothing.
TEST_F(Encryption, AKeyIsReplacedWithoutStopping) {
  SetKeys(KeyLine('a'));
  const StoreEncryption encryption = OpenKeys(KeyPath());
  ASSERT_TRUE(OpenStatus(encryption).ok());
  ASSERT_TRUE(OpenLog(encryption).ok());
  Write(5, {{"k", "v"}});
  for (int i = 0; i < 20; ++i) Emit(std::to_string(i));
  SetKeys(KeyLine('b') + KeyLine('a'));
  ASSERT_TRUE(encryption.keys->Reload().ok());
  Emit("20");
  const std::atomic<bool> stop{false};
  ASSERT_TRUE(log_->Reencrypt(&stop).ok());
  ASSERT_TRUE(store_->Reencrypt(&stop).ok());
  Emit("21");
  Write(6, {{"k", "w"}});
  EXPECT_EQ(LogValues().size(), 22u);
  for (const std::string& directory : {config_.directory, log_config_.directory}) {
    const KeyUse use = ReadKeyUse(directory).value();
    // CURRENT and MANIFEST are begun anew by the next start, or when they are full.
    EXPECT_LE(use.files.contains("a") ? use.files.at("a") : 0, 2u) << directory;
    EXPECT_GT(use.files.at("b"), 0u);
  }
  for (int start = 0; start < 2; ++start) {
    ASSERT_TRUE(log_->Close().ok());
    ASSERT_TRUE(OpenStatus(encryption).ok());
    ASSERT_TRUE(OpenLog(encryption).ok());
    store_->AwaitCompaction();
  }
  SetKeys(KeyLine('b'));
  ASSERT_TRUE(log_->Close().ok());
  log_.reset();
  store_.reset();
  for (const std::string& directory : {config_.directory, log_config_.directory}) {
    EXPECT_FALSE(ReadKeyUse(directory).value().files.contains("a")) << directory;
  }
  OpenWithKeys();
  ASSERT_TRUE(OpenLog(OpenKeys(KeyPath())).ok());
  EXPECT_EQ(Load().entries, (Entries{{"k", "w"}}));
  EXPECT_EQ(LogValues().size(), 22u);
}

// One bit of each file in turn.  What is read on opening is refused there, the rest when
// it is read; the message names the file.
TEST_F(Encryption, ATamperedFileIsRefusedByName) {
  SetKeys(KeyLine('a'));
  OpenWithKeys();
  Write(5, {{"k", std::string(5'000, 'v')}});
  ASSERT_TRUE(OpenLog(OpenKeys(KeyPath())).ok());
  for (int i = 0; i < 20; ++i) Emit(std::to_string(i));
  ASSERT_TRUE(log_->Close().ok());
  log_.reset();
  store_.reset();
  int refused = 0;
  for (const std::string& directory : {config_.directory, log_config_.directory}) {
    for (const auto& entry : fs::directory_iterator(directory)) {
      const std::string name = entry.path().filename();
      const std::string stored = entry.is_regular_file() ? Contents(entry.path()) : "";
      if (stored.size() <= 84 || name.starts_with("LOG") || name.starts_with("OPTIONS")) continue;
      std::string altered = stored;
      altered[altered.size() / 2] = static_cast<char>(altered[altered.size() / 2] ^ 1);
      const fs::path saved = directory_.path() + "/saved";
      fs::remove_all(saved);
      fs::copy(directory, saved, fs::copy_options::recursive);
      std::ofstream(entry.path(), std::ios::binary | std::ios::trunc) << altered;
      Status status;
      if (directory == config_.directory) {
        status = OpenStatus(OpenKeys(KeyPath()));
        if (status.ok()) status = LoadAll(*store_).status;
        store_.reset();
      } else {
        status = OpenLog(OpenKeys(KeyPath()));
        log_.reset();
      }
      ASSERT_FALSE(status.ok()) << name;
      EXPECT_EQ(status.code(), ErrorCode::kCorruption) << name << ": " << status.message();
      EXPECT_NE(std::string(status.message()).find(name), std::string::npos) << status.message();
      ++refused;
      fs::remove_all(directory);
      fs::copy(saved, directory, fs::copy_options::recursive);
    }
  }
  EXPECT_GE(refused, 6);  // Of each: manifest and CURRENT; a table; a write-ahead log.
}

// kill -9, or a power cut, in the middle of the write-ahead log.
TEST_F(Encryption, ATornWriteAheadLogEndsBeforeTheTornRecord) {
  SetKeys(KeyLine('a'));
  ASSERT_TRUE(OpenLog(OpenKeys(KeyPath())).ok());
  for (int i = 0; i < 8; ++i) Emit(std::to_string(i));
  const fs::path kept = directory_.path() + "/kept";
  fs::copy(log_config_.directory, kept, fs::copy_options::recursive);  // As a kill would leave it.
  ASSERT_TRUE(log_->Close().ok());
  log_.reset();
  fs::path wal;
  for (const auto& entry : fs::directory_iterator(kept)) {
    if (entry.path().extension() == ".log" && fs::file_size(entry.path()) > 84) wal = entry.path().filename();
  }
  ASSERT_FALSE(wal.empty());
  const std::uintmax_t bytes = fs::file_size(kept / wal);
  std::size_t last = 8;
  for (std::uintmax_t cut = 0; cut < bytes; cut += 59) {
    fs::remove_all(log_config_.directory);
    fs::copy(kept, log_config_.directory, fs::copy_options::recursive);
    fs::resize_file(fs::path(log_config_.directory) / wal, bytes - cut);
    const Status status = OpenLog(OpenKeys(KeyPath()));
    ASSERT_TRUE(status.ok()) << status.message();
    const std::vector<std::string> values = LogValues();
    for (std::size_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], std::to_string(i));
    ASSERT_LE(values.size(), last);
    last = values.size();
    log_.reset();
  }
  EXPECT_LE(last, 1u);
}

TEST_F(Encryption, AKeyFileThatIsWrongIsRefusedWithoutItsKeys) {
  const struct {
    std::string text;
    const char* says;
    mode_t mode;
  } wrong[] = {{"", "holds no key", 0600},
               {"a\n", "line 1", 0600},
               {"# c\n\nkey1 " + std::string(63, '7') + "\n", "line 3", 0600},
               {"a " + std::string(63, '7') + "g\n", "line 1", 0600},
               {std::string(17, 'a') + " " + std::string(64, '7') + "\n", "line 1", 0600},
               {KeyLine('a', '7') + KeyLine('a', '7'), "two keys a", 0600},
               {KeyLine('a', '7'), "everybody", 0644}};
  for (const auto& each : wrong) {
    WriteKeyFile(KeyPath(), each.text, each.mode);
    const auto ring = KeyRing::Open(KeyPath());
    ASSERT_FALSE(ring.ok()) << each.says;
    EXPECT_EQ(ring.status().code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(std::string(ring.status().message()).find(each.says), std::string::npos) << ring.status().message();
    EXPECT_EQ(std::string(ring.status().message()).find("7777"), std::string::npos);
  }
  EXPECT_EQ(KeyRing::Open(directory_.path() + "/none").status().code(), ErrorCode::kIoError);
}

TEST_F(Encryption, AKeyFileThatBecomesWrongChangesNothing) {
  SetKeys(KeyLine('a'));
  const StoreEncryption encryption = OpenKeys(KeyPath());
  SetKeys("nonsense\n");
  EXPECT_FALSE(encryption.keys->Reload().ok());
  EXPECT_EQ(encryption.keys->current().id, "a");
}

}  // namespace
}  // namespace starling::cloud
