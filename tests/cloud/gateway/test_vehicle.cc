#include "tests/cloud/gateway/test_vehicle.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "common/frame/frame_reader.h"
#include "common/frame/frame_writer.h"
#include "common/telemetry/history_writer.h"

namespace starling::cloud {
namespace {

std::span<const std::byte> Bytes(const flatbuffers::FlatBufferBuilder& builder) {
  return std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
}

}  // namespace

TestVehicle::TestVehicle(nanoseconds booted_ago) : booted_(CloudNow() - booted_ago) {}

TestVehicle::~TestVehicle() { Close(); }

int TestVehicle::OnNewSession(SSL* ssl, SSL_SESSION* session) {
  static_cast<TestVehicle*>(SSL_get_app_data(ssl))->session_.reset(session);
  return 1;
}

bool TestVehicle::Connect(std::uint16_t port, const std::filesystem::path& ca, const Credentials* credentials,
                          SSL_SESSION* session) {
  Close();
  Result<SslContextPtr> context = MakeClientContext(ca);
  if (!context.ok()) return false;
  context_ = std::move(context).value();
  SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context_.get(), &TestVehicle::OnNewSession);
  if (credentials != nullptr) {
    Result<SslPtr> ssl = MakeClientConnection(context_.get(), *credentials, "starling-cloud", session);
    if (!ssl.ok()) return false;
    ssl_ = std::move(ssl).value();
  } else {
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_connect_state(ssl_.get());
  }
  SSL_set_app_data(ssl_.get(), this);
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{20, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return false;
  SSL_set_fd(ssl_.get(), socket_);
  ERR_clear_error();
  return SSL_do_handshake(ssl_.get()) == 1;
}

std::string TestVehicle::PeerSerial() const {
  const ASN1_INTEGER* const serial = X509_get0_serialNumber(SSL_get0_peer_certificate(ssl_.get()));
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(serial)),
          static_cast<std::size_t>(ASN1_STRING_length(serial))};
}

SslSessionPtr TestVehicle::AwaitSession() {
  for (int i = 0; i < 1'000 && session_ == nullptr && Barrier(); ++i) ::usleep(20'000);
  return TakeSession();
}

void TestVehicle::Close() {
  if (ssl_ != nullptr) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  ssl_.reset();
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
  received_.clear();
}

void TestVehicle::SendBytes(std::span<const std::byte> bytes) {
  ++frames_sent_;
  while (!bytes.empty()) {
    ERR_clear_error();
    const int count = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
    if (count <= 0) return;  // The other side has closed; the test will see.
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

void TestVehicle::SendPayload(FrameType type, std::span<const std::byte> payload) {
  std::vector<std::byte> frame;
  (void)AppendFrame(type, payload, &codec_, &frame);
  SendBytes(frame);
}

void TestVehicle::SendHello(std::uint64_t boot) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(wire::CreateHello(builder, boot, BootNs(), builder.CreateString("test"), 460, 180, 0, 0));
  SendPayload(FrameType::kHello, Bytes(builder));
}

void TestVehicle::SendProbe() {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(wire::CreateClockProbe(builder, BootNs()));
  SendPayload(FrameType::kClockProbe, Bytes(builder));
}

void TestVehicle::SendClock(nanoseconds error) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(wire::CreateClockReport(builder, BootNs(), ToNs(booted_) + error.count(), 1'000'000));
  SendPayload(FrameType::kClockReport, Bytes(builder));
}

void TestVehicle::SendFix(std::uint32_t sequence, nanoseconds ahead, double north_m) {
  flatbuffers::FlatBufferBuilder builder;
  const wire::Fix fix(BootNs() + static_cast<std::uint64_t>(ahead.count()), sequence,
                      static_cast<std::int32_t>(north_m / 0.0111), 0, 0, 1000, 0, 0, 10, wire::Intent::Idle);
  builder.Finish(wire::CreateLive(builder, &fix));
  SendPayload(FrameType::kLive, Bytes(builder));
}

void TestVehicle::SendHistory(std::uint64_t first_sequence, std::uint16_t count, std::uint64_t boot) {
  std::vector<wire::Fix> fixes;
  for (std::uint16_t i = 0; i < count; ++i) {
    fixes.emplace_back(1'000'000'000ull + 100'000'000ull * i, static_cast<std::uint32_t>(first_sequence + i), 0, 0, 0,
                       1000, 0, 0, 10, wire::Intent::Idle);
  }
  std::vector<std::byte> columns;
  WriteHistoryColumns(fixes, &columns);
  flatbuffers::FlatBufferBuilder builder;
  const auto vector =
      builder.CreateVector(reinterpret_cast<const std::uint8_t*>(columns.data()), columns.size());
  builder.Finish(wire::CreateHistory(builder, boot, first_sequence, count, vector));
  SendPayload(FrameType::kHistory, Bytes(builder));
}

void TestVehicle::SendReport(std::uint32_t first_report, std::uint32_t last_report, std::uint64_t boot) {
  std::vector<wire::CommandStatus> statuses;
  for (std::uint32_t report = first_report; report <= last_report; ++report) {
    statuses.emplace_back(1000 + report, report, 1, BootNs(), report, 0, wire::CommandOutcome::Applied,
                          wire::RejectReason::None);
  }
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(wire::CreateCommandReport(builder, boot, builder.CreateVectorOfStructs(statuses)));
  SendPayload(FrameType::kCommandReport, Bytes(builder));
}

bool TestVehicle::Introduce(std::uint64_t boot) {
  SendHello(boot);
  if (!Receive(FrameType::kWelcome)) return false;
  SendClock();
  return Barrier();
}

std::optional<TestVehicle::Frame> TestVehicle::Receive() {
  for (;;) {
    const auto parsed = ParseFrame(received_);
    if (!parsed.ok()) return std::nullopt;
    if (parsed.value()) {
      const FrameView& view = *parsed.value();
      const auto payload = codec_.Decode(view);
      if (!payload.ok()) return std::nullopt;
      Frame frame{view.type, std::vector<std::uint64_t>((payload.value().size() + 7) / 8)};
      std::memcpy(frame.words.data(), payload.value().data(), payload.value().size());
      received_.erase(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>(view.bytes));
      return frame;
    }
    std::array<std::byte, 16384> bytes;
    ERR_clear_error();
    const int count = SSL_read(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
    if (count <= 0) return std::nullopt;
    received_.insert(received_.end(), bytes.begin(), bytes.begin() + count);
  }
}

std::optional<TestVehicle::Frame> TestVehicle::Receive(FrameType type) {
  for (;;) {
    auto frame = Receive();
    if (!frame || frame->type == type) return frame;
  }
}

bool TestVehicle::Barrier() {
  SendProbe();
  return Receive(FrameType::kClockReply).has_value();
}

std::vector<wire::NoticeCode> TestVehicle::NoticesUntilBarrier() {
  std::vector<wire::NoticeCode> notices;
  SendProbe();
  while (auto frame = Receive()) {
    if (frame->type == FrameType::kClockReply) break;
    if (frame->type == FrameType::kNotice) notices.push_back(frame->As<wire::Notice>().code());
  }
  return notices;
}

bool TestVehicle::AwaitClosed() {
  while (Receive()) {
  }
  // A patience that ran out is not an end.
  const int error = SSL_get_error(ssl_.get(), -1);
  return error != SSL_ERROR_WANT_READ;
}

std::uint64_t TestVehicle::BootNs() const {
  return static_cast<std::uint64_t>((CloudNow() - booted_).count());
}

}  // namespace starling::cloud
