#include "sim/replay/prediction_probe.h"

#include <algorithm>
#include <cmath>

#include "common/telemetry/fix_codec.h"

namespace starling::sim {

PredictionProbe::PredictionProbe(GeoPoint origin)
    : frame_(FrameOrigin{static_cast<std::int32_t>(std::lround(origin.lat_deg * 1e7)),
                         static_cast<std::int32_t>(std::lround(origin.lon_deg * 1e7))}) {}

void PredictionProbe::OnSample(const Sample& sample, bool sent) {
  if (model_) {
    const Pose predicted = Predict(*model_, path_, ToSeconds(sample.time - model_time_));
    const Vec2 recorded = frame_.ToLocal(sample.position);
    errors_m_.push_back(std::hypot(predicted.position.x - recorded.x, predicted.position.y - recorded.y));
  }
  if (!sent) return;
  // What the cloud has is the quantised fix.
  model_ = MotionFromWire(ToWire(sample, 1), frame_);
  model_time_ = sample.time;
  path_ = sample.path;
}

double PredictionProbe::ErrorAt(double share) const {
  if (errors_m_.empty()) return 0;
  std::vector<double> sorted = errors_m_;
  std::sort(sorted.begin(), sorted.end());
  const auto index = static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1) + 0.5);
  return sorted[std::min(index, sorted.size() - 1)];
}

}  // namespace starling::sim
