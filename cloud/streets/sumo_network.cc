#include "cloud/streets/sumo_network.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cloud/streets/sumo_signal_reader.h"
#include "cloud/streets/sumo_words.h"
#include "cloud/streets/text_file.h"
#include "cloud/streets/xml_text.h"

namespace starling::cloud {
namespace {

constexpr std::uint32_t kLanesOfEdgeMax = 1'000;
constexpr std::uint32_t kNumberMax = 65'535;
constexpr double kCoordinateMaxM = 1e8;
constexpr double kDefaultWidthM = 3.2;  // SUMO's

std::string_view Attribute(pugi::xml_node node, const char* name) { return node.attribute(name).value(); }
bool IsTrue(std::string_view text) { return text == "1" || text == "true"; }

}  // namespace

// One reading: each kind of element once, in the order in which they refer to each other.
class SumoNetworkReader {
 public:
  SumoNetworkReader(std::string text, const std::string& name)
      : xml_(std::move(text), name), signals_(&xml_, {}) {}

  Result<StreetNetwork> Read() {
    const pugi::xml_node net =
        xml_.Root({"net"}, "element <net>, as netconvert writes it (netconvert --osm-files FILE -o NET.net.xml)");
    ReadHead(net);
    Each(net, "edge", [this](pugi::xml_node node) { ReadEdge(node); });
    Each(net, "tlLogic", [this](pugi::xml_node node) { signals_.Read(node, /*new_signals=*/true); });
    Each(net, "junction", [this](pugi::xml_node node) { ReadJunction(node); });
    EdgeIndex edge = 0;
    Each(net, "edge", [&](pugi::xml_node node) { JoinEnds(node, edge++); });
    Each(net, "connection", [this](pugi::xml_node node) { ReadConnection(node); });
    Each(net, "roundabout", [this](pugi::xml_node node) { ReadRoundabout(node); });
    if (!xml_.failed() && net_.lanes_.empty()) xml_.Fail(net, "at least one <edge> in <net>");
    if (xml_.failed()) return xml_.failure();

    SortConnections();
    for (const auto& [node, connection] : ways_through_) CheckWayThrough(node, connection);
    JunctionIndex junction = 0;
    Each(net, "junction", [&](pugi::xml_node node) { NumberRequests(node, junction++); });
    if (xml_.failed()) return xml_.failure();
    for (EdgeIndex i = 0; i < net_.edges_.size(); ++i) net_.edges_by_id_.push_back(i);
    std::sort(net_.edges_by_id_.begin(), net_.edges_by_id_.end(),
              [this](EdgeIndex a, EdgeIndex b) { return net_.edges_[a].id < net_.edges_[b].id; });
    signals_.FinishInto(&net_);
    return std::move(net_);
  }

 private:
  // Ids are the document's own bytes, which stay where they are.
  template <typename Index>
  using Ids = std::unordered_map<std::string_view, Index>;

  template <typename Visit>
  void Each(pugi::xml_node net, const char* element, const Visit& visit) {
    for (pugi::xml_node node = net.child(element); node && !xml_.failed(); node = node.next_sibling(element)) {
      visit(node);
    }
  }

  // What `id` names; kNone, and a failure, if there is no such thing.
  template <typename Index>
  Index Find(const Ids<Index>& ids, pugi::xml_node node, const char* what, std::string_view id) {
    const auto found = ids.find(id);
    if (found != ids.end()) return found->second;
    xml_.Fail(node, std::string(what) + " that the network has, not " + Quoted(id));
    return kNone;
  }

  void ReadHead(pugi::xml_node net) {
    if (xml_.failed()) return;
    if (xml_.Number(net, "version", 0, 1e3, 1) < 1) {
      xml_.Skip("version " + std::string(Attribute(net, "version")) + " of the file, read as 1.0");
    }
    net_.left_hand_ = IsTrue(Attribute(net, "lefthand"));
    xml_.SkipElements(net, {"location", "edge", "junction", "connection", "tlLogic", "roundabout", "type"});
    for (const pugi::xml_node type : net.children("type")) xml_.SkipElements(type, {});
    const pugi::xml_node location = net.child("location");
    const std::string_view proj = Attribute(location, "projParameter");
    if (proj != "!" && proj != "-") net_.projection_.proj = proj;
    if (const std::string_view offset = Attribute(location, "netOffset"); !offset.empty()) {
      bool with_height = false;
      net_.projection_.offset = xml_.Point(location, offset, &with_height);
    }
  }

  void ReadEdge(pugi::xml_node node) {
    xml_.SkipAttributes(node, {"id", "from", "to", "function", "priority", "bidi", "name", "type", "shape", "length",
                               "spreadType", "crossingEdges"});
    xml_.SkipElements(node, {"lane"});
    StreetEdge edge;
    edge.id = xml_.Text(node, "id");
    const std::string_view function = Attribute(node, "function");
    const std::optional<EdgeFunction> known = EdgeFunctionOf(function);
    if (!known) {
      return xml_.Fail(node, "normal, internal, crossing, walkingarea or connector as function of <edge>, not " +
                                 Quoted(function));
    }
    edge.function = *known;
    if (edge.function > EdgeFunction::kInternal) xml_.Skip("edges with function " + Quoted(function));
    edge.priority = static_cast<std::int32_t>(xml_.Number(node, "priority", -1e6, 1e6, 0));
    edge.lane_first = static_cast<LaneIndex>(net_.lanes_.size());
    const auto number = static_cast<EdgeIndex>(net_.edges_.size());
    for (const pugi::xml_node lane : node.children("lane")) ReadLane(lane, number, &edge);
    if (edge.lane_count == 0) return xml_.Fail(node, "a <lane> in <edge id=" + Quoted(edge.id) + ">");
    if (!edges_.emplace(Attribute(node, "id"), number).second) {
      return xml_.Fail(node, "another id than " + Quoted(edge.id) + ", which an edge has already");
    }
    net_.edges_.push_back(std::move(edge));
  }

  void ReadLane(pugi::xml_node node, EdgeIndex edge_number, StreetEdge* edge) {
    // The type says nothing that other attributes do not.
    xml_.SkipAttributes(node, {"id", "index", "speed", "length", "width", "shape", "allow", "disallow", "customShape",
                               "type"});
    xml_.SkipElements(node, {});
    // Edited networks number the lanes within a junction otherwise; what counts is the order.
    if (edge->function == EdgeFunction::kNormal && xml_.Whole(node, "index", kNumberMax) != edge->lane_count) {
      return xml_.Fail(node, "lane " + std::to_string(edge->lane_count) + " as next one of <edge id=" +
                                 Quoted(edge->id) + ">, not index " + Quoted(Attribute(node, "index")));
    }
    if (edge->lane_count >= kLanesOfEdgeMax) {
      return xml_.Fail(node, "at most " + std::to_string(kLanesOfEdgeMax) + " lanes of an edge");
    }
    StreetLane lane;
    lane.edge = edge_number;
    lane.index = static_cast<std::uint16_t>(edge->lane_count++);
    lane.speed_mps = xml_.Number(node, "speed", 0, 200);
    lane.length_m = xml_.Number(node, "length", 0, 1e6);
    const double width_min = edge->function == EdgeFunction::kNormal ? 0.1 : 0;
    lane.width_m = xml_.Number(node, "width", width_min, 100, kDefaultWidthM);
    std::vector<std::string_view> unknown;
    lane.allowed = AllowedClasses(Attribute(node, "allow"), Attribute(node, "disallow"), &unknown);
    for (const std::string_view name : unknown) xml_.Skip("vehicle class " + Quoted(name));
    lane.shape_first = static_cast<std::uint32_t>(net_.points_.size());
    bool with_height = false;
    for (const std::string_view point : Words(Attribute(node, "shape"))) {
      net_.points_.push_back(xml_.Point(node, point, &with_height));
    }
    if (with_height) xml_.Skip("heights of lanes");
    lane.shape_count = static_cast<std::uint32_t>(net_.points_.size()) - lane.shape_first;
    if (lane.shape_count < 2) xml_.Fail(node, "at least two points as shape of <lane>");
    if (!lanes_.emplace(xml_.Text(node, "id"), static_cast<LaneIndex>(net_.lanes_.size())).second) {
      xml_.Fail(node, "another id than " + Quoted(Attribute(node, "id")) + ", which a lane has already");
    }
    net_.lanes_.push_back(lane);
  }

  void ReadJunction(pugi::xml_node node) {
    xml_.SkipAttributes(node, {"id", "type", "x", "y", "z", "incLanes", "intLanes", "shape", "customShape", "name",
                               "fringe", "radius"});
    xml_.SkipElements(node, {"request"});
    StreetJunction junction;
    junction.id = xml_.Text(node, "id");
    const std::string_view type = Attribute(node, "type");
    const std::optional<JunctionKind> kind = JunctionKindOf(type);
    junction.kind = kind.value_or(JunctionKind::kOther);
    if (!kind) xml_.Skip("junctions of type " + Quoted(type));
    if (type == "rail_signal" || type == "rail_crossing") signals_.AddRailway(junction.id);
    junction.position = {xml_.Number(node, "x", -kCoordinateMaxM, kCoordinateMaxM),
                         xml_.Number(node, "y", -kCoordinateMaxM, kCoordinateMaxM)};
    junction.request_first = static_cast<std::uint32_t>(net_.requests_.size());
    const auto requests = node.children("request");
    const auto count = static_cast<std::size_t>(std::distance(requests.begin(), requests.end()));
    for (const pugi::xml_node request : requests) {
      if (xml_.Whole(request, "index", kNumberMax) != junction.request_count) {
        return xml_.Fail(request, "request " + std::to_string(junction.request_count) +
                                      " as next one of <junction id=" + Quoted(junction.id) + ">, not index " +
                                      Quoted(Attribute(request, "index")));
      }
      net_.requests_.push_back({Bits(request, "response", count), Bits(request, "foes", count),
                                IsTrue(Attribute(request, "cont"))});
      ++junction.request_count;
    }
    const auto number = static_cast<JunctionIndex>(net_.junctions_.size());
    if (!junctions_.emplace(Attribute(node, "id"), number).second) {
      return xml_.Fail(node, "another id than " + Quoted(junction.id) + ", which a junction has already");
    }
    net_.junctions_.push_back(std::move(junction));
  }

  // The last letter is for request 0.
  std::vector<bool> Bits(pugi::xml_node node, const char* attribute, std::size_t count) {
    const std::string_view text = Attribute(node, attribute);
    if (text.size() != count || text.find_first_not_of("01") != std::string_view::npos) {
      xml_.Fail(node, std::to_string(count) + " zeros and ones as " + attribute +
                          " of <request>, one for each of the junction's requests, not " + Quoted(text));
      return std::vector<bool>();
    }
    std::vector<bool> bits(count);
    for (std::size_t i = 0; i < count; ++i) bits[i] = text[count - 1 - i] == '1';
    return bits;
  }

  void JoinEnds(pugi::xml_node node, EdgeIndex number) {
    StreetEdge& edge = net_.edges_[number];
    if (edge.function != EdgeFunction::kNormal) return;
    edge.from = Find(junctions_, node, "a junction as from of <edge>", xml_.Text(node, "from"));
    edge.to = Find(junctions_, node, "a junction as to of <edge>", xml_.Text(node, "to"));
    if (const std::string_view bidi = Attribute(node, "bidi"); !bidi.empty()) {
      edge.bidi = Find(edges_, node, "an edge as bidi of <edge>", bidi);
    }
  }

  LaneIndex LaneOf(pugi::xml_node node, const char* edge_attribute, const char* lane_attribute) {
    const EdgeIndex edge = Find(edges_, node, "an edge of <connection>", xml_.Text(node, edge_attribute));
    if (edge == kNone) return kNone;
    const StreetEdge& of = net_.edges_[edge];
    const std::uint32_t lane = xml_.Whole(node, lane_attribute, of.lane_count - 1);
    return of.lane_first + lane;
  }

  const StreetEdge& EdgeOf(LaneIndex lane) const { return net_.edges_[net_.lanes_[lane].edge]; }

  void ReadConnection(pugi::xml_node node) {
    // What has to do with its course is in the lanes of its via.
    xml_.SkipAttributes(node, {"from", "to", "fromLane", "toLane", "via", "tl", "linkIndex", "dir", "state",
                               "keepClear", "uncontrolled", "contPos", "shape", "length", "speed"});
    xml_.SkipElements(node, {});
    StreetConnection way;
    way.from = LaneOf(node, "from", "fromLane");
    way.to = LaneOf(node, "to", "toLane");
    if (xml_.failed()) return;
    const StreetEdge& from = EdgeOf(way.from);
    const StreetEdge& to = EdgeOf(way.to);
    if (to.function == EdgeFunction::kInternal) {
      return xml_.Fail(node, "an edge outside of junctions as to of <connection>, not " + Quoted(to.id));
    }
    if (from.function == EdgeFunction::kNormal) {
      way.junction = from.to;
      if (to.function == EdgeFunction::kNormal && to.from != from.to) {
        return xml_.Fail(node, "an edge that begins where " + Quoted(from.id) + " ends as to of <connection>, not " +
                                   Quoted(to.id));
      }
    }
    if (const std::string_view via = Attribute(node, "via"); !via.empty()) {
      way.via = Find(lanes_, node, "a lane as via of <connection>", via);
      if (way.via != kNone && EdgeOf(way.via).function != EdgeFunction::kInternal) {
        xml_.Fail(node, "a lane within a junction as via of <connection>, not " + Quoted(via));
      }
      ways_through_.emplace_back(node, way);
    }
    const std::optional<Turn> turn = TurnOf(Attribute(node, "dir"));
    const std::optional<RightOfWay> right = RightOfWayOf(Attribute(node, "state"));
    if (!turn) xml_.Fail(node, "s, l, r, L, R, t or T as dir of <connection>, not " + Quoted(Attribute(node, "dir")));
    if (!right) {
      xml_.Fail(node, "M, m, =, s, w, Z, o, O or - as state of <connection>, not " + Quoted(Attribute(node, "state")));
    }
    way.turn = turn.value_or(Turn::kNowhere);
    way.right_of_way = right.value_or(RightOfWay::kDeadEnd);
    way.keep_clear = !node.attribute("keepClear") || IsTrue(Attribute(node, "keepClear"));
    ReadLink(node, &way);
    net_.connections_.push_back(way);
  }

  void ReadLink(pugi::xml_node node, StreetConnection* way) {
    const std::string_view id = Attribute(node, "tl");
    if (id.empty()) return;
    const std::optional<SignalIndex> signal = signals_.Find(id);
    if (!signal && signals_.IsRailway(id)) return xml_.Skip("connections with a railway's signal");
    if (!signal) return xml_.Fail(node, "a signal that the network has as tl of <connection>, not " + Quoted(id));
    way->signal = *signal;
    way->signal_link = xml_.Whole(node, "linkIndex", kNumberMax);
    signals_.NeedLink(node, *signal, way->signal_link);
  }

  void ReadRoundabout(pugi::xml_node node) {
    StreetRoundabout roundabout;
    for (const std::string_view id : Words(Attribute(node, "edges"))) {
      const EdgeIndex edge = Find(edges_, node, "edges of <roundabout>", id);
      if (edge == kNone) return;
      net_.edges_[edge].roundabout = true;
      roundabout.edges.push_back(edge);
    }
    net_.roundabouts_.push_back(std::move(roundabout));
  }

  void SortConnections() {
    std::stable_sort(net_.connections_.begin(), net_.connections_.end(),
                     [](const StreetConnection& a, const StreetConnection& b) { return a.from < b.from; });
    for (std::size_t i = 0; i < net_.connections_.size(); ++i) {
      StreetLane& lane = net_.lanes_[net_.connections_[i].from];
      if (lane.connection_count++ == 0) lane.connection_first = static_cast<ConnectionIndex>(i);
    }
  }

  // What StreetConnection promises of `via`.
  void CheckWayThrough(pugi::xml_node node, const StreetConnection& way) {
    LaneIndex lane = way.via;
    for (int lanes = 1; lanes <= kLanesThroughMax; ++lanes) {
      const auto ways_on = net_.ways_on(lane);
      if (ways_on.size() != 1) {
        return xml_.Fail(node, "a via from whose end one <connection> goes on, not " + std::to_string(ways_on.size()));
      }
      if (ways_on.front().via == kNone) {
        if (ways_on.front().to != way.to) xml_.Fail(node, "a via that leads to the same lane as <connection>");
        return;
      }
      lane = ways_on.front().via;
    }
    xml_.Fail(node, "a via that leads out of the junction in at most " + std::to_string(kLanesThroughMax) + " lanes");
  }

  // Requests count the connections by incoming lane; ways of pedestrians that cross nothing
  // have none.
  // Source: SUMO 1.15, MSRightOfWayJunction::postloadInit.
  void NumberRequests(pugi::xml_node node, JunctionIndex number) {
    const StreetJunction& junction = net_.junctions_[number];
    if (junction.request_count == 0 || junction.kind == JunctionKind::kInternal) return;
    std::uint32_t next = 0;
    lane_seen_.resize(net_.lanes_.size());
    for (const std::string_view id : Words(Attribute(node, "incLanes"))) {
      const LaneIndex lane = Find(lanes_, node, "lanes as incLanes of <junction>", id);
      if (lane == kNone) return;
      const StreetEdge& from = EdgeOf(lane);
      if (lane_seen_[lane] || (from.function == EdgeFunction::kNormal && from.to != number)) {
        return xml_.Fail(node, "lanes that end there, each once, as incLanes of <junction id=" + Quoted(junction.id) +
                                   ">, not " + Quoted(id));
      }
      lane_seen_[lane] = true;
      const StreetLane& of = net_.lanes_[lane];
      for (std::uint32_t i = 0; i < of.connection_count; ++i) {
        StreetConnection& way = net_.connections_[of.connection_first + i];
        const EdgeFunction to = EdgeOf(way.to).function;
        if (to == EdgeFunction::kWalkingArea) continue;
        if (from.function == EdgeFunction::kWalkingArea && to != EdgeFunction::kCrossing) continue;
        way.request = next++;
      }
    }
    if (next > junction.request_count) {
      xml_.Fail(node, "a <request> for each of the " + std::to_string(next) + " connections of <junction id=" +
                          Quoted(junction.id) + ">, not " + std::to_string(junction.request_count));
    }
  }

  XmlText xml_;
  SumoSignalReader signals_;
  StreetNetwork net_;
  Ids<EdgeIndex> edges_;
  Ids<LaneIndex> lanes_;
  Ids<JunctionIndex> junctions_;
  std::vector<std::pair<pugi::xml_node, StreetConnection>> ways_through_;
  std::vector<bool> lane_seen_;  // among incLanes
};

Result<StreetNetwork> ParseSumoNetwork(std::string text, const std::string& name) {
  return SumoNetworkReader(std::move(text), name).Read();
}

Result<StreetNetwork> ReadSumoNetwork(const std::string& path) {
  Result<std::string> text = ReadTextFile(path, kSumoTextBytesMax);
  if (!text.ok()) return text.status();
  return ParseSumoNetwork(std::move(text).value(), path);
}

}  // namespace starling::cloud
