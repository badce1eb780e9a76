#include "sim/accuracy/recording_reader.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>

#include "common/geo/trigonometry.h"
#include "sim/accuracy/packed_file.h"
#include "sim/fcd/fcd_reader.h"

namespace starling::sim {
namespace {

constexpr double kLengthMaxM = 30;  // AgentConfig's
constexpr double kWidthMaxM = 5;
constexpr double kDegreesShare = 1e-3;
// Moves that say where a vehicle's nose points: straight, and so far that rounded coordinates matter little.
constexpr std::size_t kStraightRows = 10;
constexpr double kStraightMoveM = 5;
constexpr double kStraightTurnRad = 0.2 * kDegree;
constexpr double kSidewaysMax = 0.1;
constexpr std::size_t kTurnRowsMin = 100;
constexpr double kTurnMinRad = 0.02 * kDegree;
// More than this beyond what speed makes is no driving.
constexpr double kJumpM = 10;
constexpr double kJumpFactor = 1.5;

// A vehicle's row as the file has it.
struct FileRow {
  std::uint32_t vehicle = 0;
  double x = 0;
  double y = 0;
  float angle_rad = 0;
  float speed_mps = 0;
  float accel_mps2 = 0;
  bool accel_known = false;
};

struct FileStep {
  SimTime time;
  std::vector<FileRow> rows;
};

struct Sized {
  float length_m = 5;
  float width_m = 1.8F;
};

class Maker {
 public:
  explicit Maker(const RecordingOptions& options) : options_(options) {}

  Status Add(const FcdStep& step) {
    if (!steps_.empty() && ToSeconds(step.time - steps_.back().time) > kRecordingStepMaxS + 1e-9) {
      return {ErrorCode::kCorruption, options_.fcd + ": expected steps of at most " +
                                          std::to_string(kRecordingStepMaxS) + " s: what vehicles do between " +
                                          std::to_string(SecondsOf(steps_.back().time)) + " and " +
                                          std::to_string(SecondsOf(step.time)) + " s is not in it"};
    }
    FileStep kept{step.time, {}};
    kept.rows.reserve(step.vehicles.size());
    for (const FcdVehicle& vehicle : step.vehicles) {
      if (++read_.rows > kRecordingRowsMax) {
        return {ErrorCode::kExhausted,
                options_.fcd + ": more than " + std::to_string(kRecordingRowsMax) + " vehicles times steps; cut it"};
      }
      if (vehicle.number >= read_.recording.ids.size()) {
        read_.recording.ids.resize(vehicle.number + 1);
        sizes_.resize(vehicle.number + 1);
      }
      if (read_.recording.ids[vehicle.number].empty()) {
        read_.recording.ids[vehicle.number] = vehicle.id;
        if (Status status = Size(vehicle); !status.ok()) return status;
      }
      if (!options_.sizes.contains(vehicle.type)) ++read_.types_without_size[std::string(vehicle.type)];
      kept.rows.push_back({vehicle.number, vehicle.x, vehicle.y,
                           static_cast<float>(WrapAngle(vehicle.angle_deg * kDegree)),
                           static_cast<float>(std::max(vehicle.speed_mps, 0.0)),
                           static_cast<float>(std::isnan(vehicle.accel_mps2) ? 0 : vehicle.accel_mps2),
                           !std::isnan(vehicle.accel_mps2)});
    }
    steps_.push_back(std::move(kept));
    return {};
  }

  Result<ReadRecording> Finish() {
    if (steps_.size() < 2) {
      return Status(ErrorCode::kInvalidArgument,
                    options_.fcd + ": expected two steps at least, not " + std::to_string(steps_.size()));
    }
    Recording& recording = read_.recording;
    recording.begin_s = SecondsOf(steps_.front().time);
    for (const FileStep& step : steps_) recording.times.push_back(SimTime(step.time - steps_.front().time));
    using Coordinates = RecordingOptions::Coordinates;
    read_.degrees = options_.coordinates == Coordinates::kDegrees ||
                    (options_.coordinates == Coordinates::kGuess && LooksLikeDegrees());
    if (Status status = ToFrame(); !status.ok()) return status;
    Split();
    if (read_.degrees) Turn();
    return std::move(read_);
  }

 private:
  Status Size(const FcdVehicle& vehicle) {
    const auto found = options_.sizes.find(vehicle.type);
    if (found == options_.sizes.end()) return {};
    const VehicleSize& size = found->second;
    if (size.length_m > kLengthMaxM || size.width_m > kWidthMaxM) {
      return {ErrorCode::kInvalidArgument, "type " + std::string(vehicle.type) + " is " +
                                               std::to_string(size.length_m) + " m by " + std::to_string(size.width_m) +
                                               " m; an agent's vehicle has at most 30 m by 5 m"};
    }
    sizes_[vehicle.number] = {size.length_m, size.width_m};
    return {};
  }

  // Calls visit(before, after, seconds) for each vehicle and two steps that follow each other.
  template <typename Visit>
  void ForMoves(Visit visit) const {
    std::vector<const FileRow*> before(read_.recording.ids.size());
    std::vector<std::size_t> seen(before.size());
    for (std::size_t step = 0; step < steps_.size(); ++step) {
      for (const FileRow& row : steps_[step].rows) {
        if (before[row.vehicle] != nullptr && seen[row.vehicle] + 1 == step) {
          visit(*before[row.vehicle], row, ToSeconds(steps_[step].time - steps_[step - 1].time));
        }
        before[row.vehicle] = &row;
        seen[row.vehicle] = step;
      }
    }
  }

  bool LooksLikeDegrees() const {
    double moved = 0;
    double driven = 0;
    ForMoves([&](const FileRow& from, const FileRow& to, double step_s) {
      moved += Norm(Vec2{to.x - from.x, to.y - from.y});
      driven += to.speed_mps * step_s;
    });
    return driven > 0 && moved < kDegreesShare * driven;
  }

  Status ToFrame() {
    const FileRow* first = nullptr;
    for (const FileStep& step : steps_) {
      if (first == nullptr && !step.rows.empty()) first = &step.rows.front();
    }
    if (first == nullptr) return {};
    // Metres are put around the frame's zero; where on Earth that is does not matter.
    const Vec2 zero{std::floor(first->x), std::floor(first->y)};
    read_.zero = zero;
    Recording& recording = read_.recording;
    recording.origin = {450'000'000, 100'000'000};
    const auto refuse = [&](const FileRow& row, const std::string& expected) {
      return Status(ErrorCode::kCorruption, options_.fcd + ": expected " + expected + ", not x " +
                                                std::to_string(row.x) + " and y " + std::to_string(row.y) + " of " +
                                                recording.ids[row.vehicle]);
    };
    if (read_.degrees) {
      if (std::abs(first->y) > 70 || std::abs(first->x) > 180)
        return refuse(*first, "degrees of longitude and latitude");
      recording.origin = {static_cast<std::int32_t>(std::lround(first->y * 1e7)),
                          static_cast<std::int32_t>(std::lround(first->x * 1e7))};
    }
    const LocalFrame frame(recording.origin);
    for (FileStep& step : steps_) {
      for (FileRow& row : step.rows) {
        if (read_.degrees && (std::abs(row.y) > 85 || std::abs(row.x) > 180)) {
          return refuse(row, "degrees of longitude and latitude");
        }
        const Vec2 place = read_.degrees ? frame.ToLocal({row.y, row.x}) : Vec2{row.x, row.y} - zero;
        if (!(std::abs(place.x) <= kRecordingExtentMaxM && std::abs(place.y) <= kRecordingExtentMaxM)) {
          return refuse(row, "places within 100 km of the first one");
        }
        row.x = place.x;
        row.y = place.y;
      }
    }
    return {};
  }

  void Split() {
    Recording& recording = read_.recording;
    constexpr std::uint32_t kNone = 0xffff'ffff;
    std::vector<std::uint32_t> track_of(recording.ids.size(), kNone);
    for (std::uint32_t step = 0; step < steps_.size(); ++step) {
      for (const FileRow& row : steps_[step].rows) {
        std::uint32_t& number = track_of[row.vehicle];
        RecordedRow made{{row.x, row.y}, row.angle_rad, row.speed_mps, row.accel_mps2};
        bool goes_on = number != kNone && recording.tracks[number].end_step() == step;
        if (goes_on) {
          const RecordedRow& before = recording.tracks[number].rows.back();
          const double step_s = ToSeconds(recording.times[step] - recording.times[step - 1]);
          const double fastest = std::max(before.speed_mps, made.speed_mps);
          goes_on = Norm(made.front - before.front) <= kJumpM + kJumpFactor * fastest * step_s;
          if (!row.accel_known) made.accel_mps2 = static_cast<float>((made.speed_mps - before.speed_mps) / step_s);
        }
        if (!goes_on) {
          number = static_cast<std::uint32_t>(recording.tracks.size());
          const Sized& size = sizes_[row.vehicle];
          recording.tracks.push_back({row.vehicle, step, size.length_m, size.width_m, {}});
        }
        recording.tracks[number].rows.push_back(made);
      }
      steps_[step].rows = {};
    }
  }

  void Turn() {
    std::vector<double> sideways;
    for (const RecordedTrack& track : read_.recording.tracks) {
      for (std::size_t i = kStraightRows; i < track.rows.size(); ++i) {
        const RecordedRow& before = track.rows[i - kStraightRows];
        const Vec2 move = track.rows[i].front - before.front;
        const double length = Norm(move);
        const double turned = WrapAngle(static_cast<double>(track.rows[i].heading_rad) - before.heading_rad);
        if (length < kStraightMoveM || std::abs(turned) > kStraightTurnRad) continue;
        // Clockwise from the nose to the move.
        const double sine = -Cross(HeadingVector(track.rows[i].heading_rad), move) / length;
        if (std::abs(sine) < kSidewaysMax) sideways.push_back(sine);
      }
    }
    if (sideways.size() < kTurnRowsMin) return;
    const auto middle = sideways.begin() + static_cast<std::ptrdiff_t>(sideways.size() / 2);
    std::ranges::nth_element(sideways, middle);
    const double turn = *middle * (1 + *middle * *middle / 6);  // asin, for angles this small
    if (std::abs(turn) < kTurnMinRad) return;
    read_.turned_rad = turn;
    for (RecordedTrack& track : read_.recording.tracks) {
      for (RecordedRow& row : track.rows) row.heading_rad = static_cast<float>(WrapAngle(row.heading_rad + turn));
    }
  }

  const RecordingOptions& options_;
  ReadRecording read_;
  std::vector<FileStep> steps_;
  std::vector<Sized> sizes_;  // by vehicle
};

}  // namespace

Result<ReadRecording> ReadRecordingFile(const RecordingOptions& options,
                                        const std::function<bool(std::uint64_t rows)>& progress) {
  Result<std::unique_ptr<PackedFile>> opened = PackedFile::Open(options.fcd);
  if (!opened.ok()) return opened.status();
  PackedFile& file = *opened.value();
  Result<std::unique_ptr<FcdReader>> reader = FcdReader::Open(file.readable());
  if (!reader.ok()) return file.Named(reader.status());
  Maker maker(options);
  FcdStep step;
  std::uint64_t rows = 0;
  for (;;) {
    const Result<bool> more = reader.value()->Next(&step);
    if (!more.ok()) {
      // That it was cut explains more than where the text ends.
      if (more.status().message().find("no element found") != std::string_view::npos) {
        if (Status unpacked = file.Finish(); !unpacked.ok()) return unpacked;
      }
      return file.Named(more.status());
    }
    if (!more.value()) break;
    if (Status status = maker.Add(step); !status.ok()) return status;
    rows += step.vehicles.size();
    if (progress && !progress(rows)) return Status(ErrorCode::kUnavailable, "interrupted");
  }
  if (Status status = file.Finish(); !status.ok()) return status;
  Result<ReadRecording> made = maker.Finish();
  if (made.ok()) {
    ReadRecording read = std::move(made).value();
    read.skipped = reader.value()->skipped();
    return read;
  }
  return made;
}

}  // namespace starling::sim
