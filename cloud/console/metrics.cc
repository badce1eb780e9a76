#include "cloud/console/metrics.h"

#include <prometheus/text_serializer.h>

#include <utility>

namespace starling::cloud {
namespace {

std::string MetricName(const Figure& figure) {
  std::string name = "starling_";
  name.append(figure.group).append("_").append(figure.name);
  if (figure.kind == FigureKind::kCounter) name += "_total";
  return name;
}

}  // namespace

std::vector<prometheus::MetricFamily> MetricsCollector::Collect() const {
  std::vector<prometheus::MetricFamily> families;
  const auto family = [&](std::string name, std::string_view help, prometheus::MetricType type) {
    if (families.empty() || families.back().name != name) {
      families.push_back({std::move(name), std::string(help), type, {}});
    }
    return &families.back().metric.emplace_back();
  };
  family("starling_ready", "1 while the orchestrator takes vehicles",
         prometheus::MetricType::Gauge)->gauge.value = source_->Ready().ok() ? 1 : 0;
  for (const Figure& figure : source_->Figures()) {
    const bool counts = figure.kind == FigureKind::kCounter;
    prometheus::ClientMetric* metric =
        family(MetricName(figure), figure.help,
               counts ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge);
    if (!figure.verdict.empty()) metric->label.push_back({"verdict", std::string(figure.verdict)});
    (counts ? metric->counter.value : metric->gauge.value) = figure.value;
  }
  return families;
}

std::string MetricsText(ConsoleSource* source) {
  return prometheus::TextSerializer().Serialize(MetricsCollector(source).Collect());
}

}  // namespace starling::cloud
