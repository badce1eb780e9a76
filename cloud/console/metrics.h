#pragma once

#include <string>
#include <vector>

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include "cloud/console/console_source.h"

namespace starling::cloud {

// Reads the source at each scrape; holds no number of its own.  A figure becomes
// starling_GROUP_NAME, a counter with _total behind it, a histogram with its buckets.  No
// vehicle is a label: their number has no bound.  docs/operations.md says what each means.
class MetricsCollector : public prometheus::Collectable {
 public:
  // `source` must outlive the collector.
  explicit MetricsCollector(ConsoleSource* source) : source_(source) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  ConsoleSource* const source_;
};

// The text format 0.0.4 of Prometheus.
std::string MetricsText(ConsoleSource* source);

}  // namespace starling::cloud
