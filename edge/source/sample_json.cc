#include "edge/source/sample_json.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <utility>

#include "common/check.h"
#include "common/geo/trigonometry.h"
#include "common/telemetry/fix_codec.h"
#include "edge/source/json_cursor.h"

namespace starling::edge {
namespace {

// In the order of their values.
constexpr std::array<std::string_view, 6> kIntentNames = {
    "unknown", "idle", "to_pickup", "with_passenger", "rerouting", "charging"};
static_assert(kIntentNames.size() == static_cast<std::size_t>(wire::Intent::MAX) + 1);

// The numbers of a line, in the order of the format page.
enum Key : unsigned {
  kBootTime, kLat, kLon, kHeading, kSpeed, kAccel, kYawRate, kAccuracy, kIntent, kPath, kKeyCount
};
constexpr std::array<std::string_view, kKeyCount> kKeyNames = {
    "boot_time_ns", "lat_deg",      "lon_deg",    "heading_deg", "speed_mps",
    "accel_mps2",   "yaw_rate_dps", "accuracy_m", "intent",      "path"};
constexpr std::array<Key, 4> kRequired = {kLat, kLon, kHeading, kSpeed};

struct Range {
  double min;
  double max;
};
// Where there is a number; speed, acceleration and yaw rate as the wire has them.
constexpr Range RangeOf(Key key) {
  switch (key) {
    case kLat: return {-85, 85};
    case kLon: return {-180, 180};
    case kHeading: return {-360, 360};
    case kSpeed: return {-kSpeedMaxMps, kSpeedMaxMps};
    case kAccel: return {-kAccelMaxMps2, kAccelMaxMps2};
    case kYawRate: return {-183, 183};  // just under kYawRateMaxRadps
    default: return {0, 1e6};
  }
}
static_assert(183 * kDegree < kYawRateMaxRadps);

Status Refuse(const std::string& why) { return Status(ErrorCode::kInvalidArgument, why); }

// At most so much of a line's own text is repeated in a refusal.
std::string Quoted(std::string_view text) {
  std::string quoted(1, '"');
  quoted += text.substr(0, 32);
  quoted += '"';
  return quoted;
}

Result<double> NumberIn(Range range, JsonCursor* cursor) {
  Result<double> number = cursor->Number();
  if (!number.ok()) return number;
  if (number.value() >= range.min && number.value() <= range.max) return number;
  std::array<char, 96> why{};
  std::snprintf(why.data(), why.size(), "%g is not within %g and %g", number.value(), range.min,
                range.max);
  return Refuse(why.data());
}

Status ParseArc(JsonCursor* cursor, PathArc* arc) {
  bool has_length = false;
  bool has_curvature = false;
  if (Status status = cursor->Expect('{'); !status.ok()) return status;
  do {
    const Result<std::string_view> name = cursor->String();
    if (!name.ok()) return name.status();
    if (Status status = cursor->Expect(':'); !status.ok()) return status;
    const bool is_length = name.value() == "length_m";
    if (!is_length && name.value() != "curvature_per_m") {
      return Refuse("unknown key " + Quoted(name.value()) + " in path");
    }
    if (std::exchange(is_length ? has_length : has_curvature, true)) {
      return Refuse(Quoted(name.value()) + " is there twice in path");
    }
    const Range range = is_length ? Range{0, kPathLengthMaxM}
                                  : Range{-kCurvatureMaxPerM, kCurvatureMaxPerM};
    const Result<double> number = NumberIn(range, cursor);
    if (!number.ok()) {
      return Refuse(std::string(name.value()) + ": " + std::string(number.status().message()));
    }
    (is_length ? arc->length_m : arc->curvature_per_m) = number.value();
  } while (cursor->Take(','));
  if (Status status = cursor->Expect('}'); !status.ok()) return status;
  if (!has_length || !has_curvature) return Refuse("path needs length_m and curvature_per_m");
  return Status();
}

Status ParsePath(JsonCursor* cursor, PlannedPath* path) {
  if (Status status = cursor->Expect('['); !status.ok()) return status;
  if (cursor->Take(']')) return Status();
  do {
    if (path->size() == PlannedPath::kArcsMax) {
      return Refuse("path has more than " + std::to_string(PlannedPath::kArcsMax) + " arcs");
    }
    PathArc arc;
    if (Status status = ParseArc(cursor, &arc); !status.ok()) return status;
    path->Append(arc);
  } while (cursor->Take(','));
  return cursor->Expect(']');
}

Status ParseIntent(JsonCursor* cursor, wire::Intent* intent) {
  const Result<std::string_view> name = cursor->String();
  if (!name.ok()) return name.status();
  for (std::size_t i = 0; i < kIntentNames.size(); ++i) {
    if (name.value() == kIntentNames[i]) return *intent = static_cast<wire::Intent>(i), Status();
  }
  return Refuse("unknown intent " + Quoted(name.value()));
}

Status ParseTime(JsonCursor* cursor, BootTime* time) {
  const Result<std::uint64_t> ns = cursor->Integer();
  if (!ns.ok()) return ns.status();
  if (ns.value() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return Refuse("boot_time_ns does not fit 63 bits");
  }
  *time = BootTimeFromNs(ns.value());
  return Status();
}

Status ParseValue(Key key, JsonCursor* cursor, Sample* sample) {
  if (key == kBootTime) return ParseTime(cursor, &sample->time);
  if (key == kIntent) return ParseIntent(cursor, &sample->intent);
  if (key == kPath) return ParsePath(cursor, &sample->path);
  const Result<double> number = NumberIn(RangeOf(key), cursor);
  if (!number.ok()) return number.status();
  switch (key) {
    case kLat: sample->position.lat_deg = number.value(); break;
    case kLon: sample->position.lon_deg = number.value(); break;
    case kHeading: sample->heading_rad = number.value() * kDegree; break;
    case kSpeed: sample->speed_mps = number.value(); break;
    case kAccel: sample->accel_mps2 = number.value(); break;
    case kYawRate: sample->yaw_rate_radps = number.value() * kDegree; break;
    default: sample->accuracy_m = number.value(); break;
  }
  return Status();
}

Key KeyOf(std::string_view name) {
  unsigned key = 0;
  while (key < kKeyCount && kKeyNames[key] != name) ++key;
  return static_cast<Key>(key);
}

Status ParseObject(std::string_view line, Sample* sample) {
  std::array<bool, kKeyCount> seen{};
  JsonCursor cursor(line);
  if (Status status = cursor.Expect('{'); !status.ok()) return status;
  do {
    const Result<std::string_view> name = cursor.String();
    if (!name.ok()) return name.status();
    if (Status status = cursor.Expect(':'); !status.ok()) return status;
    const Key key = KeyOf(name.value());
    if (key == kKeyCount) {
      return Refuse("unknown key " + Quoted(name.value()));
    }
    if (std::exchange(seen[key], true)) {
      return Refuse(Quoted(kKeyNames[key]) + " is there twice");
    }
    if (Status status = ParseValue(key, &cursor, sample); !status.ok()) {
      return Refuse(std::string(kKeyNames[key]) + ": " + std::string(status.message()));
    }
  } while (cursor.Take(','));
  if (Status status = cursor.Expect('}'); !status.ok()) return status;
  if (Status status = cursor.End(); !status.ok()) return status;
  for (const Key key : kRequired) {
    if (!seen[key]) return Refuse(Quoted(kKeyNames[key]) + " is missing");
  }
  return Status();
}

// Rounded to `decimals`, without zeros at the end.
void AppendNumber(double value, int decimals, std::string* json) {
  std::array<char, 400> digits{};
  const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), value,
                                    std::chars_format::fixed, decimals);
  STARLING_CHECK(result.ec == std::errc());
  std::string_view text(digits.data(), static_cast<std::size_t>(result.ptr - digits.data()));
  if (decimals > 0) {
    while (text.back() == '0') text.remove_suffix(1);
    if (text.back() == '.') text.remove_suffix(1);
  }
  *json += text == "-0" ? "0" : text;
}

}  // namespace

std::string_view IntentName(wire::Intent intent) {
  return kIntentNames[static_cast<std::size_t>(intent)];
}

Result<Sample> ParseSampleLine(std::string_view line, BootTime now) {
  if (line.size() > kSampleLineBytesMax) {
    return Status(ErrorCode::kExhausted,
                  "line is longer than " + std::to_string(kSampleLineBytesMax) + " bytes");
  }
  Sample sample;
  sample.time = now;
  Status status = ParseObject(line, &sample);
  if (status.ok()) status = ValidateSample(sample);
  return status.ok() ? Result<Sample>(sample) : Result<Sample>(std::move(status));
}

std::string ToJsonLine(const Sample& sample) {
  std::string json;
  json.reserve(256);
  const auto number = [&json](std::string_view before, double value, int decimals) {
    json += before;
    AppendNumber(value, decimals, &json);
  };
  json += "{\"boot_time_ns\":";
  json += std::to_string(ToNs(sample.time));
  number(",\"lat_deg\":", sample.position.lat_deg, 7);
  number(",\"lon_deg\":", sample.position.lon_deg, 7);
  number(",\"heading_deg\":", WrapAngle(sample.heading_rad) / kDegree, 2);
  number(",\"speed_mps\":", sample.speed_mps, 2);
  number(",\"accel_mps2\":", sample.accel_mps2, 2);
  number(",\"yaw_rate_dps\":", sample.yaw_rate_radps / kDegree, 2);
  number(",\"accuracy_m\":", std::abs(sample.accuracy_m), 1);
  json += ",\"intent\":\"";
  json += IntentName(sample.intent);
  json += '"';
  if (!sample.path.empty()) {
    json += ",\"path\":";
    char before = '[';
    for (const PathArc& arc : sample.path.arcs()) {
      json += before;
      number("{\"length_m\":", arc.length_m, 2);
      number(",\"curvature_per_m\":", arc.curvature_per_m, 5);
      json += '}';
      before = ',';
    }
    json += ']';
  }
  json += '}';
  return json;
}

}  // namespace starling::edge
