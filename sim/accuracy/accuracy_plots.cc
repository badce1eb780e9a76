#include "sim/accuracy/accuracy_plots.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "common/geo/trigonometry.h"
#include "sim/experiment/axis.h"
#include "sim/experiment/number_text.h"
#include "sim/experiment/svg.h"

namespace starling::sim {
namespace {

constexpr double kWidth = 1000;
constexpr double kHeight = 420;
constexpr double kLeft = 70;
constexpr double kRight = 960;
constexpr double kTop = 24;
constexpr double kBottom = 360;
constexpr double kBinS = 0.5;

constexpr double kPictureSide = 280;
constexpr double kPictureMargin = 14;
constexpr double kTrailS = 5;
constexpr double kSeenMinM = 24;  // shown at least from side to side
constexpr double kSeenMaxM = 90;

void Frame(Svg* svg, Axis* x, Axis* y, const std::string& x_name, const std::string& y_name) {
  x->Draw(kLeft, kRight);
  y->Draw(kBottom, kTop);
  for (const double tick : x->ticks()) {
    svg->Line({x->At(tick), kTop}, {x->At(tick), kBottom}, "grid");
    svg->Text({x->At(tick), kBottom + 18}, x->Label(tick), "tick", Anchor::kMiddle);
  }
  for (const double tick : y->ticks()) {
    svg->Line({kLeft, y->At(tick)}, {kRight, y->At(tick)}, "grid");
    svg->Text({kLeft - 8, y->At(tick) + 4}, y->Label(tick), "tick", Anchor::kEnd);
  }
  svg->Text({(kLeft + kRight) / 2, kBottom + 44}, x_name, "muted", Anchor::kMiddle);
  svg->TextUpwards({16, (kTop + kBottom) / 2 + 40}, y_name, "muted");
}

SvgPath Rectangle(Vec2 centre, Vec2 along, double half_length, double half_width) {
  const Vec2 across{-along.y, along.x};
  SvgPath path;
  path.MoveTo(centre + half_length * along + half_width * across);
  path.LineTo(centre + half_length * along - half_width * across);
  path.LineTo(centre - half_length * along - half_width * across);
  path.LineTo(centre - half_length * along + half_width * across);
  path.Close();
  return path;
}

// From the recording's metres, y to the north, to a picture's units.
struct View {
  Vec2 centre;
  double scale = 1;

  Vec2 At(Vec2 place) const {
    const Vec2 from = place - centre;
    return {kPictureSide / 2 + scale * from.x, kPictureSide / 2 - scale * from.y};
  }
};

}  // namespace

std::string CurvePlot(const Accuracy& accuracy) {
  const std::vector<AccuracyPoint>& points = accuracy.swept.empty() ? accuracy.points : accuracy.swept;
  double highest = 0;
  for (const AccuracyPoint& point : points)
    highest = std::max(highest, point.scores.front().precision.share().value_or(0));
  Svg svg(kWidth, kHeight, "Precision over recall");
  Axis x = Axis::Exact(0, 100, 6);
  Axis y = Axis::Round(0, std::max(100 * highest, 1.0), 6);
  Frame(&svg, &x, &y, "recall, %", "precision, %");
  for (const auto& [ways, series] : {std::pair(WaysKnown::kNone, "without"), std::pair(WaysKnown::kStreets, "middle"),
                                     std::pair(WaysKnown::kPlans, "with")}) {
    const std::string name = series;
    SvgPath line;
    bool begun = false;
    for (const bool marks : {false, true}) {
      for (const AccuracyPoint& point : points) {
        const std::optional<double> recall = point.scores.front().recall.share();
        const std::optional<double> precision = point.scores.front().precision.share();
        if (point.ways != ways || !recall || !precision) continue;
        const Vec2 at{x.At(100 * *recall), y.At(100 * *precision)};
        if (!marks) {
          begun ? line.LineTo(at) : line.MoveTo(at);
          begun = true;
          continue;
        }
        const std::string alarm = Fixed(point.horizon.required_decel_min_mps2, 1);
        svg.Circle(at, 4.5, name + "-mark",
                   "alarm at " + alarm + " m/s2, noise " + Fixed(point.noise_m, 1) + " m");
        svg.Text({at.x + 7, at.y - 6}, accuracy.swept.empty() ? Fixed(point.noise_m, 1) + " m" : alarm, "tick halo");
      }
      if (!marks && begun && !accuracy.swept.empty()) {
        svg.Path(line, "series " + name + "-line");
      }
    }
  }
  return svg.Finish();
}

std::string LeadPlot(const Accuracy& accuracy) {
  const std::vector<double>& leads = accuracy.base().scores.front().leads_s;
  std::vector<std::uint64_t> bins(
      std::max<std::size_t>(12, leads.empty() ? 0 : static_cast<std::size_t>(leads.back() / kBinS) + 1));
  for (const double lead : leads) ++bins[static_cast<std::size_t>(lead / kBinS)];
  const std::uint64_t most = std::max<std::uint64_t>(*std::ranges::max_element(bins), 1);
  Svg svg(kWidth, kHeight, "Lead times");
  Axis x = Axis::Exact(0, static_cast<double>(bins.size()) * kBinS, 12);
  Axis y = Axis::Round(0, static_cast<double>(most), 5);
  Frame(&svg, &x, &y, "from the first warning to the least TTC or the touch, s", "encounters");
  for (std::size_t i = 0; i < bins.size(); ++i) {
    if (bins[i] == 0) continue;
    const double left = x.At(static_cast<double>(i) * kBinS);
    const double top = y.At(static_cast<double>(bins[i]));
    svg.Rectangle({left + 1, top}, {x.At(static_cast<double>(i + 1) * kBinS) - left - 2, kBottom - top}, "with-fill");
  }
  return svg.Finish();
}

std::string DrawPair(const Recording& recording, const PairPicture& picture) {
  const std::array<std::uint32_t, 2> tracks{picture.a, picture.b};
  const auto truth = [&](std::uint32_t track, SimTime time) {
    return recording.TruthAt(track, std::clamp(time, recording.Begin(track), recording.End(track)));
  };
  const Vec2 first = truth(picture.a, picture.at).position;
  const Vec2 second = truth(picture.b, picture.at).position;
  double seen_m = std::max(kSeenMinM, 1.5 * Norm(second - first) + 12);
  for (const std::uint32_t track : tracks) {
    const Vec2 before = truth(track, picture.at - seconds(2)).position - 0.5 * (first + second);
    seen_m = std::max(seen_m, 2 * std::max(std::abs(before.x), std::abs(before.y)));
  }
  seen_m = std::min(seen_m, std::max(kSeenMaxM, Norm(second - first) + 12));
  const View view{0.5 * (first + second), (kPictureSide - 2 * kPictureMargin) / seen_m};
  Svg svg(kPictureSide, kPictureSide, picture.label);
  svg.Rectangle({0.5, 0.5}, {kPictureSide - 1, kPictureSide - 1}, "frame");
  const auto inside = [](Vec2 at) { return at.x > 0 && at.y > 0 && at.x < kPictureSide && at.y < kPictureSide; };
  for (std::size_t i = 0; i < 2; ++i) {
    const std::string colour = i == 0 ? "without" : "with";
    SvgPath trail;
    bool drawn = false;
    for (int tenth = static_cast<int>(-10 * kTrailS); tenth <= 0; ++tenth) {
      const SimTime time = picture.at + milliseconds(100 * tenth);
      if (time < recording.Begin(tracks[i]) || time > recording.End(tracks[i])) continue;
      const Vec2 at = view.At(truth(tracks[i], time).position);
      if (!inside(at)) {
        drawn = false;
        continue;
      }
      drawn ? trail.LineTo(at) : trail.MoveTo(at);
      drawn = true;
    }
    svg.Path(trail, "series " + colour + "-line");
    const auto box = [&](SimTime time, const std::string& looks) {
      const VehicleTruth now = truth(tracks[i], time);
      const Vec2 along = HeadingVector(now.heading_rad);
      if (!inside(view.At(now.position))) return;
      svg.Path(Rectangle(view.At(now.position), {along.x, -along.y}, view.scale * now.length_m / 2,
                         view.scale * now.width_m / 2),
               looks);
      svg.Circle(view.At(now.position + now.length_m / 2 * along), 2, colour + "-mark");
    };
    if (picture.warned) box(*picture.warned, "warned " + colour + "-line");
    box(picture.at, "then " + colour + "-mark");
  }
  const double bar_m = RoundedDown(seen_m / 4);
  const double bar_y = kPictureSide - 12;
  svg.Line({10, bar_y}, {10 + view.scale * bar_m, bar_y}, "rule");
  svg.Text({14 + view.scale * bar_m, bar_y + 4}, Fixed(bar_m, 0) + " m", "tick halo");
  return svg.Finish();
}

}  // namespace starling::sim
