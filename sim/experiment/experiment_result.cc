#include "sim/experiment/experiment_result.h"

#include <cmath>
#include <set>
#include <string_view>
#include <utility>

#include "sim/experiment/number_text.h"

namespace starling::sim {
namespace {

Status Refuse(std::string message) { return Status(ErrorCode::kInvalidArgument, std::move(message)); }

bool Finite(Vec2 point) { return std::isfinite(point.x) && std::isfinite(point.y); }

Status ValidateFigure(const Figure& figure, std::size_t seeds) {
  const auto refuse = [&](const std::string& what) { return Refuse("figure \"" + figure.name + "\": " + what); };
  for (const auto& [values, side] : {std::pair(&figure.without, "without"), std::pair(&figure.with, "with")}) {
    if (values->size() != seeds) {
      return refuse("expected " + std::to_string(seeds) + " values " + side + ", one for each seed, not " +
                    std::to_string(values->size()));
    }
    for (std::size_t i = 0; i < seeds; ++i) {
      if (!std::isfinite((*values)[i])) {
        return refuse("expected a finite number " + std::string(side) + " for seed number " + std::to_string(i + 1));
      }
    }
  }
  return Status();
}

Status ValidateSpeed(const SpeedSeries& speed, std::size_t seeds) {
  if (speed.without.empty() && speed.with.empty()) return Status();
  if (!std::isfinite(speed.begin_s) || !(speed.step_s > 0) || !std::isfinite(speed.step_s)) {
    return Refuse("mean speed: expected a finite beginning and a positive step");
  }
  for (const auto* side : {&speed.without, &speed.with}) {
    if (side->size() != seeds) {
      return Refuse("mean speed: expected " + std::to_string(seeds) + " series, one for each seed, not " +
                    std::to_string(side->size()));
    }
    for (const std::vector<double>& series : *side) {
      if (series.size() != speed.without[0].size()) {
        return Refuse("mean speed: expected as many values for each seed, not " + std::to_string(series.size()) +
                      " and " + std::to_string(speed.without[0].size()));
      }
      for (const double value : series) {
        if (!std::isfinite(value)) return Refuse("mean speed: expected finite numbers");
      }
    }
  }
  if (speed.without[0].size() < 2) return Refuse("mean speed: expected two values or more");
  return Status();
}

Status ValidatePlaces(const ExperimentResult& result) {
  const Vec2 size = result.city.high - result.city.low;
  const bool drawn = !result.city.lanes.empty() || !result.places_without.empty() || !result.places_with.empty();
  if (!drawn) return Status();
  if (!Finite(result.city.low) || !Finite(size) || !(size.x > 0 && size.y > 0)) {
    return Refuse("the city's bounds: expected finite ones with low below high");
  }
  const Vec2 low = result.city.low - size;
  const Vec2 high = result.city.high + size;
  const auto near = [&](Vec2 point) {
    return point.x >= low.x && point.x <= high.x && point.y >= low.y && point.y <= high.y;
  };
  for (const auto* places : {&result.places_without, &result.places_with}) {
    for (const EncounterPlace& place : *places) {
      if (!near(place.place)) {
        return Refuse("a collision or near miss at " + std::to_string(place.place.x) + ", " +
                      std::to_string(place.place.y) + " m: expected it in the city");
      }
    }
  }
  for (const std::vector<Vec2>& lane : result.city.lanes) {
    for (const Vec2 point : lane) {
      if (!near(point)) {
        return Refuse("a lane at " + std::to_string(point.x) + ", " + std::to_string(point.y) +
                      " m: expected it in the city");
      }
    }
  }
  return Status();
}

void Clean(std::string* text) { *text = CleanText(*text); }

// What is shown to people and parsers comes from file names, command lines and other strangers.
void CleanTexts(ExperimentResult* result) {
  for (std::string* text : {&result->scenario, &result->description, &result->command_line, &result->version})
    Clean(text);
  for (std::string& line : result->config) Clean(&line);
  for (std::string& line : result->not_for) Clean(&line);
  for (Figure& figure : result->figures) {
    Clean(&figure.name);
    Clean(&figure.unit);
  }
}

}  // namespace

Status ExperimentResult::Validate() const {
  if (seeds.size() < 2) return Refuse(std::to_string(seeds.size()) + " seeds: expected 2 or more");
  std::set<std::uint64_t> seen;
  for (const std::uint64_t seed : seeds) {
    if (!seen.insert(seed).second) return Refuse("seed " + std::to_string(seed) + " twice: expected different ones");
  }
  if (figures.empty()) return Refuse("no figures: expected one or more");
  std::set<std::string_view> names;
  for (const Figure& figure : figures) {
    if (figure.name.empty()) return Refuse("a figure without a name");
    if (!names.insert(figure.name).second)
      return Refuse("figure \"" + figure.name + "\" twice: expected different ones");
    if (Status valid = ValidateFigure(figure, seeds.size()); !valid.ok()) return valid;
  }
  if (Status valid = ValidateSpeed(speed, seeds.size()); !valid.ok()) return valid;
  return ValidatePlaces(*this);
}

Result<Experiment> Evaluate(ExperimentResult result, const PairedConfig& config) {
  CleanTexts(&result);
  if (Status valid = result.Validate(); !valid.ok()) return valid;
  Experiment experiment = {.result = std::move(result), .config = config, .differences = {}};
  for (const Figure& figure : experiment.result.figures) {
    Result<PairedDifference> difference = ComparePaired(figure.without, figure.with, config);
    if (!difference.ok()) {
      return Status(difference.status().code(),
                    "figure \"" + figure.name + "\": " + std::string(difference.status().message()));
    }
    experiment.differences.push_back(difference.value());
  }
  return experiment;
}

const char* Judgement(const Figure& figure, const PairedDifference& difference) {
  if (difference.finding == Finding::kNoDifference || figure.better == Better::kNeither) return "";
  return (difference.finding == Finding::kLower) == (figure.better == Better::kLower) ? "better" : "worse";
}

const char* FindingName(const Figure& figure, const PairedDifference& difference) {
  switch (difference.finding) {
    case Finding::kLower: return figure.counted ? "fewer" : "lower";
    case Finding::kHigher: return figure.counted ? "more" : "higher";
    case Finding::kNoDifference: break;
  }
  return "no difference shown";
}

std::string FindingText(const Figure& figure, const PairedDifference& difference) {
  std::string text = FindingName(figure, difference);
  if (const std::string judgement = Judgement(figure, difference); !judgement.empty())
    text.append(": ").append(judgement);
  if (difference.disputed) text += " *";
  return text;
}

std::string NameWithUnit(const Figure& figure) {
  return figure.unit.empty() ? figure.name : figure.name + ", " + figure.unit;
}

}  // namespace starling::sim
