#include "sim/fleet/cloud_pages.h"

#include <array>
#include <string_view>
#include <utility>

namespace starling::sim {
namespace {

constexpr std::array<std::string_view, 3> kShardGroups = {"shard.", "runner.", "checkpoint."};

bool IsShards(std::string_view name) {
  for (const std::string_view group : kShardGroups) {
    if (name.starts_with(group)) return true;
  }
  return false;
}

}  // namespace

CloudPages::CloudPages(const FleetConfig& config, milliseconds timeout) {
  clients_.push_back(std::make_unique<CloudClient>(config.http_host, config.http_port, timeout));
  for (const auto& [host, port] : config.shards_http) {
    clients_.push_back(std::make_unique<CloudClient>(host, port, timeout));
  }
  last_.resize(clients_.size());
  owner_ = clients_.size() > 1 ? 1 : 0;
}

Result<CloudFigures> CloudPages::Stats() {
  Result<CloudFigures> gateway = clients_[0]->Stats();
  if (!gateway.ok() || clients_.size() == 1) return gateway;
  CloudFigures all = std::move(gateway).value();
  for (std::size_t i = 1; i < clients_.size(); ++i) {
    Result<CloudFigures> shard = clients_[i]->Stats();
    if (shard.ok()) {
      last_[i] = std::move(shard).value();
      if (FigureOf(last_[i], "runner.owner") != 0) owner_ = i;
    }
    all["process.cpu_seconds"] += FigureOf(last_[i], "process.cpu_seconds");
    all["process.rss_bytes"] += FigureOf(last_[i], "process.rss_bytes");
    all["process.rss_peak_bytes"] += FigureOf(last_[i], "process.rss_peak_bytes");
  }
  for (const auto& [name, value] : last_[owner_]) {
    if (IsShards(name)) all[name] = value;
  }
  return all;
}

Result<std::vector<PredictedVehicle>> CloudPages::Vehicles(std::size_t first, std::size_t count) {
  return owner().Vehicles(first, count);
}

Result<std::vector<CloudCell>> CloudPages::Heatmap() { return owner().Heatmap(); }

Result<std::vector<CloudConflict>> CloudPages::Conflicts() { return owner().Conflicts(); }

}  // namespace starling::sim
