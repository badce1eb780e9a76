#include "sim/demand/sumo_routes.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "cloud/streets/sumo_network.h"
#include "cloud/streets/text_file.h"
#include "cloud/streets/xml_text.h"
#include "sim/demand/street_ways.h"
#include "sim/demand/sumo_vehicle_types.h"

namespace starling::sim {
namespace {

using cloud::EdgeIndex;
using cloud::kNone;
using cloud::Quoted;
using cloud::XmlText;

constexpr double kTimeMaxS = 1e7;
constexpr double kFlowSeconds = 86'400;   // SUMO's, where neither a flow nor the simulation says
constexpr double kNumberMax = 1e9;        // of a flow's vehicles
constexpr double kGapMinS = 1e-3;         // and so 1,000 vehicles in a second
constexpr double kChanceMin = 1e-6;       // in a second; each second is tried
constexpr double kMetresMax = 1e6;
constexpr double kSpeedMaxMps = 1'000;
constexpr std::uint32_t kLaneNumberMax = 65'535;
constexpr std::uint32_t kRepeatMax = 1'000'000;
constexpr std::size_t kRouteEdgesMax = 200'000'000;  // of all routes; 4 bytes each

template <typename T>
struct Word {
  std::string_view word;
  T meaning;
};
constexpr Word<DepartLane> kLanes[] = {{"first", DepartLane::kFirst}, {"random", DepartLane::kRandom},
                                       {"free", DepartLane::kFree},   {"allowed", DepartLane::kAllowed},
                                       {"best", DepartLane::kBest}};
constexpr Word<DepartPosition> kPositions[] = {
    {"base", DepartPosition::kBase}, {"random", DepartPosition::kRandom}, {"free", DepartPosition::kFree},
    {"random_free", DepartPosition::kRandomFree}, {"last", DepartPosition::kLast}};
constexpr Word<DepartSpeed> kSpeeds[] = {{"random", DepartSpeed::kRandom},   {"max", DepartSpeed::kMax},
                                         {"desired", DepartSpeed::kDesired}, {"speedLimit", DepartSpeed::kSpeedLimit},
                                         {"last", DepartSpeed::kLast},       {"avg", DepartSpeed::kAverage}};
constexpr Word<ArrivalPosition> kArrivals[] = {{"max", ArrivalPosition::kMax}, {"random", ArrivalPosition::kRandom}};
// Departures that wait for somebody, or for the simulation.
constexpr std::string_view kDepartWords[] = {"triggered", "containerTriggered", "split", "begin", "now"};
// Other things than edges where a trip may begin and end.
constexpr const char* kOtherPlaces[] = {"fromTaz", "toTaz", "fromJunction", "toJunction", "fromXY", "toXY",
                                        "fromLonLat", "toLonLat"};

std::string_view Attribute(pugi::xml_node node, const char* name) { return node.attribute(name).value(); }

std::optional<double> NumberFrom(std::string_view text) {
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

// One reading: what others refer to first, in all files, then those who drive.
class SumoRoutesReader {
 public:
  SumoRoutesReader(const cloud::StreetNetwork& network, const DemandOptions& options)
      : network_(network), options_(options), ways_(network), types_(&demand_) {}

  Result<Demand> Read(std::vector<NamedText> files) {
    for (NamedText& file : files) {
      texts_.push_back(std::make_unique<XmlText>(std::move(file.text), std::move(file.name)));
      xml_ = texts_.back().get();
      roots_.push_back(xml_->Root({"routes", "additional", "add"}, "element <routes> or <additional>"));
      xml_->SkipElements(roots_.back(), {"vType", "vTypeDistribution", "route", "routeDistribution", "vehicle", "trip",
                                         "flow", "busStop", "trainStop"});
      if (xml_->failed()) return xml_->failure();
    }
    Each({"vType", "vTypeDistribution"}, [this](pugi::xml_node node) {
      if (node.name() == std::string_view("vType")) return types_.ReadType(xml_, node);
      for (const pugi::xml_node type : node.children("vType")) types_.ReadType(xml_, type);
    });
    Each({"vTypeDistribution"}, [this](pugi::xml_node node) { types_.ReadMix(xml_, node); });
    Each({"busStop", "trainStop"}, [this](pugi::xml_node node) { ReadStopPlace(node); });
    Each({"route"}, [this](pugi::xml_node node) { ReadNamedRoute(node); });
    Each({"routeDistribution"}, [this](pugi::xml_node node) { ReadNamedMix(node); });
    Each({"vehicle", "trip", "flow"}, [this](pugi::xml_node node) { ReadDriver(node); });
    if (xml_ != nullptr && xml_->failed()) return xml_->failure();
    std::stable_sort(demand_.departures.begin(), demand_.departures.end(),
                     [](const Departure& a, const Departure& b) { return a.time_s < b.time_s; });
    std::map<std::string, std::uint64_t> all;
    for (const auto& text : texts_) {
      for (const auto& [what, count] : text->skipped()) all[what] += count;
    }
    for (const auto& [what, count] : all) demand_.unsupported.push_back({what, count});
    return std::move(demand_);
  }

 private:
  // Nodes of these names at the top of all files, in their order; not after a failure.
  template <typename Visit>
  void Each(std::initializer_list<std::string_view> names, const Visit& visit) {
    for (std::size_t i = 0; i < texts_.size(); ++i) {
      if (xml_->failed()) return;
      xml_ = texts_[i].get();
      for (const pugi::xml_node node : roots_[i].children()) {
        if (std::find(names.begin(), names.end(), node.name()) == names.end()) continue;
        visit(node);
        if (xml_->failed()) return;
      }
    }
  }

  // Seconds, or [DAYS:]HH:MM:SS.
  double Time(pugi::xml_node node, const char* attribute, std::optional<double> absent) {
    const std::string_view text = Attribute(node, attribute);
    if (text.find(':') == std::string_view::npos) return xml_->Number(node, attribute, 0, kTimeMaxS, absent);
    double time_s = 0;
    int parts = 0;
    bool right = true;
    for (std::size_t at = 0; at <= text.size() && right; ++parts) {
      const std::size_t end = std::min(text.find(':', at), text.size());
      const std::optional<double> part = NumberFrom(text.substr(at, end - at));
      right = part && *part >= 0 && *part <= kTimeMaxS && parts < 4;
      // The unit of those so far becomes one of the next part; the first of four were days.
      time_s = time_s * (parts == 1 && std::count(text.begin(), text.end(), ':') == 3 ? 24 : 60) + part.value_or(0);
      at = end + 1;
    }
    if (right && parts >= 3 && time_s <= kTimeMaxS) return time_s;
    xml_->Fail(node, std::string("seconds, or DAYS:HH:MM:SS, from 0 to 1e+07 s as ") + attribute + " of <" +
                         node.name() + ">, not " + Quoted(text));
    return 0;
  }

  EdgeIndex FindEdge(pugi::xml_node node, const std::string& what, std::string_view id) {
    const std::optional<EdgeIndex> edge = network_.FindEdge(id);
    if (edge && network_.edges()[*edge].function == cloud::EdgeFunction::kNormal) return *edge;
    xml_->Fail(node, what + " that the network has outside of junctions, not " + Quoted(id));
    return kNone;
  }

  // EDGE_NUMBER, as SUMO names lanes.
  cloud::LaneIndex FindLane(pugi::xml_node node, std::string_view id) {
    const std::size_t cut = id.rfind('_');
    std::optional<EdgeIndex> edge;
    if (cut != std::string_view::npos) edge = network_.FindEdge(id.substr(0, cut));
    if (edge && network_.edges()[*edge].function == cloud::EdgeFunction::kNormal) {
      const cloud::StreetEdge& of = network_.edges()[*edge];
      for (std::uint32_t i = 0; i < of.lane_count; ++i) {
        if (std::to_string(i) == id.substr(cut + 1)) return of.lane_first + i;
      }
    }
    xml_->Fail(node, std::string("a lane that the network has outside of junctions as lane of <") + node.name() +
                         ">, not " + Quoted(id));
    return kNone;
  }

  // Its place on the lane; one that is outside of it ends where the lane does.
  void ReadPlace(pugi::xml_node node, Stop* stop) {
    stop->lane = FindLane(node, Attribute(node, "lane"));
    if (stop->lane == kNone) return;
    const cloud::StreetLane& lane = network_.lanes()[stop->lane];
    const double length_m = lane.length_m;
    stop->edge = lane.edge;
    stop->lane_number = lane.index;
    stop->lane_m = length_m;
    const auto along = [&](const char* attribute, double absent) {
      const double given = xml_->Number(node, attribute, -kMetresMax, kMetresMax, absent);
      return std::clamp(given < 0 ? given + length_m : given, 0.0, length_m);
    };
    stop->to_m = along("endPos", length_m);
    stop->from_m = std::min(along("startPos", 0), stop->to_m);
  }

  void ReadStopPlace(pugi::xml_node node) {
    // Lines, names and colours are for people who wait.
    xml_->SkipAttributes(node, {"id", "lane", "startPos", "endPos", "lines", "name", "color", "friendlyPos"});
    xml_->SkipElements(node, {});
    const std::string id(xml_->Text(node, "id"));
    Stop stop;
    ReadPlace(node, &stop);
    if (stop_places_.emplace(id, stop).second) return;
    xml_->Fail(node, "another id than " + Quoted(id) + ", which a stop has already");
  }

  std::optional<RouteIndex> AddRoute(pugi::xml_node node, std::string id, const std::vector<EdgeIndex>& edges) {
    if (edges.size() > kRouteEdgesMax - demand_.route_edges.size()) {
      xml_->Fail(node, "at most " + std::to_string(kRouteEdgesMax) + " edges of all routes");
      return std::nullopt;
    }
    demand_.routes.push_back({std::move(id), demand_.route_edges.size(), static_cast<std::uint32_t>(edges.size())});
    demand_.route_edges.insert(demand_.route_edges.end(), edges.begin(), edges.end());
    return static_cast<RouteIndex>(demand_.routes.size() - 1);
  }

  std::optional<RouteIndex> ReadRoute(pugi::xml_node node, std::string id) {
    xml_->SkipAttributes(node, {"id", "edges", "color", "probability", "repeat"});
    xml_->SkipElements(node, {});
    std::vector<EdgeIndex> edges;
    for (const std::string_view name : cloud::Words(Attribute(node, "edges"))) {
      edges.push_back(FindEdge(node, "edges of <route>", name));
      if (xml_->failed()) return std::nullopt;
    }
    if (edges.empty()) {
      xml_->Fail(node, "attribute edges of <route>");
      return std::nullopt;
    }
    const std::uint32_t more = node.attribute("repeat") ? xml_->Whole(node, "repeat", kRepeatMax) : 0;
    const std::size_t once = edges.size();
    if (once * (std::size_t{more} + 1) > kRouteEdgesMax) {
      xml_->Fail(node, "at most " + std::to_string(kRouteEdgesMax) + " edges of all routes");
      return std::nullopt;
    }
    edges.reserve(once * (more + 1));
    for (std::uint32_t i = 0; i < more; ++i) {
      edges.insert(edges.end(), edges.begin(), edges.begin() + static_cast<std::ptrdiff_t>(once));
    }
    return AddRoute(node, std::move(id), edges);
  }

  void Name(pugi::xml_node node, std::string_view id, Choice route) {
    if (routes_.emplace(id, route).second) return;
    xml_->Fail(node, "another id than " + Quoted(id) + ", which a route has already");
  }

  void ReadNamedRoute(pugi::xml_node node) {
    const std::string_view id = xml_->Text(node, "id");
    if (const std::optional<RouteIndex> route = ReadRoute(node, std::string(id))) Name(node, id, {*route, false});
  }

  void ReadNamedMix(pugi::xml_node node) {
    const std::string_view id = xml_->Text(node, "id");
    if (const std::optional<Choice> mix = ReadMix(node)) Name(node, id, *mix);
  }

  std::optional<Choice> ReadMix(pugi::xml_node node) {
    xml_->SkipAttributes(node, {"id", "routes", "probabilities"});
    xml_->SkipElements(node, {"route"});
    Mix mix;
    mix.id = Attribute(node, "id");
    for (const std::string_view id : cloud::Words(Attribute(node, "routes"))) {
      const auto found = routes_.find(std::string(id));
      if (found == routes_.end() || found->second.mixed) {
        xml_->Fail(node, "a <route> that the files have in routes, not " + Quoted(id));
        return std::nullopt;
      }
      mix.of.push_back(found->second.index);
      mix.up_to.push_back(1);
    }
    if (node.attribute("probabilities")) mix.up_to = Weights(xml_, node, "probabilities", mix.of.size());
    for (const pugi::xml_node child : node.children("route")) {
      if (xml_->failed()) return std::nullopt;
      const std::string_view id = Attribute(child, "id");
      const std::optional<RouteIndex> route = ReadRoute(child, std::string(id));
      if (!route) return std::nullopt;
      if (!id.empty()) Name(child, id, {*route, false});
      mix.of.push_back(*route);
      mix.up_to.push_back(xml_->Number(child, "probability", 0, kNumberMax, 1));
    }
    FinishMix(xml_, node, &mix);
    if (xml_->failed()) return std::nullopt;
    demand_.route_mixes.push_back(std::move(mix));
    return Choice{static_cast<std::uint32_t>(demand_.route_mixes.size() - 1), /*mixed=*/true};
  }

  // <vehicle>, <trip> or <flow>.
  void ReadDriver(pugi::xml_node node) {
    const std::string_view element = node.name();
    const bool flow = element == "flow";
    if (flow) {
      xml_->SkipAttributes(node, {"id", "type", "route", "color", "from", "to", "via", "departLane", "departPos",
                                  "departSpeed", "arrivalPos", "begin", "end", "number", "period", "vehsPerHour",
                                  "perHour", "probability", "fromTaz", "toTaz", "fromJunction", "toJunction", "fromXY",
                                  "toXY", "fromLonLat", "toLonLat"});
    } else {
      xml_->SkipAttributes(node, {"id", "type", "route", "color", "from", "to", "via", "departLane", "departPos",
                                  "departSpeed", "arrivalPos", "depart", "fromTaz", "toTaz", "fromJunction",
                                  "toJunction", "fromXY", "toXY", "fromLonLat", "toLonLat"});
    }
    xml_->SkipElements(node, {"route", "routeDistribution", "stop"});
    Departure departure;
    departure.id = xml_->Text(node, "id");
    if (!(flow ? flow_ids_ : vehicle_ids_).emplace(departure.id).second) {
      return xml_->Fail(node, "another id than " + Quoted(departure.id) + ", which a " +
                                  (flow ? "flow" : "vehicle") + " has already");
    }
    const std::string_view depart = Attribute(node, "depart");
    if (!flow && std::find(std::begin(kDepartWords), std::end(kDepartWords), depart) != std::end(kDepartWords)) {
      return xml_->Skip("<" + std::string(element) + "> with depart " + Quoted(depart));
    }
    departure.time_s = flow ? Time(node, "begin", 0) : Time(node, "depart", std::nullopt);
    const std::string_view type = node.attribute("type") ? Attribute(node, "type") : "DEFAULT_VEHTYPE";
    const std::optional<Choice> known = types_.Find(type);
    if (!known) return xml_->Fail(node, "a vehicle type that the files have as type, not " + Quoted(type));
    departure.type = *known;
    const std::optional<Choice> route = RouteOf(node, departure);
    if (!route || xml_->failed() || !CheckRoutes(node, departure, *route)) return;
    departure.route = *route;
    ReadEnds(node, *route, &departure.ends);
    ReadStops(node, &departure);
    if (flow) return ReadFlow(node, std::move(departure));
    demand_.departures.push_back(std::move(departure));
  }

  // nullopt after a failure, and if it is left out.
  std::optional<Choice> RouteOf(pugi::xml_node node, const Departure& departure) {
    if (const pugi::xml_attribute named = node.attribute("route")) {
      const auto found = routes_.find(named.value());
      if (found != routes_.end()) return found->second;
      xml_->Fail(node, "a route that the files have as route, not " + Quoted(named.value()));
      return std::nullopt;
    }
    if (const pugi::xml_node own = node.child("route")) {
      const std::optional<RouteIndex> route = ReadRoute(own, "");
      return route ? std::optional<Choice>({*route, false}) : std::nullopt;
    }
    if (const pugi::xml_node own = node.child("routeDistribution")) return ReadMix(own);
    const std::string element = std::string("<") + node.name() + ">";
    for (const char* const place : kOtherPlaces) {
      if (!node.attribute(place)) continue;
      xml_->Skip(element + " with " + place);
      return std::nullopt;
    }
    if (node.attribute("from") && node.attribute("to")) return FastestRoute(node, departure);
    if (node.child("stop")) {
      xml_->Skip(element + " without a route, between its stops");
      return std::nullopt;
    }
    xml_->Fail(node, "a route, or edges as from and to, of " + element);
    return std::nullopt;
  }

  // From edge to edge; drivers of one class with the same ends share a route.
  std::optional<Choice> FastestRoute(pugi::xml_node node, const Departure& departure) {
    std::vector<EdgeIndex> places = {FindEdge(node, "an edge as from", Attribute(node, "from"))};
    for (const std::string_view id : cloud::Words(Attribute(node, "via"))) {
      places.push_back(FindEdge(node, "edges as via", id));
    }
    places.push_back(FindEdge(node, "an edge as to", Attribute(node, "to")));
    if (xml_->failed()) return std::nullopt;
    const VehicleType& type = demand_.types[FirstOf(departure.type, demand_.type_mixes)];
    const auto [found, is_new] = searched_.try_emplace({type.classes, places}, kNone);
    if (!is_new && found->second != kNone) return Choice{found->second, false};
    std::vector<EdgeIndex> edges = {places.front()};
    for (std::size_t i = 1; i < places.size(); ++i) {
      const auto leg = is_new ? ways_.Fastest(places[i - 1], places[i], type.classes) : std::nullopt;
      if (!leg) {
        Broken(node, "a way from " + Quoted(network_.edges()[places[i - 1]].id) + " to " +
                         Quoted(network_.edges()[places[i]].id), type);
        return std::nullopt;
      }
      edges.insert(edges.end(), leg->begin() + 1, leg->end());
    }
    const std::optional<RouteIndex> route = AddRoute(node, "", edges);
    if (!route) return std::nullopt;
    found->second = *route;
    return Choice{*route, false};
  }

  static std::uint32_t FirstOf(const Choice& choice, const std::vector<Mix>& mixes) {
    return choice.mixed ? mixes[choice.index].of.front() : choice.index;
  }

  template <typename Visit>
  static bool AllOf(const Choice& choice, const std::vector<Mix>& mixes, const Visit& visit) {
    if (!choice.mixed) return visit(choice.index);
    return std::all_of(mixes[choice.index].of.begin(), mixes[choice.index].of.end(), visit);
  }

  // A failure, or counted and left out.
  void Broken(pugi::xml_node node, const std::string& missing, const VehicleType& type) {
    if (options_.leave_out_broken) return xml_->Skip(std::string("<") + node.name() + "> whose route has a gap");
    xml_->Fail(node, missing + " for vehicle class " + Quoted(type.class_word) + ", on the route of " +
                         Quoted(Attribute(node, "id")));
  }

  bool CheckRoutes(pugi::xml_node node, const Departure& departure, const Choice& choice) {
    return AllOf(departure.type, demand_.type_mixes, [&](TypeIndex type) {
      return AllOf(choice, demand_.route_mixes,
                   [&](RouteIndex route) { return CheckRoute(node, route, demand_.types[type]); });
    });
  }

  bool CheckRoute(pugi::xml_node node, RouteIndex route, const VehicleType& type) {
    const std::uint64_t key = std::uint64_t{route} << 16 | type.classes;
    if (key == checked_before_ || checked_.contains(key)) return true;
    const auto edges = demand_.edges(route);
    for (std::size_t i = 0; i < edges.size(); ++i) {
      const std::string& id = network_.edges()[edges[i]].id;
      if (!ways_.Drivable(edges[i], type.classes)) {
        Broken(node, "a lane of edge " + Quoted(id), type);
        return false;
      }
      if (i > 0 && !ways_.Connected(edges[i - 1], edges[i], type.classes)) {
        Broken(node, "a connection from " + Quoted(network_.edges()[edges[i - 1]].id) + " to " + Quoted(id), type);
        return false;
      }
    }
    checked_before_ = key;
    if (!demand_.routes[route].id.empty()) checked_.emplace(key);  // Others may drive it, too.
    return true;
  }

  // A word that has a meaning, or `number` if it is none of them.
  template <typename T, std::size_t N>
  T MeaningOf(pugi::xml_node node, const char* attribute, const Word<T> (&words)[N], T absent, T number) {
    if (!node.attribute(attribute)) return absent;
    for (const Word<T>& entry : words) {
      if (entry.word == Attribute(node, attribute)) return entry.meaning;
    }
    return number;
  }

  void ReadEnds(pugi::xml_node node, const Choice& route, Ends* ends) {
    std::uint32_t lanes = kLaneNumberMax;
    double length_m = kMetresMax;
    AllOf(route, demand_.route_mixes, [&](RouteIndex each) {
      const cloud::StreetEdge& edge = network_.edges()[demand_.edges(each).front()];
      lanes = std::min(lanes, edge.lane_count);
      double longest_m = 0;
      for (const cloud::StreetLane& lane : network_.lanes().subspan(edge.lane_first, edge.lane_count)) {
        longest_m = std::max(longest_m, lane.length_m);
      }
      length_m = std::min(length_m, longest_m);
      return true;
    });
    ends->lane = MeaningOf(node, "departLane", kLanes, DepartLane::kFirst, DepartLane::kNumber);
    if (ends->lane == DepartLane::kNumber) {
      ends->lane_number = static_cast<std::uint16_t>(xml_->Whole(node, "departLane", lanes - 1));
    }
    ends->position = MeaningOf(node, "departPos", kPositions, DepartPosition::kBase, DepartPosition::kMetres);
    if (ends->position == DepartPosition::kMetres) {
      ends->position_m = xml_->Number(node, "departPos", -length_m, length_m);
    }
    ends->speed = MeaningOf(node, "departSpeed", kSpeeds, DepartSpeed::kNumber, DepartSpeed::kNumber);
    if (ends->speed == DepartSpeed::kNumber) ends->speed_mps = xml_->Number(node, "departSpeed", 0, kSpeedMaxMps, 0);
    ends->arrival = MeaningOf(node, "arrivalPos", kArrivals, ArrivalPosition::kMax, ArrivalPosition::kMetres);
    if (ends->arrival == ArrivalPosition::kMetres) {
      ends->arrival_m = xml_->Number(node, "arrivalPos", -kMetresMax, kMetresMax);
    }
  }

  void ReadStops(pugi::xml_node node, Departure* departure) {
    departure->stop_first = static_cast<std::uint32_t>(demand_.stops.size());
    const bool one_route = !departure->route.mixed;
    std::span<const EdgeIndex> ahead;
    if (one_route) ahead = demand_.edges(departure->route.index);
    for (const pugi::xml_node child : node.children("stop")) {
      xml_->SkipAttributes(child, {"lane", "busStop", "trainStop", "startPos", "endPos", "duration", "until",
                                   "friendlyPos", "parkingArea", "chargingStation", "containerStop", "edge"});
      xml_->SkipElements(child, {});
      Stop stop;
      const char* const place = child.attribute("trainStop") ? "trainStop" : "busStop";
      if (const pugi::xml_attribute named = child.attribute(place)) {
        const auto found = stop_places_.find(named.value());
        if (found == stop_places_.end()) {
          return xml_->Fail(child, std::string("a stop that the files have as ") + place + ", not " +
                                       Quoted(named.value()));
        }
        stop = found->second;
      } else if (child.attribute("lane")) {
        ReadPlace(child, &stop);
        if (xml_->failed()) return;
      } else {
        xml_->Skip("<stop> at other places than lanes and bus stops");
        continue;
      }
      stop.duration_s = Time(child, "duration", 0);
      stop.until_s = Time(child, "until", 0);
      const EdgeIndex edge = network_.lanes()[stop.lane].edge;
      const auto at = std::find(ahead.begin(), ahead.end(), edge);
      if (one_route && at == ahead.end()) {
        return xml_->Fail(child, "a stop on the route of " + Quoted(departure->id) + ", after the one before, not on " +
                                     Quoted(network_.edges()[edge].id));
      }
      if (one_route) ahead = ahead.subspan(static_cast<std::size_t>(at - ahead.begin()));
      demand_.stops.push_back(stop);
      ++departure->stop_count;
    }
  }

  void ReadFlow(pugi::xml_node node, Departure first) {
    Flow flow;
    flow.first = std::move(first);
    const char* const per_hour = node.attribute("perHour") ? "perHour" : "vehsPerHour";
    const int rates = !node.attribute("period").empty() + !node.attribute(per_hour).empty() +
                      !node.attribute("probability").empty();
    const bool counted = !node.attribute("number").empty();
    if (rates > 1 || (rates == 0 && !counted)) {
      return xml_->Fail(node, "number, or one of period, vehsPerHour and probability, of <flow id=" +
                                  Quoted(flow.first.id) + ">");
    }
    // With a number and a rate these say when it ends.
    flow.end_s = Time(node, "end", rates == 1 && counted ? 2 * kTimeMaxS : flow.first.time_s + kFlowSeconds);
    if (flow.end_s < flow.first.time_s) {
      return xml_->Fail(node, "an end of <flow id=" + Quoted(flow.first.id) + "> that is not before its begin, not " +
                                  Quoted(Attribute(node, "end")));
    }
    flow.number = counted ? xml_->Whole(node, "number", static_cast<std::uint32_t>(kNumberMax))
                          : std::numeric_limits<std::uint64_t>::max();
    std::string_view period = Attribute(node, "period");
    if (node.attribute("probability")) {
      flow.gaps = Gaps::kChance;
      flow.probability = xml_->Number(node, "probability", kChanceMin, 1);
    } else if (node.attribute(per_hour)) {
      flow.gap_s = 3'600 / xml_->Number(node, per_hour, 1e-6, 3'600 / kGapMinS);
    } else if (period.starts_with("exp(") && period.ends_with(')')) {
      flow.gaps = Gaps::kExponential;
      const std::optional<double> rate = NumberFrom(period.substr(4, period.size() - 5));
      if (!rate || !(*rate >= 1e-9 && *rate <= 1 / kGapMinS)) {
        return xml_->Fail(node, "a rate from 1e-09 to 1000 in period of <flow>, not " + Quoted(period));
      }
      flow.gap_s = 1 / *rate;
    } else if (!period.empty()) {
      flow.gap_s = xml_->Number(node, "period", kGapMinS, kTimeMaxS);
    } else if (flow.number > 0) {
      flow.gap_s = (flow.end_s - flow.first.time_s) / static_cast<double>(flow.number);
    }
    demand_.flows.push_back(std::move(flow));
  }

  const cloud::StreetNetwork& network_;
  const DemandOptions options_;
  StreetWays ways_;
  Demand demand_;
  SumoVehicleTypes types_;
  std::vector<std::unique_ptr<XmlText>> texts_;
  std::vector<pugi::xml_node> roots_;
  XmlText* xml_ = nullptr;  // the file that is being read
  std::unordered_map<std::string, Stop> stop_places_;
  std::unordered_map<std::string, Choice> routes_;
  std::unordered_set<std::string> vehicle_ids_;
  std::unordered_set<std::string> flow_ids_;
  std::map<std::pair<cloud::VehicleClasses, std::vector<EdgeIndex>>, RouteIndex> searched_;  // kNone: there is none
  // Routes by 2^16, and the classes that may drive them.
  std::unordered_set<std::uint64_t> checked_;
  std::uint64_t checked_before_ = ~std::uint64_t{0};
};

Result<Demand> ParseSumoDemand(std::vector<NamedText> files, const cloud::StreetNetwork& network,
                               const DemandOptions& options) {
  STARLING_CHECK(!files.empty());
  return SumoRoutesReader(network, options).Read(std::move(files));
}

Result<Demand> ReadSumoDemand(const std::vector<std::string>& paths, const cloud::StreetNetwork& network,
                              const DemandOptions& options) {
  std::vector<NamedText> files;
  for (const std::string& path : paths) {
    Result<std::string> text = cloud::ReadTextFile(path, cloud::kSumoTextBytesMax);
    if (!text.ok()) return text.status();
    files.push_back({path, std::move(text).value()});
  }
  return ParseSumoDemand(std::move(files), network, options);
}

}  // namespace starling::sim
