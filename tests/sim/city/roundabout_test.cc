// Traffic through roundabouts: a city that has hardly any other junction.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/geo/trigonometry.h"
#include "sim/traffic/box.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {
namespace {

City CityOfRoundabouts(std::uint64_t seed, double block_m = 200) {
  CityConfig config;
  config.seed = seed;
  config.side_m = 2000;
  config.block_m = block_m;
  config.roundabout_share = 1;
  return City::Generate(config);
}

TrafficConfig Lawful(std::uint64_t seed, std::uint32_t vehicles) {
  TrafficConfig config = TrafficConfig::PerfectDrivers();
  config.seed = seed;
  config.vehicles = vehicles;
  config.places = 128;
  return config;
}

// Pairs of boxes that overlap, found from the truth alone; the traffic itself looks along its queues
// and within one junction, and a roundabout is several of these.
class OverlapWatch {
 public:
  void Look(const Traffic& traffic) {
    boxes_.clear();
    std::map<std::pair<int, int>, std::vector<VehicleIndex>> cells;
    for (VehicleIndex i = 0; i < traffic.size(); ++i) {
      const VehicleTruth truth = traffic.Truth(i, traffic.time());
      boxes_.push_back({truth.position, HeadingVector(truth.heading_rad), truth.length_m / 2, truth.width_m / 2});
      cells[{static_cast<int>(std::floor(truth.position.x / kCellM)),
             static_cast<int>(std::floor(truth.position.y / kCellM))}].push_back(i);
    }
    for (const auto& [cell, here] : cells) {
      for (int dx = -1; dx <= 1; ++dx) {
        for (int dy = -1; dy <= 1; ++dy) {
          const auto beside = cells.find({cell.first + dx, cell.second + dy});
          if (beside == cells.end()) continue;
          for (const VehicleIndex a : here) {
            for (const VehicleIndex b : beside->second) {
              if (a < b && BoxesOverlap(boxes_[a], boxes_[b])) pairs_.emplace(a, b);
            }
          }
        }
      }
    }
  }
  std::size_t pairs() const { return pairs_.size(); }

 private:
  static constexpr double kCellM = 6;  // Longer than a vehicle and its diagonal.
  std::vector<Box> boxes_;
  std::set<std::pair<VehicleIndex, VehicleIndex>> pairs_;
};

struct Load {
  std::uint64_t seed;
  std::uint32_t vehicles;
};
void PrintTo(const Load& load, std::ostream* out) {
  *out << "seed " << load.seed << ", " << load.vehicles << " vehicles";
}

class Roundabouts : public testing::TestWithParam<Load> {};

TEST_P(Roundabouts, LawfulDriversDoNotTouchAndEverybodyGetsOnForTenMinutes) {
  const City city = CityOfRoundabouts(GetParam().seed);
  Traffic traffic(city, Lawful(GetParam().seed, GetParam().vehicles));
  OverlapWatch watch;
  std::uint64_t trips = 0;
  for (int tenth = 1; tenth <= 6000; ++tenth) {
    traffic.AdvanceTo(SimTime(tenth * Traffic::kStep));
    if (tenth % 2 == 0) watch.Look(traffic);
    if (tenth % 600 != 0) continue;
    EXPECT_EQ(traffic.StandingVehicles(300), 0u) << "at " << tenth / 10 << " s";
    // As many as ever: nothing fills up.
    EXPECT_GT(traffic.counters().trips - trips, GetParam().vehicles / 8) << "at " << tenth / 10 << " s";
    trips = traffic.counters().trips;
  }
  EXPECT_EQ(watch.pairs(), 0u);
  EXPECT_EQ(traffic.counters().collisions, 0u);
  EXPECT_GT(traffic.MeanSpeed(), 3);
  // Who comes round the ring and finds the way on full brakes for it in time, nearly always.
  EXPECT_LT(traffic.counters().emergency_brakings, GetParam().vehicles / 50);
}

INSTANTIATE_TEST_SUITE_P(Loads, Roundabouts, testing::Values(Load{1, 700}, Load{2, 1100}, Load{3, 1500}));

// What comes in by a queue that does not end, beside what passes on the ring: minute by minute, as it is
// measured on streets.
class EntryCapacity {
 public:
  explicit EntryCapacity(const City& city) : city_(city), roles_(city.lanes().size()) {
    for (const Junction& leg : city.junctions()) {
      if (leg.control != Control::kRoundabout) continue;
      const LaneIndex first = city.connection(leg.connection_first).from_lane;
      const std::span<const LaneIndex> incoming = city.incoming(city.lane(first).to_junction);
      if (incoming.size() != 2) continue;  // Of an arterial.
      Entry entry;
      for (const LaneIndex lane : incoming) (city.lane(lane).ring ? entry.ring_before : entry.street) = lane;
      entry.ring_after = city.connection(city.lane(entry.street).connection_first).to_lane;
      entries_.push_back(entry);
      for (const LaneIndex lane : {entry.street, entry.ring_before, entry.ring_after}) {
        roles_[lane].push_back(entries_.size() - 1);
      }
    }
  }

  struct Minute {
    double circulating_vph;
    double entering_vph;
  };
  const std::vector<Minute>& minutes() const { return minutes_; }

  // REQUIRES: called once for each step.
  void Look(const Traffic& traffic) {
    ++steps_;
    last_.resize(traffic.size(), kNoLane);
    const bool second = steps_ % 10 == 0;
    for (VehicleIndex i = 0; i < traffic.size(); ++i) {
      const LaneIndex lane = traffic.LaneOf(i);
      if (lane == kNoLane) continue;
      if (lane != last_[i]) Count(last_[i], lane);
      last_[i] = lane;
      if (!second || roles_[lane].empty()) continue;
      const VehicleTruth truth = traffic.Truth(i, traffic.time());
      const double to_end_m = Norm(truth.position - city_.PoseAt(lane, city_.track(lane).length_m).position);
      for (const std::size_t number : roles_[lane]) {
        Entry& entry = entries_[number];
        entry.near += lane == entry.street && to_end_m < kQueueM;
        entry.blocked = entry.blocked || (city_.lane(lane).ring && truth.speed_mps < 0.5);
      }
    }
    if (!second) return;
    for (Entry& entry : entries_) {
      entry.queued = entry.queued && entry.near >= 2;
      entry.near = 0;
      if (steps_ % 600 != 0) continue;
      if (entry.queued && !entry.blocked) minutes_.push_back({60.0 * entry.circulating, 60.0 * entry.entering});
      entry.queued = true;
      entry.blocked = false;
      entry.circulating = entry.entering = 0;
    }
  }

 private:
  static constexpr double kQueueM = 35;

  struct Entry {
    LaneIndex street = kNoLane;
    LaneIndex ring_before = kNoLane;
    LaneIndex ring_after = kNoLane;
    int entering = 0;
    int circulating = 0;
    int near = 0;
    bool queued = true;                // Two at least, at each second of this minute.
    bool blocked = false;              // Somebody stood on the ring.
  };

  void Count(LaneIndex from, LaneIndex to) {
    if (from == kNoLane) return;
    for (const std::size_t number : roles_[to]) {
      Entry& entry = entries_[number];
      if (to != entry.ring_after) continue;
      entry.entering += from == entry.street;
      entry.circulating += from == entry.ring_before;
    }
  }

  const City& city_;
  std::vector<std::vector<std::size_t>> roles_;  // By lane, the entries that it is a lane of.
  std::vector<Entry> entries_;
  std::vector<LaneIndex> last_;
  std::vector<Minute> minutes_;
  std::int64_t steps_ = 0;
};

// Source: Highway Capacity Manual, 6th edition (2016), equation 22-1 , one lane in, one around.
double HcmVph(double circulating_vph) { return 1380 * std::exp(-0.00102 * circulating_vph); }
// Source: NCHRP Report 572 (2007), chapter 4, and the manual of 2010 after it.
double Hcm2010Vph(double circulating_vph) { return 1130 * std::exp(-0.001 * circulating_vph); }

TEST(RoundaboutEntry, LetsInWhatStreetsLetInWhereTheRingIsNotFull) {
  struct Bin {
    int minutes = 0;
    double circulating_vph = 0;
    double entering_vph = 0;
  };
  std::map<int, Bin> bins;
  for (const std::uint64_t seed : {1, 2}) {
    const City city = CityOfRoundabouts(seed, /*block_m=*/250);
    Traffic traffic(city, Lawful(seed, 1200));
    EntryCapacity capacity(city);
    for (int tenth = 1; tenth <= 9000; ++tenth) {
      traffic.AdvanceTo(SimTime(tenth * Traffic::kStep));
      capacity.Look(traffic);
    }
    for (const EntryCapacity::Minute& minute : capacity.minutes()) {
      Bin& bin = bins[static_cast<int>(minute.circulating_vph / 150)];
      ++bin.minutes;
      bin.circulating_vph += minute.circulating_vph;
      bin.entering_vph += minute.entering_vph;
    }
  }
  std::printf("circulating/h  minutes  entering/h  HCM 6  ratio  HCM 2010  ratio\n");
  double entered_before = 1e9;
  int compared = 0;
  for (const auto& [number, bin] : bins) {
    const double circulating = bin.circulating_vph / bin.minutes;
    const double entering = bin.entering_vph / bin.minutes;
    std::printf("%13.0f  %7d  %10.0f  %5.0f  %5.2f  %8.0f  %5.2f\n", circulating, bin.minutes, entering,
                HcmVph(circulating), entering / HcmVph(circulating), Hcm2010Vph(circulating),
                entering / Hcm2010Vph(circulating));
    if (bin.minutes < 10) continue;
    ++compared;
    EXPECT_LT(entering, entered_before) << circulating;
    EXPECT_LT(entering, 1.1 * HcmVph(circulating)) << circulating;
    if (circulating < 300) {
      EXPECT_GT(entering, 0.7 * HcmVph(circulating)) << circulating;
    }
    if (circulating < 450) {
      EXPECT_GT(entering, 0.6 * HcmVph(circulating)) << circulating;
    }
    entered_before = entering;
  }
  EXPECT_GE(compared, 4);
}

}  // namespace
}  // namespace starling::sim
