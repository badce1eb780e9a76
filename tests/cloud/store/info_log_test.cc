#include "cloud/store/info_log.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <rocksdb/db.h>

namespace starling::cloud {
namespace {

class InfoLogTest : public testing::Test {
 protected:
  InfoLogTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "starling_info_log_XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~InfoLogTest() override { std::filesystem::remove_all(folder_); }

  std::string Read(const std::string& name) const {
    std::ifstream file(folder_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  std::filesystem::path folder_;
};

TEST_F(InfoLogTest, HasEachLineAndTheFormerOneIsKept) {
  rocksdb::Error(MakeInfoLog(folder_.string()), "the %s one", "first");
  EXPECT_NE(Read("LOG").find(" the first one\n"), std::string::npos) << Read("LOG");
  const auto second = MakeInfoLog(folder_.string());
  rocksdb::Error(second, "%s", std::string(10'000, 'x').c_str());
  rocksdb::Error(second, "after a long one");
  EXPECT_NE(Read("LOG.old").find("the first one"), std::string::npos);
  EXPECT_NE(Read("LOG").find("x\n"), std::string::npos);
  EXPECT_NE(Read("LOG").find("after a long one\n"), std::string::npos);
}

TEST_F(InfoLogTest, ADiskThatTakesNothingCostsTheLinesAlone) {
  const auto log = MakeInfoLog(folder_.string());
  rocksdb::Error(log, "before");
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  const auto former = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit none{0, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
  for (int i = 0; i < 10; ++i) rocksdb::Error(log, "lost");
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  std::signal(SIGXFSZ, former);
  rocksdb::Error(log, "after");
  EXPECT_EQ(Read("LOG").find("lost"), std::string::npos);
  EXPECT_NE(Read("LOG").find("after\n"), std::string::npos);
}

TEST_F(InfoLogTest, WithoutItsFolderNothingIsWritten) {
  rocksdb::Error(MakeInfoLog((folder_ / "nowhere").string()), "nobody reads this");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "nowhere"));
}

}  // namespace
}  // namespace starling::cloud
