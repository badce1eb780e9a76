#include "cloud/scaling/scaling_config.h"

#include <charconv>
#include <string_view>

namespace starling::cloud {
namespace {

constexpr std::size_t kAnnouncedMax = 64;
constexpr std::uint32_t kShardsMax = 9'999;
constexpr double kFixesMax = 1e9;

Status Invalid(const char* field, const char* range) {
  return {ErrorCode::kInvalidArgument, std::string("scaling.") + field + " must be " + range};
}

}  // namespace

double ScalingConfig::Extra(Minute minute) const {
  double extra = 0;
  for (const AnnouncedLoad& event : announced) {
    if (event.begin <= minute && minute < event.end) extra += event.fixes_per_second;
  }
  return extra;
}

Status ScalingConfig::Validate() const {
  if (!(capacity_fixes_per_second >= 1 && capacity_fixes_per_second <= kFixesMax)) {
    return Invalid("capacity_fixes_per_second", "1 to 1e9");
  }
  if (!(target_share >= 0.1 && target_share <= 1)) return Invalid("target_share", "0.1 to 1");
  if (!(coverage >= 0.5 && coverage <= 0.99)) return Invalid("coverage", "0.5 to 0.99");
  if (shards_min < 1 || shards_min > shards_max || shards_max > kShardsMax) {
    return Invalid("shards_min and shards_max", "1 to 9999, the first not above the second");
  }
  if (cool_down < std::chrono::minutes(0) || cool_down > std::chrono::minutes(60)) {
    return Invalid("cool_down", "0 to 60 min");
  }
  if (!(hysteresis >= 0 && hysteresis <= 0.5)) return Invalid("hysteresis", "0 to 0.5");
  if (utc_offset_minutes < -720 || utc_offset_minutes > 840) return Invalid("utc_offset_minutes", "-720 to 840");
  if (announced.size() > kAnnouncedMax) return Invalid("announced", "64 events at most");
  for (const AnnouncedLoad& event : announced) {
    if (event.begin >= event.end) return Invalid("announced", "events whose `from` is before their `to`");
    if (!(event.fixes_per_second >= 0 && event.fixes_per_second <= kFixesMax)) {
      return Invalid("announced", "events whose fixes_per_second are 0 to 1e9");
    }
  }
  return {};
}

Result<Minute> ParseMinute(const std::string& text) {
  const Status wrong(ErrorCode::kInvalidArgument, "'" + text + "' is not a time as in 2026-11-28T17:00");
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd";
  if (text.size() != kForm.size()) return wrong;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    const bool fits = kForm[i] == 'd' ? text[i] >= '0' && text[i] <= '9' : text[i] == kForm[i];
    if (!fits) return wrong;
  }
  const auto number = [&](std::size_t at, std::size_t digits) {
    int value = 0;
    (void)std::from_chars(text.data() + at, text.data() + at + digits, value);  // Digits, as looked at above.
    return value;
  };
  const std::chrono::year_month_day day{std::chrono::year{number(0, 4)},
                                        std::chrono::month{static_cast<unsigned>(number(5, 2))},
                                        std::chrono::day{static_cast<unsigned>(number(8, 2))}};
  const int hour = number(11, 2);
  const int minute = number(14, 2);
  if (!day.ok() || hour > 23 || minute > 59) return wrong;
  return Minute{std::chrono::sys_days(day).time_since_epoch().count() * 24 * 60 + hour * 60 + minute};
}

}  // namespace starling::cloud
