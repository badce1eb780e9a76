#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>

#include "common/time.h"

namespace starling::cloud {

// Token buckets by name, of a bounded number: who asks too often has to wait.  When there is no
// room for a new name, those that have not asked for long enough to be full again are forgotten;
// if there are none, new names share one bucket.
//
// Threading: thread-compatible.
class AccessRates {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr std::size_t kNamesMax = 4'096;

  AccessRates(double per_second, double burst) : per_second_(per_second), burst_(burst) {}

  // Zero: it may, and has.  Otherwise how long until it may.
  std::chrono::duration<double> Take(const std::string& name, Clock::time_point now);

  std::size_t names() const { return buckets_.size(); }

 private:
  struct Bucket {
    double level = 0;
    Clock::time_point at;
  };

  double LevelOf(const Bucket& bucket, Clock::time_point now) const;

  const double per_second_;
  const double burst_;
  std::unordered_map<std::string, Bucket> buckets_;
  std::optional<Clock::time_point> swept_;
};

// The part of an address that one party has: all of IPv4, the first 64 bits of IPv6.
std::string AddressKey(const std::string& address);

}  // namespace starling::cloud
