#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/check.h"
#include "sim/experiment/axis.h"
#include "sim/experiment/number_text.h"
#include "sim/experiment/plots.h"
#include "sim/experiment/svg.h"

namespace starling::sim {
namespace {

constexpr double kPanelWidth = 488;
constexpr double kPanelHeightMax = 620;
constexpr double kGap = 24;
constexpr double kTop = 28;
constexpr double kMargin = 14;
constexpr double kReachPx = 12;      // At least: marks nearer to each other are one.
constexpr double kLaneStepPx = 0.7;  // Points nearer to each other are one.

// From metres to pixels, north up.
struct Projection {
  Vec2 low;
  Vec2 high;
  double scale = 1;  // px/m
  Vec2 origin;       // px, of the south-west corner

  Vec2 At(Vec2 place) const { return {origin.x + scale * (place.x - low.x), origin.y - scale * (place.y - low.y)}; }
};

// One that shows the city and everything that happened, also where that is beyond its bounds.
Projection MakeProjection(const ExperimentResult& result) {
  Projection projection = {.low = result.city.low, .high = result.city.high, .origin = {}};
  const auto take = [&](Vec2 point) {
    projection.low = {std::min(projection.low.x, point.x), std::min(projection.low.y, point.y)};
    projection.high = {std::max(projection.high.x, point.x), std::max(projection.high.y, point.y)};
  };
  for (const std::vector<Vec2>& lane : result.city.lanes) std::ranges::for_each(lane, take);
  for (const EncounterPlace& place : result.places_without) take(place.place);
  for (const EncounterPlace& place : result.places_with) take(place.place);
  const Vec2 size = projection.high - projection.low;
  projection.scale = std::min((kPanelWidth - 2 * kMargin) / size.x, (kPanelHeightMax - 2 * kMargin) / size.y);
  return projection;
}

SvgPath LanesPath(const CityOutline& city, const Projection& projection) {
  SvgPath path;
  for (const std::vector<Vec2>& lane : city.lanes) {
    if (lane.size() < 2) continue;
    Vec2 last = projection.At(lane[0]);
    path.MoveTo(last);
    for (std::size_t i = 1; i < lane.size(); ++i) {
      const Vec2 next = projection.At(lane[i]);
      if (i + 1 < lane.size() && Norm(next - last) < kLaneStepPx) continue;
      path.LineTo(next);
      last = next;
    }
  }
  return path;
}

// What happened around one place.
struct Cluster {
  Vec2 first;
  std::uint64_t count = 0;
  Vec2 sum;

  Vec2 centre() const { return 1.0 / static_cast<double>(count) * sum; }
};

// Each joins the first cluster whose first one is within reach, or begins one: cells of a grid would cut a crossing in
// four where their borders meet on it.
std::vector<Cluster> Clusters(const std::vector<EncounterPlace>& places, EncounterKind kind, double reach_m) {
  std::vector<Cluster> clusters;
  std::map<std::pair<double, double>, std::vector<std::size_t>> cells;  // Of `first`.
  for (const EncounterPlace& place : places) {
    if (place.kind != kind) continue;
    const double cell_x = std::floor(place.place.x / reach_m);
    const double cell_y = std::floor(place.place.y / reach_m);
    std::size_t found = clusters.size();
    for (double x = cell_x - 1; x <= cell_x + 1; ++x) {
      for (double y = cell_y - 1; y <= cell_y + 1; ++y) {
        const auto cell = cells.find({x, y});
        if (cell == cells.end()) continue;
        for (const std::size_t cluster : cell->second) {
          if (NormSquared(place.place - clusters[cluster].first) <= reach_m * reach_m) found = std::min(found, cluster);
        }
      }
    }
    if (found == clusters.size()) {
      clusters.push_back({.first = place.place, .sum = {}});
      cells[{cell_x, cell_y}].push_back(found);
    }
    ++clusters[found].count;
    clusters[found].sum = clusters[found].sum + place.place;
  }
  // Small ones over large ones.
  std::ranges::stable_sort(clusters, [](const Cluster& a, const Cluster& b) { return a.count > b.count; });
  return clusters;
}

std::uint64_t LargestOf(const std::vector<Cluster>& clusters) { return clusters.empty() ? 0 : clusters[0].count; }

// Radii in px.  Collisions are few, and have to be seen where near misses are many.
struct MarkSizes {
  double largest_max;
  double one_max;
  double one_min;
  std::uint64_t largest = 0;  // Count of the largest mark.

  // So that areas are as counts are, unless they would be too small to see.
  double Radius(std::uint64_t count) const {
    const double one = std::min(one_max,
                                largest_max / std::sqrt(static_cast<double>(std::max<std::uint64_t>(largest, 1))));
    return std::max(one * std::sqrt(static_cast<double>(count)), one_min);
  }
};

void DrawDiamond(Svg* svg, Vec2 centre, double radius, const std::string& looks, const std::string& title = {}) {
  const double reach = 1.25 * radius;  // As large an area as the circle's.
  SvgPath path;
  path.MoveTo({centre.x, centre.y - reach});
  path.LineTo({centre.x + reach, centre.y});
  path.LineTo({centre.x, centre.y + reach});
  path.LineTo({centre.x - reach, centre.y});
  path.Close();
  svg->Path(path, looks, title);
}

std::string Counted(std::uint64_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

std::uint64_t CountOfKind(const std::vector<EncounterPlace>& places, EncounterKind kind) {
  return static_cast<std::uint64_t>(std::ranges::count(places, kind, &EncounterPlace::kind));
}

void DrawScaleBar(Svg* svg, Vec2 at, double px_per_m) {
  const double metres = RoundedDown(110 / px_per_m);
  const double width = metres * px_per_m;
  svg->Line(at, {at.x + width, at.y}, "rule");
  svg->Line({at.x, at.y - 4}, {at.x, at.y + 4}, "rule");
  svg->Line({at.x + width, at.y - 4}, {at.x + width, at.y + 4}, "rule");
  const std::string length = metres >= 1000 ? Fixed(metres / 1000, 0) + " km"
                                            : Fixed(metres, metres < 1 ? 2 : 0) + " m";
  svg->Text({at.x + width + 8, at.y + 4.5}, length + ", north is up", "tick");
}

// One, and a round number near the largest.
std::vector<std::uint64_t> LegendCounts(std::uint64_t largest) {
  const auto round = static_cast<std::uint64_t>(RoundedDown(static_cast<double>(largest)));
  return round > 1 ? std::vector<std::uint64_t>{1, round} : std::vector<std::uint64_t>{1};
}

}  // namespace

double MarkReachM(const ExperimentResult& result) {
  // Two digits, and not less than it has to be.
  const double least = kReachPx / MakeProjection(result).scale;
  const double step = RoundedDown(least / 10);
  return std::ceil(least / step) * step;
}

std::string EncounterMaps(const ExperimentResult& result) {
  Projection projection = MakeProjection(result);
  const double reach_m = MarkReachM(result);
  const double height = projection.scale * (projection.high.y - projection.low.y) + 2 * kMargin;
  const double inset = (kPanelWidth - projection.scale * (projection.high.x - projection.low.x)) / 2;
  const double bottom = kTop + height;
  const std::pair<const std::vector<EncounterPlace>*, std::string> sides[] = {{&result.places_without, "without"},
                                                                              {&result.places_with, "with"}};
  MarkSizes misses = {.largest_max = 12, .one_max = 3.5, .one_min = 1.8};
  MarkSizes collisions = {.largest_max = 8, .one_max = 3.4, .one_min = 2.6};
  for (const auto& [places, side] : sides) {
    misses.largest = std::max(misses.largest, LargestOf(Clusters(*places, EncounterKind::kNearMiss, reach_m)));
    collisions.largest = std::max(collisions.largest, LargestOf(Clusters(*places, EncounterKind::kCollision, reach_m)));
  }

  Svg svg(2 * kPanelWidth + kGap, bottom + 64, "Maps of collisions and near misses without and with commands");
  for (std::size_t panel = 0; panel < 2; ++panel) {
    const auto& [places, side] = sides[panel];
    const double left = static_cast<double>(panel) * (kPanelWidth + kGap);
    projection.origin = {left + inset, bottom - kMargin};
    svg.Text({left, 16}, side + " commands", side + "-text");
    svg.Text({left + kPanelWidth, 16},
             Counted(CountOfKind(*places, EncounterKind::kCollision), "collision", "collisions") + ", " +
                 Counted(CountOfKind(*places, EncounterKind::kNearMiss), "near miss", "near misses"),
             "tick", Anchor::kEnd);
    svg.Rectangle({left, kTop}, {kPanelWidth, height}, "frame");
    svg.Path(LanesPath(result.city, projection), "lanes");
    for (const Cluster& cluster : Clusters(*places, EncounterKind::kNearMiss, reach_m)) {
      svg.Circle(projection.At(cluster.centre()), misses.Radius(cluster.count), "miss " + side + "-mark",
                 Counted(cluster.count, "near miss", "near misses"));
    }
    for (const Cluster& cluster : Clusters(*places, EncounterKind::kCollision, reach_m)) {
      DrawDiamond(&svg, projection.At(cluster.centre()), collisions.Radius(cluster.count), "collision ink-fill",
                  Counted(cluster.count, "collision", "collisions"));
    }
  }
  const double y = bottom + 34;
  DrawScaleBar(&svg, {4, y}, projection.scale);
  double x = kPanelWidth + kGap;
  const auto legend = [&](bool collision, const MarkSizes& sizes) {
    for (const std::uint64_t count : LegendCounts(std::max<std::uint64_t>(sizes.largest, 1))) {
      const double radius = sizes.Radius(count);
      x += 1.25 * radius;
      if (collision)
        DrawDiamond(&svg, {x, y}, radius, "collision ink-fill");
      else
        svg.Circle({x, y}, radius, "miss ink-mark");
      x += 1.25 * radius + 5;
      svg.Text({x, y + 4.5}, std::to_string(count), "tick");
      x += 9 * static_cast<double>(std::to_string(count).size()) + 8;
    }
    svg.Text({x, y + 4.5}, collision ? "collisions" : "near misses", "tick");
    x += 100;
  };
  legend(false, misses);
  legend(true, collisions);
  return svg.Finish();
}

}  // namespace starling::sim
