#include "bench/gateway/frame_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "cloud/fleet_ca/fleet_ca.h"
#include "common/check.h"
#include "common/frame/frame_writer.h"
#include "common/time.h"
#include "schemas/edge_to_cloud/uplink_generated.h"

namespace starling::cloud {
namespace {

constexpr nanoseconds kBootedAgo = seconds(100);

struct Peer {
  SslPtr ssl;
  int socket = -1;
};

// The vehicles' side.  Blocking sockets: the loop only writes, and the server reads.
class Vehicles {
 public:
  Vehicles(const CertificateFolder& certificates, std::size_t count)
      : context_(MakeClientContext(certificates.ca()).value()) {
    for (std::size_t i = 1; i <= count; ++i) {
      const VehicleId name = NumberedVehicle("veh-", i).value();
      credentials_.push_back(LoadCredentials(certificates.vehicle(name), certificates.vehicle_key(name)).value());
    }
  }

  std::uint64_t Connect(const ClientLoad& load) {
    for (Peer& peer : peers_) ::close(peer.socket);
    peers_.clear();
    load_ = load;
    sequence_ = 0;
    booted_ = CloudNow() - kBootedAgo;
    std::vector<std::byte> greeting;
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(wire::CreateHello(builder, 7, BootNs(), builder.CreateString("bench"), 460, 180, 0, 0));
    Append(FrameType::kHello, builder, &greeting);
    std::uint64_t sent = 0;
    for (std::size_t i = 0; i < load.connections; ++i) {
      Peer peer{MakeClientConnection(context_.get(), credentials_[i], "starling-cloud", nullptr).value(),
                ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(load.port);
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      STARLING_CHECK(::connect(peer.socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
      const int on = 1;
      ::setsockopt(peer.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      SSL_set_fd(peer.ssl.get(), peer.socket);
      STARLING_CHECK(SSL_do_handshake(peer.ssl.get()) == 1);
      sent += Write(&peer, greeting);
      peers_.push_back(std::move(peer));
    }
    // Last, so that the report is fresh, and its answers do not mix with handshakes.
    for (Peer& peer : peers_) {
      std::vector<std::byte> clock;
      builder.Clear();
      builder.Finish(wire::CreateClockReport(builder, BootNs(), ToNs(booted_), 1'000'000));
      Append(FrameType::kClockReport, builder, &clock);
      sent += Write(&peer, clock);
    }
    return sent;
  }

  std::uint64_t Send() {
    std::uint64_t sent = 0;
    const auto start = std::chrono::steady_clock::now();
    std::size_t frames = 0;
    std::vector<std::byte> frame;
    flatbuffers::FlatBufferBuilder builder;
    for (std::size_t round = 0; round < load_.frames_per_connection; ++round) {
      ++sequence_;
      for (Peer& peer : peers_) {
        frame.clear();
        builder.Clear();
        const wire::Fix fix(BootNs(), sequence_, 0, 0, 0, 1000, 0, 0, 10, wire::Intent::WithPassenger);
        const wire::Arc arcs[] = {{2'000, 0}, {1'500, 4'000}, {1'500, 0}};
        builder.Finish(wire::CreateLive(builder, &fix, builder.CreateVectorOfStructs(arcs, 3)));
        Append(FrameType::kLive, builder, &frame);
        sent += Write(&peer, frame);
        // In small steps, as a fleet spreads its samples.
        if (++frames % 16 == 0) {
          std::this_thread::sleep_until(start + nanoseconds(1'000'000'000) * frames / load_.frames_per_second);
        }
      }
    }
    return sent;
  }

 private:
  std::uint64_t BootNs() const { return static_cast<std::uint64_t>((CloudNow() - booted_).count()); }
  void Append(FrameType type, const flatbuffers::FlatBufferBuilder& builder, std::vector<std::byte>* stream) {
    const auto payload = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
    STARLING_CHECK(AppendFrame(type, payload, &codec_, stream).ok());
  }
  static std::uint64_t Write(Peer* peer, std::span<const std::byte> bytes) {
    STARLING_CHECK(SSL_write(peer->ssl.get(), bytes.data(), static_cast<int>(bytes.size())) ==
                   static_cast<int>(bytes.size()));
    return bytes.size();
  }

  SslContextPtr context_;
  std::vector<Credentials> credentials_;
  std::vector<Peer> peers_;
  PayloadCodec codec_;
  ClientLoad load_;
  CloudTime booted_;
  std::uint32_t sequence_ = 0;
};

}  // namespace

FrameClient::FrameClient(const CertificateFolder& certificates, std::size_t vehicles) {
  int ends[2];
  STARLING_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  process_ = ::fork();
  STARLING_CHECK(process_ >= 0);
  link_ = ends[process_ == 0 ? 1 : 0];
  ::close(ends[process_ == 0 ? 0 : 1]);
  if (process_ != 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  Vehicles fleet(certificates, vehicles);
  ClientLoad load;  // port 0: send a round
  while (::read(link_, &load, sizeof(load)) == sizeof(load)) {
    const std::uint64_t sent = load.port != 0 ? fleet.Connect(load) : fleet.Send();
    if (::write(link_, &sent, sizeof(sent)) != sizeof(sent)) break;
  }
  ::_exit(0);
}

FrameClient::~FrameClient() {
  ::close(link_);
  ::waitpid(process_, nullptr, 0);
}

bool FrameClient::Ask(const ClientLoad* load) {
  std::uint64_t sent = 0;
  if (::write(link_, load, sizeof(*load)) != sizeof(*load) || ::read(link_, &sent, sizeof(sent)) != sizeof(sent)) {
    return false;
  }
  bytes_sent_ += sent;
  return true;
}

bool FrameClient::Connect(const ClientLoad& load) {
  bytes_sent_ = 0;
  return Ask(&load);
}

bool FrameClient::Send() {
  const ClientLoad round;
  return Ask(&round);
}

}  // namespace starling::cloud
