#include "sim/map_command.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "common/geo/local_frame.h"
#include "sim/city/city_source.h"
#include "sim/fleet/fleet_config.h"

namespace starling::sim {
namespace {

constexpr int kExitFailed = 1;

// Where the default orchestrator has its origin, too.
constexpr FrameOrigin kDefaultOrigin{481'351'000, 115'820'000};

// A bend is drawn with a point for so much of its angle.
constexpr double kStepRad = 0.2;

constexpr const char* kExamples = R"(Examples:
  starling-sim map --vehicles 10000 --seed 1 --out streets.geojson      the city that these would drive in
  starling-sim map --network city.net.xml.gz --out streets.geojson
  starling-cloud --certs certs --data data --map streets.geojson        and have the console draw it

Exit codes: 0 written, 1 an input cannot be read or the file not be written, 2 wrong usage.)";

struct MapOptions {
  CitySource source;
  std::uint32_t vehicles = 10'000;
  std::string out;
};

int Fail(const std::string& message) {
  std::fprintf(stderr, "starling-sim: %s\n", message.c_str());
  return kExitFailed;
}

std::vector<Vec2> PointsOf(const City& city, TrackIndex track) {
  std::vector<Vec2> points;
  for (const TrackArc& piece : city.arcs(track)) {
    const double turn_rad = std::abs(piece.arc.curvature_per_m) * piece.arc.length_m;
    const int steps = std::max(1, static_cast<int>(std::ceil(turn_rad / kStepRad)));
    for (int i = 0; i < steps; ++i) {
      points.push_back(city.PoseAt(track, piece.from_m + piece.arc.length_m * i / steps).position);
    }
  }
  points.push_back(city.PoseAt(track, city.track(track).length_m).position);
  return points;
}

int WriteMap(const MapOptions& options) {
  const Result<OpenedCity> opened = OpenCity(options.source);
  if (!opened.ok()) return Fail(std::string(opened.status().message()));
  const City& city = opened.value().city;
  const LocalFrame frame(kDefaultOrigin);
  std::FILE* const file = std::fopen(options.out.c_str(), "w");
  if (file == nullptr) return Fail(options.out + " cannot be written");
  std::fputs("{\"type\": \"FeatureCollection\", \"features\": [", file);
  for (TrackIndex track = 0; track < city.tracks().size(); ++track) {
    std::fprintf(file, "%s\n{\"type\": \"Feature\", \"properties\": {\"width_m\": %.1f}, \"geometry\": ",
                 track == 0 ? "" : ",", kLaneWidthM);
    std::fputs("{\"type\": \"LineString\", \"coordinates\": [", file);
    const char* between = "";
    for (const Vec2 point : PointsOf(city, track)) {
      const GeoPoint place = frame.ToGeo(point);
      std::fprintf(file, "%s[%.7f,%.7f]", between, place.lon_deg, place.lat_deg);
      between = ",";
    }
    std::fputs("]}}", file);
  }
  std::fputs("\n]}\n", file);
  const bool written = std::ferror(file) == 0;
  if (std::fclose(file) != 0 || !written) return Fail(options.out + " cannot be written");
  return 0;
}

}  // namespace

MapCommand AddMapCommand(CLI::App* program) {
  CLI::App* const map = program->add_subcommand("map", "Writes a city's streets as GeoJSON");
  map->footer(kExamples);
  const auto options = std::make_shared<MapOptions>();
  CitySource& source = options->source;
  auto* const network = map->add_option("--network", source.network, "streets: .net.xml or .net.xml.gz; else a drawn city");
  map->add_option("--vehicles", options->vehicles, "for how many the city is drawn")->capture_default_str();
  map->add_option("--seed", source.drawn.seed, "of the drawn city")->capture_default_str()->excludes(network);
  map->add_option("--out", options->out, "FILE")->required();
  return {map, [options] {
            options->source.drawn.side_m = CitySideFor(options->vehicles);
            return WriteMap(*options);
          }};
}

}  // namespace starling::sim
