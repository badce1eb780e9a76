#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cloud/console/console_source.h"

namespace starling::cloud {

inline VehicleId Name(std::string_view text) { return VehicleId::Parse(text).value(); }

// Two vehicles, one cell, one conflict; fields may be changed before a request.
class FakeSource : public ConsoleSource {
 public:
  Status Ready() override { return ready; }

  std::vector<Figure> Figures() override {
    std::vector<Figure> figures;
    AppendFigures(gateway, &figures);
    AppendFigures(shard, &figures);
    figures.insert(figures.end(), more.begin(), more.end());
    return figures;
  }

  Result<std::vector<HeatmapCell>> Heatmap() override {
    if (!shard_answers) return Silent();
    return std::vector<HeatmapCell>{{{41, -17}, 6, 1.25, 0.75, 1, 0.5, true}};
  }

  Result<std::vector<OpenConflict>> Conflicts() override {
    if (!shard_answers) return Silent();
    return std::vector<OpenConflict>{
        {EpisodeId{18446744073709551615u}, Name("a"), Name("b"), {10.5, -3}, 1.5, 3.25, 0.5}};
  }

  Result<VehiclesAt> Vehicles(std::size_t first, std::size_t count) override {
    asked_first = first;
    asked_count = count;
    if (!shard_answers) return Silent();
    return VehiclesAt{CloudTimeFromNs(1'700'000'000'123'456'789), 2, {View("a"), View("b")}};
  }

  Result<VehicleReport> Vehicle(const VehicleId& vehicle) override {
    if (!shard_answers) return Silent();
    VehicleReport report;
    report.at = CloudTimeFromNs(5);
    if (vehicle == Name("a")) {
      report.view = View("a");
      report.connected = true;
      report.has_history = true;
      report.held_samples = 12;
      report.held_boot = BootId{18446744073709551615u};
      report.held_through_sequence = 12;
    }
    return report;
  }

  Result<std::vector<AuditHeadView>> AuditHeads() override {
    if (!shard_answers) return Silent();
    return std::vector<AuditHeadView>{{RegionId{3}, 12, "0f"}};
  }

  Result<std::string> Commands(const CommandsQuery& query) override {
    commands_query = query;
    if (query.kind == "braking") return Status(ErrorCode::kInvalidArgument, "kind is one of avoidance");
    if (!shard_answers) return Silent();
    return std::string(R"({"commands":[]})");
  }
  Result<ExplainAnswer> Explain(CommandId command) override {
    if (!shard_answers) return Silent();
    if (ToNumber(command) == 1) return ExplainAnswer{};
    if (ToNumber(command) == 2) return ExplainAnswer{true, {}};
    return ExplainAnswer{true, R"({"command":{}})"};
  }
  Result<std::string> Records(const RecordsQuery& query) override {
    records_query = query;
    if (query.topic != "conflicts") return Status(ErrorCode::kInvalidArgument, "there is no topic of that name");
    return std::string(R"({"records":[]})");
  }

  CommandsQuery commands_query;
  RecordsQuery records_query;
  Status ready;
  bool shard_answers = true;
  GatewayCounters gateway;
  ShardCounters shard;
  std::vector<Figure> more;
  std::size_t asked_first = 0;
  std::size_t asked_count = 0;

 private:
  static VehicleView View(std::string_view name) {
    return {Name(name), {{1234.0625, -2.5}, 0.5, 8.25}, 0.25};
  }
  static Status Silent() { return {ErrorCode::kUnavailable, "the shard is busy"}; }
};

}  // namespace starling::cloud
