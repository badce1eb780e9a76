// The program of a vehicle's package, cross-compiled and stripped, under qemu against a real
// orchestrator; and what the package says of itself.  ./run edge ARCHITECTURE has made both.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "tests/integration/scene.h"

namespace starling {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

constexpr std::chrono::seconds kPatience{60};
constexpr int kSamples = 60;
constexpr int kSampleIntervalUs = 100'000;
// What a vehicle's flash may have of the program, beyond the shared libraries.
constexpr std::uintmax_t kProgramBytesMax = 2 << 20;

struct Processor {
  const char* architecture;
  const char* emulator;
};

class Vehicle : public Scene, public testing::WithParamInterface<Processor> {
 protected:
  static std::filesystem::path Out() { return STARLING_SOURCE_DIR "/out"; }
  static std::filesystem::path ProgramFile() { return Out() / "edge" / GetParam().architecture / "starling-edge"; }

  // The program on its own processor and libraries.
  std::vector<std::string> Agent(const std::vector<std::string>& more) const {
    std::vector<std::string> command = {std::string("/usr/bin/") + GetParam().emulator, "-L",
                                        Out() / "sysroot" / GetParam().architecture, ProgramFile()};
    command.insert(command.end(), more.begin(), more.end());
    return command;
  }

  std::string Package() const {
    for (const auto& each : std::filesystem::directory_iterator(Out() / "edge")) {
      const std::string name = each.path().filename();
      if (name.starts_with("starling-edge_") && name.ends_with(std::string("_") + GetParam().architecture + ".deb")) {
        return each.path();
      }
    }
    return "";
  }
  // What dpkg-deb says of the package.
  std::string Dpkg(const std::vector<std::string>& arguments) {
    std::vector<std::string> command = {"/usr/bin/dpkg-deb"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    std::filesystem::remove(folder_ / "output.log");
    EXPECT_EQ(Outcome(command), 0);
    return Read("output.log");
  }

  void WriteConfig() {
    std::ofstream(Path("edge.toml")) << "# of this test\nconnect = \"127.0.0.1:" << port_ << "\"\n"
                                     << "ca = \"" << Path("certs/ca.pem") << "\"\n"
                                     << "cert = \"" << Path("certs/vehicles/veh-00001.pem") << "\"  # ours\n"
                                     << "key = \"" << Path("certs/vehicles/veh-00001.key") << "\"\n"
                                     << "spool = \"" << Path("spool") << "\"\n"
                                     << "commit-interval = 0.2\n"
                                     << "report = \"" << Path("report.json") << "\"\n";
  }
};

TEST_P(Vehicle, DrivesUnderItsOwnProcessorAndDeliversAllThatItSampled) {
  ASSERT_TRUE(std::filesystem::exists(ProgramFile())) << "./run edge " << GetParam().architecture << " makes it";
  MakeCertificates(1);
  StartCloud();
  ASSERT_FALSE(HasFailure());
  WriteConfig();

  ASSERT_EQ(Outcome(Agent({"doctor", "--json", "--config", Path("edge.toml")})), 0) << Read("output.log");
  const json::value doctor = json::parse(Read("output.log").substr(Read("output.log").find("{\"ok\"")));
  EXPECT_TRUE(doctor.at("ok").as_bool());
  for (const json::value& step : doctor.at("steps").as_array()) {
    EXPECT_NE(step.at("verdict").as_string(), "failed") << step.at("step").as_string();
    if (step.at("step").as_string() != "clock") continue;
    EXPECT_EQ(step.at("verdict").as_string(), "ok");
  }

  ASSERT_EQ(::mkfifo(Path("samples").c_str(), 0600), 0);
  const int samples = ::open(Path("samples").c_str(), O_RDWR | O_CLOEXEC);
  std::string command = "exec";
  for (const std::string& word : Agent({"--config", Path("edge.toml")})) command += " '" + word + "'";
  ChildProcess edge({"/bin/sh", "-c", command + " < " + Path("samples")}, Path("edge.log"));
  bool seen = false;
  for (int i = 0; i < kSamples; ++i) {
    char line[160];
    // 1.1 m each: 40 km/h to the north.
    std::snprintf(line, sizeof(line), "{\"lat_deg\":%.7f,\"lon_deg\":11.582,\"heading_deg\":0,\"speed_mps\":11.1}\n",
                  48.1351 + 1e-5 * i);
    ASSERT_GT(::write(samples, line, std::char_traits<char>::length(line)), 0);
    ::usleep(kSampleIntervalUs);
    const auto body = Get("/v1/vehicles/veh-00001");
    if (!body) continue;
    const json::object vehicle = json::parse(*body).as_object();
    seen = seen || (vehicle.contains("speed_mps") && vehicle.at("speed_mps").to_number<double>() > 10);
  }
  EXPECT_TRUE(seen) << "the vehicle is live on the map while it drives";
  edge.Signal(SIGTERM);
  EXPECT_EQ(edge.Wait(kPatience), 0) << Read("edge.log");
  ::close(samples);

  const json::value report = json::parse(Read("report.json"));
  EXPECT_TRUE(report.at("drained").as_bool());
  const json::object& ledger = report.at("ledger").as_object();
  EXPECT_EQ(ledger.at("sampled").to_number<int>(), kSamples);
  EXPECT_EQ(ledger.at("delivered").to_number<int>(), kSamples);
  EXPECT_EQ(ledger.at("in_flight").to_number<int>(), 0);
  EXPECT_EQ(report.at("lines").at("refused").to_number<int>(), 0);
  EXPECT_EQ(report.at("agent").at("frames_unknown").to_number<int>(), 0);
  EXPECT_EQ(Stat("ledger", "samples"), kSamples) << "the cloud holds as many";
}

// What systemd hears, by a socket that stands in for it.
TEST_P(Vehicle, TellsItsServiceManagerThatItIsReadyAliveConnectedAndStopping) {
  MakeCertificates(1);
  StartCloud();
  ASSERT_FALSE(HasFailure());
  WriteConfig();
  const int manager = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, Path("notify").c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(manager, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  std::vector<std::string> command = {"/usr/bin/env", "NOTIFY_SOCKET=" + Path("notify"), "WATCHDOG_USEC=1000000"};
  for (const std::string& word : Agent({"--config", Path("edge.toml"), "--listen-unix", Path("samples.sock")})) {
    command.push_back(word);
  }
  std::vector<std::string> told;
  const auto count = [&](const std::string& what) {
    for (char text[256];;) {
      const ssize_t bytes = ::recv(manager, text, sizeof(text), 0);
      if (bytes < 0) break;
      told.emplace_back(text, static_cast<std::size_t>(bytes));
    }
    return std::count(told.begin(), told.end(), what);
  };
  const std::string connected = "STATUS=connected to 127.0.0.1:" + std::to_string(port_);
  ChildProcess edge(command, Path("edge.log"));
  EXPECT_TRUE(Eventually(kPatience, [&] { return count(connected) == 1; })) << Read("edge.log");
  // Each is due in a tenth of the watchdog's second.
  EXPECT_TRUE(Eventually(kPatience, [&] { return count("WATCHDOG=1") >= 10; }));
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.front(), "READY=1");
  EXPECT_EQ(count("STOPPING=1"), 0);
  edge.Signal(SIGTERM);
  EXPECT_EQ(edge.Wait(kPatience), 0) << Read("edge.log");
  EXPECT_EQ(count("STOPPING=1"), 1);
  ::close(manager);
}

TEST_P(Vehicle, KnowsAMistakeInItsConfigurationByItsLine) {
  std::ofstream(Path("edge.toml")) << "connect = \"127.0.0.1:1\"\n\nwidht-m = 2\n";
  EXPECT_EQ(Outcome(Agent({"--config", Path("edge.toml")})), 2);
  EXPECT_THAT(Read("output.log"), HasSubstr(Path("edge.toml") + ":3: no option is called widht-m"));
}

TEST_P(Vehicle, ItsPackageNeedsWhatTheProgramIsLinkedWithAndKeepsTheConfiguration) {
  const std::string package = Package();
  ASSERT_FALSE(package.empty());
  EXPECT_EQ(Dpkg({"-f", package, "Architecture"}), std::string(GetParam().architecture) + "\n");
  const std::string depends = Dpkg({"-f", package, "Depends"});
  for (const char* library : {"libc6 (>= ", "libssl3", "libstdc++6", "libzstd1", "libgcc-s1"}) {
    EXPECT_THAT(depends, HasSubstr(library));
  }
  EXPECT_EQ(Dpkg({"--info", package, "conffiles"}), "/etc/starling/edge.toml\n");
  const std::string files = Dpkg({"--contents", package});
  for (const char* file : {"-rwxr-xr-x root/root", "./usr/bin/starling-edge", "./etc/starling/edge.toml",
                           "./lib/systemd/system/starling-edge.service", "./usr/lib/sysusers.d/starling-edge.conf"}) {
    EXPECT_THAT(files, HasSubstr(file));
  }
}

// The options of the package's file are those of the program: what is commented out there, too.
TEST_P(Vehicle, ItsConfigurationFileHasNoOptionThatTheProgramDoesNotKnow) {
  std::ifstream shipped(STARLING_SOURCE_DIR "/cross/package/starling-edge.toml");
  std::ofstream everything(Path("edge.toml"));
  int options = 0;
  for (std::string line; std::getline(shipped, line);) {
    if (line.empty()) continue;
    const std::size_t equals = line.find(" = ");
    const std::string key = line.substr(line.front() == '#' ? 1 : 0, equals - (line.front() == '#' ? 1 : 0));
    if (equals == std::string::npos || key.find(' ') != std::string::npos) continue;
    everything << key << line.substr(equals) << "\n";
    ++options;
  }
  everything.close();
  EXPECT_GE(options, 15);
  // That this file is not there is said only when all of them were read; it may be there soon.
  EXPECT_EQ(Outcome(Agent({"--config", Path("edge.toml")})), 1);
  const std::string said = Read("output.log");
  EXPECT_THAT(said, HasSubstr("/etc/starling/car.dbc"));
}

TEST_P(Vehicle, StaysWithinTheFlashThatItMayTake) {
  EXPECT_LE(std::filesystem::file_size(ProgramFile()), kProgramBytesMax);
}

// Those that this build is set up for.
std::vector<Processor> Wanted() {
  std::vector<Processor> wanted;
  for (const Processor& each : {Processor{"arm64", "qemu-aarch64"}, Processor{"armhf", "qemu-arm"}}) {
    if (std::string_view(STARLING_VEHICLE_TESTS).find(each.architecture) != std::string_view::npos) wanted.push_back(each);
  }
  return wanted;
}

INSTANTIATE_TEST_SUITE_P(Processors, Vehicle, testing::ValuesIn(Wanted()),
                         [](const auto& each) { return std::string(each.param.architecture); });

}  // namespace
}  // namespace starling
