// A city to drive in: lanes, the connections that lead through its junctions,
// and who goes first there.  Drawn from one seed, or made of a network of streets
// (street_city.h); nothing in it moves.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "common/geo/vec2.h"
#include "common/huge_pages.h"
#include "common/motion/predictor.h"
#include "common/status.h"
#include "common/time.h"

namespace starling::sim {

struct CityConfig {
  // Everything random in the city comes from it.
  std::uint64_t seed = 1;
  // Side of the square city, m.  More room means thinner traffic.  1000 to 20000.
  double side_m = 7400;
  // Mean distance of two parallel streets, m.  Shorter means more junctions.  140 to 400.
  double block_m = 200;
  // Share of side streets that are not there.  0 to 0.3.
  double missing_share = 0.12;
  // Share of arterial crossings with a side street that have a signal.  0 to 1.
  double signal_share = 0.35;
  // Share of the other junctions with a side street that are roundabouts, where there is room for
  // one.  More of them means shorter waits where traffic is thin, and longer ones on arterials
  // where it is dense.  0 to 1.
  double roundabout_share = 0.15;
  // Whether the signals along an arterial turn green one after the other for those who drive at
  // `progression_mps` in one direction, which is drawn; otherwise their offsets are random, and one
  // stops more often.
  bool coordinated = true;
  // What that is timed for, m/s.  Who drives faster comes before green, who drives slower loses a
  // little of it at each signal.  10 to 16.7.
  double progression_mps = 14;

  // Errors: kInvalidArgument names the field that is out of its range.
  Status Validate() const;
};

inline constexpr double kLaneWidthM = 3.2;

// Lanes and connections are both tracks: something to drive along from 0 to its
// length.  Lanes come first, then connections.
using TrackIndex = std::uint32_t;
using LaneIndex = std::uint32_t;        // Also the lane's track.
using ConnectionIndex = std::uint32_t;  // Its track is `lanes().size()` further on.
using JunctionIndex = std::uint32_t;

// A piece of a track with constant curvature, with the pose at its start.
struct TrackArc {
  Vec2 start;
  Vec2 direction;           // Unit vector of the heading.
  double heading_rad = 0;   // Clockwise from north.
  double from_m = 0;        // Distance of its start from the track's.
  PathArc arc;
};

// A piece of a lane, around a corner of it, where one drives slower than its limit.
struct SlowPiece {
  float from_m = 0;
  float to_m = 0;
  float speed_mps = 0;
};

struct Track {
  std::uint32_t arc_first = 0;
  std::uint32_t arc_count = 0;
  double length_m = 0;
  // The legal limit on a lane; on a connection also what its tightest arc
  // allows at kLateralAccelMps2.
  double speed_limit_mps = 0;
  std::uint32_t slow_first = 0;
  std::uint32_t slow_count = 0;
};

// Lateral acceleration that people accept in a turn.
inline constexpr double kLateralAccelMps2 = 2.2;

inline constexpr LaneIndex kNoLane = ~LaneIndex{0};
inline constexpr std::uint32_t kNoStreet = ~std::uint32_t{0};

struct Lane {
  JunctionIndex from_junction = 0;
  JunctionIndex to_junction = 0;
  ConnectionIndex connection_first = 0;  // The ways on from its end; none where the city ends.
  std::uint32_t connection_count = 0;
  std::uint8_t from_centre = 0;          // 0 is next to the centre line.
  std::uint8_t approach = 0;             // Number of its street at `to_junction`.
  bool arterial = false;
  bool ring = false;                     // Of a roundabout.
  // Beside it in the same direction, to change to; kNoLane where there is none, or no room for it.
  LaneIndex left = kNoLane;
  LaneIndex right = kNoLane;
  std::uint32_t street = kNoStreet;      // The network's edge that it is a lane of,
  std::uint32_t number = 0;              // and which, as the network counts.
};

// Shorter lanes are not changed from.
inline constexpr double kChangeLaneMinM = 30;

enum class Turn : std::uint8_t { kLeft, kStraight, kRight };

// What one or more movements are shown.
using SignalIndex = std::uint32_t;
inline constexpr SignalIndex kNoSignal = ~SignalIndex{0};

struct Connection {
  LaneIndex from_lane = 0;
  LaneIndex to_lane = 0;
  JunctionIndex junction = 0;
  Turn turn = Turn::kStraight;
  SignalIndex signal = kNoSignal;
  bool yields = false;                   // Has to give way to at least one other.
  bool joins = false;                    // Its lane ends, and those on it join the ones beside it.
};

enum class Control : std::uint8_t {
  kBend,             // Nothing crosses.
  kSignal,
  kPriority,         // The arterial goes first.
  kPriorityToRight,  // Who comes from the right goes first.
  kRoundabout,       // A leg of one: who is on its ring goes first.
};

enum class Light : std::uint8_t { kGreen, kYellow, kRed };

// A cycle of lights, which begins `offset_s` before the city's time 0.
struct Signal {
  static constexpr double kYellowS = 3;
  static constexpr double kAllRedS = 2;

  struct Stage {
    double until_s = 0;                  // Since the cycle's start.
    Light light = Light::kGreen;
    bool first = false;                  // Its green goes first, whatever the junction's rules say.
  };
  double cycle_s = 0;
  double offset_s = 0;
  std::vector<Stage> stages;             // Until cycle_s; neighbours differ.

  double green_s() const;                // In a cycle.
};

// What a signal shows at `time_s` since the city's start, and since when.
struct LightState {
  Light light = Light::kGreen;
  double since_s = 0;
  bool first = false;                    // As Signal::Stage has it.
};
LightState LightAt(const Signal& signal, double time_s);

struct Junction {
  Vec2 position;
  Control control = Control::kBend;
  ConnectionIndex connection_first = 0;
  std::uint32_t connection_count = 0;
  std::uint32_t incoming_first = 0;      // In City::incoming().
  std::uint32_t incoming_count = 0;
  std::uint32_t zone_table = 0;          // Start of its connection_count² zone numbers.
};

// The part of one connection where a vehicle on another one could touch:
// centre lines closer than kTouchM, in tight turns more.  Distances from the start of the former.
struct ConflictZone {
  float enter_m = 0;
  float leave_m = 0;
  bool yields = false;                   // The rule gives the other one precedence.
  bool from_one_lane = false;            // They part, and follow each other before.
};
inline constexpr double kTouchM = 2.5;

// Geometry: x east, y north, metres, the origin in the city's middle; traffic
// keeps right.  In a drawn city lanes are 3.2 m wide, and connections leave and join them
// tangentially.  A turn may end in any lane of an arterial.  Each leg of a roundabout is a
// junction, and between two legs the ring is a lane.
//
// Threading: immutable after construction.
class City {
 public:
  // REQUIRES: config.Validate().ok()
  static City Generate(const CityConfig& config);

  std::span<const Lane> lanes() const { return lanes_; }
  std::span<const Connection> connections() const { return connections_; }
  std::span<const Junction> junctions() const { return junctions_; }
  std::span<const Track> tracks() const { return tracks_; }

  const Lane& lane(LaneIndex lane) const { return lanes_[lane]; }
  const Connection& connection(ConnectionIndex connection) const {
    return connections_[connection];
  }
  const Junction& junction(JunctionIndex junction) const { return junctions_[junction]; }
  const Track& track(TrackIndex track) const { return tracks_[track]; }
  const Signal& signal(SignalIndex signal) const { return signals_[signal]; }

  bool IsLane(TrackIndex track) const { return track < lanes_.size(); }
  TrackIndex TrackOf(ConnectionIndex connection) const {
    return static_cast<TrackIndex>(lanes_.size()) + connection;
  }

  std::span<const TrackArc> arcs(TrackIndex track) const {
    return {arcs_.data() + tracks_[track].arc_first, tracks_[track].arc_count};
  }

  // In the order of driving; a drawn city's lanes have none.
  std::span<const SlowPiece> slow_pieces(const Track& track) const {
    return {slow_pieces_.data() + track.slow_first, track.slow_count};
  }

  // The lanes that end at a junction.
  std::span<const LaneIndex> incoming(JunctionIndex junction) const {
    return {incoming_.data() + junctions_[junction].incoming_first,
            junctions_[junction].incoming_count};
  }

  // The connections that lead to a lane.
  std::span<const ConnectionIndex> arriving(LaneIndex lane) const {
    return {arriving_.data() + arriving_first_[lane], arriving_first_[lane + 1] - arriving_first_[lane]};
  }

  // The zone on `of` in which vehicles on `with` are met; null where the two never touch,
  // or begin in one lane.  REQUIRES: both belong to the same junction.
  const ConflictZone* Zone(ConnectionIndex of, ConnectionIndex with) const {
    const ConflictZone* zone = Beside(of, with);
    return zone == nullptr || zone->from_one_lane ? nullptr : zone;
  }
  // The same, also of connections that begin in one lane: there until they have parted.
  const ConflictZone* Beside(ConnectionIndex of, ConnectionIndex with) const {
    const Junction& junction = junctions_[connections_[of].junction];
    const std::uint32_t number =
        zone_numbers_[junction.zone_table +
                      (of - junction.connection_first) * junction.connection_count +
                      (with - junction.connection_first)];
    return number == 0 ? nullptr : &zones_[number];
  }

  // The pose at `distance_m` along a track, 0 to its length; the speed is 0.
  Pose PoseAt(TrackIndex track, double distance_m) const;

  // Clockwise positive, 1/m.
  double CurvatureAt(TrackIndex track, double distance_m) const;

  // The smallest box that holds every lane and connection.
  Vec2 south_west() const { return south_west_; }
  Vec2 north_east() const { return north_east_; }

 private:
  friend class CityBuilder;
  friend class StreetCityBuilder;

  // Of two connections of one junction.
  using PairRule = std::function<bool(ConnectionIndex mine, ConnectionIndex theirs)>;

  const TrackArc& ArcAt(TrackIndex track, double distance_m) const;
  // A connection's limit is also what its arcs allow at that lateral acceleration.
  void AddTrack(const Pose& start, std::span<const PathArc> arcs, double speed_limit_mps,
                double lateral_mps2 = kLateralAccelMps2);
  // Once all connections of the junction have their tracks.  Those that are not `foes` are meant to
  // be driven beside each other: they only conflict if vehicles would touch.
  void FindZones(JunctionIndex junction, const PairRule& gives_way, const PairRule& foes);
  // What is derived from the rest, once that is there.
  void Finish();

  HugePageVector<Lane> lanes_;
  HugePageVector<Connection> connections_;
  HugePageVector<Junction> junctions_;
  std::vector<Signal> signals_;
  HugePageVector<Track> tracks_;
  HugePageVector<TrackArc> arcs_;
  std::vector<SlowPiece> slow_pieces_;
  HugePageVector<LaneIndex> incoming_;
  HugePageVector<std::uint32_t> arriving_first_;  // By lane, into `arriving_`; one more than lanes.
  HugePageVector<ConnectionIndex> arriving_;
  HugePageVector<std::uint32_t> zone_numbers_;
  HugePageVector<ConflictZone> zones_{1};  // Number 0 is none.
  Vec2 south_west_;
  Vec2 north_east_;
};

}  // namespace starling::sim
