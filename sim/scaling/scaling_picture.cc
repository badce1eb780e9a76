#include "sim/scaling/scaling_picture.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "sim/experiment/axis.h"
#include "sim/experiment/number_text.h"
#include "sim/experiment/page_style.h"
#include "sim/experiment/svg.h"

namespace starling::sim {
namespace {

constexpr double kWidth = 1000;
constexpr double kLeft = 64;
constexpr double kRight = 980;
constexpr std::size_t kThin = 5;  // minutes to a point
constexpr std::array<const char*, 7> kDayNames{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

double MeanFrom(const std::vector<double>& values, std::size_t first) {
  const std::size_t end = std::min(first + kThin, values.size());
  double sum = 0;
  for (std::size_t i = first; i < end; ++i) sum += values[i];
  return sum / static_cast<double>(end - first);
}

class WeekPlot {
 public:
  WeekPlot(double height, std::size_t minutes, double high, std::string_view label, std::string_view unit)
      : svg_(kWidth, height, label), days_(Axis::Exact(0, static_cast<double>(minutes), 7)),
        values_(Axis::Round(0, high, 5)) {
    days_.Draw(kLeft, kRight);
    values_.Draw(height - 28, 12);
    for (const double tick : values_.ticks()) {
      svg_.Line({kLeft, values_.At(tick)}, {kRight, values_.At(tick)}, "grid");
      svg_.Text({kLeft - 8, values_.At(tick) + 4}, values_.Label(tick), "tick", Anchor::kEnd);
    }
    for (std::size_t day = 0; day < kDayNames.size(); ++day) {
      const double x = days_.At(static_cast<double>(day) * 1440);
      svg_.Line({x, 12}, {x, height - 28}, "grid");
      svg_.Text({days_.At(static_cast<double>(day) * 1440 + 720), height - 10}, kDayNames[day], "tick",
                Anchor::kMiddle);
    }
    svg_.TextUpwards({14, height / 2}, unit, "muted");
  }

  void Line(const std::vector<double>& values, std::string_view looks, bool steps) {
    SvgPath path;
    double last = 0;
    for (std::size_t i = 0; i < values.size(); i += kThin) {
      const double value = steps ? values[i] : MeanFrom(values, i);
      const Vec2 at{days_.At(static_cast<double>(i)), values_.At(value)};
      if (i == 0) path.MoveTo(at);
      if (i > 0 && steps) path.LineTo({at.x, values_.At(last)});
      if (i > 0) path.LineTo(at);
      last = value;
    }
    svg_.Path(path, looks);
  }

  void Band(const std::vector<double>& low, const std::vector<double>& high, std::string_view looks) {
    SvgPath path;
    for (std::size_t i = 0; i < high.size(); i += kThin) {
      const Vec2 at{days_.At(static_cast<double>(i)), values_.At(MeanFrom(high, i))};
      if (i == 0) path.MoveTo(at);
      if (i > 0) path.LineTo(at);
    }
    for (std::size_t left = (low.size() + kThin - 1) / kThin; left > 0; --left) {
      const std::size_t i = (left - 1) * kThin;
      path.LineTo({days_.At(static_cast<double>(i)), values_.At(MeanFrom(low, i))});
    }
    path.Close();
    svg_.Path(path, looks);
  }

  std::string Finish() const { return svg_.Finish(); }

 private:
  Svg svg_;
  Axis days_;
  Axis values_;
};

double Most(const std::vector<double>& values) { return values.empty() ? 1 : *std::max_element(values.begin(), values.end()); }

std::string CostPlot(const ScalingStudy& study) {
  constexpr double kHeight = 340;
  double hours = 1;
  double over = 1;
  for (const RuleResult& rule : study.rules) {
    hours = std::max(hours, Mean(rule, &WeekUnderRule::shard_hours).mean);
    over = std::max(over, Mean(rule, &WeekUnderRule::over_limit_s).mean);
  }
  Svg svg(kWidth, kHeight, "Shard-hours of a week against seconds over the latency limit, of each rule");
  Axis x = Axis::Round(0, hours, 8);
  Axis y = Axis::Round(0, over, 5);
  x.Draw(kLeft, kRight - 120);
  y.Draw(kHeight - 44, 12);
  for (const double tick : y.ticks()) {
    svg.Line({kLeft, y.At(tick)}, {kRight - 120, y.At(tick)}, "grid");
    svg.Text({kLeft - 8, y.At(tick) + 4}, y.Label(tick), "tick", Anchor::kEnd);
  }
  for (const double tick : x.ticks()) svg.Text({x.At(tick), kHeight - 26}, x.Label(tick), "tick", Anchor::kMiddle);
  svg.Text({(kLeft + kRight - 120) / 2, kHeight - 6}, "shard-hours a week", "muted", Anchor::kMiddle);
  svg.TextUpwards({14, kHeight / 2}, "s over the limit", "muted");
  const auto at = [&](const RuleResult& rule) {
    return Vec2{x.At(Mean(rule, &WeekUnderRule::shard_hours).mean), y.At(Mean(rule, &WeekUnderRule::over_limit_s).mean)};
  };
  struct Look {
    std::string_view name;
    std::string_view line;
    std::string_view point;
  };
  for (const Look& look : {Look{"reactive", "series without-line", "without-mark"},
                           Look{"predictive", "series with-line", "with-mark"},
                           Look{"both", "series ink-line open", "ink-mark"}}) {
    SvgPath path;
    bool first = true;
    for (const RuleResult& rule : study.rules) {
      if (!rule.of_curve || rule.name != look.name) continue;
      if (first) path.MoveTo(at(rule));
      if (!first) path.LineTo(at(rule));
      first = false;
    }
    svg.Path(path, look.line);
    for (const RuleResult& rule : study.rules) {
      if (!rule.of_curve || rule.name != look.name) continue;
      svg.Circle(at(rule), 4, look.point, std::string(look.name) + " at " + Fixed(rule.target, 2));
      // The cheapest one has its name, the others their target.
      svg.Text({at(rule).x + 7, at(rule).y - 5}, Fixed(rule.target, 2), "tick halo");
    }
  }
  for (const RuleResult& rule : study.rules) {
    if (rule.of_curve || rule.target != 0) continue;
    svg.Circle(at(rule), 5, "point hollow", rule.title);
    svg.Text({at(rule).x + 9, at(rule).y - 4}, rule.name, "halo");
  }
  return svg.Finish();
}

}  // namespace

std::string ScalingPage(const ScalingStudy& study) {
  const WeekDrawing& week = study.drawing;
  const std::size_t minutes = week.load.size();
  WeekPlot load(300, minutes, std::max(Most(week.load), Most(week.high)),
                "Fixes a second over the week, and the interval that was forecast ten minutes before", "fixes/s");
  load.Band(week.low, week.high, "band with-fill");
  load.Line(week.load, "series ink-line", false);
  WeekPlot shards(240, minutes, std::max(Most(week.predictive), Most(week.reactive)),
                  "Shards that were ready over the week, by rule", "shards");
  shards.Line(week.reactive, "series without-line open", true);
  shards.Line(week.predictive, "series with-line", true);
  std::string page = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<title>Scaling: a week</title>\n<style>";
  page += kPageStyle;
  page += "</style></head><body><main>\n<h1>A week, and the shards for it</h1>\n<p class=\"lede\">" +
          std::to_string(study.config.seeds) + " seeds from " + std::to_string(study.config.seed) +
          " on; the first one is drawn. Wednesday evening has a match, Thursday morning a closed street.</p>\n";
  page += "<section><h2>Load, and what was forecast</h2><p class=\"note\">Line: fixes a second. Band: the interval of " +
          PercentOf(study.config.scaling.coverage) + " that was forecast ten minutes before.</p><div class=\"scroll wide\">" +
          load.Finish() + "</div></section>\n";
  page += "<section><h2>Shards</h2><p class=\"note\"><span class=\"key with\">Solid: predictive.</span> <span class=\"key "
          "without\">Dotted: reactive.</span></p><div class=\"scroll wide\">" +
          shards.Finish() + "</div></section>\n";
  page += "<section><h2>What it costs, and what it misses</h2><p class=\"note\"><span class=\"key without\">Orange: "
          "reactive.</span> <span class=\"key with\">Blue: predictive.</span> Dotted: the larger wish of both. Numbers: the "
          "target share of a shard's capacity. Means over the seeds.</p><div class=\"scroll wide\">" +
          CostPlot(study) + "</div></section>\n</main></body></html>\n";
  return page;
}

}  // namespace starling::sim
