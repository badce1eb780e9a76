#include "edge/source/sensor_source.h"

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/geo/trigonometry.h"
#include "tests/edge/source/gnss/nmea_text.h"

namespace starling::edge {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

BootTime Now() {
  return BootTime(std::chrono::duration_cast<nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()));
}

class Sensors : public testing::Test {
 protected:
  Sensors() {
    std::string folder = (fs::temp_directory_path() / "starling-sensors-XXXXXX").string();
    EXPECT_NE(::mkdtemp(folder.data()), nullptr);
    folder_ = folder;
  }
  ~Sensors() override { fs::remove_all(folder_); }

  void Write(const std::string& name, const std::string& text) { std::ofstream(folder_ / name) << text; }
  LineDeviceConfig File(const std::string& name) const {
    LineDeviceConfig device;
    device.path = (folder_ / name).string();
    return device;
  }

  void RunToTheEnd(const SensorSourceConfig& config) {
    ASSERT_TRUE(config.Validate().ok());
    SensorSource source(config, &context_,
                        {Now, [this](const Sample& sample) { samples_.push_back(sample); },
                         [this](std::string_view from, std::string_view why) {
                           troubles_.push_back(std::string(from) + ": " + std::string(why));
                         },
                         [this](std::string_view why) { silences_.emplace_back(why); },
                         [this] { ended_ = true; }},
                        1);
    source.Start();
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!ended_ && std::chrono::steady_clock::now() < end) context_.run_one_for(std::chrono::milliseconds(100));
    EXPECT_TRUE(ended_);
    source.Stop();
    context_.run();
    json_ = source.CountersJson();
  }

  fs::path folder_;
  boost::asio::io_context context_;
  std::vector<Sample> samples_;
  std::vector<std::string> troubles_;
  std::vector<std::string> silences_;
  bool ended_ = false;
  std::string json_;
};

TEST_F(Sensors, ARecordingOfAReceiverBecomesSamples) {
  std::string text;
  for (int i = 0; i < 10; ++i) {
    text += Rmc(1000 + 100 * i, 48.1 + 1e-5 * i, 11.5, 11.1, 0) + "\r\n" + Gga(1000 + 100 * i, 48.1 + 1e-5 * i, 11.5) +
            "\r\n";
    if (i < 15) text += "rubbish\n";
  }
  Write("drive.nmea", text);
  SensorSourceConfig config;
  config.nmea = File("drive.nmea");
  RunToTheEnd(config);
  ASSERT_GE(samples_.size(), 5u);
  for (const Sample& sample : samples_) {
    EXPECT_NEAR(sample.position.lat_deg, 48.10005, 7e-5);
    EXPECT_NEAR(sample.speed_mps, 11.1, 0.01);
    EXPECT_NEAR(WrapAngle(sample.heading_rad), 0, 0.01);
  }
  // Each refusal is counted, and the first ten are told.
  EXPECT_EQ(troubles_.size(), 11u);
  EXPECT_THAT(json_, HasSubstr("\"refused_malformed\":10"));
  EXPECT_THAT(json_, HasSubstr("\"fixes\":10"));
  EXPECT_EQ(silences_.back(), "");
}

TEST_F(Sensors, WithoutASourceOfPositionsNothingStarts) {
  EXPECT_FALSE(SensorSourceConfig{}.Validate().ok());
}

}  // namespace
}  // namespace starling::edge
