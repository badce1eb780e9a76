#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/status.h"
#include "sim/truth/encounter.h"

namespace starling::sim {

struct SsmWriterConfig {
  // Only encounters that reach one of them are conflicts; SUMO's device.ssm.thresholds.
  double ttc_s = 3;
  double drac_mps2 = 3;
  double pet_s = 2;
  // Digits after the point of positions: 2 for m, 7 for degrees.  0 to 12.
  int position_digits = 2;

  Status Validate() const;
};

// Writes encounters as the log of SUMO's SSM device, each from both sides, as if every vehicle had the device;
// docs/formats/ssm_log.md.
//
// Threading: thread-compatible.
class SsmWriter {
 public:
  using Name = std::function<std::string_view(std::uint32_t vehicle)>;
  using Place = std::function<Vec2(Vec2 local)>;  // As it is written: x and y, or longitude and latitude.

  // Compressed with gzip if the name ends in .gz.
  // REQUIRES: config.Validate().ok()
  // Errors: kIoError if the file cannot be made.
  static Result<std::unique_ptr<SsmWriter>> Create(const std::string& path, const SsmWriterConfig& config, Name name,
                                                   Place place);
  // Leaves a file without its end if Close was not called.
  ~SsmWriter();

  bool IsConflict(const Encounter& encounter) const;

  // Nothing if it is no conflict.
  // Errors: kIoError.
  Status Write(const Encounter& encounter);

  // The end of the file; not synced to the disk.
  // Errors: kIoError.
  Status Close();

 private:
  struct State;
  explicit SsmWriter(std::unique_ptr<State> state);
  const std::unique_ptr<State> state_;
};

}  // namespace starling::sim
