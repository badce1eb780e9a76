#include <cmath>

#include "common/geo/trigonometry.h"
#include "sim/accuracy/accuracy_text.h"
#include "sim/experiment/number_text.h"

namespace starling::sim {
namespace {

constexpr std::size_t kNameWidth = 30;

std::string Padded(std::string text, std::size_t width) {
  text.append(LengthOf(text) < width ? width - LengthOf(text) : 1, ' ');
  return text;
}

std::string Counted(const Proportion& proportion) {
  std::string text = std::to_string(proportion.is) + " of " + std::to_string(proportion.of);
  if (proportion.of == 0) return text;
  const ShareInterval interval = WilsonInterval(proportion);
  text = Padded(text, 14) + Fixed(100 * *proportion.share(), 1) + " %";
  return Padded(text, 22) + "95 %: " + Fixed(100 * interval.low, 1) + " to " + Fixed(100 * interval.high, 1) + " %";
}

std::string Share(const Proportion& proportion) {
  return proportion.of == 0 ? "-" : Fixed(100 * *proportion.share(), 1) + " %";
}

class Table {
 public:
  explicit Table(const Accuracy& accuracy) : accuracy_(accuracy), hours_(accuracy.read.recording.vehicle_hours()) {}

  std::string Make() {
    Recorded();
    Rules();
    for (std::size_t i = 0; i < accuracy_.sources.size(); ++i) Source(i);
    Alarms();
    References();
    if (accuracy_.points.size() > 1) Points("noise, and what is known of vehicles' ways", accuracy_.points);
    if (!accuracy_.swept.empty()) Points("thresholds", accuracy_.swept);
    return std::move(text_);
  }

 private:
  void Line(const std::string& name, const std::string& value) { text_ += Padded(name, kNameWidth) + value + "\n"; }

  std::string Rate(std::uint64_t count) const {
    return std::to_string(count) + ", " + Fixed(hours_ > 0 ? static_cast<double>(count) / hours_ : 0, 2) +
           " a vehicle-hour";
  }

  void Recorded() {
    const ReadRecording& read = accuracy_.read;
    Line("recording", Fixed(read.recording.seconds(), 1) + " s, " + std::to_string(read.recording.times.size()) +
                          " steps, " + std::to_string(read.recording.ids.size()) + " vehicles, " +
                          std::to_string(read.rows) + " rows, " + Fixed(hours_, 2) + " vehicle-hours");
    if (read.turned_rad != 0) {
      Line("  headings turned", Fixed(read.turned_rad / kDegree, 2) + " degrees: the file's are of a plane");
    }
    for (const auto& [type, rows] : read.types_without_size) {
      Line("  no size for", (type.empty() ? std::string("vehicles without type") : CleanText(type)) +
                                ", taken as 5 m by 1.8 m: " + std::to_string(rows) + " rows");
    }
    for (const auto& [what, count] : read.skipped) Line("  not read", CleanText(what) + ": " + std::to_string(count));
    if (!accuracy_.options.network.empty()) {
      Line("network", CleanText(accuracy_.options.network) + ", " + std::to_string(accuracy_.lanes) + " lanes");
    }
  }

  void Rules() {
    const ScoreRules& rules = accuracy_.options.rules;
    Line("relevant", "TTC below " + Fixed(rules.ttc_s, 2) + " s, or a touch; both recorded for " +
                         Fixed(rules.alive_s, 1) + " s before");
    Line("found", "warned by then, and the warning not over " + Fixed(rules.horizon_s, 1) + " s before");
    Line("sudden", "no contact to be seen from the true states until " + Fixed(rules.sudden_s, 1) + " s before");
  }

  void Source(std::size_t number) {
    const TruthSource& source = accuracy_.sources[number];
    const Score& score = accuracy_.base().scores[number];
    text_ += "\nby " + std::string(source.name) + "\n";
    if (source.truth.not_recorded > 0) Line("  not in the recording", std::to_string(source.truth.not_recorded));
    Line("  recall", Counted(score.recall));
    static constexpr const char* kForesight[] = {"    seen before", "    sudden", "    never on course"};
    for (std::size_t i = 0; i < 3; ++i) Line(kForesight[i], Counted(score.recall_by_foresight[i]));
    Line("    touches", Counted(score.recall_of_touches));
    if (score.recall_of_one_sided.of > 0) {
      Line("    said of one side alone", Counted(score.recall_of_one_sided));
      const Proportion both{score.recall.of - score.recall_of_one_sided.of,
                            score.recall.is - score.recall_of_one_sided.is};
      Line("    without these", Counted(both));
    }
    for (std::size_t i = 0; i < kConflictKinds; ++i) {
      if (score.recall_by_kind[i].of == 0) continue;
      Line(std::string("    ") + NameOf(static_cast<ConflictKind>(i)), Counted(score.recall_by_kind[i]));
    }
    Line("  warned too late", std::to_string(score.late));
    Line("  precision", Counted(score.precision));
    if (!score.leads_s.empty()) {
      Line("  lead time, s", "median " + Fixed(*score.LeadAt(0.5), 2) + ", p10 " + Fixed(*score.LeadAt(0.1), 2) +
                                 ", p90 " + Fixed(*score.LeadAt(0.9), 2));
    }
  }

  void Alarms() {
    const AccuracyPoint& base = accuracy_.base();
    const Score& score = base.scores.front();
    text_ += "\nall warnings\n";
    Line("  episodes", Rate(base.driven.decisions.size()));
    Line("  avoidance commands", Rate(base.driven.commands[static_cast<std::size_t>(wire::CommandKind::Avoidance)]));
    Line("  not judged", std::to_string(score.unjudged) + ", a vehicle left before the horizon was over");
    text_ += "  false alarms, by the least TTC that the pair truly came to\n";
    for (std::size_t i = 0; i < kBands; ++i) {
      Line(std::string("    ") + NameOf(static_cast<FalseAlarmBand>(i)), Rate(score.false_by_band[i]));
    }
    text_ += "  false alarms, by what the two did\n";
    for (std::size_t i = 0; i < kFalseAlarmCauses; ++i) {
      Line(std::string("    ") + NameOf(static_cast<FalseAlarmCause>(i)), Rate(score.false_by_cause[i]));
    }
    Line("  samples", std::to_string(base.driven.samples) + "; live frames " + std::to_string(base.driven.live_frames) +
                          ", refused " + std::to_string(base.driven.refused));
  }

  void References() {
    for (const AccuracyReference& reference : accuracy_.references) {
      text_ += std::string("\nbrute force, all pairs from true states") +
               (reference.planned_paths ? ", with planned paths" : "") + "\n";
      Line("  episodes", Rate(reference.by_force.decisions.size()));
      Line("  episodes not the shard's", std::to_string(reference.not_in_shard));
      Line("  episodes the shard's alone", std::to_string(reference.not_by_force));
      for (std::size_t i = 0; i < accuracy_.sources.size(); ++i) {
        Line("  recall by " + std::string(accuracy_.sources[i].name), Counted(reference.scores[i].recall));
      }
      Line("  found, not by the shard", std::to_string(reference.found_by_force_alone));
      Line("  the shard found, not this", std::to_string(reference.found_by_shard_alone));
      Line("  precision", Counted(reference.scores.front().precision));
      Line("  contacts lost by Meet",
           std::to_string(reference.by_force.contacts_not_met) + " of " + std::to_string(reference.by_force.contacts));
    }
  }

  void Points(const char* title, const std::vector<AccuracyPoint>& points) {
    text_ += std::string("\n") + title + "\n";
    std::string head = "  noise, m  ways known  alarm at";
    for (const TruthSource& source : accuracy_.sources) head += Padded("  recall, " + std::string(source.name), 25);
    text_ += head + "precision  lead p50  episodes/h  avoidance/h  false/h: jump, turning, straight\n";
    for (const AccuracyPoint& point : points) {
      const Score& score = point.scores.front();
      std::string row = "  " + Padded(Fixed(point.noise_m, 1), 10) + Padded(std::string(kWaysKnownNames[static_cast<std::size_t>(point.ways)]), 12) +
                        Padded(Fixed(point.horizon.required_decel_min_mps2, 1), 10);
      for (const Score& each : point.scores) {
        row += Padded(
            Share(each.recall) + " (" + std::to_string(each.recall.is) + " of " + std::to_string(each.recall.of) + ")",
            25);
      }
      row += Padded(Share(score.precision), 11);
      row += Padded(score.leads_s.empty() ? "-" : Fixed(*score.LeadAt(0.5), 2), 10);
      const auto rate = [&](std::uint64_t count) {
        return Fixed(hours_ > 0 ? static_cast<double>(count) / hours_ : 0, 1);
      };
      row += Padded(rate(point.driven.decisions.size()), 12);
      row += Padded(rate(point.driven.commands[static_cast<std::size_t>(wire::CommandKind::Avoidance)]), 13);
      for (std::size_t i = 0; i < kFalseAlarmCauses; ++i) row += (i > 0 ? ", " : "") + rate(score.false_by_cause[i]);
      text_ += row + "\n";
    }
  }

  const Accuracy& accuracy_;
  const double hours_;
  std::string text_;
};

}  // namespace

std::string AccuracyTable(const Accuracy& accuracy) { return Table(accuracy).Make(); }

}  // namespace starling::sim
