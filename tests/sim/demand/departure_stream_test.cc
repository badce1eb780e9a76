#include "sim/demand/departure_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "tests/sim/demand/small_demand.h"

namespace starling::sim {
namespace {

using testing::ElementsAre;

class Departures : public testing::Test {
 protected:
  // Of the demand that `elements` are, each as "ID@TIME".
  std::vector<std::string> Of(const std::string& elements, std::uint64_t seed = 1) {
    Parse(elements);
    std::vector<std::string> departures;
    DepartureStream stream(demand_, seed);
    while (const auto next = stream.Next()) {
      char text[64];
      std::snprintf(text, sizeof text, "%s@%g", next->id().c_str(), next->time_s);
      departures.emplace_back(text);
    }
    return departures;
  }
  void Parse(const std::string& elements) {
    auto read = ParseSumoDemand({{"test", "<routes><route id='r' edges='sc cn'/>" + elements + "</routes>"}}, network_);
    STARLING_CHECK(read.ok());
    demand_ = std::move(read).value();
  }
  std::vector<Departing> All(std::uint64_t seed) {
    std::vector<Departing> all;
    DepartureStream stream(demand_, seed);
    while (const auto next = stream.Next()) all.push_back(*next);
    return all;
  }

  const cloud::StreetNetwork network_ = SmallCity();
  Demand demand_;
};

// What SUMO 1.15 makes of them (--vehroute-output with intended departures).
TEST_F(Departures, FlowsAreSpacedAsSumoSpacesThem) {
  EXPECT_THAT(Of("<flow id='a' route='r' begin='10' end='40' number='3'/>"),
              ElementsAre("a.0@10", "a.1@20", "a.2@30"));
  EXPECT_THAT(Of("<flow id='b' route='r' begin='10' end='40' period='10'/>"),
              ElementsAre("b.0@10", "b.1@20", "b.2@30"));
  EXPECT_THAT(Of("<flow id='c' route='r' begin='10' end='30' vehsPerHour='720'/>"),
              ElementsAre("c.0@10", "c.1@15", "c.2@20", "c.3@25"));
  EXPECT_THAT(Of("<flow id='d' route='r' begin='10' number='2' period='7'/>"), ElementsAre("d.0@10", "d.1@17"));
  EXPECT_THAT(Of("<flow id='f' route='r' begin='0:0:10' end='13' probability='1'/>"),
              ElementsAre("f.0@10", "f.1@11", "f.2@12"));
  EXPECT_THAT(Of("<flow id='h' route='r' begin='10' number='4'/>"),
              ElementsAre("h.0@10", "h.1@21610", "h.2@43210", "h.3@64810"));
  EXPECT_THAT(Of("<flow id='n' route='r' number='0'/><flow id='o' route='r' begin='5' end='5' number='2'/>"),
              ElementsAre("o.0@5", "o.1@5"));
}

TEST_F(Departures, FlowsAndVehiclesAreOneRow) {
  EXPECT_THAT(Of("<vehicle id='v' route='r' depart='12'/><flow id='a' route='r' begin='10' end='16' period='2'/>"
                 "<flow id='b' route='r' begin='11' number='2' period='1'/><vehicle id='w' route='r' depart='0'/>"),
              ElementsAre("w@0", "a.0@10", "b.0@11", "v@12", "a.1@12", "b.1@12", "a.2@14"));
}

TEST_F(Departures, ChanceAndExponentialGapsHaveTheirMeans) {
  Parse("<flow id='a' route='r' end='100000' probability='0.25'/>"
        "<flow id='b' route='r' end='100000' period='exp(0.5)'/>");
  std::map<std::string, double> counts;
  std::vector<double> gaps;
  double before_s = 0;
  for (const Departing& next : All(3)) {
    ++counts[next.departure->id];
    if (next.departure->id == "a") {
      EXPECT_EQ(next.time_s, std::floor(next.time_s));
      continue;
    }
    gaps.push_back(next.time_s - before_s);
    before_s = next.time_s;
  }
  EXPECT_NEAR(counts["a"], 25'000, 4 * 137);  // four standard deviations
  EXPECT_NEAR(counts["b"], 50'000, 4 * 224);
  // An exponential distribution: e^-1 of the gaps are longer than the mean, e^-3 than three.
  const auto longer = [&](double gap_s) {
    return static_cast<double>(std::count_if(gaps.begin(), gaps.end(), [&](double gap) { return gap > gap_s; })) /
           static_cast<double>(gaps.size());
  };
  EXPECT_NEAR(longer(2), std::exp(-1), 0.01);
  EXPECT_NEAR(longer(6), std::exp(-3), 0.005);
}

TEST_F(Departures, TypesRoutesAndFactorsHaveTheirDistributions) {
  auto read = ParseSumoDemand(
      {{"a.xml", "<routes><route id='n' edges='sc cn'/><route id='w' edges='wc cn'/>"
                 "<routeDistribution id='ways' routes='n w' probabilities='1 4'/>"
                 "<flow id='f' type='cars' route='ways' end='40000' period='1'/></routes>"},
       {"types", kSmallTypes}},
      network_);
  ASSERT_TRUE(read.ok()) << read.status().message();
  demand_ = std::move(read).value();
  std::map<std::string, double> types, routes;
  double sum = 0, squares = 0, quick = 0;
  for (const Departing& next : All(5)) {
    const std::string& type = demand_.types[next.type].id;
    ++types[type];
    ++routes[demand_.routes[next.route].id];
    if (type == "slow") {
      EXPECT_EQ(next.speed_factor, 0.9);
      continue;
    }
    EXPECT_GE(next.speed_factor, 0.8);
    EXPECT_LE(next.speed_factor, 1.5);
    sum += next.speed_factor;
    squares += next.speed_factor * next.speed_factor;
    ++quick;
  }
  EXPECT_NEAR(types["quick"], 30'000, 4 * 87);
  EXPECT_NEAR(types["slow"], 10'000, 4 * 87);
  EXPECT_NEAR(routes["w"], 32'000, 4 * 80);
  // A normal distribution (1.1, 0.2) between 0.8 and 1.5; the formulas for a truncated one.
  EXPECT_NEAR(sum / quick, 1.1166, 0.004);
  EXPECT_NEAR(std::sqrt(squares / quick - sum / quick * sum / quick), 0.1626, 0.004);
}

TEST_F(Departures, FollowFromTheSeedAlone) {
  demand_ = SmallDemand(network_);
  const auto once = All(7), again = All(7), other = All(8);
  ASSERT_EQ(once.size(), again.size());
  EXPECT_GT(once.size(), 1'000u);
  for (std::size_t i = 0; i < once.size(); ++i) {
    EXPECT_EQ(once[i].id(), again[i].id());
    EXPECT_EQ(once[i].time_s, again[i].time_s);
    EXPECT_EQ(once[i].type, again[i].type);
    EXPECT_EQ(once[i].speed_factor, again[i].speed_factor);
    EXPECT_GE(once[i].time_s, once[i == 0 ? 0 : i - 1].time_s);
  }
  EXPECT_NE(once.size(), other.size());
}

// A flow that is added does not change what is drawn for those who were there.
TEST_F(Departures, DoNotDependOnOthers) {
  const std::string flow = "<flow id='a' route='r' end='1000' probability='0.5'/>";
  const auto alone = Of(flow);
  auto among = Of("<vehicle id='v' route='r' depart='12'/>" + flow +
                  "<flow id='b' route='r' end='1000' period='exp(1)'/>");
  among.erase(std::remove_if(among.begin(), among.end(), [](const std::string& id) { return !id.starts_with("a."); }),
              among.end());
  EXPECT_EQ(alone, among);
}

TEST_F(Departures, AMillionDoNotDrift) {
  Parse("<flow id='a' route='r' end='100000' period='0.1'/>");
  DepartureStream stream(demand_, 1);
  Departing last;
  std::uint64_t count = 0;
  while (const auto next = stream.Next()) last = *next, ++count;
  EXPECT_EQ(count, 1'000'000u);
  EXPECT_NEAR(last.time_s, 99'999.9, 1e-9);
}

}  // namespace
}  // namespace starling::sim
