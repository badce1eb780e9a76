#include <algorithm>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "common/geo/trigonometry.h"
#include "common/telemetry/fix_codec.h"
#include "common/telemetry/history_reader.h"
#include "common/telemetry/history_writer.h"

namespace starling {
namespace {

using Bytes = std::vector<std::byte>;

Bytes Write(const std::vector<wire::Fix>& fixes) {
  Bytes columns;
  WriteHistoryColumns(fixes, &columns);
  return columns;
}

bool Same(const wire::Fix& a, const wire::Fix& b) {
  return a.boot_time_ns() == b.boot_time_ns() && a.sequence() == b.sequence() &&
         a.lat_e7() == b.lat_e7() && a.lon_e7() == b.lon_e7() && a.heading() == b.heading() &&
         a.speed_cmps() == b.speed_cmps() && a.accel_cmps2() == b.accel_cmps2() &&
         a.yaw_rate_e4() == b.yaw_rate_e4() && a.accuracy_dm() == b.accuracy_dm() &&
         a.intent() == b.intent();
}

void ExpectReadsBack(const std::vector<wire::Fix>& fixes) {
  std::vector<wire::Fix> read;
  const Status status = ReadHistoryColumns(Write(fixes), fixes[0].sequence(), fixes.size(), &read);
  ASSERT_TRUE(status.ok()) << status.message();
  ASSERT_EQ(read.size(), fixes.size());
  for (std::size_t i = 0; i < fixes.size(); ++i) ASSERT_TRUE(Same(read[i], fixes[i])) << i;
}

// Any value that ValidateFix accepts, extremes often.
std::vector<wire::Fix> RandomFixes(std::uint32_t seed, std::size_t count) {
  std::mt19937_64 random(seed);
  const auto pick = [&](std::int64_t least, std::int64_t most) {
    switch (random() % 4) {
      case 0: return least;
      case 1: return most;
      default: return std::uniform_int_distribution<std::int64_t>(least, most)(random);
    }
  };
  std::vector<wire::Fix> fixes;
  const bool us = random() % 2 == 0;
  std::uint64_t time_ns = 0;
  const auto first = static_cast<std::uint32_t>(pick(1, 4'000'000'000));
  for (std::size_t i = 0; i < count; ++i) {
    time_ns += static_cast<std::uint64_t>(us ? pick(1, 4'000'000'000) * 1000 : pick(1, 4'000'000'000'000));
    fixes.emplace_back(time_ns, first + static_cast<std::uint32_t>(i),
                       static_cast<std::int32_t>(pick(-849'999'999, 849'999'999)),
                       static_cast<std::int32_t>(pick(-1'800'000'000, 1'800'000'000)),
                       static_cast<std::uint16_t>(pick(0, 65535)),
                       static_cast<std::int16_t>(pick(-12000, 12000)),
                       static_cast<std::int16_t>(pick(-6000, 6000)),
                       static_cast<std::int16_t>(pick(-32000, 32000)),
                       static_cast<std::uint8_t>(pick(0, 255)),
                       static_cast<wire::Intent>(pick(0, static_cast<int>(wire::Intent::MAX))));
  }
  return fixes;
}

// Ten minutes of stop and go with turns, at 10 Hz, as the wire says it; sensors
// are noisy by `noise` of a unit of speed, acceleration and turn rate.
std::vector<wire::Fix> CityDrive(std::uint32_t seed, double noise, std::size_t count) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> wobble(-noise, noise);
  const LocalFrame frame({525'000'000, 134'000'000});
  Pose pose{{500, 500}, 1, 0};
  double target_mps = 12;
  double bend = 0;
  std::vector<wire::Fix> fixes;
  for (std::size_t i = 0; i < count; ++i) {
    if (i % 150 == 0) target_mps = (i / 150) % 2 == 0 ? 12.5 : 0;
    if (i % 70 == 0) bend = (i / 70) % 3 == 1 && pose.speed_mps < 9 ? 0.08 : 0;
    const double gap = target_mps - pose.speed_mps;
    const double accel = std::clamp(0.6 * gap, -2.5, 1.5);
    Sample sample;
    sample.time = BootTime(milliseconds(5000 + 100 * i));
    sample.position = frame.ToGeo(pose.position);
    sample.heading_rad = pose.heading_rad;
    sample.speed_mps = pose.speed_mps + 0.01 * wobble(random);
    sample.accel_mps2 = accel + 0.01 * wobble(random);
    sample.yaw_rate_radps = bend * pose.speed_mps + 1e-4 * wobble(random);
    sample.accuracy_m = 0.8;
    sample.intent = wire::Intent::WithPassenger;
    fixes.push_back(ToWire(sample, static_cast<std::uint32_t>(i + 1)));
    pose = Predict({pose.position, pose.heading_rad, pose.speed_mps, accel, bend}, {}, 0.1);
  }
  return fixes;
}

// docs/formats/history_batch.md, the example.
TEST(HistoryBatch, IsWrittenAsTheFormatPageSays) {
  const std::vector<wire::Fix> fixes = {
      {1'000'000'000, 1, 10, -3, 0, 100, 0, 0, 5, wire::Intent::Idle},
      {1'100'000'000, 2, 12, -3, 65535, 101, 0, 0, 5, wire::Intent::Idle},
      {1'200'000'000, 3, 14, -3, 65534, 102, 0, 0, 5, wire::Intent::Idle},
  };
  std::string hex;
  for (const std::byte byte : Write(fixes)) {
    constexpr char kDigits[] = "0123456789abcdef";
    hex += kDigits[std::to_integer<int>(byte) >> 4];
    hex += kDigits[std::to_integer<int>(byte) & 15];
  }
  EXPECT_EQ(hex, "1180a88a7d88ed68002c0450000001803902011220a001000200");
  ExpectReadsBack(fixes);
}

TEST(HistoryBatch, EverythingThatIsValidReadsBackTheSame) {
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    ExpectReadsBack(RandomFixes(seed, 1 + seed * 37 % kHistorySamplesMax));
  }
  ExpectReadsBack(RandomFixes(1, kHistorySamplesMax));
  ExpectReadsBack(CityDrive(1, 3, kHistorySamplesMax));
}

TEST(HistoryBatch, TheExtremesOfTimeReadBackTheSame) {
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  ExpectReadsBack({{0, 1, 0, 0, 0, 0, 0, 0, 0, wire::Intent::Unknown},
                   {kMax, 2, 0, 0, 0, 0, 0, 0, 0, wire::Intent::Unknown}});
  ExpectReadsBack({{kMax - 1, 1, 0, 0, 0, 0, 0, 0, 0, wire::Intent::Unknown},
                   {kMax, 2, 0, 0, 0, 0, 0, 0, 0, wire::Intent::Unknown}});
}

TEST(HistoryBatch, CityDrivingTakesAtMostFiveBytesForEachSample) {
  for (const double noise : {0.0, 3.0}) {
    const std::vector<wire::Fix> drive = CityDrive(7, noise, 6000);
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < drive.size(); i += 100) {
      bytes += Write({drive.begin() + static_cast<std::ptrdiff_t>(i),
                      drive.begin() + static_cast<std::ptrdiff_t>(i) + 100})
                   .size();
    }
    const double per_sample = static_cast<double>(bytes) / static_cast<double>(drive.size());
    RecordProperty(noise > 0 ? "bytes_per_sample_noisy" : "bytes_per_sample", std::to_string(per_sample));
    EXPECT_LE(per_sample, 5.0);
  }
}

TEST(HistoryBatch, AVehicleThatStandsCostsNextToNothing) {
  std::vector<wire::Fix> fixes;
  for (std::uint32_t i = 0; i < 100; ++i) {
    fixes.emplace_back(1'000'000'000 + 100'000'000ull * i, i + 1, 525'000'000, 134'000'000, 123, 0, 0, 0, 8,
                       wire::Intent::Idle);
  }
  EXPECT_LE(Write(fixes).size(), 50u);
}

TEST(HistoryBatch, EveryCutAndEveryByteMoreIsRefused) {
  const std::vector<wire::Fix> fixes = CityDrive(3, 3, 60);
  const Bytes columns = Write(fixes);
  std::vector<wire::Fix> read;
  for (std::size_t size = 0; size < columns.size(); ++size) {
    const Status status =
        ReadHistoryColumns(std::span(columns).first(size), 1, fixes.size(), &read);
    ASSERT_FALSE(status.ok()) << size;
    EXPECT_EQ(status.code(), ErrorCode::kCorruption);
    EXPECT_TRUE(read.empty());
  }
  for (const std::byte more : {std::byte{0}, std::byte{1}, std::byte{0xFF}}) {
    Bytes longer = columns;
    longer.push_back(more);
    EXPECT_FALSE(ReadHistoryColumns(longer, 1, fixes.size(), &read).ok());
  }
  EXPECT_FALSE(ReadHistoryColumns(columns, 1, fixes.size() - 1, &read).ok());
  EXPECT_FALSE(ReadHistoryColumns(columns, 1, fixes.size() + 1, &read).ok());
}

TEST(HistoryBatch, WhateverAFlippedBitGivesIsValidAndRises) {
  const std::vector<wire::Fix> fixes = CityDrive(5, 3, 40);
  Bytes columns = Write(fixes);
  std::vector<wire::Fix> read;
  for (std::size_t bit = 0; bit < columns.size() * 8; ++bit) {
    columns[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    if (ReadHistoryColumns(columns, 1, fixes.size(), &read).ok()) {
      for (std::size_t i = 0; i < read.size(); ++i) {
        ASSERT_TRUE(ValidateFix(read[i]).ok());
        ASSERT_TRUE(i == 0 || read[i].boot_time_ns() > read[i - 1].boot_time_ns());
      }
    }
    columns[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
  }
}

TEST(HistoryBatch, TimesThatDoNotRiseAreRefused) {
  const Bytes columns = Write({{2000, 1, 0, 0, 0, 0, 0, 0, 0, wire::Intent::Unknown},
                               {2000, 2, 0, 0, 0, 0, 0, 0, 0, wire::Intent::Unknown}});
  std::vector<wire::Fix> read;
  EXPECT_FALSE(ReadHistoryColumns(columns, 1, 2, &read).ok());
}

TEST(HistoryBatch, ValuesOutsideTheirRangesAreRefused) {
  const std::vector<wire::Fix> bad = {
      {0, 1, 850'000'001, 0, 0, 0, 0, 0, 0, wire::Intent::Unknown},
      {0, 1, 0, 1'800'000'001, 0, 0, 0, 0, 0, wire::Intent::Unknown},
      {0, 1, 0, 0, 0, 12001, 0, 0, 0, wire::Intent::Unknown},
      {0, 1, 0, 0, 0, 0, 6001, 0, 0, wire::Intent::Unknown},
      {0, 1, 0, 0, 0, 0, 0, 32001, 0, wire::Intent::Unknown},
      {0, 1, 0, 0, 0, 0, 0, 0, 0, static_cast<wire::Intent>(6)},
  };
  std::vector<wire::Fix> read;
  for (const wire::Fix& fix : bad) {
    const Status status = ReadHistoryColumns(Write({fix}), 1, 1, &read);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.code(), ErrorCode::kCorruption);
  }
}

TEST(HistoryBatch, CountsAndSequencesOutsideTheirRangesAreRefused) {
  const Bytes columns = Write({{0, 1, 0, 0, 0, 0, 0, 0, 0, wire::Intent::Unknown}});
  std::vector<wire::Fix> read;
  EXPECT_TRUE(ReadHistoryColumns(columns, 0xFFFF'FFFF, 1, &read).ok());
  for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{1} << 32, ~std::uint64_t{0}}) {
    EXPECT_EQ(ReadHistoryColumns(columns, first, 1, &read).code(), ErrorCode::kInvalidArgument);
  }
  for (const std::size_t count : {std::size_t{0}, kHistorySamplesMax + 1, ~std::size_t{0}}) {
    EXPECT_EQ(ReadHistoryColumns(columns, 1, count, &read).code(), ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace starling
