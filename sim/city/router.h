#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "sim/city/city.h"
#include "sim/city/random.h"

namespace starling::sim {

using PlaceIndex = std::uint16_t;

// What a change of lanes costs on a way, s: the shorter the lane, the less likely is a gap in time.
inline double LaneChangeS(double length_m) { return 3 + 150 / length_m; }

// Ways through the city to a fixed set of places: for each place and every lane the
// connection at its end and the lane beside it that one had better be in, by travel time: at
// first the expected one, then what vehicles take (Observe).  Setting out costs nothing, a step
// one table look-up, however many vehicles are under way.  Each place sees the
// lanes' times up to a fifth longer or shorter, so that not everyone takes the same street.
//
// Threading: thread-compatible.
class Router {
 public:
  // Draws `places` side-street lanes, at least 80 m long if there are any, that trips end in.
  // `vehicles` is how many will be under way at any time, between places about
  // as far apart as the nearest of four.  `city` must outlive the router.
  // REQUIRES: places is 1 to kPlacesMax.
  Router(const City& city, std::uint32_t places, std::uint32_t vehicles, std::uint64_t seed);

  // To these lanes, with the expected times alone; nothing is known before Find.
  // REQUIRES: at most kPlacesMax places
  Router(const City& city, std::vector<LaneIndex> places, std::uint64_t seed);

  // Finds the ways to a place, once.
  void Find(PlaceIndex place);

  std::uint32_t places() const { return static_cast<std::uint32_t>(lanes_.size()); }
  // REQUIRES: there is a place at `lane`; the constructor was given them in order.
  PlaceIndex PlaceOf(LaneIndex lane) const;
  LaneIndex LaneOf(PlaceIndex place) const { return lanes_[place]; }
  Vec2 PositionOf(PlaceIndex place) const { return positions_[place]; }

  // The connection to take at the end of `lane`; past the place's own lane, the
  // shortest way round to it again.
  ConnectionIndex Next(PlaceIndex place, LaneIndex lane) const {
    return city_.lane(lane).connection_first + (tables_[place][lane] & kWayMask);
  }

  // The lane beside it from which the place is reached sooner, or kNoLane: Next() is then the
  // way of one who did not get there.
  LaneIndex Better(PlaceIndex place, LaneIndex lane) const {
    const std::uint8_t entry = tables_[place][lane];
    return entry < kLeft ? kNoLane : entry < kRight ? city_.lane(lane).left : city_.lane(lane).right;
  }

  // A vehicle has left `lane` after that time on it.
  void Observe(LaneIndex lane, double seconds) {
    observed_s_[lane] += kObservedWeight * (static_cast<float>(seconds) - observed_s_[lane]);
  }
  // Finds the ways to one more place anew, by what has been observed; after places() calls all
  // have had their turn.  `waits_s`: by lane, how long those on it have been there by now at
  // most; 0 if nobody is.
  void Refresh(const std::vector<float>& waits_s);

  // Lanes that ways lead into only where there is no other, by lane, or none: from the next time
  // on that a place's ways are found.
  void SetClosed(std::vector<std::uint8_t> closed) { closed_ = std::move(closed); }
  // Finds the ways to a place anew.
  void Renew(PlaceIndex place) { FillTable(place); }
  static constexpr std::size_t kPlacesMax = 0xffff;
  // At most that many ways on from a lane.
  static constexpr std::uint32_t kWaysMax = 64;

 private:
  static constexpr std::uint8_t kWayMask = kWaysMax - 1;
  static constexpr std::uint8_t kLeft = 64;
  static constexpr std::uint8_t kRight = 128;
  static constexpr float kObservedWeight = 0.2f;

  void ExpectTimes();
  void DrawPlaces(std::uint32_t places, Random& random);
  void FillTable(PlaceIndex place);
  // What a lane takes, seen from one place: `factor` times, with what is to be expected before a
  // connection, (own_s + delay_s_ - common_s).
  struct LaneTime {
    double own_s = 0;
    double common_s = 0;             // Of the delays: what all of its vehicles wait.
    double factor = 1;
  };
  LaneTime TimeOn(LaneIndex lane, std::uint64_t noise) const;
  // Vehicles per second on each connection if everyone follows the tables.
  std::vector<double> Volumes(std::uint32_t vehicles) const;

  const City& city_;
  std::size_t lane_count_;
  std::vector<LaneIndex> lanes_;
  std::vector<Vec2> positions_;
  std::vector<double> drive_s_;      // Through the junction, by connection.
  std::vector<double> delay_s_;      // To be expected before it.
  std::vector<float> observed_s_;    // On the lane, waiting at its end included, by lane.
  std::vector<std::uint8_t> closed_; // By lane; empty if none is.
  std::uint64_t noise_ = 0;
  PlaceIndex next_refreshed_ = 0;
  std::vector<std::vector<LaneIndex>> open_;  // For FillTable: by the second in which they are reached.
  // By place, once it was looked for, and lane: the number among the lane's connections, and kLeft
  // or kRight.
  std::vector<std::vector<std::uint8_t>> tables_;
};

}  // namespace starling::sim
