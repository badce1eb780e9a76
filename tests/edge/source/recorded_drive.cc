#include "tests/edge/source/recorded_drive.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <sstream>

#include "common/geo/trigonometry.h"
#include "tests/edge/source/gnss/nmea_text.h"

namespace starling::edge {
namespace {

std::vector<std::vector<double>> Rows(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::vector<std::vector<double>> rows;
  std::string line;
  std::getline(stream, line);
  while (std::getline(stream, line)) {
    std::vector<double> row;
    std::stringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');) row.push_back(std::strtod(cell.c_str(), nullptr));
    rows.push_back(std::move(row));
  }
  return rows;
}

BootTime At(double boot_s) { return BootTime(nanoseconds(std::llround(boot_s * 1e9))); }

std::string Tpv(long long utc_ms, const std::vector<double>& row) {
  const std::time_t whole_s = utc_ms / 1000;
  std::tm utc{};
  ::gmtime_r(&whole_s, &utc);
  char time[64];
  std::strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", &utc);
  char text[512];
  std::snprintf(text, sizeof(text),
                R"({"class":"TPV","device":"/dev/ttyACM0","mode":3,"time":"%s.%03lldZ","ept":0.005,"lat":%.9f,)"
                R"("lon":%.9f,"altHAE":%.4f,"epx":1.5,"epy":1.5,"track":%.4f,"speed":%.4f,"climb":0.0})",
                time, utc_ms % 1000, row[2], row[3], row[4], row[6], row[5]);
  return text;
}

std::string Candump(double boot_s, double speed_mps, double wheel_deg) {
  const auto speed = static_cast<unsigned>(std::lround(speed_mps * 1000));
  const auto wheel = static_cast<unsigned>(std::lround(wheel_deg * 10)) & 0xFFFF;
  char text[96];
  std::snprintf(text, sizeof(text), "(%.6f) can0 025#%02X%02X%02X%02X00000000", boot_s, wheel >> 8, wheel & 0xFF,
                speed & 0xFF, speed >> 8);
  return text;
}

}  // namespace

std::optional<Truth> RecordedDrive::TruthAt(BootTime at) const {
  const auto after = std::lower_bound(truth.begin(), truth.end(), at,
                                      [](const Truth& row, BootTime time) { return row.at < time; });
  if (after == truth.begin() || after == truth.end()) return std::nullopt;
  const Truth& before = *(after - 1);
  const double share = ToSeconds(at - before.at) / ToSeconds(after->at - before.at);
  const auto between = [share](double one, double other) { return one + share * (other - one); };
  return Truth{at,
               {between(before.position.lat_deg, after->position.lat_deg),
                between(before.position.lon_deg, after->position.lon_deg)},
               between(before.speed_mps, after->speed_mps),
               before.course_rad + share * WrapAngle(after->course_rad - before.course_rad)};
}

std::filesystem::path RecordedDriveFolder() {
  const char* const data = std::getenv("STARLING_DATA");
  return (data != nullptr ? std::filesystem::path(data)
                          : std::filesystem::path(STARLING_SOURCE_DIR) / "../shared/data") /
         "comma2k19_drive";
}

RecordedDrive LoadRecordedDrive(const std::filesystem::path& folder, int nth) {
  RecordedDrive drive;
  int number = 0;
  for (const auto& row : Rows(folder / "gnss_ublox_10hz.csv")) {
    if (number++ % nth != 0) continue;
    const BootTime at = At(row[0]);
    const auto utc_ms = static_cast<long long>(row[1]);
    const long long day_ms = utc_ms % 86'400'000;
    drive.nmea.push_back({at, Rmc(day_ms, row[2], row[3], row[5], row[6])});
    drive.nmea.push_back({at + milliseconds(2), Gga(day_ms, row[2], row[3])});
    drive.gpsd.push_back({at, Tpv(utc_ms, row)});
    drive.fixes.push_back({at, {row[2], row[3]}, row[5], row[6] * kDegree});
  }
  for (const auto& row : Rows(folder / "can_speed_steering_83hz.csv")) {
    drive.candump.push_back({At(row[0]), Candump(row[0], row[1], row[2])});
  }
  for (const auto& row : Rows(folder / "pose_truth_20hz.csv")) {
    drive.truth.push_back({At(row[0]), {row[1], row[2]}, row[4], row[5] * kDegree});
  }
  return drive;
}

}  // namespace starling::edge
