#include "sim/fleet/fleet_snapshot.h"

namespace starling::sim {
namespace {

double Milliseconds(nanoseconds span) { return static_cast<double>(span.count()) * 1e-6; }

}  // namespace

Quantiles Quantiles::Of(const Histogram& histogram) {
  return {Milliseconds(histogram.Quantile(0.5)), Milliseconds(histogram.Quantile(0.99)),
          Milliseconds(histogram.Quantile(0.999)), Milliseconds(histogram.max()),
          histogram.count()};
}

LegQuantiles LegQuantiles::Of(const SampleLegs& legs) {
  return {Quantiles::Of(legs.end_to_end), Quantiles::Of(legs.uplink),  Quantiles::Of(legs.log_in),
          Quantiles::Of(legs.decision),   Quantiles::Of(legs.log_out), Quantiles::Of(legs.delivery)};
}

LegQuantiles LegQuantiles::Of(const TickLegs& legs) {
  return {Quantiles::Of(legs.end_to_end), Quantiles{}, Quantiles{}, Quantiles::Of(legs.decision), Quantiles{},
          Quantiles::Of(legs.delivery)};
}

}  // namespace starling::sim
