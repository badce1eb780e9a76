// What a figure's values without and with something say about it, when each pair is one seed's two runs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "common/status.h"
#include "sim/experiment/resampling.h"

namespace starling::sim {

struct Interval {
  double low = 0;
  double high = 0;
};

struct PairedConfig {
  double confidence = 0.95;            // of each interval; 0.5 to 0.9999
  std::uint64_t seed = 1;              // of what is drawn
  std::uint32_t resamples = 10'000;    // of the bootstrap; the more, the less the seed matters; 100 to 10,000,000
  std::uint32_t sign_draws = 100'000;  // where there are too many pairs for all signs; 100 to 10,000,000

  // Errors: kInvalidArgument names the field that is out of its range.
  Status Validate() const;
};

// By the interval of Student's t: all of it is on one side of 0, or no difference is shown.
enum class Finding : std::uint8_t { kLower, kHigher, kNoDifference };

struct PairedDifference {
  std::uint32_t pairs = 0;
  double mean_without = 0;
  double mean_with = 0;
  double difference = 0;        // Mean of with - without.
  double standard_error = 0;    // Of that mean.
  Interval interval;            // Of that mean, by Student's t with pairs - 1 degrees of freedom.
  BootstrapInterval bootstrap;  // Of the same without believing in a normal distribution,
  SignFlips sign_flips;         // and how surprising it would be were there no difference.
  // Of |mean_without|; none where that is 0.
  std::optional<double> percent;
  // Of the ratio of the two true means, both of them uncertain.  None where the baseline itself may be 0.
  std::optional<Interval> percent_interval;
  Finding finding = Finding::kNoDifference;
  // The finding and the sign flips do not say the same: one of them shows a difference at this confidence, the other
  // one does not.
  bool disputed = false;
};

// Pair i is without[i] and with[i].
// Errors: kInvalidArgument if there are fewer than two pairs, if the two differ in length, or if a value is not a
// finite number within +-1e60, naming the pair.
//
// Source: Student (W. S. Gosset): The Probable Error of a Mean, Biometrika 6(1), 1908; the percentage's interval 
// E. C. Fieller's: Some Problems in Interval Estimation, J. R. Stat. Soc. B 16(2), 1954.  It excludes 0 exactly if the
// difference's does.
Result<PairedDifference> ComparePaired(std::span<const double> without, std::span<const double> with,
                                       const PairedConfig& config = {});

}  // namespace starling::sim
