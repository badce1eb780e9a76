#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/frame/frame_reader.h"
#include "common/frame/payload_codec.h"
#include "common/tls/tls_context.h"
#include "schemas/cloud_to_edge/downlink_generated.h"
#include "schemas/edge_to_cloud/uplink_generated.h"

namespace starling::edge {

// The least that an uplink can talk to: welcomes, acknowledges, counts.  On the
// io_context of the uplink, so that a test is one thread and needs no waiting.
class FakeGateway {
 public:
  // Listens on `port` of 127.0.0.1; 0: a free one.
  FakeGateway(boost::asio::io_context* context, const CertificateFolder& certificates, std::uint16_t port = 0);
  ~FakeGateway() { StopListening(); Drop(); }

  std::uint16_t port() const { return port_; }

  void StopListening();
  void ListenAgain();
  // Ends all connections without a word, as kill -9 does.
  void Drop();
  // While false nothing is read, and what was sent to us stays in the kernel.
  void SetReading(bool reading);
  // While false connections are not accepted; the kernel takes them.
  void SetAccepting(bool accepting) { accepting_ = accepting; }

  // While true it reads, but says nothing.
  void SetSilent(bool silent) { silent_ = silent; }

  // While false reports on commands come and are not acknowledged.
  void SetAcknowledgingReports(bool acknowledging) { acknowledging_reports_ = acknowledging; }

  // What it asks for from now on, in Welcome and with each clock reply.
  void SetReconnectSpread(milliseconds spread) { reconnect_spread_ms_ = static_cast<std::uint32_t>(spread.count()); }

  // A finished wire::Command.
  void SendCommand(const flatbuffers::FlatBufferBuilder& command);
  void SendGarbage();

  // Frames of a type that came, over all connections.
  std::size_t frames(FrameType type) const;
  std::uint32_t last_live_sequence() const { return last_live_sequence_; }
  const std::vector<wire::CommandOutcome>& outcomes() const { return outcomes_; }
  std::uint64_t boot_id() const { return boot_id_; }  // of the newest Hello
  std::size_t accepted() const { return accepted_; }
  std::size_t resumed() const { return resumed_; }
  // The serial number of the certificate of each connection, resumed ones included.
  const std::vector<std::string>& serials() const { return serials_; }

 private:
  using Tcp = boost::asio::ip::tcp;
  struct Session;

  void Accept();
  void NoteCertificate(const SSL* ssl);
  void OnFrame(Session* session, const FrameView& frame);
  void Send(Session* session, FrameType type, const flatbuffers::FlatBufferBuilder& builder);

  boost::asio::io_context* const context_;
  boost::asio::ssl::context tls_;
  Tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  bool accepting_ = true;
  bool reading_ = true;
  bool silent_ = false;
  bool acknowledging_reports_ = true;
  std::uint32_t reconnect_spread_ms_ = 0;
  PayloadCodec codec_;
  std::vector<std::shared_ptr<Session>> sessions_;
  std::map<FrameType, std::size_t> frames_;
  std::uint32_t last_live_sequence_ = 0;
  std::uint64_t boot_id_ = 0;
  std::vector<wire::CommandOutcome> outcomes_;
  std::size_t accepted_ = 0;
  std::size_t resumed_ = 0;
  std::vector<std::string> serials_;
};

}  // namespace starling::edge
