#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "common/frame/payload_codec.h"
#include "common/geo/local_frame.h"
#include "common/ids.h"
#include "common/time.h"
#include "edge/agent/agent.h"
#include "sim/fleet/fleet_totals.h"
#include "sim/links/link_model.h"
#include "sim/traffic/traffic.h"
#include "sim/virtual/virtual_fleet_config.h"

namespace starling::sim {

// What a vehicle sends to the orchestrator.
struct UpMessage {
  enum class Kind : std::uint8_t { kBytes, kConnect, kLose };

  SimTime arrives;
  std::uint32_t vehicle = 0;
  std::uint64_t number = 0;        // of the vehicle's messages; they arrive in that order
  std::uint32_t connection = 0;    // the vehicle's how-manieth
  Kind kind = Kind::kBytes;
  std::vector<std::byte> bytes;
};

// What vehicles leave for others, until somebody fetches it.
struct VehicleMail {
  struct Acted {
    std::uint32_t vehicle = 0;
    edge::ControlAction action;
    BootTime boot_now;
    SimTime now;
  };
  // From this sequence of this boot on, samples are of this round and those after it.
  struct Resumed {
    std::uint32_t vehicle = 0;
    BootId boot{};
    std::uint32_t sequence = 0;
    std::uint64_t round = 0;
  };

  std::vector<UpMessage> up;
  std::vector<Acted> acted;
  std::vector<Resumed> resumed;
};

// Added up over vehicles.
struct VehicleCounters {
  std::uint64_t samples = 0;         // handed to the agent
  std::uint64_t silent = 0;          // not: the unit had no position, or the agent was away
  std::uint64_t restarts = 0;
  std::uint64_t streams_broken = 0;  // the agent could not follow what came: ours is wrong
  std::uint64_t bytes_up = 0;        // frames, with what TLS adds
  std::uint64_t bytes_down = 0;
  LinkCounters links;

  void Add(const LinkCounters& link);
};

// What its agent says of its size.
struct VehicleBody {
  double length_m = kVehicleLengthM;
  double width_m = kVehicleWidthM;
};

// What vehicles have in common.
struct VehicleWorld {
  const VirtualFleetConfig* config = nullptr;
  const SkyMap* sky = nullptr;
  const CoverageMap* coverage = nullptr;  // null: the same everywhere
  const LocalFrame* frame = nullptr;
  LinkConfig well;                        // once vehicles have recovered
};

// One vehicle in virtual time: the real agent, its sensors' errors, its clock, its link, and that it
// restarts.  Whoever has it calls Wake at next() at the latest; times do not go back.
//
// Threading: thread-compatible; vehicles share nothing that changes but the codec and the mail.
class VirtualVehicle {
 public:
  // It comes up at `up_at`, and connects.  What is pointed to must outlive it.
  VirtualVehicle(const VehicleWorld* world, PayloadCodec* codec, std::uint32_t number, SimTime up_at, Vec2 where,
                 VehicleBody body = {});

  const VehicleId& id() const { return id_; }
  BootId first_boot() const { return BootOf(0); }
  const edge::Agent* agent() const { return agent_.get(); }  // null: away
  bool connected() const { return connected_; }

  // See common/prefetch.h.
  void Prefetch() const;

  // The truth of its instant in a round of the schedule.
  void TakeSample(VehicleTruth truth, std::uint64_t round, VehicleMail* mail);

  // Bytes that the orchestrator sent at `sent`, to be put to the link from `sent` plus its least
  // delay on.  Those of a connection that is over are lost.
  void PutDown(SimTime sent, std::uint32_t connection, std::vector<std::byte> bytes);

  // Does all that is due.
  void Wake(SimTime now, VehicleMail* mail);
  SimTime next(SimTime now) const;

  // From now on the link is perfect, nothing restarts, and all that is held is sent.
  void Recover(SimTime now, VehicleMail* mail);

  edge::DesiredState Desired(SimTime now);

  // Of all its boots; in_flight is of the present one.
  void AddTo(FleetTotals* totals, VehicleCounters* counters) const;
  const GnssReceiver& gnss() const { return gnss_; }
  const VehicleClock& clock() const { return clock_; }

 private:
  struct Chunk {
    SimTime at;                      // of its sending, or its arrival
    std::vector<std::byte> bytes;
  };

  BootId BootOf(std::uint32_t number) const;
  void Boot(SimTime now, VehicleMail* mail);
  void GoAway(SimTime now, VehicleMail* mail);
  void MakeLink(SimTime now);
  void Connect(SimTime now, VehicleMail* mail);
  void Lose(SimTime now, VehicleMail* mail);
  void Post(UpMessage::Kind kind, SimTime arrives, std::vector<std::byte> bytes, VehicleMail* mail);
  void OfferUp(SimTime now, VehicleMail* mail);
  void OfferDown(SimTime now);

  const VehicleWorld* world_;
  PayloadCodec* codec_;
  const std::uint32_t number_;
  const VehicleBody body_;
  VehicleId id_;
  VehicleClock clock_;
  GnssReceiver gnss_;
  RestartPlan restarts_;
  bool recovered_ = false;

  std::unique_ptr<edge::Agent> agent_;
  std::uint32_t boots_ = 0;
  SimTime returns_;                  // while there is no agent
  std::uint32_t sequence_ = 0;       // of this boot's last sample
  bool skipped_ = true;              // since then, or since its start
  Vec2 where_;

  std::optional<LinkModel> link_;    // while there is an agent
  std::uint32_t links_made_ = 0;
  std::uint32_t connection_ = 0;
  bool connected_ = false;
  std::uint64_t posted_ = 0;
  SimTime posted_last_ = SimTime::min();
  std::vector<std::byte> up_waiting_;        // what the link did not take
  std::deque<Chunk> down_waiting_;
  bool down_refused_ = false;
  SimTime down_offered_ = SimTime::min();
  std::deque<Chunk> down_;                   // on its way

  FleetTotals ended_;                // boots that are over
  VehicleCounters counters_;         // links that are over
};

}  // namespace starling::sim
