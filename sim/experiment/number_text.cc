#include "sim/experiment/number_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>

#include "common/check.h"

namespace starling::sim {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

bool IsContinuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

// The bytes of the code point at the beginning of `text`, 0 if there is none that XML may contain.
std::size_t CodePointBytes(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return first >= 0x20 && first != 0x7F ? 1 : 0;
  const std::size_t bytes = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < bytes) return 0;
  std::uint32_t code = first & (0xFFu >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if (!IsContinuation(text[i])) return 0;
    code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3Fu);
  }
  constexpr std::array<std::uint32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  const bool control = code < 0xA0 || code == 0xFFFE || code == 0xFFFF;
  // These turn the direction of the text after them.
  const bool turns = (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
  return code < kLeast[bytes] || code > 0x10FFFF || surrogate || control || turns ? 0 : bytes;
}

}  // namespace

std::string Fixed(double value, int decimals) {
  STARLING_CHECK(decimals >= 0 && decimals <= 17);
  std::array<char, 64> text;
  const auto written = std::abs(value) < 1e15 ? std::to_chars(text.data(), text.data() + text.size(), value,
                                                              std::chars_format::fixed, decimals)
                                              : std::to_chars(text.data(), text.data() + text.size(), value,
                                                              std::chars_format::scientific, 3);
  std::string result(text.data(), written.ptr);
  if (result[0] == '-' && result.find_first_of("123456789") == std::string::npos) result.erase(0, 1);
  return result;
}

std::string Signed(double value, int decimals) {
  std::string text = Fixed(value, decimals);
  const bool positive = text[0] != '-' && text.find_first_of("123456789") != std::string::npos;
  return positive ? text.insert(0, 1, '+') : text;
}

std::string IntervalText(double low, double high, int decimals) {
  return std::string("[").append(Signed(low, decimals)).append(", ").append(Signed(high, decimals)).append("]");
}

int DecimalsFor(double magnitude) {
  int decimals = 6;
  for (double bound = 1e-2; decimals > 0 && std::abs(magnitude) >= bound; bound *= 10) --decimals;
  return magnitude == 0 ? 0 : decimals;
}

double NineDigits(double value) {
  std::array<char, 64> text;
  const auto written = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 9);
  double rounded = value;
  std::from_chars(text.data(), written.ptr, rounded);
  return rounded == 0 ? 0 : rounded;  // Never -0.
}

std::string PercentOf(double share) {
  std::string text = Fixed(100 * share, 2);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text + " %";
}

std::string CleanText(std::string_view text) {
  std::string clean;
  while (!text.empty()) {
    if (text[0] == '\t' || text[0] == '\n' || text[0] == '\r') {
      clean += ' ';
      text.remove_prefix(1);
      continue;
    }
    const std::size_t bytes = CodePointBytes(text);
    clean += bytes == 0 ? kReplacement : text.substr(0, bytes);
    text.remove_prefix(std::max<std::size_t>(bytes, 1));
  }
  return clean;
}

std::string Shortened(std::string_view text, std::size_t characters_max) {
  STARLING_CHECK(characters_max >= 1);
  if (LengthOf(text) <= characters_max) return std::string(text);
  std::size_t end = 0;
  for (std::size_t kept = 0; kept + 1 < characters_max; ++kept) {
    do ++end;
    while (IsContinuation(text[end]));
  }
  return std::string(text.substr(0, end)) + "…";
}

std::size_t LengthOf(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char byte) { return !IsContinuation(byte); }));
}

}  // namespace starling::sim
