#include "sim/demand/demand_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <iterator>

#include "tests/sim/demand/small_demand.h"

namespace starling::sim {
namespace {

DemandReport SmallReport(const DemandReportConfig& config) {
  const cloud::StreetNetwork network = SmallCity();
  return MakeDemandReport(SmallDemand(network), network, config);
}

TEST(DemandReport, IsATableForPeople) {
  // Without the flows that are left to chance.  8 of 185 m, one of 312.75 m, one of 248.25 m.
  const cloud::StreetNetwork network = SmallCity();
  Demand demand = SmallDemand(network);
  demand.flows.resize(4);
  demand.flows.erase(demand.flows.begin());
  EXPECT_EQ(MakeDemandReport(demand, network, {.begin_s = 7, .end_s = 40}).ToText(), R"(vehicles       6 one by one; 3 flows
types          5, 2 mixes of them
routes         8, 1 mixes of them
stops          2
departures     10 from 7 s to before 40 s; the first at 7.00 s, the last at 34.00 s
  route        204.1 m in the mean, 2.70 edges
  by type      DEFAULT_VEHTYPE 9, line 1
unsupported    (is in the files, and not taken over)
         1  <person> in <routes>
         1  <stop> at other places than lanes and bus stops
         1  <trip> with fromTaz
         1  <trip> without a route, between its stops
         1  <vehicle> with depart "triggered"
         1  attribute jmDriveAfterRedTime of <vType>
         1  attribute parking of <stop>
)");
}

TEST(DemandReport, SaysThatThereAreMore) {
  const DemandReport report = SmallReport({.departures_max = 100});
  EXPECT_TRUE(report.more);
  EXPECT_EQ(report.departures, 100u);
  EXPECT_THAT(report.ToText(), testing::HasSubstr("departures     more than 100 from 0 s"));
}

TEST(DemandReport, IsOneObjectForMachines) {
  const boost::json::object json = boost::json::parse(SmallReport({.end_s = 10}).ToJson()).as_object();
  EXPECT_EQ(json.at("vehicles").to_number<int>(), 6);
  EXPECT_EQ(json.at("flows").to_number<int>(), 6);
  EXPECT_FALSE(json.at("more").as_bool());
  EXPECT_EQ(json.at("unsupported").at(0).at("what").as_string(), "<person> in <routes>");
}

TEST(DemandReport, EveryKeyIsDocumented) {
  std::ifstream page(STARLING_SOURCE_DIR "/docs/formats/sumo_routes.md");
  const std::string text((std::istreambuf_iterator<char>(page)), std::istreambuf_iterator<char>());
  const boost::json::object json = boost::json::parse(SmallReport({}).ToJson()).as_object();
  for (const auto& entry : json) {
    EXPECT_THAT(text, testing::HasSubstr(std::string(1, '`').append(entry.key()).append("`")));
  }
}

}  // namespace
}  // namespace starling::sim
