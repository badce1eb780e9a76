// Results of experiments that nobody drove, with an effect that is known.
#pragma once

#include <cmath>
#include <cstdint>
#include <utility>

#include "sim/city/random.h"
#include "sim/experiment/experiment_result.h"

namespace starling::sim {

struct SyntheticConfig {
  std::uint64_t seed = 1;
  std::size_t seeds = 12;
  double collisions = 24;  // mean of a run without commands
  double near_misses = 180;
  double effect = 0.55;  // commands leave this share of both
  double side_m = 2400;
  double block_m = 200;
  std::size_t speed_values = 600;
};

inline double DrawCount(Random* random, double mean) {
  double count = 0;
  for (double left = mean; left > 0; left -= 1) {
    // A sum of draws from Poisson's with mean 1 or less.
    const double bar = std::exp(-std::min(left, 1.0));
    for (double product = random->Unit(); product > bar; product *= random->Unit()) ++count;
  }
  return count;
}

// Near a crossing, a few of which are worse than the others.
inline Vec2 DrawPlace(Random* random, const SyntheticConfig& config) {
  const auto blocks = static_cast<std::uint32_t>(config.side_m / config.block_m) + 1;
  const auto crossing = [&] { return config.block_m * std::min(random->Below(blocks), random->Below(blocks)); };
  return Vec2{crossing(), crossing()} + Vec2{random->Between(-15, 15), random->Between(-15, 15)};
}

inline CityOutline SyntheticCity(const SyntheticConfig& config) {
  CityOutline city = {.low = {0, 0}, .high = {config.side_m, config.side_m}};
  for (double across = 0; across <= config.side_m; across += config.block_m) {
    for (const double beside : {-1.6, 1.6}) {
      std::vector<Vec2> north;
      std::vector<Vec2> east;
      for (double along = 0; along <= config.side_m; along += 25) {
        north.push_back({across + beside + 10 * std::sin(along / 300 + across), along});
        east.push_back({along, across + beside + 10 * std::sin(along / 400 + across)});
      }
      city.lanes.push_back(std::move(north));
      city.lanes.push_back(std::move(east));
    }
  }
  return city;
}

inline ExperimentResult SyntheticResult(const SyntheticConfig& config = {}) {
  Random random(config.seed);
  ExperimentResult result;
  result.scenario = "fog-on-the-ring";
  result.description =
      "Fog of 60 m on the inner ring from second 120 on; 3,000 vehicles, no signals at the eastern ramps";
  result.config = {"vehicles 3000", "seconds 600", "fog_visibility_m 60", "near_miss_ttc_s 1.5"};
  result.command_line = "./run experiment fog-on-the-ring --seed 1 --report out/fog.json";
  result.version = "starling 0.1.0, 28c058f";
  result.not_for = {"Fog of other densities: drivers of this simulator do not slow down for it by themselves."};
  Figure collisions = {.name = "collisions", .better = Better::kLower, .counted = true};
  Figure misses = {.name = "near misses (TTC < 1.5 s)", .better = Better::kLower, .counted = true};
  Figure travel = {.name = "mean travel time", .unit = "s", .better = Better::kLower};
  Figure brakings = {.name = "hard brakings", .better = Better::kLower, .counted = true};
  Figure throughput = {.name = "throughput", .unit = "vehicles/h", .better = Better::kHigher};
  Figure advice = {.name = "vehicles told something", .better = Better::kNeither, .counted = true};
  Figure rollovers = {.name = "rollovers", .better = Better::kLower, .counted = true};
  Figure spread = {.name = "standard deviation of speed", .unit = "m/s", .better = Better::kLower};
  result.speed = {.begin_s = 0, .step_s = 1};
  result.city = SyntheticCity(config);
  for (std::size_t i = 0; i < config.seeds; ++i) {
    result.seeds.push_back(i + 1);
    // What the two runs of a seed have in common.
    const double crowd = random.Between(0.8, 1.2);
    const auto count = [&](Figure* figure, double mean, double effect) {
      figure->without.push_back(DrawCount(&random, crowd * mean));
      figure->with.push_back(DrawCount(&random, crowd * mean * effect));
    };
    count(&collisions, config.collisions, config.effect);
    count(&misses, config.near_misses, config.effect);
    count(&brakings, 320, 1.02);
    travel.without.push_back(410 * crowd + random.Between(-8, 8));
    travel.with.push_back(420 * crowd + random.Between(-8, 8));
    throughput.without.push_back(5200 / crowd + random.Between(-60, 60));
    throughput.with.push_back(5290 / crowd + random.Between(-60, 60));
    spread.without.push_back(4.1 * crowd + random.Between(-0.1, 0.1));
    spread.with.push_back(3.4 * crowd + random.Between(-0.1, 0.1));
    advice.without.push_back(0);
    advice.with.push_back(DrawCount(&random, 900));
    rollovers.without.push_back(0);
    rollovers.with.push_back(0);
    for (const auto& [figure, kind] :
         {std::pair(&collisions, EncounterKind::kCollision), std::pair(&misses, EncounterKind::kNearMiss)}) {
      for (double k = 0; k < figure->without.back(); ++k) {
        result.places_without.push_back({DrawPlace(&random, config), kind});
      }
      for (double k = 0; k < figure->with.back(); ++k) {
        result.places_with.push_back({DrawPlace(&random, config), kind});
      }
    }
    if (config.speed_values > 0) {
      double noise = 0;
      std::vector<double> without;
      std::vector<double> with;
      for (std::size_t k = 0; k < config.speed_values; ++k) {
        const double t = static_cast<double>(k);
        noise = 0.97 * noise + random.Between(-0.1, 0.1);
        const double jam = 4 / (1 + std::exp(-(t - 180) / 25));
        const double begin = 11 * (1 - std::exp(-t / 20)) / crowd + noise;
        without.push_back(std::max(begin - jam, 0.0));
        with.push_back(std::max(begin - 0.6 * jam + random.Between(-0.1, 0.1), 0.0));
      }
      result.speed.without.push_back(std::move(without));
      result.speed.with.push_back(std::move(with));
    }
  }
  for (Figure* figure : {&collisions, &misses, &brakings, &travel, &throughput, &spread, &advice, &rollovers}) {
    result.figures.push_back(std::move(*figure));
  }
  if (config.speed_values == 0) result.speed = {};
  return result;
}

// Two seeds, two figures, a few places: small enough to reckon by hand.
inline ExperimentResult TinyResult() {
  ExperimentResult result;
  result.scenario = "tiny";
  result.description = "two seeds";
  result.seeds = {3, 4};
  result.config = {"vehicles 2"};
  result.figures = {
      {.name = "collisions", .better = Better::kLower, .counted = true, .without = {10, 12}, .with = {7, 8}},
      {.name = "mean travel time", .unit = "s", .better = Better::kLower, .without = {100, 101},
       .with = {100.5, 101.5}}};
  result.places_without = {{{10, 20.5}, EncounterKind::kCollision}, {{30, 40}, EncounterKind::kNearMiss}};
  result.places_with = {{{30.25, 40}, EncounterKind::kNearMiss}};
  result.city = {.low = {0, 0}, .high = {100, 100}, .lanes = {{{0, 20}, {100, 20}}, {{30, 0}, {30, 100}}}};
  result.speed = {.begin_s = 0, .step_s = 10, .without = {{8, 6.5}, {9, 7}}, .with = {{8, 7}, {9, 8}}};
  result.command_line = "./run experiment tiny";
  result.version = "1";
  result.not_for = {"anything else"};
  return result;
}

}  // namespace starling::sim
