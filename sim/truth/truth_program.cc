#include "sim/truth/truth_program.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <string_view>
#include <vector>

#include "common/geo/trigonometry.h"
#include "sim/fcd/fcd_reader.h"
#include "sim/truth/ssm_writer.h"

namespace starling::sim {
namespace {

constexpr double kSizeMaxM = 100;

std::string_view NameOf(EncounterType type) {
  using enum EncounterType;
  switch (type) {
    case kFollowingFollower:
    case kFollowingLeader: return "following";
    case kMergingLeader:
    case kMergingFollower: return "merging";
    case kCrossingLeader:
    case kCrossingFollower:
    case kEgoEntered:
    case kFoeEntered:
    case kEgoLeft:
    case kFoeLeft:
    case kBothEntered:
    case kBothLeft: return "crossing";
    case kOncoming: return "oncoming";
    case kCollision: return "collision";
    case kNone: break;
  }
  return "none";
}

// JSON's numbers and strings; names of types and elements come from the file.
std::string JsonString(std::string_view text) {
  std::string json(1, '"');
  for (const char c : text) {
    if (c == '"' || c == '\\') json += '\\';
    json += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  }
  return json += '"';
}

std::string JsonObject(const std::map<std::string, std::uint64_t>& counts) {
  std::string json = "{";
  for (const auto& [name, count] : counts) {
    if (json.size() > 1) json += ',';
    json += JsonString(name) + ':' + std::to_string(count);
  }
  return json += '}';
}

std::string Number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

// Turns the recording's vehicles into states.
class StateMaker {
 public:
  StateMaker(const TruthOptions& options, VehicleSizes sizes, TruthSummary* summary)
      : options_(options), sizes_(std::move(sizes)), summary_(*summary) {}

  // Errors: kCorruption for degrees that are none.
  Status Make(const FcdStep& step, std::vector<VehicleState>* states) {
    states->clear();
    for (const FcdVehicle& vehicle : step.vehicles) {
      VehicleState state;
      state.vehicle = vehicle.number;
      state.front = {vehicle.x, vehicle.y};
      if (options_.geo || options_.origin) {
        if (std::abs(vehicle.y) > 85 || std::abs(vehicle.x) > 180) {
          return {ErrorCode::kCorruption, options_.fcd + ": expected degrees of longitude and latitude as x and y of " +
                                              std::string(vehicle.id) + ", not " + Number(vehicle.x) + " and " +
                                              Number(vehicle.y) + "; without --geo and --origin they are metres"};
        }
        const GeoPoint point{vehicle.y, vehicle.x};
        if (!frame_) {
          frame_.emplace(options_.origin.value_or(FrameOrigin{static_cast<std::int32_t>(std::lround(point.lat_deg * 1e7)),
                                                              static_cast<std::int32_t>(std::lround(point.lon_deg * 1e7))}));
        }
        state.front = frame_->ToLocal(point);
      }
      state.heading_rad = WrapAngle(vehicle.angle_deg * kDegree);
      state.speed_mps = std::max(vehicle.speed_mps, 0.0);
      state.accel_mps2 = std::isnan(vehicle.accel_mps2) ? 0 : vehicle.accel_mps2;
      const auto size = sizes_.find(vehicle.type);
      if (size == sizes_.end()) {
        ++summary_.types_without_size[std::string(vehicle.type)];
      } else {
        state.length_m = size->second.length_m;
        state.width_m = size->second.width_m;
      }
      if (vehicle.number >= ids_.size()) ids_.resize(vehicle.number + 1);
      ids_[vehicle.number] = vehicle.id;
      states->push_back(state);
    }
    return {};
  }

  std::string_view IdOf(std::uint32_t vehicle) const { return ids_[vehicle]; }
  std::uint64_t vehicles() const { return ids_.size(); }

  // As the recording has them.
  Vec2 PlaceOf(Vec2 local) const {
    if (!frame_) return local;
    const GeoPoint point = frame_->ToGeo(local);
    return {point.lon_deg, point.lat_deg};
  }

 private:
  const TruthOptions& options_;
  const VehicleSizes sizes_;
  TruthSummary& summary_;
  std::optional<LocalFrame> frame_;
  std::vector<std::string_view> ids_;
};

}  // namespace

Result<VehicleSizes> ReadVehicleSizes(const std::string& path) {
  std::ifstream file(path);
  if (!file) return Status(ErrorCode::kIoError, path + ": " + std::strerror(errno));
  VehicleSizes sizes;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string type;
    if (!(words >> type)) continue;
    VehicleSize size;
    std::string rest;
    const bool read = static_cast<bool>(words >> size.length_m >> size.width_m) && !(words >> rest);
    if (!read || !(size.length_m > 0 && size.length_m <= kSizeMaxM && size.width_m > 0 && size.width_m <= kSizeMaxM)) {
      return Status(ErrorCode::kCorruption, path + ":" + std::to_string(number) +
                                                ": expected \"type length width\" with metres above 0 and up to 100");
    }
    sizes[type] = size;
  }
  return sizes;
}

Status TruthOptions::Validate() const {
  if (fcd.empty()) return {ErrorCode::kInvalidArgument, "a recording must be given"};
  if (Status status = encounters.Validate(); !status.ok()) return status;
  return SsmWriterConfig{ttc_s, drac_mps2, pet_s, 2}.Validate();
}

void TruthSummary::Count(const Encounter& encounter) {
  ++encounters[encounter.type];
  for (std::size_t i = 0; i < kTtcLevels.size(); ++i) {
    if (encounter.min_ttc && encounter.min_ttc->value <= kTtcLevels[i]) ++ttc[i];
  }
  if (encounter.max_drac && encounter.max_drac->value >= kDracLevel) ++drac;
  if (encounter.pet && encounter.pet->value <= kPetLevel) ++pet;
}

Result<TruthSummary> RunTruth(const TruthOptions& options, const TruthHooks& hooks) {
  TruthSummary summary;
  VehicleSizes sizes;
  if (!options.sizes.empty()) {
    Result<VehicleSizes> read = ReadVehicleSizes(options.sizes);
    if (!read.ok()) return read.status();
    sizes = std::move(read).value();
  }
  Result<std::unique_ptr<FcdReader>> opened = FcdReader::Open(options.fcd);
  if (!opened.ok()) return opened.status();
  FcdReader& reader = *opened.value();
  StateMaker maker(options, std::move(sizes), &summary);
  std::unique_ptr<SsmWriter> log;
  if (!options.ssm.empty()) {
    const bool degrees = options.geo || options.origin;
    Result<std::unique_ptr<SsmWriter>> created = SsmWriter::Create(
        options.ssm, {options.ttc_s, options.drac_mps2, options.pet_s, degrees ? 7 : 2},
        [&](std::uint32_t vehicle) { return maker.IdOf(vehicle); }, [&](Vec2 at) { return maker.PlaceOf(at); });
    if (!created.ok()) return created.status();
    log = std::move(created).value();
  }

  Encounters encounters(options.encounters);
  const auto take = [&]() -> Status {
    for (const Encounter& encounter : encounters.TakeEncounters()) {
      summary.Count(encounter);
      if (hooks.encounter) hooks.encounter(encounter, maker.IdOf(encounter.ego), maker.IdOf(encounter.foe));
      if (!log) continue;
      if (log->IsConflict(encounter)) ++summary.conflicts;
      if (Status status = log->Write(encounter); !status.ok()) return status;
    }
    for (const Collision& collision : encounters.TakeCollisions()) {
      ++summary.collisions;
      if (hooks.collision) hooks.collision(collision, maker.IdOf(collision.first), maker.IdOf(collision.second));
    }
    return {};
  };
  FcdStep step;
  std::vector<VehicleState> states;
  std::optional<SimTime> first;
  std::chrono::steady_clock::duration worked{};
  const auto work = [&](const auto& what) {
    const auto begin = std::chrono::steady_clock::now();
    what();
    worked += std::chrono::steady_clock::now() - begin;
  };
  for (;;) {
    const Result<bool> more = reader.Next(&step);
    if (!more.ok()) return more.status();
    if (!more.value()) break;
    if (Status status = maker.Make(step, &states); !status.ok()) return status;
    work([&] { encounters.Add(step.time, states); });
    if (!first) first = step.time;
    ++summary.steps;
    summary.states += states.size();
    summary.recorded_s = ToSeconds(step.time - *first);
    if (Status status = take(); !status.ok()) return status;
  }
  work([&] { encounters.Finish(); });
  if (Status status = take(); !status.ok()) return status;
  if (log) {
    if (Status status = log->Close(); !status.ok()) return status;
  }
  summary.work_s = std::chrono::duration<double>(worked).count();
  summary.vehicles = maker.vehicles();
  summary.skipped = reader.skipped();
  return summary;
}

std::string TruthSummary::ToText() const {
  std::string text;
  const auto line = [&](std::string_view name, std::string_view value) {
    text += name;
    text.append(name.size() < 18 ? 18 - name.size() : 1, ' ');
    text += value;
    text += '\n';
  };
  line("recording", std::to_string(steps) + " steps, " + Number(recorded_s) + " s, " + std::to_string(vehicles) +
                        " vehicles, " + std::to_string(states) + " states");
  std::map<std::string_view, std::uint64_t> by_name;
  std::uint64_t all = 0;
  for (const auto& [type, count] : encounters) by_name[NameOf(type)] += count, all += count;
  line("encounters", std::to_string(all));
  for (const auto& [name, count] : by_name) line("  " + std::string(name), std::to_string(count));
  for (std::size_t i = 0; i < kTtcLevels.size(); ++i) line("TTC <= " + Number(kTtcLevels[i]) + " s", std::to_string(ttc[i]));
  line("DRAC >= " + Number(kDracLevel) + " m/s2", std::to_string(drac));
  line("PET <= " + Number(kPetLevel) + " s", std::to_string(pet));
  line("collisions", std::to_string(collisions));
  line("logged", std::to_string(conflicts));
  line("work", Number(work_s) + " s, " + Number(states == 0 ? 0 : work_s / static_cast<double>(states) * 1e6) +
                   " us for each vehicle and step");
  for (const auto& [type, count] : types_without_size) {
    line("no size for", (type.empty() ? std::string("vehicles without type") : type) + ", taken as 5 m by 1.8 m: " +
                            std::to_string(count) + " states");
  }
  for (const auto& [what, count] : skipped) line("not read", what + ": " + std::to_string(count));
  return text;
}

std::string TruthSummary::ToJson() const {
  std::map<std::string, std::uint64_t> by_name;
  for (const auto& [type, count] : encounters) by_name[std::string(NameOf(type))] += count;
  std::string json = "{\"steps\":" + std::to_string(steps) + ",\"recorded_s\":" + Number(recorded_s);
  json += ",\"vehicles\":" + std::to_string(vehicles) + ",\"states\":" + std::to_string(states);
  json += ",\"encounters\":" + JsonObject(by_name);
  json += ",\"ttc_at_most\":{";
  for (std::size_t i = 0; i < kTtcLevels.size(); ++i) {
    json += (i == 0 ? "\"" : ",\"") + Number(kTtcLevels[i]) + "\":" + std::to_string(ttc[i]);
  }
  json += "},\"drac_at_least\":{\"3\":" + std::to_string(drac) + "},\"pet_at_most\":{\"2\":" + std::to_string(pet);
  json += "},\"collisions\":" + std::to_string(collisions) + ",\"logged\":" + std::to_string(conflicts);
  json += ",\"work_s\":" + Number(work_s) + ",\"types_without_size\":" + JsonObject(types_without_size);
  json += ",\"not_read\":" + JsonObject(skipped) + "}";
  return json;
}

}  // namespace starling::sim
