// A spool in a real folder.
#include "edge/spool/posix_spool_files.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/edge/spool/spool_fixture.h"

namespace starling::edge {
namespace {

using ::testing::HasSubstr;

class RealFolder : public SpoolTest {
 protected:
  void SetUp() override {
    std::string folder = (std::filesystem::temp_directory_path() / "spool-XXXXXX").string();
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    folder_ = folder;
  }
  void TearDown() override {
    spool_.reset();
    std::filesystem::remove_all(folder_);
  }
  Status OpenReal() {
    spool_.reset();
    Result<std::unique_ptr<PosixSpoolFiles>> files = PosixSpoolFiles::Open((folder_ / "spool").string());
    if (!files.ok()) return files.status();
    auto writer = std::make_unique<DirectSpoolWriter>(files.value().get());
    auto spool = DiskSpool::Open(Small(), std::move(files).value(), std::move(writer), [this] { return wall_s_; });
    if (!spool.ok()) return spool.status();
    spool_ = std::move(spool).value();
    return Status();
  }
  std::size_t Files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder_ / "spool"), {}));
  }

  std::filesystem::path folder_;
};

TEST_F(RealFolder, IsMadeFilledReadAndEmptied) {
  ASSERT_TRUE(OpenReal().ok());
  SealMany(500);
  ASSERT_TRUE(OpenReal().ok());
  EXPECT_GT(Files(), 3u);
  EXPECT_EQ(spool_->samples(), 5000u);
  EXPECT_EQ(Held().size(), 500u);
  NewBoot(BootId{2});
  while (spool_->batches() > 0) spool_->Delete(kBoot, spool_->Limits(0)->first_sequence);
  Commit();
  ASSERT_TRUE(OpenReal().ok());
  EXPECT_EQ(spool_->samples(), 0u);
  EXPECT_LE(Files(), 2u);
}

TEST_F(RealFolder, BelongsToOneProcessAtATime) {
  ASSERT_TRUE(OpenReal().ok());
  const auto second = PosixSpoolFiles::Open((folder_ / "spool").string());
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), ErrorCode::kFenced);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("used by another process"));
  spool_.reset();
  EXPECT_TRUE(PosixSpoolFiles::Open((folder_ / "spool").string()).ok());
}

TEST_F(RealFolder, WhoseParentIsMissingOrThatIsAFileIsNamed) {
  const std::string missing = (folder_ / "not" / "there").string();
  EXPECT_THAT(std::string(PosixSpoolFiles::Open(missing).status().message()), HasSubstr(missing));
  std::ofstream(folder_ / "file") << "x";
  EXPECT_THAT(std::string(PosixSpoolFiles::Open((folder_ / "file").string()).status().message()),
              HasSubstr("Not a directory"));
}

TEST_F(RealFolder, ThatWentAwayIsAFailureAndNoEnd) {
  ASSERT_TRUE(OpenReal().ok());
  SealMany(2);
  std::filesystem::remove_all(folder_ / "spool");
  SealMany(25, 60);  // Until a segment is full, its file is there without a name.
  EXPECT_THAT(spool_->failure(), HasSubstr("cannot create"));
  EXPECT_GT(spool_->batches(), 0u);
}

TEST(SegmentNames, AreEightDigitsAndNothingElse) {
  EXPECT_EQ(SegmentName(0xABC), "00000abc.spool");
  EXPECT_EQ(SegmentOfName("00000abc.spool"), 0xABCu);
  EXPECT_EQ(SegmentOfName("ffffffff.spool"), 0xFFFFFFFFu);
  for (const char* other :
       {"00000000.spool", "00000ABC.spool", "abc.spool", "00000abc.spool2", "00000abc", "", "notes"}) {
    EXPECT_FALSE(SegmentOfName(other).has_value()) << other;
  }
}

}  // namespace
}  // namespace starling::edge
