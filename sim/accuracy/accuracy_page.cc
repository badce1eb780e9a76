#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <tuple>

#include "sim/accuracy/accuracy_plots.h"
#include "sim/accuracy/accuracy_text.h"
#include "sim/experiment/number_text.h"
#include "sim/experiment/page_style.h"
#include "sim/experiment/svg.h"

namespace starling::sim {
namespace {

constexpr std::size_t kPictures = 10;
constexpr const char* kOwnStyle = R"(
.warned { fill: none; stroke-width: 1.4; stroke-dasharray: 4 3; }
.then { fill-opacity: 0.35; stroke-width: 1.4; }
)";

// What a false alarm's pair came to next to each other, and when, within the horizon after it.
struct Nearest {
  SimTime at;
  double metres = 0;
};
Nearest NearestAfter(const Recording& recording, const Decision& decision, double horizon_s) {
  Nearest nearest{decision.opened, std::numeric_limits<double>::infinity()};
  const int steps = static_cast<int>(horizon_s * 10);
  for (int i = 0; i <= steps; ++i) {
    const SimTime time = decision.opened + milliseconds(100 * i);
    if (time > std::min(recording.End(decision.a), recording.End(decision.b))) break;
    const double metres =
        Norm(recording.TruthAt(decision.a, time).position - recording.TruthAt(decision.b, time).position);
    if (metres < nearest.metres) nearest = {time, metres};
  }
  return nearest;
}

std::string Share(const Proportion& proportion) {
  if (proportion.of == 0) return "none of 0";
  const ShareInterval interval = WilsonInterval(proportion);
  return std::to_string(proportion.is) + " of " + std::to_string(proportion.of) + " (" +
         Fixed(100 * *proportion.share(), 1) + " %, 95 % interval " + Fixed(100 * interval.low, 1) + " to " +
         Fixed(100 * interval.high, 1) + " %)";
}

class Page {
 public:
  explicit Page(const Accuracy& accuracy)
      : accuracy_(accuracy), recording_(accuracy.read.recording), score_(accuracy.base().scores.front()) {}

  std::string Make() {
    text_ =
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><title>Accuracy of the "
        "horizon</title>\n<style>";
    text_ += std::string(kPageStyle) + kOwnStyle +
             "</style></head><body><main>\n<h1>Accuracy of the collision horizon</h1>\n";
    text_ += "<p class=\"lede\">" + Clean(accuracy_.options.fcd) + ": " + Fixed(recording_.seconds(), 1) + " s, " +
             std::to_string(recording_.ids.size()) + " vehicles, " + Fixed(recording_.vehicle_hours(), 2) +
             " vehicle-hours. Base point: noise " + Fixed(accuracy_.base().noise_m, 1) +
             " m, no planned paths, default thresholds.</p>\n";
    text_ += "<p>Recall by trajectories: " + Share(score_.recall) + ". Precision: " + Share(score_.precision) +
             ". Nobody obeys: all drive as recorded.</p>\n";
    Section(
        "Recall and precision", CurvePlot(accuracy_),
        "By trajectories, where nothing is known of vehicles' ways (<span class=\"key without\">none</span>), "
        "<span class=\"key middle\">streets</span>, or <span class=\"key with\">plans</span>. " +
            std::string(accuracy_.swept.empty() ? "The numbers are the positions' deviations; --sweep makes it a curve."
                                                : "The numbers are the deceleration that an alarm needs, m/s²."));
    Section("Lead times", LeadPlot(accuracy_),
            "Of the " + std::to_string(score_.leads_s.size()) + " encounters that were found.");
    for (const AccuracyPoint& point : accuracy_.points) {
      // The first of each.
      if (shown_[static_cast<std::size_t>(point.ways)]) continue;
      shown_[static_cast<std::size_t>(point.ways)] = true;
      Misses(point);
      FalseAlarms(point);
    }
    Table();
    return text_ + "</main></body></html>\n";
  }

 private:
  static std::string Plans(const AccuracyPoint& point) {
    return point.ways == WaysKnown::kPlans ? ", with planned paths" : point.ways == WaysKnown::kStreets ? ", with streets" : "";
  }

  static std::string Clean(const std::string& text) { return Escaped(CleanText(text)); }

  void Section(const std::string& title, const std::string& drawing, const std::string& caption) {
    text_ += "<section><h2>" + title + "</h2><figure>" + drawing + "<figcaption>" + caption +
             "</figcaption></figure></section>\n";
  }

  void Picture(const PairPicture& picture, const std::string& words) {
    text_ += "<figure><h3>" + Clean(recording_.IdOf(picture.a)) + " and " + Clean(recording_.IdOf(picture.b)) +
             "</h3><p class=\"small\">" + words + "</p>" + DrawPair(recording_, picture) + "</figure>\n";
  }

  double FileTime(SimTime time) const { return recording_.begin_s + SecondsOf(time); }

  void Misses(const AccuracyPoint& point) {
    std::vector<const JudgedEncounter*> misses;
    for (const JudgedEncounter& each : point.scores.front().encounters) {
      if (each.outcome != EncounterOutcome::kFound) misses.push_back(&each);
    }
    std::ranges::stable_sort(misses, {}, [](const JudgedEncounter* each) { return each->encounter.ttc_s; });
    text_ += "<section><h2>The worst misses" + Plans(point) +
             "</h2><p class=\"note\">By the least TTC. The way of the last five seconds, and the "
             "boxes at the least TTC; in outline: at the warning that came too late. A dot is the front. Orange is the "
             "first "
             "one, blue the second.</p><div class=\"slopes\">\n";
    for (std::size_t i = 0; i < std::min(kPictures, misses.size()); ++i) {
      const TrueEncounter& each = misses[i]->encounter;
      std::optional<SimTime> warned;
      if (misses[i]->decision) warned = point.driven.decisions[*misses[i]->decision].opened;
      const char* const foresight = each.foresight == Foresight::kSeen     ? "could be seen "
                                    : each.foresight == Foresight::kSudden ? "sudden: could be seen "
                                                                           : "never on collision course";
      std::string words = std::string(NameOf(each.kind)) + ", TTC " + Fixed(each.ttc_s, 2) + " s at " +
                          Fixed(FileTime(each.worst), 1) + " s; " + foresight;
      if (each.foresight != Foresight::kNever) words += Fixed(each.seen_s, 1) + " s before";
      Picture({each.a, each.b, each.worst, warned, "A miss"}, words);
    }
    text_ += "</div></section>\n";
  }

  void FalseAlarms(const AccuracyPoint& point) {
    std::vector<std::tuple<double, std::size_t, Nearest>> alarms;
    const std::vector<JudgedDecision>& decisions = point.scores.front().decisions;
    for (std::size_t i = 0; i < decisions.size(); ++i) {
      if (decisions[i].verdict != DecisionVerdict::kFalse) continue;
      const Nearest nearest = NearestAfter(recording_, decisions[i].decision, accuracy_.options.rules.horizon_s);
      alarms.emplace_back(-nearest.metres, i, nearest);
    }
    std::ranges::sort(alarms, {}, [](const auto& each) { return std::tuple(std::get<0>(each), std::get<1>(each)); });
    text_ +=
        "<section><h2>The worst false alarms" + Plans(point) +
        "</h2><p class=\"note\">Those whose vehicles stayed farthest apart in the horizon "
        "after the warning. The boxes where they were nearest; in outline: at the warning.</p><div class=\"slopes\">\n";
    for (std::size_t i = 0; i < std::min(kPictures, alarms.size()); ++i) {
      const auto& [order, number, nearest] = alarms[i];
      const Decision& each = decisions[number].decision;
      Picture({each.a, each.b, nearest.at, each.opened, "A false alarm"},
              std::string(log::EnumNameEncounter(each.type)) + ", TTC " + Fixed(each.ttc_s, 2) + " s said at " +
                  Fixed(FileTime(each.opened), 1) + " s; centres never nearer than " + Fixed(nearest.metres, 1) + " m");
    }
    text_ += "</div></section>\n";
  }

  void Table() {
    text_ +=
        "<section><h2>All figures</h2><pre>" + Escaped(CleanLines(AccuracyTable(accuracy_))) + "</pre></section>\n";
  }

  // CleanText makes blanks of line ends.
  static std::string CleanLines(const std::string& text) {
    std::string clean;
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      clean += CleanText(std::string_view(text).substr(begin, end - begin)) + '\n';
      begin = end + 1;
    }
    return clean;
  }

  const Accuracy& accuracy_;
  const Recording& recording_;
  const Score& score_;
  std::string text_;
  std::array<bool, kWaysKnownNames.size()> shown_{};  // by WaysKnown
};

}  // namespace

std::string AccuracyPage(const Accuracy& accuracy) { return Page(accuracy).Make(); }

}  // namespace starling::sim
