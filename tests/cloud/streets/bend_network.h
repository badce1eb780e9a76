// A junction to turn at, and a road that bends; metres, traffic keeps right.
//
//                 out_n          The ways through j: straight on, and to the left with a radius of 20 m.
//                   |            `curve` turns left by 90 degrees with a radius of 50 m, `back` is
//     in ---------- j ---- out_e beside it in the other direction.
//     turn ---------'
#pragma once

#include <cmath>
#include <string>

#include "cloud/streets/sumo_network.h"
#include "common/check.h"
#include "common/geo/trigonometry.h"

namespace starling::cloud {

// "x,y x,y ...": an arc around `centre`, from one angle to another, degrees anticlockwise from east.
inline std::string ArcShape(Vec2 centre, double radius_m, double from_deg, double until_deg) {
  std::string shape;
  constexpr int kPieces = 12;
  for (int i = 0; i <= kPieces; ++i) {
    const SinCosValue at = SinCos((from_deg + (until_deg - from_deg) * i / kPieces) * kDegree);
    if (i > 0) shape += " ";
    shape += std::to_string(centre.x + radius_m * at.cos);
    shape += ",";
    shape += std::to_string(centre.y + radius_m * at.sin);
  }
  return shape;
}

inline std::string BendNetworkText() {
  const auto lane = [](const std::string& id, const std::string& shape) {
    return "<lane id=\"" + id + "\" index=\"0\" speed=\"14\" length=\"30\" width=\"3.2\" shape=\"" + shape + "\"/>";
  };
  const auto edge = [&](const std::string& id, const std::string& from, const std::string& to, const std::string& shape) {
    return "<edge id=\"" + id + "\" from=\"" + from + "\" to=\"" + to + "\" priority=\"1\">" + lane(id + "_0", shape) + "</edge>";
  };
  const auto inside = [&](const std::string& id, const std::string& shape) {
    return "<edge id=\"" + id + "\" function=\"internal\">" + lane(id + "_0", shape) + "</edge>";
  };
  const auto way = [](const std::string& from, const std::string& to, const std::string& rest) {
    return "<connection from=\"" + from + "\" to=\"" + to + "\" fromLane=\"0\" toLane=\"0\" " + rest + "/>";
  };
  std::string text = "<net version=\"1.16\"><location netOffset=\"0.00,0.00\" convBoundary=\"0,0,1,1\" projParameter=\"!\"/>";
  text += inside(":j_0", "100,0 140,0");
  text += inside(":j_1", ArcShape({100, 20}, 20, -90, 0));
  text += inside(":j_2", ArcShape({100, 20}, 24, -90, 0));
  text += edge("in", "a", "j", "0,0 100,0") + edge("turn", "a", "j", "0,-4 100,-4");
  text += edge("out_e", "j", "b", "140,0 240,0") + edge("out_n", "j", "c", "120,20 120,120");
  text += edge("out_m", "j", "c", "124,20 124,120");
  text += edge("curve", "d", "e", ArcShape({500, 0}, 50, -90, 0)) + edge("back", "e", "d", ArcShape({500, 0}, 46.8, 0, -90));
  text += "<junction id=\"j\" type=\"priority\" x=\"120\" y=\"0\" incLanes=\"in_0 turn_0\" intLanes=\":j_0_0 :j_1_0 :j_2_0\" shape=\"\">"
          "<request index=\"0\" response=\"000\" foes=\"000\" cont=\"0\"/>"
          "<request index=\"1\" response=\"000\" foes=\"000\" cont=\"0\"/>"
          "<request index=\"2\" response=\"000\" foes=\"000\" cont=\"0\"/></junction>";
  for (const char* id : {"a", "b", "c", "d", "e"}) {
    text += std::string("<junction id=\"") + id + "\" type=\"dead_end\" x=\"0\" y=\"0\" incLanes=\"\" intLanes=\"\" shape=\"\"/>";
  }
  text += way("in", "out_e", "via=\":j_0_0\" dir=\"s\" state=\"M\"") + way("in", "out_n", "via=\":j_1_0\" dir=\"l\" state=\"M\"");
  text += way("turn", "out_m", "via=\":j_2_0\" dir=\"l\" state=\"M\"");
  text += way(":j_0", "out_e", "dir=\"s\" state=\"M\"") + way(":j_1", "out_n", "dir=\"l\" state=\"M\"");
  return text + way(":j_2", "out_m", "dir=\"l\" state=\"M\"") + "</net>";
}

inline StreetNetwork BendNetwork() {
  Result<StreetNetwork> network = ParseSumoNetwork(BendNetworkText(), "bend.net.xml");
  STARLING_CHECK(network.ok());
  return std::move(network).value();
}

}  // namespace starling::cloud
