#include "edge/source/sample_json.h"

#include <boost/json/src.hpp>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/geo/trigonometry.h"
#include "common/telemetry/fix_codec.h"
#include "edge/source/json_cursor.h"

namespace starling::edge {
namespace {

constexpr BootTime kNow = BootTimeFromNs(5'000'000'000);
constexpr const char* kRequired =
    R"("lat_deg":44.5,"lon_deg":11.3,"heading_deg":90,"speed_mps":12.5)";

// Of docs/formats/sample_json.md.
constexpr const char* kDocumented =
    R"({"boot_time_ns":46408654976000,"lat_deg":37.7209977,"lon_deg":-122.4723053,"heading_deg":2.14,)"
    R"("speed_mps":7.82,"accel_mps2":0.91,"yaw_rate_dps":0.21,"accuracy_m":1.4,"intent":"idle"})";

std::string With(const std::string& more) { return std::string("{").append(kRequired).append(more).append("}"); }

// Why the line is refused; "taken" if it is not.
std::string Why(const std::string& line) {
  const auto sample = ParseSampleLine(line, kNow);
  return sample.ok() ? "taken" : std::string(sample.status().message());
}

TEST(SampleJson, ReadsTheDocumentedLine) {
  const auto sample = ParseSampleLine(kDocumented, kNow);
  ASSERT_TRUE(sample.ok()) << sample.status().message();
  EXPECT_EQ(ToNs(sample.value().time), 46'408'654'976'000u);
  EXPECT_EQ(sample.value().position, (GeoPoint{37.7209977, -122.4723053}));
  EXPECT_DOUBLE_EQ(sample.value().heading_rad, 2.14 * kDegree);
  EXPECT_DOUBLE_EQ(sample.value().speed_mps, 7.82);
  EXPECT_DOUBLE_EQ(sample.value().accel_mps2, 0.91);
  EXPECT_DOUBLE_EQ(sample.value().yaw_rate_radps, 0.21 * kDegree);
  EXPECT_DOUBLE_EQ(sample.value().accuracy_m, 1.4);
  EXPECT_EQ(sample.value().intent, wire::Intent::Idle);
  EXPECT_TRUE(sample.value().path.empty());
}

TEST(SampleJson, WritesTheDocumentedLine) {
  const auto sample = ParseSampleLine(kDocumented, kNow);
  ASSERT_TRUE(sample.ok());
  EXPECT_EQ(ToJsonLine(sample.value()), kDocumented);
}

TEST(SampleJson, DefaultsAreNowAndZero) {
  const auto sample = ParseSampleLine(" { " + std::string(kRequired) + " }\r", kNow);
  ASSERT_TRUE(sample.ok()) << sample.status().message();
  EXPECT_EQ(sample.value().time, kNow);
  EXPECT_EQ(sample.value().accel_mps2, 0);
  EXPECT_EQ(sample.value().yaw_rate_radps, 0);
  EXPECT_EQ(sample.value().accuracy_m, 0);
  EXPECT_EQ(sample.value().intent, wire::Intent::Unknown);
}

TEST(SampleJson, ReadsThePath) {
  const auto sample = ParseSampleLine(
      With(R"(,"path":[{"length_m":12.5,"curvature_per_m":0.02},{"curvature_per_m":-1e-2,"length_m":30}])"),
      kNow);
  ASSERT_TRUE(sample.ok()) << sample.status().message();
  ASSERT_EQ(sample.value().path.size(), 2u);
  EXPECT_EQ(sample.value().path.arcs()[0].length_m, 12.5);
  EXPECT_EQ(sample.value().path.arcs()[1].curvature_per_m, -0.01);
}

TEST(SampleJson, EveryRequiredKeyIsRequired) {
  const std::vector<std::string> all = {R"("lat_deg":1)", R"("lon_deg":1)", R"("heading_deg":1)",
                                        R"("speed_mps":1)"};
  for (std::size_t missing = 0; missing < all.size(); ++missing) {
    std::string line;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (i != missing) (line += line.empty() ? "{" : ",") += all[i];
    }
    const std::string name(all[missing], 0, all[missing].find(':'));
    EXPECT_EQ(Why(line + "}"), name + " is missing");
  }
}

TEST(SampleJson, RefusesWithTheReason) {
  EXPECT_EQ(Why(""), "column 1: expected '{', the line ends");
  EXPECT_EQ(Why("[]"), "column 1: expected '{'");
  EXPECT_EQ(Why("{}"), "column 2: expected a string");
  EXPECT_EQ(Why(With(R"(,"speed":3)")), "unknown key \"speed\"");
  EXPECT_EQ(Why(With(R"(,"lat_deg":3)")), "\"lat_deg\" is there twice");
  EXPECT_EQ(Why(With(R"(,"accel_mps2":"3")")), "accel_mps2: column 79: expected a number");
  EXPECT_EQ(Why(With(R"(,"accel_mps2":null)")), "accel_mps2: column 79: expected a number");
  EXPECT_EQ(Why(With(R"(,"accel_mps2":NaN)")), "accel_mps2: column 79: expected a number");
  EXPECT_EQ(Why(With(R"(,"accel_mps2":61)")), "accel_mps2: 61 is not within -60 and 60");
  EXPECT_EQ(Why(With(R"(,"accuracy_m":-1)")), "accuracy_m: -1 is not within 0 and 1e+06");
  EXPECT_EQ(Why(With(R"(,"boot_time_ns":1.5)")),
            "boot_time_ns: column 84: expected a whole number of digits alone");
  EXPECT_EQ(Why(With(R"(,"boot_time_ns":9223372036854775808)")),
            "boot_time_ns: boot_time_ns does not fit 63 bits");
  EXPECT_EQ(Why(With(R"(,"intent":"drunk")")), "intent: unknown intent \"drunk\"");
  EXPECT_EQ(Why(With(R"(,"intent":3)")), "intent: column 75: expected a string");
  EXPECT_EQ(Why(With(R"(,"path":[{"length_m":1}])")), "path: path needs length_m and curvature_per_m");
  EXPECT_EQ(Why(With(R"(,"path":[{"length_m":-1}])")), "path: length_m: -1 is not within 0 and 655");
  EXPECT_EQ(Why(With("") + "x"), "column 66: something follows the object");
  EXPECT_EQ(Why(std::string(kSampleLineBytesMax + 1, ' ')), "line is longer than 65536 bytes");
}

TEST(SampleJson, NumbersAreThoseOfJsonAndNoOthers) {
  for (const char* good : {"0", "-0", "1", "10.5", "1e1", "1E+1", "1.5e-3"}) {
    EXPECT_EQ(Why(With(R"(,"accel_mps2":)" + std::string(good))), "taken") << good;
  }
  for (const char* bad : {"", "+1", "01", "1.", ".5", "1e", "1e+", "0x10", "inf", "-", "1 2", "1e999"}) {
    EXPECT_NE(Why(With(R"(,"accel_mps2":)" + std::string(bad))), "taken") << bad;
  }
}

TEST(SampleJson, APathOfNineArcsIsRefused) {
  std::string path;
  for (int i = 0; i < 9; ++i) (path += i ? "," : "") += R"({"length_m":1,"curvature_per_m":0})";
  EXPECT_EQ(Why(With(",\"path\":[" + path + "]")), "path: path has more than 8 arcs");
}

TEST(SampleJson, EveryCutOfALineIsRefused) {
  const std::string line = kDocumented;
  for (std::size_t length = 0; length < line.size(); ++length) {
    EXPECT_NE(Why(line.substr(0, length)), "taken") << length;
  }
}

// Whatever we take, Boost.JSON takes too, and it reads the same numbers.
TEST(SampleJson, AgreesWithBoostJsonOnDamagedLines) {
  for (std::uint32_t seed = 1; seed <= 20'000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    std::string line = kDocumented;
    for (unsigned i = 0; i <= random() % 3; ++i) {
      line[random() % line.size()] = R"( {}[]":,.-+eE0159xn)"[random() % 19];
    }
    const auto sample = ParseSampleLine(line, kNow);
    boost::system::error_code error;
    const boost::json::value value = boost::json::parse(line, error);
    if (!sample.ok()) continue;
    ASSERT_FALSE(error) << line;
    EXPECT_EQ(sample.value().position.lat_deg, value.at("lat_deg").to_number<double>());
    EXPECT_EQ(sample.value().speed_mps, value.at("speed_mps").to_number<double>());
  }
}

// What is written is read back to half of its last digit.
TEST(SampleJson, RoundTripKeepsTheResolutionOfTheWire) {
  for (std::uint32_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const auto within = [&random](double limit) {
      return std::uniform_real_distribution<double>(-limit, limit)(random);
    };
    Sample sample;
    sample.time = BootTimeFromNs(random());
    sample.position = {within(84), within(179)};
    sample.heading_rad = within(10);
    sample.speed_mps = within(60);
    sample.accel_mps2 = within(9);
    sample.yaw_rate_radps = within(1);
    sample.accuracy_m = std::abs(within(30));
    sample.intent = static_cast<wire::Intent>(random() % 6);
    for (unsigned i = 0; i < random() % 9; ++i) sample.path.Append({std::abs(within(300)), within(0.3)});
    const auto back = ParseSampleLine(ToJsonLine(sample), kNow);
    ASSERT_TRUE(back.ok()) << back.status().message();
    EXPECT_EQ(back.value().time, sample.time);
    EXPECT_NEAR(back.value().position.lat_deg, sample.position.lat_deg, 0.51e-7);
    EXPECT_NEAR(back.value().position.lon_deg, sample.position.lon_deg, 0.51e-7);
    EXPECT_NEAR(WrapAngle(back.value().heading_rad - sample.heading_rad), 0, 0.00501 * kDegree);
    EXPECT_NEAR(back.value().speed_mps, sample.speed_mps, 0.00501);
    EXPECT_NEAR(back.value().yaw_rate_radps, sample.yaw_rate_radps, 0.00501 * kDegree);
    EXPECT_EQ(back.value().intent, sample.intent);
    ASSERT_EQ(back.value().path.size(), sample.path.size());
  }
}

TEST(SampleJson, StringsAreEscaped) {
  std::string json;
  AppendJsonString("a\"b\\c\n\xC3", &json);
  EXPECT_EQ(json, R"("a\"b\\c\u000a?")");
}

}  // namespace
}  // namespace starling::edge
