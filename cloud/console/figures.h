// One list of figures, from which both /v1/stats and /metrics are written, so that
// they cannot tell different stories.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "cloud/console/process_usage.h"
#include "cloud/gateway/gateway.h"
#include "cloud/gateway/history_ledger.h"
#include "cloud/log/embedded_log.h"
#include "cloud/log/kafka_client_figures.h"
#include "cloud/measure/cost_meter.h"
#include "cloud/measure/latency_histogram.h"
#include "cloud/shard/runner.h"
#include "cloud/shard/shard.h"
#include "cloud/store/key_rotation.h"
#include "cloud/store/rocks_figures.h"
#include "cloud/store/state_store_stats.h"

namespace starling::cloud {

enum class FigureKind : std::uint8_t {
  kCounter,  // only grows while the process lives
  kGauge,
  kHistogram,  // of spans of time; the value means nothing
};

// The names are literals, or live as long as their source: longer than the figure.
struct Figure {
  std::string_view group;  // "gateway": an object of /v1/stats
  std::string_view name;   // with its unit, unless it counts
  std::string_view help;
  FigureKind kind = FigureKind::kCounter;
  double value = 0;        // counts are exact up to 2^53
  // For a figure that is told apart by something of which there are few: a verdict, a class
  // of frames, a region of this process.  Never a vehicle: their number has no bound.
  std::string_view label = {};
  std::string_view label_value = {};
  std::shared_ptr<const HistogramCounts> histogram = nullptr;  // of a kHistogram
};

Figure HistogramFigure(std::string_view group, std::string_view name, std::string_view help,
                       const HistogramCounts& counts, std::string_view label = {}, std::string_view label_value = {});

void AppendFigures(const GatewayCounters& counters, std::vector<Figure>* figures);
void AppendFigures(const GatewayLatencies& latencies, std::vector<Figure>* figures);
void AppendFigures(const CertificateFigures& certificates, CloudTime now, std::vector<Figure>* figures);
void AppendFigures(const ShardCounters& counters, std::vector<Figure>* figures);
void AppendFigures(const ShardRunnerCounters& counters, std::vector<Figure>* figures);
void AppendFigures(const ShardRunnerLatencies& latencies, std::vector<Figure>* figures);
// What is told of each region by itself; `region`, its number, outlives the figures.
void AppendRegionFigures(std::string_view region, const ShardRunnerCounters& counters, CloudTime now,
                         std::vector<Figure>* figures);
void AppendFigures(const CheckpointerCounters& counters, std::vector<Figure>* figures);
void AppendFigures(const EmbeddedLogCounters& counters, std::vector<Figure>* figures);
void AppendFigures(const EmbeddedLogLatencies& latencies, std::vector<Figure>* figures);
void AppendFigures(const KafkaClientFigures& client, std::vector<Figure>* figures);
// `database`: "log" or "state".
void AppendFigures(std::string_view database, const RocksFigures& rocks, std::vector<Figure>* figures);
void AppendFigures(const CostFigures& cost, std::vector<Figure>* figures);
void AppendFigures(const StateStoreStats& stats, std::vector<Figure>* figures);
void AppendFigures(const KeyRotationStats& stats, std::vector<Figure>* figures);
void AppendFigures(const HistoryTotals& totals, std::vector<Figure>* figures);
void AppendFigures(const ProcessUsage& usage, std::vector<Figure>* figures);

}  // namespace starling::cloud
