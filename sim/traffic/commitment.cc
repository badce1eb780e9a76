// Who has committed himself to which movement through which junction: the junction's members and
// the vehicle's own record of it, which are written together.
#include <algorithm>

#include "sim/traffic/traffic.h"

namespace starling::sim {

// What it has committed itself to there, if anything.
Commitment Traffic::CommitmentOf(VehicleIndex vehicle, JunctionIndex junction) const {
  const Vehicle& me = vehicles_[vehicle];
  if (me.turn_number != 0 && city_.connection(me.committed).junction == junction) {
    return {me.committed, me.turn_number, me.committed_offset_m};
  }
  const Commitment& ahead = drivers_[vehicle].ahead;
  if (ahead.turn_number != 0 && city_.connection(ahead.way).junction == junction) return ahead;
  return {};
}

// Vehicles that came clear of the junction are its members no more.
void Traffic::LetGo(std::uint32_t begin, std::uint32_t end, Tally* tally) {
  for (JunctionIndex junction = begin; junction < end; ++junction) {
    Crossing& crossing = crossings_[junction];
    if (crossing.count == 0) continue;
    std::uint32_t kept = 0;
    for (std::uint32_t i = 0; i < crossing.count; ++i) {
      if (CommitmentOf(crossing.members[i], junction).turn_number == 0) continue;
      crossing.members[kept++] = crossing.members[i];
    }
    crossing.count = kept;
    FindContactsCrossing(junction, tally);
  }
}

// Who has stopped for one whom he had overlooked, or whom he wanted to force, looks from now on, is seen, and
// goes after all those who are there.
void Traffic::LookUp(VehicleIndex vehicle) {
  Vehicle& me = vehicles_[vehicle];
  if (!me.looks_away && !me.forces) return;
  me.looks_away = me.forces = me.hidden = false;
  me.turn_number = ++crossings_[city_.connection(me.committed).junction].turn_number;
}

void Traffic::Commit(VehicleIndex vehicle) {
  Vehicle& me = vehicles_[vehicle];
  if (me.turn_number != 0) LeaveJunction(vehicle);
  if (drivers_[vehicle].ahead.turn_number != 0) {
    if (drivers_[vehicle].ahead.way == me.through) return TakeUpAhead(vehicle);
    GiveUpAhead(vehicle);
  }
  const Connection& connection = city_.connection(me.through);
  Crossing& crossing = crossings_[connection.junction];
  if (crossing.count == Crossing::kMembersMax) return;
  crossing.members[crossing.count++] = vehicle;
  me.turn_number = ++crossing.turn_number;
  me.committed = me.through;
  me.committed_offset_m =
      city_.IsLane(me.track) ? static_cast<float>(-city_.track(me.track).length_m) : 0;
  me.hidden = me.looks_away || me.forces;
  me.crossing_counted = false;
  ++queues_[connection.to_lane].reserved;
}

// The next junction's commitment is the present one from now on.
void Traffic::TakeUpAhead(VehicleIndex vehicle) {
  Vehicle& me = vehicles_[vehicle];
  Commitment& ahead = drivers_[vehicle].ahead;
  me.committed = ahead.way;
  me.turn_number = ahead.turn_number;
  me.committed_offset_m = ahead.offset_m;
  me.hidden = false;
  me.crossing_counted = false;
  ahead.turn_number = 0;
}

// It is `to_start_m` before the start of `way`.
void Traffic::CommitAhead(VehicleIndex vehicle, ConnectionIndex way, double to_start_m) {
  const Connection& connection = city_.connection(way);
  Crossing& crossing = crossings_[connection.junction];
  crossing.members[crossing.count++] = vehicle;  // MayCommit has seen that there is room.
  drivers_[vehicle].ahead = {way, ++crossing.turn_number,
                             static_cast<float>(-to_start_m - vehicles_[vehicle].along_m)};
  ++queues_[connection.to_lane].reserved;
}

void Traffic::GiveUpAhead(VehicleIndex vehicle) {
  Commitment& ahead = drivers_[vehicle].ahead;
  const Connection& connection = city_.connection(ahead.way);
  Queue& queue = queues_[connection.to_lane];
  if (queue.reserved > 0) --queue.reserved;
  Crossing& crossing = crossings_[connection.junction];
  auto* const end = crossing.members.data() + crossing.count;
  auto* const at = std::find(crossing.members.data(), end, vehicle);
  if (at != end) *at = crossing.members[--crossing.count];
  ahead.turn_number = 0;
}

void Traffic::GiveUp(VehicleIndex vehicle) {
  Vehicle& me = vehicles_[vehicle];
  Queue& queue = queues_[city_.connection(me.committed).to_lane];
  if (queue.reserved > 0) --queue.reserved;
  // He decides anew, and what he cared for when he went was of that moment.
  if (me.runs_red) me.looks_away = false;
  me.forces = false;
  LeaveJunction(vehicle);
}

void Traffic::LeaveJunction(VehicleIndex vehicle) {
  Vehicle& me = vehicles_[vehicle];
  Crossing& crossing = crossings_[city_.connection(me.committed).junction];
  for (std::uint32_t i = 0; i < crossing.count; ++i) {
    if (crossing.members[i] != vehicle) continue;
    crossing.members[i] = crossing.members[--crossing.count];
    break;
  }
  me.turn_number = 0;
  me.hidden = false;
}

}  // namespace starling::sim
