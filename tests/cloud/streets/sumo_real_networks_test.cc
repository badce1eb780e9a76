// Networks of real cities, against what a plain look at their text counts.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "cloud/streets/street_report.h"
#include "cloud/streets/sumo_network.h"
#include "tests/cloud/streets/network_invariants.h"

namespace starling::cloud {
namespace {

namespace fs = std::filesystem;

// What a program writes to its standard output.
std::string Output(const std::string& command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  std::string text;
  std::array<char, 1 << 16> piece;
  while (const std::size_t got = std::fread(piece.data(), 1, piece.size(), pipe.get())) text.append(piece.data(), got);
  return text;
}

bool Installed(const std::string& program) { return !Output("command -v " + program).empty(); }

std::string TextOf(const fs::path& file) {
  return Output((file.extension() == ".gz" ? "gzip -dc '" : "cat '") + file.string() + "'");
}

// The tags of an XML text, one after the other, without comments; no more of XML than
// SUMO's programs write.
template <typename Visit>
void EachTag(std::string_view text, const Visit& visit) {
  for (std::size_t at = text.find('<'); at != std::string_view::npos; at = text.find('<', at)) {
    if (text.substr(at, 4) == "<!--") {
      at = text.find("-->", at);
      continue;
    }
    bool quoted = false;
    std::size_t end = at;
    while (end < text.size() && (quoted || text[end] != '>')) quoted ^= text[end++] == '"';
    visit(text.substr(at + 1, end - at - 1));
    at = end;
  }
}

std::string_view AttributeOf(std::string_view tag, const std::string& name) {
  const std::size_t at = tag.find(" " + name + "=\"");
  if (at == std::string_view::npos) return {};
  const std::string_view rest = tag.substr(at + name.size() + 3);
  return rest.substr(0, rest.find('"'));
}

double NumberOf(std::string_view tag, const std::string& name) {
  return std::strtod(std::string(AttributeOf(tag, name)).c_str(), nullptr);
}

// A file's own figures.
struct Figures {
  std::uint64_t edges = 0, lanes = 0, internal_lanes = 0, all_lanes = 0, connections = 0, junctions = 0, requests = 0,
                roundabouts = 0, programmes = 0, phases = 0, links = 0;
  double length_m = 0, phases_s = 0;
};

Figures Count(std::string_view text) {
  Figures figures;
  std::string_view function;
  EachTag(text, [&](std::string_view tag) {
    const std::string_view name = tag.substr(0, tag.find_first_of(" \n/"));
    if (name == "edge") {
      function = AttributeOf(tag, "function");
      figures.edges += function.empty();
    } else if (name == "lane") {
      ++figures.all_lanes;
      figures.internal_lanes += function == "internal";
      if (!function.empty()) return;
      ++figures.lanes;
      figures.length_m += NumberOf(tag, "length");
    } else if (name == "connection") {
      ++figures.connections;
      figures.links += !AttributeOf(tag, "tl").empty();
    } else if (name == "phase") {
      ++figures.phases;
      figures.phases_s += NumberOf(tag, "duration");
    }
    figures.junctions += name == "junction";
    figures.requests += name == "request";
    figures.roundabouts += name == "roundabout";
    figures.programmes += name == "tlLogic";
  });
  return figures;
}

void ExpectProgrammes(const StreetNetwork& network, const Figures& figures) {
  std::uint64_t phases = 0;
  double phases_s = 0;
  for (const StreetSignal& signal : network.signals()) {
    for (const SignalPhase& phase : signal.in_force().phases) {
      ++phases;
      phases_s += phase.duration_s;
    }
  }
  EXPECT_EQ(network.signals().size(), figures.programmes);
  EXPECT_EQ(phases, figures.phases);
  EXPECT_NEAR(phases_s, figures.phases_s, 1e-6);
}

void ExpectTheFilesOwnFigures(const StreetNetwork& network, const Figures& figures) {
  CheckInvariants(network);
  const StreetReport report = MakeStreetReport(network);
  EXPECT_EQ(report.edges, figures.edges);
  EXPECT_EQ(report.lanes, figures.lanes);
  EXPECT_EQ(report.internal_lanes, figures.internal_lanes);
  EXPECT_NEAR(report.lane_km, figures.length_m / 1000, 1e-6);
  EXPECT_EQ(network.lanes().size(), figures.all_lanes);
  EXPECT_EQ(network.connections().size(), figures.connections);
  EXPECT_EQ(network.junctions().size(), figures.junctions);
  EXPECT_EQ(network.requests().size(), figures.requests);
  EXPECT_EQ(report.roundabouts, figures.roundabouts);
  EXPECT_EQ(report.signal_links, figures.links);
  ExpectProgrammes(network, figures);
  // Every connection through a junction with requests has its own.
  std::uint64_t requests = 0;
  for (const StreetConnection& way : network.connections()) requests += way.request != kNone;
  EXPECT_EQ(requests, figures.requests);
}

class RealNetworks : public testing::Test {
 protected:
  void SetUp() override {
    const char* const data = std::getenv("STARLING_DATA");
    folder_ = data != nullptr ? fs::path(data) : fs::path(STARLING_SOURCE_DIR) / "../shared/data";
    if (!fs::exists(folder_)) {
      GTEST_SKIP() << folder_ << " is not there; STARLING_DATA names the folder that holds it";
    }
  }

  std::vector<fs::path> FilesThatEnd(const std::vector<std::string>& ends) const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      for (const std::string& end : ends) {
        if (entry.path().string().ends_with(end)) files.push_back(entry.path());
      }
    }
    std::sort(files.begin(), files.end());
    return files;
  }

  fs::path folder_;
};

TEST_F(RealNetworks, HaveTheirFilesOwnFigures) {
  const std::vector<fs::path> files = FilesThatEnd({".net.xml", ".net.xml.gz"});
  EXPECT_FALSE(files.empty());
  for (const fs::path& file : files) {
    SCOPED_TRACE(file);
    const Result<StreetNetwork> network = ReadSumoNetwork(file.string());
    ASSERT_TRUE(network.ok()) << network.status().message();
    const Figures figures = Count(TextOf(file));
    EXPECT_GT(figures.lanes, 0u);
    ExpectTheFilesOwnFigures(network.value(), figures);
  }
}

// Bologna: 243 edges for cars with 49 lane-km, as those who publish it say.
TEST_F(RealNetworks, BolognaRunsItsOwnSignalPlans) {
  const fs::path file = folder_ / "bologna/joined_buslanes.net.xml.gz";
  const fs::path plans = folder_ / "bologna/joined_tls.add.xml";
  if (!fs::exists(file) || !fs::exists(plans)) GTEST_SKIP() << file << " or its signal plans are not there";
  Result<StreetNetwork> network = ReadSumoNetwork(file.string());
  ASSERT_TRUE(network.ok()) << network.status().message();
  EXPECT_EQ(std::count_if(network.value().edges().begin(), network.value().edges().end(),
                          [&](const StreetEdge& edge) {
                            const auto lanes = network.value().lanes().subspan(edge.lane_first, edge.lane_count);
                            return edge.function == EdgeFunction::kNormal &&
                                   std::any_of(lanes.begin(), lanes.end(),
                                               [](const StreetLane& lane) { return (lane.allowed & kPassenger) != 0; });
                          }),
            243);
  EXPECT_NEAR(MakeStreetReport(network.value()).passenger_lane_km, 49, 0.5);

  const Status added = AddSumoSignals(plans.string(), &network.value());
  ASSERT_TRUE(added.ok()) << added.message();
  CheckInvariants(network.value());
  ExpectProgrammes(network.value(), Count(TextOf(plans)));
  for (const StreetSignal& signal : network.value().signals()) EXPECT_EQ(signal.in_force().id, "utopia");
}

TEST_F(RealNetworks, OpenStreetMapComesInThroughNetconvert) {
  const std::vector<fs::path> maps = FilesThatEnd({".osm.xz"});
  if (maps.empty()) GTEST_SKIP() << "no .osm.xz in " << folder_;
  if (!Installed("netconvert")) GTEST_SKIP() << "netconvert is not installed: Debian's package sumo has it";
  if (!Installed("xz")) GTEST_SKIP() << "xz is not installed: Debian's package xz-utils has it";
  for (const fs::path& map : maps) {
    SCOPED_TRACE(map);
    const fs::path work = fs::path(testing::TempDir()) / ("osm_" + std::to_string(::getpid()));
    fs::create_directories(work);
    const std::string osm = (work / "city.osm").string();
    const std::string net = (work / "city.net.xml.gz").string();
    EXPECT_EQ(std::system(("xz -dc '" + map.string() + "' > '" + osm + "'").c_str()), 0);
    // Without SUMO_HOME it looks for its types and schemas on the web.
    ::setenv("SUMO_HOME", "/usr/share/sumo", /*overwrite=*/0);
    const std::string log = (work / "netconvert.log").string();
    EXPECT_EQ(std::system(("netconvert --osm-files '" + osm + "' -o '" + net + "' > '" + log + "' 2>&1").c_str()), 0);
    const Result<StreetNetwork> network = ReadSumoNetwork(net);
    ASSERT_TRUE(network.ok()) << network.status().message();
    const Figures figures = Count(TextOf(net));
    EXPECT_GT(figures.lanes, 1'000u);
    ExpectTheFilesOwnFigures(network.value(), figures);
    fs::remove_all(work);
  }
}

}  // namespace
}  // namespace starling::cloud
