#pragma once

#include <memory>
#include <string>

#include "common/status.h"
#include "sim/fcd/fcd_format.h"

namespace starling::sim {

struct FcdWriterConfig {
  // Digits after the point of x and y: 2 for m, 7 for degrees, which is 1 cm.  0 to 12.
  int position_digits = 2;
  // Of everything else, as SUMO's --precision.  0 to 12.
  int digits = 2;

  Status Validate() const;
};

// Writes FCD as SUMO does: XML, or CSV if the name ends in .csv; compressed with gzip if it ends in .gz, too.
// What a vehicle lacks is left out.
//
// Threading: thread-compatible.
class FcdWriter {
 public:
  // REQUIRES: config.Validate().ok()
  // Errors: kIoError if the file cannot be made.
  static Result<std::unique_ptr<FcdWriter>> Create(const std::string& path, const FcdWriterConfig& config);
  // Leaves a file without its end if Close was not called.
  ~FcdWriter();

  // Errors: kIoError; kInvalidArgument for a text that CSV cannot hold (; " or a line's end), of which nothing is
  //         written.
  Status Write(const FcdStep& step);

  // The end of the file; not synced to the disk.
  // Errors: kIoError.
  Status Close();

 private:
  struct State;
  explicit FcdWriter(std::unique_ptr<State> state);
  const std::unique_ptr<State> state_;
};

}  // namespace starling::sim
