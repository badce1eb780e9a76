#include <algorithm>
#include <cmath>
#include <vector>

#include "common/check.h"
#include "sim/experiment/axis.h"
#include "sim/experiment/distributions.h"
#include "sim/experiment/number_text.h"
#include "sim/experiment/plots.h"
#include "sim/experiment/svg.h"

namespace starling::sim {
namespace {

constexpr double kWidth = 1000;
constexpr double kLeft = 56;
constexpr double kRight = 846;
constexpr std::size_t kPointsMax = 400;

// At each point in time, over the seeds.
struct Band {
  std::vector<double> low;
  std::vector<double> middle;
  std::vector<double> high;
};

// Means of `many` neighbours each; the last ones of what is left.
std::vector<double> Thinned(const std::vector<double>& values, std::size_t many) {
  std::vector<double> thinned;
  for (std::size_t first = 0; first < values.size(); first += many) {
    const std::size_t count = std::min(many, values.size() - first);
    double sum = 0;
    for (std::size_t i = first; i < first + count; ++i) sum += values[i];
    thinned.push_back(sum / static_cast<double>(count));
  }
  return thinned;
}

std::vector<double> ThinnedTimes(const SpeedSeries& speed, std::size_t many) {
  std::vector<double> times(speed.without[0].size());
  for (std::size_t i = 0; i < times.size(); ++i) times[i] = speed.begin_s + static_cast<double>(i) * speed.step_s;
  return Thinned(times, many);
}

std::vector<std::vector<double>> ThinnedAll(const std::vector<std::vector<double>>& series, std::size_t many) {
  std::vector<std::vector<double>> thinned;
  for (const std::vector<double>& values : series) thinned.push_back(Thinned(values, many));
  return thinned;
}

// From the lowest to the highest seed, about their mean.
Band RangeOf(const std::vector<std::vector<double>>& series) {
  Band band = {.low = series[0], .middle = series[0], .high = series[0]};
  for (std::size_t seed = 1; seed < series.size(); ++seed) {
    for (std::size_t i = 0; i < band.middle.size(); ++i) {
      band.low[i] = std::min(band.low[i], series[seed][i]);
      band.high[i] = std::max(band.high[i], series[seed][i]);
      band.middle[i] += series[seed][i];
    }
  }
  for (double& middle : band.middle) middle /= static_cast<double>(series.size());
  return band;
}

// Student's interval of the mean paired difference, at each time for itself.
Band DifferenceOf(const std::vector<std::vector<double>>& without, const std::vector<std::vector<double>>& with,
                  double confidence) {
  const double n = static_cast<double>(without.size());
  const double t = StudentQuantile(confidence, static_cast<std::uint32_t>(without.size() - 1));
  Band band;
  for (std::size_t i = 0; i < without[0].size(); ++i) {
    double sum = 0;
    for (std::size_t seed = 0; seed < without.size(); ++seed) sum += with[seed][i] - without[seed][i];
    const double mean = sum / n;
    double squares = 0;
    for (std::size_t seed = 0; seed < without.size(); ++seed) {
      const double off = with[seed][i] - without[seed][i] - mean;
      squares += off * off;
    }
    const double half = t * std::sqrt(squares / (n * (n - 1)));
    band.low.push_back(mean - half);
    band.middle.push_back(mean);
    band.high.push_back(mean + half);
  }
  return band;
}

void DrawBand(Svg* svg, const Band& band, const std::vector<double>& times, const Axis& across, const Axis& up,
              const std::string& looks) {
  SvgPath area;
  SvgPath line;
  for (std::size_t i = 0; i < times.size(); ++i) {
    const Vec2 high = {across.At(times[i]), up.At(band.high[i])};
    const Vec2 middle = {across.At(times[i]), up.At(band.middle[i])};
    if (i == 0)
      area.MoveTo(high);
    else
      area.LineTo(high);
    if (i == 0)
      line.MoveTo(middle);
    else
      line.LineTo(middle);
  }
  for (std::size_t i = times.size(); i-- > 0;) area.LineTo({across.At(times[i]), up.At(band.low[i])});
  area.Close();
  svg->Path(area, "band " + looks + "-fill");
  svg->Path(line, "series " + looks + "-line");
}

void DrawGrid(Svg* svg, const Axis& across, const Axis& up, double top, double bottom, const char* unit) {
  for (const double tick : up.ticks()) {
    const bool zero = std::abs(tick) < 1e-9 && up.low() < 0;
    svg->Line({kLeft, up.At(tick)}, {kRight, up.At(tick)}, zero ? "zero" : "grid");
    svg->Text({kLeft - 8, up.At(tick) + 4}, WithMinus(up.Label(tick)), "tick", Anchor::kEnd);
  }
  for (const double tick : across.ticks()) svg->Line({across.At(tick), top}, {across.At(tick), bottom}, "grid");
  svg->TextUpwards({14, (top + bottom) / 2}, unit, "tick");
}

Axis UpAxis(double low, double high, double top, double bottom, int ticks) {
  Axis axis = Axis::Round(low, high, ticks);
  axis.Draw(bottom, top);
  return axis;
}

}  // namespace

std::size_t ValuesInOne(const SpeedSeries& speed) {
  return speed.without.empty() ? 1 : (speed.without[0].size() + kPointsMax - 1) / kPointsMax;
}

std::string SpeedPlot(const Experiment& experiment) {
  const SpeedSeries& speed = experiment.result.speed;
  STARLING_CHECK(!speed.without.empty());
  constexpr double kTop = 12;
  constexpr double kBottom = 232;
  constexpr double kTopBelow = 262;
  constexpr double kBottomBelow = 372;
  const std::size_t many = ValuesInOne(speed);
  const std::vector<double> times = ThinnedTimes(speed, many);
  const std::vector<std::vector<double>> without = ThinnedAll(speed.without, many);
  const std::vector<std::vector<double>> with = ThinnedAll(speed.with, many);
  const Band band_without = RangeOf(without);
  const Band band_with = RangeOf(with);
  const Band difference = DifferenceOf(without, with, experiment.config.confidence);

  Axis across = Axis::Exact(std::min(speed.begin_s, times.front()), times.back(), 8);
  across.Draw(kLeft, kRight);
  const double low = std::min(std::ranges::min(band_without.low), std::ranges::min(band_with.low));
  const double high = std::max(std::ranges::max(band_without.high), std::ranges::max(band_with.high));
  const Axis up = UpAxis(low > 0 && low < high / 2 ? 0 : low, high, kTop, kBottom, 5);
  const Axis up_below = UpAxis(std::min(0.0, std::ranges::min(difference.low)),
                               std::max(0.0, std::ranges::max(difference.high)), kTopBelow, kBottomBelow, 3);

  Svg svg(kWidth, 420, "Mean speed over time without and with commands, and their difference");
  DrawGrid(&svg, across, up, kTop, kBottom, "mean speed, m/s");
  DrawBand(&svg, band_without, times, across, up, "without");
  DrawBand(&svg, band_with, times, across, up, "with");
  DrawGrid(&svg, across, up_below, kTopBelow, kBottomBelow, "difference, m/s");
  DrawBand(&svg, difference, times, across, up_below, "ink");
  for (const double tick : across.ticks()) {
    svg.Text({across.At(tick), kBottomBelow + 18}, WithMinus(across.Label(tick)), "tick", Anchor::kMiddle);
  }
  svg.Text({(kLeft + kRight) / 2, kBottomBelow + 40}, "time, s", "tick", Anchor::kMiddle);

  // Beside the ends of the lines, and not over each other.
  double without_y = up.At(band_without.middle.back());
  double with_y = up.At(band_with.middle.back());
  constexpr double kApart = 18;
  if (const double gap = std::abs(without_y - with_y); gap < kApart) {
    const double push = (kApart - gap) / 2;
    (without_y > with_y ? without_y : with_y) += push;
    (without_y > with_y ? with_y : without_y) -= push;
  }
  svg.Text({kRight + 10, without_y + 4.5}, "without commands", "without-text");
  svg.Text({kRight + 10, with_y + 4.5}, "with commands", "with-text");
  svg.Text({kRight + 10, up_below.At(difference.middle.back()) + 4.5}, "with − without", "name");
  return svg.Finish();
}

}  // namespace starling::sim
