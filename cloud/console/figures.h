// One list of figures, from which both /v1/stats and /metrics are written, so that
// they cannot tell different stories.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "cloud/console/process_usage.h"
#include "cloud/gateway/gateway.h"
#include "cloud/gateway/history_ledger.h"
#include "cloud/log/embedded_log.h"
#include "cloud/shard/runner.h"
#include "cloud/shard/shard.h"
#include "cloud/store/key_rotation.h"
#include "cloud/store/state_store_stats.h"

namespace starling::cloud {

enum class FigureKind : std::uint8_t {
  kCounter,  // only grows while the process lives
  kGauge,
};

// The names are literals: they live as long as the program.
struct Figure {
  std::string_view group;  // "gateway": an object of /v1/stats
  std::string_view name;   // with its unit, unless it counts
  std::string_view help;
  FigureKind kind = FigureKind::kCounter;
  double value = 0;        // counts are exact up to 2^53
  std::string_view verdict = {};  // for the one figure that is told apart by verdict
};

void AppendFigures(const GatewayCounters& counters, std::vector<Figure>* figures);
void AppendFigures(const CertificateFigures& certificates, CloudTime now, std::vector<Figure>* figures);
void AppendFigures(const ShardCounters& counters, std::vector<Figure>* figures);
void AppendFigures(const ShardRunnerCounters& counters, std::vector<Figure>* figures);
void AppendFigures(const CheckpointerCounters& counters, std::vector<Figure>* figures);
void AppendFigures(const EmbeddedLogCounters& counters, std::vector<Figure>* figures);
void AppendFigures(const StateStoreStats& stats, std::vector<Figure>* figures);
void AppendFigures(const KeyRotationStats& stats, std::vector<Figure>* figures);
void AppendFigures(const HistoryTotals& totals, std::vector<Figure>* figures);
void AppendFigures(const ProcessUsage& usage, std::vector<Figure>* figures);

}  // namespace starling::cloud
