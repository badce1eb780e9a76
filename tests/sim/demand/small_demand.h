// Some of everything that drives through the small city, an element on each line.
#pragma once

#include <string>

#include "cloud/streets/sumo_network.h"
#include "common/check.h"
#include "sim/demand/sumo_routes.h"
#include "tests/cloud/streets/small_city.h"

namespace starling::sim {

inline const std::string kSmallTypes = R"xml(<additional>
  <vTypeDistribution id="cars">
    <vType id="quick" accel="3.5" sigma="0.1" probability=".75" speedFactor="normc(1.1,0.2,0.8,1.5)" guiShape="passenger/sedan"/>
    <vType id="slow" vClass="passenger" maxSpeed="20" probability=".25" speedFactor="0.9" speedDev="0" jmDriveAfterRedTime="3"/>
  </vTypeDistribution>
  <vType id="line" vClass="bus" length="18" decel="8"/>
  <vType id="anywhere" vClass="ignoring" carFollowModel="IDM" emergencyDecel="6" speedFactor="norm(1.0, 0.3)"/>
  <vTypeDistribution id="both" vTypes="slow quick" probabilities="3 1"/>
  <busStop id="halt" lane="ce_0" startPos="10" endPos="-20" lines="5"/>
</additional>
)xml";

inline const std::string kSmallRoutes = R"xml(<routes xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <!-- <vehicle id="none" depart="0" route="north"/> -->
  <vehicle id="late" type="quick" route="north" depart="99.5" departLane="best" departPos="random_free" departSpeed="max" arrivalPos="-1"/>
  <route id="north" edges="sc cn"/>
  <route id="west" edges="wc cn"/>
  <routeDistribution id="ways" routes="north west" probabilities="1 4"/>
  <vehicle id="first" depart="0"><route edges="xr ry yz zo"/></vehicle>
  <vehicle id="bus" type="line" depart="0:01:30.5" departLane="0" departPos="12.5" departSpeed="5">
    <route edges="wc ce ry yz zo"/>
    <stop busStop="halt" duration="20" until="200"/>
    <stop lane="yz_0" startPos="5" endPos="500" duration="3" parking="true"/>
    <stop parkingArea="garage" duration="60"/>
  </vehicle>
  <vehicle id="round" type="both" depart="5"><route edges="yz zy" repeat="2"/></vehicle>
  <trip id="trip" type="line" depart="7" from="wc" to="zo"/>
  <trip id="detour" depart="7" from="xr" to="zo" via="zy"/>
  <trip id="zone" depart="8" fromTaz="1" toTaz="2"/>
  <trip id="halts" depart="8"><stop busStop="halt" duration="60"/></trip>
  <flow id="even" type="cars" route="ways" begin="10" end="40" number="3"/>
  <flow id="each" route="north" begin="10" end="40" period="12"/>
  <flow id="hour" route="north" begin="10" end="40" vehsPerHour="360" departLane="random"/>
  <flow id="few" route="north" begin="20" number="2" period="5"/>
  <flow id="luck" route="north" end="10000" probability="0.25"/>
  <flow id="rain" begin="0" end="10000" period="exp(0.5)" from="sc" to="cn"/>
  <vehicle id="guest" type="anywhere" depart="triggered" route="north"/>
  <person id="walker" depart="0"><walk edges="sc cn"/></person>
</routes>
)xml";

inline cloud::StreetNetwork SmallCity() {
  auto network = cloud::ParseSumoNetwork(cloud::kSmallCity, "city.net.xml");
  STARLING_CHECK(network.ok());
  return std::move(network).value();
}

inline Demand SmallDemand(const cloud::StreetNetwork& network) {
  auto demand = ParseSumoDemand({{"city.rou.xml", kSmallRoutes}, {"types.add.xml", kSmallTypes}}, network);
  STARLING_CHECK(demand.ok());
  return std::move(demand).value();
}

}  // namespace starling::sim
