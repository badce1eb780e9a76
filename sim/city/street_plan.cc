#include "sim/city/street_plan.h"

#include <algorithm>
#include <cmath>

namespace starling::sim {
namespace {

constexpr double kTiltMax = 0.012;        // Of an arterial against the grid, rad.
constexpr double kNodeJitterM = 12;
constexpr double kLineJitterShare = 0.1;  // Of a block.
constexpr double kArterialMps = 16.7;
constexpr double kSideMps[] = {8.3, 11.1, 11.1, 13.9};

// The lines of one direction: coordinate = at + tilt * (coordinate along).
struct Lines {
  std::vector<double> at;
  std::vector<double> tilt;
  std::vector<bool> arterial;
  std::vector<double> speed_limit_mps;
};

Lines DrawLines(const CityConfig& config, Random& random) {
  const auto blocks =
      static_cast<std::size_t>(std::max(4.0, std::round(config.side_m / config.block_m)));
  const double block_m = config.side_m / static_cast<double>(blocks);
  Lines lines;
  lines.arterial.assign(blocks + 1, false);
  lines.at.resize(blocks + 1);
  lines.tilt.resize(blocks + 1, 0);
  for (std::size_t i = 0; i <= blocks; ++i) {
    lines.at[i] = -config.side_m / 2 + block_m * static_cast<double>(i);
    if (i > 0 && i < blocks) {
      lines.at[i] += random.Between(-kLineJitterShare, kLineJitterShare) * block_m;
    }
    lines.speed_limit_mps.push_back(kSideMps[random.Below(std::size(kSideMps))]);
  }
  // Arterials every four or five blocks, as many of either as it takes.
  std::size_t at = 0;
  lines.arterial[0] = true;
  while (at < blocks) {
    const std::size_t rest = blocks - at;
    std::size_t step = random.Chance(0.5) ? 4 : 5;
    if (rest < 8) step = rest <= 5 ? rest : rest / 2;
    if (rest == 8) step = 4;
    at += step;
    lines.arterial[at] = true;
    lines.speed_limit_mps[at] = kArterialMps;
    if (at < blocks) lines.tilt[at] = random.Between(-kTiltMax, kTiltMax);
  }
  lines.speed_limit_mps[0] = kArterialMps;
  // Side lines tilt with their neighbours, so that no two lines meet.
  for (std::size_t low = 0; low < blocks;) {
    std::size_t high = low + 1;
    while (!lines.arterial[high]) ++high;
    for (std::size_t i = low + 1; i < high; ++i) {
      const double share = static_cast<double>(i - low) / static_cast<double>(high - low);
      lines.tilt[i] = lines.tilt[low] + share * (lines.tilt[high] - lines.tilt[low]);
    }
    low = high;
  }
  return lines;
}

}  // namespace

StreetPlan StreetPlan::Draw(const CityConfig& config, Random& random) {
  const Lines columns = DrawLines(config, random);
  const Lines rows = DrawLines(config, random);
  const std::size_t nx = columns.at.size();
  const std::size_t ny = rows.at.size();
  StreetPlan plan;
  plan.nodes.resize(nx * ny);
  for (std::size_t j = 0; j < ny; ++j) {
    for (std::size_t i = 0; i < nx; ++i) {
      // x = c + t y and y = r + s x.
      double dx = random.Between(-kNodeJitterM, kNodeJitterM);
      double dy = random.Between(-kNodeJitterM, kNodeJitterM);
      if (columns.arterial[i]) dx = 0;
      if (rows.arterial[j]) dy = 0;
      const double c = columns.at[i] + dx;
      const double r = rows.at[j] + dy;
      const double t = columns.tilt[i];
      const double s = rows.tilt[j];
      const double x = (c + t * r) / (1 - t * s);
      plan.nodes[j * nx + i].position = {x, r + s * x};
    }
  }
  std::vector<PlanStreet> drawn;
  std::vector<int> degree(plan.nodes.size(), 0);
  const auto draw = [&](std::size_t a, std::size_t b, bool arterial, double limit) {
    drawn.push_back(
        {static_cast<std::uint32_t>(a), static_cast<std::uint32_t>(b), arterial, limit});
    ++degree[a];
    ++degree[b];
  };
  for (std::size_t j = 0; j < ny; ++j) {
    for (std::size_t i = 0; i < nx; ++i) {
      const std::size_t node = j * nx + i;
      if (i + 1 < nx) draw(node, node + 1, rows.arterial[j], rows.speed_limit_mps[j]);
      if (j + 1 < ny) draw(node, node + nx, columns.arterial[i], columns.speed_limit_mps[i]);
    }
  }
  for (const PlanStreet& street : drawn) {
    // What is left of a junction is at least a T: no dead ends.
    if (!street.arterial && random.Chance(config.missing_share) && degree[street.a] > 3 &&
        degree[street.b] > 3) {
      --degree[street.a];
      --degree[street.b];
      continue;
    }
    const auto number = static_cast<std::uint32_t>(plan.streets.size());
    plan.nodes[street.a].streets.push_back(number);
    plan.nodes[street.b].streets.push_back(number);
    plan.streets.push_back(street);
  }
  return plan;
}

}  // namespace starling::sim
