// Peers that take what is there for all: connections, handshakes, time.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "cloud/gateway/address_table.h"
#include "cloud/gateway/admission.h"
#include "common/frame/frame_writer.h"
#include "tests/cloud/gateway/gateway_fixture.h"

namespace starling::cloud {
namespace {

using log::Verdict;
using std::chrono::steady_clock;
using testing::ElementsAre;

// A TCP connection without TLS of its own.
class Raw {
 public:
  explicit Raw(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{20, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  ~Raw() { ::close(socket_); }
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;

  void Send(std::string_view bytes) { (void)!::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  bool AwaitClosed() {
    char bytes[4096];
    ssize_t count = 0;
    do {
      count = ::recv(socket_, bytes, sizeof(bytes), 0);
    } while (count > 0);
    return count == 0 || errno == ECONNRESET;
  }

 private:
  const int socket_;
};

class GatewayLimits : public GatewayFixture {
 protected:
  void SetUp() override {}
  void Start() {
    config_.threads = 1;
    StartGateway();
  }
  // The first flight of a real handshake.
  static std::string ClientHello() {
    const SslContextPtr context = MakeClientContext(Certificates().ca()).value();
    const Credentials credentials = CredentialsOf(1);
    const SslPtr ssl = MakeClientConnection(context.get(), credentials, "starling-cloud", nullptr).value();
    BIO* const out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), out);
    SSL_do_handshake(ssl.get());
    ERR_clear_error();
    char* text = nullptr;
    const long length = BIO_get_mem_data(out, &text);
    return {text, static_cast<std::size_t>(length)};
  }
  bool Eventually(const std::function<bool(const GatewayCounters&)>& done) const {
    const auto end = steady_clock::now() + seconds(15);
    while (!done(gateway_->counters())) {
      if (steady_clock::now() > end) return false;
      std::this_thread::sleep_for(milliseconds(2));
    }
    return true;
  }
};

// Each would have held the only slot.
TEST_F(GatewayLimits, ATlsHelloInPiecesTakesNoSlot) {
  config_.handshakes_max = 1;
  config_.handshake_slot_timeout = seconds(60);
  Start();
  const std::string hello = ClientHello();
  std::vector<std::unique_ptr<Raw>> slow;
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{5}, std::size_t{6}, hello.size() - 1}) {
    slow.push_back(std::make_unique<Raw>(gateway_->port()));
    slow.back()->Send(hello.substr(0, bytes));
  }
  TestVehicle vehicle;
  ASSERT_TRUE(ConnectAndIntroduce(&vehicle, 1));
  EXPECT_EQ(gateway_->counters().handshakes_failed, 0u);
}

TEST_F(GatewayLimits, ATlsHelloThatIsNeverWholeIsCut) {
  config_.handshake_timeout = seconds(1);
  Start();
  Raw slow(gateway_->port());
  slow.Send(ClientHello().substr(0, 100));
  EXPECT_TRUE(slow.AwaitClosed());
  EXPECT_EQ(gateway_->counters().handshakes_failed, 1u);
}

TEST_F(GatewayLimits, WhatIsNotTlsIsCutAtItsFirstByte) {
  config_.handshake_timeout = seconds(600);
  Start();
  for (const std::string& bytes : {std::string("GET / HTTP/1.1\r\n\r\n"), std::string("\x16\x02\x01\x00\x10", 5),
                                   std::string("\x16\x03\x01\x00\x00", 5), std::string("\x16\x03\x01\x7F\xFF", 5)}) {
    Raw raw(gateway_->port());
    raw.Send(bytes);
    EXPECT_TRUE(raw.AwaitClosed());
  }
}

// Two hellos whose senders then say nothing, on the only slot.
TEST_F(GatewayLimits, AHandshakeThatWaitsForItsPeerGivesItsSlotBack) {
  config_.handshakes_max = 1;
  config_.handshake_timeout = seconds(600);
  Start();
  const std::string hello = ClientHello();
  Raw first(gateway_->port()), second(gateway_->port());
  first.Send(hello);
  second.Send(hello);
  TestVehicle vehicle;
  const auto began = steady_clock::now();
  ASSERT_TRUE(ConnectAndIntroduce(&vehicle, 1));
  EXPECT_LT(steady_clock::now() - began, seconds(10));
  EXPECT_GE(gateway_->counters().handshakes_parked, 1u);
}

TEST_F(GatewayLimits, AHandshakeWithoutASlotGoesOnAndEndsInTime) {
  config_.handshake_timeout = seconds(1);
  Start();
  Raw stalled(gateway_->port());
  stalled.Send(ClientHello());
  EXPECT_TRUE(stalled.AwaitClosed());
  EXPECT_EQ(gateway_->counters().handshakes_parked, 1u);
  EXPECT_EQ(gateway_->counters().handshakes_failed, 1u);
}

TEST_F(GatewayLimits, HalfOpenConnectionsOverTheLimitCutTheOldest) {
  config_.half_open_max = 3;
  config_.handshake_timeout = seconds(600);
  Start();
  std::vector<std::unique_ptr<Raw>> mutes;
  for (int i = 0; i < 3; ++i) mutes.push_back(std::make_unique<Raw>(gateway_->port()));
  ASSERT_TRUE(Eventually([](const GatewayCounters& counters) { return counters.accepted == 3; }));
  mutes.push_back(std::make_unique<Raw>(gateway_->port()));
  EXPECT_TRUE(mutes.front()->AwaitClosed());
  EXPECT_EQ(gateway_->counters().half_open_cut, 1u);
  // A vehicle is half-open for the time of its hello, and then safe from newer ones.
  TestVehicle vehicle;
  ASSERT_TRUE(ConnectAndIntroduce(&vehicle, 1));
  for (int i = 0; i < 10; ++i) mutes.push_back(std::make_unique<Raw>(gateway_->port()));
  ASSERT_TRUE(Eventually([](const GatewayCounters& counters) { return counters.half_open_cut == 11; }));
  EXPECT_TRUE(vehicle.Barrier());
}

TEST_F(GatewayLimits, HandshakesOverTheRateWait) {
  config_.handshakes_per_second = 10;  // one at once
  Start();
  const auto began = steady_clock::now();
  for (std::size_t i = 1; i <= 4; ++i) {
    TestVehicle vehicle;
    ASSERT_TRUE(ConnectAndIntroduce(&vehicle, i));
  }
  EXPECT_GE(steady_clock::now() - began, milliseconds(250));
}

TEST_F(GatewayLimits, ConnectionsOfOneAddressOverTheLimitAreRefused) {
  config_.connections_per_address_max = 2;
  Start();
  TestVehicle first, second, third;
  ASSERT_TRUE(ConnectAndIntroduce(&first, 1));
  ASSERT_TRUE(ConnectAndIntroduce(&second, 2));
  EXPECT_FALSE(ConnectAndIntroduce(&third, 3));
  EXPECT_EQ(gateway_->counters().refused_address, 1u);
  second.Close();
  ASSERT_TRUE(Eventually([](const GatewayCounters& counters) { return counters.connections == 1; }));
  EXPECT_TRUE(Eventually([&](const GatewayCounters&) { return ConnectAndIntroduce(&third, 3); }));
}

TEST_F(GatewayLimits, AFrameInDribsIsCutThoughBytesComeAllTheTime) {
  config_.frame_timeout = seconds(1);
  Start();
  TestVehicle vehicle;
  ASSERT_TRUE(ConnectAndIntroduce(&vehicle, 1));
  PayloadCodec codec;
  std::vector<std::byte> frame;
  const std::vector<std::byte> payload(1000, std::byte{1});
  ASSERT_TRUE(AppendFrame(FrameType::kClockReport, payload, &codec, &frame).ok());
  std::thread sender([&] {
    for (int i = 0; i < 400 && gateway_->counters().connections > 0; ++i) {
      vehicle.SendBytes(std::span(frame).subspan(std::min<std::size_t>(static_cast<std::size_t>(i), frame.size() - 2), 1));
      std::this_thread::sleep_for(milliseconds(20));
    }
  });
  EXPECT_TRUE(Eventually([](const GatewayCounters& counters) { return counters.connections == 0; }));
  sender.join();
}

TEST_F(GatewayLimits, TwoWithOneCertificateDoNotReplaceEachOtherForEver) {
  config_.replacements_per_minute = 3;
  Start();
  TestVehicle a, b;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(ConnectAndIntroduce(&a, 1)) << i;
    ASSERT_TRUE(ConnectAndIntroduce(&b, 1)) << i;
  }
  EXPECT_FALSE(ConnectAndIntroduce(&a, 1));  // the fourth replacement
  EXPECT_TRUE(b.Barrier());                  // who was there stays
  EXPECT_FALSE(ConnectAndIntroduce(&a, 1));
  EXPECT_EQ(gateway_->counters().refused_twins, 2u);
  EXPECT_EQ(gateway_->counters().replaced_connections, 3u);
  TestVehicle other;
  EXPECT_TRUE(ConnectAndIntroduce(&other, 2));
  // A vehicle that was gone is no twin.
  b.Close();
  ASSERT_TRUE(Eventually([](const GatewayCounters& counters) { return counters.connections == 1; }));
  EXPECT_TRUE(ConnectAndIntroduce(&a, 1));
}

TEST_F(GatewayLimits, OverTheRateOfAllHistoryGivesWayFirstAndSessionsNever) {
  config_.admission.frames_per_second = 100;  // 50 at once
  Start();
  TestVehicle first, second;
  ASSERT_TRUE(ConnectAndIntroduce(&first, 1));
  for (std::uint64_t batch = 0; batch < 60; ++batch) first.SendHistory(1 + batch * 10, 10);
  const std::vector<wire::NoticeCode> notices = first.NoticesUntilBarrier();
  EXPECT_GT(notices.size(), 10u);
  EXPECT_THAT(notices, testing::Each(wire::NoticeCode::SlowHistory));
  const GatewayCounters counters = gateway_->counters();
  EXPECT_EQ(counters.turned_away[static_cast<std::size_t>(FrameClass::kHistory)], notices.size());
  EXPECT_EQ(Count(Verdict::Shed), notices.size());
  // Fixes of others pass while history is turned away, and statuses always.
  ASSERT_TRUE(ConnectAndIntroduce(&second, 2));
  second.SendFix(1);
  ASSERT_TRUE(second.Barrier());
  EXPECT_EQ(Telemetry(log::TelemetryBody::Fix).size(), 1u);
  ExpectOneVerdictEach({&first, &second});
}

TEST(Admission, TurnsAwayByClassAndRecovers) {
  AdmissionConfig config;
  config.frames_per_second = 200;  // 100 at once
  Admission admission(config);
  CloudTime now = CloudTimeFromNs(1'000'000'000'000);
  const auto admitted = [&](FrameClass of) {
    int count = 0;
    while (count < 1000 && admission.Admit(of, 10, 0, now)) ++count;
    return count;
  };
  EXPECT_EQ(admitted(FrameClass::kHistory), 50);
  EXPECT_EQ(admitted(FrameClass::kHistory), 0);
  EXPECT_EQ(admitted(FrameClass::kLive), 40);
  EXPECT_EQ(admitted(FrameClass::kLive), 0);
  EXPECT_EQ(admitted(FrameClass::kSession), 1000);  // never turned away, and owed
  now += seconds(5);
  EXPECT_EQ(admitted(FrameClass::kLive), 0);
  now += seconds(1);
  EXPECT_EQ(admitted(FrameClass::kLive), 90);
}

TEST(Admission, GivesWayByClassAsTheLogFallsBehind) {
  Admission admission(AdmissionConfig{});
  const CloudTime now = CloudTimeFromNs(1'000'000'000);
  const auto admitted = [&](double fill) {
    std::string classes;
    for (std::size_t of = 0; of < kFrameClasses; ++of) {
      classes += admission.Admit(static_cast<FrameClass>(of), 100, fill, now) ? '+' : '-';
    }
    return classes;
  };
  EXPECT_EQ(admitted(0.04), "++++");
  EXPECT_EQ(admitted(0.06), "+++-");  // history first,
  EXPECT_EQ(admitted(0.11), "++--");  // then fixes,
  EXPECT_EQ(admitted(0.21), "+---");  // then those of vehicles under command,
  EXPECT_EQ(admitted(1.0), "+---");   // and statuses never here.
}

TEST(Admission, CountsBytesToo) {
  AdmissionConfig config;
  config.bytes_per_second = 200'000;
  Admission admission(config);
  const CloudTime now = CloudTimeFromNs(1'000'000'000'000);
  EXPECT_TRUE(admission.Admit(FrameClass::kHistory, 40'000, 0, now));
  EXPECT_FALSE(admission.Admit(FrameClass::kHistory, 40'000, 0, now));
  EXPECT_TRUE(admission.Admit(FrameClass::kLive, 40'000, 0, now));
}

TEST(Addresses, OfOneIpv6NetworkAreOneSource) {
  const auto source = [](const char* text) { return AddressTable::SourceOf(boost::asio::ip::make_address(text)); };
  EXPECT_EQ(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff::9"));
  EXPECT_NE(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
  EXPECT_EQ(source("192.0.2.1"), source("::ffff:192.0.2.1"));
  EXPECT_NE(source("192.0.2.1"), source("192.0.2.2"));
}

TEST(Addresses, ASourceIsForgottenWhenNothingOfItIsLeft) {
  AddressTable table(2, 4);
  CloudTime now = CloudTimeFromNs(1'000'000'000'000);
  const auto source = [](int number) {
    return AddressTable::SourceOf(boost::asio::ip::address_v4(static_cast<std::uint32_t>(number)));
  };
  {
    const AddressTable::Place one = table.Enter(source(1), now);
    const AddressTable::Place two = table.Enter(source(1), now);
    EXPECT_TRUE(one && two);
    EXPECT_FALSE(table.Enter(source(1), now));   // two are open
  }
  EXPECT_TRUE(table.Enter(source(1), now));
  EXPECT_TRUE(table.Enter(source(1), now));
  EXPECT_FALSE(table.Enter(source(1), now));     // four within a second
  for (int i = 2; i < 1000; ++i) EXPECT_TRUE(table.Enter(source(i), now));
  EXPECT_EQ(table.sources(), 999u);
  now += seconds(2);
  const AddressTable::Place last = table.Enter(source(1), now);
  EXPECT_EQ(table.sources(), 1u);
}

TEST(GatewayConfigLimits, AreChecked) {
  const auto valid = [](auto change) {
    GatewayConfig config;
    change(&config);
    return config.Validate().ok();
  };
  EXPECT_FALSE(valid([](GatewayConfig* c) { c->coalesce = milliseconds(21); }));
  EXPECT_FALSE(valid([](GatewayConfig* c) { c->connections_per_address_max = 0; }));
  EXPECT_FALSE(valid([](GatewayConfig* c) { c->connections_per_address_and_second = 0; }));
  EXPECT_FALSE(valid([](GatewayConfig* c) { c->half_open_max = 0; }));
  EXPECT_FALSE(valid([](GatewayConfig* c) { c->handshakes_per_second = 1; }));
  EXPECT_FALSE(valid([](GatewayConfig* c) { c->frame_timeout = milliseconds(0); }));
  EXPECT_FALSE(valid([](GatewayConfig* c) { c->replacements_per_minute = 0; }));
  EXPECT_FALSE(valid([](GatewayConfig* c) { c->replacement_pause = milliseconds(-1); }));
  EXPECT_FALSE(valid([](GatewayConfig* c) { c->admission.frames_per_second = 0; }));
  EXPECT_FALSE(valid([](GatewayConfig* c) { c->admission.bytes_per_second = 0; }));
}

}  // namespace
}  // namespace starling::cloud
