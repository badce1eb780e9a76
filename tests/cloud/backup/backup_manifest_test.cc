#include "cloud/backup/backup_manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "cloud/backup/backup_request.h"
#include "cloud/backup/restored_mark.h"
#include "tests/cloud/log/log_fixture.h"

namespace starling::cloud {
namespace {

using testing::HasSubstr;

// SHA-256 of nothing and of "abc": FIPS 180-2, appendix B.
constexpr const char* kOfNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr const char* kOfAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

BackupManifest Example() {
  BackupManifest manifest;
  manifest.cut = CloudTimeFromNs(1'700'000'000'000'000'001);
  manifest.running = true;
  manifest.partitions = {{Topic::kTelemetry, Partition{0}, Offset{10}, Offset{42}}};
  manifest.keys = {"key1"};
  manifest.files = {{"log/000007.sst", 3, kOfAbc}, {"settings/plans/all.plan", 0, kOfNothing}};
  return manifest;
}

TEST(Sha256, KnownAnswers) {
  EXPECT_EQ(Sha256().Finish(), kOfNothing);
  Sha256 digest;
  digest.Add("a", 1);
  digest.Add("bc", 2);
  EXPECT_EQ(digest.Finish(), kOfAbc);
}

TEST(BackupManifest, IsWrittenAsTheFormatPageSays) {
  const std::string text = EncodeBackupManifest(Example());
  EXPECT_TRUE(text.starts_with("starling backup 1\n"
                               "cut 1700000000000000001 2023-11-14T22:13:20Z\n"
                               "source running\n"
                               "partition telemetry 0 10 42\n"
                               "key key1\n"
                               "file ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad 3 log/000007.sst\n"
                               "file e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 "
                               "settings/plans/all.plan\n"
                               "end "))
      << text;
  EXPECT_EQ(DecodeBackupManifest(text).value(), Example());
}

TEST(BackupManifest, RefusesEveryCutAndEveryByteThatChanged) {
  const std::string text = EncodeBackupManifest(Example());
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(DecodeBackupManifest(text.substr(0, size)).ok()) << size;
  }
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string altered = text;
    altered[at] = static_cast<char>(altered[at] ^ 1);
    EXPECT_FALSE(DecodeBackupManifest(altered).ok()) << at;
  }
}

TEST(BackupManifest, NamesNoFileOutsideOfTheBackup) {
  for (const char* path : {"/etc/passwd", "../x", "log/../../x", "log//x", "log/./x", "log/", ""}) {
    BackupManifest manifest = Example();
    manifest.files[0].path = path;
    EXPECT_FALSE(DecodeBackupManifest(EncodeBackupManifest(manifest)).ok()) << path;
  }
  BackupManifest twice = Example();
  twice.files[1].path = twice.files[0].path;
  EXPECT_FALSE(DecodeBackupManifest(EncodeBackupManifest(twice)).ok());
}

TEST(BackupManifest, OfAnotherFormatIsRefusedByItsName) {
  const Result<BackupManifest> read = DecodeBackupManifest(WithEndLine("starling backup 2\ncut 1\n"));
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.status().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(std::string(read.status().message()), HasSubstr("is of format 2, this program reads 1"));
}

TEST(BackupRequest, ComesBackAsItWasAndAHalfOneIsNone) {
  const TestDirectory directory;
  EXPECT_FALSE(ReadBackupRequest(directory.path()).has_value());
  const BackupRequest request{"7-8", "/var/backups/a b", 1 << 20};
  ASSERT_TRUE(WriteBackupRequest(directory.path(), request).ok());
  EXPECT_EQ(ReadBackupRequest(directory.path()), request);
  EXPECT_FALSE(WriteBackupRequest(directory.path(), {"1", "not/absolute", 0}).ok());
  EXPECT_FALSE(WriteBackupRequest(directory.path(), {"1", "/two\nlines", 0}).ok());
  const BackupAnswer answer{"7-8", false, "no room"};
  ASSERT_TRUE(WriteBackupAnswer(directory.path(), answer).ok());
  EXPECT_EQ(ReadBackupAnswer(directory.path()), answer);
  std::filesystem::resize_file(BackupRequestFile(directory.path()), 20);
  EXPECT_FALSE(ReadBackupRequest(directory.path()).has_value());
}

TEST(RestoredMark, ComesBackAsItWasAndADamagedOneIsRefusedByName) {
  const TestDirectory directory;
  const std::string path = RestoredMarkFile(directory.path());
  EXPECT_EQ(ReadRestoredMark(path).value(), std::nullopt);
  const RestoredMark mark{CloudTimeFromNs(1'700'000'000'000'000'001), CloudTimeFromNs(1'700'000'100'000'000'002), 77};
  std::ofstream(path) << EncodeRestoredMark(mark);
  EXPECT_EQ(ReadRestoredMark(path).value(), mark);
  std::ofstream(path, std::ios::app) << "x";
  ASSERT_FALSE(ReadRestoredMark(path).ok());
  EXPECT_THAT(std::string(ReadRestoredMark(path).status().message()), HasSubstr("restored.mark is damaged"));
}

}  // namespace
}  // namespace starling::cloud
