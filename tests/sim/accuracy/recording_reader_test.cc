#include "sim/accuracy/recording_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "common/geo/local_frame.h"
#include "tests/sim/accuracy/scene.h"

namespace starling::sim {
namespace {

using testing::HasSubstr;

class RecordingReaderTest : public testing::Test {
 protected:
  Result<ReadRecording> Read(const std::string& text) {
    options_.fcd = folder_.Write("fcd.csv", text);
    return ReadRecordingFile(options_, nullptr);
  }
  std::string Refusal(const std::string& text) {
    const Result<ReadRecording> read = Read(text);
    return read.ok() ? "read" : std::string(read.status().message());
  }

  SceneFolder folder_;
  RecordingOptions options_;
};

constexpr const char* kHead = "timestep_time;vehicle_id;vehicle_x;vehicle_y;vehicle_angle;vehicle_speed;vehicle_type\n";

TEST_F(RecordingReaderTest, AVehicleIsWhereItsRowsSayAndStraightBetween) {
  options_.sizes = {{"car", {4, 2}}};
  const Result<ReadRecording> read = Read(FcdOf({{"a", {1000, 500}, 90, 20, 0, 2}}));
  ASSERT_TRUE(read.ok()) << read.status().message();
  const Recording& recording = read.value().recording;
  EXPECT_FALSE(read.value().degrees);
  EXPECT_DOUBLE_EQ(recording.begin_s, 100);
  ASSERT_EQ(recording.tracks.size(), 1u);
  const VehicleTruth truth = recording.TruthAt(0, SimTime(milliseconds(1050)));
  EXPECT_NEAR(truth.position.x, 20 * 1.05 - 2, 1e-6);  // around the first place; the box's centre
  EXPECT_NEAR(truth.position.y, 0, 1e-6);
  EXPECT_NEAR(truth.speed_mps, 20, 1e-6);
  EXPECT_NEAR(truth.yaw_rate_radps, 0, 1e-6);
  EXPECT_FLOAT_EQ(static_cast<float>(truth.length_m), 4);
  EXPECT_NEAR(recording.vehicle_hours(), 2.0 / 3600, 1e-12);
}

TEST_F(RecordingReaderTest, AGapAndADisplacementBeginAnotherTrack) {
  const Result<ReadRecording> read = Read(std::string(kHead) +
                                          "0.0;a;0;0;90;10;\n0.0;b;0;9;90;10;\n"
                                          "0.1;a;1;0;90;10;\n"
                                          "0.2;a;2;0;90;10;\n0.2;b;2;9;90;10;\n"
                                          "0.3;a;40;0;90;10;\n0.3;b;3;9;90;10;\n");
  ASSERT_TRUE(read.ok()) << read.status().message();
  const Recording& recording = read.value().recording;
  ASSERT_EQ(recording.tracks.size(), 4u);
  EXPECT_EQ(recording.ids, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(recording.IdOf(2), "b");
  EXPECT_EQ(recording.tracks[2].first_step, 2u);
  EXPECT_EQ(recording.IdOf(3), "a");
  EXPECT_EQ(recording.tracks[3].first_step, 3u);
}

TEST_F(RecordingReaderTest, DegreesAreGuessedAndTheirPlanesNorthIsTurned) {
  // Drives to 40 degrees in the frame, and its angle says 38.
  const LocalFrame frame({444'900'000, 113'400'000});
  std::string text = kHead;
  for (int step = 0; step <= 200; ++step) {
    const GeoPoint place = frame.ToGeo(1.2 * step * HeadingVector(40 * kDegree));
    char row[120];
    std::snprintf(row, sizeof row, "%.1f;a;%.7f;%.7f;38.00;12.00;\n", step * 0.1, place.lon_deg, place.lat_deg);
    text += row;
  }
  const Result<ReadRecording> read = Read(text);
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_TRUE(read.value().degrees);
  EXPECT_NEAR(read.value().turned_rad, 2 * kDegree, 0.05 * kDegree);
  EXPECT_NEAR(read.value().recording.tracks[0].Row(100).heading_rad, 40 * kDegree, 0.05 * kDegree);
  EXPECT_EQ(read.value().types_without_size.at(""), 201u);
}

TEST_F(RecordingReaderTest, WhatXzAndZstdPackedIsTheSame) {
  const std::string plain = FcdOf({{"a", {0, 0}, 90, 20, 0, 2}});
  const std::string path = folder_.Write("fcd.csv", plain);
  for (const std::string program : {"xz", "zstd"}) {
    const std::string packed = folder_.Path("packed." + program);
    if (std::system((program + " -c '" + path + "' > '" + packed + "' 2> /dev/null").c_str()) != 0) {
      GTEST_SKIP() << program << " is not installed";
    }
    options_.fcd = packed;
    const Result<ReadRecording> read = ReadRecordingFile(options_, nullptr);
    ASSERT_TRUE(read.ok()) << read.status().message();
    EXPECT_EQ(read.value().rows, 21u);
    // Cut: in the middle of the stream, and of its end.
    const std::string bytes = folder_.Text("packed." + program);
    for (const std::size_t size : {bytes.size() / 2, bytes.size() - 1}) {
      options_.fcd = folder_.Write("cut." + program, bytes.substr(0, size));
      const Result<ReadRecording> cut = ReadRecordingFile(options_, nullptr);
      ASSERT_FALSE(cut.ok());
      EXPECT_THAT(std::string(cut.status().message()), HasSubstr("cut." + program + ":"));
    }
    // What is wrong is said by the file's own name, with the line.
    folder_.Write("wrong.csv", plain + "102.1;a;x;0;90;10;\n");
    ASSERT_EQ(std::system((program + " -c '" + folder_.Path("wrong.csv") + "' > '" + packed + "'").c_str()), 0);
    options_.fcd = packed;
    const Result<ReadRecording> wrong = ReadRecordingFile(options_, nullptr);
    ASSERT_FALSE(wrong.ok());
    EXPECT_EQ(wrong.status().message(), packed + ":23: expected a number as x of vehicle \"a\", not \"x\"");
  }
}

TEST_F(RecordingReaderTest, WhatItCannotUseIsRefusedAndSaysWhy) {
  const std::string head = kHead;
  EXPECT_THAT(Refusal(""), HasSubstr("fcd.csv:"));
  EXPECT_THAT(Refusal(head + "0;a;0;0;90;10;\n"), HasSubstr("expected two steps at least, not 1"));
  EXPECT_THAT(Refusal(head + "0;a;0;0;90;10;\n1.5;a;15;0;90;10;\n"), HasSubstr("expected steps of at most 1.0"));
  EXPECT_THAT(Refusal(head + "0;a;0;0;90;10;\n1;a;200000;0;90;10;\n"), HasSubstr("within 100 km"));
  EXPECT_THAT(Refusal(head + "0;a;0;0;90;10;\n0.1;a;nan;0;90;10;\n"), HasSubstr("fcd.csv:3: expected a number as x"));
  options_.sizes = {{"tram", {42, 2.4F}}};
  EXPECT_THAT(Refusal(head + "0;a;0;0;90;10;tram\n1;a;10;0;90;10;tram\n"), HasSubstr("type tram is 42"));
  options_.coordinates = RecordingOptions::Coordinates::kDegrees;
  EXPECT_THAT(Refusal(head + "0;a;500;600;90;10;\n1;a;510;600;90;10;\n"), HasSubstr("expected degrees of longitude"));
  options_.fcd = folder_.Path("none");
  EXPECT_THAT(std::string(ReadRecordingFile(options_, nullptr).status().message()), HasSubstr("none: No such file"));
}

}  // namespace
}  // namespace starling::sim
