#include "common/durable_file.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace starling {
namespace {

namespace fs = std::filesystem;

class DurableFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "durable-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  Status Put(const std::string& name, std::string_view text, unsigned mode = 0644) {
    return ReplaceFile(Path(name), std::as_bytes(std::span(text)), mode);
  }
  std::string Text(const std::string& name) const {
    std::ifstream file(Path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  fs::path folder_;
};

TEST_F(DurableFile, HoldsWhatItWasGivenLastAndNothingElseIsLeft) {
  ASSERT_TRUE(Put("a", std::string(200'000, 'x')).ok());
  EXPECT_EQ(Text("a").size(), 200'000u);
  ASSERT_TRUE(Put("a", "short").ok());
  EXPECT_EQ(Text("a"), "short");
  ASSERT_TRUE(Put("a", "").ok());
  EXPECT_EQ(Text("a"), "");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
}

TEST_F(DurableFile, HasTheModeAlsoWhereAKilledRunLeftADraft) {
  std::ofstream(Path("a.new")) << "half of a much longer one";
  ASSERT_TRUE(Put("a", "whole", 0600).ok());
  struct stat about {};
  ASSERT_EQ(::stat(Path("a").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0600u);
  EXPECT_EQ(Text("a"), "whole");
}

TEST_F(DurableFile, WhatCannotBeWrittenLeavesTheFormerOne) {
  ASSERT_TRUE(Put("a", "former").ok());
  fs::create_directory(Path("a.new"));
  const Status status = Put("a", "new");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kIoError);
  EXPECT_EQ(status.message(), Path("a.new") + ": Is a directory");
  EXPECT_EQ(Text("a"), "former");
  EXPECT_FALSE(Put("missing/a", "new").ok());
}

// A disk takes as much of the file as it has room for, and no more.
TEST_F(DurableFile, ADiskThatIsFullIsSaid) {
  ASSERT_TRUE(Put("a", "former").ok());
  struct rlimit former {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &former), 0);
  const auto former_action = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit little { 1000, former.rlim_max };
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &little), 0);
  const Status status = Put("a", std::string(5000, 'x'));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &former), 0);
  std::signal(SIGXFSZ, former_action);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.message(), Path("a") + ": File too large");
  EXPECT_EQ(Text("a"), "former");
  EXPECT_FALSE(fs::exists(Path("a.new")));
}

TEST_F(DurableFile, ALinkThatStandsWhereTheDraftGoesLeadsNowhere) {
  std::ofstream(Path("elsewhere")) << "somebody's";
  ASSERT_EQ(::chmod(Path("elsewhere").c_str(), 0640), 0);
  fs::create_symlink(Path("elsewhere"), Path("a.new"));
  ASSERT_TRUE(Put("a", "new", 0600).ok());
  EXPECT_EQ(Text("a"), "new");
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(Path("a"))));
  EXPECT_EQ(Text("elsewhere"), "somebody's");
  struct stat about {};
  ASSERT_EQ(::stat(Path("elsewhere").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0640u);
}

TEST_F(DurableFile, TheUmaskIsHonoured) {
  const mode_t former = ::umask(027);
  const bool put = Put("a", "mine").ok();
  ::umask(former);
  ASSERT_TRUE(put);
  struct stat about {};
  ASSERT_EQ(::stat(Path("a").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0640u);
}

}  // namespace
}  // namespace starling
