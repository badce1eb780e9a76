#include "sim/experiment/experiment_page.h"

#include <algorithm>
#include <cmath>

#include "sim/experiment/number_text.h"
#include "sim/experiment/page_style.h"
#include "sim/experiment/plots.h"
#include "sim/experiment/svg.h"

namespace starling::sim {
namespace {

std::string Number(double value, int decimals) { return WithMinus(Fixed(value, decimals)); }

std::string PrintedInterval(double low, double high, int decimals) {
  return WithMinus(IntervalText(low, high, decimals));
}

std::string PValueText(const SignFlips& flips) {
  const std::string text = flips.p < 0.001 ? "&lt; 0.001" : Fixed(flips.p, 3);
  return text + (flips.exact ? "" : " ~");
}

// "1–12, 20": three or more that follow each other are a range.
std::string SeedsText(const ExperimentResult& result) {
  const std::vector<std::uint64_t>& seeds = result.seeds;
  std::string text;
  for (std::size_t first = 0; first < seeds.size();) {
    std::size_t last = first;
    while (last + 1 < seeds.size() && seeds[last + 1] == seeds[last] + 1) ++last;
    if (last < first + 2) last = first;
    text.append(text.empty() ? "" : ", ").append(std::to_string(seeds[first]));
    if (last > first) text.append("–").append(std::to_string(seeds[last]));
    first = last + 1;
  }
  return text;
}

// "10 pairs of runs, seeds 1, 2, 3": what each caption owes.
std::string PairsText(const ExperimentResult& result) {
  return std::to_string(result.seeds.size()) + " pairs of runs, seeds " + SeedsText(result);
}

std::string ConfidenceText(const Experiment& experiment) { return PercentOf(experiment.config.confidence); }

// The least p that so many pairs can give, where that is large enough to matter.
std::string LeastPText(std::size_t pairs) {
  double p = 2;
  for (std::size_t i = 0; i < pairs && p > 1e-9; ++i) p /= 2;
  return p < 0.001 ? "" : std::string("; with ") + std::to_string(pairs) + " pairs never less than " + Fixed(p, 3);
}

const char* DirectionText(const Figure& figure) {
  switch (figure.better) {
    case Better::kLower: return figure.counted ? "fewer is better" : "lower is better";
    case Better::kHigher: return figure.counted ? "more is better" : "higher is better";
    case Better::kNeither: break;
  }
  return "neither direction is better";
}

std::string Plural(std::size_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

std::string Lede(const Experiment& experiment) {
  std::size_t better = 0;
  std::size_t worse = 0;
  std::size_t not_shown = 0;
  for (std::size_t i = 0; i < experiment.differences.size(); ++i) {
    const std::string judgement = Judgement(experiment.result.figures[i], experiment.differences[i]);
    better += judgement == "better" ? 1 : 0;
    worse += judgement == "worse" ? 1 : 0;
    not_shown += experiment.differences[i].finding == Finding::kNoDifference ? 1 : 0;
  }
  const std::size_t other = experiment.differences.size() - better - worse - not_shown;
  return std::string("Each of ") + std::to_string(experiment.result.seeds.size()) +
         " seeds was driven twice: <span class=\"key without\">without</span> and <span class=\"key "
         "with\">with</span> the orchestrator's commands. With them " +
         Plural(better, "figure is", "figures are") + " better, " + std::to_string(worse) + " worse" +
         (other > 0 ? std::string(", ") + std::to_string(other) + " different without being either" : "") + "; " +
         std::to_string(not_shown) + " of " + std::to_string(experiment.differences.size()) + " show no difference.";
}

std::string ForestSection(const Experiment& experiment) {
  const std::size_t figures = experiment.differences.size();
  return std::string("<section><h2>What commands change</h2>\n<figure><div class=\"scroll wide\">") +
         ForestPlot(experiment) +
         "</div><figcaption>Points: mean paired difference, with − without, in percent of the mean without "
         "commands. Bars: " +
         ConfidenceText(experiment) + " interval of the ratio of the two means (Fieller, by Student's t with " +
         std::to_string(experiment.result.seeds.size() - 1) +
         " degrees of freedom). Filled: the interval is on one side of 0; hollow: no difference shown. Shaded: the "
         "better side. An arrow: goes on beyond the axis. " +
         Escaped(PairsText(experiment.result)) + ". Of " + Plural(figures, "figure", "figures") +
         " without any true difference, " +
         Fixed(static_cast<double>(figures) * (1 - experiment.config.confidence), 1) +
         " would be expected to show one by chance.</figcaption></figure></section>\n";
}

std::string TableRow(const Figure& figure, const PairedDifference& difference) {
  const int decimals = DecimalsFor(
      std::max({std::abs(difference.mean_without), std::abs(difference.mean_with), std::abs(difference.difference)}));
  const auto cell = [](const std::string& text) { return std::string("<td>") + text + "</td>"; };
  return std::string("<tr><td>") + Escaped(NameWithUnit(figure)) + "</td>" +
         cell(Number(difference.mean_without, decimals)) + cell(Number(difference.mean_with, decimals)) +
         cell(WithMinus(Signed(difference.difference, decimals))) +
         cell(PrintedInterval(difference.interval.low, difference.interval.high, decimals)) +
         cell(PrintedInterval(difference.bootstrap.low, difference.bootstrap.high, decimals) +
              (difference.bootstrap.corrected ? "" : " †")) +
         cell(PValueText(difference.sign_flips)) + "<td class=\"finding\">" + FindingText(figure, difference) +
         "</td></tr>\n";
}

std::string TableSection(const Experiment& experiment) {
  std::string text =
      "<section><h2>In figures</h2>\n<div class=\"scroll\"><table><thead><tr><th>mean over the "
      "seeds</th><th>without</th><th>with</th><th>difference</th><th>interval</th><th>bootstrap</th><th>p, sign "
      "flips</th><th class=\"finding\">finding</th></tr></thead>\n<tbody>\n";
  bool disputed = false;
  bool percentile = false;
  bool drawn = false;
  for (std::size_t i = 0; i < experiment.differences.size(); ++i) {
    const PairedDifference& difference = experiment.differences[i];
    text += TableRow(experiment.result.figures[i], difference);
    disputed = disputed || difference.disputed;
    percentile = percentile || !difference.bootstrap.corrected;
    drawn = drawn || !difference.sign_flips.exact;
  }
  text += "</tbody></table></div>\n<p class=\"note\">Interval: " + ConfidenceText(experiment) +
          " of the mean paired difference by Student's t; the finding is by it. Bootstrap: the same from " +
          std::to_string(experiment.config.resamples) +
          " resamples of the differences, bias corrected and accelerated, which believes in no distribution and is too "
          "narrow for few pairs. Sign "
          "flips: how often the mean would be as far from 0 if each seed's difference might as well have had the "
          "other sign" +
          LeastPText(experiment.result.seeds.size()) + ".";
  if (drawn) text.append(" ~ from ").append(std::to_string(experiment.config.sign_draws)).append(" draws.");
  if (percentile) text += " † Percentiles without correction, which is not defined here.";
  if (disputed) text += " * Interval and sign flips do not agree: take the finding with care.";
  return text + "</p></section>\n";
}

std::string SlopesSection(const Experiment& experiment) {
  std::string text = "<section><h2>Seed by seed</h2>\n<div class=\"slopes\">\n";
  for (std::size_t i = 0; i < experiment.differences.size(); ++i) {
    const Figure& figure = experiment.result.figures[i];
    const bool shown = experiment.differences[i].finding != Finding::kNoDifference;
    text += std::string("<figure><h3>") + Escaped(NameWithUnit(figure)) + "</h3><p class=\"small\">" +
            DirectionText(figure) + "; " + (shown ? "found " : "") + FindingName(figure, experiment.differences[i]) +
            "</p>" + SlopePlot(experiment, i) + "</figure>\n";
  }
  return text +
         "</div>\n<p class=\"note\">Each thin line is one seed, the wider the more seeds have the same two values; "
         "the thick one is the mean. An axis need not begin at 0. " +
         Escaped(PairsText(experiment.result)) + ".</p></section>\n";
}

std::string SpeedSection(const Experiment& experiment) {
  const SpeedSeries& speed = experiment.result.speed;
  if (speed.without.empty()) return "";
  const std::size_t many = ValuesInOne(speed);
  return std::string("<section><h2>Mean speed over time</h2>\n<figure><div class=\"scroll wide\">") +
         SpeedPlot(experiment) +
         "</div><figcaption>Above: mean over the vehicles and the seeds; bands reach from the slowest to the "
         "fastest seed. Below: mean paired difference with its " +
         ConfidenceText(experiment) +
         " interval by Student's t, at each time for itself: somewhere along the line it will miss." +
         (many > 1 ? std::string(" Each point is the mean of ") + std::to_string(many) + " values." : "") + " " +
         Escaped(PairsText(experiment.result)) + ".</figcaption></figure></section>\n";
}

std::string DistanceText(double metres) { return Fixed(metres, metres < 1 ? 3 : 0) + " m"; }

std::string MapsSection(const Experiment& experiment) {
  const ExperimentResult& result = experiment.result;
  if (result.city.lanes.empty() && result.places_without.empty() && result.places_with.empty()) return "";
  const bool none = result.places_without.empty() && result.places_with.empty();
  return std::string("<section><h2>Where it happened</h2>\n<figure><div class=\"scroll wide\">") +
         EncounterMaps(result) + "</div><figcaption>" +
         (none ? "No collision and no near miss happened in any run. " : "") +
         "Collisions (diamonds) and near misses (circles) of all seeds together. Those within " +
         DistanceText(MarkReachM(result)) +
         " of one are one mark at their mean place; areas are as counts are, at the same scale on both maps. " +
         Escaped(PairsText(result)) +
         ". Not to be read as a map of risk: it says where vehicles drove as much as where they drove "
         "badly.</figcaption></figure></section>\n";
}

std::string NotForSection(const ExperimentResult& result) {
  std::string text =
      "<section><h2>What these figures may not be used for</h2>\n<ul>\n<li>Real roads: drivers, streets, sensors "
      "and the network are the simulator's.</li>\n<li>Other scenarios, other traffic, other settings: an interval "
      "speaks of further seeds of this scenario, as configured below, and of nothing else.</li>\n<li>No difference "
      "shown is not no difference: what is smaller than half of the interval's width would not be seen with so few "
      "seeds.</li>\n";
  for (const std::string& line : result.not_for) text.append("<li>").append(Escaped(line)).append("</li>\n");
  return text + "</ul></section>\n";
}

std::string ConditionsSection(const ExperimentResult& result) {
  std::string text = "<section><h2>How it was measured</h2>\n<dl>";
  const auto entry = [&](const char* name, const std::string& value) {
    if (!value.empty()) text += std::string("<dt>") + name + "</dt><dd>" + Escaped(value) + "</dd>";
  };
  entry("command", result.command_line);
  entry("version", result.version);
  entry("seeds", SeedsText(result));
  text += "</dl>\n";
  if (!result.config.empty()) {
    text += "<pre>";
    for (const std::string& line : result.config) text += Escaped(line) + "\n";
    text += "</pre>\n";
  }
  return text + "</section>\n";
}

std::string RunsSection(const ExperimentResult& result) {
  std::string text =
      "<section><details><summary>Every run</summary>\n<div class=\"scroll\"><table "
      "class=\"runs\"><thead><tr><th>figure</th><th></th>";
  for (const std::uint64_t seed : result.seeds) text.append("<th>seed ").append(std::to_string(seed)).append("</th>");
  text += "</tr></thead>\n<tbody>\n";
  for (const Figure& figure : result.figures) {
    for (const bool with : {false, true}) {
      const std::vector<double>& values = with ? figure.with : figure.without;
      double most = 0;
      bool whole = true;
      for (const double value : values) {
        most = std::max(most, std::abs(value));
        whole = whole && value == std::floor(value);
      }
      text += "<tr><td>" + (with ? std::string() : Escaped(NameWithUnit(figure))) + "</td><td class=\"finding\">" +
              (with ? "with" : "without") + "</td>";
      for (const double value : values)
        text.append("<td>").append(Number(value, whole ? 0 : DecimalsFor(most))).append("</td>");
      text += "</tr>\n";
    }
  }
  return text + "</tbody></table></div></details></section>\n";
}

}  // namespace

std::string ExperimentPage(const Experiment& experiment) {
  const ExperimentResult& result = experiment.result;
  return "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n<meta "
         "charset=\"utf-8\"/>\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>" +
         Escaped(result.scenario) + " – Starling experiment</title>\n<style>" + kPageStyle +
         "</style>\n</head>\n<body><main>\n<header><h1>" + Escaped(result.scenario) + "</h1>\n<p class=\"lede\">" +
         Escaped(result.description) + "</p>\n<p>" + Lede(experiment) + "</p></header>\n" + ForestSection(experiment) +
         TableSection(experiment) + SlopesSection(experiment) + SpeedSection(experiment) + MapsSection(experiment) +
         NotForSection(result) + ConditionsSection(result) + RunsSection(result) + "</main></body>\n</html>\n";
}

}  // namespace starling::sim
