#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/city/city.h"

namespace starling::sim {

using StreetIndex = std::uint32_t;

// The way on along streets that somebody else has chosen: which connection, from which lane.
//
// Threading: immutable after construction.
class OwnWays {
 public:
  // `city` must outlive it.
  explicit OwnWays(const City& city);

  // The lanes of a street, the outermost first; none if no car drives there.
  std::span<const LaneIndex> LanesOf(StreetIndex street) const;

  // Of `way`, whose `at`-th street the lane belongs to, the connection to take at the lane's
  // end: one to the next street, into the lane there from which one comes on best.  If none
  // leads there, or the way ends here, any; REQUIRES: the lane has one.
  ConnectionIndex Next(std::span<const StreetIndex> way, std::size_t at, LaneIndex lane) const;

  // The lane beside it that one had better be in, for the next street and the one after it;
  // kNoLane if none is better.
  LaneIndex Better(std::span<const StreetIndex> way, std::size_t at, LaneIndex lane) const;

 private:
  static constexpr int kNever = 100;

  int ChangesBefore(LaneIndex lane, StreetIndex next) const;
  int Effort(std::span<const StreetIndex> way, std::size_t at, LaneIndex lane) const;
  bool Leads(LaneIndex lane, StreetIndex next) const;

  const City& city_;
  std::vector<std::uint32_t> first_;      // By street, into lanes_; one more than streets.
  std::vector<LaneIndex> lanes_;
};

}  // namespace starling::sim
