#include "sim/experiment/experiment_table.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "sim/experiment/number_text.h"

namespace starling::sim {
namespace {

constexpr std::size_t kWidth = 100;
constexpr std::size_t kNameWidth = 26;

std::string Right(const std::string& text, std::size_t width) {
  const std::size_t length = LengthOf(text);
  return std::string(width > length ? width - length : 0, ' ') + text;
}

std::string Left(const std::string& text, std::size_t width) {
  const std::size_t length = LengthOf(text);
  return text + std::string(width > length ? width - length : 0, ' ');
}

std::string PercentText(const PairedDifference& difference) {
  if (!difference.percent) return "-";
  return Signed(*difference.percent, std::abs(*difference.percent) < 1000 ? 1 : 0);
}

// As long as the column is wide.
std::string ShortFinding(const Figure& figure, const PairedDifference& difference) {
  if (difference.finding == Finding::kNoDifference) return difference.disputed ? "not shown *" : "not shown";
  return FindingText(figure, difference);
}

std::string FigureLine(const Figure& figure, const PairedDifference& difference) {
  const int decimals = DecimalsFor(
      std::max({std::abs(difference.mean_without), std::abs(difference.mean_with), std::abs(difference.difference)}));
  std::string line;
  const auto column = [&](const std::string& text, std::size_t width) { line.append(" ").append(Right(text, width)); };
  column(Fixed(difference.mean_without, decimals), 9);
  column(Fixed(difference.mean_with, decimals), 9);
  column(Signed(difference.difference, decimals), 9);
  column(IntervalText(difference.interval.low, difference.interval.high, decimals), 18);
  column(PercentText(difference), 7);
  line.append(" ").append(ShortFinding(figure, difference)).append("\n");
  // Where numbers need more than their columns it is the name that gives way.
  const std::size_t room = std::clamp<std::size_t>(kWidth + 1 - std::min(LengthOf(line), kWidth), 1, kNameWidth);
  return Left(Shortened(NameWithUnit(figure), room), room) + line;
}

// Lines of kWidth at most, broken at blanks; a word that is longer than that is broken too.
std::string Wrapped(std::string_view text) {
  std::string wrapped;
  while (LengthOf(text) > kWidth) {
    const std::size_t most = Shortened(text, kWidth + 1).size() - std::string_view("…").size();
    const std::size_t blank = text.substr(0, most + 1).rfind(' ');
    const bool at_blank = blank != std::string_view::npos && blank > 0;
    wrapped.append(text.substr(0, at_blank ? blank : most)).append("\n");
    text.remove_prefix(at_blank ? blank + 1 : most);
  }
  return wrapped.append(text).append("\n");
}

}  // namespace

std::string ExperimentTable(const Experiment& experiment) {
  const ExperimentResult& result = experiment.result;
  std::string heading = result.scenario;
  if (!result.description.empty()) heading.append(": ").append(result.description);
  std::string seeds = std::to_string(result.seeds.size()) + " seeds, each driven without and with commands:";
  for (const std::uint64_t seed : result.seeds) seeds.append(" ").append(std::to_string(seed));
  std::string text = Wrapped(heading) + Wrapped(seeds);
  const auto column = [&](const std::string& name, std::size_t width) { text.append(" ").append(Right(name, width)); };
  text += Left("mean of the seeds", kNameWidth);
  column("without", 9);
  column("with", 9);
  column("change", 9);
  column(PercentOf(experiment.config.confidence).append(" interval"), 18);
  column("%", 7);
  text += " finding\n";
  bool disputed = false;
  for (std::size_t i = 0; i < result.figures.size(); ++i) {
    text += FigureLine(result.figures[i], experiment.differences[i]);
    disputed = disputed || experiment.differences[i].disputed;
  }
  text += "The interval is Student's of the paired difference; not shown: it has 0 in it.\n";
  if (disputed) text += "* A test by flipped signs, which believes in no distribution, does not say the same.\n";
  return text;
}

}  // namespace starling::sim
