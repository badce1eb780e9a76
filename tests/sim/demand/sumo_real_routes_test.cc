// The traffic of a real city's morning, against what a plain look at its files counts.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "cloud/streets/sumo_network.h"
#include "cloud/streets/xml_text.h"
#include "sim/demand/demand_report.h"
#include "sim/demand/departure_stream.h"
#include "sim/demand/sumo_routes.h"
#include "tests/sim/demand/demand_invariants.h"

namespace starling::sim {
namespace {

namespace fs = std::filesystem;

std::string TextOf(const fs::path& file) {
  const std::string command = (file.extension() == ".gz" ? "gzip -dc '" : "cat '") + file.string() + "'";
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  std::string text;
  std::array<char, 1 << 16> piece;
  while (const std::size_t got = std::fread(piece.data(), 1, piece.size(), pipe.get())) text.append(piece.data(), got);
  return text;
}

// The tags of a text without comments; no more of XML than these files have.
template <typename Visit>
void EachTag(std::string_view text, const Visit& visit) {
  for (std::size_t at = text.find('<'); at != std::string_view::npos; at = text.find('<', at)) {
    if (text.substr(at, 4) == "<!--") {
      at = text.find("-->", at);
      continue;
    }
    const std::size_t end = std::min(text.find('>', at), text.size());
    visit(text.substr(at + 1, end - at - 1));
    at = end;
  }
}

std::string AttributeOf(std::string_view tag, const std::string& name) {
  const std::size_t at = tag.find(" " + name + "=\"");
  if (at == std::string_view::npos) return {};
  const std::string_view rest = tag.substr(at + name.size() + 3);
  return std::string(rest.substr(0, rest.find('"')));
}

// The files' own figures.
struct Figures {
  std::uint64_t vehicles = 0, stops = 0, edges = 0, types = 0, mixes = 0;
  std::map<std::string, std::uint64_t> by_type;
  std::map<std::uint64_t, std::uint64_t> by_second;
  std::map<std::string, std::string> edges_of;  // by vehicle, without blanks that mean nothing
};

Figures Count(const std::vector<fs::path>& files) {
  Figures figures;
  for (const fs::path& file : files) {
    std::string vehicle;
    EachTag(TextOf(file), [&](std::string_view tag) {
      const std::string_view name = tag.substr(0, tag.find_first_of(" \t\n/"));
      figures.types += name == "vType";
      figures.mixes += name == "vTypeDistribution";
      figures.stops += name == "stop";
      if (name == "vehicle") {
        ++figures.vehicles;
        vehicle = AttributeOf(tag, "id");
        ++figures.by_type[AttributeOf(tag, "type")];
        ++figures.by_second[static_cast<std::uint64_t>(std::atof(AttributeOf(tag, "depart").c_str()))];
      } else if (name == "route") {
        const std::string given = AttributeOf(tag, "edges");
        std::string edges;
        for (const std::string_view edge : cloud::Words(given)) {
          ++figures.edges;
          edges.append(edge).append(" ");
        }
        figures.edges_of[vehicle] = edges;
      }
    });
  }
  return figures;
}

class Bologna : public testing::Test {
 protected:
  void SetUp() override {
    const char* const data = std::getenv("STARLING_DATA");
    const fs::path all = data != nullptr ? fs::path(data) : fs::path(STARLING_SOURCE_DIR) / "../shared/data";
    const fs::path folder = all / "bologna";
    if (!fs::exists(folder)) GTEST_SKIP() << folder << " is not there; STARLING_DATA names the folder that holds it";
    net_ = folder / "joined_buslanes.net.xml.gz";
    for (const char* name :
         {"joined.rou.xml.gz", "joined_busses.rou.xml", "joined_bus_stops.add.xml", "joined_vtypes.add.xml"}) {
      files_.push_back(folder / name);
    }
  }

  fs::path net_;
  std::vector<fs::path> files_;
};

TEST_F(Bologna, DrivesAsItsFilesSay) {
  const Result<cloud::StreetNetwork> network = cloud::ReadSumoNetwork(net_.string());
  ASSERT_TRUE(network.ok()) << network.status().message();
  std::vector<std::string> paths;
  for (const fs::path& file : files_) paths.push_back(file.string());
  const Result<Demand> read = ReadSumoDemand(paths, network.value());
  ASSERT_TRUE(read.ok()) << read.status().message();
  const Demand& demand = read.value();
  CheckInvariants(demand, network.value());

  const Figures figures = Count(files_);
  EXPECT_EQ(figures.vehicles, 11'176u);  // SUMO 1.15 says so, too: "Loaded: 11176".
  EXPECT_EQ(demand.departures.size(), figures.vehicles);
  EXPECT_EQ(demand.types.size(), figures.types);
  EXPECT_EQ(demand.type_mixes.size(), figures.mixes);
  EXPECT_EQ(demand.stops.size(), figures.stops);
  EXPECT_EQ(demand.route_edges.size(), figures.edges);
  std::map<std::string, std::uint64_t> by_type;
  std::map<std::uint64_t, std::uint64_t> by_second;
  for (const Departure& departure : demand.departures) {
    const Choice& type = departure.type;
    ++by_type[type.mixed ? demand.type_mixes[type.index].id : demand.types[type.index].id];
    ++by_second[static_cast<std::uint64_t>(departure.time_s)];
    std::string edges;
    for (const cloud::EdgeIndex edge : demand.edges(departure.route.index)) {
      edges += network.value().edges()[edge].id + " ";
    }
    EXPECT_EQ(edges, figures.edges_of.at(departure.id)) << departure.id;
    EXPECT_EQ(departure.ends.lane, DepartLane::kBest);
    EXPECT_EQ(departure.ends.arrival_m, -1);
  }
  EXPECT_EQ(by_type, figures.by_type);
  EXPECT_EQ(by_second, figures.by_second);

  const DemandReport report = MakeDemandReport(demand, network.value(), {.begin_s = 600, .end_s = 1200});
  std::uint64_t between = 0;
  for (const auto& [second, count] : figures.by_second) between += second >= 600 && second < 1200 ? count : 0;
  EXPECT_EQ(report.departures, between);
  ASSERT_EQ(report.unsupported.size(), 1u);
  EXPECT_EQ(report.unsupported[0].what, "attribute lcCooperative of <vType>");
}

}  // namespace
}  // namespace starling::sim
