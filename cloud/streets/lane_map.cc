#include "cloud/streets/lane_map.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "common/geo/trigonometry.h"

namespace starling::cloud {
namespace {

constexpr VehicleClasses kMotor = kPassenger | kTaxi | kBus | kTruck | kDelivery | kEmergency | kMotorcycle;
constexpr double kCellM = 32;
constexpr double kPieceM = 128;            // Of a segment, for its cells; those of two may be the same.
constexpr double kHalfWidthMaxM = 10;
constexpr double kNearM = 1.2;             // Beyond the lane's edge.
constexpr double kAlignedCos = 0.7;        // 45 degrees.
constexpr double kPieceOffM = 0.2;
constexpr double kChordOffM = 0.4;
constexpr double kChordRad = 0.3;
constexpr std::size_t kPiecePointsMax = 64;
constexpr double kApartM = 0.05;           // Points that are closer are one.
// What makes a lane less likely by one.
constexpr double kSigmaRightM = 0.8;
constexpr double kSigmaTurnedRad = 0.12;
constexpr double kSigmaCurvature = 0.04;   // 1/m
// A vehicle goes on as it does for so long; then it gets in line with its lane, within this time and this way.
// Tried on one recording, from 0 to 2 s each: docs/horizon.md.
constexpr double kOwnS = 0.5;
constexpr double kAlignS = 1;
constexpr double kAlignMinM = 4;
constexpr double kPieceMinM = 1;           // Shorter pieces are taken together with the next one.
constexpr double kStraightRad = 0.005;     // A piece that turns by less is straight.
constexpr int kLanesMax = 16;
constexpr double kReachMaxM = 100'000;
// So near the line, with so much curvature, a vehicle has chosen its way.
constexpr double kChosenM = 8;
constexpr double kChosenCurvature = 0.02;
constexpr double kCurvatureMax = 0.3;      // 1/m; what a vehicle can turn, and the wire can say.

double Rounded(double value, double steps) { return std::floor(value * steps + 0.5) / steps; }

// Arcs that take the headings of pieces of a lane, one after the other, from a heading that may be another one.
class WayFitter {
 public:
  WayFitter(double heading_rad, double align_m) : heading_(heading_rad), align_m_(align_m) {}

  bool full() const { return way_.size() == PlannedPath::kArcsMax; }
  double length_m() const { return length_; }

  // Before the first piece: how it gets to where that begins.
  void Begin(PathArc arc) {
    way_.Append(arc);
    length_ += arc.length_m;
  }

  void Take(double piece_m, double begin_rad, double end_rad) {
    if (pending_m_ == 0 && std::abs(begin_rad - heading_) > kStraightRad) aligned_ = false;
    if (!aligned_ && pending_m_ + piece_m >= align_m_) {
      const double here_m = align_m_ - pending_m_;
      begin_rad += (end_rad - begin_rad) * here_m / piece_m;
      piece_m -= here_m;
      pending_m_ = align_m_;
      Append(begin_rad);
      aligned_ = true;
    }
    pending_m_ += piece_m;
    pending_rad_ = end_rad;
    if (!aligned_ || pending_m_ <= 0) return;
    if (pending_m_ < kPieceMinM) {
      aligned_ = false;                    // The turn that it may have is not the whole next piece's.
    } else if (!full()) {
      Append(end_rad);
    }
  }

  PlannedPath Finish() {
    if (pending_m_ >= kPieceMinM && !full()) Append(pending_rad_);
    return way_;
  }

 private:
  void Append(double until_rad) {
    const double turn = until_rad - heading_;
    const double curvature =
        std::abs(turn) < kStraightRad ? 0 : std::clamp(turn / pending_m_, -kCurvatureMax, kCurvatureMax);
    way_.Append({pending_m_, curvature});
    heading_ += curvature * pending_m_;
    length_ += pending_m_;
    pending_m_ = 0;
  }

  PlannedPath way_;
  double heading_;
  const double align_m_;
  bool aligned_ = false;
  double length_ = 0;
  double pending_m_ = 0;                   // Taken, and in no arc yet,
  double pending_rad_ = 0;                 // and its end's heading.
};

double HeadingOf(Vec2 direction) { return Rounded(std::atan2(direction.x, direction.y), 1e6); }

}  // namespace

LaneMap::LaneMap(const StreetNetwork& network, const std::function<Vec2(Vec2)>& to_frame) {
  lanes_.resize(network.lanes().size());
  for (LaneIndex lane = 0; lane < lanes_.size(); ++lane) AddLane(network, lane, to_frame);
  AddWays(network);
  AddCells();
}

void LaneMap::AddLane(const StreetNetwork& network, LaneIndex number, const std::function<Vec2(Vec2)>& to_frame) {
  const StreetLane& street = network.lanes()[number];
  const EdgeFunction function = network.edges()[street.edge].function;
  if ((street.allowed & kMotor) == 0 || (function != EdgeFunction::kNormal && function != EdgeFunction::kInternal)) return;
  Lane& lane = lanes_[number];
  lane.inside = function == EdgeFunction::kInternal;
  lane.half_width_m = static_cast<float>(std::min((street.width_m > 0 ? street.width_m : 3.2) / 2, kHalfWidthMaxM));
  lane.point_first = static_cast<std::uint32_t>(points_.size());
  for (const Vec2 point : network.shape(number)) {
    const Vec2 exact = to_frame(point);
    const Vec2 here{Rounded(exact.x, 1000), Rounded(exact.y, 1000)};
    reach_m_ = std::max({reach_m_, std::abs(here.x), std::abs(here.y)});
    const bool first = points_.size() == lane.point_first;
    const double step = first ? 0 : Norm(here - points_.back());
    if (!first && step < kApartM) continue;
    along_.push_back(first ? 0 : along_.back() + static_cast<float>(step));
    points_.push_back(here);
  }
  lane.point_count = static_cast<std::uint32_t>(points_.size()) - lane.point_first;
  if (lane.point_count < 2) {
    points_.resize(lane.point_first);
    along_.resize(lane.point_first);
    lane.point_count = 0;
    return;
  }
  lane.length_m = along_.back();
  ++driven_;
  metres_ += static_cast<double>(lane.length_m);
  FitPieces(&lane);
}

// Greedy: each piece reaches as far as its arc stays near the line.
void LaneMap::FitPieces(Lane* lane) {
  const std::size_t first = lane->point_first;
  const std::size_t segments = lane->point_count - 1;
  // The line's headings: between two segments the middle of theirs.
  std::vector<double> headings(segments);
  for (std::size_t i = 0; i < segments; ++i) {
    headings[i] = HeadingOf(points_[first + i + 1] - points_[first + i]);
    if (i > 0) headings[i] = headings[i - 1] + WrapAngle(headings[i] - headings[i - 1]);
  }
  const auto length_of = [&](std::size_t segment) {
    return static_cast<double>(along_[first + segment + 1]) - along_[first + segment];
  };
  // At an end the segment's own; where the line is drawn with chords of a bend, as much more as between them.
  const auto at_end = [&](std::size_t last, std::size_t before) {
    const double turn = headings[last] - headings[before];
    return headings[last] + (length_of(last) < 2 * length_of(before) && std::abs(turn) < kChordRad ? turn / 2 : 0);
  };
  const auto heading_at = [&](std::size_t point) {
    if (segments == 1) return headings.front();
    if (point == 0) return at_end(0, 1);
    if (point == segments) return at_end(segments - 1, segments - 2);
    return (headings[point - 1] + headings[point]) / 2;
  };
  const auto is_near = [&](std::size_t from, std::size_t until, double begin_rad, double end_rad) {
    const double curvature =
        (end_rad - begin_rad) / (static_cast<double>(along_[first + until]) - along_[first + from]);
    Pose pose{points_[first + from], begin_rad, 0};
    for (std::size_t segment = from; segment < until; ++segment) {
      const Vec2 a = points_[first + segment];
      const Vec2 b = points_[first + segment + 1];
      pose = DriveArc(pose, length_of(segment) / 2, curvature);
      if (NormSquared(pose.position - 0.5 * (a + b)) > kChordOffM * kChordOffM) return false;
      pose = DriveArc(pose, length_of(segment) / 2, curvature);
      if (NormSquared(pose.position - b) > kPieceOffM * kPieceOffM) return false;
    }
    return true;
  };
  lane->piece_first = static_cast<std::uint32_t>(pieces_.size());
  for (std::size_t from = 0; from < segments;) {
    std::size_t until = from;
    for (std::size_t next = from + 1; next <= std::min(segments, from + kPiecePointsMax); ++next) {
      if (!is_near(from, next, heading_at(from), heading_at(next))) break;
      until = next;
    }
    // A long segment beside a corner is straight all the same.
    const bool straight = until == from;
    if (straight) ++until;
    const double begin_rad = straight ? headings[from] : heading_at(from);
    const double end_rad = straight ? headings[from] : heading_at(until);
    pieces_.push_back({static_cast<float>(static_cast<double>(along_[first + until]) - along_[first + from]),
                       static_cast<float>(begin_rad), static_cast<float>(end_rad)});
    from = until;
  }
  lane->piece_count = static_cast<std::uint32_t>(pieces_.size()) - lane->piece_first;
  lane->turn_rad = pieces_.back().end_heading_rad - pieces_[lane->piece_first].begin_heading_rad;
}

void LaneMap::AddWays(const StreetNetwork& network) {
  for (LaneIndex number = 0; number < lanes_.size(); ++number) {
    Lane& lane = lanes_[number];
    lane.way_first = static_cast<std::uint32_t>(ways_.size());
    if (lane.point_count == 0) continue;
    // Nobody is expected to turn around who need not.
    const auto add = [&](bool around) {
      for (const StreetConnection& way : network.ways_on(number)) {
        if ((way.turn == Turn::kTurnAround) != around) continue;
        LaneIndex next = way.via != kNone ? way.via : way.to;
        // Lanes within a junction may have no length, and one way on.
        for (int through = 0; through < kLanesThroughMax && next != kNone && lanes_[next].point_count == 0; ++through) {
          const auto on = network.ways_on(next);
          if (network.edges()[network.lanes()[next].edge].function != EdgeFunction::kInternal || on.empty()) break;
          next = on.front().via != kNone ? on.front().via : on.front().to;
        }
        if (next != kNone && lanes_[next].point_count > 0) ways_.push_back(next);
      }
    };
    add(false);
    if (ways_.size() == lane.way_first) add(true);
    lane.way_count = static_cast<std::uint32_t>(ways_.size()) - lane.way_first;
  }
}

void LaneMap::AddCells() {
  if (points_.empty()) {
    cell_first_.assign(1, 0);
    return;
  }
  Vec2 high = low_ = points_.front();
  for (const Vec2 point : points_) {
    low_ = {std::min(low_.x, point.x), std::min(low_.y, point.y)};
    high = {std::max(high.x, point.x), std::max(high.y, point.y)};
  }
  constexpr double kMarginM = 2 * kCellM;
  if (reach_m_ > kReachMaxM) {  // Nobody drives there: no cells.
    cell_first_.assign(1, 0);
    return;
  }
  low_ = low_ - Vec2{kMarginM, kMarginM};
  columns_ = static_cast<std::int64_t>((high.x - low_.x + kMarginM) / kCellM) + 1;
  rows_ = static_cast<std::int64_t>((high.y - low_.y + kMarginM) / kCellM) + 1;
  const auto for_cells = [&](auto visit) {
    for (LaneIndex number = 0; number < lanes_.size(); ++number) {
      const Lane& lane = lanes_[number];
      const double reach = lane.half_width_m + kNearM;
      for (std::uint32_t i = 0; i + 1 < lane.point_count; ++i) {
        const Vec2 begin = points_[lane.point_first + i];
        const Vec2 along = points_[lane.point_first + i + 1] - begin;
        // Piece by piece: the box of a long one across the grid has hardly a cell that it touches.
        const int pieces = 1 + static_cast<int>(Norm(along) / kPieceM);
        for (int piece = 0; piece < pieces; ++piece) {
          const Vec2 a = begin + (1.0 * piece / pieces) * along;
          const Vec2 b = begin + (1.0 * (piece + 1) / pieces) * along;
          const auto cell = [](double value, double from) { return static_cast<std::int64_t>((value - from) / kCellM); };
          for (std::int64_t y = cell(std::min(a.y, b.y) - reach, low_.y); y <= cell(std::max(a.y, b.y) + reach, low_.y); ++y) {
            for (std::int64_t x = cell(std::min(a.x, b.x) - reach, low_.x); x <= cell(std::max(a.x, b.x) + reach, low_.x); ++x) {
              visit(static_cast<std::size_t>(y * columns_ + x), Segment{number, lane.point_first + i});
            }
          }
        }
      }
    }
  };
  cell_first_.assign(static_cast<std::size_t>(columns_ * rows_) + 1, 0);
  for_cells([&](std::size_t cell, Segment) { ++cell_first_[cell + 1]; });
  for (std::size_t i = 1; i < cell_first_.size(); ++i) cell_first_[i] += cell_first_[i - 1];
  segments_.resize(cell_first_.back());
  std::vector<std::uint32_t> at = cell_first_;
  for_cells([&](std::size_t cell, Segment segment) { segments_[at[cell]++] = segment; });
}

std::int64_t LaneMap::CellAt(Vec2 position) const {
  const double x = (position.x - low_.x) / kCellM;
  const double y = (position.y - low_.y) / kCellM;
  // Also false of what is not a number.
  if (!(x >= 0 && y >= 0 && x < static_cast<double>(columns_) && y < static_cast<double>(rows_))) return -1;
  return static_cast<std::int64_t>(y) * columns_ + static_cast<std::int64_t>(x);
}

LaneMap::Place LaneMap::Find(const MotionState& state) const {
  Place best;
  const std::int64_t cell = CellAt(state.position);
  if (cell < 0) return best;
  const Vec2 heading = HeadingVector(state.heading_rad);
  double least = std::numeric_limits<double>::infinity();
  for (std::uint32_t i = cell_first_[static_cast<std::size_t>(cell)]; i < cell_first_[static_cast<std::size_t>(cell) + 1]; ++i) {
    const Segment& segment = segments_[i];
    const Lane& lane = lanes_[segment.lane];
    const Vec2 begin = points_[segment.point];
    const Vec2 along = points_[segment.point + 1] - begin;
    const double length = static_cast<double>(along_[segment.point + 1]) - along_[segment.point];
    const Vec2 direction = (1 / length) * along;
    const double cosine = Dot(direction, heading);
    if (cosine < kAlignedCos) continue;
    const Vec2 offset = state.position - begin;
    const double at = Dot(offset, direction);
    const double right = -Cross(direction, offset);
    if (std::abs(right) > lane.half_width_m + kNearM) continue;
    const double beyond = std::max({-at, at - length, 0.0});
    if (beyond > 1) continue;
    const double sine = -Cross(direction, heading);  // Small angles: their own.
    double cost = right * right / (kSigmaRightM * kSigmaRightM) + sine * sine / (kSigmaTurnedRad * kSigmaTurnedRad) +
                  4 * beyond * beyond;
    const double bend = static_cast<double>(lane.turn_rad) / lane.length_m - state.curvature_per_m;
    if (lane.inside) cost += bend * bend / (kSigmaCurvature * kSigmaCurvature);
    if (cost >= least) continue;
    least = cost;
    best = {segment.lane, along_[segment.point] + std::clamp(at, 0.0, length), right};
  }
  return best;
}

LaneIndex LaneMap::NextLane(const Lane& lane, double to_end_m, double curvature_per_m) const {
  LaneIndex best = kNone;
  double least = std::numeric_limits<double>::infinity();
  const bool turning = to_end_m < kChosenM && std::abs(curvature_per_m) > kChosenCurvature;
  for (std::uint32_t i = 0; i < lane.way_count; ++i) {
    const LaneIndex next = ways_[lane.way_first + i];
    // A way of no length within the junction says little: the turn is the next lanes'.
    double turn = lanes_[next].turn_rad;
    for (LaneIndex after = next; lanes_[after].inside && lanes_[after].way_count == 1;) {
      after = ways_[lanes_[after].way_first];
      if (!lanes_[after].inside) break;
      turn += static_cast<double>(lanes_[after].turn_rad);
    }
    const double cost = turning ? (curvature_per_m > 0 ? -turn : turn) : std::abs(turn);
    if (cost >= least) continue;
    least = cost;
    best = next;
  }
  return best;
}

template <typename Visit>
void LaneMap::ForPiecesAhead(const Place& place, double curvature_per_m, Visit visit) const {
  LaneIndex number = place.lane;
  double from_m = place.along_m;           // On this lane.
  double begin_rad = 0;                    // Of the next piece, in the caller's count,
  double before_rad = 0;                   // and where the one before ended, in its lane's.
  for (int lanes = 0; lanes < kLanesMax && number != kNone; ++lanes) {
    const Lane& lane = lanes_[number];
    double piece_m = 0;                    // Where it begins.
    for (std::uint32_t i = lane.piece_first; i < lane.piece_first + lane.piece_count; ++i) {
      const double length = pieces_[i].length_m;
      const double piece_rad = pieces_[i].begin_heading_rad;
      const double curvature = (static_cast<double>(pieces_[i].end_heading_rad) - piece_rad) / length;
      const double here_m = std::clamp(from_m - piece_m, 0.0, length);
      if (length - here_m > kApartM) {
        const double here_rad = piece_rad + curvature * here_m;
        begin_rad += WrapAngle(here_rad - before_rad);
        const double end_rad = begin_rad + curvature * (length - here_m);
        // Beside the middle the way around a bend is shorter, or longer.
        const double stretch = std::clamp(1 - curvature * place.right_m, 0.5, 1.5);
        if (!visit(stretch * (length - here_m), begin_rad, end_rad)) return;
        begin_rad = end_rad;
        before_rad = pieces_[i].end_heading_rad;
      }
      piece_m += length;
    }
    number = NextLane(lane, lane.length_m - from_m, lanes == 0 ? curvature_per_m : 0);
    from_m = 0;
  }
}

PlannedPath LaneMap::WayOf(const MotionState& state, double length_m) const {
  MotionState soon = state;
  const bool turns = std::abs(state.curvature_per_m) <= kCurvatureMax;
  // No farther than its own turn is believed.
  const double own_m = std::min(kOwnS * state.speed_mps, kTurnMaxRad / std::max(std::abs(state.curvature_per_m), 1e-9));
  if (turns) {
    const Pose moved = DriveAlong(state, {}, own_m);
    soon.position = moved.position;
    soon.heading_rad = moved.heading_rad;
  }
  const Place place = Find(soon);
  if (place.lane == kNone) return {};
  WayFitter fitter(soon.heading_rad, std::max(kAlignMinM, kAlignS * state.speed_mps));
  if (turns && own_m > 0) fitter.Begin({own_m, state.curvature_per_m});
  // The first heading is the nearest to the vehicle's, whatever number of turns that has.
  std::optional<double> turned_rad;
  ForPiecesAhead(place, state.curvature_per_m, [&](double piece_m, double begin_rad, double end_rad) {
    if (!turned_rad) turned_rad = WrapAngle(begin_rad - soon.heading_rad) - (begin_rad - soon.heading_rad);
    fitter.Take(piece_m, begin_rad + *turned_rad, end_rad + *turned_rad);
    return fitter.length_m() < length_m && !fitter.full();
  });
  return fitter.Finish();
}

void LaneMap::ForLanes(const std::function<void(std::span<const Vec2> middle, double width_m)>& visit) const {
  for (const Lane& lane : lanes_) {
    if (lane.point_count > 1) visit({points_.data() + lane.point_first, lane.point_count}, 2.0 * lane.half_width_m);
  }
}

}  // namespace starling::cloud
