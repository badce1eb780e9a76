#include "cloud/console/scaling_figures.h"

namespace starling::cloud {

void AppendFigures(const ScalingOutlook& outlook, std::vector<Figure>* figures) {
  const auto add = [&](std::string_view name, double value, std::string_view help,
                       FigureKind kind = FigureKind::kGauge) {
    figures->push_back({"scaling", name, help, kind, value});
  };
  add("shards_wanted", outlook.shards_wanted, "Shards for the load of ten minutes from now, after the cool-down");
  add("shards_needed", outlook.shards_needed, "The same before it");
  add("load_now", outlook.load_now, "Fixes a second of the regions here, over the last minute");
  add("load_forecast", outlook.load_forecast, "Fixes a second forecast for ten minutes from now");
  add("load_forecast_low", outlook.load_low, "Lower end of that forecast's interval");
  add("load_forecast_high", outlook.load_high, "Upper end of it, which shards are counted for");
  add("profile_seen", outlook.profile_seen, "Share of the week's five minutes that were seen once");
  if (outlook.covered) {
    add("interval_covered", *outlook.covered, "Share of the last two days' minutes that were within their interval");
  }
  add("minutes", static_cast<double>(outlook.minutes), "Minutes observed", FigureKind::kCounter);
}

}  // namespace starling::cloud
