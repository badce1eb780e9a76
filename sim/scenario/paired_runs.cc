#include "sim/scenario/paired_runs.h"

#include <array>
#include <atomic>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <optional>
#include <utility>

#include "common/mutex.h"
#include "sim/fleet/pretty_json.h"
#include "sim/traffic/workers.h"

namespace starling::sim {
namespace {

namespace json = boost::json;

// A picture needs no more of each kind.
constexpr std::size_t kPlacesMax = 5'000;
constexpr double kLanePointEveryM = 15;

struct PlannedFigure {
  const char* name;
  const char* unit;
  Better better;
  bool counted;
  double (*value)(const ScenarioOutcome& outcome);
};

constexpr std::array<PlannedFigure, 9> kFigures = {{
    {"collisions", "", Better::kLower, true,
     [](const ScenarioOutcome& outcome) { return static_cast<double>(outcome.collisions.size()); }},
    {"collisions with one who obeys", "", Better::kLower, true,
     [](const ScenarioOutcome& outcome) {
       return static_cast<double>(outcome.collisions.size() - outcome.of_rule_breakers);
     }},
    {"deadlocks that ended in a scrape", "", Better::kLower, true,
     [](const ScenarioOutcome& outcome) { return static_cast<double>(outcome.scrapes); }},
    {"near misses", "", Better::kLower, true,
     [](const ScenarioOutcome& outcome) { return static_cast<double>(outcome.near_misses.size()); }},
    {"hard brakings", "", Better::kLower, true,
     [](const ScenarioOutcome& outcome) { return static_cast<double>(outcome.traffic.hard_brakings); }},
    {"mean travel time", "s", Better::kLower, false, [](const ScenarioOutcome& outcome) { return outcome.mean_trip_s; }},
    {"mean time loss", "s", Better::kLower, false, [](const ScenarioOutcome& outcome) { return outcome.mean_loss_s; }},
    {"mean speed", "m/s", Better::kHigher, false, [](const ScenarioOutcome& outcome) { return outcome.mean_speed_mps; }},
    {"trips finished", "", Better::kHigher, true,
     [](const ScenarioOutcome& outcome) { return static_cast<double>(outcome.trips); }},
}};

std::string_view NameOf(Better better) {
  switch (better) {
    case Better::kLower: return "lower";
    case Better::kHigher: return "higher";
    case Better::kNeither: return "neither";
  }
  return "?";
}

CityOutline OutlineOf(const City& city) {
  CityOutline outline{city.south_west(), city.north_east(), {}};
  for (LaneIndex lane = 0; lane < city.lanes().size(); ++lane) {
    const double length_m = city.track(lane).length_m;
    std::vector<Vec2>& line = outline.lanes.emplace_back();
    for (double along = 0; along < length_m; along += kLanePointEveryM) line.push_back(city.PoseAt(lane, along).position);
    line.push_back(city.PoseAt(lane, length_m).position);
  }
  return outline;
}

void AddPlaces(const ScenarioOutcome& outcome, std::vector<EncounterPlace>* places) {
  for (const Collision& each : outcome.collisions) places->push_back({each.position, EncounterKind::kCollision});
  std::size_t left = kPlacesMax;
  for (const Vec2 each : outcome.near_misses) {
    if (left-- == 0) break;
    places->push_back({each, EncounterKind::kNearMiss});
  }
}

std::vector<std::string> ConfigLines(const Scenario& scenario) {
  const auto number = [](double value) {
    std::array<char, 32> text;
    std::snprintf(text.data(), text.size(), "%g", value);
    return std::string(text.data());
  };
  return {std::to_string(scenario.traffic.vehicles) + " vehicles for " + std::to_string(scenario.seconds) + " s, after " +
              number(scenario.traffic.warm_up_s) + " s of warming up",
          scenario.network.empty() ? "a drawn city of " + number(scenario.city.side_m / 1000) + " km by as much"
                                   : "the streets of " + scenario.network,
          number(100 * scenario.fleet.penetration) + " % of the vehicles have an agent; with commands, " +
              number(100 * scenario.fleet.compliance) + " % of their drivers do as it says, but who breaks rules does not"};
}

}  // namespace

Status PairedRunsConfig::Validate() const {
  const auto refuse = [](const char* message) { return Status(ErrorCode::kInvalidArgument, message); };
  if (pairs < 2 || pairs > 1000) return refuse("pairs must be within 2 and 1000");
  if (jobs < 1 || jobs > 64) return refuse("jobs must be within 1 and 64");
  return {};
}

std::vector<Figure> PlannedFigures() {
  std::vector<Figure> figures;
  for (const PlannedFigure& each : kFigures) {
    figures.push_back({.name = each.name, .unit = each.unit, .better = each.better, .counted = each.counted});
  }
  return figures;
}

std::string PlanDocument(const Scenario& scenario, const PairedRunsConfig& config) {
  json::array seeds;
  for (std::uint32_t i = 0; i < config.pairs; ++i) seeds.push_back(config.seed + i);
  json::array figures;
  for (const Figure& each : PlannedFigures()) {
    const std::string_view better = NameOf(each.better);
    figures.push_back({{"name", each.name}, {"unit", each.unit}, {"better", json::string_view(better.data(), better.size())}});
  }
  json::array lines;
  for (const std::string& each : ConfigLines(scenario)) lines.push_back(json::string(each));
  return PrettyJson(json::object{{"scenario", scenario.name},
                                 {"description", scenario.description},
                                 {"config", std::move(lines)},
                                 {"seeds", std::move(seeds)},
                                 {"arms", json::array{"without commands", "with commands"}},
                                 {"figures", std::move(figures)},
                                 {"near_miss_ttc_s", kNearMissTtcS}});
}

Result<ExperimentResult> RunPairs(const Scenario& scenario, const PairedRunsConfig& config,
                                  const std::function<void(const FinishedRun&)>& told,
                                  const std::function<bool()>& go_on) {
  const std::uint64_t city_seed = WithSeed(scenario, config.seed).city.seed;
  Scenario of_city = scenario;
  of_city.city.seed = city_seed;
  std::string remark;
  const Result<City> city = CityOf(of_city, &remark);
  if (!city.ok()) return city.status();

  std::vector<std::array<std::optional<ScenarioOutcome>, 2>> outcomes(config.pairs);
  Mutex mutex;
  std::uint32_t finished = 0;
  Workers workers(config.jobs);
  workers.Run(2 * config.pairs, [&](std::uint32_t run) {
    const std::uint64_t seed = config.seed + run / 2;
    const bool obey = run % 2 == 1;
    if (!go_on()) return;
    Scenario one = WithSeed(scenario, seed);
    one.city.seed = city_seed;
    one.fleet.threads = 1;
    one.fleet.obey = obey;
    ScenarioOutcome outcome = RunScenario(one, city.value(), [&](const ScenarioProgress&) { return go_on(); });
    if (outcome.interrupted) return;
    outcomes[run / 2][obey] = std::move(outcome);
    const MutexLock lock(mutex);
    told({seed, obey, &*outcomes[run / 2][obey], ++finished});
  });

  ExperimentResult result;
  result.scenario = scenario.name;
  result.description = scenario.description;
  result.config = ConfigLines(scenario);
  result.city = OutlineOf(city.value());
  result.figures = PlannedFigures();
  result.speed.step_s = kSpeedEveryS;
  result.speed.begin_s = kSpeedEveryS / 2;
  for (std::uint32_t i = 0; i < config.pairs; ++i) {
    if (!outcomes[i][0] || !outcomes[i][1]) continue;
    result.seeds.push_back(config.seed + i);
    for (const bool obey : {false, true}) {
      const ScenarioOutcome& outcome = *outcomes[i][obey];
      if (!outcome.failures.empty()) {
        return Status(ErrorCode::kCorruption, "seed " + std::to_string(config.seed + i) +
                                                  (obey ? " with" : " without") + " commands: " + outcome.failures.front());
      }
      for (std::size_t k = 0; k < kFigures.size(); ++k) {
        (obey ? result.figures[k].with : result.figures[k].without).push_back(kFigures[k].value(outcome));
      }
      // A single value is no series.
      if (outcome.speeds_mps.size() > 1) {
        (obey ? result.speed.with : result.speed.without).push_back(outcome.speeds_mps);
      }
      AddPlaces(outcome, obey ? &result.places_with : &result.places_without);
    }
  }
  return result;
}

}  // namespace starling::sim
