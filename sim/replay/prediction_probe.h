#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "common/geo/local_frame.h"
#include "common/motion/predictor.h"
#include "common/telemetry/sample.h"

namespace starling::sim {

// How wrong whoever has only the frames that were sent is about the vehicle, at
// each sample: the distance between their prediction and the recorded position,
// taken before the frame of that sample, so at its worst.
//
// Threading: thread-compatible.
class PredictionProbe {
 public:
  // REQUIRES: `origin` is within a city's distance of all samples
  explicit PredictionProbe(GeoPoint origin);

  // `sent` says whether a live frame of this very sample left.
  void OnSample(const Sample& sample, bool sent);

  // Of all samples after the first frame; `share` within 0 and 1; 0 without samples.
  double ErrorAt(double share) const;
  std::size_t count() const { return errors_m_.size(); }

 private:
  const LocalFrame frame_;
  std::optional<MotionState> model_;   // of the last frame
  PlannedPath path_;
  BootTime model_time_;
  std::vector<double> errors_m_;
};

}  // namespace starling::sim
