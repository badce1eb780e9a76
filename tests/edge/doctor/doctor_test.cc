// Each step of the doctor, working and failing, against real files, sockets and a gateway that
// says what the test wants.

#include "edge/doctor/doctor.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cloud/fleet_ca/fleet_ca.h"
#include "common/frame/frame_writer.h"
#include "schemas/cloud_to_edge/downlink_generated.h"

namespace starling::edge {
namespace {

using testing::HasSubstr;

const VehicleId kVehicle = VehicleId::Parse("veh-00001").value();

// A socket of 127.0.0.1 at a free port; `listening` false: the port is taken, and refuses.
class LocalPort {
 public:
  explicit LocalPort(bool listening) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    socklen_t length = sizeof(address);
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length);
    number_ = ntohs(address.sin_port);
    if (listening) {
      EXPECT_EQ(::listen(socket_, 8), 0);
    }
  }
  ~LocalPort() { ::close(socket_); }
  LocalPort(const LocalPort&) = delete;
  LocalPort& operator=(const LocalPort&) = delete;

  int socket() const { return socket_; }
  std::uint16_t number() const { return number_; }

 private:
  const int socket_;
  std::uint16_t number_ = 0;
};

enum class Manner { kWelcome, kSilence, kNoTls };

// Takes one connection after the other, with the server's certificate of a fleet, and welcomes with a
// time of the test's.
class Gateway {
 public:
  Gateway(const CertificateFolder& certificates, Manner manner, CloudTime time)
      : manner_(manner), time_(time), tls_(MakeServerContext(certificates).value()),
        thread_([this] { Serve(); }) {}
  ~Gateway() {
    ending_ = true;
    ::shutdown(port_.socket(), SHUT_RDWR);
    thread_.join();
  }
  std::uint16_t port() const { return port_.number(); }
  bool saw_vehicle() const { return saw_vehicle_; }

 private:
  void Serve() {
    while (!ending_) {
      const int peer = ::accept4(port_.socket(), nullptr, nullptr, SOCK_CLOEXEC);
      if (peer < 0) return;
      const timeval patience{10, 0};
      ::setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
      if (manner_ == Manner::kNoTls) {
        (void)!::write(peer, "SSH-2.0-OpenSSH_9.2\r\n", 21);
      } else {
        Talk(peer);
      }
      ::close(peer);
    }
  }
  void Talk(int peer) {
    const SslPtr ssl(SSL_new(tls_.get()));
    SSL_set_fd(ssl.get(), peer);
    if (SSL_accept(ssl.get()) != 1) return;
    saw_vehicle_ = SSL_get0_peer_certificate(ssl.get()) != nullptr;
    std::array<char, 4096> bytes{};
    if (SSL_read(ssl.get(), bytes.data(), bytes.size()) <= 0) return;
    if (manner_ == Manner::kWelcome) {
      flatbuffers::FlatBufferBuilder builder;
      builder.Finish(wire::CreateWelcome(builder, ToNs(time_), 0, 1, 481'351'000, 115'820'000));
      std::vector<std::byte> stream;
      PayloadCodec codec;
      EXPECT_TRUE(AppendFrame(FrameType::kWelcome,
                              std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize())), &codec, &stream)
                      .ok());
      SSL_write(ssl.get(), stream.data(), static_cast<int>(stream.size()));
    }
    // Until the doctor goes.
    while (SSL_read(ssl.get(), bytes.data(), bytes.size()) > 0) {
    }
  }

  LocalPort port_{true};
  const Manner manner_;
  const CloudTime time_;
  const SslContextPtr tls_;
  std::atomic<bool> ending_{false};       // set by the test; nothing hangs on its order
  std::atomic<bool> saw_vehicle_{false};  // set by the thread
  std::thread thread_;                    // the last one: it uses the others
};

class Doctor : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "doctor-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    certificates_ = MakeFleet("fleet", CloudNow(), 825);
    config_.cloud = {"127.0.0.1", 1};
    config_.server_name = "starling-cloud";
    config_.ca = certificates_.ca();
    config_.certificate = certificates_.vehicle(kVehicle);
    config_.key = certificates_.vehicle_key(kVehicle);
    config_.spool = Path("spool");
    config_.spool_bytes_max = 1 << 20;
    config_.patience = milliseconds(1'000);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::string Path(const std::string& name) const { return (root_ / name).string(); }

  CertificateFolder MakeFleet(const std::string& name, CloudTime now, int days,
                              std::vector<std::string> server_names = {}) {
    const CertificateFolder folder{root_ / name};
    cloud::FleetConfig config;
    config.vehicles = 1;
    config.days = days;
    config.server_names = std::move(server_names);
    EXPECT_TRUE(cloud::InitFleet(folder, config, now, nullptr).ok());
    return folder;
  }

  void StartGateway(Manner manner = Manner::kWelcome, nanoseconds ahead = {}) {
    gateway_.emplace(certificates_, manner, CloudNow() + ahead);
    config_.cloud.port = gateway_->port();
  }

  void Examined() { findings_ = Examine(config_, CloudNow); }
  const Finding& Step(const std::string& step) const {
    for (const Finding& finding : findings_) {
      if (finding.step == step) return finding;
    }
    ADD_FAILURE() << "no step " << step;
    return findings_.front();
  }
  std::string FirstFailure() const {
    const Finding* const failed = FirstFailed(findings_);
    return failed == nullptr ? "" : failed->step;
  }
  // `step` is the first that failed, says `detail`, and what to do: `remedy`.
  void ExpectFailed(const std::string& step, const std::string& detail, const std::string& remedy) {
    EXPECT_EQ(FirstFailure(), step) << FindingsTable(findings_);
    EXPECT_THAT(Step(step).detail, HasSubstr(detail));
    EXPECT_THAT(Step(step).remedy, HasSubstr(remedy));
  }

  std::filesystem::path root_;
  CertificateFolder certificates_;
  DoctorConfig config_;
  std::optional<Gateway> gateway_;
  std::vector<Finding> findings_;
};

TEST_F(Doctor, FindsNothingWhereAllIsWell) {
  StartGateway();
  config_.listen_unix = Path("samples.sock");
  Examined();
  EXPECT_EQ(FirstFailure(), "") << FindingsTable(findings_);
  std::vector<std::string> steps;
  for (const Finding& finding : findings_) steps.push_back(finding.step);
  EXPECT_THAT(steps, testing::ElementsAre("source", "dns", "tcp", "certificate", "tls", "clock", "spool"));
  for (const char* step : {"source", "dns", "tcp", "certificate", "tls", "clock"}) {
    EXPECT_EQ(Step(step).verdict, Verdict::kOk) << step;
    EXPECT_EQ(Step(step).remedy, "");
  }
  EXPECT_TRUE(gateway_->saw_vehicle());
  // It leaves nothing behind.
  EXPECT_FALSE(std::filesystem::exists(config_.spool));
  EXPECT_FALSE(std::filesystem::exists(config_.listen_unix));
  EXPECT_FALSE(std::filesystem::exists(Path(".doctor")));
}

TEST_F(Doctor, SaysTheSameToPeopleAndPrograms) {
  const std::vector<Finding> findings = {Fine("dns", "a \"name\""), Failed("tcp", "refused", "start it"),
                                         Skipped("tls", "no connection")};
  EXPECT_EQ(FindingsTable(findings),
            "dns            ok       a \"name\"\n"
            "tcp            FAILED   refused\n"
            "                        -> start it\n"
            "tls            skipped  no connection\n"
            "tcp is the first step that failed\n");
  EXPECT_EQ(FindingsJson(findings),
            "{\"ok\":false,\"first_failed\":\"tcp\",\"steps\":["
            "{\"step\":\"dns\",\"verdict\":\"ok\",\"detail\":\"a \\\"name\\\"\",\"remedy\":\"\"},"
            "{\"step\":\"tcp\",\"verdict\":\"failed\",\"detail\":\"refused\",\"remedy\":\"start it\"},"
            "{\"step\":\"tls\",\"verdict\":\"skipped\",\"detail\":\"no connection\",\"remedy\":\"\"}]}");
  EXPECT_THAT(FindingsJson({Fine("dns", "")}), testing::StartsWith("{\"ok\":true,\"first_failed\":null,"));
}

// ---------------------------------------------------------------- source

TEST_F(Doctor, ASocketThatCannotBeMadeFails) {
  config_.listen_unix = Path("missing/samples.sock");
  Examined();
  ExpectFailed("source", "missing/samples.sock cannot be made: No such file or directory", "make the folder");
  std::ofstream(Path("file")) << "text";
  config_.listen_unix = Path("file");
  Examined();
  ExpectFailed("source", "is no socket", "remove it");
}

TEST_F(Doctor, AReceiverThatIsNotThereFails) {
  config_.sensors.emplace();
  config_.sensors->nmea.emplace();
  config_.sensors->nmea->path = Path("ttyUSB0");
  Examined();
  ExpectFailed("source", "nmea: cannot open " + Path("ttyUSB0") + ": No such file or directory",
               "plug the receiver in");
}

TEST_F(Doctor, AGpsdThatIsNotThereFails) {
  const LocalPort refusing(false);
  config_.sensors.emplace();
  config_.sensors->gpsd.emplace();
  config_.sensors->gpsd->port = refusing.number();
  Examined();
  ExpectFailed("source", "gpsd: ", "systemctl status gpsd");
  EXPECT_THAT(Step("source").detail, HasSubstr("refused"));
}

TEST_F(Doctor, AReceiverThatSaysNothingIsAWarning) {
  ASSERT_EQ(::mkfifo(Path("receiver").c_str(), 0600), 0);
  config_.sensors.emplace();
  config_.sensors->nmea.emplace();
  config_.sensors->nmea->path = Path("receiver");
  config_.patience = milliseconds(100);
  const Finding finding = ExamineSensors(config_);
  EXPECT_EQ(finding.verdict, Verdict::kWarning);
  EXPECT_THAT(finding.detail, HasSubstr("no position fix yet"));
}

TEST_F(Doctor, ARecordingWithAFixGivesSamplesAndOneOfNoiseFails) {
  // A car that drives east at 20 knots; the checksum is the XOR between $ and *.
  const auto recording = [](bool checksums) {
    std::string text;
    for (int i = 0; i < 5; ++i) {
      const std::string body = "GPRMC,10000" + std::to_string(i / 5) + "." + std::to_string(2 * i) +
                               "0,A,4807.0380,N,01131.0000,E,20.0,090.0,230326,,,A";
      unsigned sum = checksums ? 0 : 1;
      for (const char c : body) sum ^= static_cast<unsigned char>(c);
      std::array<char, 8> end{};
      std::snprintf(end.data(), end.size(), "*%02X", sum);
      text += "$" + body + end.data() + "\r\n";
    }
    return text;
  };
  std::ofstream(Path("drive.nmea")) << recording(true);
  config_.sensors.emplace();
  config_.sensors->nmea.emplace();
  config_.sensors->nmea->path = Path("drive.nmea");
  Finding finding = ExamineSensors(config_);
  EXPECT_EQ(finding.verdict, Verdict::kOk) << finding.detail;

  std::ofstream(Path("drive.nmea")) << recording(false);
  finding = ExamineSensors(config_);
  EXPECT_EQ(finding.verdict, Verdict::kFailed);
  EXPECT_THAT(finding.detail, HasSubstr("checksum"));
}

// ---------------------------------------------------------------- the way to the cloud

TEST_F(Doctor, ANameWithoutAnAddressFailsAndWhatNeedsItIsSkipped) {
  config_.cloud.host = "gateway.invalid";  // RFC 6761: there never is one
  Examined();
  ExpectFailed("dns", "gateway.invalid has no address", "/etc/resolv.conf");
  for (const char* step : {"tcp", "tls", "clock"}) EXPECT_EQ(Step(step).verdict, Verdict::kSkipped) << step;
  EXPECT_EQ(Step("certificate").verdict, Verdict::kOk);
  EXPECT_NE(Step("spool").verdict, Verdict::kSkipped);
}

TEST_F(Doctor, APortThatRefusesFails) {
  const LocalPort refusing(false);
  config_.cloud.port = refusing.number();
  Examined();
  ExpectFailed("tcp", "127.0.0.1 port " + std::to_string(refusing.number()) + ": Connection refused",
               "does the gateway run");
  EXPECT_EQ(Step("tls").verdict, Verdict::kSkipped);
}

TEST_F(Doctor, EachOfSeveralAddressesIsLookedAtAndNamed) {
  StartGateway();
  const LocalPort refusing(false);
  config_.others = {config_.cloud};
  config_.cloud = {"127.0.0.1", refusing.number()};
  Examined();
  const std::string first = "127.0.0.1:" + std::to_string(refusing.number()) + ": ";
  const std::string second = "127.0.0.1:" + std::to_string(config_.others[0].port) + ": ";
  std::vector<std::string> seen;
  for (const Finding& finding : findings_) {
    for (const std::string& address : {first, second}) {
      if (finding.detail.starts_with(address)) {
        const std::string number = address == first ? "1 " : "2 ";
        seen.push_back(number + finding.step + (finding.verdict == Verdict::kOk ? " ok" : ""));
      }
    }
  }
  EXPECT_THAT(seen, testing::ElementsAre("1 dns ok", "1 tcp", "1 tls", "1 clock", "2 dns ok", "2 tcp ok", "2 tls ok",
                                         "2 clock ok"));
  EXPECT_EQ(FirstFailure(), "tcp");
  EXPECT_EQ(findings_.back().step, "spool");
}

TEST_F(Doctor, AnythingButTlsFails) {
  StartGateway(Manner::kNoTls);
  Examined();
  ExpectFailed("tls", "TLS failed", "does a gateway of Starling listen at that port");
}

TEST_F(Doctor, AGatewayThatDoesNotWelcomeFails) {
  StartGateway(Manner::kSilence);
  Examined();
  ExpectFailed("tls", "no welcome came within 1000 ms", "/readyz");
  EXPECT_EQ(Step("clock").verdict, Verdict::kSkipped);
}

TEST_F(Doctor, AGatewayWithAnotherNameFailsAndItsNamesAreSaid) {
  StartGateway();
  config_.server_name = "gateway.example";
  Examined();
  ExpectFailed("tls", "is for starling-cloud, localhost, 127.0.0.1, not for gateway.example", "server-name");
}

TEST_F(Doctor, AGatewayOfAnotherAuthorityFails) {
  const CertificateFolder theirs = MakeFleet("theirs", CloudNow(), 825);
  gateway_.emplace(theirs, Manner::kWelcome, CloudNow());
  config_.cloud.port = gateway_->port();
  Examined();
  ExpectFailed("tls", "the gateway's certificate: ", "of another authority than " + config_.ca);
}

TEST_F(Doctor, AGatewayWhoseCertificateHasExpiredFails) {
  // The authority's lasts longer.
  const CertificateFolder old = MakeFleet("old", CloudNow() - seconds(40 * 86'400), 30);
  gateway_.emplace(old, Manner::kWelcome, CloudNow());
  config_.cloud.port = gateway_->port();
  config_.ca = old.ca();
  // The vehicle's own is renewed.
  std::filesystem::remove(old.vehicle(kVehicle));
  std::filesystem::remove(old.vehicle_key(kVehicle));
  MakeFleet("old", CloudNow(), 825);
  config_.certificate = old.vehicle(kVehicle);
  config_.key = old.vehicle_key(kVehicle);
  Examined();
  EXPECT_EQ(Step("certificate").verdict, Verdict::kOk) << Step("certificate").detail;
  ExpectFailed("tls", "certificate has expired", "renew the gateway's certificate");
}

TEST_F(Doctor, ACloudThatRefusesTheVehicleFails) {
  // The gateway believes another authority, and shows a certificate of ours.
  const CertificateFolder theirs = MakeFleet("theirs", CloudNow(), 825);
  const CertificateFolder mixed = MakeFleet("mixed", CloudNow(), 825);
  const auto replace = std::filesystem::copy_options::overwrite_existing;
  std::filesystem::copy_file(theirs.ca(), mixed.ca(), replace);
  std::filesystem::copy_file(certificates_.server(), mixed.server(), replace);
  std::filesystem::copy_file(certificates_.server_key(), mixed.server_key(), replace);
  gateway_.emplace(mixed, Manner::kWelcome, CloudNow());
  config_.cloud.port = gateway_->port();
  Examined();
  ExpectFailed("tls", "the cloud takes no connection with " + config_.certificate, "revoked");
}

// ---------------------------------------------------------------- certificate

TEST_F(Doctor, AFileThatIsNotThereFails) {
  config_.certificate = Path("none.pem");
  StartGateway();
  Examined();
  ExpectFailed("certificate", "cannot read " + Path("none.pem") + ": No such file", "put the file there");
  EXPECT_EQ(Step("tls").verdict, Verdict::kSkipped);
}

TEST_F(Doctor, AKeyOfAnotherCertificateFails) {
  config_.key = MakeFleet("theirs", CloudNow(), 825).vehicle_key(kVehicle);
  StartGateway();
  Examined();
  ExpectFailed("certificate", "is not the key of", "name the right one");
}

TEST_F(Doctor, AKeyThatEverybodyCanReadFailsAndOneOfAGroupDoesNot) {
  StartGateway();
  ASSERT_EQ(::chmod(config_.key.c_str(), 0640), 0);
  Examined();
  EXPECT_EQ(Step("certificate").verdict, Verdict::kOk);
  for (const mode_t mode : {0644u, 0660u, 0602u}) {
    ASSERT_EQ(::chmod(config_.key.c_str(), mode), 0);
    Examined();
    ExpectFailed("certificate", "has mode 0", "chmod 600 " + config_.key);
  }
}

TEST_F(Doctor, ACertificateIsJudgedByTheClock) {
  const CloudTime now = CloudNow();
  Finding finding = ExamineCertificate(config_, now - seconds(2 * 86'400));
  EXPECT_EQ(finding.verdict, Verdict::kFailed);
  EXPECT_THAT(finding.detail, HasSubstr("is valid from"));
  EXPECT_THAT(finding.remedy, HasSubstr("clock"));
  finding = ExamineCertificate(config_, now + seconds(800 * 86'400));
  EXPECT_EQ(finding.verdict, Verdict::kWarning);
  EXPECT_THAT(finding.detail, HasSubstr("veh-00001, until 20"));
  finding = ExamineCertificate(config_, now + seconds(826 * 86'400));
  EXPECT_EQ(finding.verdict, Verdict::kFailed);
  EXPECT_THAT(finding.detail, HasSubstr("has expired"));
  EXPECT_THAT(finding.remedy, HasSubstr("renewed"));
}

TEST_F(Doctor, ACertificateOfAnotherAuthorityOrOfNoVehicleFails) {
  const CertificateFolder theirs = MakeFleet("theirs", CloudNow(), 825);
  DoctorConfig other = config_;
  other.ca = theirs.ca();
  Finding finding = ExamineCertificate(other, CloudNow());
  EXPECT_EQ(finding.verdict, Verdict::kFailed);
  EXPECT_THAT(finding.detail, HasSubstr("is not of an authority in " + other.ca));
  config_.certificate = certificates_.server();
  config_.key = certificates_.server_key();
  finding = ExamineCertificate(config_, CloudNow());
  EXPECT_EQ(finding.verdict, Verdict::kFailed) << "the server's certificate is no vehicle's";
}

// ---------------------------------------------------------------- clock

TEST_F(Doctor, AClockThatIsFarOffFailsAndOneThatIsALittleOffIsAWarning) {
  StartGateway(Manner::kWelcome, seconds(3600));
  Examined();
  ExpectFailed("clock", "1.0 hours behind the cloud's", "set it");
  gateway_.reset();
  StartGateway(Manner::kWelcome, seconds(-100));
  Examined();
  ExpectFailed("clock", "s ahead of the cloud's", "set it");
  gateway_.reset();
  StartGateway(Manner::kWelcome, seconds(-20));
  Examined();
  EXPECT_EQ(Step("clock").verdict, Verdict::kWarning) << Step("clock").detail;
}

// ---------------------------------------------------------------- spool

TEST_F(Doctor, ASpoolThatCannotBeWrittenFails) {
  std::ofstream(Path("spool")) << "a file";
  Finding finding = ExamineSpool(config_).finding;
  EXPECT_EQ(finding.verdict, Verdict::kFailed);
  EXPECT_THAT(finding.detail, HasSubstr("cannot open the folder"));
  config_.spool = Path("missing/spool");
  finding = ExamineSpool(config_).finding;
  EXPECT_EQ(finding.verdict, Verdict::kFailed);
  EXPECT_THAT(finding.remedy, HasSubstr("make the folder above it"));
  config_.spool = "/proc/starling";  // Nobody can make a file there, root neither.
  finding = ExamineSpool(config_).finding;
  EXPECT_EQ(finding.verdict, Verdict::kFailed);
  EXPECT_THAT(finding.detail, HasSubstr("cannot write in the folder /proc"));
}

TEST_F(Doctor, ADiskWithoutTheSpaceFails) {
  config_.spool_bytes_max = std::size_t{1} << (sizeof(std::size_t) * 8 - 1);
  if (sizeof(std::size_t) < 8) GTEST_SKIP() << "no limit of this processor is above a disk's space";
  Examined();
  EXPECT_EQ(Step("spool").verdict, Verdict::kFailed);
  EXPECT_THAT(Step("spool").remedy, HasSubstr("lower spool-bytes"));
}

TEST_F(Doctor, NoSpoolAndOneInMemoryAreWarnings) {
  config_.spool.clear();
  EXPECT_EQ(ExamineSpool(config_).finding.verdict, Verdict::kWarning);
  config_.spool = "/dev/shm/starling-doctor-" + std::to_string(::getpid());
  const Finding finding = ExamineSpool(config_).finding;
  EXPECT_EQ(finding.verdict, Verdict::kWarning) << finding.detail;
  EXPECT_THAT(finding.remedy, HasSubstr("a power cut takes it"));
}

// ---------------------------------------------------------------- beside an agent

TEST_F(Doctor, TakesNothingFromAnAgentThatRuns) {
  StartGateway();
  std::filesystem::create_directory(config_.spool);
  const int spool = ::open(config_.spool.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_EQ(::flock(spool, LOCK_EX | LOCK_NB), 0);
  config_.sensors.emplace();
  config_.sensors->nmea.emplace();
  config_.sensors->nmea->path = Path("ttyUSB0");
  Examined();
  ::close(spool);
  EXPECT_EQ(FirstFailure(), "") << FindingsTable(findings_);
  EXPECT_EQ(Step("source").verdict, Verdict::kSkipped);
  EXPECT_EQ(Step("tls").verdict, Verdict::kOk) << Step("tls").detail;
  EXPECT_EQ(Step("clock").verdict, Verdict::kSkipped);
  EXPECT_FALSE(gateway_->saw_vehicle()) << "its certificate would end the agent's connection";
  EXPECT_TRUE(std::filesystem::is_empty(config_.spool));
}

TEST_F(Doctor, AnAgentAtItsSocketIsSeenAndItsSpoolIsFreeAgain) {
  config_.listen_unix = Path("samples.sock");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, config_.listen_unix.c_str(), sizeof(address.sun_path) - 1);
  const int listening = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::bind(listening, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_FALSE(ExamineSocket(config_.listen_unix).in_use) << "left from an earlier run";
  ASSERT_EQ(::listen(listening, 1), 0);
  const SocketExamination examination = ExamineSocket(config_.listen_unix);
  EXPECT_TRUE(examination.in_use);
  EXPECT_EQ(examination.finding.verdict, Verdict::kOk);
  ::close(listening);

  std::filesystem::create_directory(config_.spool);
  EXPECT_FALSE(ExamineSpool(config_).in_use);
  const int spool = ::open(config_.spool.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  EXPECT_EQ(::flock(spool, LOCK_EX | LOCK_NB), 0);
  ::close(spool);
}

}  // namespace
}  // namespace starling::edge
