// A vehicle that is given a new certificate while it drives.
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "edge/uplink/uplink.h"
#include "tests/edge/uplink/uplink_fixture.h"

namespace starling::edge {
namespace {

// As the uplink: so long gateways have to refuse a certificate.
constexpr seconds kRefusedFor{5};

// Answers whoever connects with what is no TLS.
class Babbler {
 public:
  Babbler(boost::asio::io_context* context, std::uint16_t port)
      : acceptor_(*context, {boost::asio::ip::address_v4::loopback(), port}) {
    Accept();
  }

 private:
  using Tcp = boost::asio::ip::tcp;

  void Accept() {
    acceptor_.async_accept([this](boost::system::error_code error, Tcp::socket socket) {
      if (error) return;
      boost::asio::write(socket, boost::asio::buffer("HTTP/1.1 400 Bad Request\r\n\r\n", 28), error);
      sockets_.push_back(std::move(socket));
      Accept();
    });
  }

  Tcp::acceptor acceptor_;
  std::vector<Tcp::socket> sockets_;
};

class RenewalTest : public UplinkTest {
 protected:
  static void SetUpTestSuite() {
    UplinkTest::SetUpTestSuite();
    renewed_ = Make(*ours_, *ours_, true);
    foreign_ = Make(*ours_, *theirs_, false);
    unbelieving_ = Make(*theirs_, *ours_, false);
    both_ = ours_->root / "both.pem";
    std::ofstream(both_) << std::ifstream(ours_->ca()).rdbuf() << std::ifstream(theirs_->ca()).rdbuf();
  }
  static void TearDownTestSuite() {
    renewed_ = foreign_ = unbelieving_ = nullptr;
    UplinkTest::TearDownTestSuite();
  }

  // `anew`: with a certificate that was not there before.
  static std::shared_ptr<const VehicleIdentity> Make(const CertificateFolder& believes, const CertificateFolder& shows,
                                                     bool anew) {
    const VehicleId vehicle = VehicleId::Parse("veh-00001").value();
    const std::filesystem::path kept = shows.root / "kept";
    if (anew) {
      std::filesystem::create_directory(kept);
      for (const auto& file : {shows.vehicle(vehicle), shows.vehicle_key(vehicle)}) {
        std::filesystem::rename(file, kept / file.filename());
      }
      cloud::FleetConfig config;
      config.vehicles = 1;
      EXPECT_TRUE(cloud::InitFleet(shows, config, CloudNow(), nullptr).ok());
    }
    auto identity = LoadIdentity({believes.ca(), shows.vehicle(vehicle), shows.vehicle_key(vehicle)});
    EXPECT_TRUE(identity.ok());
    if (anew) {
      for (const auto& file : {shows.vehicle(vehicle), shows.vehicle_key(vehicle)}) {
        std::filesystem::rename(kept / file.filename(), file);
      }
    }
    return identity.value();
  }

  void AwaitWelcome(std::uint64_t connects) {
    RunUntil([&] { return agent_->welcomed() && uplink_->counters().connects >= connects; });
  }
  void AwaitFailures(std::uint64_t failures) {
    RunUntil([&] { return uplink_->counters().failures >= failures; });
  }
  void ExpectAllDelivered() {
    ASSERT_TRUE(agent_->Flush().ok());
    uplink_->Pump();
    RunUntil([this] { return agent_->drained(); });
    EXPECT_EQ(agent_->ledger().delivered, driven_);
  }

  static inline std::shared_ptr<const VehicleIdentity> renewed_;
  static inline std::shared_ptr<const VehicleIdentity> foreign_;      // which the gateway does not believe
  static inline std::shared_ptr<const VehicleIdentity> unbelieving_;  // which does not believe the gateway
  static inline std::filesystem::path both_;                          // authorities
};

TEST_F(RenewalTest, TheGatewaySeesTheNewCertificateAndNothingIsLost) {
  Connect();
  Drive(150);
  uplink_->Renew(renewed_, seconds(0));
  Drive(50);
  AwaitWelcome(2);
  Drive(50);
  ExpectAllDelivered();
  EXPECT_EQ(uplink_->counters().connects, 2u);
  EXPECT_EQ(uplink_->counters().resumed, 0u);
  EXPECT_EQ(uplink_->counters().failures, 0u);
  EXPECT_EQ(uplink_->counters().renewals, 1u);
  ASSERT_EQ(gateway_.serials().size(), 2u);
  EXPECT_NE(gateway_.serials()[0], gateway_.serials()[1]);
}

TEST_F(RenewalTest, ASessionOfTheNewCertificateIsResumedAndOneOfTheOldIsNot) {
  Connect();
  uplink_->Renew(renewed_, seconds(0));
  AwaitWelcome(2);
  uplink_->Cut();
  AwaitWelcome(3);
  EXPECT_EQ(uplink_->counters().resumed, 1u);
  EXPECT_EQ(gateway_.serials()[2], gateway_.serials()[1]);
  EXPECT_NE(gateway_.serials()[2], gateway_.serials()[0]);
}

TEST_F(RenewalTest, ASessionThatWasKeptFromBeforeIsNotResumedEither) {
  Connect();
  uplink_->Cut();
  AwaitWelcome(2);
  ASSERT_EQ(uplink_->counters().resumed, 1u);
  uplink_->Renew(renewed_, seconds(0));
  AwaitWelcome(3);
  EXPECT_EQ(uplink_->counters().resumed, 1u);
  EXPECT_NE(gateway_.serials()[2], gateway_.serials()[1]);
}

TEST_F(RenewalTest, TheConnectionIsLeftAsItIsUntilTheDrawnMomentComes) {
  Connect();
  uplink_->Renew(renewed_, seconds(86'400));
  context_.run_for(std::chrono::milliseconds(200));
  EXPECT_TRUE(uplink_->connected());
  EXPECT_EQ(uplink_->counters().connects, 1u);
}

TEST_F(RenewalTest, AConnectionThatIsLostBeforeThatMomentComesBackWithTheNewCertificate) {
  Connect();
  uplink_->Renew(renewed_, seconds(86'400));
  uplink_->Cut();
  AwaitWelcome(2);
  EXPECT_EQ(uplink_->counters().resumed, 0u);
  EXPECT_NE(gateway_.serials()[1], gateway_.serials()[0]);
}

TEST_F(RenewalTest, WhoAvoidsSomebodyIsNotDisturbed) {
  Connect();
  SendCommand(wire::CommandKind::Avoidance);
  RunUntil([this] { return !actions_.empty(); });
  uplink_->Renew(renewed_, seconds(0));
  context_.run_for(std::chrono::milliseconds(700));
  EXPECT_EQ(uplink_->counters().connects, 1u);
  now_ += seconds(5);  // Its lease has ended.
  agent_->OnTimer(now_);
  AwaitWelcome(2);
  EXPECT_EQ(actions_.size(), 1u);
}

TEST_F(RenewalTest, ACommandIsNotActedOnTwiceOverTheChange) {
  Connect();
  SendSpeedAdvice();
  RunUntil([this] { return !actions_.empty(); });
  uplink_->Renew(renewed_, seconds(0));
  AwaitWelcome(2);
  SendSpeedAdvice();  // As the cloud sends what is open again.
  RunUntil([this] { return agent_->counters().commands_repeated == 1; });
  EXPECT_EQ(actions_.size(), 1u);
}

TEST_F(RenewalTest, ACertificateThatTheGatewayRefusesGivesWayToTheFormer) {
  Connect();
  Drive(50);
  uplink_->Renew(foreign_, seconds(0));
  AwaitFailures(2);
  EXPECT_EQ(uplink_->counters().renewals_refused, 0u);  // They came at once.
  now_ += kRefusedFor;
  RunUntil([this] { return uplink_->counters().renewals_refused == 1; });
  EXPECT_TRUE(agent_->welcomed());
  EXPECT_EQ(uplink_->counters().renewals, 0u);
  EXPECT_EQ(uplink_->renewal_failure(), "TLS: tlsv1 alert unknown ca");
  EXPECT_EQ(uplink_->identity(), nullptr);
  Drive(50);
  ExpectAllDelivered();

  // The next one is judged by itself.
  uplink_->Renew(renewed_, seconds(0));
  RunUntil([this] { return uplink_->counters().renewals == 1; });
  EXPECT_EQ(uplink_->identity(), renewed_);
  EXPECT_EQ(uplink_->renewal_failure(), "");
}

TEST_F(RenewalTest, AFileThatHasNothingOfTheFormerAuthoritiesGivesWayToIt) {
  Connect();
  uplink_->Renew(unbelieving_, seconds(0));
  AwaitFailures(2);
  EXPECT_EQ(uplink_->counters().renewals_refused, 0u);
  now_ += kRefusedFor;
  RunUntil([this] { return uplink_->counters().renewals_refused == 1; });
  EXPECT_EQ(uplink_->renewal_failure(),
            "TLS: the gateway's certificate is not believed: self-signed certificate in certificate chain");
  EXPECT_TRUE(agent_->welcomed());
}

// The gateway is whoever has the key of an authority that the vehicle has been told to forget.
TEST_F(RenewalTest, AnAuthorityThatWasTakenOutOfTheFileIsNeverBelievedAgain) {
  tls_ = MakeClientContext(both_).value();
  Connect();
  uplink_->Renew(unbelieving_, seconds(0));
  AwaitFailures(3);
  now_ += kRefusedFor;
  AwaitFailures(6);
  EXPECT_EQ(uplink_->counters().renewals_refused, 0u);
  EXPECT_EQ(uplink_->counters().connects, 1u);
  EXPECT_EQ(uplink_->counters().strangers, uplink_->counters().failures);
  EXPECT_EQ(uplink_->identity(), unbelieving_);

  // Nor by a detour over a file of neither: the one before is believed no more than it was.
  const CertificateFolder third = MakeFolder("third");
  const VehicleId vehicle = VehicleId::Parse("veh-00001").value();
  uplink_->Renew(LoadIdentity({third.ca(), third.vehicle(vehicle), third.vehicle_key(vehicle)}).value(), seconds(0));
  std::filesystem::remove_all(third.root);
  AwaitFailures(8);
  now_ += kRefusedFor;
  AwaitFailures(12);
  EXPECT_EQ(uplink_->counters().connects, 1u);
  EXPECT_FALSE(agent_->welcomed());
}

// What a gateway refuses after TLS is the vehicle's certificate: the gateway itself was believed.
TEST_F(RenewalTest, ARefusedCertificateGivesWayAndTheAuthoritiesDoNot) {
  tls_ = MakeClientContext(both_).value();
  Connect();
  uplink_->Renew(foreign_, seconds(0));  // Believes ours alone.
  AwaitFailures(2);
  now_ += kRefusedFor;
  RunUntil([this] { return uplink_->counters().renewals_refused == 1; });
  EXPECT_EQ(uplink_->identity(), nullptr);
  const std::uint64_t welcomed = uplink_->counters().connects;

  gateway_.StopListening();
  const FakeGateway stranger(&context_, *theirs_, gateway_.port());
  uplink_->Cut();
  RunUntil([this] { return uplink_->counters().strangers == 3; });
  EXPECT_EQ(uplink_->counters().connects, welcomed);
}

TEST_F(RenewalTest, WhoAnswersWithGarbageBringsNoFormerCertificateBack) {
  Connect();
  gateway_.StopListening();
  Babbler babbler(&context_, gateway_.port());
  uplink_->Renew(renewed_, seconds(0));
  AwaitFailures(3);
  now_ += kRefusedFor;
  AwaitFailures(6);
  EXPECT_EQ(uplink_->identity(), renewed_);
  EXPECT_EQ(uplink_->counters().renewals_refused, 0u);
}

TEST_F(RenewalTest, RefusalsBeforeAGatewayWasAwayAreNotCountedWithThoseAfter) {
  Connect();
  uplink_->Renew(foreign_, seconds(0));
  AwaitFailures(2);
  gateway_.StopListening();
  AwaitFailures(5);
  now_ += kRefusedFor;
  gateway_.ListenAgain();
  const std::uint64_t connects = uplink_->counters().connects;
  RunUntil([&] { return uplink_->counters().connects == connects + 3; });
  EXPECT_EQ(uplink_->identity(), foreign_);
  now_ += kRefusedFor;
  RunUntil([this] { return uplink_->counters().renewals_refused == 1; });
}

TEST_F(RenewalTest, OneOfTwoGatewaysMayBeAwayWhereTheOtherRefuses) {
  config_.others = {{"127.0.0.1", 1}};  // Nobody listens there.
  Connect();
  uplink_->Renew(foreign_, seconds(0));
  AwaitFailures(6);
  now_ += kRefusedFor;
  RunUntil([this] { return uplink_->counters().renewals_refused == 1; });
  EXPECT_TRUE(agent_->welcomed());
}

// A gateway that is away says nothing about a certificate.
TEST_F(RenewalTest, AGatewayThatIsAwayDoesNotSpeakAgainstTheNewCertificate) {
  Connect();
  gateway_.StopListening();
  uplink_->Renew(renewed_, seconds(0));
  RunUntil([this] { return uplink_->counters().failures == 5; });
  gateway_.ListenAgain();
  AwaitWelcome(2);
  EXPECT_EQ(uplink_->counters().renewals, 1u);
  EXPECT_NE(gateway_.serials()[1], gateway_.serials()[0]);
}

TEST_F(RenewalTest, AVehicleThatWasNeverWelcomedTakesTheNewCertificate) {
  MakeUplink(*theirs_);
  RunUntil([this] { return uplink_->counters().failures == 2; });
  uplink_->Renew(renewed_, seconds(0));
  AwaitWelcome(3);
  EXPECT_EQ(uplink_->counters().renewals, 1u);
}

TEST_F(RenewalTest, ARefusedOneThatIsReplacedBeforeItIsGivenUpIsForgotten) {
  Connect();
  uplink_->Renew(foreign_, seconds(0));
  RunUntil([this] { return uplink_->counters().failures == 1; });
  uplink_->Renew(renewed_, seconds(0));
  AwaitWelcome(2);
  EXPECT_EQ(uplink_->counters().renewals, 1u);
  EXPECT_EQ(uplink_->counters().renewals_refused, 0u);
}

TEST_F(RenewalTest, AStoppedUplinkStaysStopped) {
  Connect();
  uplink_->Renew(renewed_, milliseconds(50));
  uplink_->Stop();
  context_.run_for(std::chrono::milliseconds(200));
  EXPECT_FALSE(uplink_->connected());
  EXPECT_EQ(gateway_.accepted(), 1u);
}

}  // namespace
}  // namespace starling::edge
