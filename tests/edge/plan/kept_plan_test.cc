#include "edge/plan/kept_plan.h"

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/plan/plan_codec.h"

namespace starling::edge {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class KeptPlan : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "kept-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    path_ = (folder_ / kKeptPlanName).string();
  }
  void TearDown() override { fs::remove_all(folder_); }

  static std::vector<std::byte> APlan(std::uint64_t version) {
    Plan plan;
    plan.name = "kept";
    plan.version = version;
    plan.position_error_m = 0.5;
    return CompilePlan(plan).value().bytes;
  }
  void Put(std::span<const std::byte> bytes) {
    std::ofstream(path_, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()),
                                                 static_cast<std::streamsize>(bytes.size()));
  }
  static Status Outcome(PlanSaver* saver, BootTime now) {
    std::optional<Status> said;
    while (!said) {
      said = saver->Poll(now);
      std::this_thread::yield();
    }
    return *said;
  }
  void ExpectDamaged() {
    const auto read = ReadKeptPlan(path_);
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.status().code(), ErrorCode::kCorruption);
    EXPECT_THAT(std::string(read.status().message()), HasSubstr(path_));
  }

  static constexpr BootTime kNow = BootTime(seconds(1000));

  fs::path folder_;
  std::string path_;
};

TEST_F(KeptPlan, WhereNoneIsThereIsNone) {
  const auto read = ReadKeptPlan(path_);
  ASSERT_TRUE(read.ok());
  EXPECT_FALSE(read.value().has_value());
}

TEST_F(KeptPlan, ComesBackAsItWasSaved) {
  PlanSaver(path_).Save(APlan(7));
  const auto read = ReadKeptPlan(path_);
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read.value(), APlan(7));
}

TEST_F(KeptPlan, OfManyTheNewestIsTheOneThatStays) {
  {
    PlanSaver saver(path_);
    for (std::uint64_t version = 1; version <= 50; ++version) saver.Save(APlan(version));
  }
  EXPECT_EQ(ReadKeptPlan(path_).value(), APlan(50));
}

TEST_F(KeptPlan, WhatBecameOfItIsSaidOnce) {
  fs::create_directory(path_ + ".new");
  PlanSaver saver(path_);
  EXPECT_EQ(saver.Poll(kNow), std::nullopt);
  saver.Save(APlan(1));
  EXPECT_FALSE(Outcome(&saver, kNow).ok());
  EXPECT_EQ(saver.Poll(kNow), std::nullopt);
}

TEST_F(KeptPlan, WhatCouldNotBeWrittenIsTriedAgainAMinuteLater) {
  fs::create_directory(path_ + ".new");
  PlanSaver saver(path_);
  saver.Save(APlan(1));
  EXPECT_FALSE(Outcome(&saver, kNow).ok());
  fs::remove(path_ + ".new");
  EXPECT_EQ(saver.Poll(kNow + PlanSaver::kRetry - nanoseconds(1)), std::nullopt);
  EXPECT_FALSE(fs::exists(path_));
  EXPECT_TRUE(Outcome(&saver, kNow + PlanSaver::kRetry).ok());
  EXPECT_EQ(ReadKeptPlan(path_).value(), APlan(1));
}

TEST_F(KeptPlan, ANewerOneTakesThePlaceOfWhatCouldNotBeWrittenAtOnce) {
  fs::create_directory(path_ + ".new");
  PlanSaver saver(path_);
  saver.Save(APlan(1));
  EXPECT_FALSE(Outcome(&saver, kNow).ok());
  fs::remove(path_ + ".new");
  saver.Save(APlan(2));
  EXPECT_TRUE(Outcome(&saver, kNow).ok());
  EXPECT_EQ(saver.Poll(kNow + PlanSaver::kRetry), std::nullopt);
  EXPECT_EQ(ReadKeptPlan(path_).value(), APlan(2));
}

TEST_F(KeptPlan, WhatCouldNotBeWrittenIsTriedOnceMoreAtTheEnd) {
  fs::create_directory(path_ + ".new");
  {
    PlanSaver saver(path_);
    saver.Save(APlan(1));
    EXPECT_FALSE(Outcome(&saver, kNow).ok());
    fs::remove(path_ + ".new");
  }
  EXPECT_EQ(ReadKeptPlan(path_).value(), APlan(1));
}

TEST_F(KeptPlan, EveryFlippedBitAndEveryCutIsNoticed) {
  const std::vector<std::byte> whole = PackKeptPlan(APlan(3));
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::vector<std::byte> flipped = whole;
    flipped[bit / 8] ^= std::byte{1} << (bit % 8);
    Put(flipped);
    ExpectDamaged();
    if (HasFailure()) FAIL() << "bit " << bit;
  }
  for (std::size_t length = 0; length < whole.size(); ++length) {
    Put(std::span(whole).first(length));
    ExpectDamaged();
    if (HasFailure()) FAIL() << "length " << length;
  }
}

TEST_F(KeptPlan, WhatIsTooLongOrNoFileIsRefused) {
  Put(PackKeptPlan(std::vector<std::byte>(PlanLimits::kBytesMax + 1)));
  ExpectDamaged();
  fs::remove(path_);
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);  // Would hold up whoever opens it.
  EXPECT_EQ(ReadKeptPlan(path_).status().code(), ErrorCode::kIoError);
}

// docs/formats/plan.md has these bytes.
TEST_F(KeptPlan, BeginsAsTheFormatSays) {
  const std::string text = "123456789";
  const std::vector<std::byte> file = PackKeptPlan(std::as_bytes(std::span(text)));
  const std::string expected = "STLPLN01\x83\x92\x06\xe3" "123456789";
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(file.data()), file.size()), expected);
}

}  // namespace
}  // namespace starling::edge
