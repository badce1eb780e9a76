// What changes in the certificates' folder while vehicles are connected.  Handshakes
// are real.

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <thread>

#include "cloud/fleet_ca/revocation.h"
#include "common/mutex.h"
#include "tests/cloud/gateway/gateway_fixture.h"

namespace starling::cloud {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;
using testing::Contains;
using testing::HasSubstr;

class GatewayCertificates : public GatewayFixture {
 protected:
  // A copy of the fleet: these tests change it.
  void SetUp() override {
    folder_.root = fs::path(Certificates().root.string() + "_" +
                            testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::copy(Certificates().root, folder_.root, fs::copy_options::recursive);
    Restart();
  }
  ~GatewayCertificates() override {
    gateway_.reset();
    fs::remove_all(folder_.root);
  }

  Status TryStart() {
    gateway_.reset();
    gateway_ = std::make_unique<Gateway>(config_, &log_, &ledger_);
    return gateway_->Start(folder_, [this](const std::string& line) {
      MutexLock lock(mutex_);
      said_.push_back(line);
    });
  }
  void Restart() {
    const Status status = TryStart();
    ASSERT_TRUE(status.ok()) << status.message();
  }
  std::vector<std::string> Said() {
    MutexLock lock(mutex_);
    return said_;
  }
  static bool Eventually(const std::function<bool()>& done) {
    const auto end = steady_clock::now() + seconds(10);
    while (!done()) {
      if (steady_clock::now() > end) return false;
      std::this_thread::sleep_for(milliseconds(2));
    }
    return true;
  }
  bool AwaitReloads(std::uint64_t count) {
    return Eventually([&] { return gateway_->certificates().reloads >= count; });
  }
  bool AwaitRefused(std::uint64_t count) {
    return Eventually([&] { return gateway_->certificates().reloads_refused >= count; });
  }

  Credentials Own(std::size_t number) const {
    return LoadCredentials(folder_.vehicle(Name(number)), folder_.vehicle_key(Name(number))).value();
  }
  bool ConnectTo(TestVehicle* vehicle, std::size_t number, SSL_SESSION* session = nullptr) {
    const Credentials credentials = Own(number);
    return vehicle->Connect(gateway_->port(), folder_.ca(), &credentials, session) && vehicle->Introduce();
  }
  static Status RevokeIn(const CertificateFolder& folder, std::size_t number) {
    const auto revoked = Revoke(folder, {Name(number)}, {}, kCrlDays, CloudNow());
    return revoked.ok() ? Status() : revoked.status();
  }
  static std::string Read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void Write(const fs::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  }
  // Another authority with its own server and vehicles.
  CertificateFolder Other() {
    CertificateFolder other{folder_.root / "other"};
    FleetConfig config;
    config.vehicles = 1;
    EXPECT_TRUE(InitFleet(other, config, CloudNow(), nullptr).ok());
    return other;
  }

  CertificateFolder folder_;
  Mutex mutex_;
  std::vector<std::string> said_ STARLING_GUARDED_BY(mutex_);
};

TEST_F(GatewayCertificates, ARevokedVehicleIsCutWithinASecondAndNotLetInAgain) {
  TestVehicle revoked, other;
  ASSERT_TRUE(ConnectTo(&revoked, 1));
  ASSERT_TRUE(ConnectTo(&other, 2));
  const SslSessionPtr session = revoked.TakeSession();
  ASSERT_NE(session, nullptr);
  ASSERT_TRUE(RevokeIn(folder_, 1).ok());
  const auto began = steady_clock::now();
  EXPECT_TRUE(revoked.AwaitClosed());
  EXPECT_LT(steady_clock::now() - began, milliseconds(1500));  // 0.5 s, and a busy machine
  EXPECT_TRUE(other.Barrier());
  EXPECT_FALSE(ConnectTo(&revoked, 1));
  // Nor with the session that it had before.
  EXPECT_FALSE(ConnectTo(&revoked, 1, session.get()));
  gateway_->Drain(seconds(10));
  EXPECT_EQ(gateway_->counters().revoked_cut, 1u);
  EXPECT_EQ(gateway_->counters().revoked_refused, 2u);
}

TEST_F(GatewayCertificates, ARevokedVehicleIsRefusedAfterARestartToo) {
  ASSERT_TRUE(RevokeIn(folder_, 1).ok());
  Restart();
  TestVehicle revoked, other;
  EXPECT_FALSE(ConnectTo(&revoked, 1));
  EXPECT_TRUE(ConnectTo(&other, 2));
}

TEST_F(GatewayCertificates, AForeignOrDamagedListIsRefusedAndTheOldOneStays) {
  ASSERT_TRUE(RevokeIn(folder_, 1).ok());
  Restart();
  const std::string good = Read(folder_.crl());
  const CertificateFolder other = Other();
  ASSERT_TRUE(RevokeIn(other, 1).ok());
  std::string damaged = good;
  damaged[damaged.size() / 2] ^= 1;
  std::uint64_t refused = 0;
  for (const std::string& bad : {Read(other.crl()), damaged, std::string("nothing"), std::string()}) {
    Write(folder_.crl(), bad);
    ASSERT_TRUE(AwaitRefused(++refused)) << bad.size();
    TestVehicle vehicle;
    EXPECT_FALSE(ConnectTo(&vehicle, 1));
    EXPECT_EQ(gateway_->certificates().crl_number, 1u);
  }
  fs::remove(folder_.crl());
  ASSERT_TRUE(AwaitRefused(++refused));
  TestVehicle vehicle;
  EXPECT_FALSE(ConnectTo(&vehicle, 1));
  EXPECT_THAT(Said(), Contains(HasSubstr("stays in force")));
  // A gateway that starts has no old one to go by.
  Write(folder_.crl(), damaged);
  EXPECT_EQ(TryStart().code(), ErrorCode::kInvalidArgument);
  gateway_.reset();
}

TEST_F(GatewayCertificates, AnOlderListDoesNotBringARevokedVehicleBack) {
  ASSERT_TRUE(RevokeIn(folder_, 2).ok());
  const std::string older = Read(folder_.crl());
  ASSERT_TRUE(RevokeIn(folder_, 1).ok());
  Restart();
  Write(folder_.crl(), older);
  ASSERT_TRUE(AwaitRefused(1));
  TestVehicle vehicle;
  EXPECT_FALSE(ConnectTo(&vehicle, 1));
}

TEST_F(GatewayCertificates, AnOverdueListIsInForceAndNamed) {
  ASSERT_TRUE(Revoke(folder_, {Name(1)}, {}, 1, CloudNow() - std::chrono::hours(72)).ok());
  Restart();
  TestVehicle revoked, other;
  EXPECT_FALSE(ConnectTo(&revoked, 1));
  EXPECT_TRUE(ConnectTo(&other, 2));
  EXPECT_THAT(Said(), Contains(HasSubstr("overdue")));
  EXPECT_LT(*gateway_->certificates().crl_next_update, CloudNow());
}

TEST_F(GatewayCertificates, ANewServerCertificateIsShownToNewConnectionsAndOldOnesStay) {
  TestVehicle before;
  ASSERT_TRUE(ConnectTo(&before, 1));
  const std::string serial = before.PeerSerial();
  fs::remove(folder_.server());
  fs::remove(folder_.server_key());
  FleetConfig config;
  config.days = 3;
  ASSERT_TRUE(InitFleet(folder_, config, CloudNow(), nullptr).ok());
  ASSERT_TRUE(AwaitReloads(1));
  TestVehicle after;
  ASSERT_TRUE(ConnectTo(&after, 2));
  EXPECT_NE(after.PeerSerial(), serial);
  EXPECT_TRUE(before.Barrier());
  EXPECT_LT(gateway_->certificates().server_expires, CloudNow() + std::chrono::hours(24 * 4));
  EXPECT_THAT(Said(), Contains(HasSubstr("expires in 2 days")));
}

TEST_F(GatewayCertificates, AKeyThatDoesNotFitIsRefusedAndTheOldPairStays) {
  TestVehicle before;
  ASSERT_TRUE(ConnectTo(&before, 1));
  const CertificateFolder other = Other();
  fs::copy_file(other.server_key(), folder_.server_key(), fs::copy_options::overwrite_existing);
  ASSERT_TRUE(AwaitRefused(1));
  TestVehicle after;
  ASSERT_TRUE(ConnectTo(&after, 2));
  EXPECT_EQ(after.PeerSerial(), before.PeerSerial());
  EXPECT_THAT(Said(), Contains(HasSubstr("server.key is not the key of")));
  // A broken certificate does not keep a revocation from taking effect.
  ASSERT_TRUE(RevokeIn(folder_, 2).ok());
  EXPECT_TRUE(after.AwaitClosed());
}

TEST_F(GatewayCertificates, TwoAuthoritiesAtOnceThenTheOldOneGoes) {
  const CertificateFolder other = Other();
  const Credentials newcomer = LoadCredentials(other.vehicle(Name(1)), other.vehicle_key(Name(1))).value();
  const auto connect_newcomer = [&](TestVehicle* vehicle) {
    return vehicle->Connect(gateway_->port(), folder_.ca(), &newcomer) && vehicle->Introduce();
  };
  TestVehicle old, fresh;
  ASSERT_TRUE(ConnectTo(&old, 2));
  EXPECT_FALSE(connect_newcomer(&fresh));
  const SslSessionPtr session = old.TakeSession();
  ASSERT_NE(session, nullptr);

  const std::string first = Read(folder_.ca());
  Write(folder_.ca(), first + Read(other.ca()));
  ASSERT_TRUE(AwaitReloads(1));
  EXPECT_TRUE(connect_newcomer(&fresh));
  EXPECT_TRUE(ConnectTo(&old, 2));

  // The server's certificate is by the old one still, which vehicles may keep trusting.
  Write(folder_.ca(), Read(other.ca()));
  ASSERT_TRUE(AwaitReloads(2));
  EXPECT_TRUE(old.Barrier());  // A connection that is there stays.
  Write(folder_.ca().string() + ".both", first + Read(other.ca()));
  const auto connect = [&](const Credentials& credentials, SSL_SESSION* resume) {
    TestVehicle vehicle;
    return vehicle.Connect(gateway_->port(), folder_.ca().string() + ".both", &credentials, resume) &&
           vehicle.Introduce();
  };
  EXPECT_TRUE(connect(newcomer, nullptr));
  EXPECT_FALSE(connect(Own(3), nullptr));
  // Nor by a session from before.
  EXPECT_FALSE(connect(Own(2), session.get()));
}

TEST_F(GatewayCertificates, SessionsSurviveEachRotationOfTheTicketKeyAndARestart) {
  TestVehicle vehicle;
  ASSERT_TRUE(ConnectTo(&vehicle, 1));
  const SslSessionPtr first = vehicle.TakeSession();
  ASSERT_NE(first, nullptr);
  ASSERT_TRUE(RotateTicketKey(folder_).ok());
  ASSERT_TRUE(AwaitReloads(1));
  ASSERT_TRUE(ConnectTo(&vehicle, 1, first.get()));
  EXPECT_TRUE(vehicle.resumed());
  const SslSessionPtr second = vehicle.AwaitSession();  // sealed with the new key
  ASSERT_NE(second, nullptr);
  ASSERT_TRUE(RotateTicketKey(folder_).ok());
  ASSERT_TRUE(AwaitReloads(2));
  ASSERT_TRUE(ConnectTo(&vehicle, 1, second.get()));
  EXPECT_TRUE(vehicle.resumed());
  const SslSessionPtr third = vehicle.AwaitSession();
  ASSERT_NE(third, nullptr);
  // The keys are in the folder: a restart, or another gateway, opens the tickets too.
  ASSERT_TRUE(RotateTicketKey(folder_).ok());
  Restart();
  ASSERT_TRUE(ConnectTo(&vehicle, 1, third.get()));
  EXPECT_TRUE(vehicle.resumed());
}

TEST_F(GatewayCertificates, ATicketOfAKeyThatIsGoneIsAFullHandshake) {
  TestVehicle vehicle;
  ASSERT_TRUE(ConnectTo(&vehicle, 1));
  const SslSessionPtr session = vehicle.TakeSession();
  ASSERT_TRUE(RotateTicketKey(folder_).ok());
  ASSERT_TRUE(RotateTicketKey(folder_).ok());
  Restart();
  ASSERT_TRUE(ConnectTo(&vehicle, 1, session.get()));
  EXPECT_FALSE(vehicle.resumed());
}

TEST_F(GatewayCertificates, AnAskedReloadReadsAgainWhatHasNotChanged) {
  gateway_->ReloadCertificates();
  EXPECT_TRUE(AwaitReloads(1));
  EXPECT_EQ(gateway_->certificates().reloads_refused, 0u);
}

}  // namespace
}  // namespace starling::cloud
