// Revocation lists as a folder's authority makes them and a server reads them.

#include "cloud/fleet_ca/revocation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "cloud/fleet_ca/fleet_ca.h"
#include "cloud/tls/revocation_list.h"

namespace starling::cloud {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

VehicleId Id(const std::string& name) { return VehicleId::Parse(name).value(); }

class Revocation : public testing::Test {
 protected:
  Revocation() : folder_(NewFolder()) { Init(folder_, 3); }
  ~Revocation() override {
    for (const fs::path& each : made_) fs::remove_all(each);
  }

  CertificateFolder NewFolder() {
    std::string pattern = (fs::temp_directory_path() / "starling_crl_XXXXXX").string();
    made_.emplace_back(::mkdtemp(pattern.data()));
    return {made_.back()};
  }
  void Init(const CertificateFolder& folder, std::size_t vehicles) {
    FleetConfig config;
    config.vehicles = vehicles;
    EXPECT_TRUE(InitFleet(folder, config, now_, nullptr).ok());
  }
  static std::string Read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void Write(const fs::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  }
  Result<RevocationSummary> RevokeOne(const std::string& name) {
    return Revoke(folder_, {Id(name)}, {}, kCrlDays, now_);
  }
  Result<RevocationList> Load() const {
    return RevocationList::Load(folder_.crl(), LoadCertificates(folder_.ca()).value());
  }
  bool IsRevoked(const std::string& name) const {
    const X509Ptr certificate = LoadCertificate(folder_.vehicle(Id(name))).value();
    return Load().value().Revokes(certificate.get());
  }
  static std::string SerialOf(const CertificateFolder& folder, const std::string& name) {
    const X509Ptr certificate = LoadCertificate(folder.vehicle(Id(name))).value();
    return SerialText(X509_get0_serialNumber(certificate.get()));
  }

  std::vector<fs::path> made_;
  CertificateFolder folder_;
  const CloudTime now_ = CloudNow();
};

TEST_F(Revocation, OfAVehicleConcernsItAloneAndTheNumberRises) {
  const auto first = RevokeOne("veh-00002");
  ASSERT_TRUE(first.ok()) << first.status().message();
  EXPECT_EQ(first.value().number, 1u);
  EXPECT_EQ(first.value().added, 1u);
  EXPECT_FALSE(IsRevoked("veh-00001"));
  EXPECT_TRUE(IsRevoked("veh-00002"));
  const auto second = RevokeOne("veh-00003");
  EXPECT_EQ(second.value().number, 2u);
  EXPECT_EQ(second.value().entries.size(), 2u);
  EXPECT_TRUE(IsRevoked("veh-00002"));
  EXPECT_TRUE(IsRevoked("veh-00003"));
}

TEST_F(Revocation, TwiceIsOnce) {
  ASSERT_TRUE(RevokeOne("veh-00001").ok());
  const auto again = RevokeOne("veh-00001");
  EXPECT_EQ(again.value().added, 0u);
  EXPECT_EQ(again.value().entries.size(), 1u);
  EXPECT_EQ(again.value().number, 2u);
}

TEST_F(Revocation, BySerialNumberWritesItAsPeopleDo) {
  std::string serial;
  for (const char c : SerialOf(folder_, "veh-00001")) {
    if (serial.size() % 3 == 2) serial += ':';
    serial += static_cast<char>(std::tolower(c));
  }
  ASSERT_TRUE(Revoke(folder_, {}, {serial}, kCrlDays, now_).ok());
  EXPECT_TRUE(IsRevoked("veh-00001"));
}

TEST_F(Revocation, OfWhatIsNoSerialOrNoVehicleOfTheFolderWritesNothing) {
  const std::string too_long(kSerialDigitsMax + 1, 'A');
  for (const std::string& serial : {std::string(), std::string("0"), std::string("12G4"), too_long}) {
    EXPECT_EQ(Revoke(folder_, {}, {serial}, kCrlDays, now_).status().code(), ErrorCode::kInvalidArgument) << serial;
  }
  const auto unknown = Revoke(folder_, {Id("veh-00001"), Id("taxi-7")}, {}, kCrlDays, now_);
  ASSERT_FALSE(unknown.ok());
  EXPECT_THAT(std::string(unknown.status().message()), HasSubstr("taxi-7"));
  EXPECT_FALSE(fs::exists(folder_.crl()));
}

// Else who has the older key stays in after the vehicle was revoked.
TEST_F(Revocation, TakesInEveryCertificateThatTheVehicleEverHad) {
  ASSERT_TRUE(RequestCertificate(Id("taxi-7"), folder_.root).ok());
  const fs::path request = folder_.root / "taxi-7.csr";
  std::vector<X509Ptr> issued;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(SignRequest(folder_, request, {}, i > 0, 30, now_).ok());
    issued.push_back(LoadCertificate(folder_.vehicle(Id("taxi-7"))).value());
  }
  ASSERT_TRUE(RevokeOne("taxi-7").ok());
  const RevocationList list = Load().value();
  for (const X509Ptr& certificate : issued) EXPECT_TRUE(list.Revokes(certificate.get()));
}

TEST_F(Revocation, ACertificateMadeForALostKeyCountsAsReplaced) {
  const X509Ptr former = LoadCertificate(folder_.vehicle(Id("veh-00001"))).value();
  fs::remove(folder_.vehicle_key(Id("veh-00001")));
  Init(folder_, 3);
  ASSERT_TRUE(RevokeOne("veh-00001").ok());
  EXPECT_TRUE(Load().value().Revokes(former.get()));
}

TEST_F(Revocation, RenewalKeepsTheEntriesAndMovesTheDate) {
  ASSERT_TRUE(RevokeOne("veh-00001").ok());
  const CloudTime later = now_ + std::chrono::hours(24 * 40);
  const auto renewed = Revoke(folder_, {}, {}, 10, later);
  ASSERT_TRUE(renewed.ok());
  EXPECT_EQ(renewed.value().number, 2u);
  EXPECT_EQ(renewed.value().entries.size(), 1u);
  const auto whole = std::chrono::floor<seconds>(later);
  EXPECT_EQ(*renewed.value().next_update, whole + std::chrono::hours(240));
  EXPECT_TRUE(IsRevoked("veh-00001"));
}

// In force all the same: what was revoked stays so.
TEST_F(Revocation, AnOverdueListIsInForce) {
  ASSERT_TRUE(Revoke(folder_, {Id("veh-00001")}, {}, 1, now_ - std::chrono::hours(72)).ok());
  EXPECT_TRUE(IsRevoked("veh-00001"));
  EXPECT_LT(*Load().value().next_update(), now_);
}

TEST_F(Revocation, AListOfAnotherAuthorityIsRefused) {
  const CertificateFolder other = NewFolder();
  Init(other, 1);
  ASSERT_TRUE(Revoke(other, {Id("veh-00001")}, {}, kCrlDays, now_).ok());
  fs::copy_file(other.crl(), folder_.crl());
  EXPECT_EQ(Load().status().code(), ErrorCode::kInvalidArgument);
  // And is not added to, nor overwritten.
  const std::string before = Read(folder_.crl());
  EXPECT_FALSE(RevokeOne("veh-00001").ok());
  EXPECT_EQ(Read(folder_.crl()), before);
}

TEST_F(Revocation, AListWithAnyCharacterChangedOrCutIsRefused) {
  ASSERT_TRUE(RevokeOne("veh-00001").ok());
  const std::string whole = Read(folder_.crl());
  // Inside the BEGIN and END lines, where each character is content.
  const std::size_t begin = whole.find('\n') + 1;
  const std::size_t end = whole.rfind("-----END");
  std::mt19937 random(1);
  for (std::size_t i = begin; i < end; ++i) {
    if (whole[i] == '\n') continue;
    std::string changed = whole;
    changed[i] = whole[i] == 'A' ? 'B' : 'A';
    Write(folder_.crl(), changed);
    const auto loaded = Load();
    // The last character before a '=' may have bits that stand for nothing.
    if (loaded.ok()) {
      EXPECT_EQ(loaded.value().entries(), 1u) << i;
      EXPECT_TRUE(IsRevoked("veh-00001")) << i;
      EXPECT_GE(i + 6, end);
    }
  }
  for (std::size_t length = 0; length + 1 < whole.size(); ++length) {
    Write(folder_.crl(), whole.substr(0, length));
    EXPECT_FALSE(Load().ok()) << length;
  }
  Write(folder_.crl(), "no list\n");
  EXPECT_THAT(std::string(Load().status().message()), HasSubstr("holds no revocation list"));
}

TEST_F(Revocation, OfTwoAuthoritiesIsOneFileAndEachRevokesItsOwn) {
  const CertificateFolder other = NewFolder();
  Init(other, 1);
  ASSERT_TRUE(Revoke(other, {Id("veh-00001")}, {}, kCrlDays, now_).ok());
  ASSERT_TRUE(RevokeOne("veh-00002").ok());
  Write(folder_.ca(), Read(folder_.ca()) + Read(other.ca()));
  Write(folder_.crl(), Read(folder_.crl()) + Read(other.crl()));
  ASSERT_TRUE(RevokeOne("veh-00003").ok());  // keeps the other's list
  const RevocationList list = Load().value();
  EXPECT_EQ(list.entries(), 3u);
  const auto revoked = [&](const CertificateFolder& folder, const std::string& name) {
    return list.Revokes(LoadCertificate(folder.vehicle(Id(name))).value().get());
  };
  EXPECT_TRUE(revoked(other, "veh-00001"));
  EXPECT_FALSE(revoked(folder_, "veh-00001"));  // same name, other authority
  EXPECT_TRUE(revoked(folder_, "veh-00002"));
  EXPECT_TRUE(revoked(folder_, "veh-00003"));
}

TEST_F(Revocation, AnOlderListDoesNotFollowANewerOne) {
  ASSERT_TRUE(RevokeOne("veh-00001").ok());
  const RevocationList older = Load().value();
  ASSERT_TRUE(RevokeOne("veh-00002").ok());
  const RevocationList newer = Load().value();
  const auto authorities = LoadCertificates(folder_.ca()).value();
  EXPECT_TRUE(newer.Follows(older, authorities).ok());
  EXPECT_TRUE(newer.Follows(newer, authorities).ok());
  EXPECT_FALSE(older.Follows(newer, authorities).ok());
  EXPECT_FALSE(RevocationList().Follows(older, authorities).ok());
  EXPECT_TRUE(RevocationList().Follows(older, {}).ok());  // its authority has gone
}

TEST_F(Revocation, ATicketKeyBecomesThePreviousOne) {
  const std::string first = Read(folder_.ticket_key());
  ASSERT_TRUE(RotateTicketKey(folder_).ok());
  EXPECT_EQ(Read(folder_.previous_ticket_key()), first);
  const std::string second = Read(folder_.ticket_key());
  EXPECT_NE(second, first);
  ASSERT_TRUE(RotateTicketKey(folder_).ok());
  EXPECT_EQ(Read(folder_.previous_ticket_key()), second);
  EXPECT_EQ(fs::status(folder_.previous_ticket_key()).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

}  // namespace
}  // namespace starling::cloud
