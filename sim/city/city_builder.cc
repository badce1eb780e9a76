#include "sim/city/city_builder.h"

#include <algorithm>
#include <cmath>

#include "common/check.h"
#include "common/geo/trigonometry.h"
#include "sim/city/arc_fit.h"
#include "sim/city/conflict_zones.h"

namespace starling::sim {
namespace {

constexpr double kKerbM = 5.0;             // From the crossing street's edge to the stop line.
constexpr double kStraightRad = 0.87;      // Turns below 50 degrees are straight on.
constexpr double kArterialGreenS = 24;     // One approach of a crossing of arterials.
constexpr double kThroughGreenS = 28;      // The arterial at a side street.
constexpr double kSideGreenS = 17;

double HalfWidth(const PlanStreet& street) { return (street.arterial ? 2 : 1) * kLaneWidthM; }

double HeadingOf(Vec2 direction) { return std::atan2(direction.x, direction.y); }

Vec2 RightOf(Vec2 direction) { return {direction.y, -direction.x}; }

}  // namespace

City City::Generate(const CityConfig& config) {
  STARLING_CHECK(config.Validate().ok());
  // A draw that leaves some lane cut off is thrown away; about none does.
  for (std::uint64_t draw = 0;; ++draw) {
    Random random(MixHash(config.seed, draw));
    const StreetPlan plan = StreetPlan::Draw(config, random);
    std::optional<City> city = CityBuilder(config, plan, random).Build();
    if (city.has_value()) return *std::move(city);
    STARLING_CHECK(draw < 100);
  }
}

std::optional<City> CityBuilder::Build() {
  DrawApproaches();
  DrawLanes();
  DrawJunctions();
  if (!StronglyConnected()) return std::nullopt;
  const auto movement = [&](ConnectionIndex number) {
    const Connection& connection = city_.connection(number);
    return Movement{connection.turn, city_.arcs(connection.from_lane)[0].heading_rad,
                    city_.lane(connection.from_lane).arterial};
  };
  for (JunctionIndex junction = 0; junction < city_.junctions_.size(); ++junction) {
    const Control control = city_.junctions_[junction].control;
    city_.FindZones(
        junction,
        [&](ConnectionIndex mine, ConnectionIndex theirs) {
          return GivesWay(control, movement(mine), movement(theirs));
        },
        [](ConnectionIndex, ConnectionIndex) { return true; });
  }
  city_.Finish();
  return std::move(city_);
}

void CityBuilder::DrawApproaches() {
  approaches_.resize(plan_.nodes.size());
  for (std::uint32_t node = 0; node < plan_.nodes.size(); ++node) {
    std::vector<Approach>& approaches = approaches_[node];
    for (const std::uint32_t number : plan_.nodes[node].streets) {
      const PlanStreet& street = plan_.streets[number];
      const std::uint32_t other = street.a == node ? street.b : street.a;
      const Vec2 along = plan_.nodes[other].position - plan_.nodes[node].position;
      approaches.push_back({number, (1 / Norm(along)) * along, 0, {}, {}});
    }
    for (Approach& mine : approaches) {
      double reach = 0;
      for (const Approach& other : approaches) {
        const double sine = std::abs(Cross(mine.outward, other.outward));
        if (sine < 0.5) continue;
        reach = std::max(reach, (HalfWidth(plan_.streets[other.street]) +
                                 HalfWidth(plan_.streets[mine.street]) *
                                     std::abs(Dot(mine.outward, other.outward))) / sine);
      }
      mine.setback_m = reach + kKerbM;
    }
  }
}

void CityBuilder::DrawLanes() {
  for (std::uint32_t number = 0; number < plan_.streets.size(); ++number) {
    const PlanStreet& street = plan_.streets[number];
    for (const bool backwards : {false, true}) {
      const std::uint32_t from = backwards ? street.b : street.a;
      const std::uint32_t to = backwards ? street.a : street.b;
      const auto approach_at = [&](std::uint32_t node) -> std::uint8_t {
        const std::vector<std::uint32_t>& streets = plan_.nodes[node].streets;
        return static_cast<std::uint8_t>(
            std::find(streets.begin(), streets.end(), number) - streets.begin());
      };
      Approach& leaving = approaches_[from][approach_at(from)];
      Approach& arriving = approaches_[to][approach_at(to)];
      const Vec2 along = plan_.nodes[to].position - plan_.nodes[from].position;
      const double length = Norm(along) - leaving.setback_m - arriving.setback_m;
      const Vec2 direction = leaving.outward;
      for (std::uint8_t k = 0; k < (street.arterial ? 2 : 1); ++k) {
        const Vec2 start = plan_.nodes[from].position + leaving.setback_m * direction +
                           (k + 0.5) * kLaneWidthM * RightOf(direction);
        const auto lane = static_cast<LaneIndex>(city_.lanes_.size());
        const PathArc straight{length, 0};
        city_.AddTrack({start, HeadingOf(direction), 0}, {&straight, 1}, street.speed_limit_mps);
        Lane added{from, to, 0, 0, k, approach_at(to), street.arterial};
        if (k > 0 && length >= kChangeLaneMinM) {
          added.left = lane - 1;
          city_.lanes_.back().right = lane;
        }
        city_.lanes_.push_back(added);
        leaving.outbound.push_back(lane);
        arriving.inbound.push_back(lane);
      }
    }
  }
}

void CityBuilder::DrawJunctions() {
  for (JunctionIndex node = 0; node < plan_.nodes.size(); ++node) {
    const std::vector<Approach>& approaches = approaches_[node];
    const auto arterials = std::count_if(approaches.begin(), approaches.end(), [&](const auto& a) {
      return plan_.streets[a.street].arterial;
    });
    Junction junction;
    junction.position = plan_.nodes[node].position;
    if (approaches.size() < 3) {
      junction.control = Control::kBend;
    } else if (arterials > 2 || (arterials > 0 && random_.Chance(config_.signal_share))) {
      junction.control = Control::kSignal;
    } else {
      junction.control = arterials > 0 ? Control::kPriority : Control::kPriorityToRight;
    }
    junction.connection_first = static_cast<ConnectionIndex>(city_.connections_.size());
    junction.incoming_first = static_cast<std::uint32_t>(city_.incoming_.size());
    city_.junctions_.push_back(junction);
    for (std::uint8_t from = 0; from < approaches.size(); ++from) {
      for (const LaneIndex lane : approaches[from].inbound) {
        city_.incoming_.push_back(lane);
        city_.lanes_[lane].connection_first =
            static_cast<ConnectionIndex>(city_.connections_.size());
        ConnectLane(approaches, from, lane);
        city_.lanes_[lane].connection_count =
            static_cast<std::uint32_t>(city_.connections_.size()) -
            city_.lanes_[lane].connection_first;
      }
    }
    Junction& placed = city_.junctions_.back();
    placed.connection_count =
        static_cast<std::uint32_t>(city_.connections_.size()) - placed.connection_first;
    placed.incoming_count =
        static_cast<std::uint32_t>(city_.incoming_.size()) - placed.incoming_first;
    if (placed.control == Control::kSignal) SetSignals(placed, approaches);
  }
}

void CityBuilder::ConnectLane(const std::vector<Approach>& approaches, std::uint8_t from,
                              LaneIndex lane) {
  const Approach& mine = approaches[from];
  const std::size_t k = city_.lanes_[lane].from_centre;
  const bool signal = city_.junctions_.back().control == Control::kSignal;
  const std::size_t before = city_.connections_.size();
  const auto turn_to = [&](const Approach& other) {
    return WrapAngle(HeadingOf(other.outward) - HeadingOf(Vec2{} - mine.outward));
  };
  // Where nothing turns off on one side, the lane of that side may cross over on
  // the way through; otherwise it could go round the ring for ever.
  const double side = k == 0 ? -1 : 1;
  bool turns_off = false;
  for (const Approach& other : approaches) {
    turns_off = turns_off || (&other != &mine && turn_to(other) * side > kStraightRad);
  }
  bool mixed = false;           // Arterial and side street.
  bool faces_oncoming = false;
  for (const Approach& other : approaches) {
    mixed = mixed || plan_.streets[other.street].arterial != plan_.streets[mine.street].arterial;
    faces_oncoming =
        faces_oncoming || (&other != &mine && std::abs(turn_to(other)) < kStraightRad);
  }
  // The second round is for a lane that the rules of the first leave without an exit.
  for (const bool any_turn : {false, true}) {
    if (city_.connections_.size() > before) break;
    for (std::uint8_t to = 0; to < approaches.size(); ++to) {
      if (to == from) continue;
      const Approach& other = approaches[to];
      const double turn_rad = turn_to(other);
      const std::size_t lanes_out = other.outbound.size();
      if (std::abs(turn_rad) < kStraightRad || any_turn || approaches.size() == 2) {
        const Turn turn = std::abs(turn_rad) < kStraightRad ? Turn::kStraight
                          : turn_rad < 0                    ? Turn::kLeft
                                                            : Turn::kRight;
        Connect(lane, other.outbound[std::min(k, lanes_out - 1)], turn);
        if (turn == Turn::kStraight && !turns_off && lanes_out == 2) {
          Connect(lane, other.outbound[1 - k], turn);
        }
        continue;
      }
      const bool left = turn_rad < 0;
      // Where a signal has one phase for both directions, nobody turns across the
      // oncoming traffic; there is another way round.
      if (left && signal && mixed && faces_oncoming) continue;
      if (left ? k != 0 : k + 1 != mine.inbound.size()) continue;
      for (const LaneIndex out : other.outbound) {
        Connect(lane, out, left ? Turn::kLeft : Turn::kRight);
      }
    }
  }
}

void CityBuilder::Connect(LaneIndex from, LaneIndex to, Turn turn) {
  const JunctionIndex junction = city_.lanes_[from].to_junction;
  city_.connections_.push_back({from, to, junction, turn, kNoSignal, false});
  const Track& before = city_.tracks_[from];
  const Track& after = city_.tracks_[to];
  const ArcFit fit = FitArcs(city_.PoseAt(from, before.length_m), city_.PoseAt(to, 0));
  city_.AddTrack(city_.PoseAt(from, before.length_m), {fit.arcs, fit.count},
           std::min(before.speed_limit_mps, after.speed_limit_mps));
}

void CityBuilder::SetSignals(Junction& junction, const std::vector<Approach>& approaches) {
  const auto arterial = [&](std::uint8_t approach) {
    return plan_.streets[approaches[approach].street].arterial;
  };
  bool all_arterial = true;
  for (std::uint8_t i = 0; i < approaches.size(); ++i) all_arterial = all_arterial && arterial(i);
  const std::size_t groups = all_arterial ? approaches.size() : 2;
  const auto green_s = [&](std::size_t group) {
    return all_arterial ? kArterialGreenS : group == 0 ? kThroughGreenS : kSideGreenS;
  };
  constexpr double kClearanceS = Signal::kYellowS + Signal::kAllRedS;
  double cycle_s = 0;
  for (std::size_t group = 0; group < groups; ++group) cycle_s += green_s(group) + kClearanceS;
  const double offset_s = random_.Between(0, cycle_s);
  const auto first = static_cast<SignalIndex>(city_.signals_.size());
  double start_s = 0;
  for (std::size_t group = 0; group < groups; ++group) {
    Signal signal{cycle_s, offset_s, {}};
    if (start_s > 0) signal.stages.push_back({start_s, Light::kRed});
    signal.stages.push_back({start_s + green_s(group), Light::kGreen});
    signal.stages.push_back({start_s + green_s(group) + Signal::kYellowS, Light::kYellow});
    signal.stages.push_back({cycle_s, Light::kRed});
    city_.signals_.push_back(std::move(signal));
    start_s += green_s(group) + kClearanceS;
  }
  for (std::uint32_t i = 0; i < junction.connection_count; ++i) {
    Connection& connection = city_.connections_[junction.connection_first + i];
    const std::uint8_t approach = city_.lanes_[connection.from_lane].approach;
    connection.signal = first + (all_arterial ? approach : arterial(approach) ? 0u : 1u);
  }
}

bool CityBuilder::StronglyConnected() const {
  // Every lane is reached from lane 0, and lane 0 from every lane.
  std::vector<std::vector<LaneIndex>> next(city_.lanes_.size());
  std::vector<std::vector<LaneIndex>> previous(city_.lanes_.size());
  for (const Connection& connection : city_.connections_) {
    next[connection.from_lane].push_back(connection.to_lane);
    previous[connection.to_lane].push_back(connection.from_lane);
  }
  for (const auto* edges : {&next, &previous}) {
    std::vector<bool> seen(city_.lanes_.size(), false);
    std::vector<LaneIndex> open{0};
    seen[0] = true;
    std::size_t reached = 1;
    while (!open.empty()) {
      const LaneIndex lane = open.back();
      open.pop_back();
      for (const LaneIndex other : (*edges)[lane]) {
        if (seen[other]) continue;
        seen[other] = true;
        ++reached;
        open.push_back(other);
      }
    }
    if (reached != city_.lanes_.size()) return false;
  }
  return true;
}

}  // namespace starling::sim
