#include "sim/fleet/command_book.h"

#include <algorithm>
#include <iterator>

#include "sim/fleet/fleet_config.h"

namespace starling::sim {

CommandBook::CommandBook(const Schedule* schedule, std::span<const BootId> boots)
    : schedule_(schedule), boots_(boots), acted_(boots.size()) {}

std::optional<CloudTime> CommandBook::InstantOfCause(const edge::ControlAction& action) const {
  const std::size_t cause = VehicleIndexOf(action.cause_vehicle.view(), boots_.size());
  if (const auto boot = resumed_.find(ToNumber(action.cause_boot)); boot != resumed_.end()) {
    const auto after = std::ranges::upper_bound(boot->second, action.cause_sequence, {}, &Row::sequence);
    if (after != boot->second.begin() && std::prev(after)->vehicle == cause) {
      const Row& row = *std::prev(after);
      return start_ + schedule_->InstantOf(row.vehicle, row.round + action.cause_sequence - row.sequence);
    }
  }
  if (cause == boots_.size() || boots_[cause] != action.cause_boot) return std::nullopt;
  return start_ + schedule_->SampleInstant(static_cast<std::uint32_t>(cause), action.cause_sequence);
}

void CommandBook::OnAction(std::uint32_t vehicle, const edge::ControlAction& action,
                           BootTime boot_now, CloudTime now) {
  if (boot_now > action.expires) ++acted_late_;
  if (!acted_[vehicle].insert(ToNumber(action.command)).second) ++acted_twice_;

  const CloudTime logged = CloudTimeFromNs(action.cause_log_time_ns);
  const CloudTime emitted = CloudTimeFromNs(action.emitted_time_ns);
  const bool by_sample = !action.cause_vehicle.empty() && action.cause_sequence != 0;
  std::optional<CloudTime> sampled;
  if (by_sample) {
    sampled = InstantOfCause(action);
    if (!sampled) ++causes_unknown_;
  }
  for (KindFigures* figures : {&figures_[0], &figures_[static_cast<std::size_t>(action.kind)]}) {
    ++figures->handed_over;
    if (sampled) {
      SampleLegs& legs = figures->by_sample;
      legs.end_to_end.Record(now - *sampled);
      legs.delivery.Record(now - emitted);
      if (action.appended_time_ns != 0) {
        const CloudTime appended = CloudTimeFromNs(action.appended_time_ns);
        const CloudTime read = CloudTimeFromNs(action.read_time_ns);
        const CloudTime issued = CloudTimeFromNs(action.issued_time_ns);
        legs.uplink.Record(appended - *sampled);
        legs.log_in.Record(read - appended);
        legs.decision.Record(issued - read);
        legs.log_out.Record(emitted - issued);
      } else {
        // Nobody noted when the log was given it.  Issued again by a new owner, the log's time
        // is a broker's, in whole milliseconds, and too coarse for an uplink.
        if (action.read_time_ns == 0) legs.uplink.Record(logged - *sampled);
        legs.decision.Record(emitted - logged);
      }
    } else if (!by_sample) {
      figures->by_tick.end_to_end.Record(now - logged);
      figures->by_tick.decision.Record(emitted - logged);
      figures->by_tick.delivery.Record(now - emitted);
    }
  }
}

std::uint64_t CommandBook::negative_legs() const {
  const KindFigures& all = figures_[0];
  return all.by_sample.negatives() +
         all.by_tick.end_to_end.negatives() + all.by_tick.decision.negatives() +
         all.by_tick.delivery.negatives();
}

}  // namespace starling::sim
