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
constexpr double kRingMps = 8.3;           // Unless it is too narrow for that.

std::uint8_t LanesOf(bool arterial) { return arterial ? 2 : 1; }

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
  DrawNodes();
  DrawLanes();
  DrawRings();
  DrawJunctions();
  if (!StronglyConnected()) return std::nullopt;
  FindZones();
  city_.Finish();
  return std::move(city_);
}

void CityBuilder::DrawNodes() {
  nodes_.resize(plan_.nodes.size());
  JunctionIndex junctions = 0;
  for (std::uint32_t number = 0; number < nodes_.size(); ++number) {
    const PlanNode& plan = plan_.nodes[number];
    Node& node = nodes_[number];
    for (const std::uint32_t street : plan.streets) {
      const std::uint32_t other = plan_.streets[street].a == number ? plan_.streets[street].b : plan_.streets[street].a;
      const Vec2 along = plan_.nodes[other].position - plan.position;
      node.approaches.push_back({street, (1 / Norm(along)) * along, plan_.streets[street].arterial, 0, {}, {}});
    }
    DrawControl(node, plan.position);
    SetBack(node);
    node.junction = junctions;
    junctions += node.ring.has_value() ? static_cast<JunctionIndex>(node.approaches.size()) : 1;
  }
}

void CityBuilder::DrawControl(Node& node, Vec2 position) {
  if (node.approaches.size() < 3) return;
  const auto arterials = std::ranges::count_if(node.approaches, &Approach::arterial);
  if (arterials > 2 || (arterials > 0 && random_.Chance(config_.signal_share))) {
    node.control = Control::kSignal;
    node.phase = random_.Unit();
    return;
  }
  node.control = arterials > 0 ? Control::kPriority : Control::kPriorityToRight;
  if (!ring_random_.Chance(config_.roundabout_share)) return;
  std::vector<RoundaboutLeg> legs;
  for (const Approach& approach : node.approaches) legs.push_back({approach.outward, LanesOf(approach.arterial)});
  node.ring = RoundaboutRing::Fit(position, legs);
  if (node.ring.has_value()) node.control = Control::kRoundabout;
}

void CityBuilder::SetBack(Node& node) const {
  for (Approach& mine : node.approaches) {
    double reach = 0;
    for (const Approach& other : node.approaches) {
      const double sine = std::abs(Cross(mine.outward, other.outward));
      if (sine < 0.5) continue;
      const double across = LanesOf(mine.arterial) * std::abs(Dot(mine.outward, other.outward));
      reach = std::max(reach, kLaneWidthM * (LanesOf(other.arterial) + across) / sine);
    }
    mine.setback_m = node.ring.has_value() ? node.ring->setback_m : reach + kKerbM;
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
      Approach& leaving = nodes_[from].approaches[approach_at(from)];
      Approach& arriving = nodes_[to].approaches[approach_at(to)];
      const Vec2 along = plan_.nodes[to].position - plan_.nodes[from].position;
      const double length = Norm(along) - leaving.setback_m - arriving.setback_m;
      const Vec2 direction = leaving.outward;
      for (std::uint8_t k = 0; k < LanesOf(street.arterial); ++k) {
        const Vec2 start = plan_.nodes[from].position + leaving.setback_m * direction +
                           (k + 0.5) * kLaneWidthM * RightOf(direction);
        const auto lane = static_cast<LaneIndex>(city_.lanes_.size());
        const PathArc straight{length, 0};
        city_.AddTrack({start, HeadingOf(direction), 0}, {&straight, 1}, street.speed_limit_mps);
        Lane added;
        added.from_junction = JunctionAt(nodes_[from], approach_at(from));
        added.to_junction = JunctionAt(nodes_[to], approach_at(to));
        added.from_centre = k;
        added.approach = approach_at(to);
        added.arterial = street.arterial;
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

void CityBuilder::DrawRings() {
  for (Node& node : nodes_) {
    if (!node.ring.has_value()) continue;
    for (std::uint8_t leg = 0; leg < node.approaches.size(); ++leg) {
      Lane lane;
      lane.from_junction = JunctionAt(node, leg);
      lane.to_junction = JunctionAt(node, node.ring->next[leg]);
      lane.ring = true;
      node.ring_lanes.push_back(static_cast<LaneIndex>(city_.lanes_.size()));
      const PathArc arc = node.ring->ToNext(leg);
      city_.AddTrack(node.ring->Joins(node.approaches[leg].outward), {&arc, 1}, kRingMps);
      city_.lanes_.push_back(lane);
    }
  }
}

void CityBuilder::DrawJunctions() {
  for (std::uint32_t number = 0; number < nodes_.size(); ++number) {
    const Node& node = nodes_[number];
    const Vec2 position = plan_.nodes[number].position;
    if (node.ring.has_value()) {
      for (std::uint8_t leg = 0; leg < node.approaches.size(); ++leg) {
        BeginJunction(position + node.ring->radius_m * node.approaches[leg].outward, node.control);
        ConnectLeg(node, leg);
        EndJunction();
      }
      continue;
    }
    BeginJunction(position, node.control);
    for (std::uint8_t from = 0; from < node.approaches.size(); ++from) {
      for (const LaneIndex lane : node.approaches[from].inbound) {
        BeginIncoming(lane);
        ConnectLane(node, from, lane);
        EndIncoming(lane);
      }
    }
    EndJunction();
    if (node.control == Control::kSignal) SetSignals(city_.junctions_.back(), node);
  }
}

void CityBuilder::BeginJunction(Vec2 position, Control control) {
  Junction junction;
  junction.position = position;
  junction.control = control;
  junction.connection_first = static_cast<ConnectionIndex>(city_.connections_.size());
  junction.incoming_first = static_cast<std::uint32_t>(city_.incoming_.size());
  city_.junctions_.push_back(junction);
}

void CityBuilder::EndJunction() {
  Junction& junction = city_.junctions_.back();
  junction.connection_count = static_cast<std::uint32_t>(city_.connections_.size()) - junction.connection_first;
  junction.incoming_count = static_cast<std::uint32_t>(city_.incoming_.size()) - junction.incoming_first;
}

void CityBuilder::BeginIncoming(LaneIndex lane) {
  city_.incoming_.push_back(lane);
  city_.lanes_[lane].connection_first = static_cast<ConnectionIndex>(city_.connections_.size());
}

void CityBuilder::EndIncoming(LaneIndex lane) {
  city_.lanes_[lane].connection_count =
      static_cast<std::uint32_t>(city_.connections_.size()) - city_.lanes_[lane].connection_first;
}

void CityBuilder::ConnectLeg(const Node& node, std::uint8_t leg) {
  const Approach& approach = node.approaches[leg];
  const auto before = static_cast<std::size_t>(std::ranges::find(node.ring->next, leg) - node.ring->next.begin());
  const LaneIndex to_here = node.ring_lanes[before];
  const LaneIndex from_here = node.ring_lanes[leg];
  BeginIncoming(to_here);
  const PathArc past = node.ring->PastLeg();
  const JunctionIndex junction = city_.lanes_[to_here].to_junction;
  city_.connections_.push_back({to_here, from_here, junction, Turn::kStraight, kNoSignal, false});
  city_.AddTrack(node.ring->Leaves(approach.outward), {&past, 1}, kRingMps);
  for (const LaneIndex out : approach.outbound) Connect(to_here, out, Turn::kRight);
  EndIncoming(to_here);
  for (const LaneIndex lane : approach.inbound) {
    BeginIncoming(lane);
    Connect(lane, from_here, Turn::kRight);
    EndIncoming(lane);
  }
}

void CityBuilder::ConnectLane(const Node& node, std::uint8_t from, LaneIndex lane) {
  const std::vector<Approach>& approaches = node.approaches;
  const Approach& mine = approaches[from];
  const std::size_t k = city_.lanes_[lane].from_centre;
  const bool signal = node.control == Control::kSignal;
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
    mixed = mixed || other.arterial != mine.arterial;
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

void CityBuilder::SetSignals(Junction& junction, const Node& node) {
  std::vector<SignalPlan::Approach> approaches;
  for (const Approach& approach : node.approaches) {
    approaches.push_back({approach.outward, approach.setback_m, approach.arterial});
  }
  SignalPlan::Programme programme = signal_plan_.At(junction.position, approaches, node.phase);
  const auto first = static_cast<SignalIndex>(city_.signals_.size());
  for (Signal& signal : programme.signals) city_.signals_.push_back(std::move(signal));
  for (std::uint32_t i = 0; i < junction.connection_count; ++i) {
    Connection& connection = city_.connections_[junction.connection_first + i];
    connection.signal = first + programme.of[city_.lanes_[connection.from_lane].approach];
  }
}

void CityBuilder::FindZones() {
  const auto movement = [&](ConnectionIndex number) {
    const Connection& connection = city_.connection(number);
    const Lane& from = city_.lane(connection.from_lane);
    return Movement{connection.turn, city_.arcs(connection.from_lane)[0].heading_rad, from.arterial, from.ring};
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
