#include "cloud/starling/plan_text.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "cloud/starling/trigger_text.h"
#include "common/toml/long_key.h"
#include "common/toml/parser.h"

namespace starling::cloud {
namespace {

using Position = toml::source_position;

// Numbers beyond this are refused before they are made whole ones.
constexpr double kNumberMax = 1e9;

constexpr std::pair<std::string_view, wire::PlanAggregate> kAggregates[] = {
    {"count", wire::PlanAggregate::Count}, {"min", wire::PlanAggregate::Min},
    {"max", wire::PlanAggregate::Max},     {"mean", wire::PlanAggregate::Mean},
    {"last", wire::PlanAggregate::Last},   {"time_above", wire::PlanAggregate::TimeAbove}};

// The line and column of a place in the text.
Position PlaceOf(std::string_view text, std::size_t at) {
  const std::string_view before = text.substr(0, at);
  const std::size_t line_begin = before.rfind('\n') + 1;  // npos + 1 is 0.
  return {static_cast<toml::source_index>(1 + std::count(before.begin(), before.end(), '\n')),
          static_cast<toml::source_index>(1 + at - line_begin)};
}

class Reader;

// One table, read key by key: what nobody has read is unknown.
class Section {
 public:
  Section(Reader* reader, const toml::table& table, std::string name)
      : reader_(reader), table_(table), name_(std::move(name)) {}

  const toml::node* Find(std::string_view key) {
    known_.emplace(key);
    return table_.get(key);
  }
  // A key that has to be there; null if it is not, which is then refused.
  const toml::node* Demand(std::string_view key);

  void Read(std::string_view key, std::optional<double>* value);
  void Read(std::string_view key, double* value);
  void Read(std::string_view key, std::uint64_t* value);
  void Read(std::string_view key, std::string* value);
  void Read(std::string_view key, std::optional<seconds>* time);    // an instant
  void Read(std::string_view key, milliseconds* time);              // a number of seconds
  // The value of one of `names`.
  template <typename T>
  void Read(std::string_view key, const std::vector<std::pair<std::string_view, T>>& names, T* value);
  void End();

  const toml::table& table() const { return table_; }

 private:
  Reader* const reader_;
  const toml::table& table_;
  const std::string name_;
  std::set<std::string, std::less<>> known_;
};

class Reader {
 public:
  Reader(std::string_view text, PlanMistake* mistake) : text_(text), mistake_(mistake) {}

  std::optional<CompiledPlan> Read();

  void Refuse(Position at, std::string why) {
    if (failed_) return;
    failed_ = true;
    *mistake_ = {std::max<std::uint32_t>(at.line, 1), std::max<std::uint32_t>(at.column, 1), std::move(why)};
  }
  void Refuse(const toml::node& node, std::string why) { Refuse(node.source().begin, std::move(why)); }
  void Expect(std::string_view key, const toml::node& node, std::string_view what) {
    Refuse(node, std::string(key) + " is to be " + std::string(what));
  }

 private:
  bool Parse();
  void ReadLive(Section* root);
  void ReadSignal(Section* section);
  void ReadWindow(Section* section);
  void ReadGeofence(Section* section);
  void ReadTrigger(Section* section);
  void ReadCondition(const toml::node& node, PlanTrigger* trigger);
  template <typename ReadOne>
  void Sections(Section* root, std::string_view key, std::size_t most, ReadOne read);
  Position PlaceOfFault(const PlanFault& fault) const;

  const std::string_view text_;
  PlanMistake* const mistake_;
  bool failed_ = false;
  toml::table root_;
  Plan plan_;
};

const toml::node* Section::Demand(std::string_view key) {
  const toml::node* const node = Find(key);
  if (node == nullptr) reader_->Refuse(table_, name_ + " needs " + std::string(key));
  return node;
}

void Section::Read(std::string_view key, std::optional<double>* value) {
  const toml::node* const node = Find(key);
  if (node == nullptr) return;
  const std::optional<double> number = node->value<double>();
  if (!node->is_number() || !number || !(std::abs(*number) <= kNumberMax)) {
    return reader_->Expect(key, *node, "a number");
  }
  *value = *number;
}

void Section::Read(std::string_view key, double* value) {
  std::optional<double> read;
  Read(key, &read);
  if (read) *value = *read;
}

void Section::Read(std::string_view key, std::uint64_t* value) {
  const toml::node* const node = Find(key);
  if (node == nullptr) return;
  const std::optional<std::int64_t> number = node->value_exact<std::int64_t>();
  if (!number || *number < 0) return reader_->Expect(key, *node, "a whole number, not negative");
  *value = static_cast<std::uint64_t>(*number);
}

void Section::Read(std::string_view key, std::string* value) {
  const toml::node* const node = Find(key);
  if (node == nullptr) return;
  std::optional<std::string> text = node->value_exact<std::string>();
  if (!text) return reader_->Expect(key, *node, "a text in quotes");
  *value = *std::move(text);
}

void Section::Read(std::string_view key, std::optional<seconds>* time) {
  const toml::node* const node = Find(key);
  if (node == nullptr) return;
  const std::optional<toml::date_time> value = node->value_exact<toml::date_time>();
  if (!value || !value->offset) {
    return reader_->Expect(key, *node, "a time with its offset, as 2026-12-01T00:00:00Z");
  }
  const std::chrono::sys_days day(std::chrono::year(value->date.year) / value->date.month / value->date.day);
  *time = std::chrono::duration_cast<seconds>(day.time_since_epoch()) + std::chrono::hours(value->time.hour) +
          std::chrono::minutes(value->time.minute) + seconds(value->time.second) -
          std::chrono::minutes(value->offset->minutes);
  // 0 would be "none".
  if ((*time)->count() == 0) reader_->Expect(key, *node, "after 1970");
}

void Section::Read(std::string_view key, milliseconds* time) {
  std::optional<double> read;
  Read(key, &read);
  if (read) *time = milliseconds(std::llround(*read * 1e3));
}

template <typename T>
void Section::Read(std::string_view key, const std::vector<std::pair<std::string_view, T>>& names, T* value) {
  const toml::node* const node = Find(key);
  if (node == nullptr) return;
  const std::optional<std::string> text = node->value_exact<std::string>();
  std::string expected = "one of ";
  for (const auto& [name, meaning] : names) {
    if (text && *text == name) {
      *value = meaning;
      return;
    }
    expected.append(expected.size() > 7 ? ", \"" : "\"").append(name).append("\"");
  }
  reader_->Expect(key, *node, expected);
}

void Section::End() {
  for (const auto& [key, node] : table_) {
    if (known_.contains(key.str())) continue;
    std::string expected;
    for (const std::string& each : known_) expected.append(expected.empty() ? "" : ", ").append(each);
    // The key's own place.
    reader_->Refuse(key.source().begin, std::string("unknown key ").append(key.str()) + " in " + name_ +
                                            "; there are: " + expected);
  }
}

std::vector<std::pair<std::string_view, wire::PlanSignal>> SignalNames(bool numbers, bool recorded) {
  std::vector<std::pair<std::string_view, wire::PlanSignal>> names;
  for (const PlanSignalInfo& info : PlanSignals()) {
    if ((!numbers || info.number) && (!recorded || info.recorded)) names.emplace_back(info.name, info.signal);
  }
  return names;
}

bool Reader::Parse() {
  if (text_.size() > kPlanTextBytesMax) {
    Refuse(Position{1, 1}, "the text has " + std::to_string(text_.size()) + " bytes, at most " +
                               std::to_string(kPlanTextBytesMax));
    return false;
  }
  if (const std::optional<std::size_t> at = FindLongKey(text_)) {
    Refuse(PlaceOf(text_, *at), "a key of more than " + std::to_string(kTomlKeyPartsMax) + " parts; those of a plan have two");
    return false;
  }
  try {
    root_ = toml::parse(text_);
    return true;
  } catch (const toml::parse_error& error) {
    Refuse(error.source().begin, std::string(error.description()));
    return false;
  }
}

template <typename ReadOne>
void Reader::Sections(Section* root, std::string_view key, std::size_t most, ReadOne read) {
  const toml::node* const node = root->Find(key);
  if (node == nullptr) return;
  const std::string name = std::string("[[").append(key).append("]]");
  if (!node->is_array_of_tables()) return Expect(key, *node, "one or more sections, " + name);
  for (const toml::node& each : *node->as_array()) {
    if (most-- == 0) return Refuse(each, "one " + name + " too many");
    Section section(this, *each.as_table(), name);
    read(&section);
    section.End();
  }
}

void Reader::ReadLive(Section* root) {
  const toml::node* const node = root->Find("live");
  if (node == nullptr) return;
  if (!node->is_table()) return Expect("live", *node, "a section, [live]");
  Section live(this, *node->as_table(), "[live]");
  live.Read("position_error_m", &plan_.position_error_m);
  live.Read("heading_error_deg", &plan_.heading_error_deg);
  live.Read("speed_error_mps", &plan_.speed_error_mps);
  if (live.Find("heartbeat_s") != nullptr) live.Read("heartbeat_s", &plan_.heartbeat.emplace());
  live.End();
}

void Reader::ReadSignal(Section* section) {
  PlanSignalRule& rule = plan_.signals.emplace_back();
  if (section->Demand("name") != nullptr) section->Read("name", SignalNames(false, true), &rule.signal);
  section->Read<wire::PlanLane>("lane", {{"history", wire::PlanLane::History}, {"windows", wire::PlanLane::Windows}},
                                &rule.lane);
  std::uint64_t every = 1;
  section->Read("every", &every);
  rule.every = static_cast<std::uint32_t>(std::min<std::uint64_t>(every, PlanLimits::kEveryMax + 1));
}

void Reader::ReadWindow(Section* section) {
  PlanWindow& window = plan_.windows.emplace_back();
  if (section->Demand("signal") != nullptr) section->Read("signal", SignalNames(true, false), &window.signal);
  if (section->Demand("seconds") != nullptr) section->Read("seconds", &window.length);
  section->Read("above", &window.above);
  const toml::node* const node = section->Demand("aggregates");
  if (node == nullptr) return;
  const std::string expected = "a list of \"count\", \"min\", \"max\", \"mean\", \"last\", \"time_above\"";
  if (!node->is_array()) return Expect("aggregates", *node, expected);
  for (const toml::node& each : *node->as_array()) {
    const std::optional<std::string> name = each.value_exact<std::string>();
    const auto* const found = std::find_if(std::begin(kAggregates), std::end(kAggregates),
                                           [&](const auto& aggregate) { return name && *name == aggregate.first; });
    if (found == std::end(kAggregates)) return Expect("aggregates", each, expected);
    window.aggregates |= static_cast<std::uint8_t>(found->second);
  }
  if (window.Has(wire::PlanAggregate::TimeAbove)) (void)section->Demand("above");
}

void Reader::ReadGeofence(Section* section) {
  PlanGeofence& geofence = plan_.geofences.emplace_back();
  if (section->Demand("name") != nullptr) section->Read("name", &geofence.name);
  const toml::node* const node = section->Demand("corners");
  if (node == nullptr) return;
  constexpr std::string_view kExpected = "a list of corners, [LAT, LON] in degrees each";
  if (!node->is_array()) return Expect("corners", *node, kExpected);
  for (const toml::node& each : *node->as_array()) {
    const toml::array* const pair = each.as_array();
    if (pair == nullptr || pair->size() != 2) return Expect("a corner", each, "[LAT, LON] in degrees");
    std::int32_t e7[2] = {};
    for (std::size_t i = 0; i < 2; ++i) {
      const toml::node& number = *pair->get(i);
      const std::optional<double> degrees = number.value<double>();
      const double most = i == 0 ? PlanLimits::kLatMaxDeg : 180;
      if (!number.is_number() || !degrees || !(std::abs(*degrees) <= most)) {
        return Expect(i == 0 ? "a latitude" : "a longitude", number,
                      "a number of degrees within +-" + std::to_string(static_cast<int>(most)));
      }
      e7[i] = static_cast<std::int32_t>(std::llround(*degrees * 1e7));
    }
    if (geofence.corners.size() == PlanLimits::kCornersMax) {
      return Refuse(each, "more corners than " + std::to_string(PlanLimits::kCornersMax));
    }
    geofence.corners.push_back({e7[0], e7[1]});
  }
}

// The column is known where the text is written as it is meant: without escapes, on one line.
void Reader::ReadCondition(const toml::node& node, PlanTrigger* trigger) {
  const std::optional<std::string> when = node.value_exact<std::string>();
  if (!when) return Expect("when", node, "a text in quotes, as \"brake_mps2 > 4 for 0.2 s\"");
  std::vector<std::string> names;
  for (const PlanGeofence& geofence : plan_.geofences) names.push_back(geofence.name);
  TriggerCondition condition;
  TriggerMistake mistake;
  if (ParseTrigger(*when, names, &condition, &mistake)) {
    trigger->condition = std::move(condition.steps);
    trigger->hold = condition.hold;
    return;
  }
  Position at = node.source().begin;
  const auto& end = node.source().end;
  if (end.line == at.line && end.column == at.column + when->size() + 2) {
    at.column += 1 + static_cast<toml::source_index>(mistake.at);
  }
  Refuse(at, "when: " + mistake.why);
}

void Reader::ReadTrigger(Section* section) {
  PlanTrigger& trigger = plan_.triggers.emplace_back();
  if (section->Demand("name") != nullptr) section->Read("name", &trigger.name);
  if (const toml::node* const when = section->Demand("when")) ReadCondition(*when, &trigger);
  section->Read("before_s", &trigger.before);
  section->Read("after_s", &trigger.after);
  section->Read("cooldown_s", &trigger.cooldown);
}

// Of the key that the fault names; of its section, or of the plan, if that is not there.
Position Reader::PlaceOfFault(const PlanFault& fault) const {
  const toml::table* table = &root_;
  if (!fault.section.empty()) {
    const toml::node* const node = root_.get(fault.section);
    if (node == nullptr) return {1, 1};
    if (const toml::array* const array = node->as_array()) {
      const toml::node* const each = array->get(fault.index);
      table = each == nullptr ? nullptr : each->as_table();
    } else {
      table = node->as_table();
    }
    if (table == nullptr) return node->source().begin;
  }
  const toml::node* const node = fault.key.empty() ? nullptr : table->get(fault.key);
  return node == nullptr ? table->source().begin : node->source().begin;
}

std::optional<CompiledPlan> Reader::Read() {
  if (!Parse()) return std::nullopt;
  Section root(this, root_, "the plan");
  if (root.Demand("name") != nullptr) root.Read("name", &plan_.name);
  if (root.Demand("version") != nullptr) root.Read("version", &plan_.version);
  root.Read("start", &plan_.start);
  root.Read("end", &plan_.end);
  root.Read<wire::PlanPriority>(
      "priority", {{"normal", wire::PlanPriority::Normal}, {"urgent", wire::PlanPriority::Urgent}}, &plan_.priority);
  std::optional<double> share;
  root.Read("link_share", &share);
  if (share) plan_.link_share_percent = *share >= 0 && *share <= 2 ? static_cast<unsigned>(std::lround(*share * 100)) : 0;
  ReadLive(&root);
  Sections(&root, "signal", PlanLimits::kSignalsMax, [this](Section* section) { ReadSignal(section); });
  Sections(&root, "window", PlanLimits::kWindowsMax, [this](Section* section) { ReadWindow(section); });
  Sections(&root, "geofence", PlanLimits::kGeofencesMax, [this](Section* section) { ReadGeofence(section); });
  Sections(&root, "trigger", PlanLimits::kTriggersMax, [this](Section* section) { ReadTrigger(section); });
  root.End();
  if (failed_) return std::nullopt;
  if (const std::optional<PlanFault> fault = FindFault(plan_)) {
    Refuse(PlaceOfFault(*fault), fault->why);
    return std::nullopt;
  }
  Result<CompiledPlan> compiled = CompilePlan(plan_);
  if (compiled.ok()) return std::move(compiled).value();
  Refuse(Position{1, 1}, std::string(compiled.status().message()));
  return std::nullopt;
}

}  // namespace

std::string PlanMistake::ToText(std::string_view file) const {
  return std::string(file) + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " + why;
}

std::optional<CompiledPlan> ParsePlan(std::string_view text, PlanMistake* mistake) {
  return Reader(text, mistake).Read();
}

std::string PlanSummary(const Plan& plan) {
  return plan.name + " version " + std::to_string(plan.version) + ": " + std::to_string(plan.signals.size()) +
         " signals, " + std::to_string(plan.windows.size()) + " windows, " + std::to_string(plan.geofences.size()) +
         " geofences, " + std::to_string(plan.triggers.size()) + " triggers";
}

}  // namespace starling::cloud
