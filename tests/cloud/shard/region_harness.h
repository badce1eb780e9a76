// Several shards in lock-step: each fix is routed as a gateway routes it, records take
// effect in the order of their time, and what regions tell each other is delivered right
// after the record that caused it.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cloud/regions/region_map.h"
#include "cloud/regions/region_map_record.h"
#include "cloud/regions/region_router.h"
#include "cloud/shard/shard_config.h"
#include "schemas/cloud_to_edge/downlink_generated.h"
#include "schemas/log/conflicts_generated.h"
#include "schemas/log/heatmap_generated.h"
#include "tests/cloud/shard/traffic_log.h"

namespace starling::cloud {

inline void Move(Car* car, double dt_s) {
  const Travel travel = TravelAfter(car->motion.speed_mps, car->motion.accel_mps2, dt_s);
  const Pose pose = DriveAlong(car->motion, car->path, travel.distance_m);
  car->motion.position = pose.position;
  car->motion.heading_rad = pose.heading_rad;
  car->motion.speed_mps = travel.speed_mps;
  car->path = car->path.After(travel.distance_m);
}

class RegionHarness {
 public:
  struct Command {
    RegionId region{};
    std::string vehicle;
    std::string what;                 // all of it but region, sequence and epoch
    wire::CommandKind kind{};
    double ceiling_mps = 0;
    double decel_mps2 = 0;
    std::uint64_t episode = 0;
    double until_s = 0;
    std::vector<std::byte> bytes;
  };

  explicit RegionHarness(RegionMap map, ShardConfig config = ShardConfig())
      : map_(std::move(map)), config_(std::move(config)) {
    config_.region_map = map_;
    AddShards();
  }

  // A car's fix, sampled and logged at `at_s`.
  void Fix(const Car& car, double at_s) {
    Sample sample;
    const auto boot_ns = static_cast<std::uint64_t>((at_s + 100) * 1e9 + 0.5);
    sample.time = BootTimeFromNs(boot_ns);
    sample.position = frame_.ToGeo(car.motion.position);
    sample.heading_rad = car.motion.heading_rad + frame_.Convergence(sample.position);
    sample.speed_mps = car.motion.speed_mps;
    sample.accel_mps2 = car.motion.accel_mps2;
    sample.yaw_rate_radps = car.motion.curvature_per_m * car.motion.speed_mps;
    sample.accuracy_m = car.accuracy_m;
    const wire::Fix fix = ToWire(sample, ++sequence_);
    const WireArcs arcs = ToWire(car.path);

    VehicleState state;
    const MotionState motion = MotionFromWire(fix, frame_);
    state.position = motion.position;
    state.heading_rad = motion.heading_rad;
    state.curvature_per_m = motion.curvature_per_m;
    state.speed_cmps = fix.speed_cmps();
    state.accel_cmps2 = fix.accel_cmps2();
    state.length_cm = car.length_cm;
    state.width_cm = car.width_cm;
    state.accuracy_dm = fix.accuracy_dm();
    for (const wire::Arc& arc : arcs) state.path[state.path_size++] = {arc.length_cm(), arc.curvature_e5()};
    RegionRouter& router = routers_[car.name];
    router.Route(map_, state);

    const auto put = [&](RegionId region, bool leaves) {
      builder_.Clear();
      const auto name = builder_.CreateString(car.name);
      flatbuffers::Offset<flatbuffers::Vector<const wire::Arc*>> path;
      if (!arcs.empty()) path = builder_.CreateVectorOfStructs(arcs.data(), arcs.size());
      const bool owns = region == router.owner();
      const auto body = log::CreateFix(builder_, name, car.boot_id, &fix, path, ToNs(ShardDriver::At(at_s)),
                                       car.length_cm, car.width_cm, owns ? log::Role::Owner : log::Role::Ghost,
                                       owns ? 0 : ToNumber(router.owner()), leaves);
      Apply(region, Finish(region, log::TelemetryBody::Fix, body.Union()), at_s);
    };
    if (!router.ghosts().empty()) near_border_.insert(car.name);
    put(router.owner(), false);
    for (const RegionId region : router.ghosts()) put(region, false);
    for (const RegionId region : router.left()) put(region, true);
    Settle(at_s);
  }

  void Tick(double at_s) {
    while (!repeats_.empty() && repeats_.front().at_s <= at_s) {
      const Repeat repeat = std::move(repeats_.front());
      repeats_.pop_front();
      Apply(repeat.region, repeat.bytes, at_s);
    }
    for (const RegionId region : map_.regions()) {
      builder_.Clear();
      const auto owner = builder_.CreateString("test");
      Apply(region, Finish(region, log::TelemetryBody::Tick, log::CreateTick(builder_, owner, 0).Union()), at_s);
    }
    Settle(at_s);
    NoteOpen();
    if (on_tick_) on_tick_(at_s);
  }

  // What a vehicle says about its commands, to those who gave them.
  void Report(const Car& car, const std::vector<wire::CommandStatus>& statuses, double at_s) {
    std::map<RegionId, std::vector<wire::CommandStatus>> by_region;
    for (const wire::CommandStatus& status : statuses) by_region[RegionId{status.region()}].push_back(status);
    for (const auto& [region, part] : by_region) {
      builder_.Clear();
      const auto name = builder_.CreateString(car.name);
      const auto list = builder_.CreateVectorOfStructs(part);
      const auto body = log::CreateCommandReport(builder_, name, car.boot_id, list);
      Apply(region, Finish(region, log::TelemetryBody::CommandReport, body.Union()), at_s);
    }
    Settle(at_s);
  }

  // A process claims the region.
  void Own(RegionId region, std::uint64_t epoch, double at_s) {
    builder_.Clear();
    const auto owner = builder_.CreateString("test");
    const auto body = log::CreateOwnership(builder_, owner, epoch);
    Apply(region, Finish(region, log::TelemetryBody::Ownership, body.Union()), at_s);
    Settle(at_s);
  }

  // Shards by the log, the router at once.
  void ChangeMap(const RegionMap& map, double at_s) {
    std::set<RegionId> regions(map_.regions().begin(), map_.regions().end());
    regions.insert(map.regions().begin(), map.regions().end());
    map_ = map;
    config_.region_map = map;
    AddShards();
    for (const RegionId region : regions) Apply(region, RegionMapRecord(map, region), at_s);
    Settle(at_s);
  }

  void DriveOn(std::vector<Car>* cars, double from_s, double until_s, double interval_s = 0.1) {
    const auto steps = static_cast<int>((until_s - from_s) / interval_s + 0.5);
    for (int step = 0; step < steps; ++step) {
      const double at_s = from_s + step * interval_s;
      for (Car& car : *cars) {
        Fix(car, at_s);
        Move(&car, interval_s);
      }
      Tick(at_s);
    }
  }

  // Everything that regions tell each other arrives twice, the second time so much later.
  void RepeatNews(double after_s) { repeat_after_s_ = after_s; }
  // The region's process reads nothing from now on ...
  void Pause(RegionId region) { paused_.emplace(region, std::vector<Held>()); }
  // ... and now everything, as it was logged.
  void Resume(RegionId region, double at_s) {
    const std::vector<Held> held = std::move(paused_.at(region));
    paused_.erase(region);
    for (const Held& each : held) Apply(region, each.bytes, each.at_s);
    Settle(at_s);
  }
  void OnTick(std::function<void(double)> on_tick) { on_tick_ = std::move(on_tick); }
  // Called after each record; may exchange the shard.
  void OnApplied(std::function<void(std::unique_ptr<Shard>*)> watch) { watch_ = std::move(watch); }

  const RegionMap& map() const { return map_; }
  const ShardConfig& config() const { return config_; }
  const Shard& shard(RegionId region) const { return *shards_.at(region); }
  const std::map<RegionId, std::unique_ptr<Shard>>& shards() const { return shards_; }
  // Was ever another region's ghost.
  bool WasNearBorder(const std::string& car) const { return near_border_.contains(car); }
  const RegionRouter& router(const std::string& car) { return routers_[car]; }

  // What came out, in comparable words.
  const std::multiset<std::string>& conflicts() const { return conflicts_; }
  const std::multiset<std::string>& cells() const { return cells_; }
  // The open episodes with their vehicles after each tick, each as often as it is some
  // region's own.
  const std::vector<std::multiset<std::string>>& open() const { return open_; }
  const std::vector<Command>& commands() const { return commands_; }
  std::uint64_t Sum(std::uint64_t ShardCounters::*counter) const {
    std::uint64_t sum = 0;
    for (const auto& [region, shard] : shards_) sum += shard->counters().*counter;
    return sum;
  }

 private:
  void AddShards() {
    for (const RegionId region : map_.regions()) {
      auto& shard = shards_[region];
      if (shard == nullptr) shard = std::make_unique<Shard>(config_, region, kOrigin);
    }
  }
  std::vector<std::byte> Finish(RegionId region, log::TelemetryBody type, flatbuffers::Offset<void> body) {
    builder_.Finish(log::CreateTelemetry(builder_, ToNumber(region), type, body));
    const auto bytes = std::as_bytes(std::span(builder_.GetBufferPointer(), builder_.GetSize()));
    return {bytes.begin(), bytes.end()};
  }
  void Settle(double at_s) {
    while (!news_.empty()) {
      const auto [region, bytes] = std::move(news_.front());
      news_.pop_front();
      Apply(region, bytes, at_s);
      if (repeat_after_s_ > 0) repeats_.push_back({region, at_s + repeat_after_s_, bytes});
      if (repeat_after_s_ == 0) Apply(region, bytes, at_s);
    }
  }
  void NoteOpen() {
    std::multiset<std::string> open;
    for (const auto& [region, shard] : shards_) {
      for (const OpenConflict& conflict : shard->Conflicts()) {
        open.insert(conflict.vehicle_a.ToString() + " " + conflict.vehicle_b.ToString() + " " +
                    std::to_string(ToNumber(conflict.episode)));
      }
    }
    open_.push_back(std::move(open));
  }
  void Apply(RegionId region, const std::vector<std::byte>& bytes, double at_s) {
    const auto found = shards_.find(region);
    ASSERT_NE(found, shards_.end());
    if (const auto pause = paused_.find(region); pause != paused_.end()) {
      pause->second.push_back({at_s, bytes});
      return;
    }
    std::vector<std::uint64_t> aligned((bytes.size() + 7) / 8);
    std::memcpy(aligned.data(), bytes.data(), bytes.size());
    ShardOutputs outputs;
    const auto value = std::as_bytes(std::span(aligned)).first(bytes.size());
    found->second->Apply({Offset{offset_++}, ShardDriver::At(at_s), {}, value}, &outputs);
    if (watch_) watch_(&found->second);
    for (const ShardOutputs::Command& command : outputs.commands) Note(region, command, at_s);
    for (const ShardOutputs::Record& record : outputs.records) Note(record);
  }
  void Note(RegionId region, const ShardOutputs::Command& issued, double at_s) {
    const auto* command = flatbuffers::GetRoot<wire::Command>(issued.wire_command.data());
    std::string what = issued.vehicle.ToString();
    for (const std::uint64_t part :
         {std::uint64_t{command->command_id()}, static_cast<std::uint64_t>(command->kind()),
          std::uint64_t{command->episode_id()}, std::uint64_t{command->supersedes()}, std::uint64_t{command->expires_boot_time_ns()},
          std::uint64_t{command->speed_ceiling_cmps()}, std::uint64_t{command->decel_cmps2()}}) {
      what.append("/").append(std::to_string(part));
    }
    commands_.push_back({region, issued.vehicle.ToString(), what, command->kind(),
                         command->speed_ceiling_cmps() * 0.01, command->decel_cmps2() * 0.01, command->episode_id(),
                         static_cast<double>(command->expires_boot_time_ns()) * 1e-9 - 100, issued.wire_command});
    EXPECT_GE(commands_.back().until_s, at_s);
  }
  void Note(const ShardOutputs::Record& record) {
    if (record.topic == Topic::kTelemetry) {
      ASSERT_TRUE(record.region);
      news_.emplace_back(*record.region, record.value);
    } else if (record.topic == Topic::kConflicts) {
      const auto* conflict = flatbuffers::GetRoot<log::Conflict>(record.value.data());
      conflicts_.insert(conflict->vehicle_a()->str() + " " + conflict->vehicle_b()->str() + " " +
                        std::to_string(conflict->episode_id()) + " " + log::EnumNameEpisodePhase(conflict->phase()) +
                        " " + std::to_string((conflict->at_ns() - kStartNs) / 1'000'000));
    } else if (record.topic == Topic::kHeatmap) {
      const auto* window = flatbuffers::GetRoot<log::HeatmapWindow>(record.value.data());
      for (const log::Cell* cell : *window->cells()) {
        EXPECT_EQ(map_.RegionAt({cell->x(), cell->y()}), RegionId{window->region()});
        cells_.insert(std::to_string((window->window_end_ns() - kStartNs) / 1'000'000) + " " +
                      std::to_string(cell->x()) + "," + std::to_string(cell->y()) + " " + std::to_string(cell->vehicles()) + " " +
                      std::to_string(cell->mean_speed_cmps()) + " " + std::to_string(cell->congestion()));
      }
    }
  }

  RegionMap map_;
  ShardConfig config_;
  const LocalFrame frame_{kOrigin};
  std::map<RegionId, std::unique_ptr<Shard>> shards_;
  std::map<std::string, RegionRouter> routers_;
  flatbuffers::FlatBufferBuilder builder_;
  std::set<std::string> near_border_;
  std::deque<std::pair<RegionId, std::vector<std::byte>>> news_;
  struct Repeat {
    RegionId region{};
    double at_s = 0;
    std::vector<std::byte> bytes;
  };
  struct Held {
    double at_s = 0;
    std::vector<std::byte> bytes;
  };
  double repeat_after_s_ = -1;
  std::deque<Repeat> repeats_;
  std::map<RegionId, std::vector<Held>> paused_;
  std::vector<std::multiset<std::string>> open_;
  std::function<void(std::unique_ptr<Shard>*)> watch_;
  std::function<void(double)> on_tick_;
  std::uint64_t offset_ = 0;
  std::uint32_t sequence_ = 0;
  std::multiset<std::string> conflicts_;
  std::multiset<std::string> cells_;
  std::vector<Command> commands_;
};

// Crossing streets every 100 m in a square of `side_m` around the origin; some plan
// turns, some stand, some fall silent for a while.
inline void DriveCity(RegionHarness* harness, std::uint64_t seed, double side_m, std::size_t cars_count,
                      double until_s) {
  std::mt19937_64 random(seed);
  const auto side = static_cast<std::uint64_t>(side_m);
  std::vector<Car> cars;
  for (std::uint64_t i = 0; i < cars_count; ++i) {
    const double along = static_cast<double>(random() % side) - side_m / 2;
    const double street = 100 * (static_cast<double>(random() % (side / 100)) - side_m / 200) + 50;
    const bool east = random() % 2 == 0;
    cars.push_back(MakeCar(Numbered("car-", i), east ? along : street, east ? street : along, east ? 90 : 0,
                           random() % 3 == 0 ? 0 : 5 + static_cast<double>(random() % 10)));
    if (i % 9 == 0) {
      cars.back().path.Append({15, 0});
      cars.back().path.Append({12, 0.13});
      cars.back().path.Append({30, 0});
    }
  }
  const auto steps = static_cast<int>(until_s * 10);
  for (int step = 0; step < steps; ++step) {
    for (std::size_t i = 0; i < cars.size(); ++i) {
      const double at_s = step * 0.1 + static_cast<double>(i) * 0.08 / static_cast<double>(cars.size());
      const bool silent = i % 17 == 3 && step > 20 && step < 55;
      if (random() % 3 != 0 && !silent) harness->Fix(cars[i], at_s);
      Move(&cars[i], 0.1);
    }
    harness->Tick(step * 0.1 + 0.099);
  }
}

}  // namespace starling::cloud
