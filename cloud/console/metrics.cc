#include "cloud/console/metrics.h"

#include <prometheus/text_serializer.h>

#include <unordered_map>
#include <utility>

namespace starling::cloud {
namespace {

// Of the buckets counted two to the octave are shown, from 62.5 us on: 1 ms, 1.5 ms, 2 ms, 3 ms, ...
constexpr nanoseconds kBoundFirst{62'500};

std::string MetricName(const Figure& figure) {
  std::string name = "starling_";
  name.append(figure.group).append("_").append(figure.name);
  if (figure.kind == FigureKind::kCounter) name += "_total";
  return name;
}

prometheus::MetricType TypeOf(FigureKind kind) {
  switch (kind) {
    case FigureKind::kCounter: return prometheus::MetricType::Counter;
    case FigureKind::kGauge: return prometheus::MetricType::Gauge;
    case FigureKind::kHistogram: break;
  }
  return prometheus::MetricType::Histogram;
}

prometheus::ClientMetric::Histogram Shown(const HistogramCounts& counts) {
  prometheus::ClientMetric::Histogram shown;
  shown.sample_sum = static_cast<double>(counts.sum_ns) * 1e-9;
  std::uint64_t through = 0;
  for (std::size_t i = 0; i + 1 < HistogramCounts::kBuckets; ++i) {
    through += counts.buckets[i];
    const nanoseconds bound = HistogramCounts::BucketBound(i);
    // Whole and half ones of a power of two have odd indexes.
    if (bound < kBoundFirst || i % 2 == 0) continue;
    // Through milliseconds: le="0.001", not what 1e-9 makes of it.
    shown.bucket.push_back({through, static_cast<double>(bound.count()) / 1e9});
  }
  shown.sample_count = through + counts.buckets.back();
  return shown;
}

}  // namespace

std::vector<prometheus::MetricFamily> MetricsCollector::Collect() const {
  std::vector<prometheus::MetricFamily> families;
  std::unordered_map<std::string, std::size_t> places;
  // A name's samples stand together, in whatever order the figures come.
  const auto family = [&](std::string name, std::string_view help, prometheus::MetricType type) {
    const auto [place, is_new] = places.emplace(name, families.size());
    if (is_new) families.push_back({std::move(name), std::string(help), type, {}});
    return &families[place->second].metric.emplace_back();
  };
  family("starling_ready", "1 while the orchestrator takes vehicles",
         prometheus::MetricType::Gauge)->gauge.value = source_->Ready().ok() ? 1 : 0;
  for (const Figure& figure : source_->Figures()) {
    prometheus::ClientMetric* metric = family(MetricName(figure), figure.help, TypeOf(figure.kind));
    if (!figure.label.empty()) metric->label.push_back({std::string(figure.label), std::string(figure.label_value)});
    switch (figure.kind) {
      case FigureKind::kCounter: metric->counter.value = figure.value; break;
      case FigureKind::kGauge: metric->gauge.value = figure.value; break;
      case FigureKind::kHistogram: metric->histogram = Shown(*figure.histogram); break;
    }
  }
  return families;
}

std::string MetricsText(ConsoleSource* source) {
  return prometheus::TextSerializer().Serialize(MetricsCollector(source).Collect());
}

}  // namespace starling::cloud
