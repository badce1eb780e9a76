#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "common/check.h"
#include "sim/experiment/axis.h"
#include "sim/experiment/number_text.h"
#include "sim/experiment/plots.h"
#include "sim/experiment/svg.h"

namespace starling::sim {
namespace {

// The forest's columns and rows.
constexpr double kForestWidth = 1000;
constexpr double kPlotLeft = 240;
constexpr double kPlotRight = 650;
constexpr double kPercentEnd = 710;
constexpr double kIntervalEnd = 834;
constexpr double kFindingStart = 848;
constexpr double kHead = 30;
constexpr double kRow = 32;

// What is farther is drawn as an arrow, so that one wild figure does not make the others a dot.
constexpr double kPercentFarLow = -100;
constexpr double kPercentFarHigh = 150;

// As wide as its column, whatever it is.
std::string PercentText(double percent) {
  if (percent > 9999) return "> 9999";
  if (percent < -9999) return "< -9999";
  return Signed(percent, std::abs(percent) < 1000 ? 1 : 0);
}

Axis ForestAxis(const Experiment& experiment) {
  double low = 0;
  double high = 0;
  for (const PairedDifference& difference : experiment.differences) {
    if (!difference.percent) continue;
    const Interval reach = difference.percent_interval.value_or(Interval{*difference.percent, *difference.percent});
    low = std::max(kPercentFarLow, std::min(low, reach.low));
    high = std::min(kPercentFarHigh, std::max(high, reach.high));
  }
  if (low == 0 && high == 0) low = -10, high = 10;
  // Zero is not the plot's edge: there is a better and a worse side.
  const double room = (high - low) / 8;
  Axis axis = Axis::Round(std::max(kPercentFarLow, std::min(low, -room)), std::max(high, room), 7);
  axis.Draw(kPlotLeft, kPlotRight);
  return axis;
}

void DrawArrow(Svg* svg, double x, double y, double towards) {
  SvgPath head;
  head.MoveTo({x, y});
  head.LineTo({x - 7 * towards, y - 4});
  head.LineTo({x - 7 * towards, y + 4});
  head.Close();
  svg->Path(head, "ink-fill");
}

void DrawWhisker(Svg* svg, const Axis& axis, Interval interval, double y) {
  const auto shown = [&](double percent) { return axis.At(std::clamp(percent, axis.low(), axis.high())); };
  const auto within = [&](double percent) { return percent >= axis.low() && percent <= axis.high(); };
  svg->Line({shown(interval.low), y}, {shown(interval.high), y}, "whisker");
  for (const double end : {interval.low, interval.high}) {
    if (within(end)) svg->Line({axis.At(end), y - 5}, {axis.At(end), y + 5}, "whisker");
  }
  if (interval.low < axis.low()) DrawArrow(svg, axis.At(axis.low()), y, -1);
  if (interval.high > axis.high()) DrawArrow(svg, axis.At(axis.high()), y, 1);
}

void ShadeBetterSide(Svg* svg, const Axis& axis, Better better, double top) {
  if (better == Better::kNeither) return;
  const double from = better == Better::kLower ? kPlotLeft : axis.At(0);
  const double to = better == Better::kLower ? axis.At(0) : kPlotRight;
  svg->Rectangle({from, top + 2}, {to - from, kRow - 4}, "good-side");
}

void DrawForestRow(Svg* svg, const Axis& axis, const Figure& figure, const PairedDifference& difference, double top) {
  const double y = top + kRow / 2;
  svg->Text({0, y + 4.5}, Shortened(figure.name, 31), "name");
  svg->Text({kFindingStart, y + 4.5}, FindingText(figure, difference),
            difference.finding == Finding::kNoDifference ? "muted" : "name");
  if (!difference.percent) {
    const int decimals = DecimalsFor(std::max(std::abs(difference.interval.low), std::abs(difference.interval.high)));
    svg->Text({kPercentEnd, y + 4.5}, "–", "muted", Anchor::kEnd);
    const bool left = axis.At(0) > (kPlotLeft + kPlotRight) / 2;
    svg->Text({axis.At(0) + (left ? -8 : 8), y + 4.5},
              WithMinus(std::string("0 without, ") + Signed(difference.difference, decimals) +
                        (figure.unit.empty() ? "" : " ") + Shortened(figure.unit, 10) + " with: no percentage"),
              "muted", left ? Anchor::kEnd : Anchor::kStart);
    return;
  }
  const double percent = *difference.percent;
  if (difference.percent_interval) {
    const Interval interval = *difference.percent_interval;
    DrawWhisker(svg, axis, interval, y);
    const std::string text = std::string("[") + PercentText(interval.low) + ", " + PercentText(interval.high) + "]";
    svg->Text({kIntervalEnd, y + 4.5}, WithMinus(text), "number", Anchor::kEnd);
  } else {
    svg->Line({kPlotLeft, y}, {kPlotRight, y}, "whisker open");
    DrawArrow(svg, kPlotLeft, y, -1);
    DrawArrow(svg, kPlotRight, y, 1);
    svg->Text({kIntervalEnd, y + 4.5}, "no bound", "muted", Anchor::kEnd);
  }
  svg->Text({kPercentEnd, y + 4.5}, WithMinus(PercentText(percent)), "number", Anchor::kEnd);
  if (percent >= axis.low() && percent <= axis.high()) {
    svg->Circle({axis.At(percent), y}, 5, difference.finding == Finding::kNoDifference ? "point hollow" : "point",
                NameWithUnit(figure));
  }
}

// The same two values of several seeds are one line, the wider the more they are.
std::map<std::pair<double, double>, std::string> SeedsByValues(const ExperimentResult& result, const Figure& figure) {
  std::map<std::pair<double, double>, std::string> seeds;
  for (std::size_t i = 0; i < result.seeds.size(); ++i) {
    std::string& names = seeds[{figure.without[i], figure.with[i]}];
    names.append(names.empty() ? "seed " : ", ").append(std::to_string(result.seeds[i]));
  }
  return seeds;
}

}  // namespace

std::string ForestPlot(const Experiment& experiment) {
  const std::size_t rows = experiment.result.figures.size();
  const double bottom = kHead + kRow * static_cast<double>(rows);
  Svg svg(kForestWidth, bottom + 52, "Relative difference of each figure with its interval");
  const Axis axis = ForestAxis(experiment);
  svg.Text({0, 16}, "figure", "head");
  svg.Text({kPercentEnd, 16}, "%", "head", Anchor::kEnd);
  svg.Text({kIntervalEnd, 16}, PercentOf(experiment.config.confidence) + " interval", "head", Anchor::kEnd);
  svg.Text({kFindingStart, 16}, "finding", "head");
  svg.Text({axis.At(0) - 10, 16}, "← less with commands", "head", Anchor::kEnd);
  svg.Text({axis.At(0) + 10, 16}, "more →", "head");
  for (std::size_t row = 0; row < rows; ++row) {
    ShadeBetterSide(&svg, axis, experiment.result.figures[row].better, kHead + kRow * static_cast<double>(row));
  }
  for (const double tick : axis.ticks()) {
    svg.Line({axis.At(tick), kHead - 4}, {axis.At(tick), bottom}, std::abs(tick) < 1e-9 ? "zero" : "grid");
    svg.Text({axis.At(tick), bottom + 18}, WithMinus(axis.Label(tick)), "tick", Anchor::kMiddle);
  }
  for (std::size_t row = 0; row < rows; ++row) {
    const double top = kHead + kRow * static_cast<double>(row);
    svg.Line({0, top}, {kForestWidth, top}, "grid");
    DrawForestRow(&svg, axis, experiment.result.figures[row], experiment.differences[row], top);
  }
  svg.Line({0, bottom}, {kForestWidth, bottom}, "grid");
  svg.Text({(kPlotLeft + kPlotRight) / 2, bottom + 40}, "difference, % of the mean without commands", "tick",
           Anchor::kMiddle);
  return svg.Finish();
}

std::string SlopePlot(const Experiment& experiment, std::size_t index) {
  STARLING_CHECK(index < experiment.result.figures.size());
  constexpr double kTop = 14;
  constexpr double kBottom = 196;
  constexpr double kLeft = 126;
  constexpr double kRight = 250;
  constexpr double kEdgeLeft = 60;
  constexpr double kEdgeRight = 320;
  const Figure& figure = experiment.result.figures[index];
  const PairedDifference& difference = experiment.differences[index];
  const auto [low_without, high_without] = std::ranges::minmax(figure.without);
  const auto [low_with, high_with] = std::ranges::minmax(figure.with);
  double low = std::min(low_without, low_with);
  double high = std::max(high_without, high_with);
  if (low > 0 && low < high / 2) low = 0;
  if (figure.counted && low == 0) high = std::max(high, 4.0);  // There is no half of one.
  Axis axis = Axis::Round(low, high, 4);
  axis.Draw(kBottom, kTop);

  Svg svg(kEdgeRight, 236, "Each seed's value without and with commands: " + NameWithUnit(figure));
  for (const double tick : axis.ticks()) {
    svg.Line({kEdgeLeft, axis.At(tick)}, {kEdgeRight, axis.At(tick)}, "grid");
    svg.Text({kEdgeLeft - 6, axis.At(tick) + 4}, WithMinus(axis.Label(tick)), "tick", Anchor::kEnd);
  }
  for (const auto& [values, seeds] : SeedsByValues(experiment.result, figure)) {
    const Vec2 from = {kLeft, axis.At(values.first)};
    const Vec2 to = {kRight, axis.At(values.second)};
    const auto many = std::min<std::ptrdiff_t>(1 + std::ranges::count(seeds, ','), 4);
    SvgPath line;
    line.MoveTo(from);
    line.LineTo(to);
    svg.Path(line, "slope w" + std::to_string(many), seeds);
    svg.Circle(from, 3.2, "without-fill");
    svg.Circle(to, 3.2, "with-fill");
  }
  const Vec2 mean_from = {kLeft, axis.At(difference.mean_without)};
  const Vec2 mean_to = {kRight, axis.At(difference.mean_with)};
  const int decimals = std::min(
      DecimalsFor(std::max(std::abs(difference.mean_without), std::abs(difference.mean_with))), 3);
  svg.Line(mean_from, mean_to, "mean");
  svg.Circle(mean_from, 4.5, "mean-point");
  svg.Circle(mean_to, 4.5, "mean-point");
  svg.Text({kLeft - 10, mean_from.y + 4.5}, WithMinus(Fixed(difference.mean_without, decimals)), "number strong halo",
           Anchor::kEnd);
  svg.Text({kRight + 10, mean_to.y + 4.5}, WithMinus(Fixed(difference.mean_with, decimals)), "number strong halo");
  svg.Text({kLeft, 222}, "without", "without-text", Anchor::kMiddle);
  svg.Text({kRight, 222}, "with commands", "with-text", Anchor::kMiddle);
  return svg.Finish();
}

}  // namespace starling::sim
