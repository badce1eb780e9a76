// Whose name a certificate gives, where the certificate is not one that `starling` makes.

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <string>
#include <string_view>
#include <vector>

#include "common/tls/tls_context.h"

namespace starling {
namespace {

struct Contents {
  std::vector<std::string> names{"veh-00001"};
  int name_type = V_ASN1_UTF8STRING;
  const char* usage = "clientAuth";  // null: says nothing
  long from_s = -3600;
  long to_s = 3600;
};

X509Ptr Make(const Contents& contents) {
  static const PrivateKeyPtr key(EVP_EC_gen("P-256"));
  X509Ptr certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), contents.from_s);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), contents.to_s);
  X509_NAME* const subject = X509_get_subject_name(certificate.get());
  for (const std::string& name : contents.names) {
    X509_NAME_add_entry_by_NID(subject, NID_commonName, contents.name_type,
                               reinterpret_cast<const unsigned char*>(name.data()), static_cast<int>(name.size()), -1,
                               0);
  }
  if (contents.usage != nullptr) {
    X509_EXTENSION* const usage = X509V3_EXT_conf_nid(nullptr, nullptr, NID_ext_key_usage, contents.usage);
    X509_add_ext(certificate.get(), usage, -1);
    X509_EXTENSION_free(usage);
  }
  X509_set_pubkey(certificate.get(), key.get());
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  return certificate;
}

bool Names(const Contents& contents, CloudTime now = CloudNow()) { return VehicleOf(Make(contents).get(), now).ok(); }
bool NamesAVehicle(const std::string& name, int type = V_ASN1_UTF8STRING) {
  Contents contents;
  contents.names = {name};
  contents.name_type = type;
  return Names(contents);
}

TEST(CertificateIdentity, IsTheOneCommonName) {
  EXPECT_EQ(VehicleOf(Make({}).get(), CloudNow()).value().view(), "veh-00001");
  EXPECT_TRUE(NamesAVehicle(std::string(24, 'a')));
  EXPECT_TRUE(NamesAVehicle("taxi-7", V_ASN1_PRINTABLESTRING));
}

TEST(CertificateIdentity, IsNoneWhereTheNameIsNoVehicles) {
  using namespace std::string_view_literals;
  for (const std::string_view name :
       {"*"sv, "*.example.org"sv, "veh-*"sv, "veh 1"sv, " veh-1"sv, "veh-1 "sv, "veh/1"sv, "../veh-1"sv, ".veh-1"sv,
        "veh-1\n"sv, "veh-00001\0.evil"sv, "\0veh-00001"sv, "veh-00001\0"sv, "v\xC3\xA9h-1"sv, "veh-1\x7F"sv,
        "veh\"1"sv, "veh'1;--"sv, "aaaaaaaaaaaaaaaaaaaaaaaaa"sv}) {
    EXPECT_FALSE(NamesAVehicle(std::string(name))) << name;
  }
  EXPECT_FALSE(NamesAVehicle(std::string("\xFF\xFE\xFD"), V_ASN1_T61STRING));
  // Two bytes for each letter: as UTF-8 it is a name of half the length, and no trick.
  EXPECT_TRUE(NamesAVehicle(std::string("\0v\0e\0h", 6), V_ASN1_BMPSTRING));
}

TEST(CertificateIdentity, IsNoneWithoutANameOrWithTwo) {
  Contents none;
  none.names.clear();
  EXPECT_FALSE(Names(none));
  Contents two;
  two.names = {"veh-00001", "veh-00002"};
  EXPECT_FALSE(Names(two));
  two.names = {"veh-00001", "veh-00001"};
  EXPECT_FALSE(Names(two));
}

TEST(CertificateIdentity, IsNoneWithoutClientAuthentication) {
  Contents contents;
  contents.usage = nullptr;
  EXPECT_FALSE(Names(contents));
  contents.usage = "serverAuth";
  EXPECT_FALSE(Names(contents));
  contents.usage = "serverAuth,clientAuth";
  EXPECT_TRUE(Names(contents));
}

TEST(CertificateIdentity, IsNoneOutsideItsTime) {
  const CloudTime now = CloudNow();
  EXPECT_TRUE(Names({}, now));
  EXPECT_FALSE(Names({}, now - std::chrono::hours(2)));
  EXPECT_FALSE(Names({}, now + std::chrono::hours(2)));
}

}  // namespace
}  // namespace starling
