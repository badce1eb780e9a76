// A collection plan: what the fleet's owner wants from a vehicle.  As text it is
// docs/formats/plan.md, on the link schemas/cloud_to_edge/plan.fbs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/time.h"
#include "schemas/cloud_to_edge/plan_generated.h"
#include "schemas/edge_to_cloud/uplink_generated.h"

namespace starling {

// Of the bytes of a compiled plan, as the first eight bytes of its SHA-256; 0: no plan.
enum class PlanHash : std::uint64_t {};

// 16 hexadecimal digits, as `sha256sum` begins with.
std::string ToHex(PlanHash hash);

// "applied", "refused_not_newer", ...; "none" for a value that has no name.
std::string_view NameOf(wire::PlanVerdict verdict);

// All limits of a plan, with their consequences.
struct PlanLimits {
  static constexpr std::size_t kBytesMax = 16 << 10;          // compiled: it fits one frame
  static constexpr std::size_t kNameMax = 48;
  static constexpr std::size_t kSignalsMax = 8;               // one rule for each signal
  static constexpr std::size_t kWindowsMax = 16;              // work for each sample
  static constexpr std::size_t kTriggersMax = 8;              // each may hold a capture of its own
  static constexpr std::size_t kStepsMax = 32;                // of a condition; work for each sample
  static constexpr std::size_t kGeofencesMax = 16;
  static constexpr std::size_t kCornersMin = 3, kCornersMax = 64;  // of one geofence
  static constexpr std::size_t kCornersAllMax = 256;          // of a plan; work for each sample
  static constexpr double kGeofenceSpanMaxDeg = 5;            // so that its arithmetic is exact in 64 bits
  static constexpr double kLatMaxDeg = 85;
  static constexpr std::uint32_t kEveryMax = 600;             // a value a minute at 10 Hz
  static constexpr double kWindowMinS = 1, kWindowMaxS = 600;
  static constexpr double kCaptureMaxS = 10;                  // before, and after: memory on the vehicle
  static constexpr double kHoldMaxS = 60;
  static constexpr double kCooldownMaxS = 3600;
  static constexpr unsigned kLinkShareMinPercent = 1;
  static constexpr double kNumberMax = 1e6;                   // to compare with

  // The live lane: below the least the link is full of frames, above the most the cloud's
  // horizon works with positions that are wrong.  A heartbeat is due before the horizon
  // takes a vehicle for silent, which is after 3 s.
  static constexpr double kPositionErrorMinM = 0.05, kPositionErrorMaxM = 3;
  static constexpr double kHeadingErrorMinDeg = 0.5, kHeadingErrorMaxDeg = 20;
  static constexpr double kSpeedErrorMinMps = 0.05, kSpeedErrorMaxMps = 3;
  static constexpr double kHeartbeatMinS = 0.2, kHeartbeatMaxS = 2.5;
};

// What is known of a signal.
struct PlanSignalInfo {
  wire::PlanSignal signal{};
  std::string_view name;
  bool number = false;     // conditions and windows can be about it
  bool recorded = false;   // history has it: rules can be about it
};

// Every signal, in the order of the enumerators.
const std::vector<PlanSignalInfo>& PlanSignals();
// Null if there is none of that name, or value.
const PlanSignalInfo* FindPlanSignal(std::string_view name);
const PlanSignalInfo* FindPlanSignal(wire::PlanSignal signal);

struct PlanSignalRule {
  wire::PlanSignal signal{};
  wire::PlanLane lane = wire::PlanLane::History;
  std::uint32_t every = 1;               // [1, kEveryMax]

  friend bool operator==(const PlanSignalRule&, const PlanSignalRule&) = default;
};

struct PlanWindow {
  wire::PlanSignal signal{};
  milliseconds length{};
  std::uint8_t aggregates = 0;           // of PlanAggregate
  double above = 0;                      // of TimeAbove

  bool Has(wire::PlanAggregate aggregate) const { return (aggregates & static_cast<std::uint8_t>(aggregate)) != 0; }
  friend bool operator==(const PlanWindow&, const PlanWindow&) = default;
};

struct PlanCorner {
  std::int32_t lat_e7 = 0;
  std::int32_t lon_e7 = 0;

  friend constexpr bool operator==(PlanCorner, PlanCorner) = default;
};

// A polygon; its last corner is joined to its first.
struct PlanGeofence {
  std::string name;
  std::vector<PlanCorner> corners;

  friend bool operator==(const PlanGeofence&, const PlanGeofence&) = default;
};

struct PlanStep {
  wire::PlanOpCode code{};
  std::uint8_t argument = 0;
  double value = 0;

  friend constexpr bool operator==(const PlanStep&, const PlanStep&) = default;
};

struct PlanTrigger {
  std::string name;
  std::vector<PlanStep> condition;       // postfix
  milliseconds hold{};
  milliseconds before{};
  milliseconds after{};
  milliseconds cooldown{};

  friend bool operator==(const PlanTrigger&, const PlanTrigger&) = default;
};

struct Plan {
  std::string name;
  std::uint64_t version = 0;
  std::optional<seconds> start;          // Unix time
  std::optional<seconds> end;
  wire::PlanPriority priority = wire::PlanPriority::Normal;
  unsigned link_share_percent = 100;     // of kPlanLinkBytesPerSecond, for history and all that goes with it

  // Thresholds of the live lane; those that are not set are the agent's own.
  std::optional<double> position_error_m;
  std::optional<double> heading_error_deg;
  std::optional<double> speed_error_mps;
  std::optional<milliseconds> heartbeat;

  std::vector<PlanSignalRule> signals;
  std::vector<PlanWindow> windows;
  std::vector<PlanGeofence> geofences;
  std::vector<PlanTrigger> triggers;

  friend bool operator==(const Plan&, const Plan&) = default;
};

// What all of a vehicle's link is, to a plan: the bytes that a gateway takes of one
// vehicle in a second, by default.
inline constexpr double kPlanLinkBytesPerSecond = 64 << 10;

// What is wrong with a plan, and where, in the words of its text.
struct PlanFault {
  std::string section;                   // "live", "window", ...; empty: the plan itself
  std::size_t index = 0;                 // of the section, where there are several
  std::string key;                       // empty: the section as a whole
  std::string why;                       // what was found and what was expected
};

// The first fault that is found; none: the plan can be applied.
std::optional<PlanFault> FindFault(const Plan& plan);

}  // namespace starling
