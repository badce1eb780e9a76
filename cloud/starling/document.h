// What an orchestrator answers, read with care: any field may be missing or of another kind, and
// any text may be somebody else's choice.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace starling::cloud {

// One line without control characters.
std::string Plain(std::string text);

// Null, empty or "-" where there is none of that name and kind.
const boost::json::object* ObjectAt(const boost::json::object& parent, std::string_view name);
const boost::json::array& ArrayAt(const boost::json::object& parent, std::string_view name);
std::string TextAt(const boost::json::object& parent, std::string_view name);  // numbers too, as they are
std::optional<double> NumberAt(const boost::json::object& parent, std::string_view name);
std::optional<std::int64_t> WholeAt(const boost::json::object& parent, std::string_view name);
bool IsTrue(const boost::json::object& parent, std::string_view name);

// "-" if there is none; `unit` goes right behind the number.
std::string Fixed(std::optional<double> number, int digits, std::string_view unit = "");

// "2026-01-31T12:00:00.123Z"; "-" for none and 0.
std::string TimeText(std::optional<std::int64_t> unix_ns);
// "3 d 4 h", "2 min 5 s", "0.25 s".
std::string SpanText(double seconds);

// Columns under their titles, two spaces between them; those whose title ends in '>' stand on the
// right, and the sign is left out.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> titles) : rows_{std::move(titles)} {}
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.size() == 1; }
  std::string Text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace starling::cloud
