#include "cloud/starling/document.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>

namespace starling::cloud {
namespace {

namespace json = boost::json;

const json::value* At(const json::object& parent, std::string_view name) {
  return parent.if_contains({name.data(), name.size()});
}

}  // namespace

std::string Plain(std::string text) {
  std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7F; }, '?');
  return text;
}

const json::object* ObjectAt(const json::object& parent, std::string_view name) {
  const json::value* const value = At(parent, name);
  return value == nullptr ? nullptr : value->if_object();
}

const json::array& ArrayAt(const json::object& parent, std::string_view name) {
  static const json::array kNone;
  const json::value* const value = At(parent, name);
  const json::array* const array = value == nullptr ? nullptr : value->if_array();
  return array == nullptr ? kNone : *array;
}

std::string TextAt(const json::object& parent, std::string_view name) {
  const json::value* const value = At(parent, name);
  if (value == nullptr) return "-";
  if (const json::string* text = value->if_string()) return Plain({text->data(), text->size()});
  if (const std::int64_t* whole = value->if_int64()) return std::to_string(*whole);
  if (const std::uint64_t* whole = value->if_uint64()) return std::to_string(*whole);
  return "-";
}

std::optional<double> NumberAt(const json::object& parent, std::string_view name) {
  const json::value* const value = At(parent, name);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  return value->to_number<double>();
}

std::optional<std::int64_t> WholeAt(const json::object& parent, std::string_view name) {
  const json::value* const value = At(parent, name);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  json::error_code failure;
  const auto whole = value->to_number<std::int64_t>(failure);
  if (failure) return std::nullopt;
  return whole;
}

bool IsTrue(const json::object& parent, std::string_view name) {
  const json::value* const value = At(parent, name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

std::string Fixed(std::optional<double> number, int digits, std::string_view unit) {
  if (!number || !std::isfinite(*number)) return "-";
  std::array<char, 400> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, *number);
  return text.data() + std::string(unit);
}

std::string TimeText(std::optional<std::int64_t> unix_ns) {
  if (!unix_ns || *unix_ns <= 0) return "-";
  const auto at = static_cast<std::time_t>(*unix_ns / 1'000'000'000);
  std::tm utc{};
  if (::gmtime_r(&at, &utc) == nullptr) return "-";
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::array<char, 48> whole{};
  std::snprintf(whole.data(), whole.size(), "%s.%03dZ", text.data(), static_cast<int>(*unix_ns / 1'000'000 % 1000));
  return whole.data();
}

std::string SpanText(double seconds) {
  if (!std::isfinite(seconds)) return "-";
  if (seconds < 0) return std::string(1, '-').append(SpanText(-seconds));
  const auto whole = static_cast<std::int64_t>(std::min(seconds, 1e15));
  const auto two = [](std::int64_t big, const char* big_unit, std::int64_t small, const char* small_unit) {
    std::string text = std::to_string(big) + big_unit;
    if (small != 0) text.append(" ").append(std::to_string(small)).append(small_unit);
    return text;
  };
  if (whole >= 86'400) return two(whole / 86'400, " d", whole % 86'400 / 3'600, " h");
  if (whole >= 3'600) return two(whole / 3'600, " h", whole % 3'600 / 60, " min");
  if (whole >= 60) return two(whole / 60, " min", whole % 60, " s");
  return Fixed(seconds, seconds < 10 ? 2 : 0, " s");
}

std::string TextTable::Text() const {
  const std::size_t columns = rows_.front().size();
  std::vector<bool> right(columns);
  std::vector<std::size_t> widths(columns);
  std::vector<std::vector<std::string>> rows = rows_;
  for (std::size_t i = 0; i < columns; ++i) {
    std::string& title = rows.front()[i];
    right[i] = title.ends_with('>');
    if (right[i]) title.pop_back();
    for (const auto& row : rows) widths[i] = std::max(widths[i], i < row.size() ? row[i].size() : 0);
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < columns; ++i) {
      const std::string cell = i < row.size() ? row[i] : "";
      const std::string padding(widths[i] - cell.size(), ' ');
      if (i > 0) line += "  ";
      line += right[i] ? padding + cell : cell + padding;
    }
    line.resize(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace starling::cloud
