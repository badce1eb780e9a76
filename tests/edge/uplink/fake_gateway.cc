#include "tests/edge/uplink/fake_gateway.h"

#include <array>
#include <boost/asio/write.hpp>
#include <utility>

#include "common/check.h"
#include "common/frame/frame_writer.h"

namespace starling::edge {

using boost::system::error_code;

// Of a vehicle that was switched on at the beginning of 2026.
constexpr std::int64_t kCloudMinusBootNs = 1'767'225'600'000'000'000;

struct FakeGateway::Session : std::enable_shared_from_this<FakeGateway::Session> {
  Session(FakeGateway* the_owner, Tcp::socket socket)
      : owner(the_owner), stream(std::move(socket), the_owner->tls_) {}

  void Handshake() {
    stream.async_handshake(boost::asio::ssl::stream_base::server,
                           [self = shared_from_this()](error_code error) {
                             if (error || self->owner == nullptr) return self->Close();
                             if (SSL_session_reused(self->stream.native_handle()) == 1) {
                               ++self->owner->resumed_;
                             }
                             self->owner->NoteCertificate(self->stream.native_handle());
                             self->Read();
                           });
  }

  void Read() {
    if (owner == nullptr || !owner->reading_ || std::exchange(under_way, true)) return;
    stream.async_read_some(boost::asio::buffer(buffer), [self = shared_from_this()](
                                                            error_code error, std::size_t count) {
      self->under_way = false;
      if (error || self->owner == nullptr) return self->Close();
      self->Take(count);
      self->Read();
    });
  }

  void Take(std::size_t count) {
    bytes.insert(bytes.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(count));
    for (;;) {
      const auto frame = ParseFrame(bytes);
      STARLING_CHECK(frame.ok());
      if (!frame.value()) return;
      owner->OnFrame(this, *frame.value());
      bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(frame.value()->bytes));
    }
  }

  void Write(const std::vector<std::byte>& data) {
    error_code error;
    boost::asio::write(stream, boost::asio::buffer(data), error);
  }

  void Close() {
    owner = nullptr;
    error_code ignored;
    stream.next_layer().close(ignored);
  }

  FakeGateway* owner;  // null once closed
  boost::asio::ssl::stream<Tcp::socket> stream;
  std::array<std::byte, 4096> buffer{};
  std::vector<std::byte> bytes;
  bool under_way = false;
};

FakeGateway::FakeGateway(boost::asio::io_context* context, const CertificateFolder& certificates, std::uint16_t port)
    : context_(context), tls_(MakeServerContext(certificates).value().release()), acceptor_(*context), port_(port) {
  ListenAgain();
}

void FakeGateway::ListenAgain() {
  acceptor_.open(Tcp::v4());
  acceptor_.set_option(Tcp::acceptor::reuse_address(true));
  // Small, so that a gateway that does not read is felt soon.
  acceptor_.set_option(boost::asio::socket_base::receive_buffer_size(4096));
  acceptor_.bind({boost::asio::ip::address_v4::loopback(), port_});
  acceptor_.listen();
  port_ = acceptor_.local_endpoint().port();
  Accept();
}

void FakeGateway::Accept() {
  acceptor_.async_accept([this](error_code error, Tcp::socket socket) {
    if (error) return;
    socket.set_option(Tcp::no_delay(true));
    ++accepted_;
    sessions_.push_back(std::make_shared<Session>(this, std::move(socket)));
    if (accepting_) sessions_.back()->Handshake();
    Accept();
  });
}

void FakeGateway::NoteCertificate(const SSL* ssl) {
  const X509* const certificate = SSL_get0_peer_certificate(ssl);
  const ASN1_INTEGER* const number = X509_get0_serialNumber(certificate);
  serials_.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(number)),
                        static_cast<std::size_t>(ASN1_STRING_length(number)));
}

void FakeGateway::StopListening() {
  error_code ignored;
  acceptor_.close(ignored);
}

void FakeGateway::Drop() {
  for (const auto& session : std::exchange(sessions_, {})) session->Close();
}

void FakeGateway::SetReading(bool reading) {
  reading_ = reading;
  for (const auto& session : sessions_) session->Read();
}

std::size_t FakeGateway::frames(FrameType type) const {
  const auto found = frames_.find(type);
  return found == frames_.end() ? 0 : found->second;
}

void FakeGateway::Send(Session* session, FrameType type,
                       const flatbuffers::FlatBufferBuilder& builder) {
  if (silent_) return;
  std::vector<std::byte> stream;
  STARLING_CHECK(AppendFrame(type,
                             std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize())),
                             &codec_, &stream)
                     .ok());
  session->Write(stream);
}

void FakeGateway::SendCommand(const flatbuffers::FlatBufferBuilder& command) {
  Send(sessions_.back().get(), FrameType::kCommand, command);
}

void FakeGateway::SendGarbage() {
  sessions_.back()->Write(std::vector<std::byte>(64, std::byte{0x5A}));
}

void FakeGateway::OnFrame(Session* session, const FrameView& frame) {
  ++frames_[frame.type];
  const auto payload = codec_.Decode(frame);
  STARLING_CHECK(payload.ok());
  flatbuffers::FlatBufferBuilder builder;
  switch (frame.type) {
    case FrameType::kHello:
      boot_id_ = flatbuffers::GetRoot<wire::Hello>(payload.value().data())->boot_id();
      builder.Finish(wire::CreateWelcome(builder, 1'000'000'000, 0, 1, 377'209'977, -1'224'723'053, 0, 0,
                                         reconnect_spread_ms_));
      return Send(session, FrameType::kWelcome, builder);
    case FrameType::kClockProbe: {
      const auto sent = flatbuffers::GetRoot<wire::ClockProbe>(payload.value().data())->boot_time_ns();
      const auto cloud = kCloudMinusBootNs + static_cast<std::int64_t>(sent);
      builder.Finish(wire::CreateClockReply(builder, sent, cloud, cloud, reconnect_spread_ms_));
      return Send(session, FrameType::kClockReply, builder);
    }
    case FrameType::kLive:
      last_live_sequence_ = flatbuffers::GetRoot<wire::Live>(payload.value().data())->fix()->sequence();
      return;
    case FrameType::kHistory: {
      const auto* history = flatbuffers::GetRoot<wire::History>(payload.value().data());
      builder.Finish(wire::CreateHistoryAck(builder, history->boot_id(), history->first_sequence(),
                                            history->first_sequence() + history->count() - 1));
      return Send(session, FrameType::kHistoryAck, builder);
    }
    case FrameType::kCommandReport: {
      const auto* report = flatbuffers::GetRoot<wire::CommandReport>(payload.value().data());
      std::uint32_t through = 0;
      for (const auto* status : *report->statuses()) {
        outcomes_.push_back(status->outcome());
        through = status->report_sequence();
      }
      if (!acknowledging_reports_) return;
      builder.Finish(wire::CreateStatusAck(builder, report->boot_id(), through));
      return Send(session, FrameType::kStatusAck, builder);
    }
    default:
      return;
  }
}

}  // namespace starling::edge
