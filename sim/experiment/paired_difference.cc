#include "sim/experiment/paired_difference.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "sim/experiment/distributions.h"

namespace starling::sim {
namespace {

constexpr double kValueMax = 1e60;  // Its fourth power is still a number.

Status Refuse(std::string message) { return Status(ErrorCode::kInvalidArgument, std::move(message)); }

// Sums of squares and products around the means, divided by n (n - 1): variances and covariance of the means.
struct Moments {
  double mean_x = 0;
  double mean_d = 0;
  double xx = 0;
  double xd = 0;
  double dd = 0;
};

double MeanOf(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

Moments MomentsOf(std::span<const double> x, std::span<const double> d) {
  Moments moments = {.mean_x = MeanOf(x), .mean_d = MeanOf(d)};
  // The mean of the same value may be its neighbour, and then they would seem to vary.
  if (std::ranges::count(d, d[0]) == std::ssize(d)) moments.mean_d = d[0];
  if (std::ranges::count(x, x[0]) == std::ssize(x)) moments.mean_x = x[0];
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double off_x = x[i] - moments.mean_x;
    const double off_d = d[i] - moments.mean_d;
    moments.xx += off_x * off_x;
    moments.xd += off_x * off_d;
    moments.dd += off_d * off_d;
  }
  const double n = static_cast<double>(x.size());
  moments.xx /= n * (n - 1);
  moments.xd /= n * (n - 1);
  moments.dd /= n * (n - 1);
  return moments;
}

// The ratios r at which mean_d - r mean_x is within t of its own standard error.
std::optional<Interval> FiellerPercent(const Moments& m, double t) {
  const double a = m.mean_x * m.mean_x - t * t * m.xx;
  if (!(a > 0)) return std::nullopt;
  const double b = m.mean_d * m.mean_x - t * t * m.xd;
  const double c = m.mean_d * m.mean_d - t * t * m.dd;
  const double root = std::sqrt(std::max(b * b - a * c, 0.0));
  const double sign = m.mean_x < 0 ? -100 : 100;
  const auto [low, high] = std::minmax({sign * ((b - root) / a), sign * ((b + root) / a)});
  return Interval{low, high};
}

}  // namespace

Status PairedConfig::Validate() const {
  if (!(confidence >= 0.5 && confidence <= 0.9999)) return Refuse("confidence: expected 0.5 to 0.9999");
  if (resamples < 100 || resamples > 10'000'000) return Refuse("resamples: expected 100 to 10000000");
  if (sign_draws < 100 || sign_draws > 10'000'000) return Refuse("sign_draws: expected 100 to 10000000");
  return Status();
}

Result<PairedDifference> ComparePaired(std::span<const double> without, std::span<const double> with,
                                       const PairedConfig& config) {
  if (Status valid = config.Validate(); !valid.ok()) return valid;
  if (without.size() != with.size()) {
    return Refuse(std::to_string(without.size()) + " values without and " + std::to_string(with.size()) +
                  " with: expected as many");
  }
  if (without.size() < 2) return Refuse(std::to_string(without.size()) + " pairs of runs: expected 2 or more");
  if (without.size() > 100'000)
    return Refuse(std::to_string(without.size()) + " pairs of runs: expected 100000 at most");
  std::vector<double> differences(without.size());
  for (std::size_t i = 0; i < without.size(); ++i) {
    for (const double value : {without[i], with[i]}) {
      if (!(std::abs(value) <= kValueMax)) {
        return Refuse("pair " + std::to_string(i + 1) + ": expected a finite number, not " + std::to_string(value));
      }
    }
    differences[i] = with[i] - without[i];
  }

  const Moments moments = MomentsOf(without, differences);
  const double t = StudentQuantile(config.confidence, static_cast<std::uint32_t>(without.size() - 1));
  PairedDifference result;
  result.pairs = static_cast<std::uint32_t>(without.size());
  result.mean_without = moments.mean_x;
  result.mean_with = MeanOf(with);
  result.difference = moments.mean_d;
  result.standard_error = std::sqrt(moments.dd);
  result.interval = {moments.mean_d - t * result.standard_error, moments.mean_d + t * result.standard_error};
  result.bootstrap = Bootstrap(differences, config.confidence, config.seed, config.resamples);
  result.sign_flips = FlipSigns(differences, config.seed, config.sign_draws);
  if (moments.mean_x != 0) {
    result.percent = 100 * moments.mean_d / std::abs(moments.mean_x);
    result.percent_interval = FiellerPercent(moments, t);
  }
  if (result.interval.high < 0) result.finding = Finding::kLower;
  if (result.interval.low > 0) result.finding = Finding::kHigher;
  const bool flips_show = result.sign_flips.p <= 1 - config.confidence;
  result.disputed = flips_show != (result.finding != Finding::kNoDifference);
  return result;
}

}  // namespace starling::sim
