// Vehicles that do what none should, for incidents to be made of: one that sends far more than
// it may, or a crowd of them in one place.  Real connections with real certificates; they
// heed no command and answer none.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cloud/fleet_ca/fleet_ca.h"
#include "common/frame/frame_writer.h"
#include "common/time.h"
#include "common/tls/tls_context.h"
#include "schemas/edge_to_cloud/uplink_generated.h"

namespace starling {
namespace {

using Steady = std::chrono::steady_clock;

struct Wishes {
  std::uint16_t port = 0;
  std::string certificates;
  std::size_t vehicles = 1;
  std::size_t first = 1;         // number of the first one's certificate
  double rate = 10;              // fixes of each in a second
  double spread_m = 1'000;       // side of the square that they are in
  double speed_mps = 8;
  int seconds = 60;
};

constexpr double kOriginLatE7 = 481'351'000;
constexpr double kOriginLonE7 = 115'820'000;
constexpr double kMetresPerLatE7 = 0.0111;
constexpr double kMetresPerLonE7 = 0.0111 * 0.667;  // at the origin's latitude
constexpr std::chrono::seconds kComeBackAfter{1};

class UnrulyVehicle {
 public:
  UnrulyVehicle(const Wishes& wishes, SSL_CTX* context, Credentials credentials, std::uint32_t seed)
      : wishes_(wishes), context_(context), credentials_(std::move(credentials)), boot_(CloudNow() - seconds(100)) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> share(0, 1);
    east_m_ = (share(random) - 0.5) * wishes.spread_m;
    north_m_ = (share(random) - 0.5) * wishes.spread_m;
    heading_rad_ = share(random) * 6.28;
  }
  ~UnrulyVehicle() { Close(); }
  UnrulyVehicle(const UnrulyVehicle&) = delete;
  UnrulyVehicle& operator=(const UnrulyVehicle&) = delete;

  void SendFix(double span_s) {
    if (socket_ < 0 && !Connect()) return;
    Move(span_s);
    const double turn = heading_rad_ / 6.283185307179586;
    const wire::Fix fix(BootNs(), ++sequence_, static_cast<std::int32_t>(kOriginLatE7 + north_m_ / kMetresPerLatE7),
                        static_cast<std::int32_t>(kOriginLonE7 + east_m_ / kMetresPerLonE7),
                        static_cast<std::uint16_t>(static_cast<std::uint32_t>((turn - std::floor(turn)) * 65'536)),
                        static_cast<std::int16_t>(wishes_.speed_mps * 100), 0, 0, 10, wire::Intent::WithPassenger);
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(wire::CreateLive(builder, &fix));
    Send(FrameType::kLive, builder);
    Drain();
  }

  bool connected() const { return socket_ >= 0; }

 private:
  void Move(double span_s) {
    const double half = wishes_.spread_m / 2;
    east_m_ += std::sin(heading_rad_) * wishes_.speed_mps * span_s;
    north_m_ += std::cos(heading_rad_) * wishes_.speed_mps * span_s;
    if (std::abs(east_m_) > half || std::abs(north_m_) > half) {
      heading_rad_ = std::atan2(-east_m_, -north_m_);  // Back, through the middle.
    }
  }

  bool Connect() {
    if (Steady::now() < not_before_) return false;
    not_before_ = Steady::now() + kComeBackAfter;
    Result<SslPtr> ssl = MakeClientConnection(context_, credentials_, "starling-cloud", nullptr);
    if (!ssl.ok()) return false;
    ssl_ = std::move(ssl).value();
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval patience{5, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(wishes_.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    SSL_set_fd(ssl_.get(), socket_);
    ERR_clear_error();
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        SSL_do_handshake(ssl_.get()) != 1) {
      Close();
      return false;
    }
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(wire::CreateHello(builder, 7, BootNs(), builder.CreateString("unruly"), 460, 180, 0, 0));
    Send(FrameType::kHello, builder);
    builder.Clear();
    builder.Finish(wire::CreateClockReport(builder, BootNs(), ToNs(boot_), 1'000'000));
    Send(FrameType::kClockReport, builder);
    return socket_ >= 0;
  }

  void Close() {
    ssl_.reset();
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }

  void Send(FrameType type, const flatbuffers::FlatBufferBuilder& builder) {
    if (socket_ < 0) return;
    std::vector<std::byte> frame;
    const auto payload = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
    if (!AppendFrame(type, payload, &codec_, &frame).ok()) return;
    ERR_clear_error();
    if (SSL_write(ssl_.get(), frame.data(), static_cast<int>(frame.size())) <= 0) Close();
  }

  // What the gateway says is not listened to, but has to go somewhere.
  void Drain() {
    std::array<std::byte, 16'384> bytes;
    while (socket_ >= 0) {
      pollfd waiting{socket_, POLLIN, 0};
      if (SSL_pending(ssl_.get()) == 0 && ::poll(&waiting, 1, 0) <= 0) return;
      ERR_clear_error();
      if (SSL_read(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) <= 0) return Close();
    }
  }

  std::uint64_t BootNs() const { return static_cast<std::uint64_t>((CloudNow() - boot_).count()); }

  const Wishes& wishes_;
  SSL_CTX* const context_;
  const Credentials credentials_;
  const CloudTime boot_;
  PayloadCodec codec_;
  SslPtr ssl_;
  int socket_ = -1;
  Steady::time_point not_before_;
  std::uint32_t sequence_ = 0;
  double east_m_ = 0;
  double north_m_ = 0;
  double heading_rad_ = 0;
};

int Run(const Wishes& wishes) {
  std::signal(SIGPIPE, SIG_IGN);
  const CertificateFolder folder{wishes.certificates};
  Result<SslContextPtr> context = MakeClientContext(folder.ca());
  if (!context.ok()) {
    std::fprintf(stderr, "unruly-vehicles: %s\n", std::string(context.status().message()).c_str());
    return 2;
  }
  std::vector<std::unique_ptr<UnrulyVehicle>> vehicles;
  for (std::size_t i = 0; i < wishes.vehicles; ++i) {
    const Result<VehicleId> name = cloud::NumberedVehicle("veh-", wishes.first + i);
    Result<Credentials> credentials =
        name.ok() ? LoadCredentials(folder.vehicle(name.value()), folder.vehicle_key(name.value())) : name.status();
    if (!credentials.ok()) {
      std::fprintf(stderr, "unruly-vehicles: %s\n", std::string(credentials.status().message()).c_str());
      return 2;
    }
    vehicles.push_back(std::make_unique<UnrulyVehicle>(wishes, context.value().get(), std::move(credentials).value(),
                                                       static_cast<std::uint32_t>(i + 1)));
  }
  const double span_s = 1 / wishes.rate;
  const auto interval = std::chrono::duration_cast<Steady::duration>(std::chrono::duration<double>(span_s));
  const Steady::time_point end = Steady::now() + std::chrono::seconds(wishes.seconds);
  std::uint64_t sent = 0;
  Steady::time_point round = Steady::now();
  for (; round < end; round = std::max(round + interval, Steady::now() - interval)) {
    for (const auto& vehicle : vehicles) {
      vehicle->SendFix(span_s);
      if (vehicle->connected()) ++sent;
    }
    std::this_thread::sleep_until(round + interval);
  }
  std::printf("%llu fixes sent\n", static_cast<unsigned long long>(sent));
  return sent == 0 ? 1 : 0;
}

}  // namespace
}  // namespace starling

int main(int argc, char** argv) {
  starling::Wishes wishes;
  CLI::App app("Vehicles that send too much, or are too many in one place.", "unruly-vehicles");
  app.add_option("--port", wishes.port, "the gateway's, on 127.0.0.1")->required();
  app.add_option("--certs", wishes.certificates, "folder made by `starling init`")->required();
  app.add_option("--vehicles", wishes.vehicles, "how many")->capture_default_str()->check(CLI::Range(1, 100'000));
  app.add_option("--first", wishes.first, "number of the first one's certificate")->capture_default_str();
  app.add_option("--rate", wishes.rate, "fixes of each in a second")->capture_default_str()->check(CLI::Range(0.1, 100'000.0));
  app.add_option("--spread", wishes.spread_m, "metres, side of the square that they drive in")->capture_default_str();
  app.add_option("--speed", wishes.speed_mps, "metres a second")->capture_default_str();
  app.add_option("--seconds", wishes.seconds, "for how long")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return starling::Run(wishes);
}
