// A vehicle with a receiver and a bus, from the devices to the map: starling-edge and
// starling-cloud as processes.  What stands in for gpsd is in this file: it sends the
// lines that a gpsd would for a car that drives east at 10 m/s.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "tests/edge/source/gnss/nmea_text.h"
#include "tests/integration/scene.h"

namespace starling {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr std::chrono::seconds kPatience{30};
// The orchestrator's default origin, and a degree of longitude there.
constexpr double kLatDeg = 48.1351;
constexpr double kLonDeg = 11.582;
constexpr double kMetresPerLonDeg = 74'422;
constexpr double kSpeedMps = 10;

constexpr std::string_view kVersion = "{\"class\":\"VERSION\",\"release\":\"3.25\",\"proto_major\":3}\r\n";

std::int64_t UnixNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Metres east of the origin at a time, for a drive that began at `start_ns`.
double TrueX(std::int64_t start_ns, std::int64_t at_ns) {
  return static_cast<double>(at_ns - start_ns) * 1e-9 * kSpeedMps;
}

std::string Tpv(std::int64_t start_ns) {
  const std::int64_t now_ns = UnixNs();
  const std::time_t whole_s = now_ns / 1'000'000'000;
  std::tm utc{};
  ::gmtime_r(&whole_s, &utc);
  char time[64];
  std::strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", &utc);
  char text[400];
  std::snprintf(text, sizeof(text),
                "{\"class\":\"TPV\",\"device\":\"/dev/ttyACM0\",\"mode\":3,\"time\":\"%s.%09lldZ\",\"lat\":%.9f,"
                "\"lon\":%.9f,\"track\":90.0,\"speed\":%.3f,\"epx\":1.0,\"epy\":1.0}\r\n",
                time, static_cast<long long>(now_ns % 1'000'000'000), kLatDeg,
                kLonDeg + TrueX(start_ns, now_ns) / kMetresPerLonDeg, kSpeedMps);
  return text;
}

// The stand-in for gpsd: one client after the other, ten fixes a second.
class FakeGpsd {
 public:
  FakeGpsd(std::uint16_t port, std::int64_t start_ns)
      : acceptor_(context_, {asio::ip::address_v4::loopback(), port}),
        port_(acceptor_.local_endpoint().port()) {
    // The vehicle's process must not inherit, and so keep open, what this one closes.
    ::fcntl(acceptor_.native_handle(), F_SETFD, FD_CLOEXEC);
    thread_ = std::thread([this, start_ns] { Serve(start_ns); });
  }
  ~FakeGpsd() {
    stop_ = true;
    thread_.join();
  }
  std::uint16_t port() const { return port_; }

 private:
  void Serve(std::int64_t start_ns) {
    acceptor_.non_blocking(true);
    while (!stop_) {
      boost::system::error_code error;
      asio::ip::tcp::socket peer = acceptor_.accept(error);
      if (error) {
        Pause();
        continue;
      }
      peer.non_blocking(false);
      std::string asked;
      asio::read_until(peer, asio::dynamic_buffer(asked), '\n', error);
      EXPECT_EQ(asked.rfind("?WATCH={", 0), 0u);
      asio::write(peer, asio::buffer(kVersion, kVersion.size()), error);
      while (!stop_ && !error) {
        asio::write(peer, asio::buffer(Tpv(start_ns)), error);
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
      }
    }
  }

  asio::io_context context_;
  asio::ip::tcp::acceptor acceptor_;
  const std::uint16_t port_;
  std::atomic<bool> stop_{false};        // set by the test, read by the thread; nothing hangs on its order
  std::thread thread_;
};

class Sources : public Scene {
 protected:
  void SetUp() override {
    Scene::SetUp();
    MakeCertificates(1);
    StartCloud();
  }
  std::vector<std::string> EdgeCommand(const std::vector<std::string>& more) const {
    std::vector<std::string> command = {Program("starling-edge"), "--connect", "127.0.0.1:" + std::to_string(port_),
                                        "--certs", Path("certs"), "--name", "veh-00001", "--report",
                                        Path("report.json")};
    command.insert(command.end(), more.begin(), more.end());
    return command;
  }
  // What the map says of the vehicle; empty if it does not know it.
  json::object OnTheMap() const {
    const auto body = Get("/v1/vehicles/veh-00001");
    if (!body) return {};
    json::object vehicle = json::parse(*body).as_object();
    return vehicle.contains("x_m") ? vehicle : json::object();
  }
  std::optional<double> FixAge() const {
    const json::object vehicle = OnTheMap();
    if (vehicle.empty()) return std::nullopt;
    return vehicle.at("fix_age_s").to_number<double>();
  }
};

TEST_F(Sources, AVehicleWithAGpsdIsWhereItIsAndFallsSilentWithoutIt) {
  ASSERT_FALSE(HasFailure());
  const std::int64_t start_ns = UnixNs();
  auto gpsd = std::make_unique<FakeGpsd>(std::uint16_t{0}, start_ns);
  const std::uint16_t port = gpsd->port();
  ChildProcess edge(EdgeCommand({"--gpsd", "127.0.0.1:" + std::to_string(port)}), Path("output.log"));
  ASSERT_TRUE(Eventually(kPatience, [&] { return !OnTheMap().empty(); }));
  for (int look = 0; look < 20; ++look) {
    const json::object vehicle = OnTheMap();
    ASSERT_FALSE(vehicle.empty());
    // Late bytes of a busy machine may put it half a second behind; the map shows where it is now.
    const double x_m = TrueX(start_ns, vehicle.at("at_ns").to_number<std::int64_t>());
    EXPECT_NEAR(vehicle.at("x_m").to_number<double>(), x_m, 5);
    EXPECT_NEAR(vehicle.at("y_m").to_number<double>(), 0, 1);
    EXPECT_NEAR(vehicle.at("speed_mps").to_number<double>(), kSpeedMps, 0.5);
    Pause();
  }

  gpsd.reset();
  // The agent sends a frame each second at least, as long as it has samples.
  ASSERT_TRUE(Eventually(kPatience, [&] { return FixAge().value_or(0) > 4; }));
  gpsd = std::make_unique<FakeGpsd>(port, start_ns);
  ASSERT_TRUE(Eventually(kPatience, [&] { return FixAge().value_or(99) < 1.5; }));

  edge.Signal(SIGTERM);
  EXPECT_EQ(edge.Wait(kPatience), 0);
  const json::value report = json::parse(Read("report.json"));
  const json::value& link = report.at("sources").at("gpsd");
  EXPECT_EQ(link.at("connects").to_number<int>(), 2);
  EXPECT_EQ(link.at("losses").to_number<int>(), 1);
  EXPECT_EQ(link.at("refused").to_number<int>(), 0);
  const json::value& fusion = report.at("sources").at("fusion");
  EXPECT_GT(fusion.at("silent_stale_fix").to_number<int>(), 10);
  EXPECT_EQ(report.at("ledger").at("sampled"), fusion.at("samples"));
  EXPECT_EQ(report.at("ledger").at("sampled"), report.at("ledger").at("delivered"));
  EXPECT_NE(Read("output.log").find("the last position fix is too old"), std::string::npos);
}

TEST_F(Sources, RecordingsOfReceiverAndBusAreDrivenToTheirEndAndDelivered) {
  ASSERT_FALSE(HasFailure());
  std::ofstream nmea(Path("drive.nmea"));
  std::ofstream candump(Path("drive.log"));
  std::ofstream(Path("car.dbc")) << "BO_ 37 Motion: 8 Car\n SG_ Speed : 0|16@1+ (0.01,0) [0|300] \"km/h\" Agent\n"
                                    " SG_ Yaw : 23|16@0- (0.01,0) [-300|300] \"deg/s\" Agent\n";
  for (int i = 0; i <= 30; ++i) {
    const double lon_deg = kLonDeg + kSpeedMps * 0.1 * i / kMetresPerLonDeg;
    // Speed is left to the bus: GGA has none.
    nmea << edge::Gga(36'000'000 + 100 * i, kLatDeg, lon_deg) << "\r\n";
    if (i == 0) nmea << edge::Rmc(36'000'000, kLatDeg, lon_deg, kSpeedMps, 90) << "\r\n";
    char line[80];
    std::snprintf(line, sizeof(line), "(1700000000.%06d) can0 025#100E000000000000\n", i * 30'000);  // 36 km/h
    candump << line;
  }
  candump << "(1700000001.0) can0 025#100E\n(1700000001.1) can0 nonsense\n";
  for (int i = 0; i < 20; ++i) candump << "(1700000001." << 10 + i * 4 << ") can0 025#100E000000000000\n";
  nmea << "$GNGGA,wrong*00\r\n";
  nmea.close();
  candump.close();
  EXPECT_EQ(Outcome(EdgeCommand({"--nmea", Path("drive.nmea"), "--candump", Path("drive.log"), "--dbc", Path("car.dbc"),
                                 "--can-map", "speed=Motion.Speed", "--can-map", "yaw_rate=Motion.Yaw*-1"})),
            0);
  const json::value report = json::parse(Read("report.json"));
  const json::value& sources = report.at("sources");
  EXPECT_EQ(sources.at("nmea").at("fixes").to_number<int>(), 31);
  EXPECT_EQ(sources.at("nmea").at("refused_checksum").to_number<int>(), 1);
  EXPECT_EQ(sources.at("candump").at("lines_refused").to_number<int>(), 1);
  EXPECT_EQ(sources.at("candump").at("frames").to_number<int>(), 52);
  EXPECT_EQ(sources.at("candump").at("frames_short").to_number<int>(), 1);
  const int samples = sources.at("fusion").at("samples").to_number<int>();
  EXPECT_GE(samples, 15);                // while the bus gave a speed
  EXPECT_LE(samples, 31);
  EXPECT_EQ(report.at("ledger").at("delivered").to_number<int>(), samples);
  const json::object vehicle = OnTheMap();
  ASSERT_FALSE(vehicle.empty());
  EXPECT_NEAR(vehicle.at("y_m").to_number<double>(), 0, 1);
}

}  // namespace
}  // namespace starling
