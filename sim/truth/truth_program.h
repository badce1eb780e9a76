// From a recording to its encounters: what starling-truth does.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "common/geo/local_frame.h"
#include "common/status.h"
#include "sim/fcd/fcd_format.h"
#include "sim/truth/encounters.h"

namespace starling::sim {

struct VehicleSize {
  float length_m = 5;    // SUMO's passenger car.
  float width_m = 1.8F;
};
using VehicleSizes = std::map<std::string, VehicleSize, std::less<>>;

// Lines "type length width", in m; # begins a comment.
//
// Errors: kIoError; kCorruption with file, line and what was expected.
Result<VehicleSizes> ReadVehicleSizes(const std::string& path);

struct TruthOptions {
  std::string fcd;
  std::string sizes;                     // Empty: every vehicle is 5 m by 1.8 m.
  std::string ssm;                       // Empty: no log is written.
  // Coordinates are degrees, and this is where the local frame lies; `geo` alone takes the first vehicle's place.
  std::optional<FrameOrigin> origin;
  bool geo = false;
  EncounterConfig encounters;
  double ttc_s = 3;                      // What the log holds.
  double drac_mps2 = 3;
  double pet_s = 2;

  Status Validate() const;
};

struct TruthSummary {
  std::uint64_t steps = 0;
  std::uint64_t vehicles = 0;            // Different ones.
  std::uint64_t states = 0;              // Vehicles times steps.
  double recorded_s = 0;
  double work_s = 0;                     // Of Encounters alone, without reading.
  std::map<EncounterType, std::uint64_t> encounters;  // By type.
  std::array<std::uint64_t, 3> ttc{};    // At most kTtcLevels.
  std::uint64_t drac = 0;                // At least kDracLevel.
  std::uint64_t pet = 0;                 // At most kPetLevel.
  std::uint64_t collisions = 0;
  std::uint64_t conflicts = 0;           // In the log, each counted once.
  std::map<std::string, std::uint64_t> types_without_size;
  std::map<std::string, std::uint64_t> skipped;  // Of the recording.

  static constexpr std::array<double, 3> kTtcLevels = {1.5, 3, 5};
  static constexpr double kDracLevel = 3;
  static constexpr double kPetLevel = 2;

  void Count(const Encounter& encounter);
  std::string ToText() const;            // A table for people.
  std::string ToJson() const;            // One object; docs/formats/ssm_log.md.
};

// What becomes of the encounters, besides the log and the counts.
struct TruthHooks {
  std::function<void(const Encounter&, std::string_view ego, std::string_view foe)> encounter;
  std::function<void(const Collision&, std::string_view first, std::string_view second)> collision;
};

// Errors: those of FcdReader, ReadVehicleSizes and SsmWriter.
Result<TruthSummary> RunTruth(const TruthOptions& options, const TruthHooks& hooks);

}  // namespace starling::sim
