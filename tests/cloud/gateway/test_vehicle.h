// A vehicle for tests: a blocking TLS client that says what the test wants.
#pragma once

#include <flatbuffers/flatbuffers.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/frame/frame_format.h"
#include "common/frame/payload_codec.h"
#include "common/time.h"
#include "common/tls/tls_context.h"
#include "schemas/cloud_to_edge/downlink_generated.h"
#include "schemas/edge_to_cloud/uplink_generated.h"

namespace starling::cloud {

class TestVehicle {
 public:
  // Its clock says `booted_ago` now.
  explicit TestVehicle(nanoseconds booted_ago = seconds(100));
  ~TestVehicle();
  TestVehicle(const TestVehicle&) = delete;
  TestVehicle& operator=(const TestVehicle&) = delete;

  // Connects and shakes hands; false if that failed on this side.  With TLS 1.3 a
  // server's refusal of the certificate shows at the first read.
  bool Connect(std::uint16_t port, const std::filesystem::path& ca, const Credentials* credentials,
               SSL_SESSION* session = nullptr);
  void Close();
  bool resumed() const { return SSL_session_reused(ssl_.get()) == 1; }
  // Serial number of the server's certificate.
  std::string PeerSerial() const;
  // The newest ticket; there is one once something was read.
  SslSessionPtr TakeSession() { return std::move(session_); }
  // The same where the gateway gives one later, as after a resumption.
  SslSessionPtr AwaitSession();

  // One frame, or what has to get one verdict.
  void SendBytes(std::span<const std::byte> bytes);
  // On all its connections.
  std::uint64_t frames_sent() const { return frames_sent_; }
  void SendPayload(FrameType type, std::span<const std::byte> payload);
  void SendHello(std::uint64_t boot = 7);
  void SendProbe();
  void SendClock(nanoseconds error = {});
  void SendFix(std::uint32_t sequence, nanoseconds ahead = {}, double north_m = 0);
  void SendHistory(std::uint64_t first_sequence, std::uint16_t count, std::uint64_t boot = 7);
  void SendReport(std::uint32_t first_report, std::uint32_t last_report, std::uint64_t boot = 7);

  // Hello, Welcome and a clock report.
  bool Introduce(std::uint64_t boot = 7);

  struct Frame {
    FrameType type{};
    std::vector<std::uint64_t> words;  // aligned
    template <typename T>
    const T& As() const {
      return *flatbuffers::GetRoot<T>(words.data());
    }
  };
  // The next frame; nullopt if the connection is closed (or nothing comes for 20 s).
  std::optional<Frame> Receive();
  // Skips to the next frame of `type`.
  std::optional<Frame> Receive(FrameType type);
  // True once the gateway has read everything that was sent before.
  bool Barrier();
  // Notices that came up to the barrier.
  std::vector<wire::NoticeCode> NoticesUntilBarrier();
  bool AwaitClosed();

  std::uint64_t BootNs() const;

 private:
  static int OnNewSession(SSL* ssl, SSL_SESSION* session);

  const CloudTime booted_;
  PayloadCodec codec_;
  SslContextPtr context_;
  SslSessionPtr session_;
  SslPtr ssl_;
  int socket_ = -1;
  std::uint64_t frames_sent_ = 0;
  std::vector<std::byte> received_;
};

}  // namespace starling::cloud
