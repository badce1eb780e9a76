#pragma once

#include <chrono>
#include <cstdint>

namespace starling {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

// A vehicle's monotonic clock: nanoseconds since its boot.  It never steps, and
// means nothing outside that boot.
struct BootClock {
  using duration = nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
};
using BootTime = BootClock::time_point;

// The cloud's clock: nanoseconds of Unix time.
struct CloudClock {
  using duration = nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<CloudClock>;
  static constexpr bool is_steady = false;
};
using CloudTime = CloudClock::time_point;

constexpr BootTime BootTimeFromNs(std::uint64_t ns) {
  return BootTime(nanoseconds(static_cast<nanoseconds::rep>(ns)));
}
constexpr std::uint64_t ToNs(BootTime time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}
constexpr CloudTime CloudTimeFromNs(std::int64_t ns) { return CloudTime(nanoseconds(ns)); }
constexpr std::int64_t ToNs(CloudTime time) { return time.time_since_epoch().count(); }

// A span of time as seconds, for formulas.
constexpr double ToSeconds(nanoseconds span) { return static_cast<double>(span.count()) * 1e-9; }

// The cloud's clock, read.  Only shells call it; state machines are handed the
// time.  Processes of one machine agree on it.
inline CloudTime CloudNow() {
  return CloudTime(std::chrono::duration_cast<nanoseconds>(
      std::chrono::system_clock::now().time_since_epoch()));
}

}  // namespace starling
