// State store and log under encryption: keys, tampering, and what is on disk.

#include "cloud/store/encryption.h"

#include <algorithm>

#include "cloud/store/key_file.h"
#include "tests/cloud/store/encryption_fixture.h"

namespace starling::cloud {
namespace {

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
      if (stored.size() <= 84 || name.starts_with("LOG")) continue;
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
  EXPECT_GE(refused, 10);  // Of each: manifest, CURRENT, IDENTITY, options; a table; a write-ahead log.
}

// A table that is cut is refused by its name at every length, and so is CURRENT.
TEST_F(Encryption, ACutFileIsRefused) {
  SetKeys(KeyLine('a'));
  OpenWithKeys();
  Write(5, {{"k", std::string(40'000, 'v')}});
  store_.reset();
  const fs::path saved = directory_.path() + "/saved";
  fs::copy(config_.directory, saved, fs::copy_options::recursive);
  int refused = 0;
  for (const auto& entry : fs::directory_iterator(saved)) {
    const std::string name = entry.path().filename();
    if (!name.ends_with(".sst") && name != "CURRENT") continue;
    const std::uintmax_t bytes = fs::file_size(entry.path());
    for (std::uintmax_t cut = 1; cut < bytes; cut += std::max<std::uintmax_t>(1, bytes / 7)) {
      fs::remove_all(config_.directory);
      fs::copy(saved, config_.directory, fs::copy_options::recursive);
      fs::resize_file(fs::path(config_.directory) / name, bytes - cut);
      Status status = OpenStatus(OpenKeys(KeyPath()));
      if (status.ok()) status = LoadAll(*store_).status;
      store_.reset();
      ASSERT_FALSE(status.ok()) << name << " less " << cut;
      EXPECT_EQ(status.code(), ErrorCode::kCorruption) << status.message();
      EXPECT_NE(std::string(status.message()).find(name), std::string::npos) << status.message();
      ++refused;
    }
  }
  EXPECT_GE(refused, 10);
}

// Both are whole and under the right key, and neither is what the manifest says.
TEST_F(Encryption, TablesCannotChangePlaces) {
  SetKeys(KeyLine('a'));
  OpenWithKeys();
  Write(5, {{"k", "one"}});
  Write(6, {{"k", "two"}});
  store_.reset();
  std::vector<fs::path> tables;
  for (const auto& entry : fs::directory_iterator(config_.directory)) {
    if (entry.path().extension() == ".sst") tables.push_back(entry.path());
  }
  ASSERT_GE(tables.size(), 2u);
  int refused = 0;
  for (std::size_t i = 1; i < tables.size(); ++i) {
    if (fs::file_size(tables[i]) != fs::file_size(tables[i - 1])) continue;
    const auto exchange = [&] {
      fs::rename(tables[i - 1], directory_.path() + "/other");
      fs::rename(tables[i], tables[i - 1]);
      fs::rename(directory_.path() + "/other", tables[i]);
    };
    exchange();
    Status status = OpenStatus(OpenKeys(KeyPath()));
    if (status.ok()) status = LoadAll(*store_).status;
    store_.reset();
    EXPECT_FALSE(status.ok());
    refused += status.ok() ? 0 : 1;
    exchange();
  }
  EXPECT_GE(refused, 1);
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

// An empty write-ahead log waits for its first record under no key.
TEST_F(Encryption, AFileIsUnderTheKeyOfItsFirstByte) {
  SetKeys(KeyLine('a'));
  const StoreEncryption encryption = OpenKeys(KeyPath());
  ASSERT_TRUE(OpenLog(encryption).ok());
  Emit("x");
  const std::atomic<bool> stop{false};
  ASSERT_TRUE(log_->Reencrypt(&stop).ok());  // The log's records are in files, its write-ahead log is new.
  SetKeys(KeyLine('b') + KeyLine('a'));
  ASSERT_TRUE(encryption.keys->Reload().ok());
  ASSERT_TRUE(log_->Reencrypt(&stop).ok());
  SetKeys(KeyLine('b'));
  ASSERT_TRUE(encryption.keys->Reload().ok());
  Emit("y");
  ASSERT_TRUE(log_->Close().ok());
  ASSERT_TRUE(OpenLog(OpenKeys(KeyPath())).ok());
  EXPECT_EQ(LogValues(), (std::vector<std::string>{"x", "y"}));
}

TEST_F(Encryption, AKeyFileThatBecomesWrongChangesNothing) {
  SetKeys(KeyLine('a'));
  const StoreEncryption encryption = OpenKeys(KeyPath());
  SetKeys("nonsense\n");
  EXPECT_FALSE(encryption.keys->Reload().ok());
  EXPECT_EQ(encryption.keys->current().id, "a");
}

TEST_F(Encryption, AKeyFileIsMadeAndChangedAsAWhole) {
  ASSERT_TRUE(InitKeyFile(KeyPath(), "key1").ok());
  EXPECT_EQ(fs::status(KeyPath()).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(InitKeyFile(KeyPath(), "key1").code(), ErrorCode::kInvalidArgument);
  const std::string one = Contents(KeyPath());
  EXPECT_EQ(one.size(), std::string("key1 ").size() + 2 * SecretKey::kBytes + 1);
  fs::permissions(KeyPath(), fs::perms::group_read, fs::perm_options::add);
  ASSERT_TRUE(AddKey(KeyPath(), NextKeyId({"key1"})).ok());
  EXPECT_EQ(fs::status(KeyPath()).permissions() & fs::perms::group_all, fs::perms::group_read);
  const auto ring = KeyRing::Open(KeyPath());
  ASSERT_TRUE(ring.ok()) << ring.status().message();
  EXPECT_EQ(ring.value()->ids(), (std::vector<std::string>{"key2", "key1"}));
  EXPECT_EQ(ring.value()->current().id, "key2");
  EXPECT_NE(ring.value()->current().secret.bytes, ring.value()->Find("key1")->secret.bytes);
  EXPECT_EQ(AddKey(KeyPath(), "key1").code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(AddKey(KeyPath(), "no good").code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(DropKey(KeyPath(), "key2").code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(DropKey(KeyPath(), "key9").code(), ErrorCode::kInvalidArgument);
  const std::string two = Contents(KeyPath());
  EXPECT_TRUE(two.ends_with(one));
  ASSERT_TRUE(DropKey(KeyPath(), "key1").ok());
  EXPECT_EQ(Contents(KeyPath()), two.substr(0, two.size() - one.size()));
  EXPECT_EQ(NextKeyId({"key9", "mine", "key10x"}), "key10");
}

}  // namespace
}  // namespace starling::cloud
