// What one part of a city sees does not depend on who else is in the shard, nor on how
// many records follow each other.
#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "schemas/log/conflicts_generated.h"
#include "schemas/log/heatmap_generated.h"
#include "schemas/log/telemetry_generated.h"
#include "tests/cloud/shard/recorded_partition.h"

namespace starling::cloud {
namespace {

using Bytes = std::vector<std::byte>;
using CellFigures = std::tuple<std::int32_t, std::int32_t, int, int, int, int, int>;

constexpr double kFarM = 20'000;

// What there is of the fleet near the origin.
struct Seen {
  std::vector<std::pair<VehicleId, Bytes>> commands;
  std::vector<Bytes> conflicts;
  std::map<std::int64_t, std::vector<CellFigures>> windows;  // by their end
  std::vector<CellFigures> last;
};

void Note(const ShardOutputs& outputs, Seen* seen) {
  for (const auto& command : outputs.commands) {
    if (command.vehicle.view().starts_with("car-")) seen->commands.push_back({command.vehicle, command.wire_command});
  }
  for (const auto& record : outputs.records) {
    if (record.topic == Topic::kConflicts) {
      const auto* conflict = log::GetConflict(record.value.data());
      if (conflict->vehicle_a()->string_view().starts_with("car-")) seen->conflicts.push_back(record.value);
    } else if (record.topic == Topic::kHeatmap) {
      const auto* window = log::GetHeatmapWindow(record.value.data());
      for (const log::Cell* cell : *window->cells()) {
        if (cell->x() > 100) continue;
        seen->windows[window->window_end_ns()].push_back({cell->x(), cell->y(), cell->vehicles(),
                                                          cell->mean_speed_cmps(), cell->congestion(),
                                                          cell->confidence(), cell->age_ms()});
      }
    }
  }
}

Seen SeenIn(const std::vector<Recorded>& partition) {
  Replayer replayer{ShardConfig{}};
  Seen seen;
  for (const Recorded& record : partition) {
    replayer.Apply(record);
    Note(replayer.outputs(), &seen);
  }
  EXPECT_EQ(replayer.shard().counters().pairs_refused + replayer.shard().counters().cells_refused, 0u);
  return seen;
}

bool IsFleets(const Recorded& record) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(record.value().data());
  flatbuffers::Verifier verifier(bytes, record.bytes, 8, 64);
  if (record.bytes == 0 || !log::VerifyTelemetryBuffer(verifier)) return true;
  const auto type = log::GetTelemetry(bytes)->body_type();
  return type != log::TelemetryBody::Tick && type != log::TelemetryBody::Ownership;
}

// The fleet's own records with those of others in between, by time.
std::vector<Recorded> Among(std::vector<Recorded> own, const std::vector<Recorded>& others, bool first) {
  std::vector<Recorded> merged;
  std::vector<Recorded> fleets;
  std::copy_if(others.begin(), others.end(), std::back_inserter(fleets), IsFleets);
  const auto earlier = [](const Recorded& one, const Recorded& other) { return one.time_ns < other.time_ns; };
  if (first) {
    std::merge(fleets.begin(), fleets.end(), own.begin(), own.end(), std::back_inserter(merged), earlier);
  } else {
    std::merge(own.begin(), own.end(), fleets.begin(), fleets.end(), std::back_inserter(merged), earlier);
  }
  return merged;
}

void ExpectSame(const Seen& alone, const Seen& among) {
  ASSERT_EQ(alone.conflicts.size(), among.conflicts.size());
  EXPECT_EQ(alone.conflicts, among.conflicts);
  ASSERT_EQ(alone.commands.size(), among.commands.size());
  EXPECT_EQ(alone.commands, among.commands);
  EXPECT_EQ(alone.windows, among.windows);
}

class Independence : public testing::TestWithParam<std::uint64_t> {};

TEST_P(Independence, OthersFarAwayChangeNothing) {
  const std::vector<Recorded> own = Record(GetParam());
  const Seen alone = SeenIn(own);
  EXPECT_GT(alone.conflicts.size(), 50u);
  EXPECT_GT(alone.commands.size(), 100u);
  EXPECT_GT(alone.windows.size(), 20u);
  // More of them than the slices are long, with names before and after, come sooner or later.
  for (const auto& [stem, vehicles, first] : {std::tuple("aaa-", 900u, true), std::tuple("zzz-", 40u, false)}) {
    const std::vector<Recorded> others = Record(GetParam() + 100, {stem, vehicles, kFarM});
    ExpectSame(alone, SeenIn(Among(own, others, first)));
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Independence, testing::Values(1, 2, 42));

}  // namespace
}  // namespace starling::cloud
