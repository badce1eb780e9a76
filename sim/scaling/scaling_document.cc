#include "sim/scaling/scaling_document.h"

#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "sim/experiment/number_text.h"
#include "sim/experiment/paired_difference.h"
#include "sim/fleet/pretty_json.h"

namespace starling::sim {
namespace {

namespace json = boost::json;

constexpr std::pair<const char*, double WeekUnderRule::*> kFigures[] = {
    {"over_limit_s", &WeekUnderRule::over_limit_s}, {"overload_s", &WeekUnderRule::overload_s},
    {"handover_s", &WeekUnderRule::handover_s},     {"shed_share", &WeekUnderRule::shed_share},
    {"shard_hours", &WeekUnderRule::shard_hours},   {"changes", &WeekUnderRule::changes},
    {"interval_covered", &WeekUnderRule::within},   {"forecast_error", &WeekUnderRule::forecast_error}};

std::vector<double> Values(const RuleResult& rule, double WeekUnderRule::*figure) {
  std::vector<double> values;
  for (const WeekUnderRule& week : rule.weeks) values.push_back(week.*figure);
  return values;
}

const RuleResult* Reactive(const ScalingStudy& study) {
  const auto found = std::find_if(study.rules.begin(), study.rules.end(), [](const RuleResult& rule) {
    return rule.name == "reactive" && !rule.of_curve;
  });
  return found == study.rules.end() ? nullptr : &*found;
}

json::object Describe(const RuleResult& rule, const RuleResult* reactive) {
  json::object described{{"name", rule.name}, {"title", rule.title}, {"target_share", rule.target}};
  for (const auto& [name, figure] : kFigures) {
    const MeanOf mean = Mean(rule, figure);
    json::array values;
    for (const double value : Values(rule, figure)) values.emplace_back(NineDigits(value));
    json::object of_figure{{"mean", NineDigits(mean.mean)},
                           {"interval", json::array{NineDigits(mean.interval.low), NineDigits(mean.interval.high)}}};
    if (reactive != nullptr && reactive != &rule) {
      const Result<PairedDifference> difference = ComparePaired(Values(*reactive, figure), Values(rule, figure));
      if (difference.ok()) {
        of_figure["less_reactive"] = NineDigits(difference.value().difference);
        of_figure["less_reactive_interval"] = json::array{NineDigits(difference.value().interval.low),
                                                          NineDigits(difference.value().interval.high)};
      }
    }
    of_figure["seeds"] = std::move(values);
    described[name] = std::move(of_figure);
  }
  return described;
}

std::string Cell(const RuleResult& rule, double WeekUnderRule::*figure, int decimals, int width) {
  const MeanOf mean = Mean(rule, figure);
  const std::string text = Fixed(mean.mean, decimals) + " +- " + Fixed((mean.interval.high - mean.mean), decimals);
  char cell[64];
  std::snprintf(cell, sizeof cell, "%*s", width, text.c_str());
  return cell;
}

}  // namespace

std::string ScalingDocument(const ScalingStudy& study, const LoadAnchor& anchor) {
  const ScalingStudyConfig& config = study.config;
  json::array runs;
  for (const LoadAnchor::Run& run : anchor.runs) {
    runs.push_back(json::object{{"vehicles", run.vehicles}, {"seconds", run.seconds}, {"fixes", run.fixes}});
  }
  json::array table;
  json::array curve;
  for (const RuleResult& rule : study.rules) {
    if (rule.of_curve) curve.push_back(Describe(rule, nullptr));
    if (!rule.of_curve) table.push_back(Describe(rule, Reactive(study)));
  }
  const json::object document{
      {"format", 1},
      {"seed", config.seed},
      {"seeds", config.seeds},
      {"fixes_per_vehicle_s", NineDigits(config.demand.fixes_per_vehicle_s)},
      {"fixes_measured", anchor.measured},
      {"anchor", std::move(runs)},
      {"demand",
       json::object{{"peak_vehicles", config.demand.peak_vehicles},
                    {"weeks", config.demand.weeks},
                    {"day_deviation", config.demand.day_deviation},
                    {"hour_deviation", config.demand.hour_deviation},
                    {"stadium_share", config.demand.stadium ? config.demand.stadium_share : 0},
                    {"incident_share", config.demand.incident ? config.demand.incident_share : 0}}},
      {"queue",
       json::object{{"capacity_fixes_per_second", config.queue.capacity_fixes_per_second},
                    {"imbalance", config.queue.imbalance},
                    {"base_latency_ms", config.queue.base_latency_ms},
                    {"limit_ms", config.queue.limit_ms},
                    {"wait_max_s", config.queue.wait_max_s},
                    {"start_s", json::array{config.queue.start_min_s, config.queue.start_max_s}},
                    {"handover_s", json::array{config.queue.handover_min_s, config.queue.handover_max_s}}}},
      {"scaling",
       json::object{{"target_share", config.scaling.target_share},
                    {"coverage", config.scaling.coverage},
                    {"cool_down_min", config.scaling.cool_down.count()},
                    {"hysteresis", config.scaling.hysteresis}}},
      {"rules", std::move(table)},
      {"curve", std::move(curve)}};
  return PrettyJson(document);
}

std::string ScalingTable(const ScalingStudy& study, const LoadAnchor& anchor) {
  const ScalingStudyConfig& config = study.config;
  char line[200];
  std::string text;
  const auto add = [&](const auto&... arguments) {
    std::snprintf(line, sizeof line, arguments...);
    text += line;
  };
  add("a week, %u seeds from %llu on; %.0f vehicles at the busiest hour, %.3f fixes/s each (%s)\n", config.seeds,
      static_cast<unsigned long long>(config.seed), config.demand.peak_vehicles, config.demand.fixes_per_vehicle_s,
      anchor.measured ? "measured" : "given");
  add("shards of %.0f fixes/s, started in %.0f to %.0f s; over the limit: p99 above %.0f ms\n\n",
      config.queue.capacity_fixes_per_second, config.queue.start_min_s, config.queue.start_max_s,
      config.queue.limit_ms);
  add("%-28s %16s %14s %14s %18s %14s\n", "", "s over limit", "of overload", "shed, 1e-6", "shard-hours", "changes");
  for (const RuleResult& rule : study.rules) {
    if (rule.of_curve) continue;
    RuleResult in_millionths = rule;
    for (WeekUnderRule& week : in_millionths.weeks) week.shed_share *= 1e6;
    add("%-28s ", rule.title.c_str());
    text += Cell(rule, &WeekUnderRule::over_limit_s, 0, 16) + " " + Cell(rule, &WeekUnderRule::overload_s, 0, 14) + " " +
            Cell(in_millionths, &WeekUnderRule::shed_share, 0, 14) + " " +
            Cell(rule, &WeekUnderRule::shard_hours, 1, 18) + " " + Cell(rule, &WeekUnderRule::changes, 0, 14) + "\n";
  }
  for (const RuleResult& rule : study.rules) {
    if (rule.of_curve || rule.name != "predictive") continue;
    add("\nforecast ten minutes ahead: off by %.2f %% (mean); %.1f %% of minutes within an interval of %.0f %%\n",
        100 * Mean(rule, &WeekUnderRule::forecast_error).mean, 100 * Mean(rule, &WeekUnderRule::within).mean,
        100 * config.scaling.coverage);
  }
  text += "\nby target share of a shard's capacity:      s over limit, shard-hours\n";
  for (const char* name : {"reactive", "predictive", "both"}) {
    add("  %-12s", name);
    for (const RuleResult& rule : study.rules) {
      if (!rule.of_curve || rule.name != name) continue;
      add("  %.2f: %6.0f, %6.1f", rule.target, Mean(rule, &WeekUnderRule::over_limit_s).mean,
          Mean(rule, &WeekUnderRule::shard_hours).mean);
    }
    text += "\n";
  }
  text += "+-: Student's interval of the mean over the seeds, 95 %\n";
  return text;
}

}  // namespace starling::sim
