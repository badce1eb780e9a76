#include "edge/source/gnss/gpsd_report.h"

#include <array>
#include <cmath>
#include <string>

#include "edge/source/json_cursor.h"

namespace starling::edge {
namespace {

constexpr int kDepthMax = 8;

struct Number {
  std::string_view key;
  std::optional<double> GpsdReport::* value;
};
constexpr std::array kNumbers = {
    Number{"proto_major", &GpsdReport::protocol}, Number{"mode", &GpsdReport::mode},
    Number{"status", &GpsdReport::status},        Number{"lat", &GpsdReport::lat_deg},
    Number{"lon", &GpsdReport::lon_deg},          Number{"speed", &GpsdReport::speed_mps},
    Number{"track", &GpsdReport::track_deg},      Number{"eph", &GpsdReport::eph_m},
    Number{"epx", &GpsdReport::epx_m},            Number{"epy", &GpsdReport::epy_m}};

struct Text {
  std::string_view key;
  std::string_view GpsdReport::* value;
};
constexpr std::array kTexts = {Text{"device", &GpsdReport::device}, Text{"path", &GpsdReport::device},
                               Text{"release", &GpsdReport::release}, Text{"message", &GpsdReport::message}};

GpsdClass ClassOf(std::string_view name) {
  if (name == "TPV") return GpsdClass::kTpv;
  if (name == "VERSION") return GpsdClass::kVersion;
  if (name == "DEVICES") return GpsdClass::kDevices;
  if (name == "DEVICE") return GpsdClass::kDevice;
  if (name == "ERROR") return GpsdClass::kError;
  return GpsdClass::kOther;
}

Status ReadTime(JsonCursor* cursor, std::optional<nanoseconds>* time) {
  if (cursor->Next() == '"') {
    const auto text = cursor->RawString();
    if (!text.ok()) return text.status();
    *time = ParseIsoTime(text.value());
    return Status();
  }
  // gpsd before 3 wrote seconds.
  const auto unix_s = cursor->Number();
  if (!unix_s.ok()) return unix_s.status();
  if (unix_s.value() >= 0 && unix_s.value() < 9e9) {
    *time = nanoseconds(static_cast<nanoseconds::rep>(unix_s.value() * 1e9));
  }
  return Status();
}

Status ReadDevices(JsonCursor* cursor, std::optional<double>* count) {
  if (Status status = cursor->Expect('['); !status.ok()) return status;
  *count = 0;
  if (cursor->Take(']')) return Status();
  do {
    if (Status status = cursor->SkipValue(kDepthMax); !status.ok()) return status;
    ++**count;
  } while (cursor->Take(','));
  return cursor->Expect(']');
}

Status ReadValue(std::string_view key, JsonCursor* cursor, GpsdReport* report) {
  if (cursor->TakeWord("null")) return Status();
  if (key == "class") {
    const auto name = cursor->RawString();
    if (!name.ok()) return name.status();
    report->type = ClassOf(name.value());
    return Status();
  }
  if (key == "time") return ReadTime(cursor, &report->time);
  if (key == "devices") return ReadDevices(cursor, &report->devices);
  if (key == "activated" && cursor->Next() != '"') {
    const auto since = cursor->Number();
    if (!since.ok()) return since.status();
    report->lost = since.value() == 0;
    return Status();
  }
  for (const Number& number : kNumbers) {
    if (key != number.key) continue;
    const auto value = cursor->Number();
    if (!value.ok()) return value.status();
    report->*number.value = value.value();
    return Status();
  }
  for (const Text& text : kTexts) {
    if (key != text.key) continue;
    const auto value = cursor->RawString();
    if (!value.ok()) return value.status();
    report->*text.value = value.value();
    return Status();
  }
  return cursor->SkipValue(kDepthMax);
}

// Keys of one class mean something else in another: what is not used must not be
// read as if it were.
Result<GpsdClass> FindClass(std::string_view line) {
  JsonCursor cursor(line);
  GpsdClass type = GpsdClass::kOther;
  if (Status status = cursor.Expect('{'); !status.ok()) return status;
  if (!cursor.Take('}')) {
    do {
      const auto key = cursor.RawString();
      if (!key.ok()) return key.status();
      if (Status status = cursor.Expect(':'); !status.ok()) return status;
      if (key.value() == "class" && cursor.Next() == '"') {
        const auto name = cursor.RawString();
        if (!name.ok()) return name.status();
        type = ClassOf(name.value());
      } else if (Status status = cursor.SkipValue(kDepthMax); !status.ok()) {
        return status;
      }
    } while (cursor.Take(','));
    if (Status status = cursor.Expect('}'); !status.ok()) return status;
  }
  if (Status status = cursor.End(); !status.ok()) return status;
  return type;
}

// `count` digits at the start, which are taken away.
std::optional<int> Digits(std::size_t count, std::string_view* text) {
  if (text->size() < count) return std::nullopt;
  int value = 0;
  for (const char digit : text->substr(0, count)) {
    if (digit < '0' || digit > '9') return std::nullopt;
    value = value * 10 + (digit - '0');
  }
  text->remove_prefix(count);
  return value;
}

bool TakeChar(char wanted, std::string_view* text) {
  if (text->empty() || text->front() != wanted) return false;
  text->remove_prefix(1);
  return true;
}

// Days since 1970-01-01 in the Gregorian calendar.
// Source: H. Hinnant, chrono-Compatible Low-Level Date Algorithms, days_from_civil.
std::int64_t DaysFromCivil(int year, int month, int day) {
  year -= month <= 2 ? 1 : 0;
  const int era = year / 400;
  const int year_of_era = year - era * 400;
  const int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return static_cast<std::int64_t>(era) * 146'097 + day_of_era - 719'468;
}

}  // namespace

std::optional<nanoseconds> ParseIsoTime(std::string_view text) {
  const auto year = Digits(4, &text);
  if (!year || *year < 1970 || *year > 2200 || !TakeChar('-', &text)) return std::nullopt;
  const auto month = Digits(2, &text);
  if (!month || *month < 1 || *month > 12 || !TakeChar('-', &text)) return std::nullopt;
  const auto day = Digits(2, &text);
  if (!day || *day < 1 || *day > 31 || !TakeChar('T', &text)) return std::nullopt;
  const auto hour = Digits(2, &text);
  if (!hour || *hour > 23 || !TakeChar(':', &text)) return std::nullopt;
  const auto minute = Digits(2, &text);
  if (!minute || *minute > 59 || !TakeChar(':', &text)) return std::nullopt;
  const auto second = Digits(2, &text);
  if (!second || *second > 60) return std::nullopt;
  nanoseconds time = seconds(((DaysFromCivil(*year, *month, *day) * 24 + *hour) * 60 + *minute) * 60 + *second);
  if (TakeChar('.', &text)) {
    for (nanoseconds::rep digit_ns = 100'000'000; !text.empty() && text.front() >= '0' && text.front() <= '9';
         digit_ns /= 10) {
      time += nanoseconds((text.front() - '0') * digit_ns);
      text.remove_prefix(1);
    }
  }
  if (text != "Z" && text != "+00:00") return std::nullopt;
  return time;
}

Result<GpsdReport> ParseGpsdReport(std::string_view line) {
  if (line.size() > kGpsdLineBytesMax) {
    return Status(ErrorCode::kExhausted, "line is longer than " + std::to_string(kGpsdLineBytesMax) + " bytes");
  }
  const Result<GpsdClass> type = FindClass(line);
  if (!type.ok()) return type.status();
  GpsdReport report;
  if (type.value() == GpsdClass::kOther) return report;
  JsonCursor cursor(line);
  if (Status status = cursor.Expect('{'); !status.ok()) return status;
  do {
    const auto key = cursor.RawString();
    if (!key.ok()) return key.status();
    if (Status status = cursor.Expect(':'); !status.ok()) return status;
    if (Status status = ReadValue(key.value(), &cursor, &report); !status.ok()) {
      return Status(status.code(), std::string(key.value().substr(0, 32)) + ": " + std::string(status.message()));
    }
  } while (cursor.Take(','));
  return report;
}

}  // namespace starling::edge
