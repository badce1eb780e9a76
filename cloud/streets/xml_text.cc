#include "cloud/streets/xml_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <system_error>
#include <utility>

namespace starling::cloud {
namespace {

constexpr std::size_t kQuotedMax = 60;
// Kinds of things that are not taken over; a file that invents more of them is no map.
constexpr std::size_t kSkippedKindsMax = 1'000;
constexpr double kCoordinateMaxM = 1e8;

template <typename T>
std::optional<T> Parse(std::string_view text) {
  T value{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> FiniteNumber(std::string_view text) {
  const std::optional<double> value = Parse<double>(text);  // Knows "nan" and "inf".
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::string Short(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%g", value);
  return text;
}

bool Among(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// A text from the file as people may see it: short, and without control characters.
std::string Shown(std::string_view text) {
  std::string shown;
  for (const char c : text.substr(0, kQuotedMax)) {
    const auto code = static_cast<unsigned char>(c);
    shown += code < 0x20 || code == 0x7f ? '?' : c;
  }
  if (text.size() > kQuotedMax) shown += "...";
  return shown;
}

}  // namespace

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  constexpr std::string_view kBlanks = " \t\r\n";
  for (std::size_t at = text.find_first_not_of(kBlanks); at != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(kBlanks, at), text.size());
    words.push_back(text.substr(at, end - at));
    at = text.find_first_not_of(kBlanks, end);
  }
  return words;
}

std::string Quoted(std::string_view text) {
  std::string quoted(1, '"');
  quoted += Shown(text) + '"';
  return quoted;
}

XmlText::XmlText(std::string text, std::string name) : text_(std::move(text)), name_(std::move(name)) {}

void XmlText::FailAt(std::ptrdiff_t offset, const std::string& expected) {
  if (failed()) return;
  const auto before = std::lower_bound(newlines_.begin(), newlines_.end(),
                                       static_cast<std::size_t>(std::max<std::ptrdiff_t>(offset, 0)));
  failure_ = {ErrorCode::kCorruption,
              name_ + ":" + std::to_string(1 + (before - newlines_.begin())) + ": expected " + expected};
}

void XmlText::Fail(pugi::xml_node node, const std::string& expected) { FailAt(node.offset_debug(), expected); }

pugi::xml_node XmlText::Root(std::initializer_list<std::string_view> names, const std::string& expected) {
  const auto marks =
      std::count_if(text_.begin(), text_.end(), [](char c) { return c == '<' || c == '=' || c == '\n'; });
  if (static_cast<std::size_t>(marks) > kXmlMarksMax) {
    failure_ = {ErrorCode::kExhausted,
                name_ + ": more than " + std::to_string(kXmlMarksMax) + " elements, attributes and lines"};
    return {};
  }
  for (std::size_t i = 0; i < text_.size(); ++i) {
    if (text_[i] == '\n') newlines_.push_back(i);
  }
  const std::size_t begins = text_.find_first_not_of(" \t\r\n\xef\xbb\xbf");  // The latter: a byte order mark.
  if (begins == std::string::npos || text_[begins] != '<') {
    FailAt(0, "XML, plain or compressed with gzip");
    return {};
  }
  // UTF-8 without conversion, so that offsets stay what they are.
  const pugi::xml_parse_result parsed =
      document_.load_buffer_inplace(text_.data(), text_.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!parsed) {
    FailAt(parsed.offset, std::string("well-formed XML: ") + parsed.description());
    return {};
  }
  const pugi::xml_node root = document_.document_element();
  if (!Among(root.name(), names)) {
    FailAt(root.offset_debug(), expected + ", not <" + Shown(root.name()) + ">");
    return {};
  }
  for (pugi::xml_node next = root.next_sibling(); next; next = next.next_sibling()) {
    if (next.type() == pugi::node_element) Fail(next, "the end of the file after </" + std::string(root.name()) + ">");
  }
  return root;
}

std::string_view XmlText::Text(pugi::xml_node node, const char* attribute) {
  const std::string_view value = node.attribute(attribute).value();
  if (value.empty()) Fail(node, std::string("attribute ") + attribute + " of <" + node.name() + ">");
  return value;
}

double XmlText::Number(pugi::xml_node node, const char* attribute, double low, double high,
                       std::optional<double> absent) {
  const pugi::xml_attribute given = node.attribute(attribute);
  if (!given && absent) return *absent;
  const std::optional<double> value = FiniteNumber(given.value());
  if (value && *value >= low && *value <= high) return *value;
  Fail(node, "a number from " + Short(low) + " to " + Short(high) + " as " + attribute + " of <" + node.name() +
                 ">, not " + Quoted(given.value()));
  return low;
}

std::uint32_t XmlText::Whole(pugi::xml_node node, const char* attribute, std::uint32_t high) {
  const std::string_view text = node.attribute(attribute).value();
  const std::optional<std::uint32_t> value = Parse<std::uint32_t>(text);
  if (value && *value <= high) return *value;
  Fail(node, "a whole number from 0 to " + std::to_string(high) + " as " + attribute + " of <" + node.name() +
                 ">, not " + Quoted(text));
  return 0;
}

Vec2 XmlText::Point(pugi::xml_node node, std::string_view text, bool* with_height) {
  std::size_t count = 0;
  double numbers[3] = {};
  for (std::size_t at = 0; at <= text.size(); ++count) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::optional<double> value = FiniteNumber(text.substr(at, end - at));
    if (count == 3 || !value || std::abs(*value) > kCoordinateMaxM) {
      count = 0;
      break;
    }
    numbers[count] = *value;
    at = end + 1;
  }
  if (count < 2) Fail(node, "points \"x,y\" in metres, not " + Quoted(text));
  if (count == 3) *with_height = true;
  return {numbers[0], numbers[1]};
}

void XmlText::Skip(const std::string& what) {
  if (const auto known = skipped_.find(what); known != skipped_.end()) {
    ++known->second;
  } else {
    ++skipped_[skipped_.size() < kSkippedKindsMax ? what : "other things"];
  }
}

void XmlText::SkipElements(pugi::xml_node node, std::initializer_list<std::string_view> known) {
  for (const pugi::xml_node child : node.children()) {
    if (child.type() != pugi::node_element || Among(child.name(), known)) continue;
    Skip(std::string("<") + Shown(child.name()) + "> in <" + node.name() + ">");
  }
}

void XmlText::SkipAttributes(pugi::xml_node node, std::initializer_list<std::string_view> known) {
  for (const pugi::xml_attribute attribute : node.attributes()) {
    if (!Among(attribute.name(), known)) Skip("attribute " + Shown(attribute.name()) + " of <" + node.name() + ">");
  }
}

}  // namespace starling::cloud
