#include "cloud/backup/backup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cloud/log/embedded_region_writer.h"
#include "tests/cloud/backup/backup_fixture.h"

// RocksDB's own threads, which encrypt what they compact, end after OpenSSL has cleaned up at the process's exit: what it kept for
// each of them is not freed any more.  A build without the sanitizer never asks.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libcrypto.so"; }

namespace starling::cloud {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

class Backup : public BackupFixture {
 protected:
  // A folder at rest, and a backup of it.
  void Make() {
    Open();
    Append(Topic::kTelemetry, "one");
    Append(Topic::kTelemetry, "two");
    Append(Topic::kHistory, "samples");
    Know("vehicle", "here");
    Close();
    Write("data/commands.settings", "stopped");
    Write("data/plans/vehicles/taxi-7.plan", "plan");
    Write("data/secret.key", "not for a backup");
    const Result<BackupManifest> made = BackUpAtRest(data_, Path("backup"), {}, CloudNow());
    ASSERT_TRUE(made.ok()) << made.status().message();
    manifest_ = made.value();
  }
  std::string Refusal(const Status& status) {
    EXPECT_FALSE(status.ok());
    return status.ok() ? "" : std::string(status.message());
  }
  std::string Refusal() { return Refusal(VerifyBackup(Path("backup")).ok() ? Status() : VerifyBackup(Path("backup")).status()); }

  BackupManifest manifest_;
};

TEST_F(Backup, IsPutBackAsItWas) {
  Make();
  const Result<RestoredMark> mark = RestoreBackup(Path("backup"), Path("again"), CloudNow());
  ASSERT_TRUE(mark.ok()) << mark.status().message();
  Open(Path("again"));
  EXPECT_THAT(Records(Topic::kTelemetry), ElementsAre("one", "two"));
  EXPECT_THAT(Records(Topic::kHistory), ElementsAre("samples"));
  EXPECT_THAT(Known(), ElementsAre(Pair("vehicle", "here")));
  EXPECT_EQ(Content(Path("again/commands.settings")), "stopped");
  EXPECT_EQ(Content(Path("again/plans/vehicles/taxi-7.plan")), "plan");
  EXPECT_FALSE(std::filesystem::exists(Path("again/secret.key")));
  EXPECT_EQ(ReadRestoredMark(RestoredMarkFile(Path("again"))).value(), mark.value());
}

TEST_F(Backup, ClaimsOfAFolderThatWasPutBackAreAboveAllThatCameBefore) {
  Make();
  const Result<RestoredMark> mark = RestoreBackup(Path("backup"), Path("again"), CloudNow());
  ASSERT_TRUE(mark.ok());
  Open(Path("again"));
  EmbeddedRegionWriterConfig config;
  config.epoch_base = mark.value().epoch_base;
  const Epoch first = EmbeddedRegionWriter(config, log_.get(), kPartition).Claim("a").value();
  EXPECT_GT(static_cast<std::uint64_t>(first), std::uint64_t{1'000'000'000'000});
  Append(Topic::kTelemetry, "the claim's record");
  const Epoch second = EmbeddedRegionWriter(config, log_.get(), kPartition).Claim("b").value();
  EXPECT_GT(second, first);
  // Put back once more, a moment later.
  const Result<RestoredMark> later = RestoreBackup(Path("backup"), Path("third"), mark.value().restored + seconds(1));
  ASSERT_TRUE(later.ok());
  EXPECT_GT(later.value().epoch_base, static_cast<std::uint64_t>(second));
}

TEST_F(Backup, EveryFileThatIsCutAlteredMissingOrAddedIsRefusedByName) {
  Make();
  ASSERT_TRUE(VerifyBackup(Path("backup")).ok());
  ASSERT_GT(manifest_.files.size(), 5u);
  for (const BackupFile& file : manifest_.files) {
    const std::string path = Path("backup/" + file.path);
    const std::string content = Content(path);
    const auto put_back = [&] { std::ofstream(path, std::ios::binary) << content; };
    if (!content.empty()) {
      std::string altered = content;
      altered[altered.size() / 2] = static_cast<char>(altered[altered.size() / 2] ^ 1);
      std::ofstream(path, std::ios::binary) << altered;
      EXPECT_THAT(Refusal(), HasSubstr(file.path + " is not what was written"));
      std::ofstream(path, std::ios::binary) << content.substr(0, content.size() - 1);
      EXPECT_THAT(Refusal(), HasSubstr(file.path + " has "));
    }
    std::filesystem::remove(path);
    EXPECT_THAT(Refusal(), HasSubstr(file.path + " is missing"));
    put_back();
  }
  Write("backup/log/000099.sst", "slipped in");
  EXPECT_THAT(Refusal(), HasSubstr("000099.sst is not of the backup"));
  std::filesystem::remove(Path("backup/log/000099.sst"));
  ASSERT_TRUE(VerifyBackup(Path("backup")).ok());
}

TEST_F(Backup, OneThatIsNotWholePutsNothingBack) {
  Make();
  std::filesystem::resize_file(Path("backup/manifest"), std::filesystem::file_size(Path("backup/manifest")) - 1);
  EXPECT_THAT(Refusal(RestoreBackup(Path("backup"), Path("again"), CloudNow()).status()), HasSubstr("manifest is not whole"));
  std::filesystem::remove(Path("backup/manifest"));
  EXPECT_THAT(Refusal(RestoreBackup(Path("backup"), Path("again"), CloudNow()).status()), HasSubstr("or not all of one"));
  EXPECT_FALSE(std::filesystem::exists(Path("again")));
  EXPECT_FALSE(std::filesystem::exists(Path("again.partial")));
}

TEST_F(Backup, WritesOverNothing) {
  Make();
  EXPECT_THAT(Refusal(BackUpAtRest(data_, Path("backup"), {}, CloudNow()).status()), HasSubstr("there already"));
  EXPECT_THAT(Refusal(RestoreBackup(Path("backup"), data_, CloudNow()).status()), HasSubstr("there already"));
  std::filesystem::create_directory(Path("empty"));
  EXPECT_TRUE(RestoreBackup(Path("backup"), Path("empty"), CloudNow()).ok());
}

TEST_F(Backup, GivenUpInTheMiddleItIsNotThere) {
  Make();
  int pieces = 0;
  const CopyConfig config{0, [&] { return ++pieces < 4; }};
  const Result<BackupManifest> made = BackUpAtRest(data_, Path("second"), config, CloudNow());
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.status().code(), ErrorCode::kUnavailable);
  EXPECT_FALSE(std::filesystem::exists(Path("second")));
  EXPECT_FALSE(std::filesystem::exists(Path("second.partial")));
  // What a killed run has left is replaced.
  Write("second.partial/log/rubbish", "x");
  EXPECT_TRUE(BackUpAtRest(data_, Path("second"), {}, CloudNow()).ok());
  EXPECT_TRUE(VerifyBackup(Path("second")).ok());
}

TEST_F(Backup, OfAnEncryptedFolderStaysEncryptedAndNamesItsKeys) {
  WriteKeyFile(Path("keys"), KeyLine('a'));
  encryption_ = OpenKeys(Path("keys"));
  Make();
  EXPECT_THAT(manifest_.keys, ElementsAre("a"));
  for (const BackupFile& file : manifest_.files) {
    if (!file.path.starts_with("settings/") && file.bytes > 0) {
      EXPECT_THAT(Content(Path("backup/" + file.path)), testing::StartsWith("STARSEAL")) << file.path;
    }
  }
  ASSERT_TRUE(RestoreBackup(Path("backup"), Path("again"), CloudNow()).ok());
  Open(Path("again"));
  EXPECT_THAT(Records(Topic::kTelemetry), ElementsAre("one", "two"));
  EXPECT_THAT(Known(), ElementsAre(Pair("vehicle", "here")));
}

}  // namespace
}  // namespace starling::cloud
