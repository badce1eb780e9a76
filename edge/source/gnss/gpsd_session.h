#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/status.h"
#include "common/time.h"
#include "edge/source/gnss/gnss_fix.h"

namespace starling::edge {

struct GpsdReport;

// What a client sends first.
inline constexpr std::string_view kGpsdWatch = "?WATCH={\"enable\":true,\"json\":true};\n";

struct GpsdCounters {
  std::uint64_t reports = 0;             // lines
  std::uint64_t refused = 0;             // of these, no JSON of the protocol
  std::uint64_t unused = 0;              // of classes that say nothing that is used
  std::uint64_t tpv = 0;
  std::uint64_t tpv_without_fix = 0;     // mode under 2, simulated, or without a position
  std::uint64_t tpv_other_device = 0;    // of another receiver than the one that is followed
  std::uint64_t fixes = 0;               // handed over
  std::uint64_t devices_lost = 0;
  std::uint64_t errors = 0;              // that gpsd told of
};

// What the lines of gpsd mean, as a pure state machine.
//
// Of several receivers one is followed: the first one that has a fix, until it is lost
// or has had none for kFollowed.
//
// Threading: thread-compatible.
class GpsdSession {
 public:
  static constexpr seconds kFollowed{3};

  struct Event {
    std::optional<GnssFix> fix;
    std::string trouble;                 // for a person; empty: none
  };

  // Errors: as ParseGpsdReport; the line is counted and changes nothing else.
  Result<Event> OnLine(std::string_view line, BootTime now);

  const GpsdCounters& counters() const { return counters_; }

 private:
  Event OnTpv(const GpsdReport& report, BootTime now);

  GpsdCounters counters_;
  std::string device_;                   // that is followed
  std::optional<BootTime> last_fix_;     // of it; nullopt: none is followed
};

}  // namespace starling::edge
