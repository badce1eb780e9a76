#pragma once

#include <cmath>
#include <string>
#include <string_view>

#include "common/status.h"
#include "common/time.h"

namespace starling::sim {

// Collects what is wrong with a config; the first finding counts.
class Limits {
 public:
  // `subject` is what the config is of, as the message begins.
  explicit Limits(std::string_view subject) : subject_(subject) {}

  void Within(std::string_view field, double value, double low, double high) {
    if (value >= low && value <= high) return;  // Refuses NaN, too.
    Refuse(field, Text(value) + ", not in " + Text(low) + " to " + Text(high));
  }

  // As Within, but `low` itself is not allowed.
  void Above(std::string_view field, double value, double low, double high) {
    if (value > low && value <= high) return;
    Refuse(field, Text(value) + ", not above " + Text(low) + " and up to " + Text(high));
  }

  void Within(std::string_view field, nanoseconds value, nanoseconds low, nanoseconds high) {
    if (value >= low && value <= high) return;
    Refuse(field, Text(ToSeconds(value)) + " s, not in " + Text(ToSeconds(low)) + " to " +
                      Text(ToSeconds(high)) + " s");
  }

  // kInvalidArgument with the first field that is out of its range, or success.
  Status Verdict() const { return verdict_; }

 private:
  static std::string Text(double value) {
    std::string text = std::to_string(value);
    if (!std::isfinite(value)) return text;
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
    return text;
  }

  void Refuse(std::string_view field, const std::string& finding) {
    if (!verdict_.ok()) return;
    verdict_ = Status(ErrorCode::kInvalidArgument, std::string(subject_) + " " + std::string(field) + " is " + finding);
  }

  std::string_view subject_;
  Status verdict_;
};

}  // namespace starling::sim
