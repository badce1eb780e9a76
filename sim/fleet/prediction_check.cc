#include "sim/fleet/prediction_check.h"

#include <utility>

#include "common/telemetry/sample.h"
#include "sim/fleet/fleet_config.h"

namespace starling::sim {
namespace {

double Metres(nanoseconds micrometres) { return static_cast<double>(micrometres.count()) * 1e-6; }

}  // namespace

void PredictionCheck::Take(PredictedVehicle predicted) {
  // Outside of the run nothing moves, so there is no truth to compare with.
  if (predicted.at >= start_ && predicted.at <= end_) waiting_.push_back(std::move(predicted));
}

void PredictionCheck::Judge(CloudTime now, std::size_t limit) {
  while (limit-- > 0 && !waiting_.empty() && waiting_.front().at + 2 * kSampleInterval < now) {
    const PredictedVehicle& predicted = waiting_.front();
    const std::size_t vehicle = VehicleIndexOf(predicted.name, traffic_->size());
    if (vehicle < traffic_->size()) {
      const Pose truth = traffic_->TruthAt(static_cast<VehicleIndex>(vehicle),
                                           SimTime(predicted.at - start_));
      const double metres = Norm(predicted.position - truth.position);
      micrometres_.Record(nanoseconds(static_cast<std::int64_t>(metres * 1e6)));
    }
    waiting_.pop_front();
  }
}

PredictionError PredictionCheck::error() const {
  return {Metres(micrometres_.Quantile(0.5)), Metres(micrometres_.Quantile(0.99)),
          Metres(micrometres_.max()), micrometres_.count()};
}

}  // namespace starling::sim
