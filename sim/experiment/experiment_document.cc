#include "sim/experiment/experiment_document.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <utility>

#include "sim/experiment/number_text.h"
#include "sim/fleet/pretty_json.h"

namespace starling::sim {
namespace {

namespace json = boost::json;

template <typename Value>
json::array ListOf(const std::vector<Value>& values) {
  json::array list;
  for (const Value& value : values) list.emplace_back(value);
  return list;
}

json::array Describe(double low, double high) { return {NineDigits(low), NineDigits(high)}; }

const char* NameOf(Better better) {
  switch (better) {
    case Better::kLower: return "lower";
    case Better::kHigher: return "higher";
    case Better::kNeither: break;
  }
  return "neither";
}

const char* NameOf(Finding finding) {
  switch (finding) {
    case Finding::kLower: return "lower";
    case Finding::kHigher: return "higher";
    case Finding::kNoDifference: break;
  }
  return "not_shown";
}

json::value OrNull(const std::optional<double>& value) {
  return value ? json::value(NineDigits(*value)) : json::value(nullptr);
}

json::object Describe(const Figure& figure, const PairedDifference& difference) {
  const std::optional<Interval>& percent = difference.percent_interval;
  return {{"name", figure.name},
          {"unit", figure.unit},
          {"better", NameOf(figure.better)},
          {"counted", figure.counted},
          {"mean_without", NineDigits(difference.mean_without)},
          {"mean_with", NineDigits(difference.mean_with)},
          {"difference", NineDigits(difference.difference)},
          {"standard_error", NineDigits(difference.standard_error)},
          {"interval", Describe(difference.interval.low, difference.interval.high)},
          {"bootstrap", Describe(difference.bootstrap.low, difference.bootstrap.high)},
          {"bootstrap_kind", difference.bootstrap.corrected ? "bca" : "percentile"},
          {"sign_flips_p", NineDigits(difference.sign_flips.p)},
          {"sign_flips_exact", difference.sign_flips.exact},
          {"percent", OrNull(difference.percent)},
          {"percent_interval", percent ? json::value(Describe(percent->low, percent->high)) : json::value(nullptr)},
          {"finding", NameOf(difference.finding)},
          {"judgement", Judgement(figure, difference)},
          {"disputed", difference.disputed},
          {"without", ListOf(figure.without)},
          {"with", ListOf(figure.with)}};
}

json::object Describe(const std::vector<EncounterPlace>& places) {
  json::array collisions;
  json::array near_misses;
  for (const EncounterPlace& place : places) {
    json::array& list = place.kind == EncounterKind::kCollision ? collisions : near_misses;
    list.push_back(Describe(place.place.x, place.place.y));
  }
  return {{"collisions", std::move(collisions)}, {"near_misses", std::move(near_misses)}};
}

json::value Describe(const SpeedSeries& speed) {
  if (speed.without.empty()) return nullptr;
  const auto all = [](const std::vector<std::vector<double>>& seeds) {
    json::array list;
    for (const std::vector<double>& series : seeds) list.push_back(ListOf(series));
    return list;
  };
  return json::object{{"begin_s", speed.begin_s},
                      {"step_s", speed.step_s},
                      {"without_mps", all(speed.without)},
                      {"with_mps", all(speed.with)}};
}

}  // namespace

std::string ExperimentDocument(const Experiment& experiment) {
  const ExperimentResult& result = experiment.result;
  json::array figures;
  for (std::size_t i = 0; i < result.figures.size(); ++i) {
    figures.push_back(Describe(result.figures[i], experiment.differences[i]));
  }
  const json::object document = {
      {"scenario", result.scenario},
      {"description", result.description},
      {"version", result.version},
      {"command_line", result.command_line},
      {"config", ListOf(result.config)},
      {"seeds", ListOf(result.seeds)},
      {"confidence", experiment.config.confidence},
      {"resampling_seed", experiment.config.seed},
      {"bootstrap_resamples", experiment.config.resamples},
      {"sign_draws", experiment.config.sign_draws},
      {"figures", std::move(figures)},
      {"places", {{"without_m", Describe(result.places_without)}, {"with_m", Describe(result.places_with)}}},
      {"mean_speed", Describe(result.speed)},
      {"not_for", ListOf(result.not_for)}};
  return PrettyJson(document);
}

}  // namespace starling::sim
