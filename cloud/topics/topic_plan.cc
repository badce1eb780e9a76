#include "cloud/topics/topic_plan.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "cloud/log/group_format.h"

namespace starling::cloud {
namespace {

using std::chrono::hours;

Status Invalid(const std::string& what) { return {ErrorCode::kInvalidArgument, what}; }

// Kafka counts a whole batch of records, which the engine lets grow as long as one record
// of greatest length, with room for what Kafka adds.
constexpr std::size_t kBatchBytesMax = kRecordValueBytesMax + kRecordKeyBytesMax + (64 << 10);

struct Kind {
  Topic topic;
  bool for_each_region;
  hours retention;   // 0: compacted
  hours segment;     // age at which a segment of the log is closed, so that it can be deleted or compacted
};

constexpr std::array<Kind, 9> kKinds = {{
    // Long enough to rebuild a region whose machine is gone, and to look into an incident.
    {Topic::kTelemetry, true, hours(6), hours(1)},
    {Topic::kHistory, true, hours(7 * 24), hours(24)},
    {Topic::kCommands, true, hours(28 * 24), hours(24)},
    // A record holds the cells of its region that changed, so that compaction would keep
    // the last change and lose the picture.
    {Topic::kHeatmap, true, hours(24), hours(6)},
    {Topic::kConflicts, true, hours(7 * 24), hours(24)},
    {Topic::kDeadLetter, true, hours(7 * 24), hours(24)},
    {Topic::kVehicleState, true, hours(0), hours(1)},
    // A command lives for seconds.
    {Topic::kDispatch, true, hours(1), hours(1)},
    {Topic::kOwnership, false, hours(0), hours(24)},
}};

std::string Milliseconds(hours span) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(span).count());
}

std::uint32_t InSyncMin(std::uint32_t replication) { return replication >= 3 ? 2 : 1; }

std::string Padded(std::string text, std::size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text;
}

}  // namespace

Status TopicPlanConfig::Validate() const {
  if (regions < 1 || regions > 10'000) return Invalid("regions must be 1 to 10,000");
  if (replication < 1 || replication > 15) return Invalid("replication must be 1 to 15");
  for (const auto& [topic, span] : retention) {
    const auto kind = std::find_if(kKinds.begin(), kKinds.end(),
                                   [wanted = topic](const Kind& each) { return each.topic == wanted; });
    if (kind == kKinds.end() || kind->retention == hours(0)) {
      return Invalid("topic " + std::string(TopicName(topic)) + " has no retention that could be chosen");
    }
    if (span < hours(1) || span > hours(24 * 3'650)) return Invalid("retention must be 1 hour to ten years");
  }
  return {};
}

std::vector<TopicPlan> PlanTopics(const TopicPlanConfig& config) {
  std::vector<TopicPlan> plans;
  for (const Kind& kind : kKinds) {
    TopicPlan plan;
    plan.topic = kind.topic;
    plan.name = config.prefix + std::string(TopicName(kind.topic));
    plan.partitions = kind.for_each_region ? config.regions : 1;
    plan.replication = config.replication;
    const auto chosen = config.retention.find(kind.topic);
    const hours retention = chosen == config.retention.end() ? kind.retention : chosen->second;
    const bool compacted = kind.retention == hours(0);
    plan.settings = {{"cleanup.policy", compacted ? "compact" : "delete"},
                     {"max.message.bytes", std::to_string(kBatchBytesMax)},
                     // Time is the log's, for all who read.
                     {"message.timestamp.type", "LogAppendTime"},
                     {"min.insync.replicas", std::to_string(InSyncMin(config.replication))},
                     {"segment.ms", Milliseconds(kind.segment)},
                     {"unclean.leader.election.enable", "false"}};
    if (!compacted) plan.settings["retention.ms"] = Milliseconds(retention);
    // Whoever loads the state reads while it is written: docs/formats/kafka_topics.md.
    if (compacted) plan.settings["min.compaction.lag.ms"] = "60000";
    plans.push_back(std::move(plan));
  }
  return plans;
}

std::vector<TopicChange> CompareTopics(const std::vector<TopicPlan>& plans,
                                       const std::map<std::string, TopicState>& states) {
  std::vector<TopicChange> changes;
  for (const TopicPlan& plan : plans) {
    TopicChange change;
    change.plan = plan;
    const auto found = states.find(plan.name);
    if (found == states.end()) {
      change.create = true;
      change.overrides = plan.settings;
      changes.push_back(std::move(change));
      continue;
    }
    const TopicState& state = found->second;
    change.partitions_now = state.partitions;
    change.grow = state.partitions < plan.partitions;
    change.overrides = state.overrides;
    for (const auto& [name, value] : plan.settings) {
      const auto now = state.settings.find(name);
      change.overrides[name] = value;
      if (now == state.settings.end() || now->second != value) {
        change.settings.push_back({name, now == state.settings.end() ? "" : now->second, value});
      }
    }
    if (state.partitions > plan.partitions) {
      change.note = "has more partitions than " + std::to_string(plan.partitions) + "; they cannot be taken away";
    }
    if (state.replication != plan.replication) {
      change.note += (change.note.empty() ? "" : "; ") + std::string("has ") + std::to_string(state.replication) +
                     " copies; kafka-reassign-partitions changes that";
    }
    changes.push_back(std::move(change));
  }
  return changes;
}

std::string TopicTable(const std::vector<TopicChange>& changes) {
  std::size_t width = 5;
  for (const TopicChange& change : changes) width = std::max(width, change.plan.name.size());
  std::string table = Padded("topic", width) + "  does    partitions  copies\n";
  for (const TopicChange& change : changes) {
    const char* const does = change.create ? "create" : change.grow ? "grow" : change.changes() ? "alter" : "keep";
    const std::uint32_t partitions = change.create ? change.plan.partitions
                                                   : std::max(change.partitions_now, change.plan.partitions);
    std::string count = std::to_string(partitions);
    if (change.grow) count = std::to_string(change.partitions_now) + " -> " + count;
    table += Padded(change.plan.name, width) + "  " + Padded(does, 6) + "  " + Padded(count, 10) + "  " +
             std::to_string(change.plan.replication) + "\n";
    if (change.create) {
      for (const auto& [name, value] : change.plan.settings) table += "    " + name + " = " + value + "\n";
    }
    for (const SettingChange& each : change.settings) {
      table += "    " + each.name + " = " + (each.now.empty() ? "?" : each.now) + " -> " + each.then + "\n";
    }
    if (!change.note.empty()) table += "    note: " + change.note + "\n";
  }
  return table;
}

}  // namespace starling::cloud
