// One lane in a circle, for what traffic flow theory says in closed form.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <utility>

#include "cloud/streets/sumo_network.h"
#include "common/geo/trigonometry.h"
#include "sim/city/street_city.h"
#include "sim/traffic/car_following.h"

namespace starling::sim {

inline constexpr double kAroundM = 2000;
inline constexpr double kLimitMps = 14;

// Half a circle from the angle `from_rad` on.
inline std::string HalfCircle(double from_rad) {
  const double radius = kAroundM / (2 * kPi);
  std::string shape;
  for (int i = 0; i <= 90; ++i) {
    const double at = from_rad + kPi * i / 90;
    shape += std::to_string(radius * std::cos(at)) + "," + std::to_string(radius * std::sin(at)) + " ";
  }
  shape.pop_back();
  return shape;
}

// As a SUMO network.
inline std::string RingRoadNetwork() {
  const std::string lane = "\" index=\"0\" speed=\"" + std::to_string(kLimitMps) + "\" length=\"" +
                           std::to_string(kAroundM / 2) + "\" shape=\"";
  const std::string junction = "\" shape=\"0,0\"><request index=\"0\" response=\"0\" foes=\"0\" cont=\"0\"/></junction>\n";
  return "<net version=\"1.9\">\n"
      "<location netOffset=\"0.00,0.00\" convBoundary=\"0,0,1,1\" origBoundary=\"0,0,1,1\" projParameter=\"!\"/>\n"
      "<edge id=\"a\" from=\"E\" to=\"W\" priority=\"1\"><lane id=\"a_0" + lane + HalfCircle(0) + "\"/></edge>\n"
      "<edge id=\"b\" from=\"W\" to=\"E\" priority=\"1\"><lane id=\"b_0" + lane + HalfCircle(kPi) + "\"/></edge>\n"
      "<junction id=\"W\" type=\"priority\" x=\"-318\" y=\"0\" incLanes=\"a_0\" intLanes=\"" + junction +
      "<junction id=\"E\" type=\"priority\" x=\"318\" y=\"0\" incLanes=\"b_0\" intLanes=\"" + junction +
      "<connection from=\"a\" to=\"b\" fromLane=\"0\" toLane=\"0\" dir=\"s\" state=\"M\"/>\n"
      "<connection from=\"b\" to=\"a\" fromLane=\"0\" toLane=\"0\" dir=\"s\" state=\"M\"/>\n"
      "</net>\n";
}

inline City RingRoad() {
  const auto network = cloud::ParseSumoNetwork(RingRoadNetwork(), "ring.net.xml");
  EXPECT_TRUE(network.ok()) << network.status().message();
  return std::move(MakeStreetCity(network.value())).value().city;
}

// The speed at which a platoon that wants to drive at `desired_mps` keeps `gap_m`.
inline double EquilibriumSpeed(const CarFollowing& model, double gap_m, double desired_mps) {
  double low = 0;
  double high = desired_mps * (1 - 1e-9);
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (model.EquilibriumGap(middle, desired_mps) < gap_m ? low : high) = middle;
  }
  return low;
}

}  // namespace starling::sim
