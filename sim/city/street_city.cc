#include "sim/city/street_city.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <span>
#include <utility>

#include "common/geo/trigonometry.h"
#include "sim/city/arc_fit.h"
#include "sim/city/router.h"

namespace starling::sim {
namespace {

using cloud::kNone;
using cloud::StreetConnection;
using cloud::StreetNetwork;

constexpr double kCornerOffMaxM = 0.4;
constexpr double kCornerInJunctionOffMaxM = 1;
constexpr double kSimplifyM = 0.05;        // Points that say less are left out.
constexpr double kPointsApartM = 0.2;      // So are points that are closer.
constexpr double kJoinedM = 0.3;           // Ends that are one point.
constexpr double kTurnaroundRad = 2.6;
constexpr double kTurningRadiusMinM = 3;
constexpr double kJoiningRadiusMinM = 5;   // From a lane that ends to the one beside it.
constexpr double kBendRadiusMinM = 5;      // What a car can follow.  Around a bend of one lane's width,
constexpr double kBendMinRad = 0.8;
constexpr double kBendShareMax = 0.3;      // of whose streets so much at most is cut off for it.
constexpr double kSpeedMinMps = 0.3;
constexpr double kYawRateMaxRadps = 2;
constexpr std::uint32_t kWaysOfLaneMax = Router::kWaysMax;
constexpr std::uint32_t kWaysOfJunctionMax = 1000;
constexpr double kCourseMaxM = 2000;
constexpr double kArterialMps = 15;
constexpr double kTrackMinM = 0.01;

double HeadingOf(Vec2 direction) { return std::atan2(direction.x, direction.y); }

// The points without those that lie within kSimplifyM of the line between others.
// Source: D. Douglas, T. Peucker, Algorithms for the reduction of the number of points required
// to represent a digitized line, Cartographica 10 (1973).
std::vector<Vec2> Simplify(std::span<const Vec2> points) {
  std::vector<Vec2> apart;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (!apart.empty() && Norm(points[i] - apart.back()) < kPointsApartM) {
      if (i + 1 < points.size()) continue;
      if (apart.size() > 1) apart.pop_back();  // The last point stays.
    }
    apart.push_back(points[i]);
  }
  std::vector<bool> kept(apart.size(), false);
  kept.front() = kept.back() = true;
  std::vector<std::pair<std::size_t, std::size_t>> open{{0, apart.size() - 1}};
  while (!open.empty()) {
    const auto [first, last] = open.back();
    open.pop_back();
    const Vec2 chord = apart[last] - apart[first];
    const double length = Norm(chord);
    double farthest_m = 0;
    std::size_t farthest = first;
    for (std::size_t i = first + 1; i < last; ++i) {
      const Vec2 to = apart[i] - apart[first];
      const double at = length > 1e-9 ? std::clamp(Dot(to, chord) / (length * length), 0.0, 1.0) : 0;
      const double off_m = Norm(to - at * chord);
      if (off_m > farthest_m) {
        farthest_m = off_m;
        farthest = i;
      }
    }
    if (farthest_m <= kSimplifyM) continue;
    kept[farthest] = true;
    open.emplace_back(first, farthest);
    open.emplace_back(farthest, last);
  }
  std::vector<Vec2> simple;
  for (std::size_t i = 0; i < apart.size(); ++i) {
    if (kept[i]) simple.push_back(apart[i]);
  }
  return simple;
}

// The numbers of the nodes of the largest strongly connected part, by weight.
// Source: R. Tarjan, Depth-first search and linear graph algorithms, SIAM J. Comput. 1 (1972).
std::vector<bool> LargestPart(const std::vector<std::vector<std::uint32_t>>& next,
                              const std::vector<double>& weights) {
  const auto size = static_cast<std::uint32_t>(next.size());
  std::vector<std::uint32_t> number(size, kNone);
  std::vector<std::uint32_t> low(size, 0);
  std::vector<std::uint32_t> part(size, kNone);
  std::vector<std::uint32_t> stack;
  std::vector<std::pair<std::uint32_t, std::size_t>> path;  // Node, edges looked at.
  std::vector<double> part_weights;
  std::uint32_t numbered = 0;
  const auto enter = [&](std::uint32_t node) {
    number[node] = low[node] = numbered++;
    stack.push_back(node);
    path.emplace_back(node, 0);
  };
  for (std::uint32_t root = 0; root < size; ++root) {
    if (number[root] != kNone) continue;
    enter(root);
    while (!path.empty()) {
      const std::uint32_t node = path.back().first;
      if (path.back().second < next[node].size()) {
        const std::uint32_t other = next[node][path.back().second++];
        if (number[other] == kNone) {
          enter(other);
        } else if (part[other] == kNone) {
          low[node] = std::min(low[node], number[other]);
        }
        continue;
      }
      path.pop_back();
      if (!path.empty()) low[path.back().first] = std::min(low[path.back().first], low[node]);
      if (low[node] != number[node]) continue;
      double weight = 0;
      for (std::uint32_t member = kNone; member != node;) {
        member = stack.back();
        stack.pop_back();
        part[member] = static_cast<std::uint32_t>(part_weights.size());
        weight += weights[member];
      }
      part_weights.push_back(weight);
    }
  }
  const auto largest = static_cast<std::uint32_t>(
      std::max_element(part_weights.begin(), part_weights.end()) - part_weights.begin());
  std::vector<bool> in(size);
  for (std::uint32_t node = 0; node < size; ++node) in[node] = part[node] == largest;
  return in;
}

// With the lateral acceleration that people accept, and turning no faster than a car does.  A
// course from lane to lane is tighter than what is driven, which cuts corners, so it is taken
// faster: as netconvert allows (--junctions.limit-turn-speed).
constexpr double kLateralInJunctionMps2 = 5.5;

double SpeedAround(double curvature_per_m) {
  const double curvature = std::abs(curvature_per_m);
  if (curvature == 0) return 1e9;
  return std::max(kSpeedMinMps, std::min(std::sqrt(kLateralInJunctionMps2 / curvature), kYawRateMaxRadps / curvature));
}

// As fast as a course may be taken, however it is driven.
double SpeedTurning(double curvature_per_m) {
  return kYawRateMaxRadps / std::max(std::abs(curvature_per_m), 1e-9);
}

// Where a line has a corner, people use their lane's width to go around it: its turn is spread over kCornerM.  With a turn
// of 80° that is 1.4 m off the line's corner at most, what a car of 1.8 m has in a lane of 3.2 m.
constexpr double kCornerM = 8;

double CurvatureDriven(std::span<const TrackArc> arcs, double at_m) {
  double turned = 0;
  for (const TrackArc& arc : arcs) {
    const double from_m = std::max(arc.from_m, at_m - kCornerM / 2);
    const double until_m = std::min(arc.from_m + arc.arc.length_m, at_m + kCornerM / 2);
    if (until_m > from_m) turned += (until_m - from_m) * arc.arc.curvature_per_m;
  }
  return turned / kCornerM;
}

Light LightOf(char letter) {
  switch (letter) {
    case 'g':
    case 'G':
    case 'o':
    case 'O': return Light::kGreen;
    case 'y': return Light::kYellow;
    default: return Light::kRed;  // Also red with yellow, and green arrows, which are not for all.
  }
}

Control ControlOf(cloud::JunctionKind kind) {
  switch (kind) {
    case cloud::JunctionKind::kTrafficLight: return Control::kSignal;
    case cloud::JunctionKind::kRightBeforeLeft:
    case cloud::JunctionKind::kAllwayStop:
    case cloud::JunctionKind::kUnregulated: return Control::kPriorityToRight;
    case cloud::JunctionKind::kDeadEnd: return Control::kBend;
    default: return Control::kPriority;
  }
}

}  // namespace

RoundedLine RoundCorners(std::span<const Vec2> points, double off_max_m) {
  const std::vector<Vec2> line = Simplify(points);
  RoundedLine rounded;
  if (line.size() > 1) rounded.heading_rad = HeadingOf(line[1] - line[0]);
  double straight_from_m = 0;  // Of the piece, where the last corner's arc ends.
  for (std::size_t i = 1; i < line.size(); ++i) {
    const double length_m = Norm(line[i] - line[i - 1]);
    double tangent_m = 0;
    double turn = 0;
    if (i + 1 < line.size()) {
      turn = WrapAngle(HeadingOf(line[i + 1] - line[i]) - HeadingOf(line[i] - line[i - 1]));
      // The arc passes the corner at tangent · tan(turn / 4).
      tangent_m = std::min({off_max_m / std::max(std::tan(std::abs(turn) / 4), 1e-9), length_m / 2,
                            Norm(line[i + 1] - line[i]) / 2});
    }
    const double straight_m = length_m - straight_from_m - tangent_m;
    if (straight_m > 1e-6) rounded.arcs.push_back({straight_m, 0});
    straight_from_m = tangent_m;
    if (std::abs(turn) < 1e-9) {
      straight_from_m = -tangent_m;  // No corner: the next piece begins before it.
      continue;
    }
    const double radius_m = tangent_m / std::tan(std::abs(turn) / 2);
    rounded.arcs.push_back({radius_m * std::abs(turn), (turn > 0 ? 1 : -1) / radius_m});
  }
  // Of points that are one.
  if (rounded.arcs.empty()) rounded.arcs.push_back({kTrackMinM, 0});
  return rounded;
}

class StreetCityBuilder {
 public:
  StreetCityBuilder(const StreetNetwork& network, StreetPart part) : network_(network), part_(part) {}

  Result<StreetCity> Build() {
    if (network_.left_hand()) {
      return Status(ErrorCode::kInvalidArgument, "the network drives on the left, which the simulator does not");
    }
    ChooseLanes();
    if (made_.lane_of.empty()) {
      return Status(ErrorCode::kInvalidArgument,
                    "no lanes for passenger cars that lead to each other; the simulator's trips go on for ever");
    }
    PlaceOrigin();
    CutBends();
    AddLanes();
    if (Status status = AddJunctions(); !status.ok()) return status;
    for (JunctionIndex junction = 0; junction < city().junctions_.size(); ++junction) {
      city().FindZones(
          junction,
          [this](ConnectionIndex mine, ConnectionIndex theirs) { return GivesWay(*ways_[mine], *ways_[theirs]); },
          [this](ConnectionIndex mine, ConnectionIndex theirs) { return AreFoes(*ways_[mine], *ways_[theirs]); });
    }
    city().Finish();
    return std::move(made_);
  }

 private:
  City& city() { return made_.city; }

  bool ForCars(cloud::LaneIndex lane) const {
    const cloud::StreetLane& at = network_.lanes()[lane];
    return network_.edges()[at.edge].function == cloud::EdgeFunction::kNormal &&
           (at.allowed & cloud::kPassenger) != 0;
  }
  bool Leads(const StreetConnection& way) const {
    return way.junction != kNone && ForCars(way.to) && way.turn != cloud::Turn::kNowhere &&
           way.right_of_way != cloud::RightOfWay::kDeadEnd && (way.signal == kNone || EverGreen(way));
  }
  bool EverGreen(const StreetConnection& way) const {
    const auto& phases = network_.signals()[way.signal].in_force().phases;
    return std::ranges::any_of(phases, [&](const cloud::SignalPhase& phase) {
      return phase.duration_s > 0 && LightOf(phase.state[way.signal_link]) == Light::kGreen;
    });
  }
  bool EverShows(const StreetConnection& way, char letter) const {
    const auto& phases = network_.signals()[way.signal].in_force().phases;
    return std::ranges::any_of(phases, [&](const cloud::SignalPhase& phase) {
      return phase.duration_s > 0 && phase.state[way.signal_link] == letter;
    });
  }

  // The ways on from a lane that are driven: turn-arounds only where there is nothing else.
  std::vector<const StreetConnection*> WaysOn(cloud::LaneIndex lane, std::uint64_t* turnarounds) const {
    std::vector<const StreetConnection*> ways;
    std::vector<const StreetConnection*> around;
    for (const StreetConnection& way : network_.ways_on(lane)) {
      if (Leads(way)) (way.turn == cloud::Turn::kTurnAround ? around : ways).push_back(&way);
    }
    if (ways.empty()) return around;
    *turnarounds += around.size();
    return ways;
  }

  // The lane of the same edge that many to the left, to which one may change; kNone if none.
  cloud::LaneIndex Beside(cloud::LaneIndex lane, int to_left) const {
    const cloud::StreetLane& at = network_.lanes()[lane];
    const int index = at.index + to_left;
    if (at.length_m < kChangeLaneMinM || index < 0 ||
        index >= static_cast<int>(network_.edges()[at.edge].lane_count)) {
      return kNone;
    }
    const auto beside = static_cast<cloud::LaneIndex>(static_cast<int>(lane) + to_left);
    return ForCars(beside) ? beside : kNone;
  }

  // The lanes of the same edge to its left and right, as far as there are any for cars.
  std::vector<cloud::LaneIndex> Neighbours(cloud::LaneIndex lane) const {
    std::vector<cloud::LaneIndex> neighbours;
    for (const int to_left : {1, -1}) {
      if (const cloud::LaneIndex beside = Beside(lane, to_left); beside != kNone) neighbours.push_back(beside);
    }
    return neighbours;
  }

  // Whether a car gets from the end of `lane` to where the lane beside it goes on.
  bool Joins(cloud::LaneIndex lane, cloud::LaneIndex beside) const {
    const auto line = network_.shape(lane);
    const Vec2 end = line.back();
    const double heading_rad = HeadingOf(end - line[line.size() - 2]);
    return std::ranges::all_of(network_.ways_on(beside), [&](const StreetConnection& way) {
      const Vec2 gap = network_.shape(way.to).front() - end;
      const Vec2 ahead = HeadingVector(heading_rad);
      const double along_m = Dot(gap, ahead);
      const double aside_m = std::abs(Dot(gap, {ahead.y, -ahead.x}));
      return !Leads(way) || along_m * along_m + aside_m * aside_m > 4 * kJoiningRadiusMinM * aside_m;
    });
  }

  // The ways on from a chosen lane to chosen ones.  A lane that ends has those of the lane beside it: who is on it joins the
  // others, each in his turn.
  std::vector<const StreetConnection*> WaysDriven(cloud::LaneIndex lane) {
    std::vector<const StreetConnection*> ways = WaysOn(lane, &made_.turnarounds_left_out);
    std::erase_if(ways, [this](const StreetConnection* way) { return !chosen_[way->to]; });
    for (const cloud::LaneIndex beside : Neighbours(lane)) {
      if (!ways.empty()) break;
      if (!chosen_[beside] || !Joins(lane, beside)) continue;
      std::uint64_t counted_there = 0;
      ways = WaysOn(beside, &counted_there);
      std::erase_if(ways, [this](const StreetConnection* way) { return !chosen_[way->to]; });
    }
    return ways;
  }

  void ChooseLanes() {
    const std::size_t lanes = network_.lanes().size();
    std::vector<std::vector<std::uint32_t>> ways(lanes);
    std::vector<double> metres(lanes, 0);
    std::uint64_t turnarounds = 0;  // Of all lanes; those of the driven ones are counted later.
    double all_m = 0;
    std::uint64_t all = 0;
    for (cloud::LaneIndex lane = 0; lane < lanes; ++lane) {
      if (!ForCars(lane)) continue;
      for (const StreetConnection* way : WaysOn(lane, &turnarounds)) ways[lane].push_back(way->to);
      metres[lane] = network_.lanes()[lane].length_m;
      all_m += metres[lane];
      ++all;
    }
    if (part_ == StreetPart::kAll) {
      ChooseAll(ways);
    } else {
      ChooseForEver(ways, metres);
    }
    number_.assign(lanes, kNone);
    for (cloud::LaneIndex lane = 0; lane < lanes; ++lane) {
      if (!chosen_[lane]) continue;
      number_[lane] = static_cast<LaneIndex>(made_.lane_of.size());
      made_.lane_of.push_back(lane);
      all_m -= metres[lane];
      made_.metres += metres[lane];
    }
    made_.lanes_left_out = all - made_.lane_of.size();
    made_.metres_left_out = all_m;
  }

  // From each lane one comes on, or its street ends as a whole.  Who is on a lane that ends beside one
  // that goes on takes turns with those on that one (AddJunctions).
  void ChooseAll(const std::vector<std::vector<std::uint32_t>>& ways) {
    chosen_.assign(ways.size(), false);
    for (cloud::LaneIndex lane = 0; lane < ways.size(); ++lane) chosen_[lane] = ForCars(lane);
    const auto leads = [&](cloud::LaneIndex lane) {
      return chosen_[lane] && std::ranges::any_of(ways[lane], [&](std::uint32_t to) { return chosen_[to]; });
    };
    for (bool again = true; again;) {
      again = false;
      for (const cloud::StreetEdge& edge : network_.edges()) {
        bool ends = true;
        for (std::uint32_t i = 0; i < edge.lane_count; ++i) ends = ends && !leads(edge.lane_first + i);
        for (std::uint32_t i = 0; i < edge.lane_count && !ends; ++i) {
          const cloud::LaneIndex lane = edge.lane_first + i;
          if (!chosen_[lane] || leads(lane)) continue;
          if (std::ranges::any_of(Neighbours(lane), [&](cloud::LaneIndex beside) {
                return leads(beside) && Joins(lane, beside);
              })) {
            continue;
          }
          chosen_[lane] = false;
          again = true;
        }
      }
    }
  }

  void ChooseForEver(const std::vector<std::vector<std::uint32_t>>& ways, const std::vector<double>& metres) {
    const std::size_t lanes = ways.size();
    // Of each lane one can drive on, whether or not there is a gap to change lanes: lanes that
    // only end are left out, and then perhaps others.
    chosen_.assign(lanes, true);
    for (bool again = true; again;) {
      std::vector<std::vector<std::uint32_t>> next(lanes);
      std::vector<double> weights(lanes, 0);
      for (cloud::LaneIndex lane = 0; lane < lanes; ++lane) {
        if (!chosen_[lane]) continue;
        std::ranges::copy_if(ways[lane], std::back_inserter(next[lane]),
                             [&](std::uint32_t to) { return chosen_[to]; });
        weights[lane] = next[lane].empty() ? 0 : metres[lane];
        for (const int to_left : {1, -1}) {
          const cloud::LaneIndex beside = Beside(lane, to_left);
          if (beside != kNone && chosen_[beside] && !next[lane].empty()) next[lane].push_back(beside);
        }
      }
      const std::vector<bool> largest = LargestPart(next, weights);
      again = false;
      for (cloud::LaneIndex lane = 0; lane < lanes; ++lane) {
        const bool leads = largest[lane] && std::ranges::any_of(ways[lane], [&](std::uint32_t to) { return largest[to]; });
        again = again || (chosen_[lane] && largest[lane] && !leads);
        chosen_[lane] = leads;
      }
    }
  }

  LaneIndex NumberOf(cloud::LaneIndex lane) const {
    return lane == kNone || !chosen_[lane] ? kNoLane : number_[lane];
  }

  void PlaceOrigin() {
    Vec2 low = network_.shape(made_.lane_of[0])[0];
    Vec2 high = low;
    for (const cloud::LaneIndex lane : made_.lane_of) {
      for (const Vec2 point : network_.shape(lane)) {
        low = {std::min(low.x, point.x), std::min(low.y, point.y)};
        high = {std::max(high.x, point.x), std::max(high.y, point.y)};
      }
    }
    made_.network_origin = -0.5 * (low + high);
  }

  std::vector<Vec2> Moved(std::span<const Vec2> points) const {
    std::vector<Vec2> moved;
    for (const Vec2 point : points) moved.push_back(point + made_.network_origin);
    return moved;
  }

  // Networks have streets that end a metre before the next one begins, around a corner that no car can follow there, and
  // not without swinging over the lane that comes from the other side.  Where each of the two has one lane and nothing
  // else joins or leaves, the bend begins before the one's end and ends behind the other's beginning.
  void CutBends() {
    std::vector<std::vector<const StreetConnection*>> onto(network_.lanes().size());
    std::uint64_t turnarounds = 0;
    for (const cloud::LaneIndex lane : made_.lane_of) {
      for (const StreetConnection* way : WaysOn(lane, &turnarounds)) onto[way->to].push_back(way);
    }
    cut_first_m_.assign(network_.lanes().size(), 0);
    cut_last_m_.assign(network_.lanes().size(), 0);
    for (const cloud::LaneIndex to : made_.lane_of) {
      if (onto[to].size() != 1) continue;
      const StreetConnection& way = *onto[to].front();
      if (WaysOn(way.from, &turnarounds).size() != 1 || way.turn == cloud::Turn::kTurnAround ||
          network_.edges()[network_.lanes()[way.from].edge].lane_count != 1 ||
          network_.edges()[network_.lanes()[to].edge].lane_count != 1) {
        continue;
      }
      const auto before = network_.shape(way.from);
      const auto after = network_.shape(to);
      const Vec2 last = before.back() - before[before.size() - 2];
      const Vec2 first = after[1] - after[0];
      const double turn = std::abs(WrapAngle(HeadingOf(first) - HeadingOf(last)));
      if (turn < kBendMinRad || turn > kTurnaroundRad) continue;
      // From the lanes' ends to where their lines meet; a bend of that radius takes so much of both.
      const Vec2 ahead = (1 / Norm(last)) * last;
      const Vec2 on = (1 / Norm(first)) * first;
      const Vec2 gap = after[0] - before.back();
      const double sine = Cross(ahead, on);
      const double tangent_m = kBendRadiusMinM * std::tan(turn / 2);
      const double from_m = tangent_m - Cross(gap, on) / sine;
      const double to_m = tangent_m - Cross(ahead, gap) / sine;
      // Not beyond the last straight piece.
      if (from_m > kBendShareMax * network_.lanes()[way.from].length_m || from_m > Norm(last) ||
          to_m > kBendShareMax * network_.lanes()[to].length_m || to_m > Norm(first)) {
        continue;
      }
      cut_last_m_[way.from] = std::max(0.0, from_m);
      cut_first_m_[to] = std::max(0.0, to_m);
    }
  }

  // A lane's line as it is driven.
  std::vector<Vec2> LineOf(cloud::LaneIndex lane) const {
    std::vector<Vec2> points = Moved(network_.shape(lane));
    const auto towards = [](Vec2 from, Vec2 to, double m) { return from + (m / Norm(to - from)) * (to - from); };
    if (cut_first_m_[lane] > 0) points[0] = towards(points[0], points[1], cut_first_m_[lane]);
    if (cut_last_m_[lane] > 0) points.back() = towards(points.back(), points[points.size() - 2], cut_last_m_[lane]);
    return points;
  }

  void AddLanes() {
    for (const cloud::LaneIndex lane : made_.lane_of) {
      const cloud::StreetLane& of = network_.lanes()[lane];
      const std::vector<Vec2> points = LineOf(lane);
      const RoundedLine line = RoundCorners(points, kCornerOffMaxM);
      city().AddTrack({points[0], line.heading_rad, 0}, line.arcs, of.speed_mps);
      SlowAtCorners(&city().tracks_.back(), std::max(of.speed_mps, kSpeedMinMps));
      Lane added;
      added.arterial = of.speed_mps > kArterialMps || network_.edges()[of.edge].lane_count > 1;
      added.street = of.edge;
      added.number = of.index;
      added.left = NumberOf(Beside(lane, 1));
      added.right = NumberOf(Beside(lane, -1));
      city().lanes_.push_back(added);
    }
  }

  // The limit is the network's, but around a corner it is what the corner allows.
  void SlowAtCorners(Track* track, double limit_mps) {
    track->speed_limit_mps = limit_mps;
    track->slow_first = static_cast<std::uint32_t>(city().slow_pieces_.size());
    const auto arcs = std::span(city().arcs_).subspan(track->arc_first, track->arc_count);
    for (const TrackArc& arc : arcs) {
      const double speed_mps = std::min(SpeedAround(CurvatureDriven(arcs, arc.from_m + arc.arc.length_m / 2)),
                                        SpeedTurning(arc.arc.curvature_per_m));
      if (speed_mps >= limit_mps) continue;
      city().slow_pieces_.push_back({static_cast<float>(arc.from_m), static_cast<float>(arc.from_m + arc.arc.length_m),
                                     static_cast<float>(speed_mps)});
      ++track->slow_count;
    }
  }

  Status AddJunctions() {
    std::vector<std::vector<LaneIndex>> arriving(network_.junctions().size());
    for (LaneIndex lane = 0; lane < made_.lane_of.size(); ++lane) {
      arriving[network_.edges()[network_.lanes()[made_.lane_of[lane]].edge].to].push_back(lane);
    }
    std::vector<JunctionIndex> numbers(arriving.size(), 0);
    for (cloud::JunctionIndex of = 0; of < arriving.size(); ++of) {
      if (arriving[of].empty()) continue;
      const cloud::StreetJunction& from = network_.junctions()[of];
      const auto number = static_cast<JunctionIndex>(city().junctions_.size());
      numbers[of] = number;
      Junction junction;
      junction.position = from.position + made_.network_origin;
      junction.control = ControlOf(from.kind);
      junction.connection_first = static_cast<ConnectionIndex>(city().connections_.size());
      junction.incoming_first = static_cast<std::uint32_t>(city().incoming_.size());
      for (const LaneIndex lane : arriving[of]) {
        city().incoming_.push_back(lane);
        city().lanes_[lane].to_junction = number;
        city().lanes_[lane].connection_first = static_cast<ConnectionIndex>(city().connections_.size());
        for (const StreetConnection* way : WaysDriven(made_.lane_of[lane])) {
          AddConnection(lane, number, *way);
          if (city().tracks_.back().length_m > kCourseMaxM) {
            return Status(ErrorCode::kInvalidArgument, "junction " + from.id + " has a way of more than 2 km through it");
          }
        }
        city().lanes_[lane].connection_count =
            static_cast<std::uint32_t>(city().connections_.size()) - city().lanes_[lane].connection_first;
        if (city().lanes_[lane].connection_count > kWaysOfLaneMax) {
          return Status(ErrorCode::kInvalidArgument,
                        "junction " + from.id + " has a lane with more than 64 ways on from it");
        }
      }
      junction.connection_count =
          static_cast<std::uint32_t>(city().connections_.size()) - junction.connection_first;
      if (junction.connection_count > kWaysOfJunctionMax) {
        return Status(ErrorCode::kInvalidArgument, "junction " + from.id + " has " +
                                                       std::to_string(junction.connection_count) +
                                                       " ways through it; at most 1000 are driven");
      }
      junction.incoming_count = static_cast<std::uint32_t>(city().incoming_.size()) - junction.incoming_first;
      city().junctions_.push_back(junction);
    }
    for (LaneIndex lane = 0; lane < made_.lane_of.size(); ++lane) {
      city().lanes_[lane].from_junction = numbers[network_.edges()[network_.lanes()[made_.lane_of[lane]].edge].from];
    }
    return Status();
  }

  void AddConnection(LaneIndex from, JunctionIndex junction, const StreetConnection& way) {
    const LaneIndex to = number_[way.to];
    Connection connection;
    connection.from_lane = from;
    connection.to_lane = to;
    connection.junction = junction;
    connection.turn = way.turn == cloud::Turn::kLeft || way.turn == cloud::Turn::kTurnAround ? Turn::kLeft
                      : way.turn == cloud::Turn::kRight                                      ? Turn::kRight
                                                                                             : Turn::kStraight;
    connection.signal = SignalOf(way);
    connection.joins = way.from != made_.lane_of[from];
    city().connections_.push_back(connection);
    ways_.push_back(&way);

    AddCourse(way, from, to);
    // The network knows better than the course how fast one goes around it (SpeedAround).
    if (way.via == kNone) return;
    double limit_mps = std::numeric_limits<double>::max();
    for (cloud::LaneIndex via = way.via; via != kNone; via = network_.ways_on(via).front().via) {
      limit_mps = std::min<double>(limit_mps, network_.lanes()[via].speed_mps);
    }
    Track& track = city().tracks_.back();
    for (const TrackArc& arc : std::span(city().arcs_).subspan(track.arc_first, track.arc_count)) {
      limit_mps = std::min(limit_mps, SpeedTurning(arc.arc.curvature_per_m));
    }
    track.speed_limit_mps = std::max(track.speed_limit_mps, limit_mps);
  }

  // As smooth as can be, from lane to lane; where that does not come to the right place (a lane
  // far to the side, a turn-around), as the network says.
  void AddCourse(const StreetConnection& way, LaneIndex from, LaneIndex to) {
    const Pose start = city().PoseAt(from, city().track(from).length_m);
    const Pose end = city().PoseAt(to, 0);
    const double limit_mps = std::min(city().track(from).speed_limit_mps, city().track(to).speed_limit_mps);
    const double turn = WrapAngle(end.heading_rad - start.heading_rad);
    const Vec2 gap = end.position - start.position;
    if (Norm(gap) > kJoinedM && std::abs(turn) < kTurnaroundRad &&
        Dot(gap, HeadingVector(start.heading_rad)) > 0) {
      const ArcFit fit = FitArcs(start, end);
      Pose there = start;
      bool drivable = true;
      for (const PathArc& arc : std::span(fit.arcs, fit.count)) {
        there = DriveArc(there, arc.length_m, arc.curvature_per_m);
        drivable = drivable && std::abs(arc.curvature_per_m) < 1 / kTurningRadiusMinM;
      }
      if (drivable && Norm(there.position - end.position) < kJoinedM) {
        return city().AddTrack(start, {fit.arcs, fit.count}, limit_mps, kLateralInJunctionMps2);
      }
    }
    std::vector<Vec2> points{start.position};
    for (cloud::LaneIndex via = way.via; via != kNone; via = network_.ways_on(via).front().via) {
      const std::vector<Vec2> shape = Moved(network_.shape(via));
      points.insert(points.end(), shape.begin(), shape.end());
    }
    points.push_back(end.position);
    const RoundedLine line = RoundCorners(points, kCornerInJunctionOffMaxM);
    city().AddTrack({start.position, line.heading_rad, 0}, line.arcs, limit_mps, kLateralInJunctionMps2);
    Track& track = city().tracks_.back();
    for (const PathArc& arc : line.arcs) {
      track.speed_limit_mps = std::min(track.speed_limit_mps, SpeedAround(arc.curvature_per_m));
    }
  }

  SignalIndex SignalOf(const StreetConnection& way) {
    if (way.signal == kNone) return kNoSignal;
    const auto [known, added] = signals_.try_emplace({way.signal, way.signal_link}, kNoSignal);
    if (!added) return known->second;
    const cloud::SignalProgramme& programme = network_.signals()[way.signal].in_force();
    Signal signal;
    bool changes = false;
    for (const cloud::SignalPhase& phase : programme.phases) {
      if (phase.duration_s <= 0) continue;
      signal.cycle_s += phase.duration_s;
      const char letter = phase.state[way.signal_link];
      const Light light = LightOf(letter);
      const bool first = letter == 'G';
      if (!signal.stages.empty() && signal.stages.back().light == light && signal.stages.back().first == first) {
        signal.stages.back().until_s = signal.cycle_s;
      } else {
        changes = changes || !signal.stages.empty();
        signal.stages.push_back({signal.cycle_s, light, first});
      }
    }
    // Always green is no signal at all.
    if (!changes && signal.stages.front().light == Light::kGreen) return kNoSignal;
    signal.offset_s = -programme.offset_s;
    known->second = static_cast<SignalIndex>(city().signals_.size());
    city().signals_.push_back(std::move(signal));
    return known->second;
  }

  bool AreFoes(const StreetConnection& mine, const StreetConnection& theirs) const {
    if (mine.request == kNone || theirs.request == kNone || mine.from == theirs.from || mine.to == theirs.to) return true;
    const cloud::StreetJunction& junction = network_.junctions()[mine.junction];
    return network_.requests()[junction.request_first + mine.request].foes[theirs.request];
  }

  bool GivesWay(const StreetConnection& mine, const StreetConnection& theirs) const {
    if (mine.request == kNone || theirs.request == kNone) return false;
    // G goes first, whatever the junction's own rules say; g, and o where signals are off, give way
    // by them.
    if (mine.signal != kNone && !EverShows(mine, 'g') && !EverShows(mine, 'o')) return false;
    const cloud::StreetJunction& junction = network_.junctions()[mine.junction];
    return network_.requests()[junction.request_first + mine.request].response[theirs.request];
  }

  const StreetNetwork& network_;
  const StreetPart part_;
  StreetCity made_;
  std::vector<bool> chosen_;                          // By the network's lane.
  std::vector<double> cut_first_m_;                   // The same: CutBends.
  std::vector<double> cut_last_m_;
  std::vector<LaneIndex> number_;                     // The city's, by the network's lane.
  std::vector<const StreetConnection*> ways_;         // By the city's connection.
  std::map<std::pair<cloud::SignalIndex, std::uint32_t>, SignalIndex> signals_;
};

Result<StreetCity> MakeStreetCity(const StreetNetwork& network, StreetPart part) {
  return StreetCityBuilder(network, part).Build();
}

}  // namespace starling::sim
