// Agents and shard together, in virtual time and without a socket: a city drives
// over simulated links that delay, break and come back, and vehicles reboot.  One
// seed makes a whole run; a failure names it.
//
// Between link and shard stands VirtualCloud: the gateway's own judges, builders and
// ledger, without its connections and queues.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "edge/agent/agent.h"
#include "edge/spool/memory_spool.h"
#include "sim/city/random.h"
#include "sim/fleet/fleet_config.h"
#include "sim/fleet/schedule.h"
#include "sim/fleet/sim_vehicle.h"
#include "sim/virtual/virtual_cloud.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {
namespace {

constexpr CloudTime kStart{seconds(1'700'000'000)};
constexpr FrameOrigin kOrigin{481'351'000, 115'820'000};
constexpr milliseconds kStep{1};

struct Weather {
  milliseconds delay_min{0};
  milliseconds delay_max{5};
  double cut_chance = 0;         // of each vehicle, each second
  milliseconds outage_max{3000};
  double reboot_chance = 0;      // of each vehicle, each second
};

// Bytes on their way, in order, as TCP keeps them.
struct Pipe {
  std::deque<std::pair<CloudTime, std::vector<std::byte>>> chunks;

  void Put(std::span<const std::byte> bytes, CloudTime arrives) {
    if (bytes.empty()) return;
    if (!chunks.empty()) arrives = std::max(arrives, chunks.back().first);
    chunks.emplace_back(arrives, std::vector<std::byte>(bytes.begin(), bytes.end()));
  }
};

class Loop {
 public:
  Loop(std::uint64_t seed, std::uint32_t vehicles, const Weather& weather)
      : weather_(weather), random_(seed), city_(MakeCity(seed)), traffic_(city_, MakeTraffic(seed, vehicles)),
        schedule_(vehicles), cars_(vehicles),
        cloud_(cloud::ShardConfig(), MakeGateway(), milliseconds(8),
               [this](std::size_t car, std::span<const std::byte> frame, CloudTime) {
                 cars_[car].down.Put(frame, now_ + Delay());
               },
               nullptr) {
    cloud_.Advance(now_);
    for (std::size_t i = 0; i < cars_.size(); ++i) {
      cars_[i].id = VehicleId::Parse(VehicleName(i)).value();
      Boot(&cars_[i]);
      Reconnect(i);
    }
  }

  void Drive(std::uint32_t for_seconds) {
    const std::uint64_t turns = turn_ + std::uint64_t{for_seconds} * 10 * cars_.size();
    while (turn_ < turns) {
      now_ += kStep;
      Disturb();
      Move();
      for (; turn_ < turns && kStart + schedule_.At(turn_).instant <= now_; ++turn_) {
        Sample(schedule_.At(turn_));
      }
    }
  }

  // Lets the links be well and everything arrive; false if it does not within a minute.
  bool Drain() {
    weather_ = Weather();
    for (Car& car : cars_) EXPECT_TRUE(car.agent->Flush().ok());
    const CloudTime limit = now_ + seconds(60);
    while (now_ < limit) {
      now_ += kStep;
      Disturb();
      Move();
      bool drained = cloud_.shard().counters().outbox_open == 0;
      for (const Car& car : cars_) drained = drained && car.agent->drained();
      if (drained) return true;
    }
    return false;
  }

  edge::AgentLedger Ledger() const {
    edge::AgentLedger sum = ended_;
    for (const Car& car : cars_) Add(car.agent->ledger(), &sum);
    return sum;
  }
  // What a memory spool loses with its process.
  std::uint64_t lost_in_reboots() const { return lost_; }

  const VirtualCloud& cloud() const { return cloud_; }
  std::uint64_t samples = 0, actions = 0, acted_late = 0, acted_twice = 0, cuts = 0, reboots = 0;

  // How far the shard is off, over all vehicles that are connected and well, m.
  std::vector<double> PredictionErrors() const {
    std::vector<double> errors;
    for (std::size_t i = 0; i < cars_.size(); ++i) {
      const auto view = cloud_.shard().Find(cars_[i].id, now_);
      if (!view || !cars_[i].connected) continue;
      const Pose truth = traffic_.TruthAt(static_cast<VehicleIndex>(i), SimTime(now_ - kStart));
      errors.push_back(Norm(view->pose.position - truth.position));
    }
    return errors;
  }

 private:
  struct Car {
    VehicleId id;
    CloudTime booted;
    std::unique_ptr<edge::Agent> agent;
    Pipe up, down;
    bool connected = false;
    CloudTime reconnects = CloudTime::max();
    std::set<std::uint64_t> acted;
  };

  static City MakeCity(std::uint64_t seed) {
    CityConfig config;
    config.seed = seed;
    config.side_m = 1000;
    return City::Generate(config);
  }
  static TrafficConfig MakeTraffic(std::uint64_t seed, std::uint32_t vehicles) {
    TrafficConfig config;
    config.seed = seed;
    config.vehicles = vehicles;
    config.warm_up_s = 20;
    return config;
  }
  static cloud::GatewayConfig MakeGateway() {
    cloud::GatewayConfig config;
    config.origin = kOrigin;
    return config;
  }
  static void Add(const edge::AgentLedger& one, edge::AgentLedger* sum) {
    sum->sampled += one.sampled;
    sum->delivered += one.delivered;
    sum->dropped_spool_full += one.dropped_spool_full;
    sum->dropped_refused += one.dropped_refused;
    sum->dropped_io += one.dropped_io;
    sum->in_flight += one.in_flight;
  }

  BootTime BootNow(const Car& car) const { return BootTime(now_ - car.booted); }
  nanoseconds Delay() {
    return nanoseconds(static_cast<std::int64_t>(
        random_.Between(static_cast<double>(nanoseconds(weather_.delay_min).count()),
                        static_cast<double>(nanoseconds(weather_.delay_max).count()))));
  }
  void Boot(Car* car) {
    car->booted = now_ - nanoseconds(static_cast<std::int64_t>(1e9 + random_.Unit() * 1e14));
    car->agent = std::make_unique<edge::Agent>(
        edge::AgentConfig(), BootId{random_.Next() | 1},
        std::make_unique<edge::MemorySpool>(edge::MemorySpoolConfig()), &codec_);
  }
  void Cut(std::size_t index) {
    Car& car = cars_[index];
    if (!car.connected) return;
    ++cuts;
    car.connected = false;
    car.up.chunks.clear();
    car.down.chunks.clear();
    car.agent->OnDisconnected(BootNow(car));
    cloud_.Disconnect(index, now_);
    car.reconnects = now_ + nanoseconds(static_cast<std::int64_t>(
                                random_.Unit() * static_cast<double>(nanoseconds(weather_.outage_max).count())));
  }
  void Reconnect(std::size_t index) {
    Car& car = cars_[index];
    car.connected = true;
    car.reconnects = CloudTime::max();
    cloud_.Connect(index, car.id, now_);
    car.agent->OnConnected(BootNow(car));
    Pump(&car);
  }
  void Reboot(std::size_t index) {
    ++reboots;
    Cut(index);
    Car& car = cars_[index];
    // The ledger of a boot ends with it: what was in memory is lost, and said here.
    edge::AgentLedger last = car.agent->ledger();
    lost_ += last.in_flight;
    last.in_flight = 0;
    Add(last, &ended_);
    Boot(&car);
  }
  void Disturb() {
    for (std::size_t i = 0; i < cars_.size(); ++i) {
      if (cars_[i].reconnects <= now_) Reconnect(i);
      if (random_.Chance(weather_.cut_chance / 1000)) Cut(i);
      if (random_.Chance(weather_.reboot_chance / 1000)) Reboot(i);
    }
  }
  void Pump(Car* car) {
    if (!car->connected) return;
    std::vector<std::byte> stream;
    while (car->agent->NextFrame(BootNow(*car), &stream)) {
    }
    car->up.Put(stream, now_ + Delay());
  }
  void Move() {
    cloud_.Advance(now_);
    for (std::size_t i = 0; i < cars_.size(); ++i) {
      Car& car = cars_[i];
      while (!car.up.chunks.empty() && car.up.chunks.front().first <= now_) {
        const std::vector<std::byte> bytes = std::move(car.up.chunks.front().second);
        car.up.chunks.pop_front();
        ASSERT_TRUE(cloud_.OnBytes(i, bytes, now_).ok());
      }
      bool received = false;
      while (!car.down.chunks.empty() && car.down.chunks.front().first <= now_) {
        const std::vector<std::byte> bytes = std::move(car.down.chunks.front().second);
        car.down.chunks.pop_front();
        ASSERT_TRUE(car.agent->OnBytes(bytes, BootNow(car)).ok());
        received = true;
      }
      if (car.agent->next_timer() <= BootNow(car)) {
        car.agent->OnTimer(BootNow(car));
        received = true;
      }
      if (!received) continue;
      while (const auto action = car.agent->TakeAction(BootNow(car))) {
        ++actions;
        if (BootNow(car) > action->expires) ++acted_late;
        if (!car.acted.insert(ToNumber(action->command)).second) ++acted_twice;
      }
      Pump(&car);
    }
  }
  void Sample(const Schedule::Turn& turn) {
    Car& car = cars_[turn.vehicle];
    const edge::DesiredState desired = car.agent->desired(BootNow(car));
    traffic_.SetLimit(turn.vehicle, desired.speed_ceiling_mps, desired.decel_mps2);
    traffic_.AdvanceTo(SimTime(turn.instant));
    const BootTime instant(kStart + turn.instant - car.booted);
    // Right after a reboot the instant may lie before the boot's own last one.
    if (car.agent->OnSample(SampleOf(traffic_.Truth(turn.vehicle, SimTime(turn.instant)), frame_, instant), BootNow(car)).ok()) {
      ++samples;
    }
    Pump(&car);
  }

  Weather weather_;
  Random random_;
  const City city_;
  Traffic traffic_;
  const LocalFrame frame_{kOrigin};
  const Schedule schedule_;
  PayloadCodec codec_;
  CloudTime now_ = kStart;
  std::vector<Car> cars_;
  VirtualCloud cloud_;
  std::uint64_t turn_ = 0;
  edge::AgentLedger ended_;
  std::uint64_t lost_ = 0;
};

void ExpectBalanced(Loop* loop) {
  ASSERT_TRUE(loop->Drain());
  const edge::AgentLedger ledger = loop->Ledger();
  EXPECT_EQ(ledger.sampled, loop->samples);
  EXPECT_EQ(ledger.in_flight, 0u);
  EXPECT_EQ(ledger.dropped_spool_full + ledger.dropped_refused + ledger.dropped_io, 0u);
  EXPECT_EQ(ledger.sampled, ledger.delivered + loop->lost_in_reboots());
  // An acknowledgement can be lost with its boot; a sample that was acknowledged cannot.
  EXPECT_GE(loop->cloud().held_samples(), ledger.delivered);
  EXPECT_LE(loop->cloud().held_samples(), ledger.sampled);
  EXPECT_EQ(loop->acted_late, 0u);
  EXPECT_EQ(loop->acted_twice, 0u);
  EXPECT_EQ(loop->cloud().shard().counters().closed_twice, 0u);
}

class LoopSeed : public testing::TestWithParam<std::uint64_t> {};

TEST_P(LoopSeed, OnAGoodLinkAllArrivesAndThePredictionHolds) {
  Loop loop(GetParam(), 150, Weather());
  std::vector<double> errors;
  for (int i = 0; i < 10; ++i) {
    loop.Drive(1);
    for (const double error : loop.PredictionErrors()) errors.push_back(error);
  }
  std::sort(errors.begin(), errors.end());
  ASSERT_GT(errors.size(), 1300u);
  EXPECT_LE(errors[errors.size() * 99 / 100], 0.3);
  ExpectBalanced(&loop);
  EXPECT_EQ(loop.cloud().held_samples(), loop.samples);
}

TEST_P(LoopSeed, CutsLoseNoSampleAndRepeatNoCommand) {
  Weather weather;
  weather.delay_min = milliseconds(5);
  weather.delay_max = milliseconds(150);
  weather.cut_chance = 0.2;
  Loop loop(GetParam(), 300, weather);  // Dense, so that there are commands.
  loop.Drive(20);
  ExpectBalanced(&loop);
  EXPECT_EQ(loop.cloud().held_samples(), loop.samples);
  EXPECT_GT(loop.cuts, 100u);
  EXPECT_GT(loop.actions, 0u);
}

TEST_P(LoopSeed, ARebootLosesWhatWasInMemoryAndNothingElse) {
  Weather weather;
  weather.cut_chance = 0.05;
  weather.reboot_chance = 0.03;
  Loop loop(GetParam(), 150, weather);
  loop.Drive(20);
  ExpectBalanced(&loop);
  EXPECT_GT(loop.reboots, 20u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, LoopSeed, testing::Values(1, 2, 3));

TEST(Loop, TheSameSeedGivesTheSameRun) {
  Weather weather;
  weather.cut_chance = 0.1;
  Loop a(5, 100, weather);
  Loop b(5, 100, weather);
  a.Drive(10);
  b.Drive(10);
  EXPECT_EQ(a.actions, b.actions);
  EXPECT_EQ(a.cuts, b.cuts);
  EXPECT_EQ(a.cloud().held_samples(), b.cloud().held_samples());
  EXPECT_EQ(a.cloud().shard().counters().fixes, b.cloud().shard().counters().fixes);
}

}  // namespace
}  // namespace starling::sim
