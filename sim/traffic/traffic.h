// Ten thousand taxis in a city, moved together in steps of 100 ms.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <boost/container/small_vector.hpp>

#include "common/huge_pages.h"
#include "common/motion/predictor.h"
#include "common/status.h"
#include "sim/city/city.h"
#include "sim/city/router.h"
#include "sim/traffic/car_following.h"
#include "sim/traffic/entrance.h"
#include "sim/traffic/events_under_way.h"
#include "sim/traffic/mistake.h"
#include "sim/traffic/sim_time.h"
#include "sim/traffic/stops.h"
#include "sim/traffic/taxi.h"
#include "sim/traffic/track_set.h"
#include "sim/traffic/traffic_config.h"
#include "sim/traffic/vehicle.h"
#include "sim/traffic/workers.h"

namespace starling::sim {

// What a vehicle's own sensors and planner would say at one instant.
struct VehicleTruth {
  SimTime time;
  Vec2 position;                 // Centre of its box, m in the city's frame.
  double heading_rad = 0;        // Clockwise from north, in [-pi, pi).
  double speed_mps = 0;
  double accel_mps2 = 0;         // Along the heading, from now until the end of the step.
  double yaw_rate_radps = 0;     // Clockwise positive.
  Intent intent = Intent::kIdle;
  PlannedPath path;              // Empty: straight on for 8 s and 60 m at least.
  double length_m = kVehicleLengthM;
  double width_m = kVehicleWidthM;
};

struct TrafficCounters {
  std::uint64_t updates = 0;              // Vehicles times steps.
  std::uint64_t trips = 0;                // Finished.
  std::uint64_t collisions = 0;           // Pairs, once for each contact.
  std::uint64_t scrapes = 0;              // Of these, two out of a deadlock: see Scraped.
  std::uint64_t emergency_brakings = 0;   // Onsets of more than 4 m/s² of braking.
  // Onsets of more than 3.4 m/s² of braking, each until it is below 2 m/s² again.
  // Source: AASHTO, A Policy on Geometric Design of Highways and Streets (2018), section 3.2.2: the
  // deceleration that is comfortable for most drivers.
  std::uint64_t hard_brakings = 0;
  std::uint64_t red_light_runs = 0;
  std::uint64_t lane_changes = 0;
  // Passages of a junction by a way that leads round: there was no gap to change lanes, or it was a
  // detour.
  std::uint64_t turns_missed = 0;
  // Ways chosen at a junction because the planned one led into a street that was full for long.
  std::uint64_t detours = 0;
  // Onsets of a pair that needs more than 3 m/s² of one of them, or touches within 2 s.
  std::uint64_t near_misses_following = 0;
  std::uint64_t near_misses_crossing = 0;
  std::uint64_t breakdowns = 0;           // That have begun.
  // That nobody took in time: see TakeMistakes.
  std::uint64_t mistakes_dropped = 0;
  std::uint64_t trips_dropped = 0;        // See TakeFinished.
  std::uint64_t stops_made = 0;           // Of the demand: see TakeStops.
  std::uint64_t stops_missed = 0;
};

// Traffic without a clock: the caller says how far.  In each step every driver sees all
// vehicles at its beginning, decides on an acceleration, and keeps it to the end.
//
// A step is a row of phases over tracks, junctions or vehicles, each cut into portions that
// write nothing that another portion of the same phase reads or writes; what concerns
// several (a vehicle that comes to another track, a contact) is kept for the phase's end and
// done there in the portions' order.  So any number of threads gives the same bits, and a step
// can be worked off little by little (WorkAhead).
//
// A trip starts and ends in motion: passengers get on and off at the kerb, which is not
// on the road.  Two vehicles that collide brake to a stand, stay for some seconds and then go
// on through each other; nobody is removed or moved by hand.
//
// The same seeds and the same limits at the same steps give the same traffic; with WorkAhead a
// limit may come before or after its vehicle's next decision.
//
// Threading: thread-compatible; one thread owns it.
class Traffic {
 public:
  static constexpr nanoseconds kStep = milliseconds(100);

  // Places the vehicles and runs the warm-up, which ends at time 0.  `city` must outlive it.
  // REQUIRES: config.Validate().ok(); config.vehicles <= RoomIn(city); lanes in its events are the
  //           city's
  Traffic(const City& city, const TrafficConfig& config);

  // An empty city, which the demand's vehicles enter and leave: at the end of the last street of
  // their way, or, `strayed`, where the city ends.  Who misses a turn goes by the way that was
  // expected to be the fastest from there.  Each makes its stops in their order, with its front within the stop;
  // where that cannot be it drives on, and it is said (TakeStops).  `config.vehicles` is how many there are at once at
  // most, the others wait; places, warm_up_s, reroute_chance, closures and attractions are not
  // used.  City and demand,
  // which is of the city's network, must outlive it.
  // REQUIRES: config.Validate().ok(); demand.types.size() <= kKindsMax; its routes end on at most
  //           kEndsMax streets
  Traffic(const City& city, const Demand& demand, const TrafficConfig& config);
  static constexpr std::size_t kKindsMax = 256;
  static constexpr std::size_t kEndsMax = 65'534;

  // The trips that have ended since it was called last (at first: since time 0), in the order of
  // time.  A taxi's are its ways from goal to goal, from the second one on: the first has no
  // beginning.  Of taxis' trips that are not taken kTaxiTripsMax are kept, the newer ones dropped.
  std::vector<TripRecord> TakeFinished() { return std::exchange(finished_, {}); }

  // With a demand only:
  // The stops that have ended, or are missed, since it was called last, in the order of time.
  std::vector<StopRecord> TakeStops() { return std::exchange(stops_, {}); }
  // Whether it stands at one of its stops.
  bool IsAtStop(VehicleIndex vehicle) const { return vehicles_[vehicle].halts && StandsAtStop(vehicle); }
  std::uint32_t Waiting() const;           // Whose time has come, but there was no room.
  const std::vector<std::string>& NotDriven() const { return entrance_->not_driven; }  // Their streets are not for cars.
  bool Finished() const;                   // Nobody is there and nobody will come.
  // Of one that is on the road: its vehicle's id and type in the demand, and its number among
  // those that have entered so far.
  const std::string& IdOf(VehicleIndex vehicle) const { return entrance_->trips[vehicle].record.id; }
  const std::string& TypeOf(VehicleIndex vehicle) const {
    return entrance_->demand.types[entrance_->trips[vehicle].departing.type].id;
  }
  std::uint32_t TripOf(VehicleIndex vehicle) const { return entrance_->trips[vehicle].number; }

  // How many vehicles find a place in it at the start, at most.
  static std::uint32_t RoomIn(const City& city);

  // Vehicle numbers are below this one; with a demand not all are on the road at a time.
  VehicleIndex size() const { return static_cast<VehicleIndex>(vehicles_.size()); }

  // True if a contact of the two at that time, not long ago, is the end of a deadlock: they stood in each other's way for
  // a minute, and went past each other at walking pace where real drivers would back off or steer.
  bool Scraped(VehicleIndex a, VehicleIndex b, SimTime when) const;
  bool OnRoad(VehicleIndex vehicle) const { return vehicles_[vehicle].track != kOffRoad; }
  std::uint32_t on_road() const { return on_road_; }

  // The beginning of the present step.
  SimTime time() const { return SimTime(step_ * kStep); }

  // Goes on until `now` lies in the present step.  Earlier times change nothing.
  void AdvanceTo(SimTime now);
  // The same, and works off as much of the next step as of the present one is past at `now`: for
  // who calls often, so that no call takes a whole step's time.  Works alone, without the threads.
  void WorkAhead(SimTime now);

  // From the next step on that is not decided yet, the vehicle brakes at `decel_mps2` (at most
  // 8) down to the ceiling and stays below it; every driver complies.  nullopt lifts it.
  // The ceiling only ever slows: whoever has to brake harder for something else does.
  void SetLimit(VehicleIndex vehicle, std::optional<double> ceiling_mps, double decel_mps2);

  // The vehicle at `at`.
  // REQUIRES: it is on the road; time() <= at <= time() + kStep
  VehicleTruth Truth(VehicleIndex vehicle, SimTime at) const;

  // The lane that it is on at the beginning of the present step, when it changes the one that it
  // goes to; kNoLane within a junction.
  LaneIndex LaneOf(VehicleIndex vehicle) const {
    const TrackIndex track = MomentAt(vehicle, step_).track;
    return city_.IsLane(track) ? track : kNoLane;
  }

  // Where it is at `at`: exact in the last 3 s and in the present step, after that by constant
  // acceleration along its path.  Before that, the oldest pose that is still known.
  Pose TruthAt(VehicleIndex vehicle, SimTime at) const;

  const TrafficCounters& counters() const { return counters_; }

  // What drivers have done wrong since it was called last (at first: since time 0), by time and
  // then by vehicle.  Of those that are not taken kMistakesMax are kept, and the newer ones dropped.
  std::vector<Mistake> TakeMistakes() { return std::exchange(mistakes_, {}); }
  // Whether its driver has any of DriverFaults.  Who has none makes no mistake, but where streets
  // are so short that he cannot stop he may be over a line at red.
  bool HasFaults(VehicleIndex vehicle) const;
  // Whether it has one that is meant: it runs lights, tailgates or forces its way.  Not to look and to
  // brake late happens to people.
  // Source: J. Reason et al., Errors and violations on the roads: a real distinction?, Ergonomics 33 (1990).
  bool BreaksRules(VehicleIndex vehicle) const;

  // Stands because of a Breakdown, or brakes for one.
  bool IsBrokenDown(VehicleIndex vehicle) const { return vehicles_[vehicle].broken_down; }

  // At the beginning of the present step, by a walk over all vehicles.
  std::uint32_t StoppedVehicles() const;  // Slower than 0.1 m/s.
  double MeanSpeed() const;               // m/s
  std::uint32_t StandingVehicles(double seconds) const;  // For longer than that.

  // A hash of every vehicle's motion, for replay tests.
  std::uint64_t Digest() const;

 private:
  // Few tracks have more than 8: a whole queue is in one cache line then.
  using QueueRow = boost::container::small_vector<VehicleIndex, 8>;

  // The vehicles on one track, and what was promised to others who will enter it.
  struct alignas(64) Queue {
    // The farthest along first.  Those among them whose track is another one are changing lanes
    // and leave this one (AlongOn).
    QueueRow vehicles;
    VehicleIndex departed = kNobody;        // The last one that left it.
    std::uint32_t reserved = 0;             // Committed to come, not here yet.
  };

  // The vehicles that are committed to cross a junction, or cross it.
  struct Crossing {
    static constexpr std::uint32_t kMembersMax = 31;
    std::array<VehicleIndex, kMembersMax> members{};
    std::uint32_t count = 0;
    std::uint32_t turn_number = 0;          // Of the newest commitment.
  };

  // One vehicle at the beginning of one step, for who looks from outside.
  struct Moment {
    double along_m = 0;
    float speed_mps = 0;
    float accel_mps2 = 0;
    TrackIndex track = 0;
    ConnectionIndex through = 0;
    Goals route;
    Intent intent = Intent::kIdle;
    bool changing = false;                  // Lanes, by its LaneChange.
  };
  static_assert(sizeof(Moment) == 32);
  static constexpr std::int64_t kMoments = 32;
  // Where there are more vehicles than a core's own cache holds with all that they look at (0.7 KB each), one is
  // fetched so many turns before its own, and then what its driver will look at.
  static constexpr std::uint32_t kFetchedFrom = 3'000;
  static constexpr std::size_t kFetchFar = 12;
  static constexpr std::size_t kFetchNear = 5;
  static constexpr std::uint32_t kFetchQueues = 6;    // So many junctions before its turn,
  static constexpr std::uint32_t kFetchVehicles = 3;  // and then those who are there.

  struct WantedChange {
    VehicleIndex vehicle = kNobody;
    LaneIndex to = kNoLane;
    bool must = false;                      // Its way leads on from there.
  };

  // Two who have stood in each other's way for a minute go past each other from then on.
  struct Scrape {
    VehicleIndex first = kNobody;           // The smaller one.
    VehicleIndex second = kNobody;
    SimTime begins;
  };

  // What a portion keeps for its phase's end.
  struct Tally {
    std::vector<VehicleIndex> coming;                            // Gather; not kept, used again.
    TrafficCounters counters;
    std::vector<VehicleIndex> leavers;                           // Of their track, in order.
    std::vector<VehicleIndex> changed;                           // Lanes: they have left the other one.
    std::vector<std::pair<VehicleIndex, VehicleIndex>> touches;
    std::vector<std::pair<VehicleIndex, VehicleIndex>> scrapes;  // About to.
    std::vector<WantedChange> changes;
    std::vector<std::pair<VehicleIndex, LaneIndex>> asked;       // To be let in.
    std::vector<std::pair<VehicleIndex, ConnectionIndex>> detours;
    std::vector<VehicleIndex> startled;                          // By one whom they had overlooked.
    std::vector<Mistake> mistakes;
  };

  struct Phase {
    void (Traffic::*portion)(std::uint32_t begin, std::uint32_t end, Tally* tally);
    void (Traffic::*end)();                 // Once all portions are done; may be null.
    enum Over { kTracks, kJunctions, kVehicles } over;
  };
  static constexpr std::size_t kPhases = 7;
  static const std::array<Phase, kPhases> kStepPhases;
  static constexpr std::uint32_t kPortions = 64;  // Of a phase.

  const VehicleKind& KindOf(const Vehicle& vehicle) const { return kinds_[vehicle.kind]; }

  // placement.cc
  void Place();
  void DrawFaults(VehicleIndex vehicle, std::uint64_t number);

  // entering.cc
  void Enter();
  bool TryEnter(StreetIndex street, const Departing& departing);
  bool EnterAt(const Departing& departing, LaneIndex lane, double along_m, double speed_mps);
  void FindWayBack(VehicleIndex vehicle);
  bool LeavesOn(VehicleIndex vehicle, const Goals& route, LaneIndex lane) const;
  void Leave(VehicleIndex vehicle);

  // stops.cc
  void BeginStops(VehicleIndex vehicle);
  double SpeedToEnter(const Departing& departing, LaneIndex lane, double front_m, double speed_mps) const;
  LaneIndex LaneOfStop(const Stop& stop) const;
  void FindStop(VehicleIndex vehicle);
  void PlanLanes(VehicleIndex vehicle);
  float EffortToStop(const Halt& halt, std::size_t at, LaneIndex lane) const;
  ConnectionIndex NextToStop(VehicleIndex vehicle, std::size_t at, LaneIndex lane, ConnectionIndex otherwise) const;
  std::optional<LaneIndex> BetterForStop(VehicleIndex vehicle, LaneIndex lane) const;
  double StopOnM(VehicleIndex vehicle, LaneIndex lane) const;
  double LastChangeM(VehicleIndex vehicle) const;
  bool StopsOn(VehicleIndex vehicle, LaneIndex lane) const;
  bool StandsAtStop(VehicleIndex vehicle) const;
  std::optional<double> ToStopM(VehicleIndex vehicle, double see_m) const;
  double ForStop(VehicleIndex vehicle) const;
  void RunStops();
  void AdvanceToStop(VehicleIndex vehicle, LaneIndex lane);
  void MissStops(VehicleIndex vehicle);
  void NoteStop(VehicleIndex vehicle, StopOutcome outcome);

  // traffic.cc
  void Allocate();
  void Work(std::uint32_t until);
  void RunPortion(const Phase& phase, std::uint32_t portion);
  void RunPhase(const Phase& phase);
  void EndStep();
  void RefreshRoutes();
  const VehicleIndex* Gather(TrackIndex begin, TrackIndex end, Tally* tally) const;
  void Move(std::uint32_t begin, std::uint32_t end, Tally* tally);
  void Exchange();
  void EnterTrack(VehicleIndex vehicle, TrackIndex track);
  void Insert(VehicleIndex vehicle, TrackIndex track);
  void Remove(VehicleIndex vehicle, TrackIndex track);
  void ArriveOnLane(VehicleIndex vehicle, LaneIndex lane);
  PlaceIndex DrawAnyGoal(Random* random, Vec2 from) const;
  ConnectionIndex Follow(VehicleIndex vehicle, Goals* route, LaneIndex lane) const;
  LaneIndex Better(VehicleIndex vehicle, LaneIndex lane) const;
  bool MissesTurn(VehicleIndex vehicle, LaneIndex lane) const;
  const Moment& MomentAt(VehicleIndex vehicle, std::int64_t step) const {
    return moments_[static_cast<std::size_t>(step & (kMoments - 1)) * vehicles_.size() + vehicle];
  }
  Moment Later(VehicleIndex vehicle, const Moment& moment, double dt_s) const;

  // taxi.cc
  void PrepareTaxis();
  void CountTrack(VehicleIndex vehicle);
  double FreeS(const Vehicle& me, TrackIndex track, double way_m) const;
  void FinishTaxiTrip(VehicleIndex vehicle);
  void ConsiderCharging(VehicleIndex vehicle);
  PlaceIndex ChargingPlaceNear(Vec2 from) const;

  // events.cc
  // What rain does to the limits; see LimitOn.
  struct Weather {
    double friction = 1;
    double on_lanes = 1;
    double in_turns = 1;                    // And within junctions.
  };
  void PrepareEvents();
  void RunEvents();
  void RunRain(double now_s);
  // How fast one likes to drive there.
  double LimitOn(TrackIndex track) const {
    return city_.track(track).speed_limit_mps * (city_.IsLane(track) ? weather_.on_lanes : weather_.in_turns);
  }
  void RunBreakdowns(double now_s);
  VehicleIndex WhoBreaksDown(const Breakdown& breakdown, const std::vector<LaneIndex>& lanes) const;
  void RunClosures(double now_s);
  std::vector<std::uint8_t> LanesClosed(bool announced) const;
  bool IsClosed(LaneIndex lane) const { return !closed_.empty() && closed_[lane] != 0; }
  bool IsShut(PlaceIndex place) const;
  void TurnAway();
  PlaceIndex DrawGoal(Random* random, Vec2 from) const;
  void Attract(VehicleIndex vehicle);

  // mistakes.cc
  void Note(VehicleIndex vehicle, MistakeKind kind, Tally* tally) const;
  void TakeNotes();

  // driving.cc
  void Decide(std::uint32_t begin, std::uint32_t end, Tally* tally);
  void FetchFor(VehicleIndex vehicle) const;
  double AccelOf(VehicleIndex vehicle, VehicleIndex leader, VehicleIndex behind, Tally* tally);
  double ForCeiling(VehicleIndex vehicle) const;
  double LimitedJerk(const Vehicle& me, double wanted) const;
  double ForLeader(VehicleIndex vehicle, VehicleIndex leader, double lookahead_m,
                   double desired_accel, Tally* tally);
  double BehindLeader(VehicleIndex vehicle, VehicleIndex leader, double gap_m,
                      double desired_accel, Tally* tally);
  bool TailIsOn(VehicleIndex departed, LaneIndex lane, ConnectionIndex through) const;
  double ForSpeedsAhead(const Vehicle& me) const;
  double ForCornersAhead(const Vehicle& me) const;
  static void CountBraking(Vehicle* me, TrafficCounters* counters);
  void RememberAll(std::uint32_t begin, std::uint32_t end, Tally* tally);
  void Remember(VehicleIndex vehicle, std::int64_t step);

  // lane_changing.cc
  struct Room {
    double accel_mps2 = 0;                  // Of the one that comes,
    double cost_mps2 = 0;                   // and what the one behind it loses.
  };
  static constexpr double kFarM = 1e6;
  double AlongOn(VehicleIndex vehicle, TrackIndex track) const;
  Pose PoseOf(VehicleIndex vehicle, TrackIndex track, double along_m, bool changing) const;
  std::size_t PlaceIn(LaneIndex lane, double along_m) const;
  void ConsiderLanes(std::uint32_t begin, std::uint32_t end, Tally* tally);
  void ConsiderDetour(VehicleIndex vehicle, Tally* tally) const;
  bool IsToBePassed(VehicleIndex vehicle, VehicleIndex leader, LaneIndex lane) const;
  LaneIndex WantedLane(VehicleIndex vehicle, VehicleIndex leader) const;
  LaneIndex LaneFor(VehicleIndex vehicle, LaneIndex wanted, VehicleIndex leader, VehicleIndex behind) const;
  bool IsHemmedIn(const Vehicle& me, VehicleIndex leader) const;
  double ModelAccel(VehicleIndex vehicle, VehicleIndex leader, double gap_m) const;
  std::optional<Room> RoomOn(VehicleIndex vehicle, LaneIndex to, bool wanted) const;
  static double ChangeLengthM(double speed_mps, double width_m);
  void ChangeLanes();
  void BeginChange(VehicleIndex vehicle, LaneIndex to);
  void LeaveLane(VehicleIndex vehicle);
  void EndChange(VehicleIndex vehicle);
  double ForLaneLeft(VehicleIndex vehicle, double desired_accel, Tally* tally);
  bool HasWayToChange(const Vehicle& me, LaneIndex to) const;
  double LeftForChangeM(VehicleIndex vehicle) const;
  void AskToBeLetIn(VehicleIndex vehicle, LaneIndex to);
  double ForLaneWanted(VehicleIndex vehicle, VehicleIndex leader, VehicleIndex behind) const;
  double ForOneLetIn(VehicleIndex vehicle);

  // right_of_way.cc
  void FetchQueues(JunctionIndex junction) const;
  void FetchVehicles(JunctionIndex junction) const;
  void Arbitrate(std::uint32_t begin, std::uint32_t end, Tally* tally);
  void ArbitrateLane(LaneIndex lane, Tally* tally);
  bool Goes(VehicleIndex vehicle, VehicleIndex leader, double to_line_m, Tally* tally);
  double ForJunction(VehicleIndex vehicle, Tally* tally);
  double ForJunctionsAhead(VehicleIndex vehicle) const;
  bool IsObstructed(ConnectionIndex way) const;
  bool IsClear(const Vehicle& me, ConnectionIndex way, double to_line_m) const;
  // Until it has committed itself.
  bool Forces(const Vehicle& me) const { return me.forces && me.turn_number == 0; }
  double ForOneInTheWay(VehicleIndex vehicle, VehicleIndex beside, Tally* tally) const;
  double ForOthersCrossing(VehicleIndex vehicle, const Commitment& mine, Tally* tally);
  double ForOneBeside(VehicleIndex vehicle, const Commitment& mine, VehicleIndex beside, const Commitment& theirs,
                      Tally* tally);
  bool IsCommitted(const Vehicle& me) const { return me.committed == me.through && me.turn_number != 0; }
  void ArbitrateBefore(LaneIndex lane, VehicleIndex leader);
  bool MayCommit(const Vehicle& me, ConnectionIndex way, VehicleIndex leader, double to_line_m, bool looks_away) const;
  bool MustGiveUp(const Vehicle& me, VehicleIndex leader, double to_line_m) const;
  // At the end of the step that is being worked on; green without a signal.
  LightState LightOf(ConnectionIndex connection) const;
  bool Yields(ConnectionIndex way) const;
  bool SignalAllows(const Vehicle& me, ConnectionIndex way, double to_line_m, bool committed) const;
  void FindSwept();
  bool HasRoom(const Vehicle& me, ConnectionIndex way, bool reserved) const;
  bool HasRoomForTail(const Vehicle& me, ConnectionIndex way, bool reserved) const;
  bool ClearOfMembers(const Vehicle& me, ConnectionIndex way, double to_line_m) const;
  bool ClearOfApproaching(const Vehicle& me, ConnectionIndex way, double to_line_m) const;
  bool ClearBefore(const Vehicle& me, ConnectionIndex mine, double to_line_m, LaneIndex incoming, LaneIndex lane,
                   double to_start_m, double far_m, int streets) const;
  std::optional<ConnectionIndex> WayOnFrom(VehicleIndex vehicle, LaneIndex lane) const;
  double PullOf(const Vehicle& me) const { return KindOf(me).following.accel_mps2; }
  double GoneS(VehicleIndex vehicle, double rest_m, double limit_mps) const;
  double PaceAt(const Vehicle& me, ConnectionIndex way, double leave_m) const;
  bool ComesTooSoon(const Vehicle& me, ConnectionIndex way, double to_line_m, const Vehicle& other,
                    ConnectionIndex their_way, double their_line_m) const;

  // commitment.cc
  void LookUp(VehicleIndex vehicle);
  Commitment CommitmentOf(VehicleIndex vehicle, JunctionIndex junction) const;
  void LetGo(std::uint32_t begin, std::uint32_t end, Tally* tally);
  void Commit(VehicleIndex vehicle);
  void CommitAhead(VehicleIndex vehicle, ConnectionIndex way, double to_start_m);
  void GiveUpAhead(VehicleIndex vehicle);
  void TakeUpAhead(VehicleIndex vehicle);
  void GiveUp(VehicleIndex vehicle);
  void LeaveJunction(VehicleIndex vehicle);

  // contact.cc
  void FindContactsFollowing(std::uint32_t begin, std::uint32_t end, Tally* tally);
  void FindContactsCrossing(JunctionIndex junction, Tally* tally) const;
  void TakeTouches();
  bool Overlap(VehicleIndex a, VehicleIndex b) const;
  void PartFrom(VehicleIndex vehicle);
  // False if they touch already.
  bool Touch(VehicleIndex a, VehicleIndex b);
  void NoteScrape(VehicleIndex a, VehicleIndex b);

  const City& city_;
  const TrafficConfig config_;
  Router router_;
  std::vector<float> waits_s_;            // By lane, for the router.
  std::vector<VehicleKind> kinds_{VehicleKind()};
  Workers workers_;
  Random random_;
  std::unique_ptr<Entrance> entrance_;    // Null without a demand.
  std::unique_ptr<EventsUnderWay> events_;  // Null if there are none.
  std::vector<std::uint8_t> closed_;      // By lane; empty if none is closed.
  std::vector<float> swept_m_;            // By connection; FindSwept.
  Weather weather_;
  std::uint32_t on_road_ = 0;
  VehicleIndex ever_used_ = 0;            // Vehicle numbers below this one.
  HugePageVector<Vehicle> vehicles_;
  HugePageVector<Driver> drivers_;
  HugePageVector<LaneChange> changes_;    // By vehicle: the last one.
  std::vector<VehicleIndex> tailgated_;   // By vehicle: whom it followed too closely last.
  std::vector<Taxi> taxis_;               // By vehicle, without a demand.
  HugePageVector<Queue> queues_;          // By track.
  TrackSet occupied_;                     // Tracks whose queue is not empty.  Changes at phases' ends alone.
  HugePageVector<Crossing> crossings_;    // By junction.
  std::vector<VehicleIndex> in_contact_;  // Whose `touching` is not empty.
  std::deque<Scrape> scrapes_;            // The newest.
  HugePageVector<Moment> moments_;        // kMoments rows of all vehicles.
  std::array<Tally, kPortions> tallies_;
  std::int64_t step_ = 0;                 // The present one.
  std::uint32_t done_ = 0;                // Portions of the next step.
  TrafficCounters pending_;               // Of the next step.
  TrafficCounters counters_;
  std::vector<Mistake> mistakes_;         // Since they were taken.
  std::vector<TripRecord> finished_;      // The same.
  std::vector<StopRecord> stops_;         // The same.
};

}  // namespace starling::sim
