#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "cloud/shard/shard_config.h"
#include "common/geo/local_frame.h"
#include "sim/fleet/command_book.h"
#include "sim/fleet/fleet_snapshot.h"
#include "sim/fleet/fleet_totals.h"
#include "sim/fleet/prediction_check.h"
#include "sim/fleet/schedule.h"
#include "sim/traffic/traffic.h"
#include "sim/traffic/workers.h"
#include "sim/virtual/virtual_cloud.h"
#include "sim/virtual/virtual_fleet_config.h"
#include "sim/virtual/virtual_vehicle.h"

namespace starling::sim {

struct VirtualFigures {
  std::uint32_t with_agent = 0;
  std::uint32_t complying = 0;             // of these
  FleetTotals totals;
  VehicleCounters vehicles;
  std::uint64_t streams_broken = 0;        // either end could not follow: ours is wrong
  std::uint64_t position_jumps = 0;        // multipath
  std::uint64_t fix_losses = 0;
  std::uint64_t clock_steps = 0;
  PredictionError prediction;              // of vehicles that were heard in the last two seconds, while they drive
  bool drained = false;
};

// A fleet of real agents, with sensors and links that are less than perfect, and the orchestrator
// behind them, in one process on one clock, without a socket.  What decides is what decides in production:
// Agent, FixGate, HistoryLedger, Shard.  What is between them is modelled: sim/sensors, sim/links, VirtualCloud.
//
// Time goes in windows no longer than the least delay of a link: what one side sends in a window
// arrives in a later one.  So within a window the orchestrator and each portion of the vehicles go on
// by themselves, and what they have sent is handed over at its end, in an order that does not depend on who
// was first.  One seed gives the same run on any number of threads.
//
// Threading: thread-compatible; it has helpers of its own.
class VirtualFleet {
 public:
  // `traffic` must outlive it, and is at its time 0, at which sampling begins.
  // REQUIRES: config.Validate().ok(); all of the traffic's vehicles are on the road
  VirtualFleet(const VirtualFleetConfig& config, const cloud::ShardConfig& shard, FrameOrigin origin, Traffic* traffic);
  ~VirtualFleet();
  VirtualFleet(const VirtualFleet&) = delete;
  VirtualFleet& operator=(const VirtualFleet&) = delete;

  // Told, from now on, of what the shard wants done after a record; by another thread than the caller's, while a step is
  // under way.
  void SetWatch(std::function<void(const cloud::ShardOutputs& outputs, SimTime time)> watch);

  // In this order.  Vehicles come up and connect, before time 0.
  void Connect();
  // All drive, for 100 ms.  The first half brings the traffic to the beginning of these, where it
  // stays; in the second half it may be read by others.
  void Step() {
    BeginStep();
    EndStep();
  }
  void BeginStep();
  void EndStep();
  // Nobody drives, all links are perfect, and what is held and in flight arrives; whether all of it
  // has within `limit`.
  bool Drain(nanoseconds limit);

  SimTime time() const { return now_; }
  const cloud::Shard& shard() const { return cloud_.shard(); }
  const VirtualCloud& cloud() const { return cloud_; }
  const CommandBook& book() const { return book_; }

  // By a walk over all vehicles.
  VirtualFigures Figures() const;
  // Of all vehicles' motion, the shard's state and what was acted on, and when.
  std::uint64_t Digest() const;

 private:
  struct Portion;
  struct DownMessage {
    SimTime sent;
    std::uint32_t vehicle = 0;
    std::uint32_t connection = 0;
    std::vector<std::byte> bytes;
  };

  static constexpr std::size_t kPortions = 16;

  void RunUntil(SimTime end);
  void RunCloud(SimTime until);
  void RunPortion(Portion* portion, SimTime until);
  void SetAlarm(Portion* portion, std::uint32_t vehicle, SimTime now);
  void HandOver();
  void Obey();
  void LookAtPredictions();
  Portion& PortionOf(std::uint32_t vehicle) { return *portions_[vehicle % kPortions]; }

  const VirtualFleetConfig config_;
  const LocalFrame frame_;
  Traffic& traffic_;
  const Schedule schedule_;
  const SkyMap sky_;
  const std::unique_ptr<const CoverageMap> coverage_;
  const VehicleWorld world_;
  const nanoseconds window_;
  const bool shared_;                        // windows are worked on by several threads
  Workers workers_;
  std::vector<std::unique_ptr<Portion>> portions_;
  std::vector<std::unique_ptr<VirtualVehicle>> vehicles_;  // null: without an agent
  std::vector<bool> complies_;                             // by vehicle
  std::vector<BootId> boots_;                              // their first ones
  CommandBook book_;
  PredictionCheck prediction_;
  std::uint64_t next_look_ = 0;
  std::uint64_t acted_digest_ = 0;

  // The orchestrator's, while a window is worked on.
  std::vector<UpMessage> up_;                // a heap of what is on its way
  std::vector<DownMessage> down_;            // sent in this window
  std::vector<std::uint32_t> connections_;   // by vehicle: which one is open; 0: none
  std::uint64_t streams_broken_ = 0;
  VirtualCloud cloud_;

  SimTime now_;
  bool sampling_ = false;
  bool drained_ = false;
};

}  // namespace starling::sim
