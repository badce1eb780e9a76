// A run in which nothing went wrong, with everything that an oracle asks for, written by
// the shard itself: cars meet at a crossing, are commanded, obey and say so.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cloud/shard/shard.h"
#include "cloud/shard/shard_config.h"
#include "common/telemetry/fix_codec.h"
#include "common/telemetry/history_writer.h"
#include "schemas/log/history_generated.h"
#include "sim/chaos/oracle.h"
#include "tests/chaos/stored_log.h"
#include "tests/cloud/shard/traffic_log.h"

namespace starling::sim {

class HealthyRun : public ::testing::Test {
 protected:
  static constexpr cloud::Partition kPartition{ToNumber(cloud::kRegion)};
  static constexpr std::uint64_t kBootIds[] = {101, 102};
  static constexpr std::size_t kBatch = 10;

  void SetUp() override {
    cars_ = {cloud::MakeCar("veh-00001", 0, -60, 0, 12), cloud::MakeCar("veh-00002", -60, 0, 90, 12)};
    for (std::size_t i = 0; i < cars_.size(); ++i) {
      cars_[i].boot_id = kBootIds[i];
      VehicleBoot boot;
      boot.vehicle = cloud::Name(cars_[i].name);
      boot.boot = BootId{kBootIds[i]};
      drive_.journal.boots.push_back(std::move(boot));
    }
    At(0);
    Put(encoder_.Ownership("first"));
    for (int step = 0; step < 40; ++step) DriveOn(step * 0.1);
    for (int step = 40; step < 160; ++step) {
      At(step * 0.1);
      if (step == 85) NoteSizes();
      Put(encoder_.Tick());
    }
    for (std::size_t i = 0; i < cars_.size(); ++i) StoreHistory(i);
    drive_.journal.drained = cloud::ShardDriver::At(20);
    ASSERT_GE(drive_.journal.boots[0].handed_over.size() + drive_.journal.boots[1].handed_over.size(), 2u);
  }

  // What the oracle finds.
  Judgement Judge() {
    Evidence evidence;
    evidence.drives = {drive_};
    evidence.log = &log_;
    evidence.regions = {kPartition};
    evidence.committed = {committed_};
    evidence.states = states_;
    evidence.origin = cloud::kOrigin;
    return Examine(evidence);
  }
  // Exactly these kinds, in any number.
  void ExpectFound(std::vector<FindingKind> kinds) {
    const Judgement judgement = Judge();
    std::vector<std::string> found;
    for (const Finding& finding : judgement.findings) found.emplace_back(FindingName(finding.kind));
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    std::vector<std::string> expected;
    for (const FindingKind kind : kinds) expected.emplace_back(FindingName(kind));
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(found, expected);
    for (const Finding& finding : judgement.findings) {
      if (found != expected) ADD_FAILURE() << finding.text;
    }
  }

  VehicleBoot& boot(std::size_t vehicle) { return drive_.journal.boots[vehicle]; }
  // The first boot to which a command was handed over.
  VehicleBoot& commanded() { return boot(boot(0).handed_over.empty() ? 1 : 0); }
  cloud::ShardConfig config_;

  StoredLog log_;
  cloud::RecordEncoder encoder_;
  cloud::Shard shard_{config_, cloud::kRegion, cloud::kOrigin};
  cloud::Offset committed_{UINT64_MAX};
  std::vector<StoredState> states_;
  Drive drive_;
  // An input after which there are outputs, but no command ends or begins.
  cloud::Offset quiet_from_{};

  void At(double seconds) { log_.now = cloud::ShardDriver::At(seconds); }

  // Appends a record of telemetry, and what follows from it.
  void Put(std::span<const std::byte> value) {
    ASSERT_TRUE(log_.Append(cloud::Topic::kTelemetry, kPartition, {}, value).ok());
    outputs_.Clear();
    shard_.Apply(log_.Last(cloud::Topic::kTelemetry, kPartition).record(), &outputs_);
    for (const cloud::ShardOutputs::Record& output : outputs_.records) {
      ASSERT_TRUE(log_.Append(output.topic, kPartition, output.key, output.value).ok());
    }
    std::vector<cloud::ShardOutputs::Command> commands = std::move(outputs_.commands);
    for (const cloud::ShardOutputs::Command& command : commands) Obey(command);
  }

  // Takes away every output of the inputs from quiet_from_ on, as a kill does before they
  // are written.
  void LoseNewestOutputs() {
    for (const cloud::Topic topic : kOutputs) log_.entries(topic, kPartition).resize(sizes_[topic]);
  }

  // Saves the shard's state as it is now, as a checkpoint does.
  void Checkpoint() {
    StoredState state;
    state.region = kPartition;
    state.next = log_.RangeOf(cloud::Topic::kTelemetry, kPartition).end;
    shard_.Save([&](std::span<const std::byte> key, std::span<const std::byte> value) {
      state.entries.emplace_back(std::vector<std::byte>(key.begin(), key.end()),
                                 std::vector<std::byte>(value.begin(), value.end()));
    });
    states_.push_back(std::move(state));
  }

 private:
  static constexpr cloud::Topic kOutputs[] = {cloud::Topic::kCommands, cloud::Topic::kConflicts,
                                              cloud::Topic::kHeatmap};

  void NoteSizes() {
    quiet_from_ = log_.RangeOf(cloud::Topic::kTelemetry, kPartition).end;
    for (const cloud::Topic topic : kOutputs) sizes_[topic] = log_.entries(topic, kPartition).size();
  }

  static std::uint64_t BootNs(CloudTime time) {
    return static_cast<std::uint64_t>(ToNs(time) - cloud::kStartNs) + 100'000'000'000;
  }

  void DriveOn(double at_s) {
    At(at_s);
    for (std::size_t i = 0; i < cars_.size(); ++i) {
      cloud::Car& car = cars_[i];
      const auto sequence = static_cast<std::uint32_t>(++sampled_[i]);
      Put(encoder_.Fix(car, sequence, BootNs(log_.now), ToNs(log_.now)));
      const log::Telemetry* telemetry =
          log::GetTelemetry(reinterpret_cast<const std::uint8_t*>(LastFix(i)->data()));
      fixes_[i].push_back(*telemetry->body_as_Fix()->fix());
      boot(i).samples.push_back(DigestOf(fixes_[i].back()));
      car.motion.position = car.motion.position + Vec2{i == 0 ? 0 : 1.2, i == 0 ? 1.2 : 0};
    }
    Put(encoder_.Tick());
  }
  // The record of the vehicle's newest fix: what it caused may lie behind it.
  std::optional<std::span<const std::byte>> LastFix(std::size_t vehicle) {
    auto& list = log_.entries(cloud::Topic::kTelemetry, kPartition);
    for (auto entry = list.rbegin(); entry != list.rend(); ++entry) {
      const log::Telemetry* telemetry =
          log::GetTelemetry(reinterpret_cast<const std::uint8_t*>(entry->value().data()));
      const log::Fix* fix = telemetry->body_as_Fix();
      if (fix != nullptr && fix->boot_id() == kBootIds[vehicle]) return entry->value();
    }
    return std::nullopt;
  }

  // The vehicle hands the command over at once and says so.
  void Obey(const cloud::ShardOutputs::Command& output) {
    const auto* command = flatbuffers::GetRoot<wire::Command>(output.wire_command.data());
    for (VehicleBoot& entry : drive_.journal.boots) {
      if (entry.vehicle != output.vehicle) continue;
      const BootTime now = BootTimeFromNs(BootNs(log_.now));
      entry.handed_over.push_back({CommandId{command->command_id()}, RegionId{command->region()},
                                   Epoch{command->epoch()}, static_cast<std::uint8_t>(command->kind()),
                                   EpisodeId{command->episode_id()}, now,
                                   BootTimeFromNs(command->expires_boot_time_ns()), log_.now});
      entry.closed.push_back({CommandId{command->command_id()}, RegionId{command->region()},
                              Epoch{command->epoch()}, static_cast<std::uint8_t>(wire::CommandOutcome::Applied),
                              0, now});
      Put(encoder_.Report(entry.vehicle.ToString(), ToNumber(entry.boot),
                          {{command->command_id(), command->sequence(), command->epoch(), ToNs(now),
                            static_cast<std::uint32_t>(entry.closed.size()), command->region(),
                            wire::CommandOutcome::Applied, wire::RejectReason::None}}));
    }
  }

  void StoreHistory(std::size_t vehicle) {
    std::vector<wire::Fix>& fixes = fixes_[vehicle];
    for (std::size_t from = 0; from < fixes.size(); from += kBatch) {
      StoreBatch(vehicle, std::span(fixes).subspan(from, std::min(kBatch, fixes.size() - from)));
    }
    boot(vehicle).delivered = fixes.size();
    boot(vehicle).acknowledged = {{1, fixes.size()}};
  }

 protected:
  void StoreBatch(std::size_t vehicle, std::span<const wire::Fix> fixes) {
    std::vector<std::byte> columns;
    WriteHistoryColumns(fixes, &columns);
    flatbuffers::FlatBufferBuilder builder;
    const auto name = builder.CreateString(cars_[vehicle].name);
    const auto bytes =
        builder.CreateVector(reinterpret_cast<const std::uint8_t*>(columns.data()), columns.size());
    builder.Finish(log::CreateHistoryBatch(builder, name, kBootIds[vehicle], fixes.front().sequence(),
                                           static_cast<std::uint16_t>(fixes.size()), bytes));
    ASSERT_TRUE(log_.Append(cloud::Topic::kHistory, kPartition, {},
                            std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize())))
                    .ok());
  }

  std::vector<cloud::Car> cars_;
  std::vector<wire::Fix> fixes_[2];

 private:
  std::uint64_t sampled_[2] = {};
  std::map<cloud::Topic, std::size_t> sizes_;
  cloud::ShardOutputs outputs_;
};

}  // namespace starling::sim
