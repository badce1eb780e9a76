// A city's streets: lanes, the ways on from their ends, who goes first where they meet, and
// signals.  What SUMO calls a network, so its words are used.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/geo/vec2.h"

namespace starling::cloud {

using EdgeIndex = std::uint32_t;
using LaneIndex = std::uint32_t;
using ConnectionIndex = std::uint32_t;
using JunctionIndex = std::uint32_t;
using SignalIndex = std::uint32_t;

inline constexpr std::uint32_t kNone = 0xffffffff;

// Who may drive on a lane: SUMO's classes that matter to a fleet of road vehicles.
enum VehicleClass : std::uint16_t {
  kPassenger = 1 << 0,
  kTaxi = 1 << 1,
  kBus = 1 << 2,
  kTruck = 1 << 3,
  kDelivery = 1 << 4,
  kEmergency = 1 << 5,
  kMotorcycle = 1 << 6,
  kBicycle = 1 << 7,
  kPedestrian = 1 << 8,
  kRail = 1 << 9,           // at least one kind of trams and trains
  kOtherClass = 1 << 10,    // at least one of SUMO's other classes
};
using VehicleClasses = std::uint16_t;
inline constexpr VehicleClasses kAllClasses = (1 << 11) - 1;

struct StreetLane {
  EdgeIndex edge = kNone;
  std::uint16_t index = 0;               // 0 is the outermost; on a street that keeps right the rightmost
  VehicleClasses allowed = kAllClasses;
  double speed_mps = 0;                  // the limit
  double width_m = 0;
  // As the file says; what a vehicle drives.  The shape may be a little longer or shorter.
  // May be zero within a junction.
  double length_m = 0;
  std::uint32_t shape_first = 0;         // in StreetNetwork::points(): the lane's middle, in its direction
  std::uint32_t shape_count = 0;         // at least 2
  ConnectionIndex connection_first = 0;  // the ways on from its end
  std::uint32_t connection_count = 0;
};

enum class EdgeFunction : std::uint8_t {
  kNormal,
  kInternal,       // within a junction
  kCrossing,       // of pedestrians
  kWalkingArea,    // what joins crossings and pavements
  kConnector,      // of a model without streets
};

struct StreetEdge {
  std::string id;
  EdgeFunction function = EdgeFunction::kNormal;
  JunctionIndex from = kNone;            // kNone of all that are not normal
  JunctionIndex to = kNone;
  EdgeIndex bidi = kNone;                // the edge on the same ground in the other direction
  std::int32_t priority = 0;
  LaneIndex lane_first = 0;
  std::uint32_t lane_count = 0;
  bool roundabout = false;
};

enum class Turn : std::uint8_t { kStraight, kLeft, kRight, kPartLeft, kPartRight, kTurnAround, kNowhere };

// How a connection has to give way, apart from a signal.
enum class RightOfWay : std::uint8_t {
  kMajor,        // goes first
  kMinor,        // gives way
  kEqual,        // to the right
  kStop,         // stops, then gives way
  kAllwayStop,   // who stopped first goes first
  kZipper,       // one after the other
  kSignal,       // the signal says
  kDeadEnd,
};

// A way from a lane's end to another lane.  `to` is never within a junction; where there is
// a `via`, following it (each lane within a junction has one way on) leads to `to` in at most
// kLanesThroughMax lanes.
struct StreetConnection {
  LaneIndex from = kNone;
  LaneIndex to = kNone;
  LaneIndex via = kNone;                 // the first lane within the junction; kNone: straight over
  JunctionIndex junction = kNone;        // kNone for those that go on within it
  std::uint32_t request = kNone;         // its number among the junction's; kNone: it yields to nobody
  SignalIndex signal = kNone;            // kNone although kSignal: a railway's, which is not taken over
  std::uint32_t signal_link = 0;         // its place in a phase's state
  Turn turn = Turn::kStraight;
  RightOfWay right_of_way = RightOfWay::kMajor;
  bool keep_clear = true;                // nobody enters who could not leave
};
inline constexpr int kLanesThroughMax = 8;

enum class JunctionKind : std::uint8_t {
  kPriority,
  kTrafficLight,
  kRightBeforeLeft,
  kLeftBeforeRight,
  kStop,
  kAllwayStop,
  kZipper,
  kUnregulated,
  kDeadEnd,
  kInternal,     // where one waits within a junction
  kOther,
};

struct StreetJunction {
  std::string id;
  JunctionKind kind = JunctionKind::kPriority;
  Vec2 position;                         // m
  std::uint32_t request_first = 0;       // in requests(): of each connection, row by row
  std::uint32_t request_count = 0;
};

// Of one connection through a junction: bit i of `response` is set if it gives way to
// connection i, of `foes` if the two must not be there together.  Both have a bit for each of
// the junction's requests.
struct StreetRequest {
  std::vector<bool> response;
  std::vector<bool> foes;
  bool waits_inside = false;             // may wait within the junction
};

struct SignalPhase {
  double duration_s = 0;
  std::string state;                     // by link: r y g G s u o O
};

// A cycle of phases, longer than 0 s.  It is `offset_s` behind one that began at time 0.
struct SignalProgramme {
  std::string id;
  double offset_s = 0;
  std::vector<SignalPhase> phases;       // not empty; each has a letter for every link
};

struct StreetSignal {
  std::string id;
  std::vector<SignalProgramme> programmes;  // as they were loaded; not empty
  std::uint32_t links = 0;                  // connections name links below this

  const SignalProgramme& in_force() const { return programmes.back(); }
};

// Edges in the order of driving.
struct StreetRoundabout {
  std::vector<EdgeIndex> edges;
};

// Where the plane lies on the globe.
struct Projection {
  std::string proj;                      // in PROJ's words; empty: none
  Vec2 offset;                           // added to projected coordinates
};

// Something in a file that is not taken over, and how often it is there.
struct Unsupported {
  std::string what;
  std::uint64_t count = 0;
};

// Coordinates: metres, x east, y north, of the file's own plane.
//
// Threading: immutable after construction.
class StreetNetwork {
 public:
  std::span<const StreetEdge> edges() const { return edges_; }
  std::span<const StreetLane> lanes() const { return lanes_; }
  std::span<const StreetConnection> connections() const { return connections_; }
  std::span<const StreetJunction> junctions() const { return junctions_; }
  std::span<const StreetRequest> requests() const { return requests_; }
  std::span<const StreetSignal> signals() const { return signals_; }
  std::span<const StreetRoundabout> roundabouts() const { return roundabouts_; }
  bool left_hand() const { return left_hand_; }  // of traffic
  const Projection& projection() const { return projection_; }
  std::span<const Unsupported> unsupported() const { return unsupported_; }

  std::span<const Vec2> shape(LaneIndex lane) const {
    return {points_.data() + lanes_[lane].shape_first, lanes_[lane].shape_count};
  }
  // The ways on from the lane's end.
  std::span<const StreetConnection> ways_on(LaneIndex lane) const {
    return {connections_.data() + lanes_[lane].connection_first, lanes_[lane].connection_count};
  }
  std::optional<EdgeIndex> FindEdge(std::string_view id) const;

 private:
  friend class SumoNetworkReader;
  friend class SumoSignalReader;

  std::vector<StreetEdge> edges_;
  std::vector<StreetLane> lanes_;
  std::vector<Vec2> points_;
  std::vector<StreetConnection> connections_;  // by the lane that they lead from
  std::vector<StreetJunction> junctions_;
  std::vector<StreetRequest> requests_;
  std::vector<StreetSignal> signals_;
  std::vector<StreetRoundabout> roundabouts_;
  bool left_hand_ = false;
  std::vector<EdgeIndex> edges_by_id_;         // sorted
  Projection projection_;
  std::vector<Unsupported> unsupported_;       // by name
};

}  // namespace starling::cloud
