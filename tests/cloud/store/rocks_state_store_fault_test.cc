// The state store on a disk that is full, that fails, or that has torn its files; and
// in a folder of another format.

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <random>
#include <string>
#include <string_view>

#include <rocksdb/db.h>

#include "cloud/store/state_format.h"
#include "tests/cloud/store/store_fixture.h"

namespace {

// Of every sync of this process: RocksDB's go through these two, below.
std::atomic<bool> sync_fails{false};
// So many of a manifest work, and then none; negative: all.
std::atomic<int> manifest_syncs{-1};

bool IsManifest(int fd) {
  char name[4096];
  const ssize_t length = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), name, sizeof name);
  return length > 0 && std::string_view(name, static_cast<std::size_t>(length)).find("MANIFEST") != std::string_view::npos;
}

int SyncOrFail(long number, int fd) {
  bool fails = sync_fails.load(std::memory_order_acquire);
  if (const int left = manifest_syncs.load(std::memory_order_acquire); left >= 0 && IsManifest(fd)) {
    fails = left == 0;
    if (left > 0) manifest_syncs.store(left - 1, std::memory_order_release);
  }
  if (fails) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(number, fd));
}

}  // namespace

extern "C" int fsync(int fd) { return SyncOrFail(SYS_fsync, fd); }
extern "C" int fdatasync(int fd) { return SyncOrFail(SYS_fdatasync, fd); }

namespace starling::cloud {
namespace {

namespace fs = std::filesystem;

// Does not compress.
std::string Noise(std::size_t bytes) {
  std::mt19937 random(1);
  std::string text(bytes, '\0');
  for (char& each : text) each = static_cast<char>(random());
  return text;
}

TEST_F(StoreTest, AFullDiskRefusesOnePointInTimeAndKeepsTheOneBefore) {
  Open();
  Write(1, {{"a", "1"}});
  struct rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  struct rlimit small = before;
  small.rlim_cur = 200'000;
  const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Status status = WriteEdits(store_.get(), 2, {{"a", Noise(1'000'000)}});
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, old_handler);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kIoError);
  EXPECT_NE(std::string(status.message()).find(config_.directory), std::string::npos) << status.message();
  EXPECT_EQ(Load().next, 1u);
  EXPECT_EQ(store_->Stats().write_failures, 1u);
  Write(3, {{"b", "3"}});  // There is space again.
  Reopen();
  EXPECT_EQ(Load().next, 3u);
  EXPECT_EQ(Load().entries, (Entries{{"a", "1"}, {"b", "3"}}));
}

TEST_F(StoreTest, AFailingSyncRefusesOnePointInTimeAndKeepsTheOneBefore) {
  Open();
  Write(1, {{"a", "1"}});
  sync_fails.store(true, std::memory_order_release);
  const Status status = WriteEdits(store_.get(), 2, {{"a", "2"}});
  sync_fails.store(false, std::memory_order_release);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kIoError) << status.message();
  EXPECT_EQ(Load().next, 1u);
  Write(3, {{"b", "3"}});
  EXPECT_EQ(Load().entries, (Entries{{"a", "1"}, {"b", "3"}}));
  Reopen();
  EXPECT_EQ(Load().next, 3u);
  EXPECT_EQ(Load().entries, (Entries{{"a", "1"}, {"b", "3"}}));
}

// The manifest has an entry then whose sync failed, of a file that RocksDB has removed.
TEST_F(StoreTest, AProcessThatEndsAfterAManifestsFailingSyncFindsThePointInTimeBefore) {
  Open();
  Write(1, {{"a", "1"}});
  manifest_syncs.store(1, std::memory_order_release);  // The first one is of the file's number.
  EXPECT_FALSE(WriteEdits(store_.get(), 2, {{"a", "2"}}).ok());
  store_.reset();
  manifest_syncs.store(-1, std::memory_order_release);
  Open();
  EXPECT_EQ(Load().next, 1u);
  EXPECT_EQ(Load().entries, (Entries{{"a", "1"}}));
  Write(3, {{"b", "3"}});
  Reopen();
  EXPECT_EQ(Load().entries, (Entries{{"a", "1"}, {"b", "3"}}));
}

TEST_F(StoreTest, WhicheverSyncOfAManifestFailsFirstWhatWasTakenIsThereAtTheNextStart) {
  const std::string noise = Noise(30'000);
  std::uint64_t taken = 0;
  std::uint64_t compactions = 0;
  for (int syncs = 0; syncs < 40; ++syncs) {
    Open();
    EXPECT_EQ(Load().next.value_or(0), taken) << syncs;
    manifest_syncs.store(syncs, std::memory_order_release);
    std::uint64_t next = taken + 1;
    while (WriteEdits(store_.get(), next, {{"key" + std::to_string(next % 7), noise}}).ok()) taken = next++;
    compactions += store_->Stats().compactions;
    store_.reset();
    manifest_syncs.store(-1, std::memory_order_release);
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_GT(compactions, 0u) << "none of them was of a compaction";
}

TEST_F(StoreTest, AFileThatIsGoneIsRefusedWhereNoWriteHadFailed) {
  Open();
  Write(1, {{"a", Noise(40'000)}});
  Write(2, {{"b", "2"}});
  store_.reset();
  for (const auto& entry : fs::directory_iterator(config_.directory)) {
    if (entry.path().extension() == ".sst") {
      fs::remove(entry.path());
      break;
    }
  }
  const auto store = RocksStateStore::Open(config_);
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.status().code(), ErrorCode::kCorruption);
}

// Never a state that nobody has written: a refusal, or the one that was.
TEST_F(StoreTest, ATornFileIsRefusedOrNotNeeded) {
  Open();
  Write(1, {{"a", Noise(40'000)}});
  Write(2, {{"b", "2"}});
  const Entries written = Load().entries;
  store_.reset();
  const fs::path saved = directory_.path() + "/saved";
  fs::copy(config_.directory, saved, fs::copy_options::recursive);
  int refused = 0;
  for (const auto& entry : fs::directory_iterator(saved)) {
    const std::string name = entry.path().filename();
    if (!entry.is_regular_file() || name.starts_with("LOG") || name.starts_with("MANIFEST")) continue;
    const std::uintmax_t bytes = fs::file_size(entry.path());
    for (std::uintmax_t left = 0; left < bytes; left += std::max<std::uintmax_t>(1, bytes / 5)) {
      fs::remove_all(config_.directory);
      fs::copy(saved, config_.directory, fs::copy_options::recursive);
      fs::resize_file(fs::path(config_.directory) / name, left);
      auto store = RocksStateStore::Open(config_);
      Loaded loaded;
      loaded.status = store.ok() ? Status() : store.status();
      if (store.ok()) loaded = LoadAll(*store.value());
      if (loaded.status.ok()) {
        EXPECT_EQ(loaded.next, 2u) << name << " of " << left;
        EXPECT_EQ(loaded.entries, written) << name << " of " << left;
      } else {
        EXPECT_NE(std::string(loaded.status.message()).find(config_.directory), std::string::npos)
            << loaded.status.message();
        ++refused;
      }
    }
  }
  EXPECT_GE(refused, 10);  // Tables and CURRENT at least.
}

// What a version before this one, or one after it, would leave.
TEST_F(StoreTest, AnotherFormatIsRefusedAndTheFolderCanBeMovedAway) {
  Open();
  Write(1, {{"a", "1"}});
  store_.reset();
  rocksdb::DB* db = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open(rocksdb::Options(), config_.directory, &db).ok());
  const std::string key(kStateFormatKey);
  ASSERT_TRUE(db->Put(rocksdb::WriteOptions(), key, StateValue(key, Bytes("0"))).ok());
  ASSERT_TRUE(db->Flush(rocksdb::FlushOptions()).ok());
  ASSERT_TRUE(db->Close().ok());
  delete db;
  const auto refused = RocksStateStore::Open(config_);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), ErrorCode::kInvalidArgument);
  for (const char* says : {"format 0", "reads 1", "away"}) {
    EXPECT_NE(std::string(refused.status().message()).find(says), std::string::npos) << refused.status().message();
  }
  fs::rename(config_.directory, directory_.path() + "/before");
  Open();
  EXPECT_FALSE(Load().next.has_value());
}

}  // namespace
}  // namespace starling::cloud
