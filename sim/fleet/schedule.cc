#include "sim/fleet/schedule.h"

#include "common/check.h"
#include "common/telemetry/sample.h"

namespace starling::sim {
namespace {

constexpr std::int64_t kRoundNs = nanoseconds(kSampleInterval).count();

}  // namespace

Schedule::Schedule(std::uint32_t vehicles) : vehicles_(vehicles) { STARLING_CHECK(vehicles > 0); }

nanoseconds Schedule::InstantOf(std::uint32_t vehicle, std::uint64_t round) const {
  return nanoseconds(static_cast<std::int64_t>(round) * kRoundNs + kRoundNs * vehicle / vehicles_);
}

Schedule::Turn Schedule::At(std::uint64_t turn) const {
  const auto vehicle = static_cast<std::uint32_t>(turn % vehicles_);
  const std::uint64_t round = turn / vehicles_;
  return {vehicle, round, InstantOf(vehicle, round)};
}

std::uint64_t Schedule::DueBy(nanoseconds elapsed) const {
  if (elapsed.count() < 0) return 0;
  const std::int64_t round = elapsed.count() / kRoundNs;
  const std::int64_t rest = elapsed.count() % kRoundNs;
  const auto vehicles = static_cast<std::int64_t>(vehicles_);
  // Vehicles v with floor(v * kRoundNs / vehicles) <= rest.
  const std::int64_t due = ((rest + 1) * vehicles + kRoundNs - 1) / kRoundNs;
  return static_cast<std::uint64_t>(round * vehicles + due);
}

}  // namespace starling::sim
