#include "sim/city/city.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "common/geo/trigonometry.h"
#include "sim/city/conflict_zones.h"

namespace starling::sim {
namespace {

Status InRange(const char* name, double value, double low, double high) {
  if (value >= low && value <= high) return {};
  return {ErrorCode::kInvalidArgument, std::string("city ") + name + " is " +
                                           std::to_string(value) + ", not in " +
                                           std::to_string(low) + " to " + std::to_string(high)};
}

}  // namespace

Status CityConfig::Validate() const {
  if (Status status = InRange("side_m", side_m, 1000, 20000); !status.ok()) return status;
  if (Status status = InRange("block_m", block_m, 140, 400); !status.ok()) return status;
  if (Status status = InRange("missing_share", missing_share, 0, 0.3); !status.ok()) return status;
  if (Status status = InRange("signal_share", signal_share, 0, 1); !status.ok()) return status;
  if (Status status = InRange("roundabout_share", roundabout_share, 0, 1); !status.ok()) return status;
  return InRange("progression_mps", progression_mps, 10, 16.7);
}

double Signal::green_s() const {
  double green_s = 0;
  double from_s = 0;
  for (const Stage& stage : stages) {
    if (stage.light == Light::kGreen) green_s += stage.until_s - from_s;
    from_s = stage.until_s;
  }
  return green_s;
}

LightState LightAt(const Signal& signal, double time_s) {
  const double shifted = time_s + signal.offset_s;
  const double in_cycle = shifted - signal.cycle_s * std::floor(shifted / signal.cycle_s);
  const std::vector<Signal::Stage>& stages = signal.stages;
  std::size_t at = 0;
  while (at + 1 < stages.size() && in_cycle >= stages[at].until_s) ++at;
  if (at > 0) return {stages[at].light, in_cycle - stages[at - 1].until_s, stages[at].first};
  // It may show the same since the end of the last cycle.
  double since_s = in_cycle;
  if (stages.size() > 2 && stages.back().light == stages.front().light) {
    since_s += signal.cycle_s - stages[stages.size() - 2].until_s;
  }
  return {stages.front().light, since_s, stages.front().first};
}

const TrackArc& City::ArcAt(TrackIndex track, double distance_m) const {
  const std::span<const TrackArc> pieces = arcs(track);
  std::size_t piece = pieces.size() - 1;
  while (piece > 0 && distance_m < pieces[piece].from_m) --piece;
  return pieces[piece];
}

double City::CurvatureAt(TrackIndex track, double distance_m) const {
  return ArcAt(track, distance_m).arc.curvature_per_m;
}

Pose City::PoseAt(TrackIndex track, double distance_m) const {
  const TrackArc& at = ArcAt(track, distance_m);
  const double along = distance_m - at.from_m;
  if (at.arc.curvature_per_m == 0) return {at.start + along * at.direction, at.heading_rad, 0};
  return DriveArc({at.start, at.heading_rad, 0}, along, at.arc.curvature_per_m);
}

void City::AddTrack(const Pose& start, std::span<const PathArc> arcs,
                   double speed_limit_mps, double lateral_mps2) {
  Track track{static_cast<std::uint32_t>(arcs_.size()),
              static_cast<std::uint32_t>(arcs.size()), 0, speed_limit_mps};
  Pose pose = start;
  for (const PathArc& arc : arcs) {
    arcs_.push_back(
        {pose.position, HeadingVector(pose.heading_rad), pose.heading_rad, track.length_m, arc});
    pose = DriveArc(pose, arc.length_m, arc.curvature_per_m);
    track.length_m += arc.length_m;
    const double curvature = std::abs(arc.curvature_per_m);
    if (curvature > 0) {
      track.speed_limit_mps =
          std::min(track.speed_limit_mps, std::sqrt(lateral_mps2 / curvature));
    }
  }
  tracks_.push_back(track);
}

void City::FindZones(JunctionIndex number, const PairRule& gives_way, const PairRule& foes) {
  Junction& junction = junctions_[number];
  const std::uint32_t count = junction.connection_count;
  junction.zone_table = static_cast<std::uint32_t>(zone_numbers_.size());
  zone_numbers_.resize(zone_numbers_.size() + count * count, 0);
  std::vector<SampledLine> lines;
  for (std::uint32_t i = 0; i < count; ++i) {
    lines.push_back(SampledLine::Of(*this, TrackOf(junction.connection_first + i)));
  }
  for (std::uint32_t a = 0; a < count; ++a) {
    const ConnectionIndex first = junction.connection_first + a;
    for (std::uint32_t b = a + 1; b < count; ++b) {
      const ConnectionIndex second = junction.connection_first + b;
      auto zones = TouchingZones(lines[a], lines[b], !foes(first, second));
      if (!zones.has_value()) continue;
      if (connections_[first].to_lane == connections_[second].to_lane) EvenOut(lines[a], lines[b], &*zones);
      if (connections_[first].from_lane == connections_[second].from_lane) {
        zones->first.from_one_lane = zones->second.from_one_lane = true;
      } else {
        zones->first.yields = gives_way(first, second);
        zones->second.yields = gives_way(second, first);
        connections_[first].yields = connections_[first].yields || zones->first.yields;
        connections_[second].yields = connections_[second].yields || zones->second.yields;
      }
      const auto zone = static_cast<std::uint32_t>(zones_.size());
      zones_.push_back(zones->first);
      zones_.push_back(zones->second);
      zone_numbers_[junction.zone_table + a * count + b] = zone;
      zone_numbers_[junction.zone_table + b * count + a] = zone + 1;
    }
  }
}

void City::Finish() {
  arriving_first_.assign(lanes_.size() + 1, 0);
  for (const Connection& connection : connections_) ++arriving_first_[connection.to_lane + 1];
  for (std::size_t i = 0; i < lanes_.size(); ++i) arriving_first_[i + 1] += arriving_first_[i];
  arriving_.resize(connections_.size());
  HugePageVector<std::uint32_t> at = arriving_first_;
  for (ConnectionIndex i = 0; i < connections_.size(); ++i) arriving_[at[connections_[i].to_lane]++] = i;
  south_west_ = north_east_ = arcs_[0].start;
  for (const TrackArc& arc : arcs_) {
    south_west_.x = std::min(south_west_.x, arc.start.x);
    south_west_.y = std::min(south_west_.y, arc.start.y);
    north_east_.x = std::max(north_east_.x, arc.start.x);
    north_east_.y = std::max(north_east_.y, arc.start.y);
  }
}

}  // namespace starling::sim
