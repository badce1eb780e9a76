#pragma once

#include <optional>
#include <span>
#include <vector>

#include "sim/city/city.h"
#include "sim/city/roundabout.h"
#include "sim/city/signal_plan.h"
#include "sim/city/street_plan.h"

namespace starling::sim {

// Turns a street plan into lanes, connections, signals and conflict zones.
class CityBuilder {
 public:
  // `plan` and `random` must outlive the builder.
  CityBuilder(const CityConfig& config, const StreetPlan& plan, Random& random)
      : config_(config),
        plan_(plan),
        random_(random),
        ring_random_(MixHash(Random(random).Next(), kRingSalt)),
        signal_plan_(config, ring_random_) {}

  // The city, unless some lane cannot be reached from another one.  Call once.
  std::optional<City> Build();

 private:
  static constexpr std::uint64_t kRingSalt = 8;

  // A street as seen from one of its ends.
  struct Approach {
    std::uint32_t street = 0;
    Vec2 outward;                       // From the node along the street.
    bool arterial = false;
    double setback_m = 0;               // From the node to where lanes end.
    std::vector<LaneIndex> inbound;     // From the centre line outwards.
    std::vector<LaneIndex> outbound;
  };

  // Where streets meet: one junction, or one for each approach of a roundabout.
  struct Node {
    std::vector<Approach> approaches;
    Control control = Control::kBend;
    JunctionIndex junction = 0;         // The first one.
    double phase = 0;                   // Of its signal, if that is not coordinated.
    std::optional<RoundaboutRing> ring;
    std::vector<LaneIndex> ring_lanes;  // By approach, the one that begins there.
  };

  void DrawNodes();
  void DrawControl(Node& node, Vec2 position);
  void SetBack(Node& node) const;
  void DrawLanes();
  void DrawRings();
  void DrawJunctions();
  void BeginJunction(Vec2 position, Control control);
  void EndJunction();
  // Between the two all connections of the lane are added.
  void BeginIncoming(LaneIndex lane);
  void EndIncoming(LaneIndex lane);
  void ConnectLeg(const Node& node, std::uint8_t leg);
  void ConnectLane(const Node& node, std::uint8_t from, LaneIndex lane);
  void Connect(LaneIndex from, LaneIndex to, Turn turn);
  void SetSignals(Junction& junction, const Node& node);
  void FindZones();
  bool StronglyConnected() const;

  JunctionIndex JunctionAt(const Node& node, std::uint8_t approach) const {
    return node.junction + (node.ring.has_value() ? approach : 0u);
  }

  const CityConfig& config_;
  const StreetPlan& plan_;
  Random& random_;
  Random ring_random_;                  // Of its own, so that all else is the same for any share.
  SignalPlan signal_plan_;
  City city_;
  std::vector<Node> nodes_;
};

}  // namespace starling::sim
