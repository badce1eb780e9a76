// Who may connect, what a well-behaved vehicle sees, and how it ends.  The log is a
// mock; TLS and sockets are real.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/cloud/gateway/gateway_fixture.h"

namespace starling::cloud {
namespace {

using testing::ElementsAre;

class GatewayConnections : public GatewayFixture {
 protected:
  // A gateway refuses these credentials: not a frame comes back.
  void ExpectRefused(const Credentials* credentials) {
    TestVehicle vehicle;
    if (vehicle.Connect(gateway_->port(), Certificates().ca(), credentials)) {
      vehicle.SendHello();
      EXPECT_FALSE(vehicle.Receive());
    }
    vehicle.Close();
    gateway_->Drain(seconds(10));  // The alert is on its way before the gateway counts.
    EXPECT_EQ(gateway_->counters().handshakes_failed, 1u);
    EXPECT_EQ(gateway_->counters().frames_in, 0u);
  }
  static Credentials Make(const Authority& authority, const std::string& name, Validity validity) {
    PrivateKeyPtr key = MakeKey().value();
    X509Ptr certificate = authority.IssueVehicle(VehicleId::Parse(name).value(), key.get(), validity).value();
    return {std::move(certificate), std::move(key)};
  }
  static Validity Days(int from, int to) {
    return {CloudNow() + std::chrono::hours(24 * from), CloudNow() + std::chrono::hours(24 * to)};
  }
};

TEST_F(GatewayConnections, AVehicleIsWelcomedAndItsFixReachesTheLog) {
  TestVehicle vehicle;
  ASSERT_TRUE(Connect(&vehicle, 1));
  gateway_->SetEpoch(config_.region, Epoch{42});
  vehicle.SendHello();
  const auto welcome = vehicle.Receive();
  ASSERT_TRUE(welcome && welcome->type == FrameType::kWelcome);
  EXPECT_EQ(welcome->As<wire::Welcome>().epoch(), 42u);
  vehicle.SendClock();
  vehicle.SendFix(1);
  ASSERT_TRUE(vehicle.Barrier());
  EXPECT_THAT(Telemetry(log::TelemetryBody::Session), ElementsAre("veh-00001"));
  EXPECT_THAT(Telemetry(log::TelemetryBody::Fix), ElementsAre("veh-00001"));
  EXPECT_EQ(Count(log::Verdict::Accepted), 4u);  // hello, clock, fix, probe
  ExpectOneVerdictEach({&vehicle});
}

// A boot clock counts from 0; what the vehicle's wall clock says plays no part.
TEST_F(GatewayConnections, AVehicleWhoseClockSays1970IsTimedRightly) {
  TestVehicle vehicle(seconds(2));
  ASSERT_TRUE(ConnectAndIntroduce(&vehicle, 1));
  const CloudTime before = CloudNow();
  vehicle.SendFix(1);
  ASSERT_TRUE(vehicle.Barrier());
  ASSERT_EQ(Telemetry(log::TelemetryBody::Fix).size(), 1u);
  const auto records = log_.Records(Topic::kTelemetry);
  const auto* fix = log::GetTelemetry(records.back().words.data())->body_as_Fix();
  EXPECT_GE(fix->sample_time_ns(), ToNs(before - milliseconds(1)));
  EXPECT_LE(fix->sample_time_ns(), ToNs(CloudNow()));
  EXPECT_EQ(fix->length_cm(), 460);
}

TEST_F(GatewayConnections, WithoutACertificateThereIsNoConnection) { ExpectRefused(nullptr); }

TEST_F(GatewayConnections, ACertificateOfAnotherAuthorityIsRefused) {
  const Authority other = Authority::Create("other", Days(-1, 10)).value();
  const Credentials credentials = Make(other, "veh-00001", Days(-1, 10));
  ExpectRefused(&credentials);
}

TEST_F(GatewayConnections, AnExpiredCertificateIsRefused) {
  const Credentials credentials = Make(Authority::Load(Certificates()).value(), "veh-00001", Days(-3, -1));
  ExpectRefused(&credentials);
}

TEST_F(GatewayConnections, AServersCertificateIsNoVehicles) {
  const Credentials credentials = LoadCredentials(Certificates().server(), Certificates().server_key()).value();
  ExpectRefused(&credentials);
}

TEST_F(GatewayConnections, ASessionIsResumedAfterTheGatewayRestarted) {
  TestVehicle vehicle;
  ASSERT_TRUE(ConnectAndIntroduce(&vehicle, 1));
  EXPECT_FALSE(vehicle.resumed());
  const SslSessionPtr session = vehicle.TakeSession();
  ASSERT_NE(session, nullptr);
  StartGateway();
  ASSERT_TRUE(Connect(&vehicle, 1, session.get()));
  ASSERT_TRUE(vehicle.Introduce());
  EXPECT_TRUE(vehicle.resumed());
  EXPECT_EQ(gateway_->counters().handshakes_resumed, 1u);
  // Still the vehicle of the certificate.
  EXPECT_THAT(Telemetry(log::TelemetryBody::Session).back(), "veh-00001");
}

// Resumption skips the verification.  The ticket is real: a server with the same
// ticket key, which does not look at certificates, has issued it.
TEST_F(GatewayConnections, AnExpiredCertificateIsRefusedOnResumptionToo) {
  const Credentials credentials = Make(Authority::Load(Certificates()).value(), "veh-00001", Days(-3, -1));
  const SslContextPtr lax = MakeServerContext(Certificates()).value();
  SSL_CTX_set_cert_verify_callback(lax.get(), [](X509_STORE_CTX*, void*) { return 1; }, nullptr);
  const SslContextPtr client = MakeClientContext(Certificates().ca()).value();
  static SslSessionPtr session;
  SSL_CTX_set_session_cache_mode(client.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(client.get(), [](SSL*, SSL_SESSION* issued) { return session.reset(issued), 1; });
  int sockets[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets), 0);
  {
    const SslPtr server_end(SSL_new(lax.get()));
    const SslPtr client_end = MakeClientConnection(client.get(), credentials, "starling-cloud", nullptr).value();
    SSL_set_fd(server_end.get(), sockets[0]);
    SSL_set_fd(client_end.get(), sockets[1]);
    SSL_set_accept_state(server_end.get());
    for (int i = 0; i < 4; ++i) {
      SSL_do_handshake(client_end.get());
      SSL_do_handshake(server_end.get());
    }
    char byte = 0;
    SSL_read(client_end.get(), &byte, 1);  // Takes the ticket; there is nothing else.
    SSL_set_shutdown(client_end.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  }
  ::close(sockets[0]);
  ::close(sockets[1]);
  ASSERT_NE(session, nullptr);

  TestVehicle vehicle;
  ASSERT_TRUE(vehicle.Connect(gateway_->port(), Certificates().ca(), &credentials, session.get()));
  EXPECT_TRUE(vehicle.resumed());
  vehicle.SendHello();
  EXPECT_FALSE(vehicle.Receive());
  EXPECT_EQ(gateway_->counters().handshakes_failed, 1u);
  session.reset();
}

TEST_F(GatewayConnections, ANewerConnectionReplacesTheOlderOne) {
  TestVehicle older, newer;
  ASSERT_TRUE(ConnectAndIntroduce(&older, 1));
  ASSERT_TRUE(ConnectAndIntroduce(&newer, 1));
  EXPECT_TRUE(older.AwaitClosed());
  newer.SendFix(1);
  ASSERT_TRUE(newer.Barrier());
  EXPECT_EQ(gateway_->counters().connections, 1u);
  EXPECT_EQ(gateway_->counters().replaced_connections, 1u);
  EXPECT_EQ(Telemetry(log::TelemetryBody::Fix).size(), 1u);
  // Said twice that it is there, never that it is gone.
  EXPECT_EQ(Telemetry(log::TelemetryBody::Session).size(), 2u);
}

TEST_F(GatewayConnections, CommandsReachTheirVehicleAndAreStamped) {
  TestVehicle first, second;
  ASSERT_TRUE(ConnectAndIntroduce(&first, 1));
  ASSERT_TRUE(ConnectAndIntroduce(&second, 2));
  const auto command = [](std::uint64_t id, std::size_t vehicle) {
    flatbuffers::FlatBufferBuilder builder;
    builder.ForceDefaults(true);
    wire::CommandBuilder fields(builder);
    fields.add_command_id(id);
    fields.add_emitted_time_ns(0);
    builder.Finish(fields.Finish());
    const auto bytes = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
    return ShardOutputs::Command{Name(vehicle), {bytes.begin(), bytes.end()}};
  };
  const CloudTime before = CloudNow();
  gateway_->Deliver(std::vector{command(11, 1), command(22, 2), command(33, 3), command(12, 1)});
  const auto received = [](TestVehicle* vehicle) {
    const auto frame = vehicle->Receive(FrameType::kCommand);
    return frame ? frame->As<wire::Command>().command_id() : 0;
  };
  const auto stamped = first.Receive(FrameType::kCommand);
  ASSERT_TRUE(stamped);
  EXPECT_EQ(stamped->As<wire::Command>().command_id(), 11u);
  EXPECT_GE(stamped->As<wire::Command>().emitted_time_ns(), ToNs(before));
  EXPECT_EQ(received(&first), 12u);
  EXPECT_EQ(received(&second), 22u);
  EXPECT_TRUE(first.Barrier() && second.Barrier());
  EXPECT_EQ(gateway_->counters().commands_sent, 3u);
  EXPECT_EQ(gateway_->counters().commands_unroutable, 1u);  // vehicle 3 is not there
}

// The vehicle's clock is the cloud's but for its offset, which it has reported.
TEST_F(GatewayConnections, TimesTheLegsThatItSees) {
  TestVehicle vehicle;
  ASSERT_TRUE(ConnectAndIntroduce(&vehicle, 1));
  vehicle.SendFix(1, milliseconds(-300));
  ASSERT_TRUE(vehicle.Barrier());
  const HistogramCounts uplink = gateway_->latencies().uplink;
  EXPECT_EQ(uplink.count(), 1u);
  EXPECT_GE(uplink.Quantile(1), milliseconds(300));

  const CloudTime issued = CloudNow() - milliseconds(40);
  for (const std::uint64_t id : {1001u, 1002u}) {  // As SendReport numbers them.
    flatbuffers::FlatBufferBuilder builder;
    builder.ForceDefaults(true);
    wire::CommandBuilder fields(builder);
    fields.add_command_id(id);
    fields.add_issued_time_ns(ToNs(issued));
    fields.add_emitted_time_ns(0);
    builder.Finish(fields.Finish());
    const auto bytes = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
    gateway_->Deliver(std::vector{ShardOutputs::Command{Name(1), {bytes.begin(), bytes.end()}}});
    ASSERT_TRUE(vehicle.Receive(FrameType::kCommand));
  }
  const CloudTime before = CloudNow();
  while (CloudNow() < before + milliseconds(20)) {
  }
  vehicle.SendReport(1, 3);  // Of the third one nobody knows when it was sent.
  ASSERT_TRUE(vehicle.Barrier());
  const GatewayLatencies latencies = gateway_->latencies();
  EXPECT_EQ(latencies.dispatch.count(), 2u);
  EXPECT_GE(latencies.dispatch.Quantile(0), milliseconds(40));
  EXPECT_EQ(latencies.delivery.count(), 2u);
  EXPECT_GE(latencies.delivery.Quantile(0), milliseconds(20));
  EXPECT_EQ(latencies.acknowledgement.count(), 2u);
  EXPECT_GE(latencies.acknowledgement.sum_ns, latencies.delivery.sum_ns);
  EXPECT_EQ(gateway_->counters().deliveries_untimed, 1u);
}

TEST_F(GatewayConnections, CountsTheBytesOfItsSocketsWithTls) {
  {
    TestVehicle vehicle;
    ASSERT_TRUE(ConnectAndIntroduce(&vehicle, 1));
    vehicle.SendHistory(1, 100);
    ASSERT_TRUE(vehicle.Barrier());
  }
  for (int i = 0; i < 10'000 && gateway_->counters().connections != 0; ++i) ::usleep(1'000);
  const GatewayCounters counters = gateway_->counters();
  EXPECT_GT(counters.wire_bytes_in, counters.bytes_in + 1'000);  // The handshake, with a certificate.
  EXPECT_GT(counters.wire_bytes_out, counters.bytes_out + 500);
  EXPECT_LT(counters.wire_bytes_in, counters.bytes_in + 10'000);
}

TEST_F(GatewayConnections, ConnectionsOverTheLimitAreRefused) {
  config_.connections_max = 1;
  StartGateway();
  TestVehicle first, second;
  ASSERT_TRUE(ConnectAndIntroduce(&first, 1));
  EXPECT_FALSE(Connect(&second, 2));
  EXPECT_EQ(gateway_->counters().refused_connections, 1u);
  EXPECT_TRUE(first.Barrier());
}

// A TCP connection that says at most one byte.
class Mute {
 public:
  explicit Mute(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{20, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  ~Mute() { ::close(socket_); }
  Mute(const Mute&) = delete;
  Mute& operator=(const Mute&) = delete;

  // The first byte of a TLS handshake.
  void SendByte() { EXPECT_EQ(::send(socket_, "\x16", 1, MSG_NOSIGNAL), 1); }
  // Cut by the other side, and not our patience.
  bool AwaitClosed() {
    char byte = 0;
    const ssize_t count = ::recv(socket_, &byte, 1, 0);
    return count == 0 || (count < 0 && errno == ECONNRESET);
  }

 private:
  const int socket_;
};

TEST_F(GatewayConnections, TwoHundredSilentOnesStopNoVehicle) {
  config_.handshake_timeout = seconds(600);  // They are there to stay.
  StartGateway();
  std::vector<std::unique_ptr<Mute>> mutes;
  for (int i = 0; i < 200; ++i) mutes.push_back(std::make_unique<Mute>(gateway_->port()));
  TestVehicle vehicle;
  ASSERT_TRUE(ConnectAndIntroduce(&vehicle, 1));
  EXPECT_EQ(gateway_->counters().accepted, 201u);
  EXPECT_EQ(gateway_->counters().handshakes_failed, 0u);
  gateway_.reset();  // With all their waits pending.
  EXPECT_TRUE(mutes.back()->AwaitClosed());
}

TEST_F(GatewayConnections, WhoNeverSaysAByteIsCutAndCounted) {
  config_.handshake_timeout = seconds(1);
  StartGateway();
  Mute mute(gateway_->port());
  EXPECT_TRUE(mute.AwaitClosed());
  EXPECT_EQ(gateway_->counters().handshakes_failed, 1u);
}

// The one slot is held for longer than a silent connection may stay.
TEST_F(GatewayConnections, AHandshakeThatStallsLosesItsSlotAndWhoWaitedForItConnects) {
  config_.threads = 1;
  config_.handshakes_max = 1;
  config_.handshake_timeout = seconds(1);
  config_.handshake_slot_timeout = seconds(3);
  StartGateway();
  Mute mute(gateway_->port());
  mute.SendByte();
  TestVehicle vehicle;
  ASSERT_TRUE(ConnectAndIntroduce(&vehicle, 1));
  EXPECT_TRUE(mute.AwaitClosed());
  EXPECT_EQ(gateway_->counters().handshakes_failed, 1u);
}

TEST_F(GatewayConnections, ATakenPortIsAnErrorThatNamesIt) {
  GatewayConfig config = config_;
  config.port = gateway_->port();
  Gateway second(config, &log_, &ledger_);
  const Status status = second.Start(Certificates());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kUnavailable);
  EXPECT_NE(status.message().find(std::to_string(config.port)), std::string::npos);
}

TEST_F(GatewayConnections, DrainSaysSoFlushesWhatIsDueAndCloses) {
  TestVehicle vehicle;
  ASSERT_TRUE(ConnectAndIntroduce(&vehicle, 1));
  vehicle.SendHistory(1, 10);
  ASSERT_TRUE(vehicle.Barrier());
  log_.MakeDurable();
  gateway_->Drain(seconds(10));
  std::vector<FrameType> seen;
  while (auto frame = vehicle.Receive()) seen.push_back(frame->type);
  EXPECT_THAT(seen, testing::UnorderedElementsAre(FrameType::kNotice, FrameType::kHistoryAck));
  EXPECT_EQ(gateway_->counters().connections, 0u);
  EXPECT_EQ(Telemetry(log::TelemetryBody::Session).size(), 2u);  // there, and gone
  TestVehicle late;
  EXPECT_FALSE(Connect(&late, 2));
}

TEST_F(GatewayConnections, DrainGivesUpWaitingForALogThatIsStuck) {
  TestVehicle vehicle;
  ASSERT_TRUE(ConnectAndIntroduce(&vehicle, 1));
  vehicle.SendHistory(1, 10);
  ASSERT_TRUE(vehicle.Barrier());
  gateway_->Drain(milliseconds(1));
  EXPECT_FALSE(vehicle.Receive(FrameType::kHistoryAck));
}

TEST(GatewayConfigTest, EachLimitIsChecked) {
  const auto valid = [](auto change) {
    GatewayConfig config;
    change(&config);
    return config.Validate().ok();
  };
  EXPECT_TRUE(valid([](GatewayConfig*) {}));
  EXPECT_FALSE(valid([](GatewayConfig* c) { c->threads = 0; }));
  EXPECT_FALSE(valid([](GatewayConfig* c) { c->fixes_per_second = 0; }));
  EXPECT_FALSE(valid([](GatewayConfig* c) { c->fixes_per_second = 1001; }));
  EXPECT_FALSE(valid([](GatewayConfig* c) { c->bytes_per_second = 0; }));
  EXPECT_FALSE(valid([](GatewayConfig* c) { c->bytes_burst = 64 << 10; }));
  EXPECT_FALSE(valid([](GatewayConfig* c) { c->statuses_per_second = 0; }));
  EXPECT_FALSE(valid([](GatewayConfig* c) { c->statuses_burst = 255; }));
  EXPECT_FALSE(valid([](GatewayConfig* c) { c->idle_timeout = milliseconds(100); }));
  EXPECT_FALSE(valid([](GatewayConfig* c) { c->handshakes_max = 0; }));
  EXPECT_FALSE(valid([](GatewayConfig* c) { c->handshake_slot_timeout = milliseconds(0); }));
  EXPECT_FALSE(valid([](GatewayConfig* c) { c->jump_speed_mps = 0; }));
}

}  // namespace
}  // namespace starling::cloud
