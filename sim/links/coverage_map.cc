#include "sim/links/coverage_map.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <tuple>

#include "common/check.h"
#include "sim/sensors/distributions.h"
#include "sim/sensors/limits.h"

namespace starling::sim {
namespace {

constexpr double kCellMinM = 50;
constexpr double kCellMaxM = 100'000;
constexpr double kLossMax = 0.5;
constexpr std::uint32_t kCellsMax = 1u << 20;

enum Purpose : std::uint64_t { kCells = 31, kHoles, kOutages };

std::uint32_t Cells(double length_m, double side_m) {
  return static_cast<std::uint32_t>(std::max(1.0, std::ceil(length_m / side_m)));
}

Status Refuse(const std::string& finding) {
  return Status(ErrorCode::kInvalidArgument, "coverage " + finding);
}

}  // namespace

std::uint32_t CoveragePlan::columns() const { return Cells(extent.width_m(), cell_side_m); }
std::uint32_t CoveragePlan::rows() const { return Cells(extent.height_m(), cell_side_m); }

Status CoveragePlan::Validate() const {
  if (!extent.IsProper()) return Refuse("extent is not a box of finite size, 1 m to 1000 km each way");
  Limits limits("coverage");
  limits.Within("cell_side_m", cell_side_m, kCellMinM, kCellMaxM);
  if (Status status = limits.Verdict(); !status.ok()) return status;
  const std::uint64_t count = std::uint64_t{columns()} * rows();
  if (count > kCellsMax) {
    return Refuse("cell_side_m makes " + std::to_string(count) + " cells, more than " + std::to_string(kCellsMax));
  }
  if (!cells.empty() && cells.size() != count) {
    return Refuse("cells are " + std::to_string(cells.size()) + ", must be none or " + std::to_string(count));
  }
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string name = "cells[" + std::to_string(i) + "]";
    limits.Within(name + ".extra_delay", cells[i].extra_delay, nanoseconds(0), seconds(10));
    limits.Within(name + ".loss", cells[i].loss, 0, kLossMax);
  }
  if (Status status = limits.Verdict(); !status.ok()) return status;
  for (std::size_t i = 0; i < holes.size(); ++i) {
    if (holes[i].IsProper()) continue;
    return Refuse("holes[" + std::to_string(i) + "] is not a disc or rectangle of finite size");
  }
  for (std::size_t i = 0; i < outages.size(); ++i) {
    const std::string name = "outages[" + std::to_string(i) + "]";
    if (outages[i].cell >= count) {
      return Refuse(name + ".cell is " + std::to_string(outages[i].cell) + ", there are " + std::to_string(count));
    }
    if (outages[i].end <= outages[i].begin) return Refuse(name + ".end is not after its begin");
  }
  return Status();
}

Status CoverageConfig::Validate() const {
  Limits limits("coverage");
  limits.Within("cell_side_m", cell_side_m, kCellMinM, kCellMaxM);
  limits.Within("extra_delay_mean", extra_delay_mean, nanoseconds(0), seconds(1));
  limits.Within("loss_mean", loss_mean, 0, 0.2);
  limits.Within("hole_share", hole_share, 0, 0.9);
  limits.Within("hole_radius_m", hole_radius_m, 10, 10'000);
  limits.Within("outages_per_hour", outages_per_hour, 0, 60);
  limits.Within("outage_mean", outage_mean, seconds(1), std::chrono::hours(24));
  limits.Within("horizon", horizon, seconds(1), std::chrono::hours(24 * 7));
  return limits.Verdict();
}

CoveragePlan DrawCoverage(const CoverageConfig& config, const Extent& extent) {
  STARLING_CHECK(config.Validate().ok() && extent.IsProper());
  CoveragePlan plan;
  plan.extent = extent;
  plan.cell_side_m = config.cell_side_m;
  plan.cells.resize(std::size_t{plan.columns()} * plan.rows());
  constexpr nanoseconds kNone{};
  for (std::uint32_t cell = 0; cell < plan.cells.size(); ++cell) {
    Random drawn(SequenceSeed(config.seed, cell, kCells));
    plan.cells[cell].extra_delay = DrawSpan(kNone, config.extra_delay_mean, 5 * config.extra_delay_mean, &drawn);
    plan.cells[cell].loss = std::min({kLossMax, 5 * config.loss_mean, config.loss_mean * DrawExponential(&drawn)});
    if (config.outages_per_hour <= 0) continue;
    Random outages(SequenceSeed(config.seed, cell, kOutages));
    for (SimTime at{};;) {
      at += SpanOf(DrawExponential(&outages) * 3600 / config.outages_per_hour);
      if (at > SimTime(config.horizon)) break;
      const SimTime begin = at;
      at += DrawSpan(seconds(1), config.outage_mean, std::chrono::hours(24 * 365), &outages);
      plan.outages.push_back({cell, begin, at});
    }
  }
  Random holes(SequenceSeed(config.seed, 0, kHoles));
  const auto hole = [&config](Vec2 centre, Random* random) {
    return Area::Disc(centre, config.hole_radius_m * random->Between(0.5, 1.5));
  };
  plan.holes = CoverShare(extent, config.hole_share, hole, &holes);
  return plan;
}

CoverageMap::CoverageMap(const CoveragePlan& plan)
    : south_west_(plan.extent.south_west),
      cell_side_m_(plan.cell_side_m),
      columns_(plan.columns()),
      rows_(plan.rows()),
      holes_(plan.holes) {
  STARLING_CHECK(plan.Validate().ok());
  cells_.resize(std::size_t{columns_} * rows_ + 1);
  for (std::size_t i = 0; i < plan.cells.size(); ++i) {
    cells_[i].extra_delay = plan.cells[i].extra_delay;
    cells_[i].loss_hazard = -Log(1 - plan.cells[i].loss);
  }
  std::vector<RadioOutage> ordered = plan.outages;
  std::sort(ordered.begin(), ordered.end(), [](const RadioOutage& a, const RadioOutage& b) {
    return std::tie(a.cell, a.begin, a.end) < std::tie(b.cell, b.begin, b.end);
  });
  std::uint32_t cell = 0;
  for (const RadioOutage& outage : ordered) {
    while (cell < outage.cell) cells_[++cell].first_outage = static_cast<std::uint32_t>(outages_.size());
    const bool joins = outages_.size() > cells_[cell].first_outage && outage.begin <= outages_.back().end;
    if (joins) {
      outages_.back().end = std::max(outages_.back().end, outage.end);
    } else {
      outages_.push_back({outage.begin, outage.end});
    }
  }
  while (cell + 1 < cells_.size()) cells_[++cell].first_outage = static_cast<std::uint32_t>(outages_.size());
}

std::uint32_t CoverageMap::CellAt(Vec2 where) const {
  const auto index = [this](double offset_m, std::uint32_t count) {
    const double last = static_cast<double>(count - 1);
    return static_cast<std::uint32_t>(std::clamp(std::floor(offset_m / cell_side_m_), 0.0, last));
  };
  return index(where.y - south_west_.y, rows_) * columns_ + index(where.x - south_west_.x, columns_);
}

bool CoverageMap::IsOut(std::uint32_t cell, SimTime now) const {
  const auto first = outages_.begin() + cells_[cell].first_outage;
  const auto last = outages_.begin() + cells_[cell + 1].first_outage;
  const auto after =
      std::upper_bound(first, last, now, [](SimTime time, const Span& span) { return time < span.begin; });
  return after != first && now < std::prev(after)->end;
}

CoverageMap::Spot CoverageMap::At(Vec2 where, SimTime now) const {
  const std::uint32_t number = CellAt(where);
  const Cell& cell = cells_[number];
  return {.passes = holes_.Find(where) == AreaIndex::kNone && !IsOut(number, now), .cell = number,
          .extra_delay = cell.extra_delay, .loss_hazard = cell.loss_hazard};
}

}  // namespace starling::sim
