#include "common/durable_file.h"

#include <sys/stat.h>
#include <unistd.h>

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

// /dev/full takes a file's name and none of its bytes.
TEST_F(DurableFile, ADiskThatIsFullIsSaid) {
  ASSERT_TRUE(Put("a", "former").ok());
  fs::create_symlink("/dev/full", Path("a.new"));
  EXPECT_FALSE(Put("a", "new").ok());
  EXPECT_EQ(Text("a"), "former");
}

}  // namespace
}  // namespace starling
