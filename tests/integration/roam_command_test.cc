// starling-sim roam as people and scripts call it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "tests/integration/command_fixture.h"
#include "tests/sim/traffic/ring_road.h"

namespace starling {
namespace {

using testing::HasSubstr;

class RoamCommand : public CommandTest {
 protected:
  int Roam(const std::vector<std::string>& more) { return Call({STARLING_BIN "/starling-sim", "roam"}, more); }

  boost::json::value Report() const { return boost::json::parse(output_.substr(output_.rfind('{'))); }
};

TEST_F(RoamCommand, LawfulDriversTouchNobodyByEitherCount) {
  ASSERT_EQ(Roam({"--vehicles", "400", "--seconds", "60", "--contacts", "--json"}), 0) << output_;
  const boost::json::value report = Report();
  EXPECT_NEAR(report.at("simulated_s").to_number<double>(), 60, 1e-6);
  EXPECT_EQ(report.at("vehicle_updates").to_number<std::uint64_t>(), 400u * 600u);
  EXPECT_EQ(report.at("collisions").to_number<std::uint64_t>(), 0u);
  EXPECT_EQ(report.at("contacts_in_trajectories").to_number<std::uint64_t>(), 0u);
  EXPECT_GT(report.at("driven_km").to_number<double>(), 60);
}

// Otherwise a count of none would say nothing.
TEST_F(RoamCommand, BothCountsSeeWhatDriversDoWrong) {
  ASSERT_EQ(Roam({"--vehicles", "3000", "--seconds", "120", "--mistakes", "--contacts", "--json"}), 0) << output_;
  const boost::json::value report = Report();
  const auto counted = report.at("collisions").to_number<std::int64_t>();
  const auto seen = report.at("contacts_in_trajectories").to_number<std::int64_t>();
  EXPECT_GT(counted, 0);
  EXPECT_GT(seen, 0);
}

TEST_F(RoamCommand, TheSameTrafficWithAnyNumberOfThreads) {
  const std::vector<std::string> call = {"--vehicles", "300", "--seconds", "30", "--json"};
  const auto digest = [&](std::vector<std::string> more) {
    more.insert(more.begin(), call.begin(), call.end());
    EXPECT_EQ(Roam(more), 0) << output_;
    return std::string(Report().at("digest").as_string());
  };
  const std::string one = digest({});
  EXPECT_EQ(digest({"--threads", "2"}), one);
  EXPECT_NE(digest({"--seed", "2"}), one);
  EXPECT_NE(digest({"--city-seed", "2"}), one);
}

TEST_F(RoamCommand, DrivesInANetwork) {
  Write("city.net.xml", sim::RingRoadNetwork());
  ASSERT_EQ(Roam({"--network", Path("city.net.xml"), "--vehicles", "20", "--seconds", "20"}), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("collisions"));
}

TEST_F(RoamCommand, ExitCodesSayWhoWasWrong) {
  EXPECT_EQ(Roam({"--network", "no/such.net.xml"}), 1);
  EXPECT_THAT(output_, HasSubstr("no/such.net.xml"));
  EXPECT_EQ(Roam({"--vehicles", "10000", "--city-side", "1000"}), 1);
  EXPECT_THAT(output_, HasSubstr("has room for"));
  EXPECT_EQ(Roam({"--unknown"}), 2);
}

}  // namespace
}  // namespace starling
