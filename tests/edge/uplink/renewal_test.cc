// A vehicle that is given a new certificate while it drives.
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "edge/uplink/uplink.h"
#include "tests/edge/uplink/uplink_fixture.h"

namespace starling::edge {
namespace {

class RenewalTest : public UplinkTest {
 protected:
  static void SetUpTestSuite() {
    UplinkTest::SetUpTestSuite();
    renewed_ = Make(*ours_, *ours_, true);
    foreign_ = Make(*ours_, *theirs_, false);
    unbelieving_ = Make(*theirs_, *ours_, false);
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
  void ExpectAllDelivered() {
    ASSERT_TRUE(agent_->Flush().ok());
    uplink_->Pump();
    RunUntil([this] { return agent_->drained(); });
    EXPECT_EQ(agent_->ledger().delivered, driven_);
  }

  static inline std::shared_ptr<const VehicleIdentity> renewed_;
  static inline std::shared_ptr<const VehicleIdentity> foreign_;      // which the gateway does not believe
  static inline std::shared_ptr<const VehicleIdentity> unbelieving_;  // which does not believe the gateway
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
  RunUntil([this] { return uplink_->counters().renewals_refused == 1; });
  EXPECT_TRUE(agent_->welcomed());
  EXPECT_EQ(uplink_->counters().failures, 2u);
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

TEST_F(RenewalTest, AnAuthorityThatTheGatewayIsNotOfGivesWayToTheFormer) {
  Connect();
  uplink_->Renew(unbelieving_, seconds(0));
  RunUntil([this] { return uplink_->counters().renewals_refused == 1; });
  EXPECT_EQ(uplink_->renewal_failure(), "TLS: certificate verify failed");
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
