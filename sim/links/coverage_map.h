// What the radio gives at each place of a city, and when.
#pragma once

#include <cstdint>
#include <vector>

#include "common/geo/vec2.h"
#include "common/status.h"
#include "common/time.h"
#include "sim/sensors/area.h"
#include "sim/traffic/sim_time.h"

namespace starling::sim {

// What a radio cell adds to a link's own figures.
struct RadioCell {
  nanoseconds extra_delay{};   // each way; 0 to 10 s
  double loss = 0;             // share of the segments; 0 to 0.5
};

// A radio cell through which nothing passes for a time, from `begin` until just before `end`.
struct RadioOutage {
  std::uint32_t cell = 0;
  SimTime begin;
  SimTime end;
};

// Everything that a CoverageMap knows, to be drawn, given or changed by hand.
struct CoveragePlan {
  Extent extent;                     // a position outside belongs to the nearest cell
  double cell_side_m = 500;          // radio cells are squares, from the south-west corner; 50 to 100000
  // By row from the south, each from the west; empty: none adds anything.
  std::vector<RadioCell> cells;
  std::vector<Area> holes;           // where nothing passes
  std::vector<RadioOutage> outages;  // in any order; may overlap

  std::uint32_t columns() const;
  std::uint32_t rows() const;

  // Errors: kInvalidArgument names what is out of its range.
  Status Validate() const;
};

// By default the radio is perfect everywhere.
struct CoverageConfig {
  std::uint64_t seed = 1;
  // Sites of a city's network stand some hundred metres apart.  Larger cells: an outage takes
  // more vehicles with it.  50 to 100000 m.
  double cell_side_m = 500;
  // What a cell adds: exponential with that mean, cut at five times the mean, and at 0.5 for the
  // loss.  0 to 1 s; 0 to 0.2.
  nanoseconds extra_delay_mean{};
  double loss_mean = 0;
  // Share of the city's area where nothing passes, discs; a vehicle in one is silent.  0 to 0.9.
  double hole_share = 0;
  // Radius of a hole, m; drawn between half of it and one and a half times.  10 to 10000.
  double hole_radius_m = 60;
  // Outages of each cell, for each hour that it works; and how long one lasts, exponential above a
  // second.  0 to 60; 1 s to 24 h.
  double outages_per_hour = 0;
  nanoseconds outage_mean = seconds(60);
  // No outage begins later than that.  1 s to 7 days.
  nanoseconds horizon = seconds(3600);

  // Errors: kInvalidArgument names the field that is out of its range.
  Status Validate() const;
};

// REQUIRES: config.Validate().ok(), extent.IsProper()
CoveragePlan DrawCoverage(const CoverageConfig& config, const Extent& extent);

// Answers for a place and a time.
//
// Threading: immutable.
class CoverageMap {
 public:
  struct Spot {
    bool passes = true;
    std::uint32_t cell = 0;
    nanoseconds extra_delay{};
    // -ln(1 - loss) for one segment: expected losses if each lost one were followed by another try.
    double loss_hazard = 0;
  };

  // REQUIRES: plan.Validate().ok()
  explicit CoverageMap(const CoveragePlan& plan);

  Spot At(Vec2 where, SimTime now) const;
  std::uint32_t CellAt(Vec2 where) const;
  bool IsOut(std::uint32_t cell, SimTime now) const;
  std::uint32_t cells() const { return columns_ * rows_; }

 private:
  struct Cell {
    nanoseconds extra_delay{};
    double loss_hazard = 0;
    std::uint32_t first_outage = 0;  // in outages_; the next cell's is the end
  };
  struct Span {
    SimTime begin;
    SimTime end;
  };

  Vec2 south_west_;
  double cell_side_m_;
  std::uint32_t columns_;
  std::uint32_t rows_;
  std::vector<Cell> cells_;          // one more than there are
  std::vector<Span> outages_;        // by cell, then by time, disjoint
  AreaIndex holes_;
};

}  // namespace starling::sim
