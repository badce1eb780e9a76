#include "sim/replay/drive.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "common/geo/trigonometry.h"
#include "sim/replay/prediction_probe.h"
#include "sim/replay/series.h"

namespace starling::sim {
namespace {

CsvTable Table(const std::string& text) {
  std::istringstream stream(text);
  return ReadCsv(&stream).value();
}

Result<Drive> DriveOf(const std::string& text) { return MakeDrive(Table(text), {}, {}); }

std::string Why(const std::string& text) {
  std::istringstream stream(text);
  const auto table = ReadCsv(&stream);
  if (!table.ok()) return std::string(table.status().message());
  const auto drive = MakeDrive(table.value(), {}, {});
  return drive.ok() ? "taken" : std::string(drive.status().message());
}

// Due north at 10 m/s, a row each 100 ms but those left out.
std::string North(int rows, int gap_from = -1, int gap_to = -1) {
  std::ostringstream text;
  text << "time_ms,lat_deg,lon_deg\n";
  text.precision(12);
  for (int i = 0; i < rows; ++i) {
    if (i > gap_from && i < gap_to) continue;
    text << i * 100 << ',' << 45 + i / 111'195.0 << ",11\n";
  }
  return text.str();
}

// A distance that a degree of latitude on a sphere puts off by 0.6 %.
constexpr double kSphere = 0.007;

TEST(Csv, ReadsColumnsAndEmptyCells) {
  const CsvTable table = Table("\xEF\xBB\xBF" "a, b\r\n1,2.5\r\n\r\n,-3e2\n");
  EXPECT_EQ(table.columns, (std::vector<std::string>{"a", "b"}));
  ASSERT_EQ(table.rows(), 2u);
  EXPECT_EQ(table.values[1][0], 2.5);
  EXPECT_TRUE(std::isnan(table.values[0][1]));
  EXPECT_EQ(table.values[1][1], -300);
  EXPECT_EQ(table.rows_refused, 0u);
}

TEST(Csv, BadRowsAreRefusedByNumberAndTheRestIsRead) {
  const CsvTable table = Table("a,b\n1,2\n1\n1,x\n1,nan\n1,inf\n3,4\n");
  EXPECT_EQ(table.rows(), 2u);
  EXPECT_EQ(table.rows_refused, 4u);
  EXPECT_EQ(table.complaints[0], "line 3: 1 cells, the header has 2");
  EXPECT_EQ(table.complaints[1], "line 4: b is \"x\", which is no number");
}

TEST(Csv, WhatIsMissingIsNamed) {
  EXPECT_EQ(Why(""), "there is no header");
  EXPECT_EQ(Why("a,,b\n"), "a column has no name");
  EXPECT_EQ(Why("a,a\n"), "column a is there twice");
  EXPECT_NE(Why("lat_deg,lon_deg\n1,1\n2,2\n").find("no column for time; one of boot_time_s"), std::string::npos);
  EXPECT_NE(Why("time_s,lon_deg\n1,1\n2,2\n").find("no column for latitude"), std::string::npos);
  EXPECT_NE(Why("time_s,lat_deg\n1,1\n2,2\n").find("no column for longitude"), std::string::npos);
  EXPECT_EQ(Why("time_s,lat_deg,lon_deg\n1,1,1\n"), "a drive needs two positions");
}

TEST(Series, InterpolatesUpToHalfASecondAndNotOverIt) {
  const Series series({0, 0.5, 1.25}, {0, 10, 20});
  EXPECT_EQ(series.At(0.25), 5);
  EXPECT_EQ(series.At(0.5), 10);
  EXPECT_EQ(series.At(0.75), std::nullopt);
  EXPECT_EQ(series.At(1.25), 20);
  EXPECT_EQ(series.At(-0.1), std::nullopt);
  EXPECT_EQ(series.At(1.3), std::nullopt);
}

TEST(Series, AnAngleGoesTheShortWayRound) {
  const Series series({0, 0.2}, {359, 1}, 360);
  EXPECT_NEAR(*series.At(0.1), 360, 1e-9);
  EXPECT_NEAR(*series.SlopeAt(0.1, 0.1), 10, 1e-9);
}

TEST(Series, MeanTakesWhatLiesAround) {
  const Series series({0, 0.01, 0.02, 0.03, 0.5}, {1, 2, 3, 4, 9});
  EXPECT_EQ(series.MeanAround(0.01, 0.011), 2);
  EXPECT_EQ(series.MeanAround(0.5, 0.05), 9);
}

TEST(Drive, DerivesHeadingSpeedAndTurnFromPositions) {
  const auto drive = DriveOf(North(51));
  ASSERT_TRUE(drive.ok()) << drive.status().message();
  ASSERT_EQ(drive.value().samples.size(), 51u);
  for (std::size_t i = 5; i < 45; ++i) {
    const Sample& sample = drive.value().samples[i];
    EXPECT_EQ(sample.time, BootTime(i * milliseconds(100)));
    EXPECT_NEAR(sample.heading_rad, 0, 1e-6);
    EXPECT_NEAR(sample.speed_mps, 10, 10 * kSphere);
    EXPECT_NEAR(sample.accel_mps2, 0, 1e-3);
    EXPECT_NEAR(sample.yaw_rate_radps, 0, 1e-6);
  }
}

TEST(Drive, AGapStaysAGap) {
  const auto drive = DriveOf(North(61, 20, 30));  // no row between 2.0 s and 3.0 s
  ASSERT_TRUE(drive.ok());
  ASSERT_EQ(drive.value().gaps.size(), 1u);
  EXPECT_NEAR(drive.value().gaps[0].from_s, 2, 1e-9);
  EXPECT_NEAR(drive.value().gaps[0].to_s, 3, 1e-9);
  EXPECT_EQ(drive.value().samples.size(), 52u);
  for (const Sample& sample : drive.value().samples) {
    const double at_s = ToSeconds(sample.time.time_since_epoch());
    EXPECT_FALSE(at_s > 2.01 && at_s < 2.99) << at_s;
  }
}

TEST(Drive, ResamplesJitteredRowsOntoOneGrid) {
  const auto drive = DriveOf(
      "time_s,lat_deg,lon_deg,speed_mps\n100.00,45,11,10\n100.09,45.0009,11,10.9\n"
      "100.21,45.0021,11,12.1\n100.32,45.0032,11,13.2\n");
  ASSERT_TRUE(drive.ok());
  ASSERT_EQ(drive.value().samples.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(drive.value().samples[i].position.lat_deg, 45 + 0.001 * static_cast<double>(i), 1e-9);
  }
  EXPECT_NEAR(drive.value().samples[1].accel_mps2, 10, 0.1);
}

// The example of docs/formats/drive_csv.md.
TEST(Drive, ReadsTheDocumentedExample) {
  const auto drive = DriveOf(
      "time_ms,lat_deg,lon_deg,speed_mps\n1000,45.0000000,11.0000000,10.0\n"
      "1110,45.0000099,11.0000000,10.1\n");
  ASSERT_TRUE(drive.ok());
  ASSERT_EQ(drive.value().samples.size(), 2u);
  EXPECT_NEAR(drive.value().samples[1].position.lat_deg, 45.000009, 1e-9);
}

TEST(Drive, TakesUnitsFromNamesAndListsWhatItIgnores) {
  const auto drive = DriveOf(
      "time_ns,lat_deg,lon_deg,bearing_deg,speed_kmh,yaw_rate_dps,accel_mps2,accuracy_m,colour\n"
      "0,45,11,90,36,2,0.5,1.5,7\n100000000,45,11.0001,92,36,2,0.5,1.5,7\n");
  ASSERT_TRUE(drive.ok());
  const Sample& sample = drive.value().samples[0];
  EXPECT_NEAR(sample.heading_rad, 90 * kDegree, 1e-12);
  EXPECT_NEAR(sample.speed_mps, 10, 1e-12);
  EXPECT_NEAR(sample.yaw_rate_radps, 2 * kDegree, 1e-12);
  EXPECT_EQ(sample.accel_mps2, 0.5);
  EXPECT_EQ(sample.accuracy_m, 1.5);
  EXPECT_EQ(drive.value().ignored, (std::vector<std::string>{"colour"}));
}

TEST(Drive, TimesThatDoNotRiseAreRefused) {
  const auto drive = DriveOf("time_s,lat_deg,lon_deg\n0,45,11\n0,46,11\n,47,11\n0.1,45.00001,11\n");
  ASSERT_TRUE(drive.ok());
  EXPECT_EQ(drive.value().rows_refused, 2u);
  EXPECT_EQ(drive.value().samples.size(), 2u);
}

TEST(Drive, AStandingVehicleKeepsItsHeading) {
  std::string rows = "time_s,lat_deg,lon_deg\n";
  for (int i = 0; i < 10; ++i) rows += std::to_string(i * 0.1) + ",45," + std::to_string(11 + i * 1e-5) + "\n";
  for (int i = 10; i < 30; ++i) rows += std::to_string(i * 0.1) + ",45," + std::to_string(11 + 9e-5) + "\n";
  const auto drive = DriveOf(rows);
  ASSERT_TRUE(drive.ok());
  EXPECT_NEAR(drive.value().samples.back().heading_rad, kPi / 2, 0.01);
  EXPECT_NEAR(drive.value().samples.back().speed_mps, 0, 1e-9);
}

TEST(PredictionProbe, MeasuresAgainstTheLastFrame) {
  PredictionProbe probe({45, 11});
  Sample sample;
  sample.position = {45, 11};
  sample.speed_mps = 10;
  probe.OnSample(sample, true);
  EXPECT_EQ(probe.count(), 0u);
  sample.time += seconds(1);             // has not moved; was thought 10 m north
  probe.OnSample(sample, false);
  EXPECT_NEAR(probe.ErrorAt(1), 10, 0.02);
  sample.speed_mps = 0;
  probe.OnSample(sample, true);
  sample.time += seconds(1);
  probe.OnSample(sample, false);
  EXPECT_EQ(probe.count(), 3u);
  EXPECT_NEAR(probe.ErrorAt(0), 0, 0.02);
}

// One real minute: 579 fixes, none more than 0.2 s apart, 7.8 to 20 m/s.
TEST(Drive, ReadsTheRecordedDriveWithoutAGap) {
  const char* const data = std::getenv("STARLING_DATA");
  const std::filesystem::path folder =
      (data != nullptr ? std::filesystem::path(data)
                       : std::filesystem::path(STARLING_SOURCE_DIR) / "../shared/data") /
      "comma2k19_drive";
  if (!std::filesystem::exists(folder)) {
    GTEST_SKIP() << folder << " is not there; STARLING_DATA names the folder that holds it";
  }
  const auto drive = LoadDrive(folder);
  ASSERT_TRUE(drive.ok()) << drive.status().message();
  EXPECT_EQ(drive.value().rows, 579u);
  EXPECT_EQ(drive.value().rows_refused, 0u);
  EXPECT_TRUE(drive.value().gaps.empty());
  EXPECT_EQ(drive.value().samples.size(), 598u);

  // The gyroscope and the bearings agree on which way it turns, and how far.
  const auto& samples = drive.value().samples;
  double turned_rad = 0;
  for (std::size_t i = 1; i < samples.size(); ++i) {
    EXPECT_GT(samples[i].speed_mps, 7);
    EXPECT_LT(samples[i].speed_mps, 20.5);
    turned_rad += samples[i].yaw_rate_radps * 0.1;
  }
  const double by_bearing_rad = WrapAngle(samples.back().heading_rad - samples.front().heading_rad);
  EXPECT_NEAR(turned_rad, by_bearing_rad, 0.15);
}

}  // namespace
}  // namespace starling::sim
