#include "cloud/starling/trigger_text.h"

#include <charconv>
#include <cmath>
#include <system_error>

namespace starling::cloud {
namespace {

using wire::PlanOpCode;

// Brackets and "not" within each other: each calls the reader anew.
constexpr int kDepthMax = 16;
// Beyond any that FindFault takes; a number of milliseconds of it fits.
constexpr double kHoldMaxS = 1e6;

class Reader {
 public:
  Reader(std::string_view text, const std::vector<std::string>& geofences, TriggerCondition* condition,
         TriggerMistake* mistake)
      : text_(text), geofences_(geofences), condition_(condition), mistake_(mistake) {
    Advance();
  }

  bool ReadAll() {
    if (!ReadAny(0)) return false;
    if (word_ == "for" && !ReadHold()) return false;
    if (!word_.empty()) return Expect("\"and\", \"or\", \"for\" or the end");
    return true;
  }

 private:
  static bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
  static bool IsWord(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-' || c == '+';
  }

  // The next word, a comparison, a bracket, any other character alone, or at the end nothing.
  void Advance() {
    next_ = at_ + word_.size();
    while (next_ < text_.size() && IsSpace(text_[next_])) ++next_;
    at_ = next_;
    std::size_t end = at_;
    while (end < text_.size() && IsWord(text_[end])) ++end;
    if (end == at_ && end < text_.size()) {
      ++end;
      if ((text_[at_] == '<' || text_[at_] == '>') && end < text_.size() && text_[end] == '=') ++end;
    }
    word_ = text_.substr(at_, end - at_);
  }

  bool Fail(std::string why) {
    *mistake_ = {at_, std::move(why)};
    return false;
  }
  bool Expect(const std::string& what) {
    std::string found = "the end";
    if (!word_.empty()) {
      found = "\"";
      found.append(word_.substr(0, 40)).append("\"");
    }
    return Fail("found " + found + ", expected " + what);
  }

  bool Push(PlanStep step) {
    if (condition_->steps.size() == PlanLimits::kStepsMax) {
      return Fail("the condition is too long: more than " + std::to_string(PlanLimits::kStepsMax) +
                  " comparisons, \"and\", \"or\" and \"not\" together");
    }
    condition_->steps.push_back(step);
    return true;
  }

  bool ReadAny(int depth) {
    if (!ReadAll(depth)) return false;
    while (word_ == "or") {
      Advance();
      if (!ReadAll(depth) || !Push({PlanOpCode::Or, 0, 0})) return false;
    }
    return true;
  }

  bool ReadAll(int depth) {
    if (!ReadOne(depth)) return false;
    while (word_ == "and") {
      Advance();
      if (!ReadOne(depth) || !Push({PlanOpCode::And, 0, 0})) return false;
    }
    return true;
  }

  bool ReadOne(int depth) {
    if (depth > kDepthMax) return Fail("more than " + std::to_string(kDepthMax) + " brackets and \"not\" within each other");
    if (word_ == "not") {
      Advance();
      return ReadOne(depth + 1) && Push({PlanOpCode::Not, 0, 0});
    }
    if (word_ == "(") {
      Advance();
      if (!ReadAny(depth + 1)) return false;
      if (word_ != ")") return Expect("\")\", \"and\" or \"or\"");
      Advance();
      return true;
    }
    if (word_ == "command") {
      Advance();
      if (word_ != "received") return Expect("\"received\"");
      Advance();
      return Push({PlanOpCode::CommandReceived, 0, 0});
    }
    if (word_ == "inside") return ReadGeofence(PlanOpCode::Inside);
    if (word_ == "entered") return ReadGeofence(PlanOpCode::Entered);
    if (word_ == "left") return ReadGeofence(PlanOpCode::Left);
    return ReadComparison();
  }

  bool ReadGeofence(PlanOpCode code) {
    Advance();
    for (std::size_t i = 0; i < geofences_.size(); ++i) {
      if (geofences_[i] != word_ || word_.empty()) continue;
      Advance();
      return Push({code, static_cast<std::uint8_t>(i), 0});
    }
    std::string names;
    for (const std::string& name : geofences_) names.append(names.empty() ? "" : ", ").append(name);
    return Expect(names.empty() ? "a geofence, and the plan has none" : "a geofence: " + names);
  }

  bool ReadComparison() {
    const PlanSignalInfo* const info = FindPlanSignal(word_);
    if (info == nullptr || !info->number) {
      std::string names;
      for (const PlanSignalInfo& each : PlanSignals()) {
        if (each.number) names.append(names.empty() ? "" : ", ").append(each.name);
      }
      return Expect("\"not\", \"(\", \"inside\", \"entered\", \"left\", \"command received\" or a signal: " + names);
    }
    Advance();
    PlanStep step;
    if (word_ == ">") step.code = PlanOpCode::Greater;
    else if (word_ == ">=") step.code = PlanOpCode::GreaterEqual;
    else if (word_ == "<") step.code = PlanOpCode::Less;
    else if (word_ == "<=") step.code = PlanOpCode::LessEqual;
    else return Expect("one of > >= < <=");
    step.argument = static_cast<std::uint8_t>(info->signal);
    Advance();
    return ReadNumber(&step.value) && Push(step);
  }

  bool ReadNumber(double* value) {
    // from_chars takes no plus.
    std::string_view digits = word_;
    if (digits.size() > 1 && digits.front() == '+' && digits[1] != '-') digits.remove_prefix(1);
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), *value);
    if (digits.empty() || failure != std::errc() || end != digits.data() + digits.size() || !std::isfinite(*value)) {
      return Expect("a number");
    }
    Advance();
    return true;
  }

  bool ReadHold() {
    Advance();
    double value = 0;
    if (!ReadNumber(&value)) return false;
    if (word_ != "s" && word_ != "ms") return Expect("\"s\" or \"ms\"");
    const double hold_s = word_ == "ms" ? value / 1e3 : value;
    if (!(hold_s >= 0 && hold_s <= kHoldMaxS)) return Fail("how long the condition holds is out of range");
    condition_->hold = milliseconds(std::llround(hold_s * 1e3));
    Advance();
    return true;
  }

  const std::string_view text_;
  const std::vector<std::string>& geofences_;
  TriggerCondition* const condition_;
  TriggerMistake* const mistake_;
  std::string_view word_;
  std::size_t at_ = 0;    // Where it begins.
  std::size_t next_ = 0;
};

}  // namespace

bool ParseTrigger(std::string_view text, const std::vector<std::string>& geofences, TriggerCondition* condition,
                  TriggerMistake* mistake) {
  *condition = {};
  return Reader(text, geofences, condition, mistake).ReadAll();
}

}  // namespace starling::cloud
