#include "edge/source/gnss/nmea_sentence.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <system_error>

#include "common/geo/trigonometry.h"
#include "common/telemetry/fix_codec.h"

namespace starling::edge {
namespace {

constexpr double kKnotMps = 1852.0 / 3600;
constexpr double kKmhMps = 1 / 3.6;

Status Refuse(std::string_view field, std::string_view text, const char* expected) {
  return Status(ErrorCode::kInvalidArgument, std::string(field) + " is \"" + std::string(text.substr(0, 32)) +
                                                 "\", expected " + expected);
}

bool AllDigits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Digits with an optional fraction: no sign, no exponent.
std::optional<double> Decimal(std::string_view text) {
  const std::size_t point = text.find('.');
  if (!AllDigits(text.substr(0, point))) return std::nullopt;
  if (point != std::string_view::npos && point + 1 < text.size() && !AllDigits(text.substr(point + 1))) {
    return std::nullopt;
  }
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

// The fields between the commas, taken by their number: 0 is talker and type.
class Fields {
 public:
  explicit Fields(std::string_view body) : body_(body) {}

  // Empty also where the sentence has fewer fields: older receivers leave out the last.
  std::string_view operator[](int wanted) const {
    std::string_view rest = body_;
    for (; wanted > 0; --wanted) {
      const std::size_t comma = rest.find(',');
      if (comma == std::string_view::npos) return {};
      rest.remove_prefix(comma + 1);
    }
    return rest.substr(0, rest.find(','));
  }

 private:
  const std::string_view body_;
};

Status ReadNumber(std::string_view name, std::string_view text, double max, double unit,
                  std::optional<double>* value) {
  if (text.empty()) return Status();
  const std::optional<double> number = Decimal(text);
  if (!number || !(*number * unit <= max)) return Refuse(name, text, "a number within its range");
  *value = *number * unit;
  return Status();
}

Status ReadTime(std::string_view text, std::optional<nanoseconds>* time) {
  constexpr const char* kForm = "hhmmss with up to nine decimals";
  if (text.empty()) return Status();
  const std::string_view whole = text.substr(0, 6);
  std::string_view fraction = text.substr(whole.size());
  if (whole.size() != 6 || !AllDigits(whole)) return Refuse("time", text, kForm);
  const auto two = [whole](std::size_t at) { return (whole[at] - '0') * 10 + (whole[at + 1] - '0'); };
  if (two(0) > 23 || two(2) > 59 || two(4) > 60) return Refuse("time", text, kForm);  // 60: a leap second
  nanoseconds result = seconds(two(0) * 3600 + two(2) * 60 + two(4));
  if (!fraction.empty()) {
    if (fraction.front() != '.' || fraction.size() > 10) return Refuse("time", text, kForm);
    fraction.remove_prefix(1);
    if (!fraction.empty() && !AllDigits(fraction)) return Refuse("time", text, kForm);
    nanoseconds::rep digit_ns = 100'000'000;
    for (const char digit : fraction) {
      result += nanoseconds((digit - '0') * digit_ns);
      digit_ns /= 10;
    }
  }
  *time = result;
  return Status();
}

// "ddmm.mmmm" with `degree_digits` digits of degrees.
std::optional<double> Angle(std::string_view text, std::size_t degree_digits, double max_deg) {
  if (text.size() < degree_digits + 2 || !AllDigits(text.substr(0, degree_digits + 2))) return std::nullopt;
  const std::optional<double> degrees = Decimal(text.substr(0, degree_digits));
  const std::optional<double> minutes = Decimal(text.substr(degree_digits));
  if (!degrees || !minutes || *minutes >= 60) return std::nullopt;
  const double angle = *degrees + *minutes / 60;
  return angle <= max_deg ? std::optional(angle) : std::nullopt;
}

Status ReadPosition(const Fields& fields, int first, std::optional<GeoPoint>* position) {
  const std::string_view lat = fields[first];
  const std::string_view north = fields[first + 1];
  const std::string_view lon = fields[first + 2];
  const std::string_view east = fields[first + 3];
  if (lat.empty() && lon.empty()) return Status();
  const std::optional<double> lat_deg = Angle(lat, 2, 90);
  if (!lat_deg) return Refuse("latitude", lat, "ddmm.mmmm up to 90 degrees");
  if (north != "N" && north != "S") return Refuse("hemisphere", north, "N or S");
  const std::optional<double> lon_deg = Angle(lon, 3, 180);
  if (!lon_deg) return Refuse("longitude", lon, "dddmm.mmmm up to 180 degrees");
  if (east != "E" && east != "W") return Refuse("hemisphere", east, "E or W");
  *position = GeoPoint{north == "S" ? -*lat_deg : *lat_deg, east == "W" ? -*lon_deg : *lon_deg};
  return Status();
}

Status ReadSpeed(std::string_view text, double unit, NmeaSentence* sentence) {
  return ReadNumber("speed", text, kSpeedMaxMps, unit, &sentence->speed_mps);
}

Status ReadCourse(std::string_view text, NmeaSentence* sentence) {
  return ReadNumber("course", text, 360 * kDegree, kDegree, &sentence->course_rad);
}

Status ReadHdop(std::string_view text, NmeaSentence* sentence) {
  return ReadNumber("hdop", text, 1000, 1, &sentence->hdop);
}

// The mode indicator, which came with version 2.3: manual and simulated positions
// say nothing about where the vehicle is.
bool IsMeasured(std::string_view mode) { return mode.empty() || mode.find_first_not_of("NMS") != mode.npos; }

Status ReadGga(const Fields& fields, NmeaSentence* sentence) {
  const std::string_view quality = fields[6];
  if (quality.size() != 1 || !AllDigits(quality)) return Refuse("quality", quality, "one digit");
  sentence->valid = quality[0] >= '1' && quality[0] <= '6';  // 7 manual, 8 simulated
  if (Status status = ReadTime(fields[1], &sentence->time_of_day); !status.ok()) return status;
  if (Status status = ReadPosition(fields, 2, &sentence->position); !status.ok()) return status;
  return ReadHdop(fields[8], sentence);
}

Status ReadGns(const Fields& fields, NmeaSentence* sentence) {
  const std::string_view modes = fields[6];
  if (modes.empty()) return Refuse("mode", modes, "a letter for each system");
  sentence->valid = IsMeasured(modes);
  if (Status status = ReadTime(fields[1], &sentence->time_of_day); !status.ok()) return status;
  if (Status status = ReadPosition(fields, 2, &sentence->position); !status.ok()) return status;
  return ReadHdop(fields[8], sentence);
}

Status ReadRmc(const Fields& fields, NmeaSentence* sentence) {
  const std::string_view active = fields[2];
  if (active != "A" && active != "V") return Refuse("status", active, "A or V");
  sentence->valid = active == "A" && IsMeasured(fields[12]);
  if (Status status = ReadTime(fields[1], &sentence->time_of_day); !status.ok()) return status;
  if (Status status = ReadPosition(fields, 3, &sentence->position); !status.ok()) return status;
  if (Status status = ReadSpeed(fields[7], kKnotMps, sentence); !status.ok()) return status;
  return ReadCourse(fields[8], sentence);
}

Status ReadVtg(const Fields& fields, NmeaSentence* sentence) {
  sentence->valid = IsMeasured(fields[9]);
  if (fields[2] == "T") {
    if (Status status = ReadCourse(fields[1], sentence); !status.ok()) return status;
  }
  if (fields[8] == "K" && !fields[7].empty()) return ReadSpeed(fields[7], kKmhMps, sentence);
  return fields[6] == "N" ? ReadSpeed(fields[5], kKnotMps, sentence) : Status();
}

int HexDigit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return -1;
}

}  // namespace

Result<NmeaSentence> ParseNmea(std::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (line.size() > kNmeaLineBytesMax) {
    return Status(ErrorCode::kExhausted, "line is longer than " + std::to_string(kNmeaLineBytesMax) + " bytes");
  }
  if (line.empty() || line.front() != '$') {
    return Status(ErrorCode::kInvalidArgument, "line does not begin with '$'");
  }
  if (line.size() < 4 || line[line.size() - 3] != '*') {
    return Status(ErrorCode::kCorruption, "checksum is missing: expected '*' and two digits at the end");
  }
  const std::string_view body = line.substr(1, line.size() - 4);
  unsigned sum = 0;
  for (const char character : body) sum ^= static_cast<unsigned char>(character);
  const int high = HexDigit(line[line.size() - 2]);
  const int low = HexDigit(line[line.size() - 1]);
  if (high < 0 || low < 0 || static_cast<unsigned>(high * 16 + low) != sum) {
    return Status(ErrorCode::kCorruption, "checksum is wrong");
  }
  const Fields fields(body);
  const std::string_view name = fields[0];
  NmeaSentence sentence;
  // Proprietary sentences begin with P; talkers have two letters.
  if (name.size() != 5 || name.front() == 'P') return sentence;
  const std::string_view type = name.substr(2);
  Status status;
  if (type == "GGA") {
    sentence.type = NmeaType::kGga;
    status = ReadGga(fields, &sentence);
  } else if (type == "GNS") {
    sentence.type = NmeaType::kGns;
    status = ReadGns(fields, &sentence);
  } else if (type == "RMC") {
    sentence.type = NmeaType::kRmc;
    status = ReadRmc(fields, &sentence);
  } else if (type == "VTG") {
    sentence.type = NmeaType::kVtg;
    status = ReadVtg(fields, &sentence);
  }
  if (status.ok()) return sentence;
  return Status(status.code(), std::string(type) + ": " + std::string(status.message()));
}

}  // namespace starling::edge
