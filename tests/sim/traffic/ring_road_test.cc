// One lane in a circle: what traffic flow theory says in closed form.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

#include "cloud/streets/sumo_network.h"
#include "common/geo/trigonometry.h"
#include "sim/city/street_city.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {
namespace {

constexpr double kAroundM = 2000;
constexpr double kLimitMps = 14;

// Half a circle from the angle `from_rad` on.
std::string HalfCircle(double from_rad) {
  const double radius = kAroundM / (2 * kPi);
  std::string shape;
  for (int i = 0; i <= 90; ++i) {
    const double at = from_rad + kPi * i / 90;
    shape += std::to_string(radius * std::cos(at)) + "," + std::to_string(radius * std::sin(at)) + " ";
  }
  shape.pop_back();
  return shape;
}

City RingRoad() {
  const std::string lane = "\" index=\"0\" speed=\"" + std::to_string(kLimitMps) + "\" length=\"" +
                           std::to_string(kAroundM / 2) + "\" shape=\"";
  const std::string junction = "\" shape=\"0,0\"><request index=\"0\" response=\"0\" foes=\"0\" cont=\"0\"/></junction>\n";
  const std::string net =
      "<net version=\"1.9\">\n"
      "<location netOffset=\"0.00,0.00\" convBoundary=\"0,0,1,1\" origBoundary=\"0,0,1,1\" projParameter=\"!\"/>\n"
      "<edge id=\"a\" from=\"E\" to=\"W\" priority=\"1\"><lane id=\"a_0" + lane + HalfCircle(0) + "\"/></edge>\n"
      "<edge id=\"b\" from=\"W\" to=\"E\" priority=\"1\"><lane id=\"b_0" + lane + HalfCircle(kPi) + "\"/></edge>\n"
      "<junction id=\"W\" type=\"priority\" x=\"-318\" y=\"0\" incLanes=\"a_0\" intLanes=\"" + junction +
      "<junction id=\"E\" type=\"priority\" x=\"318\" y=\"0\" incLanes=\"b_0\" intLanes=\"" + junction +
      "<connection from=\"a\" to=\"b\" fromLane=\"0\" toLane=\"0\" dir=\"s\" state=\"M\"/>\n"
      "<connection from=\"b\" to=\"a\" fromLane=\"0\" toLane=\"0\" dir=\"s\" state=\"M\"/>\n"
      "</net>\n";
  const auto network = cloud::ParseSumoNetwork(net, "ring.net.xml");
  EXPECT_TRUE(network.ok()) << network.status().message();
  return std::move(MakeStreetCity(network.value())).value().city;
}

// The speed at which a platoon keeps `gap_m`.
double EquilibriumSpeed(const CarFollowing& model, double gap_m, double desired_mps) {
  double low = 0;
  double high = desired_mps * (1 - 1e-9);
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (model.EquilibriumGap(middle, desired_mps) < gap_m ? low : high) = middle;
  }
  return low;
}

// Source: M. Treiber, A. Kesting, Traffic Flow Dynamics (2013), equation 11.19: the Intelligent
// Driver Model's steady state.
TEST(RingRoad, HasTheModelsFundamentalDiagram) {
  const City city = RingRoad();
  for (const std::uint32_t vehicles : {20, 40, 60, 76}) {
    TrafficConfig config = TrafficConfig::PerfectDrivers();
    config.vehicles = vehicles;
    config.places = 2;
    config.warm_up_s = 600;
    Traffic traffic(city, config);
    double sum = 0;
    constexpr int kSteps = 1200;
    for (int step = 1; step <= kSteps; ++step) {
      traffic.AdvanceTo(SimTime(step * Traffic::kStep));
      sum += traffic.MeanSpeed();
    }
    const double speed = sum / kSteps;
    const double gap_m = kAroundM / vehicles - kVehicleLengthM;
    // Nobody overtakes: the slowest of them, at 0.9 of the limit or a little more, leads.
    const double slowest = EquilibriumSpeed(CarFollowing(), gap_m, 0.9 * kLimitMps);
    std::printf("%2.0f vehicles/km: %5.2f m/s, %4.0f vehicles/h; closed form %5.2f m/s\n", vehicles / kAroundM * 1000, speed,
                speed * vehicles / kAroundM * 3600, slowest);
    EXPECT_NEAR(speed, slowest, 0.1 * slowest) << vehicles;
    EXPECT_EQ(traffic.counters().collisions, 0u);
  }
}

// A disturbance does not grow from driver to driver.
TEST(RingRoad, APlatoonIsStable) {
  const City city = RingRoad();
  TrafficConfig config = TrafficConfig::PerfectDrivers();
  config.vehicles = 50;
  config.places = 2;
  config.warm_up_s = 600;
  Traffic traffic(city, config);
  const auto spread = [&] {
    double low = 1e9;
    double high = 0;
    for (VehicleIndex i = 0; i < traffic.size(); ++i) {
      const double speed = traffic.Truth(i, traffic.time()).speed_mps;
      low = std::min(low, speed);
      high = std::max(high, speed);
    }
    return high - low;
  };
  const double before = spread();
  traffic.SetLimit(7, 4, 2);
  traffic.AdvanceTo(SimTime(seconds(5)));
  const double disturbed = spread();
  EXPECT_GT(disturbed, before + 2);
  traffic.SetLimit(7, std::nullopt, 2);
  traffic.AdvanceTo(SimTime(seconds(300)));
  EXPECT_LT(spread(), disturbed / 2);
  EXPECT_EQ(traffic.counters().emergency_brakings, 0u);
}

}  // namespace
}  // namespace starling::sim
