// Keys are replaced while log and state store work, and while the process is killed.

#include "cloud/store/key_rotation.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/cloud/store/encryption_fixture.h"

namespace starling::cloud {
namespace {

class KeyRotationTest : public Encryption {
 protected:
  void OpenBoth() {
    encryption_ = OpenKeys(KeyPath());
    const Status store = OpenStatus(encryption_);
    ASSERT_TRUE(store.ok()) << store.message();
    const Status log = OpenLog(encryption_);
    ASSERT_TRUE(log.ok()) << log.message();
    rotation_ = std::make_unique<KeyRotation>(encryption_, log_.get(), log_config_.directory, store_.get(),
                                              config_.directory);
    rotation_->Start();
  }
  void CloseBoth() {
    rotation_.reset();
    ASSERT_TRUE(log_->Close().ok());
    log_.reset();
    store_.reset();
  }
  void TakeKeys(const std::string& text) {
    SetKeys(text);
    ASSERT_TRUE(rotation_->Reload().ok());
  }
  // The patience is for a loaded machine.
  bool AwaitRotated() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    while (std::chrono::steady_clock::now() < end) {
      const KeyRotationStats stats = rotation_->Stats();
      EXPECT_EQ(stats.failures, 0u);
      if (stats.files_older == 0 && stats.files_plain == 0) return true;
      std::this_thread::sleep_for(milliseconds(5));
    }
    return false;
  }
  void TearDown() override {
    rotation_.reset();
    if (log_ != nullptr) (void)log_->Close();
  }

  StoreEncryption encryption_;
  std::unique_ptr<KeyRotation> rotation_;
};

TEST_F(KeyRotationTest, AKeyIsReplacedAndDroppedWithoutStopping) {
  SetKeys(KeyLine('a'));
  OpenBoth();
  Write(5, {{"k", "v"}});
  for (int i = 0; i < 20; ++i) Emit(std::to_string(i));
  TakeKeys(KeyLine('b') + KeyLine('a'));
  Emit("20");
  ASSERT_TRUE(AwaitRotated());
  TakeKeys(KeyLine('b'));  // The old one is needed by nothing.
  Emit("21");
  Write(6, {{"k", "w"}});
  EXPECT_EQ(LogValues().size(), 22u);
  EXPECT_EQ(Load().entries, (Entries{{"k", "w"}}));
  for (const std::string& directory : {config_.directory, log_config_.directory}) {
    const KeyUse use = ReadKeyUse(directory).value();
    EXPECT_FALSE(use.files.contains("a")) << directory;
    EXPECT_GT(use.files.at("b"), 0u);
  }
  CloseBoth();
  OpenBoth();
  EXPECT_EQ(Load().entries, (Entries{{"k", "w"}}));
  EXPECT_EQ(LogValues().size(), 22u);
}

// Each of them is written on meanwhile, the manifests too.
TEST_F(KeyRotationTest, NothingIsLostThatIsWrittenMeanwhile) {
  SetKeys(KeyLine('a'));
  OpenBoth();
  std::atomic<bool> stop{false};
  std::uint64_t emitted = 0;
  std::uint64_t stored = 0;
  std::thread appender([&] {
    while (!stop.load(std::memory_order_acquire)) Emit(std::to_string(emitted++));
  });
  std::thread storer([&] {
    while (!stop.load(std::memory_order_acquire)) {
      ++stored;
      Write(stored, {{std::to_string(stored % 10), std::to_string(stored)}});
    }
  });
  std::string older = KeyLine('a');
  for (const char id : {'b', 'c', 'd'}) {
    TakeKeys(KeyLine(id) + older);
    EXPECT_TRUE(AwaitRotated()) << id;
    older = KeyLine(id);
  }
  stop.store(true, std::memory_order_release);
  appender.join();
  storer.join();
  TakeKeys(KeyLine('d'));
  CloseBoth();
  OpenBoth();
  const std::vector<std::string> values = LogValues();
  ASSERT_EQ(values.size(), emitted);
  for (std::size_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], std::to_string(i));
  EXPECT_EQ(Load().next, stored);
  EXPECT_EQ(Load().entries.at(std::to_string(stored % 10)), std::to_string(stored));
}

TEST_F(KeyRotationTest, WhatAKilledRotationLeftIsRemoved) {
  SetKeys(KeyLine('a'));
  OpenBoth();
  Emit("x");
  const fs::path draft = log_config_.directory + "/000007.sst.rekey";
  std::ofstream(draft, std::ios::binary) << "half of a file";
  TakeKeys(KeyLine('b') + KeyLine('a'));
  ASSERT_TRUE(AwaitRotated());
  EXPECT_FALSE(fs::exists(draft));
}

// The other process has its log rewritten under one key and the other in turn, all the time.
TEST_F(KeyRotationTest, KillInTheMiddleOfARotationLosesNothing) {
  for (int round = 0; round < 5; ++round) {
    SetKeys(KeyLine('a') + KeyLine('b'));
    int pipe_fds[2];
    ASSERT_EQ(::pipe(pipe_fds), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::dup2(pipe_fds[1], STDOUT_FILENO);
      ::close(pipe_fds[0]);
      ::close(pipe_fds[1]);
      ::execl(STARLING_CRASH_WRITER, "log_crash_writer", log_config_.directory.c_str(), KeyPath().c_str(), nullptr);
      ::_exit(127);
    }
    ::close(pipe_fds[1]);
    std::string reported;
    char buffer[4096];
    const std::size_t enough = 1'500 + 1'000 * static_cast<std::size_t>(round);
    ssize_t got = 1;
    while (reported.size() < enough && (got = ::read(pipe_fds[0], buffer, sizeof buffer)) > 0) {
      reported.append(buffer, static_cast<std::size_t>(got));
    }
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    while (got > 0 && (got = ::read(pipe_fds[0], buffer, sizeof buffer)) > 0) {
      reported.append(buffer, static_cast<std::size_t>(got));
    }
    ::close(pipe_fds[0]);
    int exit_status = 0;
    ASSERT_EQ(::waitpid(child, &exit_status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(exit_status)) << "the writer ended by itself";

    const std::uint64_t emitted = std::stoull(reported.substr(reported.rfind('\n', reported.size() - 2) + 1));
    SetKeys(KeyLine('a') + KeyLine('b'));
    const Status opened = OpenLog(OpenKeys(KeyPath()));
    ASSERT_TRUE(opened.ok()) << opened.message();
    const std::vector<std::string> values = LogValues();
    EXPECT_GE(values.size(), emitted);
    for (std::size_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], std::to_string(i));
    ASSERT_TRUE(log_->Close().ok());
    log_.reset();
  }
}

}  // namespace
}  // namespace starling::cloud
