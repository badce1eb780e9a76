// Makes fleets in a folder of its own and looks at what is in it.

#include "cloud/fleet_ca/fleet_ca.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace starling::cloud {
namespace {

namespace fs = std::filesystem;

VehicleId Id(const std::string& name) { return VehicleId::Parse(name).value(); }

class Fleet : public testing::Test {
 protected:
  Fleet() {
    std::string pattern = (fs::temp_directory_path() / "starling_fleet_XXXXXX").string();
    folder_.root = ::mkdtemp(pattern.data());
  }
  ~Fleet() override { fs::remove_all(folder_.root); }

  Result<FleetReport> Init(std::size_t vehicles) {
    FleetConfig config;
    config.vehicles = vehicles;
    return InitFleet(folder_, config, now_, nullptr);
  }
  static std::string Read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static unsigned Mode(const fs::path& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 0777 : 0;
  }
  // What VehicleOf says about a certificate made for `name` and this time.
  std::string Judge(const VehicleId& name, Validity validity) {
    const Authority authority = Authority::Create("test", Validity::StartingAt(now_, 1)).value();
    const PrivateKeyPtr key = MakeKey().value();
    const X509Ptr certificate = authority.IssueVehicle(name, key.get(), validity).value();
    const Result<VehicleId> vehicle = VehicleOf(certificate.get(), now_);
    return vehicle.ok() ? vehicle.value().ToString() : std::string(vehicle.status().message());
  }

  CertificateFolder folder_;
  const CloudTime now_ = CloudNow();
};

TEST_F(Fleet, NamesAreNumberedWithFiveDigits) {
  EXPECT_EQ(NumberedVehicle("veh-", 1).value().view(), "veh-00001");
  EXPECT_EQ(NumberedVehicle("veh-", 12345).value().view(), "veh-12345");
  EXPECT_FALSE(NumberedVehicle("-", 1).ok());
}

TEST_F(Fleet, HasEveryFileThatServerAndVehiclesNeed) {
  const auto report = Init(3);
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report.value().vehicles_made, 3u);
  EXPECT_TRUE(MakeServerContext(folder_).ok());
  EXPECT_TRUE(MakeClientContext(folder_.ca()).ok());
  for (const char* name : {"veh-00001", "veh-00002", "veh-00003"}) {
    const auto credentials = LoadCredentials(folder_.vehicle(Id(name)), folder_.vehicle_key(Id(name)));
    ASSERT_TRUE(credentials.ok()) << credentials.status().message();
    EXPECT_EQ(VehicleOf(credentials.value().certificate.get(), now_).value().view(), name);
  }
}

TEST_F(Fleet, SecretsAreForTheirOwnerOnly) {
  ASSERT_TRUE(Init(1).ok());
  for (const fs::path& path : {folder_.ca_key(), folder_.server_key(), folder_.ticket_key(),
                               folder_.vehicle_key(Id("veh-00001"))}) {
    EXPECT_EQ(Mode(path), 0600u) << path;
  }
}

TEST_F(Fleet, GrowsWithoutTouchingWhatIsThere) {
  ASSERT_TRUE(Init(2).ok());
  const std::string ca = Read(folder_.ca());
  const std::string first = Read(folder_.vehicle(Id("veh-00001")));
  const std::string tickets = Read(folder_.ticket_key());
  const auto report = Init(4);
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report.value().vehicles_made, 2u);
  EXPECT_EQ(report.value().vehicles_kept, 2u);
  EXPECT_EQ(Read(folder_.ca()), ca);
  EXPECT_EQ(Read(folder_.vehicle(Id("veh-00001"))), first);
  EXPECT_EQ(Read(folder_.ticket_key()), tickets);
}

TEST_F(Fleet, ALostKeyIsReplacedTogetherWithItsCertificate) {
  ASSERT_TRUE(Init(1).ok());
  fs::remove(folder_.vehicle_key(Id("veh-00001")));
  ASSERT_TRUE(Init(1).ok());
  EXPECT_TRUE(LoadCredentials(folder_.vehicle(Id("veh-00001")), folder_.vehicle_key(Id("veh-00001"))).ok());
}

TEST_F(Fleet, CertificatesOfAnotherAuthorityAreRefusedByName) {
  ASSERT_TRUE(Init(1).ok());
  fs::remove(folder_.ca());
  fs::remove(folder_.ca_key());
  fs::remove(folder_.server());
  const auto report = Init(1);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.status().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(report.status().message().find("veh-00001.pem was made by another authority"), std::string::npos)
      << report.status().message();
}

TEST_F(Fleet, AnAuthorityWithoutItsKeyIsNotReplaced) {
  ASSERT_TRUE(Init(0).ok());
  const std::string ca = Read(folder_.ca());
  fs::remove(folder_.ca_key());
  EXPECT_EQ(Init(1).status().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Read(folder_.ca()), ca);
}

TEST_F(Fleet, AFolderThatCannotBeWrittenIsAnErrorThatNamesIt) {
  std::ofstream(folder_.root / "file") << "in the way";
  folder_.root /= "file";
  const auto report = Init(1);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.status().code(), ErrorCode::kIoError);
  EXPECT_NE(report.status().message().find(folder_.root.string()), std::string::npos);
  folder_.root = folder_.root.parent_path();
}

TEST_F(Fleet, ServerNamesAreHostsOrAddresses) {
  FleetConfig config;
  config.server_names = {"gw.example.org", "192.0.2.7", "2001:db8::7"};
  ASSERT_TRUE(InitFleet(folder_, config, now_, nullptr).ok());
  const X509Ptr server = LoadCertificate(folder_.server()).value();
  for (const char* host : {"starling-cloud", "localhost", "gw.example.org"}) {
    EXPECT_EQ(X509_check_host(server.get(), host, 0, 0, nullptr), 1) << host;
  }
  for (const char* address : {"127.0.0.1", "192.0.2.7", "2001:db8::7"}) {
    EXPECT_EQ(X509_check_ip_asc(server.get(), address, 0), 1) << address;
  }
  fs::remove(folder_.server());
  config.server_names = {"a,DNS:evil.example.org"};
  EXPECT_EQ(InitFleet(folder_, config, now_, nullptr).status().code(), ErrorCode::kInvalidArgument);
}

TEST_F(Fleet, AVehicleKeepsItsKeyAndHasItsRequestSigned) {
  ASSERT_TRUE(Init(0).ok());
  const fs::path vehicle = folder_.root / "on_the_vehicle";
  ASSERT_TRUE(RequestCertificate(Id("taxi-7"), vehicle).ok());
  EXPECT_EQ(Mode(vehicle / "taxi-7.key"), 0600u);
  const auto signed_for = SignRequest(folder_, vehicle / "taxi-7.csr", Id("taxi-7"), false, 30, now_);
  ASSERT_TRUE(signed_for.ok()) << signed_for.status().message();
  EXPECT_TRUE(LoadCredentials(folder_.vehicle(Id("taxi-7")), vehicle / "taxi-7.key").ok());
  // Neither key nor certificate is replaced by accident.
  EXPECT_EQ(RequestCertificate(Id("taxi-7"), vehicle).code(), ErrorCode::kInvalidArgument);
  EXPECT_FALSE(SignRequest(folder_, vehicle / "taxi-7.csr", {}, false, 30, now_).ok());
  EXPECT_TRUE(SignRequest(folder_, vehicle / "taxi-7.csr", {}, true, 30, now_).ok());
}

TEST_F(Fleet, ARequestByAnotherVehicleIsRefused) {
  ASSERT_TRUE(Init(0).ok());
  ASSERT_TRUE(RequestCertificate(Id("taxi-7"), folder_.root).ok());
  EXPECT_FALSE(SignRequest(folder_, folder_.root / "taxi-7.csr", Id("taxi-8"), false, 30, now_).ok());
  EXPECT_FALSE(fs::exists(folder_.vehicle(Id("taxi-7"))));
}

// Who sends another one's public key cannot have signed with its private key.
TEST_F(Fleet, ARequestForAKeyThatTheAskerDoesNotHaveIsRefused) {
  const PrivateKeyPtr own = MakeKey().value();
  const PrivateKeyPtr other = MakeKey().value();
  const RequestPtr request = MakeRequest(Id("taxi-7"), own.get()).value();
  ASSERT_TRUE(CheckRequest(request.get()).ok());
  X509_REQ_set_pubkey(request.get(), other.get());
  const auto checked = CheckRequest(request.get());
  ASSERT_FALSE(checked.ok());
  EXPECT_NE(checked.status().message().find("not signed with the key"), std::string::npos);
}

TEST_F(Fleet, ACertificateIsGoodForItsTimeOnly) {
  const auto hours = [this](int count) { return now_ + std::chrono::hours(count); };
  EXPECT_EQ(Judge(Id("taxi-7"), {hours(-1), hours(1)}), "taxi-7");
  EXPECT_EQ(Judge(Id("taxi-7"), {hours(-2), hours(-1)}), "peer's certificate of taxi-7 has expired");
  EXPECT_EQ(Judge(Id("taxi-7"), {hours(1), hours(2)}), "peer's certificate of taxi-7 is not valid yet");
}

TEST_F(Fleet, AServersCertificateIsNoVehicles) {
  ASSERT_TRUE(Init(0).ok());
  const X509Ptr server = LoadCertificate(folder_.server()).value();
  const auto vehicle = VehicleOf(server.get(), now_);
  ASSERT_FALSE(vehicle.ok());
  EXPECT_NE(vehicle.status().message().find("not for client authentication"), std::string::npos);
  EXPECT_FALSE(VehicleOf(nullptr, now_).ok());
}

TEST_F(Fleet, FilesThatAreNotWhatTheySayAreRefusedByName) {
  ASSERT_TRUE(Init(1).ok());
  const fs::path certificate = folder_.vehicle(Id("veh-00001"));
  EXPECT_EQ(LoadCredentials(certificate, folder_.server_key()).status().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(LoadCredentials(folder_.root / "none.pem", folder_.server_key()).status().code(), ErrorCode::kIoError);
  EXPECT_EQ(LoadCertificate(folder_.server_key()).status().code(), ErrorCode::kInvalidArgument);
  std::ofstream(folder_.ticket_key(), std::ios::app) << "x";
  const auto context = MakeServerContext(folder_);
  ASSERT_FALSE(context.ok());
  EXPECT_NE(context.status().message().find("ticket.key is not a ticket key"), std::string::npos);
}

}  // namespace
}  // namespace starling::cloud
