// Files of an identity that change under an agent that runs.
#include "edge/uplink/vehicle_identity.h"

#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cloud/fleet_ca/fleet_ca.h"

namespace starling::edge {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Identity : public testing::Test {
 protected:
  static fs::path Temporary(const std::string& name) {
    return fs::temp_directory_path() / ("starling_identity_" + name + "_" + std::to_string(::getpid()));
  }
  static void MakeFleet(const std::string& name, CloudTime at, int days) {
    cloud::FleetConfig config;
    config.vehicles = 2;
    config.days = days;
    ASSERT_TRUE(cloud::InitFleet({Temporary(name)}, config, at, nullptr).ok());
  }
  // Certificates for a fleet that is there, made at `at`.
  static void Renew(const std::string& name, const std::string& authority, CloudTime at, int days) {
    fs::create_directory(Temporary(name));
    for (const char* file : {"ca.pem", "ca.key"}) fs::copy_file(Temporary(authority) / file, Temporary(name) / file);
    MakeFleet(name, at, days);
  }
  static void SetUpTestSuite() {
    now_ = CloudNow();
    MakeFleet("first", now_, 90);
    MakeFleet("foreign", now_, 90);
    Renew("second", "first", now_, 800);
    Renew("expired", "first", now_ - std::chrono::hours(24 * 50), 10);
    Renew("future", "first", now_ + std::chrono::hours(24 * 5), 90);
  }
  static void TearDownTestSuite() {
    for (const char* name : {"first", "foreign", "second", "expired", "future"}) fs::remove_all(Temporary(name));
  }

  void SetUp() override {
    folder_ = Temporary("vehicle");
    fs::create_directory(folder_);
    files_ = {(folder_ / "ca.pem").string(), (folder_ / "me.pem").string(), (folder_ / "me.key").string()};
    Put("first");
    watch_.emplace(files_);
    ASSERT_TRUE(watch_->Start().ok());
    first_ = watch_->newest();
  }
  void TearDown() override { fs::remove_all(folder_); }

  static void Copy(const fs::path& from, const std::string& to) {
    fs::copy_file(from, to + ".new");
    fs::rename(to + ".new", to);
  }
  void PutCertificate(const std::string& fleet, const std::string& vehicle = "veh-00001") {
    Copy(Temporary(fleet) / "vehicles" / (vehicle + ".pem"), files_.certificate);
  }
  void PutKey(const std::string& fleet, const std::string& vehicle = "veh-00001") {
    Copy(Temporary(fleet) / "vehicles" / (vehicle + ".key"), files_.key);
  }
  void PutAuthority(const std::string& fleet) { Copy(Temporary(fleet) / "ca.pem", files_.ca); }
  void Put(const std::string& fleet, const std::string& vehicle = "veh-00001") {
    PutAuthority(fleet);
    PutCertificate(fleet, vehicle);
    PutKey(fleet, vehicle);
  }
  static std::string Text(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  IdentityWatch::News Look(nanoseconds later = IdentityWatch::kInterval) {
    boot_ += later;
    return watch_->Look(boot_, date_);
  }
  // What comes of the change that was just made.
  IdentityWatch::News Settle() {
    EXPECT_EQ(Look().renewed, nullptr);
    return Look();
  }
  void ExpectRefused(const std::string& why) {
    const IdentityWatch::News news = Settle();
    EXPECT_EQ(news.renewed, nullptr);
    EXPECT_THAT(news.refused, HasSubstr(why));
    EXPECT_EQ(watch_->newest(), first_);
  }

  static inline CloudTime now_;
  fs::path folder_;
  IdentityFiles files_;
  std::optional<IdentityWatch> watch_;
  std::shared_ptr<const VehicleIdentity> first_;
  BootTime boot_ = BootTime(seconds(100));
  CloudTime date_ = now_;
};

TEST_F(Identity, FilesThatStayAsTheyAreAreNoNews) {
  for (int i = 0; i < 100; ++i) {
    const IdentityWatch::News news = Look();
    EXPECT_EQ(news.renewed, nullptr);
    EXPECT_EQ(news.refused, "");
  }
}

TEST_F(Identity, ANewPairIsTakenOnceItHasSettled) {
  Look();
  Put("second");
  EXPECT_EQ(Look().renewed, nullptr);
  const IdentityWatch::News news = Look();
  ASSERT_NE(news.renewed, nullptr);
  EXPECT_EQ(news.refused, "");
  EXPECT_GT(news.renewed->expires, first_->expires + std::chrono::hours(24 * 700));
  EXPECT_EQ(watch_->newest(), news.renewed);
  EXPECT_EQ(Look().renewed, nullptr);
}

TEST_F(Identity, BetweenTwoLooksNothingIsLookedAt) {
  Look();
  Put("second");
  EXPECT_EQ(Look(milliseconds(100)).renewed, nullptr);
  EXPECT_EQ(Look(milliseconds(100)).renewed, nullptr);
}

TEST_F(Identity, WhoIsAskedReadsAtOnce) {
  Look();
  Put("second");
  watch_->Reload();
  EXPECT_NE(Look(milliseconds(1)).renewed, nullptr);
}

TEST_F(Identity, FilesThatAreWrittenAgainWithTheSameContentAreNoNews) {
  Look();
  Put("first");
  Look();
  EXPECT_EQ(Look().renewed, nullptr);
  watch_->Reload();
  EXPECT_EQ(Look().renewed, nullptr);
  EXPECT_EQ(watch_->newest(), first_);
}

TEST_F(Identity, AHalfWrittenPairIsSaidOnceAndTakenWhenItIsWhole) {
  Look();
  PutCertificate("second");
  ExpectRefused(files_.key + " is not the key of " + files_.certificate);
  EXPECT_EQ(Look().refused, "");
  EXPECT_EQ(Look(IdentityWatch::kRetry).refused, "");
  PutKey("second");
  EXPECT_NE(Settle().renewed, nullptr);
}

TEST_F(Identity, EveryCutOfACertificateIsRefused) {
  const std::string whole = Text((Temporary("second") / "vehicles/veh-00001.pem").string());
  PutKey("second");
  for (std::size_t length = 0; length + 2 < whole.size(); length += 7) {
    std::ofstream(files_.certificate, std::ios::binary) << whole.substr(0, length);
    watch_->Reload();
    const IdentityWatch::News news = Look();
    ASSERT_EQ(news.renewed, nullptr) << length;
    ASSERT_THAT(news.refused, HasSubstr(files_.certificate)) << length;
  }
}

TEST_F(Identity, WhatIsMissingUnreadableOrNoFileIsRefused) {
  Look();
  fs::remove(files_.key);
  ExpectRefused("cannot read " + files_.key);
  fs::create_directory(files_.key);
  ExpectRefused("it is not a file");
  fs::remove(files_.key);
  ASSERT_EQ(::mkfifo(files_.key.c_str(), 0600), 0);  // Would hold up whoever opens it.
  fs::remove(files_.certificate);
  ASSERT_EQ(::mkfifo(files_.certificate.c_str(), 0600), 0);
  EXPECT_THAT(Settle().refused, HasSubstr("it is not a file"));
  fs::remove(files_.key);
  fs::remove(files_.certificate);
  Put("first");
  std::ofstream(files_.ca, std::ios::app) << std::string(300'000, '\n');
  EXPECT_THAT(Settle().refused, HasSubstr("more than certificates or a key ever have"));
}

TEST_F(Identity, AnExpiredOneIsRefused) {
  Look();
  Put("expired");
  ExpectRefused("has expired: ");
}

TEST_F(Identity, OneThatIsNotValidYetIsTakenWhenItIs) {
  Look();
  Put("future");
  ExpectRefused("is valid from ");
  EXPECT_EQ(Look().renewed, nullptr);
  date_ += std::chrono::hours(24 * 6);
  EXPECT_NE(Look(IdentityWatch::kRetry).renewed, nullptr);
}

TEST_F(Identity, AClockThatHasNotLearntTheDateJudgesNone) {
  date_ = CloudTime(seconds(1'000));
  Look();
  Put("expired");
  EXPECT_NE(Settle().renewed, nullptr);
}

TEST_F(Identity, AnotherVehiclesIsRefused) {
  Look();
  Put("second", "veh-00002");
  ExpectRefused("is of veh-00002, and this agent is veh-00001's");
}

TEST_F(Identity, OneOfAnAuthorityThatIsNotBelievedIsRefused) {
  Look();
  PutCertificate("foreign");
  PutKey("foreign");
  ExpectRefused("is not of an authority in " + files_.ca);
}

TEST_F(Identity, TheServersIsRefused) {
  Look();
  Copy(Temporary("second") / "server.pem", files_.certificate);
  Copy(Temporary("second") / "server.key", files_.key);
  ExpectRefused("is not for client authentication");
}

TEST_F(Identity, AFurtherAuthorityIsNews) {
  Look();
  std::ofstream(files_.ca, std::ios::app) << Text((Temporary("foreign") / "ca.pem").string());
  const IdentityWatch::News news = Settle();
  ASSERT_NE(news.renewed, nullptr);
  EXPECT_EQ(news.renewed->authorities.size(), 2u);
}

// Nobody is there who could be asked for the passphrase.
TEST_F(Identity, AKeyWithAPassphraseIsRefusedAndNobodyIsAsked) {
  Look();
  const Result<PrivateKeyPtr> key = LoadPrivateKey(files_.key);
  ASSERT_TRUE(key.ok());
  FILE* const file = std::fopen(files_.key.c_str(), "w");
  ASSERT_NE(file, nullptr);
  unsigned char passphrase[] = "secret";
  EXPECT_EQ(PEM_write_PrivateKey(file, key.value().get(), EVP_aes_256_cbc(), passphrase, 6, nullptr, nullptr), 1);
  std::fclose(file);
  ExpectRefused(files_.key + " holds no private key");
}

TEST_F(Identity, TheExpiryIsTheCertificates) {
  EXPECT_EQ(ExpiryText(first_->credentials.certificate.get()).size(), std::string("2029-01-31T12:00:00Z").size());
  const nanoseconds left = first_->expires - now_;
  EXPECT_GT(left, std::chrono::hours(24 * 89));
  EXPECT_LT(left, std::chrono::hours(24 * 91));
}

}  // namespace
}  // namespace starling::edge
