#include "cloud/streets/sumo_words.h"

#include <cstddef>
#include <cstdint>

#include "cloud/streets/xml_text.h"

namespace starling::cloud {
namespace {

template <typename T>
struct Word {
  std::string_view word;
  T meaning;
};

constexpr Word<EdgeFunction> kFunctions[] = {
    {"", EdgeFunction::kNormal},
    {"normal", EdgeFunction::kNormal},
    {"internal", EdgeFunction::kInternal},
    {"crossing", EdgeFunction::kCrossing},
    {"walkingarea", EdgeFunction::kWalkingArea},
    {"connector", EdgeFunction::kConnector},
};

// The first word for a kind is the one that is shown.
constexpr Word<JunctionKind> kJunctionKinds[] = {
    {"priority", JunctionKind::kPriority},
    {"traffic_light", JunctionKind::kTrafficLight},
    {"traffic_light_unregulated", JunctionKind::kTrafficLight},
    {"traffic_light_right_on_red", JunctionKind::kTrafficLight},
    {"right_before_left", JunctionKind::kRightBeforeLeft},
    {"left_before_right", JunctionKind::kLeftBeforeRight},
    {"priority_stop", JunctionKind::kStop},
    {"allway_stop", JunctionKind::kAllwayStop},
    {"zipper", JunctionKind::kZipper},
    {"unregulated", JunctionKind::kUnregulated},
    {"dead_end", JunctionKind::kDeadEnd},
    {"internal", JunctionKind::kInternal},
};

constexpr Word<Turn> kTurns[] = {
    {"s", Turn::kStraight},  {"l", Turn::kLeft},        {"r", Turn::kRight},      {"L", Turn::kPartLeft},
    {"R", Turn::kPartRight}, {"t", Turn::kTurnAround},  {"T", Turn::kTurnAround}, {"invalid", Turn::kNowhere},
};

constexpr Word<RightOfWay> kRights[] = {
    {"M", RightOfWay::kMajor},  {"m", RightOfWay::kMinor},      {"=", RightOfWay::kEqual},
    {"s", RightOfWay::kStop},   {"w", RightOfWay::kAllwayStop}, {"Z", RightOfWay::kZipper},
    {"o", RightOfWay::kSignal}, {"O", RightOfWay::kSignal},     {"-", RightOfWay::kDeadEnd},
};

// Each of SUMO's classes, and which of ours it counts as.
constexpr Word<VehicleClass> kClasses[] = {
    {"passenger", kPassenger},   {"taxi", kTaxi},           {"bus", kBus},
    {"truck", kTruck},           {"delivery", kDelivery},   {"emergency", kEmergency},
    {"motorcycle", kMotorcycle}, {"bicycle", kBicycle},     {"pedestrian", kPedestrian},
    {"tram", kRail},             {"rail_urban", kRail},     {"rail", kRail},
    {"rail_electric", kRail},    {"rail_fast", kRail},      {"subway", kRail},
    {"cable_car", kRail},        {"private", kOtherClass},  {"authority", kOtherClass},
    {"army", kOtherClass},       {"vip", kOtherClass},      {"hov", kOtherClass},
    {"coach", kOtherClass},      {"trailer", kOtherClass},  {"moped", kOtherClass},
    {"evehicle", kOtherClass},   {"ship", kOtherClass},     {"container", kOtherClass},
    {"aircraft", kOtherClass},   {"wheelchair", kOtherClass}, {"scooter", kOtherClass},
    {"drone", kOtherClass},      {"custom1", kOtherClass},  {"custom2", kOtherClass},
};
using ClassBits = std::uint64_t;  // bit i: kClasses[i]
constexpr ClassBits kAllBits = (ClassBits{1} << std::size(kClasses)) - 1;
static_assert(std::size(kClasses) < 64);

template <typename T, std::size_t N>
std::optional<T> MeaningOf(const Word<T> (&words)[N], std::string_view word) {
  for (const Word<T>& entry : words) {
    if (entry.word == word) return entry.meaning;
  }
  return std::nullopt;
}

ClassBits BitsOf(std::string_view names, std::vector<std::string_view>* unknown) {
  ClassBits bits = 0;
  for (const std::string_view name : Words(names)) {
    if (name == "all") return kAllBits;
    std::size_t i = 0;
    while (i < std::size(kClasses) && kClasses[i].word != name) ++i;
    if (i < std::size(kClasses)) {
      bits |= ClassBits{1} << i;
    } else if (name != "ignoring") {  // Nobody, in old networks.
      unknown->push_back(name);
    }
  }
  return bits;
}

}  // namespace

std::optional<EdgeFunction> EdgeFunctionOf(std::string_view word) { return MeaningOf(kFunctions, word); }
std::optional<JunctionKind> JunctionKindOf(std::string_view word) { return MeaningOf(kJunctionKinds, word); }
std::optional<Turn> TurnOf(std::string_view word) { return MeaningOf(kTurns, word); }
std::optional<RightOfWay> RightOfWayOf(std::string_view word) { return MeaningOf(kRights, word); }

std::string_view WordFor(JunctionKind kind) {
  for (const auto& entry : kJunctionKinds) {
    if (entry.meaning == kind) return entry.word;
  }
  return "other";
}

VehicleClasses AllowedClasses(std::string_view allow, std::string_view disallow,
                              std::vector<std::string_view>* unknown) {
  const ClassBits bits = !allow.empty() ? BitsOf(allow, unknown) : kAllBits & ~BitsOf(disallow, unknown);
  VehicleClasses classes = 0;
  for (std::size_t i = 0; i < std::size(kClasses); ++i) {
    if ((bits >> i & 1) != 0) classes = static_cast<VehicleClasses>(classes | kClasses[i].meaning);
  }
  return classes;
}

}  // namespace starling::cloud
