#include "sim/replay/drive.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "common/geo/trigonometry.h"
#include "common/telemetry/fix_codec.h"
#include "sim/replay/series.h"

namespace starling::sim {
namespace {

constexpr double kSampleS = 0.1;
constexpr double kMeanHalfWidthS = 0.05;   // of what was recorded faster than 10 Hz
constexpr double kSlopeHalfWidthS = 0.2;
constexpr double kHeadingStepMinM = 0.5;   // between positions that tell a heading
constexpr std::size_t kComplaintsMax = 10;

// A name that a column may have, and what its unit is in ours.
struct Name {
  std::string_view name;
  double unit;
};
constexpr std::array kTimeNames = {
    Name{"boot_time_s", 1},  Name{"boot_time_ms", 1e-3},  Name{"boot_time_us", 1e-6},
    Name{"boot_time_ns", 1e-9}, Name{"time_s", 1},        Name{"time_ms", 1e-3},
    Name{"time_us", 1e-6},   Name{"time_ns", 1e-9},       Name{"timestamp_s", 1},
    Name{"timestamp_ms", 1e-3}, Name{"t_s", 1},           Name{"t_ms", 1e-3}};
constexpr std::array kLatNames = {Name{"lat_deg", 1}, Name{"latitude_deg", 1}};
constexpr std::array kLonNames = {Name{"lon_deg", 1}, Name{"longitude_deg", 1}};
constexpr std::array kHeadingNames = {Name{"heading_deg", kDegree}, Name{"bearing_deg", kDegree},
                                      Name{"course_deg", kDegree}, Name{"heading_rad", 1}};
constexpr std::array kSpeedNames = {Name{"speed_mps", 1}, Name{"speed_kmh", 1 / 3.6}};
constexpr std::array kAccelNames = {Name{"accel_mps2", 1}};
constexpr std::array kYawRateNames = {Name{"yaw_rate_dps", kDegree}, Name{"yaw_rate_radps", 1},
                                      Name{"gyro_down_radps", 1}};
constexpr std::array kAccuracyNames = {Name{"accuracy_m", 1}};

Status Missing(const std::string& what) {
  return Status(ErrorCode::kInvalidArgument, "there is no column for " + what);
}

template <std::size_t kCount>
std::string Alternatives(const std::array<Name, kCount>& names) {
  std::string text;
  for (const Name& name : names) text.append(text.empty() ? "" : ", ").append(name.name);
  return text;
}

// A table whose times rise, with its columns taken one by one.
class Reader {
 public:
  Reader(const CsvTable& table, Drive* drive) : table_(table), drive_(drive) {
    drive_->rows_refused += table.rows_refused;
    for (const std::string& complaint : table.complaints) Complain(complaint);
  }

  // False if there is no column of time.
  bool TakeTime() {
    for (const Name& name : kTimeNames) {
      const int column = table_.Find({name.name});
      if (column < 0) continue;
      Use(name.name, "time");
      unit_s_ = name.unit;
      time_ = &table_.values[static_cast<std::size_t>(column)];
      return true;
    }
    return false;
  }

  // Takes the rows whose time is there and later than that of the row before;
  // times count from `origin`, or from the first row if there is none yet.
  void TakeRows(std::optional<double>* origin) {
    double newest = -std::numeric_limits<double>::infinity();
    for (std::size_t row = 0; row < time_->size(); ++row) {
      const double raw = (*time_)[row];
      if (!(raw > newest)) {
        ++drive_->rows_refused;
        Complain("row " + std::to_string(row + 1) + ": its time is missing or not after the one before");
        continue;
      }
      newest = raw;
      if (!*origin) *origin = raw * unit_s_;
      rows_.push_back({row, raw * unit_s_ - **origin});
    }
  }

  // Empty if there is no such column.
  template <std::size_t kCount>
  Series Take(const std::array<Name, kCount>& names, std::string_view what, double period = 0) {
    for (const Name& name : names) {
      const int column = table_.Find({name.name});
      if (column < 0) continue;
      Use(name.name, what);
      std::vector<double> time_s;
      std::vector<double> value;
      for (const auto& [row, at_s] : rows_) {
        const double cell = table_.values[static_cast<std::size_t>(column)][row];
        if (std::isnan(cell)) continue;
        time_s.push_back(at_s);
        value.push_back(cell * name.unit);
      }
      return Series(std::move(time_s), std::move(value), period);
    }
    return Series();
  }

  void IgnoreTheRest() {
    for (const std::string& column : table_.columns) {
      if (used_.count(column) == 0) drive_->ignored.push_back(column);
    }
  }

 private:
  void Use(std::string_view name, std::string_view what) {
    used_.insert(std::string(name));
    drive_->used.push_back(std::string(name).append(" as ").append(what));
  }
  void Complain(const std::string& complaint) {
    if (drive_->complaints.size() < kComplaintsMax) drive_->complaints.push_back(complaint);
  }

  const CsvTable& table_;
  Drive* const drive_;
  const std::vector<double>* time_ = nullptr;
  double unit_s_ = 1;
  std::vector<std::pair<std::size_t, double>> rows_;
  std::set<std::string> used_;
};

// Metres from one position of the drive to the next.
struct Step {
  double time_s;                       // of its middle
  double span_s;
  double north_m;
  double east_m;
};

// Between the positions that are at least `length_min_m` apart.
std::vector<Step> Steps(const Series& lat, const Series& lon, double length_min_m) {
  constexpr double kMetresPerDegree = 111'195;  // on a sphere: good to 0.6 %
  std::vector<Step> steps;
  std::size_t from = 0;
  for (std::size_t to = 1; to < lat.size(); ++to) {
    const std::optional<double> lon_from = lon.At(lat.time_s(from));
    const std::optional<double> lon_to = lon.At(lat.time_s(to));
    if (!lon_from || !lon_to) {
      from = to;
      continue;
    }
    const double span_s = lat.time_s(to) - lat.time_s(from);
    const double north = (lat.value(to) - lat.value(from)) * kMetresPerDegree;
    const double east = (*lon_to - *lon_from) * kMetresPerDegree * std::cos(lat.value(to) * kDegree);
    if (std::hypot(north, east) < length_min_m) continue;
    steps.push_back({lat.time_s(from) + span_s / 2, span_s, north, east});
    from = to;
  }
  return steps;
}

Series HeadingFromMotion(const Series& lat, const Series& lon) {
  std::vector<double> time_s;
  std::vector<double> heading;
  for (const Step& step : Steps(lat, lon, kHeadingStepMinM)) {
    time_s.push_back(step.time_s);
    heading.push_back(std::atan2(step.east_m, step.north_m));
  }
  return Series(std::move(time_s), std::move(heading), 2 * kPi);
}

Series SpeedFromMotion(const Series& lat, const Series& lon) {
  std::vector<double> time_s;
  std::vector<double> speed;
  for (const Step& step : Steps(lat, lon, 0)) {
    time_s.push_back(step.time_s);
    speed.push_back(std::hypot(step.north_m, step.east_m) / step.span_s);
  }
  return Series(std::move(time_s), std::move(speed));
}

// The last value before `time_s`, or the first one: a vehicle that stands keeps its heading.
double Held(const Series& series, double time_s) {
  double held = series.empty() ? 0 : series.value(0);
  for (std::size_t i = 0; i < series.size() && series.time_s(i) <= time_s; ++i) held = series.value(i);
  return held;
}

}  // namespace

Result<Drive> MakeDrive(const CsvTable& positions, const CsvTable& speed, const CsvTable& inertial) {
  Drive drive;
  Reader base(positions, &drive);
  if (!base.TakeTime()) return Missing("time; one of " + Alternatives(kTimeNames));
  std::optional<double> origin;
  base.TakeRows(&origin);
  drive.rows = positions.rows();
  const Series lat = base.Take(kLatNames, "latitude");
  const Series lon = base.Take(kLonNames, "longitude", 360);
  if (lat.empty()) return Missing("latitude, or no row of it; one of " + Alternatives(kLatNames));
  if (lon.empty()) return Missing("longitude, or no row of it; one of " + Alternatives(kLonNames));
  if (lat.size() < 2 || lon.size() < 2) {
    return Status(ErrorCode::kInvalidArgument, "a drive needs two positions");
  }
  const Series heading = base.Take(kHeadingNames, "heading", 2 * kPi);
  const Series accel = base.Take(kAccelNames, "acceleration");
  const Series accuracy = base.Take(kAccuracyNames, "accuracy");

  // Better recordings of the same win; what they leave out comes from the positions'.
  std::vector<Series> speeds;
  Reader wheels(speed, &drive);
  if (wheels.TakeTime()) {
    wheels.TakeRows(&origin);
    speeds.push_back(wheels.Take(kSpeedNames, "speed"));
  }
  wheels.IgnoreTheRest();
  std::vector<Series> yaw_rates = {base.Take(kYawRateNames, "yaw rate")};
  Reader gyroscope(inertial, &drive);
  if (gyroscope.TakeTime()) {
    gyroscope.TakeRows(&origin);
    yaw_rates.push_back(gyroscope.Take(kYawRateNames, "yaw rate"));
  }
  gyroscope.IgnoreTheRest();
  speeds.push_back(base.Take(kSpeedNames, "speed"));
  speeds.push_back(SpeedFromMotion(lat, lon));
  base.IgnoreTheRest();
  const Series motion = HeadingFromMotion(lat, lon);
  const Series& headings = heading.empty() ? motion : heading;

  for (std::size_t i = 1; i < lat.size(); ++i) {
    if (lat.time_s(i) - lat.time_s(i - 1) > kGapMinS) {
      drive.gaps.push_back({lat.time_s(i - 1), lat.time_s(i)});
    }
  }
  const auto first_of = [](const std::vector<Series>& all, double at_s) -> const Series* {
    for (const Series& series : all) {
      if (series.At(at_s)) return &series;
    }
    return nullptr;
  };
  const double end_s = lat.time_s(lat.size() - 1);
  for (std::int64_t tick = 0; static_cast<double>(tick) * kSampleS <= end_s; ++tick) {
    const double at_s = static_cast<double>(tick) * kSampleS;
    const std::optional<double> lat_deg = lat.At(at_s);
    const std::optional<double> lon_deg = lon.At(at_s);
    if (!lat_deg || !lon_deg) continue;
    Sample sample;
    sample.time = BootTime(tick * nanoseconds(kSampleInterval));
    sample.position = {*lat_deg, *lon_deg};
    sample.heading_rad = WrapAngle(headings.At(at_s).value_or(Held(headings, at_s)));
    if (const Series* series = first_of(speeds, at_s)) {
      sample.speed_mps = *series->MeanAround(at_s, kMeanHalfWidthS);
      sample.accel_mps2 = series->SlopeAt(at_s, kSlopeHalfWidthS).value_or(0);
    }
    if (const auto value = accel.MeanAround(at_s, kMeanHalfWidthS)) sample.accel_mps2 = *value;
    if (const Series* series = first_of(yaw_rates, at_s)) {
      sample.yaw_rate_radps = *series->MeanAround(at_s, kMeanHalfWidthS);
    } else if (const auto slope = headings.SlopeAt(at_s, kSlopeHalfWidthS)) {
      sample.yaw_rate_radps = *slope;
    }
    sample.accuracy_m = accuracy.At(at_s).value_or(0);
    if (Status status = ValidateSample(sample); !status.ok()) {
      ++drive.rows_refused;
      if (drive.complaints.size() < kComplaintsMax) {
        drive.complaints.push_back("at " + std::to_string(at_s) + " s: " + std::string(status.message()));
      }
      continue;
    }
    drive.samples.push_back(sample);
  }
  return drive;
}

Result<Drive> LoadDrive(const std::filesystem::path& path) {
  std::error_code no_folder;
  if (!std::filesystem::is_directory(path, no_folder)) {
    const Result<CsvTable> table = ReadCsv(path);
    if (!table.ok()) return table.status();
    Result<Drive> drive = MakeDrive(table.value(), {}, {});
    if (drive.ok()) return drive;
    return Status(drive.status().code(), path.string() + ": " + std::string(drive.status().message()));
  }
  // gnss, speed, inertial
  std::array<CsvTable, 3> tables;
  constexpr std::array<std::string_view, 3> kPrefixes = {"gnss_", "can_speed_", "imu_"};
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.path().extension() == ".csv") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  bool has_positions = false;
  for (const auto& file : files) {
    for (std::size_t i = 0; i < kPrefixes.size(); ++i) {
      if (file.filename().string().rfind(kPrefixes[i], 0) != 0 || !tables[i].columns.empty()) continue;
      Result<CsvTable> table = ReadCsv(file);
      if (!table.ok()) return table.status();
      tables[i] = std::move(table).value();
      has_positions |= i == 0;
    }
  }
  if (!has_positions) {
    return Status(ErrorCode::kInvalidArgument, path.string() + " holds no gnss_*.csv");
  }
  Result<Drive> drive = MakeDrive(tables[0], tables[1], tables[2]);
  if (drive.ok()) return drive;
  return Status(drive.status().code(), path.string() + ": " + std::string(drive.status().message()));
}

}  // namespace starling::sim
