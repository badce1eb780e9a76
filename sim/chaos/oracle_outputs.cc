// What the oracle asks of a region: the outputs and the stored state are those of a run
// without faults from the same log, and the audit trail's chain is whole.
#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <utility>

#include "cloud/shard/shard.h"
#include "sim/chaos/oracle.h"

namespace starling::sim {
namespace {

using cloud::LogRecord;
using cloud::Offset;
using cloud::Partition;
using cloud::Topic;

using Bytes = std::string;  // compared as a whole, and in order

// One record of an output topic, as it has to be or as it is.
struct Output {
  Bytes key;
  Bytes value;
  Offset caused_by{};  // of the input; unset where it was read

  bool SameAs(const Output& other) const { return key == other.key && value == other.value; }
};

constexpr std::array kOutputTopics = {Topic::kCommands, Topic::kConflicts, Topic::kHeatmap};
using Outputs = std::map<Topic, std::vector<Output>>;

// How far apart a missing or a repeated record and its place are looked for.
constexpr std::size_t kLookAround = 2'000;

Bytes Copied(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string TextOf(Partition region) { return "region " + std::to_string(ToNumber(region)); }

void CompareState(const cloud::Shard& shard, const StoredState& stored, Judgement* judgement) {
  ++judgement->states_compared;
  std::map<Bytes, Bytes> expected;
  shard.Save([&](std::span<const std::byte> key, std::span<const std::byte> value) {
    expected.emplace(Copied(key), Copied(value));
  });
  judgement->state_entries += expected.size();
  std::size_t missing = expected.size();
  std::size_t different = 0;
  std::size_t strange = 0;
  for (const auto& [key, value] : stored.entries) {
    const auto found = expected.find(Copied(key));
    if (found == expected.end()) {
      ++strange;
      continue;
    }
    --missing;
    if (found->second != Copied(value)) ++different;
  }
  if (missing + different + strange == 0) return;
  judgement->Add(FindingKind::kStateDiffers,
                 TextOf(stored.region) + ", state at offset " + std::to_string(ToNumber(stored.next)) + ": of " +
                     std::to_string(expected.size()) + " entries " + std::to_string(missing) + " are missing, " +
                     std::to_string(different) + " are different; " + std::to_string(strange) + " are strange");
}

// Applies the whole input to a fresh shard.
Outputs Replay(const Evidence& evidence, Partition region, Judgement* judgement) {
  Outputs outputs;
  cloud::Shard shard(evidence.shard, RegionId{ToNumber(region)}, evidence.origin);
  std::vector<const StoredState*> states;
  for (const StoredState& state : evidence.states) {
    if (state.region == region) states.push_back(&state);
  }
  const auto compare_at = [&](Offset next) {
    std::erase_if(states, [&](const StoredState* state) {
      if (state->next > next) return false;
      CompareState(shard, *state, judgement);
      return true;
    });
  };
  cloud::ShardOutputs one;
  const Status status =
      evidence.log->Read(Topic::kTelemetry, region, Offset{0}, [&](const LogRecord& record) {
        compare_at(record.offset);
        one.Clear();
        shard.Apply(record, &one);
        ++judgement->records_replayed;
        for (cloud::ShardOutputs::Record& output : one.records) {
          if (output.region && ToNumber(*output.region) != ToNumber(region)) continue;
          outputs[output.topic].push_back({Copied(output.key), Copied(output.value), record.offset});
        }
        return true;
      });
  if (!status.ok()) judgement->Add(FindingKind::kUnreadable, "telemetry: " + std::string(status.message()));
  compare_at(evidence.log->RangeOf(Topic::kTelemetry, region).end);
  for (const StoredState* state : states) {
    judgement->Add(FindingKind::kStateDiffers,
                   TextOf(region) + ": a state is stored of offset " + std::to_string(ToNumber(state->next)) +
                       ", which the log does not have");
  }
  return outputs;
}

std::vector<Output> ReadOutputs(const Evidence& evidence, Topic topic, Partition region, Judgement* judgement) {
  std::vector<Output> outputs;
  const Status status = evidence.log->Read(topic, region, Offset{0}, [&](const LogRecord& record) {
    outputs.push_back({Copied(record.key), Copied(record.value), {}});
    return true;
  });
  if (!status.ok()) {
    judgement->Add(FindingKind::kUnreadable, std::string(TopicName(topic)) + ": " + std::string(status.message()));
  }
  return outputs;
}

// Walks along both; where they part, says how they come together again.
class Comparison {
 public:
  Comparison(Topic topic, Partition region, const std::vector<Output>& expected, const std::vector<Output>& actual,
             Judgement* judgement)
      : topic_(topic), region_(region), expected_(expected), actual_(actual), judgement_(judgement) {}

  void Run() {
    std::size_t want = 0;
    std::size_t have = 0;
    while (want < expected_.size() && have < actual_.size()) {
      if (actual_[have].SameAs(expected_[want])) {
        ++want;
        ++have;
        ++judgement_->outputs_compared;
        continue;
      }
      const std::size_t skipped = Distance(expected_, want, actual_[have]);
      const std::size_t extra = Distance(actual_, have, expected_[want]);
      if (skipped == 0 && extra == 0) {
        Say(FindingKind::kOutputDifferent, have, want, 1);
        ++want;
        ++have;
      } else if (extra == 0 || (skipped != 0 && skipped <= extra)) {
        Say(FindingKind::kOutputMissing, have, want, skipped);
        want += skipped;
      } else {
        SayExtra(have, want, extra);
        have += extra;
      }
    }
    if (want < expected_.size()) Say(FindingKind::kOutputMissing, have, want, expected_.size() - want);
    if (have < actual_.size()) SayExtra(have, want, actual_.size() - have);
  }

 private:
  // How much further on in `records` the `wanted` one is; 0: nowhere near.
  static std::size_t Distance(const std::vector<Output>& records, std::size_t from, const Output& wanted) {
    const std::size_t end = std::min(records.size(), from + kLookAround);
    for (std::size_t i = from + 1; i < end; ++i) {
      if (records[i].SameAs(wanted)) return i - from;
    }
    return 0;
  }
  // Records that are one too many: again what was written before, or nothing that is known.
  void SayExtra(std::size_t have, std::size_t want, std::size_t count) {
    const std::size_t begin = want > kLookAround ? want - kLookAround : 0;
    const bool repeated = std::any_of(expected_.begin() + static_cast<std::ptrdiff_t>(begin),
                                      expected_.begin() + static_cast<std::ptrdiff_t>(want),
                                      [&](const Output& written) { return written.SameAs(actual_[have]); });
    Say(repeated ? FindingKind::kOutputRepeated : FindingKind::kOutputDifferent, have, want, count);
  }
  void Say(FindingKind kind, std::size_t have, std::size_t want, std::size_t count) {
    const std::string cause =
        want < expected_.size() ? ", input " + std::to_string(ToNumber(expected_[want].caused_by)) : "";
    judgement_->Add(kind, std::string(TopicName(topic_)) + ", " + TextOf(region_) + ": " + std::to_string(count) +
                              " from the " + std::to_string(have) + "th record on" + cause);
  }

  const Topic topic_;
  const Partition region_;
  const std::vector<Output>& expected_;
  const std::vector<Output>& actual_;
  Judgement* const judgement_;
};

}  // namespace

void ExamineOutputs(const Evidence& evidence, Judgement* judgement) {
  for (std::size_t i = 0; i < evidence.regions.size(); ++i) {
    const Partition region = evidence.regions[i];
    Outputs expected = Replay(evidence, region, judgement);
    for (const Topic topic : kOutputTopics) {
      std::vector<Output>& wanted = expected[topic];
      // What was not committed when all ended is written by the next owner.
      if (i < evidence.committed.size()) {
        std::erase_if(wanted, [&](const Output& output) { return output.caused_by >= evidence.committed[i]; });
      }
      const std::vector<Output> actual = ReadOutputs(evidence, topic, region, judgement);
      Comparison(topic, region, wanted, actual, judgement).Run();
    }
  }
}

}  // namespace starling::sim
