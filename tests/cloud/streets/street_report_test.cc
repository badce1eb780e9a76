#include "cloud/streets/street_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <iterator>

#include "cloud/streets/sumo_network.h"
#include "tests/cloud/streets/small_city.h"

namespace starling::cloud {
namespace {

StreetReport SmallCity() {
  const Result<StreetNetwork> network = ParseSumoNetwork(kSmallCity, "city.net.xml");
  STARLING_CHECK(network.ok());
  return MakeStreetReport(network.value());
}

TEST(StreetReport, IsATableForPeople) {
  EXPECT_EQ(SmallCity().ToText(), R"(edges          11; 2 of them on the same ground as another one
lanes          12, 0.883 lane-km; for cars 9, 0.589 lane-km
in junctions   8 lanes
connections    11, 8 within junctions
junctions      11: dead_end 6, other 1, priority 2, right_before_left 1, traffic_light 1
roundabouts    1
signals        1 for 3 connections; 1 programmes
  in force     4 phases; signals by programme: 0 1
traffic        keeps right
projection     +proj=utm +zone=32
  offset       -600000.50, -5300000.25 m
extent         0.00, -100.00 to 310.00, 100.00 m
unsupported    (is in the file, and not taken over)
         1  <param> in <lane>
         1  <prohibition> in <net>
         1  <restriction> in <type>
         1  attribute acceleration of <lane>
         1  attribute visibility of <connection>
         1  connections with a railway's signal
         1  edges with function "walkingarea"
         1  heights of lanes
         1  junctions of type "rail_signal"
)");
}

TEST(StreetReport, IsOneObjectForMachines) {
  const boost::json::object json = boost::json::parse(SmallCity().ToJson()).as_object();
  EXPECT_EQ(json.at("lanes").to_number<int>(), 12);
  EXPECT_NEAR(json.at("lane_km").to_number<double>(), 0.883, 1e-9);
  EXPECT_EQ(json.at("junctions_by_kind").at("dead_end").to_number<int>(), 6);
  EXPECT_EQ(json.at("unsupported").at(0).at("what").as_string(), "<param> in <lane>");
  EXPECT_EQ(json.at("projection").at("proj").as_string(), "+proj=utm +zone=32");
  EXPECT_EQ(json.at("extent_m").as_array().size(), 4u);
}

TEST(StreetReport, EveryKeyIsDocumented) {
  std::ifstream page(STARLING_SOURCE_DIR "/docs/formats/sumo_network.md");
  const std::string text((std::istreambuf_iterator<char>(page)), std::istreambuf_iterator<char>());
  const boost::json::object json = boost::json::parse(SmallCity().ToJson()).as_object();
  for (const auto& entry : json) {
    EXPECT_THAT(text, testing::HasSubstr(std::string(1, '`').append(entry.key()).append("`")));
  }
}

}  // namespace
}  // namespace starling::cloud
