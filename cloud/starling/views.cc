#include "cloud/starling/views.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <vector>

#include "cloud/starling/document.h"

namespace starling::cloud {
namespace {

namespace json = boost::json;

// A vehicle that sends is heard at least once a second.
constexpr double kStreamingS = 3;
constexpr std::size_t kEvaluationsShown = 8;
// The first and the last ones of a long list of trials say the most.
constexpr std::size_t kTrialsShown = 12;

std::optional<double> Degrees(std::optional<double> rad) {
  if (!rad || !std::isfinite(*rad)) return std::nullopt;
  const double degrees = std::fmod(*rad * 180 / std::numbers::pi, 360);
  return degrees < 0 ? degrees + 360 : degrees;
}

// So long after `from`, for people who look at milliseconds.
std::string Since(const json::object& one, std::string_view name, std::optional<std::int64_t> from) {
  const std::optional<std::int64_t> at = WholeAt(one, name);
  if (!at || !from) return "-";
  return Fixed(static_cast<double>(*at - *from) * 1e-9, 3);
}

std::string What(const json::object& command) {
  if (TextAt(command, "kind") == "release") return "go on as you like";
  return std::string("<= ") + Fixed(NumberAt(command, "ceiling_mps"), 1) + " m/s at " + Fixed(NumberAt(command, "decel_mps2"), 1) +
         " m/s2";
}

std::string Because(const json::object& command) {
  const json::object* const cause = ObjectAt(command, "cause");
  if (cause == nullptr) return "-";
  if (TextAt(*cause, "kind") != "sample") return "a tick";
  return TextAt(*cause, "vehicle") + " #" + TextAt(*cause, "sequence");
}

std::string Ended(const json::object& command) {
  std::string text = TextAt(command, "ending");
  if (const json::object* end = ObjectAt(command, "end")) {
    if (const std::string reason = TextAt(*end, "reason"); reason != "-") text += " (" + reason + ")";
  }
  return text;
}

std::string Moment(const std::string& moment) {
  if (moment == "opened") return "a conflict opened";
  if (moment == "sharpened") return "what was told before no longer sufficed";
  if (moment == "renewed") return "the lease of what was told before was about to end";
  if (moment == "closed") return "the conflict was over";
  if (moment == "operator") return "an operator asked for it";
  if (moment == "congestion") return "the cell ahead is congested";
  return "-";
}

std::string Met(const json::object& met) {
  return std::string("contact in ") + Fixed(NumberAt(met, "contact_s"), 2) + " s, TTC " + Fixed(NumberAt(met, "ttc_s"), 2) +
         std::string(" s, DRAC ") + Fixed(NumberAt(met, "drac_mps2"), 1) + " m/s2";
}

std::string Heading(const std::string& title) { return "\n" + title + "\n"; }

std::string SamplesText(const json::object& document, std::optional<std::int64_t> logged_ns) {
  TextTable table({"", "vehicle", "sample>", "taken s>", "logged s>", "x m>", "y m>", "heading>", "m/s>", "m/s2>",
                   "sigma m>", "plan>"});
  for (const json::value& each : ArrayAt(document, "samples")) {
    const json::object* const sample = each.if_object();
    if (sample == nullptr) continue;
    table.Add({IsTrue(*sample, "causes") ? "*" : "", TextAt(*sample, "vehicle"), TextAt(*sample, "sequence"),
               Since(*sample, "sample_time_ns", logged_ns), Since(*sample, "log_time_ns", logged_ns),
               Fixed(NumberAt(*sample, "x_m"), 2), Fixed(NumberAt(*sample, "y_m"), 2),
               Fixed(Degrees(NumberAt(*sample, "heading_rad")), 1), Fixed(NumberAt(*sample, "speed_mps"), 2),
               Fixed(NumberAt(*sample, "accel_mps2"), 2), Fixed(NumberAt(*sample, "accuracy_m"), 1),
               Fixed(NumberAt(*sample, "planned_arcs"), 0)});
  }
  std::string text = Heading("SAMPLES, by when the log took the cause (* the one that caused it)");
  return text + (table.empty() ? "none of them is in the log any more\n" : table.Text());
}

std::string EpisodeText(const json::object& document, std::optional<std::int64_t> logged_ns) {
  TextTable table({"episode", "s>", "encounter", "TTC s>", "DRAC m/s2>", "PET s>", "probability>", "at x m>", "y m>"});
  for (const json::value& each : ArrayAt(document, "episode")) {
    const json::object* const phase = each.if_object();
    if (phase == nullptr) continue;
    table.Add({TextAt(*phase, "phase"), Since(*phase, "at_ns", logged_ns), TextAt(*phase, "encounter"),
               Fixed(NumberAt(*phase, "ttc_s"), 2), Fixed(NumberAt(*phase, "drac_mps2"), 2),
               Fixed(NumberAt(*phase, "pet_s"), 2), Fixed(NumberAt(*phase, "probability"), 2),
               Fixed(NumberAt(*phase, "x_m"), 1), Fixed(NumberAt(*phase, "y_m"), 1)});
  }
  if (table.empty()) return "";
  const json::array& pair = ArrayAt(document, "pair");
  std::string names;
  for (const json::value& name : pair) {
    if (const json::string* text = name.if_string()) {
      names += (names.empty() ? "" : " and ") + Plain({text->data(), text->size()});
    }
  }
  return Heading("EPISODE of " + (names.empty() ? "-" : names) + ", as it was recorded") + table.Text();
}

std::string CellText(const json::object& document, std::optional<std::int64_t> logged_ns) {
  const json::array& windows = ArrayAt(document, "cell");
  if (windows.empty()) return "";
  TextTable table({"window s>", "vehicles>", "mean m/s>", "congestion>", "confidence>"});
  const std::size_t first = windows.size() > kEvaluationsShown ? windows.size() - kEvaluationsShown : 0;
  for (std::size_t i = first; i < windows.size(); ++i) {
    const json::object* const window = windows[i].if_object();
    if (window == nullptr) continue;
    table.Add({Since(*window, "window_end_ns", logged_ns), TextAt(*window, "vehicles"),
               Fixed(NumberAt(*window, "mean_speed_mps"), 2), Fixed(NumberAt(*window, "congestion"), 2),
               Fixed(NumberAt(*window, "confidence"), 2)});
  }
  return Heading("CELL ahead, as it was recorded (only changes are)") + table.Text();
}

std::string EvaluationsText(const json::object& decision) {
  const json::array& all = ArrayAt(decision, "evaluations");
  if (all.empty()) return "";
  const std::optional<std::int64_t> at_ns = WholeAt(decision, "at_ns");
  TextTable table({"s>", "acts", "encounter", "contact s>", "TTC s>", "DRAC>", "required>", "probability>", "on samples"});
  const std::size_t first = all.size() > kEvaluationsShown ? all.size() - kEvaluationsShown : 0;
  for (std::size_t i = first; i < all.size(); ++i) {
    const json::object* const each = all[i].if_object();
    if (each == nullptr) continue;
    const json::object* const met = ObjectAt(*each, "met");
    static const json::object kNone;
    const json::object& of = met == nullptr ? kNone : *met;
    std::string samples;
    for (const json::value& sequence : ArrayAt(*each, "sequences")) {
      const json::string* const text = sequence.if_string();
      samples += (samples.empty() ? "" : ", ") + (text == nullptr ? "-" : Plain({text->data(), text->size()}));
    }
    table.Add({Since(*each, "at_ns", at_ns), IsTrue(*each, "hit") ? "yes" : "no",
               met == nullptr ? "they pass" : TextAt(of, "encounter"), Fixed(NumberAt(of, "contact_s"), 2),
               Fixed(NumberAt(of, "ttc_s"), 2), Fixed(NumberAt(of, "drac_mps2"), 2),
               Fixed(NumberAt(of, "required_mps2"), 2), Fixed(NumberAt(of, "probability"), 2), samples});
  }
  return Heading(std::string("PREDICTION, the last ") + std::to_string(all.size() - first) + " of " + std::to_string(all.size()) +
                 " looks at the pair") +
         table.Text();
}

std::string PathsText(const json::object& decision) {
  const json::array& vehicles = ArrayAt(decision, "vehicles");
  std::vector<std::string> titles = {"after s>"};
  std::vector<const json::array*> paths;
  for (const json::value& each : vehicles) {
    const json::object* const vehicle = each.if_object();
    if (vehicle == nullptr) continue;
    for (const std::string_view kind : {"expected", "told"}) {
      const json::array& path = ArrayAt(*vehicle, kind);
      if (path.empty()) continue;
      paths.push_back(&path);
      titles.push_back(TextAt(*vehicle, "vehicle") + (kind == "told" ? " as told" : " as it drives") + ">");
    }
  }
  if (paths.empty()) return "";
  TextTable table(std::move(titles));
  for (std::size_t i = 0; i < paths.front()->size(); i += 2) {
    std::vector<std::string> row;
    for (const json::array* path : paths) {
      const json::object* const point = i < path->size() ? (*path)[i].if_object() : nullptr;
      static const json::object kNone;
      const json::object& at = point == nullptr ? kNone : *point;
      if (row.empty()) row.push_back(Fixed(NumberAt(at, "after_s"), 1));
      row.push_back(Fixed(NumberAt(at, "x_m"), 1) + ", " + Fixed(NumberAt(at, "y_m"), 1) + " " +
                    Fixed(NumberAt(at, "speed_mps"), 1));
    }
    table.Add(std::move(row));
  }
  return Heading("PATHS, x m, y m and m/s") + table.Text();
}

std::string TrialText(const json::object& trial) {
  const std::string who = TextAt(trial, "brakes");
  const std::string how = std::string("to ") + Fixed(NumberAt(trial, "ceiling_mps"), 1) + " m/s at " +
                          Fixed(NumberAt(trial, "decel_mps2"), 1) + " m/s2";
  const std::string what = TextAt(trial, "what");
  if (what == "third") {
    return who + " " + how + ": would run into " + TextAt(trial, "third") + ", whom it would not meet otherwise; both brake";
  }
  const json::object* const met = ObjectAt(trial, "met");
  return who + " " + how + (what == "around" ? ", as the other one does not do as told: " : ": ") +
         (met == nullptr ? "resolves it" : std::string("not enough, ") + Met(*met));
}

std::string AlternativesText(const json::object& decision) {
  const json::object* const plan = ObjectAt(decision, "plan");
  if (plan == nullptr) return "";
  std::string text = Heading("ALTERNATIVES, weighed " +
                             Since(*plan, "at_ns", WholeAt(decision, "at_ns")) + " s from the decision, the mildest first");
  const json::array& trials = ArrayAt(*plan, "trials");
  std::size_t number = 0;
  for (const json::value& each : trials) {
    const json::object* const trial = each.if_object();
    if (trial == nullptr) continue;
    ++number;
    if (trials.size() > kTrialsShown && number == kTrialsShown) {
      text += std::string("    ... ") + std::to_string(trials.size() - kTrialsShown) + " more\n";
    }
    if (trials.size() > kTrialsShown && number >= kTrialsShown && number < trials.size()) continue;
    text += (number < 10 ? "  " : " ") + std::to_string(number) + "  " + TrialText(*trial) + "\n";
  }
  if (trials.empty()) text += "none\n";
  text += std::string("taken: ") + (IsTrue(*plan, "both_brake") ? "both brake" : TextAt(*plan, "yields") + " yields") +
          (IsTrue(*plan, "reversed") ? ", the roles exchanged" : "") +
          (IsTrue(*plan, "resolved") ? "" : "; nothing that was tried resolves it") + ":";
  for (const json::value& each : ArrayAt(*plan, "told")) {
    const json::object* const told = each.if_object();
    if (told == nullptr) continue;
    text += std::string(" ") + TextAt(*told, "vehicle") + " " + What(*told) + ";";
  }
  text.back() = '\n';
  return text;
}

std::string AdviceText(const json::object& decision) {
  const json::object* const advice = ObjectAt(decision, "advice");
  if (advice == nullptr) return "";
  return Heading("CONGESTION") + "cell " + TextAt(*advice, "x") + ", " + TextAt(*advice, "y") + ": " +
         TextAt(*advice, "vehicles") + " vehicles at " + Fixed(NumberAt(*advice, "mean_speed_mps"), 2) +
         std::string(" m/s on average, where ") + Fixed(NumberAt(*advice, "free_speed_mps"), 1) + " m/s is usual; congestion " +
         Fixed(NumberAt(*advice, "congestion"), 2) + ", confidence " + Fixed(NumberAt(*advice, "confidence"), 2) + "\n";
}

std::string LegsText(const json::object& document) {
  const json::object* const legs = ObjectAt(document, "legs");
  static const json::object kNone;
  const json::object& of = legs == nullptr ? kNone : *legs;
  const auto ms = [&of](std::string_view name) { return Fixed(NumberAt(of, name), 2, " ms"); };
  std::string text = Heading("WHERE THE TIME WENT");
  const bool sample = NumberAt(of, "uplink_ms").has_value();
  text += "uplink    from the sample to the log           " +
          (sample ? ms("uplink_ms") + ", of which " + ms("uplink_log_ms") + " in the log's queue"
                  : std::string("- (a tick caused it, or the sample is gone)")) +
          "\n";
  text += "decision  from the log to the command          at most " + ms("decision_at_most_ms") +
          ", by when its record was in the log\n";
  text += "delivery  from the log to the controller       " + ms("decision_and_delivery_ms") +
          " with the decision, by the vehicle's clock\n";
  if (NumberAt(of, "end_to_end_ms")) {
    text += "together  from the sample to the controller    " + ms("end_to_end_ms") + "\n";
  }
  return text;
}

}  // namespace

std::string StreamingText(const json::object& vehicle) {
  const json::value* const connected = vehicle.if_contains("connected");
  const bool unknown = connected == nullptr || !connected->is_bool();
  const std::optional<double> age_s = NumberAt(vehicle, "fix_age_s");
  const std::string age = age_s ? std::string("its last fix is ") + SpanText(*age_s) + " old" : "no fix of it is known";
  if (age_s && *age_s <= kStreamingS) return "yes, " + age;
  if (!unknown && connected->get_bool()) {
    return "no: it is connected, but " + age + "; look for its verdicts with `starling tail dead-letter`";
  }
  if (unknown) return "no: " + age + "; whether it is connected, a gateway's own --server would say";
  return "no: it is not connected, " + age + "; on the vehicle `starling-edge doctor` says why";
}

std::string VehiclesText(const json::array& vehicles) {
  TextTable table({"vehicle", "x m>", "y m>", "heading>", "m/s>", "last fix>", "streaming"});
  for (const json::value& each : vehicles) {
    const json::object* const vehicle = each.if_object();
    if (vehicle == nullptr) continue;
    const std::optional<double> age_s = NumberAt(*vehicle, "fix_age_s");
    table.Add({TextAt(*vehicle, "name"), Fixed(NumberAt(*vehicle, "x_m"), 1), Fixed(NumberAt(*vehicle, "y_m"), 1),
               Fixed(Degrees(NumberAt(*vehicle, "heading_rad")), 0), Fixed(NumberAt(*vehicle, "speed_mps"), 1),
               age_s ? SpanText(*age_s) : "-", age_s && *age_s <= kStreamingS ? "yes" : "NO"});
  }
  return table.Text();
}

std::string VehicleText(const json::object& vehicle, const json::array& commands) {
  std::string text = TextAt(vehicle, "name") + "\n";
  text += std::string("streaming   ") + StreamingText(vehicle) + "\n";
  const json::value* const connected = vehicle.if_contains("connected");
  text += std::string("link        ") +
          (connected == nullptr || !connected->is_bool() ? "not known here: this process takes no vehicles"
           : connected->get_bool()                       ? "connected"
                                                         : "not connected") +
          "\n";
  if (IsTrue(vehicle, "known")) {
    text += std::string("now         at x ") + Fixed(NumberAt(vehicle, "x_m"), 1) + " m, y " + Fixed(NumberAt(vehicle, "y_m"), 1) +
            std::string(" m, heading ") + Fixed(Degrees(NumberAt(vehicle, "heading_rad")), 0) + " degrees, " +
            Fixed(NumberAt(vehicle, "speed_mps"), 1) + " m/s; predicted for " + TimeText(WholeAt(vehicle, "at_ns")) + "\n";
  }
  if (const json::object* history = ObjectAt(vehicle, "history")) {
    text += std::string("history     ") + TextAt(*history, "samples") + " samples held, of boot " + TextAt(*history, "boot_id") +
            std::string(" without a gap up to ") + TextAt(*history, "through_sequence") + "\n";
  } else {
    text += "history     none held\n";
  }
  const json::object* const plan = ObjectAt(vehicle, "plan");
  const json::object* const wanted = plan == nullptr ? nullptr : ObjectAt(*plan, "wanted");
  const json::object* const said = plan == nullptr ? nullptr : ObjectAt(*plan, "said");
  text += "plan        " + (wanted == nullptr ? "none wanted" : TextAt(*wanted, "name") + " version " + TextAt(*wanted, "version")) +
          (said == nullptr ? "" : std::string("; it said ") + TextAt(*said, "verdict") + " of version " + TextAt(*said, "version")) + "\n";
  if (!commands.empty()) text += "\n" + CommandsText(commands);
  return text;
}

std::string ConflictsText(const json::object& document) {
  TextTable table({"episode", "between", "and", "TTC s>", "DRAC m/s2>", "probability>", "at x m>", "y m>"});
  std::size_t count = 0;
  for (const json::value& each : ArrayAt(document, "conflicts")) {
    const json::object* const conflict = each.if_object();
    if (conflict == nullptr) continue;
    ++count;
    table.Add({TextAt(*conflict, "episode"), TextAt(*conflict, "vehicle_a"), TextAt(*conflict, "vehicle_b"),
               Fixed(NumberAt(*conflict, "ttc_s"), 2), Fixed(NumberAt(*conflict, "drac_mps2"), 2),
               Fixed(NumberAt(*conflict, "probability"), 2), Fixed(NumberAt(*conflict, "x_m"), 1),
               Fixed(NumberAt(*conflict, "y_m"), 1)});
  }
  return count == 0 ? "no conflict is open\n" : table.Text();
}

std::string CellsText(const json::object& document, std::size_t count_max) {
  std::vector<const json::object*> cells;
  for (const json::value& each : ArrayAt(document, "cells")) {
    if (const json::object* cell = each.if_object()) cells.push_back(cell);
  }
  std::stable_sort(cells.begin(), cells.end(), [](const json::object* one, const json::object* other) {
    return NumberAt(*one, "congestion").value_or(0) > NumberAt(*other, "congestion").value_or(0);
  });
  if (cells.empty()) return "no cell has a vehicle\n";
  TextTable table({"x>", "y>", "vehicles>", "mean m/s>", "congestion>", "confidence>", "age s>", ""});
  for (std::size_t i = 0; i < cells.size() && i < count_max; ++i) {
    const json::object& cell = *cells[i];
    table.Add({TextAt(cell, "x"), TextAt(cell, "y"), TextAt(cell, "vehicles"), Fixed(NumberAt(cell, "mean_speed_mps"), 1),
               Fixed(NumberAt(cell, "congestion"), 2), Fixed(NumberAt(cell, "confidence"), 2),
               Fixed(NumberAt(cell, "age_s"), 2), IsTrue(cell, "congested") ? "congested" : ""});
  }
  std::string text = table.Text();
  if (cells.size() > count_max) text += std::to_string(cells.size() - count_max) + " more; --limit shows them\n";
  return text;
}

std::string CommandsText(const json::array& commands) {
  TextTable table({"recorded", "command", "vehicle", "kind", "what", "because of", "ended as"});
  for (const json::value& each : commands) {
    const json::object* const command = each.if_object();
    if (command == nullptr) continue;
    table.Add({TimeText(WholeAt(*command, "recorded_ns")), TextAt(*command, "id"), TextAt(*command, "vehicle"),
               TextAt(*command, "kind"), What(*command), Because(*command), Ended(*command)});
  }
  return table.empty() ? "no commands\n" : table.Text();
}

std::string ExplanationText(const json::object& document) {
  static const json::object kNone;
  const json::object* const found = ObjectAt(document, "command");
  const json::object& command = found == nullptr ? kNone : *found;
  const json::object* const of_cause = ObjectAt(command, "cause");
  const json::object& cause = of_cause == nullptr ? kNone : *of_cause;
  const std::optional<std::int64_t> logged_ns = WholeAt(cause, "log_time_ns");
  const json::object* const decision = ObjectAt(document, "decision");

  std::string text = std::string("command ") + TextAt(command, "id") + " to " + TextAt(command, "vehicle") + ", " +
                     TextAt(command, "kind") + ": " + What(command) + "\n";
  text += std::string("decided     ") + TimeText(logged_ns) + " because of " +
          (TextAt(cause, "kind") == "sample" ? std::string("sample ") + TextAt(cause, "sequence") + " of " + TextAt(cause, "vehicle")
                                             : std::string("a tick, which comes every 100 ms"));
  if (decision != nullptr) text += std::string(", as ") + Moment(TextAt(*decision, "moment"));
  if (const std::string by = TextAt(command, "by"); by != "-") {
    text += std::string("\nasked by    ") + by + ": " + TextAt(command, "reason");
  }
  text += std::string("\nregion      ") + TextAt(command, "region") + ", epoch " + TextAt(command, "epoch") + ", sequence " +
          TextAt(command, "sequence") + ", episode " + TextAt(command, "episode");
  if (const std::string before = TextAt(command, "supersedes"); before != "-") text += ", in place of command " + before;
  text += std::string("\nended       ") + Ended(command);
  if (TextAt(command, "mode") != "send") {
    text += ": decided and recorded, sent to nobody; `starling commands status` says who wanted that";
  } else if (const json::object* end = ObjectAt(command, "end")) {
    text += std::string(", so the vehicle said; in the log ") + Since(*end, "recorded_ns", logged_ns) + " s after the cause";
  } else {
    text += ": the vehicle has not said yet what became of it";
  }
  text += "\n";
  for (const json::value& again : ArrayAt(command, "issued_again_ns")) {
    json::error_code failure;
    const auto at = again.is_number() ? again.to_number<std::int64_t>(failure) : 0;
    text += std::string("again       ") + TimeText(at) + ", by a later owner of the region\n";
  }
  text += SamplesText(document, logged_ns);
  text += EpisodeText(document, logged_ns);
  text += CellText(document, logged_ns);
  if (decision != nullptr) {
    text += EvaluationsText(*decision) + PathsText(*decision) + AdviceText(*decision) + AlternativesText(*decision);
  }
  text += LegsText(document);
  if (const json::object* replay = ObjectAt(document, "replay")) {
    text += Heading("HOW THIS IS KNOWN");
    const std::string count = TextAt(*replay, "records");
    const std::string note = TextAt(*replay, "note");
    if (IsTrue(*replay, "reproduced")) {
      text += "the shard was given the " + count + " records before it again, and decided the same command; took " +
              Fixed(NumberAt(document, "took_ms"), 0, " ms") + "\n";
    } else {
      text += (note.empty() || note == "-" ? "it was not decided on again" : note) + "\n";
    }
  }
  return text;
}

}  // namespace starling::cloud
