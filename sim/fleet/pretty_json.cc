#include "sim/fleet/pretty_json.h"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>

namespace starling::sim {
namespace {

namespace json = boost::json;

bool OnOneLine(const json::value& value) {
  const auto plain = [](const json::value& inner) { return !inner.is_structured(); };
  if (value.is_array()) return std::ranges::all_of(value.as_array(), plain);
  if (!value.is_object()) return true;
  const json::object& object = value.as_object();
  return object.size() <= 6 && std::ranges::all_of(object, [&](const auto& entry) { return plain(entry.value()); });
}

std::string NumberText(double value) {
  std::array<char, 32> text;
  const auto written = std::to_chars(text.data(), text.data() + text.size(), value);
  std::string number(text.data(), written.ptr);
  // Else a reader would take it for a whole number.
  if (number.find_first_of(".en") == std::string::npos) number += ".0";
  return number;
}

void Write(const json::value& value, std::size_t depth, std::string* out) {
  if (value.is_double()) {
    out->append(NumberText(value.as_double()));
    return;
  }
  if (!value.is_structured()) {
    out->append(json::serialize(value));
    return;
  }
  const bool flat = OnOneLine(value);
  const std::string indent(flat ? 0 : 2 * (depth + 1), ' ');
  bool first = true;
  const auto next = [&] {
    if (!first)
      out->append(flat ? ", " : ",\n");
    else if (!flat)
      out->append("\n");
    first = false;
    out->append(indent);
  };
  out->append(value.is_object() ? "{" : "[");
  if (value.is_object()) {
    for (const auto& entry : value.as_object()) {
      next();
      out->append(json::serialize(json::value(entry.key()))).append(": ");
      Write(entry.value(), depth + 1, out);
    }
  } else {
    for (const json::value& element : value.as_array()) {
      next();
      Write(element, depth + 1, out);
    }
  }
  if (!flat) out->append("\n").append(2 * depth, ' ');
  out->append(value.is_object() ? "}" : "]");
}

}  // namespace

std::string PrettyJson(const json::value& value) {
  std::string text;
  Write(value, 0, &text);
  return text + "\n";
}

}  // namespace starling::sim
