#include "cloud/explain/explanation.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <utility>

#include "cloud/shard/heatmap.h"
#include "cloud/shard/shard.h"
#include "common/check.h"
#include "common/telemetry/fix_codec.h"
#include "schemas/log/heatmap_generated.h"
#include "schemas/log/telemetry_generated.h"

namespace starling::cloud {
namespace {

constexpr std::size_t kSamplesPerVehicle = 5;
// How long before the command its episode is looked for; most are in the first.
constexpr std::array<nanoseconds, 2> kEpisodeLooks = {seconds(120), seconds(1'800)};
// Records of conflicts after the command: its episode's end is shown if it is there.
constexpr nanoseconds kEpisodeAfter = seconds(60);
constexpr nanoseconds kCongestionLook = std::chrono::hours(6);
constexpr nanoseconds kCellLook = seconds(20);

double Part(std::uint8_t value) { return value / 255.0; }

std::uint16_t Centi(double value) {
  return static_cast<std::uint16_t>(std::clamp(value * 100 + 0.5, 0.0, 65'535.0));
}

class Explainer {
 public:
  Explainer(const RecordSource& records, const ExplainConfig& config, RegionId region)
      : records_(records), config_(config), partition_{ToNumber(region)}, frame_(config.origin) {
    result_.region = region;
  }

  Result<std::optional<Explanation>> Run(CommandId id) {
    const auto began = std::chrono::steady_clock::now();
    Result<std::optional<FoundCommand>> found = FindCommand(records_, result_.region, id);
    if (!found.ok()) return found.status();
    if (!found.value()) return std::optional<Explanation>();
    result_.command = std::move(*found.value());
    const std::int64_t cause_ns = Request().cause.log_time_ns;
    began_ns_ = cause_ns;
    const bool advice = Request().kind == wire::CommandKind::SpeedAdvice;
    if (Request().issuer.empty()) {
      if (Status status = advice ? ReadCell(cause_ns) : ReadEpisode(cause_ns); !status.ok()) return status;
    }
    if (Status status = ReadRecordsAgain(cause_ns); !status.ok()) return status;
    for (auto& [vehicle, seen] : seen_) {
      result_.samples.insert(result_.samples.end(), seen.begin(), seen.end());
    }
    std::stable_sort(result_.samples.begin(), result_.samples.end(),
                     [](const SeenSample& one, const SeenSample& other) { return one.log_time_ns < other.log_time_ns; });
    FillLegs();
    result_.took = std::chrono::steady_clock::now() - began;
    return std::optional<Explanation>(std::move(result_));
  }

 private:
  const CommandRequest& Request() const { return result_.command.command.request; }

  // Topic "conflicts": when the episode began is where the decision begins.
  Status ReadEpisode(std::int64_t cause_ns) {
    for (const nanoseconds look : kEpisodeLooks) {
      result_.phases.clear();
      const Result<Offset> from =
          records_.OffsetAt(Topic::kConflicts, partition_, CloudTimeFromNs(cause_ns) - look);
      if (!from.ok()) return from.status();
      bool opened = false;
      const Status status = records_.Read(
          Topic::kConflicts, partition_, from.value(), [&](const LogRecord& record) {
            const auto* bytes = reinterpret_cast<const std::uint8_t*>(record.value.data());
            flatbuffers::Verifier verifier(bytes, record.value.size(), 8, 64);
            if (record.value.empty() || !log::VerifyConflictBuffer(verifier)) return true;
            const log::Conflict& conflict = *log::GetConflict(bytes);
            if (conflict.episode_id() != ToNumber(Request().episode)) {
              return record.time <= CloudTimeFromNs(cause_ns) + kEpisodeAfter;
            }
            TakePhase(conflict);
            opened = opened || conflict.phase() == log::EpisodePhase::Opened;
            return conflict.phase() != log::EpisodePhase::Closed;
          });
      if (!status.ok()) return status;
      if (opened) break;
    }
    for (const SeenPhase& phase : result_.phases) began_ns_ = std::min(began_ns_, phase.at_ns);
    return {};
  }

  void TakePhase(const log::Conflict& conflict) {
    const Result<VehicleId> a = VehicleId::Parse(conflict.vehicle_a()->string_view());
    const Result<VehicleId> b = VehicleId::Parse(conflict.vehicle_b()->string_view());
    if (a.ok() && b.ok()) result_.pair = {a.value(), b.value()};
    result_.phases.push_back({conflict.phase(), conflict.encounter(), conflict.at_ns(), conflict.ttc_ms() * 1e-3,
                              conflict.drac_cmps2() * 0.01, conflict.pet_ms() * 1e-3, Part(conflict.probability()),
                              {conflict.x_cm() * 0.01, conflict.y_cm() * 0.01}});
  }

  // Topic "heatmap", and since when the cell is congested: its congestion is named by that.
  Status ReadCell(std::int64_t cause_ns) {
    const CellIndex cell = Request().cell;
    for (std::int64_t end_ns = cause_ns / kWindow.count() * kWindow.count(); end_ns > cause_ns - kCongestionLook.count();
         end_ns -= kWindow.count()) {
      if ((MixHash(PackCell(cell), static_cast<std::uint64_t>(end_ns)) | 1) != ToNumber(Request().episode)) continue;
      began_ns_ = end_ns;
      break;
    }
    const CloudTime cause = CloudTimeFromNs(cause_ns);
    const Result<Offset> from = records_.OffsetAt(Topic::kHeatmap, partition_, cause - kCellLook);
    if (!from.ok()) return from.status();
    return records_.Read(Topic::kHeatmap, partition_, from.value(), [&](const LogRecord& record) {
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(record.value.data());
      flatbuffers::Verifier verifier(bytes, record.value.size(), 8, 64);
      if (record.value.empty() || !log::VerifyHeatmapWindowBuffer(verifier)) return true;
      const log::HeatmapWindow& window = *log::GetHeatmapWindow(bytes);
      if (window.window_end_ns() > cause_ns) return false;
      for (const log::Cell* each : *window.cells()) {
        if (each->x() != cell.x || each->y() != cell.y) continue;
        result_.cell.push_back({window.window_end_ns(), each->vehicles(), each->mean_speed_cmps() * 0.01,
                                Part(each->congestion()), Part(each->confidence())});
      }
      return true;
    });
  }

  Status ReadRecordsAgain(std::int64_t cause_ns) {
    const CloudTime cause = CloudTimeFromNs(cause_ns);
    const Result<Log::Range> range = records_.RangeOf(Topic::kTelemetry, partition_);
    if (!range.ok()) return range.status();
    const CloudTime wanted = CloudTimeFromNs(began_ns_) - config_.warm_up;
    Result<Offset> from = records_.OffsetAt(Topic::kTelemetry, partition_, wanted);
    if (!from.ok()) return from.status();
    const Result<Offset> until = records_.OffsetAt(Topic::kTelemetry, partition_, cause + nanoseconds(1));
    if (!until.ok()) return until.status();
    Replay& replay = result_.replay;
    const std::uint64_t count = ToNumber(until.value()) - std::min(ToNumber(from.value()), ToNumber(until.value()));
    if (count == 0) {
      replay.note = "topic telemetry no longer holds the records that led to it; their retention is log.topics.telemetry";
      return {};
    }
    replay.tried = count <= config_.records_max;
    if (!replay.tried) {
      replay.note = "what led to it began " + std::to_string((cause_ns - began_ns_) / 1'000'000'000) + " s and " +
                    std::to_string(count) + " records earlier, more than the " + std::to_string(config_.records_max) +
                    " that are decided on again; starling explain --data DIR --records-max N does it all the same";
      // The samples are shown nevertheless.
      from = records_.OffsetAt(Topic::kTelemetry, partition_, cause - seconds(5));
      if (!from.ok()) return from.status();
    }
    replay.from = from.value();
    return ReadOn(cause, range.value().first == from.value());
  }

  Status ReadOn(CloudTime cause, bool from_the_first) {
    const auto began = std::chrono::steady_clock::now();
    Replay& replay = result_.replay;
    const CommandId id = result_.command.command.fields.id;
    Shard shard(config_.shard, result_.region, config_.origin);
    DecisionTrace trace(id, result_.command.vehicle);
    shard.Observe(&trace);
    ShardOutputs outputs;
    std::optional<CommandSettings> settings;
    if (result_.command.mode != CommandMode::Send) {
      Result<std::optional<CommandSettings>> before = SettingsBefore(records_, result_.region, result_.command.offset);
      if (!before.ok()) return before.status();
      settings = std::move(before).value();
    }
    const Status status = records_.Read(Topic::kTelemetry, partition_, replay.from, [&](const LogRecord& record) {
      if (record.time > cause) return false;
      if (settings) {
        const std::vector<std::byte> told = CommandSettingsRecord(*settings, result_.region);
        shard.Apply({record.offset, record.time, {}, told}, &outputs);
        settings.reset();
      }
      ++replay.records;
      TakeSample(record);
      if (!replay.tried) return true;
      outputs.Clear();
      shard.Apply(record, &outputs);
      return !trace.decision();
    });
    if (!status.ok()) return status;
    replay.took = std::chrono::steady_clock::now() - began;
    if (!replay.tried) return {};
    result_.decision = trace.decision();
    if (!result_.decision) {
      replay.note = from_the_first
          ? "read again from the log's first record on, the shard does not decide this command: the log begins too late, "
            "or the shard was configured in another way (--config, --origin, --network, --region-map)"
          : "read again, the shard does not decide this command: it was configured in another way (--config, --origin, "
            "--network, --region-map), is of another release, or knew more than the records read";
      return {};
    }
    const SpeedProfile& decided = result_.decision->request.profile;
    const SpeedProfile& recorded = Request().profile;
    replay.reproduced = Centi(decided.ceiling_mps) == Centi(recorded.ceiling_mps) &&
                        Centi(decided.decel_mps2) == Centi(recorded.decel_mps2) &&
                        result_.decision->request.cell == Request().cell;
    if (!replay.reproduced) {
      replay.note = "read again, the shard decides this command with other figures: it was configured in another way "
                    "(--config, --origin, --network), or is of another release";
    }
    return {};
  }

  bool IsConcerned(std::string_view name) const {
    if (name == result_.command.vehicle.view() || name == Request().cause.vehicle.view()) return true;
    return result_.pair && (name == (*result_.pair)[0].view() || name == (*result_.pair)[1].view());
  }

  void TakeSample(const LogRecord& record) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(record.value.data());
    flatbuffers::Verifier verifier(bytes, record.value.size(), 8, 64);
    if (record.value.empty() || !log::VerifyTelemetryBuffer(verifier)) return;
    const log::Fix* fix = log::GetTelemetry(bytes)->body_as_Fix();
    if (fix == nullptr || !IsConcerned(fix->vehicle()->string_view()) || !ValidateFix(*fix->fix()).ok()) return;
    const Result<VehicleId> vehicle = VehicleId::Parse(fix->vehicle()->string_view());
    if (!vehicle.ok()) return;
    const MotionState motion = MotionFromWire(*fix->fix(), frame_);
    const Cause& cause = Request().cause;
    SeenSample sample;
    sample.vehicle = vehicle.value();
    sample.boot_id = fix->boot_id();
    sample.sequence = fix->fix()->sequence();
    sample.boot_time_ns = fix->fix()->boot_time_ns();
    sample.sample_time_ns = fix->sample_time_ns();
    sample.appended_time_ns = fix->appended_time_ns();
    sample.log_time_ns = ToNs(record.time);
    sample.offset = record.offset;
    sample.causes = sample.vehicle == cause.vehicle && sample.boot_id == cause.boot_id &&
                    sample.sequence == cause.sequence;
    sample.position = motion.position;
    sample.heading_rad = motion.heading_rad;
    sample.speed_mps = motion.speed_mps;
    sample.accel_mps2 = motion.accel_mps2;
    sample.accuracy_m = fix->fix()->accuracy_dm() * 0.1;
    sample.arcs = fix->path() == nullptr ? 0 : fix->path()->size();
    std::deque<SeenSample>& of_vehicle = seen_[sample.vehicle];
    of_vehicle.push_back(std::move(sample));
    if (of_vehicle.size() > kSamplesPerVehicle) of_vehicle.pop_front();
  }

  void FillLegs() {
    SeenLegs& legs = result_.legs;
    legs.logged_ns = Request().cause.log_time_ns;
    legs.recorded_ns = ToNs(result_.command.recorded);
    for (const SeenSample& sample : result_.samples) {
      if (!sample.causes) continue;
      legs.sample_ns = sample.sample_time_ns;
      legs.appended_ns = sample.appended_time_ns;
    }
    // The vehicle says when by its boot clock; the gateway's belief of the offset is in its fixes.
    const std::optional<CommandEnd>& end = result_.command.end;
    if (!end || end->outcome != wire::CommandOutcome::Applied || end->boot_time_ns == 0) return;
    for (const SeenSample& sample : result_.samples) {
      if (sample.vehicle != result_.command.vehicle || sample.boot_id != end->boot_id) continue;
      const auto since_ns = static_cast<std::int64_t>(end->boot_time_ns - sample.boot_time_ns);
      legs.controller_ns = sample.sample_time_ns + since_ns;
    }
  }

  const RecordSource& records_;
  const ExplainConfig& config_;
  const Partition partition_;
  const LocalFrame frame_;
  Explanation result_;
  std::int64_t began_ns_ = 0;
  std::map<VehicleId, std::deque<SeenSample>> seen_;
};

}  // namespace

Result<std::optional<Explanation>> ExplainCommand(const RecordSource& records, const ExplainConfig& config,
                                                  RegionId region, CommandId id) {
  STARLING_CHECK(config.shard.Validate().ok());
  return Explainer(records, config, region).Run(id);
}

}  // namespace starling::cloud
