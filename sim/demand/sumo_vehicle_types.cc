#include "sim/demand/sumo_vehicle_types.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <system_error>
#include <utility>

#include "cloud/streets/sumo_words.h"

namespace starling::sim {
namespace {

using cloud::Quoted;
using cloud::XmlText;

constexpr double kMetresMax = 1'000;
constexpr double kSpeedMaxMps = 1'000;
constexpr double kAccelMaxMps2 = 1'000;
constexpr double kSecondsMax = 1'000;
constexpr double kWeightMax = 1e9;
constexpr double kFactorMax = 100;
// A factor of SUMO's is bounded by these unless it says otherwise.
constexpr double kFactorLow = 0.2;
constexpr double kFactorHigh = 2;

// What a vehicle is if its type does not say.
struct ClassDefaults {
  std::string_view word;
  double length_m, width_m, gap_min_m, speed_max_kmh, accel_mps2, decel_mps2, emergency_decel_mps2, sigma,
      speed_deviation;
};

// Source: https://sumo.dlr.de/docs/Vehicle_Type_Parameter_Defaults.html; the figures are those
// that SUMO 1.15 answers with when it is asked for a type of each class.
constexpr ClassDefaults kDefaults[] = {
    {"passenger", 5, 1.8, 2.5, 200, 2.6, 4.5, 9, 0.5, 0.1},  // In front: also for those that are not listed.
    {"ignoring", 5, 1.8, 2.5, 200, 2.6, 4.5, 9, 0.5, 0},
    {"private", 5, 1.8, 2.5, 200, 2.6, 4.5, 9, 0.5, 0.1},
    {"emergency", 6.5, 2.16, 2.5, 200, 2.6, 4.5, 9, 0.5, 0},
    {"authority", 5, 1.8, 2.5, 200, 2.6, 4.5, 9, 0.5, 0},
    {"army", 5, 1.8, 2.5, 200, 2.6, 4.5, 9, 0.5, 0},
    {"vip", 5, 1.8, 2.5, 200, 2.6, 4.5, 9, 0.5, 0.1},
    {"pedestrian", 0.215, 0.478, 0.25, 37.58, 1.5, 2, 5, 0.5, 0.1},
    {"hov", 5, 1.8, 2.5, 200, 2.6, 4.5, 9, 0.5, 0.1},
    {"taxi", 5, 1.8, 2.5, 200, 2.6, 4.5, 9, 0.5, 0.05},
    {"bus", 12, 2.5, 2.5, 100, 1.2, 4, 7, 0.5, 0},
    {"coach", 14, 2.6, 2.5, 100, 2, 4, 7, 0.5, 0.05},
    {"delivery", 6.5, 2.16, 2.5, 200, 2.6, 4.5, 9, 0.5, 0.05},
    {"truck", 7.1, 2.4, 2.5, 130, 1.3, 4, 7, 0.5, 0.05},
    {"trailer", 16.5, 2.55, 2.5, 130, 1.1, 4, 7, 0.5, 0.05},
    {"motorcycle", 2.2, 0.9, 2.5, 200, 6, 10, 10, 0.5, 0.1},
    {"moped", 2.1, 0.78, 2.5, 60, 1.1, 7, 10, 0.5, 0.1},
    {"bicycle", 1.6, 0.65, 0.5, 50, 1.2, 3, 7, 0.5, 0.1},
    {"evehicle", 5, 1.8, 2.5, 200, 2.6, 4.5, 9, 0.5, 0.1},
    {"tram", 22, 2.4, 2.5, 80, 1, 3, 7, 0, 0},
    {"rail_urban", 109.5, 3, 5, 100, 1, 3, 7, 0, 0},
    {"rail", 135, 2.84, 5, 160, 0.25, 1.3, 5, 0, 0},
    {"rail_electric", 200, 2.95, 5, 220, 0.5, 1.3, 5, 0, 0},
    {"rail_fast", 200, 2.95, 5, 330, 0.5, 1.3, 5, 0, 0},
    {"ship", 17, 4, 2.5, 14.85, 0.1, 0.15, 1, 0, 0.1},
    {"custom1", 5, 1.8, 2.5, 200, 2.6, 4.5, 9, 0.5, 0.1},
    {"custom2", 5, 1.8, 2.5, 200, 2.6, 4.5, 9, 0.5, 0.1},
};

// Types that SUMO has without a file.
constexpr std::pair<std::string_view, std::string_view> kOwnTypes[] = {
    {"DEFAULT_VEHTYPE", "passenger"},
    {"DEFAULT_TAXITYPE", "taxi"},
    {"DEFAULT_BIKETYPE", "bicycle"},
    {"DEFAULT_RAILTYPE", "rail"},
};

const ClassDefaults* DefaultsOf(std::string_view word) {
  const auto* found = std::find_if(std::begin(kDefaults), std::end(kDefaults),
                                   [word](const ClassDefaults& one) { return one.word == word; });
  return found == std::end(kDefaults) ? nullptr : found;
}

// "ignoring" is nobody of whom lanes know, and goes everywhere.
cloud::VehicleClasses ClassesFor(std::string_view word, bool* known) {
  if (word == "ignoring") return cloud::kAllClasses;
  std::vector<std::string_view> unknown;
  const cloud::VehicleClasses classes = cloud::AllowedClasses(word, "", &unknown);
  *known = unknown.empty() && word != "all" && cloud::Words(word).size() == 1;
  return classes;
}

VehicleType TypeOf(std::string_view word, cloud::VehicleClasses classes, const ClassDefaults& defaults) {
  VehicleType type;
  type.class_word = word;
  type.classes = classes;
  type.length_m = defaults.length_m;
  type.width_m = defaults.width_m;
  type.gap_min_m = defaults.gap_min_m;
  type.speed_max_mps = defaults.speed_max_kmh / 3.6;
  type.accel_mps2 = defaults.accel_mps2;
  type.decel_mps2 = defaults.decel_mps2;
  type.emergency_decel_mps2 = defaults.emergency_decel_mps2;
  type.sigma = defaults.sigma;
  type.tau_s = 1;
  type.speed_factor = {1, defaults.speed_deviation, kFactorLow, kFactorHigh};
  type.car_following = "Krauss";
  return type;
}

std::optional<double> NumberFrom(std::string_view text, double high) {
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || !(value >= 0 && value <= high)) {
    return std::nullopt;
  }
  return value;
}

// "normc(mean,deviation,low,high)", "norm(mean,deviation)" or a number.
bool ParseFactor(std::string_view text, SpeedFactor* factor) {
  if (const std::optional<double> mean = NumberFrom(text, kFactorMax)) {
    factor->mean = *mean;
    // The bounds are those of drivers who deviate.
    factor->low = std::min(factor->low, *mean);
    factor->high = std::max(factor->high, *mean);
    return true;
  }
  const bool bounded = text.starts_with("normc(");
  if ((!bounded && !text.starts_with("norm(")) || !text.ends_with(')')) return false;
  text.remove_prefix(text.find('(') + 1);
  text.remove_suffix(1);
  std::vector<double> numbers;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    std::string_view piece = text.substr(at, end - at);
    while (piece.starts_with(' ')) piece.remove_prefix(1);
    const std::optional<double> number = NumberFrom(piece, kFactorMax);
    if (!number || numbers.size() == 4) return false;
    numbers.push_back(*number);
    at = end + 1;
  }
  if (numbers.size() != (bounded ? 4u : 2u)) return false;
  *factor = {numbers[0], numbers[1], bounded ? numbers[2] : 0, bounded ? numbers[3] : kFactorMax};
  return factor->low <= factor->high;
}

}  // namespace

std::vector<double> Weights(XmlText* xml, pugi::xml_node node, const char* attribute, std::size_t count) {
  std::vector<double> weights;
  for (const std::string_view word : cloud::Words(node.attribute(attribute).value())) {
    const std::optional<double> weight = NumberFrom(word, kWeightMax);
    if (!weight) break;
    weights.push_back(*weight);
  }
  if (weights.size() != count || cloud::Words(node.attribute(attribute).value()).size() != count) {
    xml->Fail(node, std::to_string(count) + " numbers from 0 to 1e+09 as " + attribute + " of <" + node.name() +
                        ">, not " + Quoted(node.attribute(attribute).value()));
    weights.assign(count, 1);
  }
  return weights;
}

void FinishMix(XmlText* xml, pugi::xml_node node, Mix* mix) {
  double sum = 0;
  for (double& weight : mix->up_to) weight = sum += weight;
  if (sum > 0) return;
  xml->Fail(node, std::string("members of <") + node.name() + " id=" + Quoted(mix->id) +
                      "> with probabilities that are more than 0 together");
}

void SumoVehicleTypes::ReadType(XmlText* xml, pugi::xml_node node) {
  // What it looks like and what comes out of its exhaust changes nothing on the road.
  xml->SkipAttributes(node, {"id", "vClass", "length", "width", "minGap", "accel", "decel", "emergencyDecel", "tau",
                             "sigma", "maxSpeed", "speedFactor", "speedDev", "probability", "carFollowModel",
                             "guiShape", "color", "imgFile", "osgFile", "emissionClass"});
  xml->SkipElements(node, {});
  const pugi::xml_attribute given = node.attribute("vClass");
  const std::string_view word = given ? given.value() : "passenger";
  bool known = true;
  const cloud::VehicleClasses classes = ClassesFor(word, &known);
  if (!known) return xml->Fail(node, "a vehicle class of SUMO's as vClass of <vType>, not " + Quoted(word));
  const ClassDefaults* defaults = DefaultsOf(word);
  if (defaults == nullptr) xml->Skip("defaults of vehicle class " + Quoted(word) + ", taken from passenger's");
  VehicleType type = TypeOf(word, classes, defaults != nullptr ? *defaults : kDefaults[0]);
  type.id = xml->Text(node, "id");
  type.length_m = xml->Number(node, "length", 0.1, kMetresMax, type.length_m);
  type.width_m = xml->Number(node, "width", 0.1, kMetresMax, type.width_m);
  type.gap_min_m = xml->Number(node, "minGap", 0, kMetresMax, type.gap_min_m);
  type.speed_max_mps = xml->Number(node, "maxSpeed", 0.01, kSpeedMaxMps, type.speed_max_mps);
  type.accel_mps2 = xml->Number(node, "accel", 0.01, kAccelMaxMps2, type.accel_mps2);
  type.decel_mps2 = xml->Number(node, "decel", 0.01, kAccelMaxMps2, type.decel_mps2);
  // Source: SUMO 1.15, SUMOVTypeParameter::getDefaultEmergencyDecel.
  type.emergency_decel_mps2 = xml->Number(node, "emergencyDecel", 0.01, kAccelMaxMps2,
                                          std::max(type.emergency_decel_mps2, type.decel_mps2));
  type.sigma = xml->Number(node, "sigma", 0, 1, type.sigma);
  type.tau_s = xml->Number(node, "tau", 0, kSecondsMax, type.tau_s);
  type.weight = xml->Number(node, "probability", 0, kWeightMax, 1);
  if (const std::string_view factor = node.attribute("speedFactor").value();
      node.attribute("speedFactor") && !ParseFactor(factor, &type.speed_factor)) {
    xml->Fail(node, "a number, norm(mean,deviation) or normc(mean,deviation,low,high), from 0 to 100, as speedFactor "
                    "of <vType>, not " + Quoted(factor));
  }
  type.speed_factor.deviation = xml->Number(node, "speedDev", 0, kFactorMax, type.speed_factor.deviation);
  if (const pugi::xml_attribute model = node.attribute("carFollowModel")) type.car_following = model.value();
  const Choice choice{static_cast<TypeIndex>(demand_->types.size()), /*mixed=*/false};
  if (!by_id_.emplace(type.id, choice).second) {
    return xml->Fail(node, "another id than " + Quoted(type.id) + ", which a vehicle type has already");
  }
  demand_->types.push_back(std::move(type));
}

void SumoVehicleTypes::ReadMix(XmlText* xml, pugi::xml_node node) {
  xml->SkipAttributes(node, {"id", "vTypes", "probabilities"});
  xml->SkipElements(node, {"vType"});
  Mix mix;
  mix.id = xml->Text(node, "id");
  const auto add = [&](std::string_view id) {
    const std::optional<Choice> type = Find(id);
    if (!type || type->mixed) return xml->Fail(node, "a <vType> that the files have in vTypes, not " + Quoted(id));
    mix.of.push_back(type->index);
    mix.up_to.push_back(demand_->types[type->index].weight);
  };
  for (const std::string_view id : cloud::Words(node.attribute("vTypes").value())) {
    if (!xml->failed()) add(id);
  }
  if (node.attribute("probabilities")) mix.up_to = Weights(xml, node, "probabilities", mix.of.size());
  for (const pugi::xml_node type : node.children("vType")) {
    if (!xml->failed()) add(type.attribute("id").value());
  }
  FinishMix(xml, node, &mix);
  const Choice choice{static_cast<std::uint32_t>(demand_->type_mixes.size()), /*mixed=*/true};
  if (!by_id_.emplace(mix.id, choice).second) {
    return xml->Fail(node, "another id than " + Quoted(mix.id) + ", which a vehicle type has already");
  }
  demand_->type_mixes.push_back(std::move(mix));
}

std::optional<Choice> SumoVehicleTypes::Find(std::string_view id) {
  if (const auto found = by_id_.find(std::string(id)); found != by_id_.end()) return found->second;
  for (const auto& [own, word] : kOwnTypes) {
    if (id != own) continue;
    bool known = true;
    VehicleType type = TypeOf(word, ClassesFor(word, &known), *DefaultsOf(word));
    type.id = id;
    const Choice choice{static_cast<TypeIndex>(demand_->types.size()), /*mixed=*/false};
    demand_->types.push_back(std::move(type));
    by_id_.emplace(id, choice);
    return choice;
  }
  return std::nullopt;
}

}  // namespace starling::sim
