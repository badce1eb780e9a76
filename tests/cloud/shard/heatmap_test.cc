// Cells, windows and advice, against what a plain loop over all vehicles counts.
#include <cmath>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "cloud/shard/heatmap.h"
#include "cloud/shard/shard_config.h"
#include "schemas/cloud_to_edge/downlink_generated.h"
#include "schemas/log/heatmap_generated.h"
#include "tests/cloud/shard/traffic_log.h"

namespace starling::cloud {
namespace {

class HeatmapTest : public testing::Test {
 protected:
  // A window that ended at `end_s` takes effect.
  void TakeEffect(double end_s) { driver_.Tick(end_s + ToSeconds(kWindowEffect)); }
  const HeatmapCell* CellOf(std::int32_t x, std::int32_t y) {
    cells_ = driver_.shard().Heatmap();
    for (const HeatmapCell& cell : cells_) {
      if (cell.cell == CellIndex{x, y}) return &cell;
    }
    return nullptr;
  }
  // `count` cars that stand in cell (0, 0), one behind the other.
  std::vector<Car> Queue(int count) {
    std::vector<Car> cars;
    for (int i = 0; i < count; ++i) {
      cars.push_back(MakeCar(Numbered("q", static_cast<std::uint64_t>(i)), 50, 90 - 7 * i, 0, 0));
    }
    return cars;
  }
  std::size_t Advices() {
    std::size_t count = 0;
    for (const auto& command : driver_.outputs().commands) {
      const auto* decoded = flatbuffers::GetRoot<wire::Command>(command.wire_command.data());
      if (decoded->kind() == wire::CommandKind::SpeedAdvice) ++count;
    }
    return count;
  }

  ShardConfig config_;
  ShardDriver driver_{config_};
  std::vector<HeatmapCell> cells_;
};

TEST_F(HeatmapTest, CountsVehiclesNotMessages) {
  const Car car = MakeCar("chatty", 50, 50, 0, 0);
  for (int i = 0; i < 15; ++i) driver_.Fix(car, 0.01 * i + 0.01);
  driver_.Fix(MakeCar("quiet", 60, 60, 0, 0), 0.15);
  TakeEffect(0.2);
  ASSERT_TRUE(CellOf(0, 0));
  EXPECT_EQ(CellOf(0, 0)->vehicles, 2u);
}

TEST_F(HeatmapTest, AQueueThatSaysNothingForASecondIsStillThere) {
  for (const Car& car : Queue(9)) driver_.Fix(car, 0.05);
  for (int i = 1; i <= 10; ++i) {
    driver_.Tick(0.1 * i);
    if (i % 2 != 0) continue;
    TakeEffect(0.1 * i);
    ASSERT_TRUE(CellOf(0, 0)) << i;
    EXPECT_EQ(CellOf(0, 0)->vehicles, 9u);
    EXPECT_EQ(CellOf(0, 0)->confidence, 1);
  }
  EXPECT_NEAR(CellOf(0, 0)->age_s, 0.95, 1e-6);
  EXPECT_EQ(CellOf(0, 0)->congestion, 1);
}

TEST_F(HeatmapTest, ASilentVehicleFadesAndIsForgotten) {
  driver_.Fix(MakeCar("a", 50, 50, 0, 0), 0);
  for (int i = 1; i <= 101; ++i) {
    driver_.Tick(0.1 * i);
    if (i % 2 == 0) TakeEffect(0.1 * i);
    if (i == 50) {
      EXPECT_DOUBLE_EQ(CellOf(0, 0)->confidence, 1);
    } else if (i == 76) {
      EXPECT_NEAR(CellOf(0, 0)->confidence, 0.48, 1e-6);  // The window's end is 7.6 s.
    }
  }
  TakeEffect(10.2);
  EXPECT_FALSE(CellOf(0, 0));
}

TEST_F(HeatmapTest, AVehicleIsCountedWhereItIsPredicted) {
  driver_.Fix(MakeCar("a", 95, 50, 90, 20), 0);  // Passes the border at 0.25 s.
  TakeEffect(0.2);
  EXPECT_TRUE(CellOf(0, 0));
  TakeEffect(0.4);
  EXPECT_FALSE(CellOf(0, 0));
  ASSERT_TRUE(CellOf(1, 0));
  EXPECT_NEAR(CellOf(1, 0)->mean_speed_mps, 20, 1e-6);
}

// Seeded traffic with every kind of motion; fixes at random times.
TEST_F(HeatmapTest, AgreesWithAPlainLoopOverAllVehicles) {
  std::mt19937_64 random(11);
  const auto uniform = [&random](double low, double high) {
    return low + (high - low) * (static_cast<double>(random() >> 11) * 0x1p-53);
  };
  std::vector<Car> cars;
  for (std::uint64_t i = 0; i < 120; ++i) {
    Car car = MakeCar(Numbered("v", i), uniform(-250, 250), uniform(-250, 250), uniform(0, 360),
                      i % 5 == 0 ? 0 : uniform(1, 25), uniform(-2, 2));
    if (i % 3 == 0) car.motion.curvature_per_m = uniform(-0.05, 0.05);
    cars.push_back(car);
  }
  int compared = 0;
  for (std::int64_t window = 1; window <= 20; ++window) {
    for (int i = 0; i < 60; ++i) {
      Car& car = cars[random() % cars.size()];
      car.motion.position = {uniform(-250, 250), uniform(-250, 250)};
      driver_.Fix(car, 0.2 * static_cast<double>(window - 1) + 0.001 + 0.003 * i);
    }
    TakeEffect(0.2 * static_cast<double>(window));
    std::map<CellIndex, std::pair<std::uint32_t, double>> expected;
    const CloudTime end = CloudTimeFromNs(kStartNs + window * 200'000'000);
    for (const VehicleView& view : driver_.shard().List(0, cars.size(), end)) {
      if (view.fix_age_s > 10) continue;
      auto& [count, speed] = expected[CellAt(view.pose.position)];
      ++count;
      speed += std::abs(view.pose.speed_mps);
    }
    const auto cells = driver_.shard().Heatmap();
    ASSERT_EQ(cells.size(), expected.size()) << "window " << window;
    for (const HeatmapCell& cell : cells) {
      const auto at = expected.find(cell.cell);
      ASSERT_TRUE(at != expected.end());
      EXPECT_EQ(cell.vehicles, at->second.first) << cell.cell.x << ", " << cell.cell.y;
      EXPECT_NEAR(cell.mean_speed_mps, at->second.second / at->second.first, 1e-4);
      ++compared;
    }
  }
  EXPECT_GT(compared, 300);
}

TEST_F(HeatmapTest, OneWaitingCarIsNotCongestion) {
  const Car car = MakeCar("a", 50, 50, 0, 0);
  for (int i = 0; i < 30; ++i) {
    driver_.Fix(car, 0.1 * i);
    driver_.Tick(0.1 * i);
  }
  EXPECT_FALSE(CellOf(0, 0)->congested);
  EXPECT_LT(CellOf(0, 0)->congestion, 0.2);
}

TEST_F(HeatmapTest, CongestionHasHysteresis) {
  std::vector<Car> queue = Queue(7);
  DriveOn(&driver_, &queue, 0, 0.4);
  ASSERT_TRUE(CellOf(0, 0));
  EXPECT_FALSE(CellOf(0, 0)->congested);  // One window.
  DriveOn(&driver_, &queue, 0.4, 1);
  EXPECT_TRUE(CellOf(0, 0)->congested);
  // It moves, but not yet freely: still congested.
  for (Car& car : queue) car.motion = MakeCar("", car.motion.position.x, 0, 0, 0).motion;
  for (std::size_t i = 0; i < queue.size(); ++i) {
    queue[i].motion.position.y = 40 - 5.0 * static_cast<double>(i);
    queue[i].motion.speed_mps = 3.5;
  }
  DriveOn(&driver_, &queue, 1, 3);
  EXPECT_TRUE(CellOf(0, 0)->congested);
  for (Car& car : queue) car.motion.position = {50, 150};
  DriveOn(&driver_, &queue, 3, 3.9);
  EXPECT_EQ(driver_.shard().counters().congested_max, 1u);
  DriveOn(&driver_, &queue, 3.9, 4.4);
  // Empty and free: nobody gets advice for it any more.
  driver_.outputs().Clear();
  driver_.Fix(MakeCar("late", 50, -40, 0, 13), 4.45);
  EXPECT_EQ(Advices(), 0u);
}

TEST_F(HeatmapTest, AVehicleThatEntersCongestionIsAdvisedOnce) {
  std::vector<Car> queue = Queue(8);
  DriveOn(&driver_, &queue, 0, 1);
  driver_.outputs().Clear();
  // In the other lane, 60 m before the cell.
  std::vector<Car> arriving = {MakeCar("arrives", 46, -60, 0, 13)};
  DriveOn(&driver_, &arriving, 1, 3);
  ASSERT_EQ(Advices(), 1u);
  const auto* advice =
      flatbuffers::GetRoot<wire::Command>(driver_.outputs().commands.front().wire_command.data());
  EXPECT_EQ(driver_.outputs().commands.front().vehicle, Name("arrives"));
  EXPECT_EQ(advice->cell_x(), 0);
  EXPECT_EQ(advice->cell_y(), 0);
  EXPECT_GE(advice->speed_ceiling_cmps(), 400);
  EXPECT_LE(advice->speed_ceiling_cmps(), 833);
  EXPECT_LE(advice->decel_cmps2(), 150);
  EXPECT_EQ(advice->cause_vehicle()->str(), "arrives");
  EXPECT_GT(advice->cause_sequence(), 0u);
  EXPECT_EQ(driver_.shard().counters().speed_advice_issued, 1u);
}

TEST_F(HeatmapTest, WritesChangesEachWindowAndEverythingEachTenSeconds) {
  std::vector<Car> queue = Queue(3);
  queue.push_back(MakeCar("far", 550, 550, 0, 0));
  DriveOn(&driver_, &queue, 0.1, 11);
  std::size_t full = 0;
  std::size_t changes = 0;
  for (const auto& record : driver_.outputs().records) {
    if (record.topic != Topic::kHeatmap) continue;
    const auto* window = log::GetHeatmapWindow(record.value.data());
    EXPECT_EQ(window->window_end_ns() % 200'000'000, 0);
    if (window->full()) {
      ++full;
      EXPECT_EQ(window->cells()->size(), 2u);
    } else {
      ++changes;
    }
  }
  EXPECT_EQ(full, 1u);
  EXPECT_EQ(changes, 1u);  // They stand: the first window alone differs.
}

}  // namespace
}  // namespace starling::cloud
