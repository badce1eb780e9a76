#include "sim/experiment/resampling.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/check.h"
#include "sim/city/random.h"
#include "sim/experiment/distributions.h"

namespace starling::sim {
namespace {

// Sums of the same numbers with other signs differ in their last bits; none of them is to be a distance.
constexpr double kSameSum = 1e-12;

// How many ways to sign `rest` take `sum` at least `bar` away from 0.
std::uint64_t CountFar(std::span<const double> rest, double sum, double bar) {
  if (rest.empty()) return std::abs(sum) >= bar ? 1 : 0;
  return CountFar(rest.subspan(1), sum + rest[0], bar) + CountFar(rest.subspan(1), sum - rest[0], bar);
}

double ExactFlips(std::span<const double> differences, double bar) {
  // The other half, with the first one's sign changed, is its mirror image.
  const std::uint64_t far = CountFar(differences.subspan(1), differences[0], bar);
  return static_cast<double>(far) / static_cast<double>(std::uint64_t{1} << (differences.size() - 1));
}

double DrawnFlips(std::span<const double> differences, double bar, std::uint64_t seed, std::uint32_t draws) {
  Random random(seed);
  std::uint64_t far = 0;
  for (std::uint32_t draw = 0; draw < draws; ++draw) {
    double sum = 0;
    std::uint64_t signs = 0;
    for (std::size_t i = 0; i < differences.size(); ++i) {
      if (i % 64 == 0) signs = random.Next();
      sum += (signs >> (i % 64) & 1) != 0 ? differences[i] : -differences[i];
    }
    if (std::abs(sum) >= bar) ++far;
  }
  return static_cast<double>(far + 1) / (static_cast<double>(draws) + 1);
}

double MeanOf(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

// Of the jackknife, which for a mean is this.
double Acceleration(std::span<const double> values, double mean) {
  double squares = 0;
  double cubes = 0;
  for (const double value : values) {
    const double off = value - mean;
    squares += off * off;
    cubes += off * off * off;
  }
  return cubes / (6 * squares * std::sqrt(squares));
}

// The share of resamples that the interval's end is at, for a normal's quantile z; 0 or 1 where it is not defined.
double CorrectedShare(double z, double bias, double acceleration) {
  const double scale = 1 - acceleration * (bias + z);
  return scale <= 0 ? (z < 0 ? 0 : 1) : NormalBelow(bias + (bias + z) / scale);
}

// The k-th of `count` for a share of them, counted from the lower end.
std::size_t Rank(double share, std::size_t count) {
  const double rank = std::floor(share * (static_cast<double>(count) + 1));
  return static_cast<std::size_t>(std::clamp(rank, 1.0, static_cast<double>(count)));
}

}  // namespace

SignFlips FlipSigns(std::span<const double> differences, std::uint64_t seed, std::uint32_t draws) {
  STARLING_CHECK(draws >= 1);
  std::vector<double> moved;
  double sum = 0;
  double sum_abs = 0;
  for (const double difference : differences) {
    if (difference == 0) continue;
    moved.push_back(difference);
    sum += difference;
    sum_abs += std::abs(difference);
  }
  if (moved.empty()) return {};
  const double bar = std::abs(sum) - kSameSum * sum_abs;
  if (moved.size() <= kSignsExactMax) return {ExactFlips(moved, bar), true};
  return {DrawnFlips(moved, bar, seed, draws), false};
}

BootstrapInterval Bootstrap(std::span<const double> values, double confidence, std::uint64_t seed,
                            std::uint32_t draws) {
  STARLING_CHECK(!values.empty() && draws >= 100 && confidence > 0 && confidence < 1);
  if (std::ranges::all_of(values, [&](double value) { return value == values[0]; }))
    return {values[0], values[0], false};
  Random random(seed);
  const auto count = static_cast<std::uint32_t>(values.size());
  const double mean = MeanOf(values);
  double scale = 0;
  for (const double value : values) scale = std::max(scale, std::abs(value));
  std::vector<double> means(draws);
  for (double& drawn : means) {
    double sum = 0;
    for (std::uint32_t i = 0; i < count; ++i) sum += values[random.Below(count)];
    drawn = sum / count;
  }
  std::ranges::sort(means);

  const double same = kSameSum * scale;
  const auto below = std::ranges::lower_bound(means, mean - same) - means.begin();
  const auto not_above = std::ranges::upper_bound(means, mean + same) - means.begin();
  const double share_below = static_cast<double>(below + not_above) / 2 / draws;
  const double z = NormalQuantile(1 - (1 - confidence) / 2);
  double low = (1 - confidence) / 2;
  double high = 1 - low;
  bool corrected = false;
  if (share_below > 0 && share_below < 1) {
    const double bias = NormalQuantile(share_below);
    const double acceleration = Acceleration(values, mean);
    const double low_corrected = CorrectedShare(-z, bias, acceleration);
    const double high_corrected = CorrectedShare(z, bias, acceleration);
    if (low_corrected > 0 && high_corrected < 1) {
      low = low_corrected;
      high = high_corrected;
      corrected = true;
    }
  }
  return {means[Rank(low, draws) - 1], means[draws - Rank(1 - high, draws)], corrected};
}

}  // namespace starling::sim
