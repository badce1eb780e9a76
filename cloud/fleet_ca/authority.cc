#include "cloud/fleet_ca/authority.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <string_view>
#include <utility>

namespace starling::cloud {
namespace {

constexpr const char* kCurve = "P-256";
constexpr int kSerialBits = 126;  // Positive, and at most 20 bytes as RFC 5280, 4.1.2.2 wants.

Status OpensslFailure(const std::string& what) {
  return Status(ErrorCode::kIoError, what + ": " + LastTlsError());
}

bool AddName(X509_NAME* name, std::string_view common_name) {
  return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(common_name.data()),
                                    static_cast<int>(common_name.size()), -1, 0) == 1;
}

bool AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  const bool added = extension != nullptr && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

bool SetSerial(X509* certificate) {
  BIGNUM* const serial = BN_new();
  const bool set = serial != nullptr &&
                   BN_rand(serial, kSerialBits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
                   BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate)) != nullptr;
  BN_free(serial);
  return set;
}

bool SetValidity(X509* certificate, Validity validity) {
  const auto seconds_of = [](CloudTime time) {
    return static_cast<std::time_t>(
        std::chrono::duration_cast<seconds>(time.time_since_epoch()).count());
  };
  return ASN1_TIME_set(X509_getm_notBefore(certificate), seconds_of(validity.from)) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), seconds_of(validity.to)) != nullptr;
}

struct Contents {
  std::string_view common_name;
  EVP_PKEY* public_key;
  Validity validity;
  std::vector<std::pair<int, std::string>> extensions;
};

// `issuer` null: signs itself.
Result<X509Ptr> Sign(const Contents& contents, X509* issuer, EVP_PKEY* issuer_key) {
  ERR_clear_error();
  X509Ptr certificate(X509_new());
  X509* const raw = certificate.get();
  if (raw == nullptr || X509_set_version(raw, X509_VERSION_3) != 1 || !SetSerial(raw) ||
      !SetValidity(raw, contents.validity) ||
      !AddName(X509_get_subject_name(raw), contents.common_name) ||
      X509_set_issuer_name(raw, X509_get_subject_name(issuer == nullptr ? raw : issuer)) != 1 ||
      X509_set_pubkey(raw, contents.public_key) != 1) {
    return OpensslFailure("cannot make a certificate for " + std::string(contents.common_name));
  }
  for (const auto& [nid, value] : contents.extensions) {
    if (!AddExtension(raw, issuer == nullptr ? raw : issuer, nid, value)) {
      return OpensslFailure("cannot put " + value + " into a certificate");
    }
  }
  if (X509_sign(raw, issuer_key, EVP_sha256()) == 0) return OpensslFailure("cannot sign a certificate");
  return certificate;
}

// "DNS:name" or "IP:address".
Result<std::string> AlternativeName(const std::string& name) {
  ASN1_OCTET_STRING* const address = a2i_IPADDRESS(name.c_str());
  if (address != nullptr) {
    ASN1_OCTET_STRING_free(address);
    return "IP:" + name;
  }
  ERR_clear_error();
  const bool is_host = !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
  });
  if (!is_host) {
    return Status(ErrorCode::kInvalidArgument, "\"" + name + "\" is neither a host's name nor an address");
  }
  return "DNS:" + name;
}

}  // namespace

Validity Validity::StartingAt(CloudTime now, int days) {
  return {now - std::chrono::hours(1), now + std::chrono::hours(24) * days};
}

Result<PrivateKeyPtr> MakeKey() {
  PrivateKeyPtr key(EVP_EC_gen(kCurve));
  if (key == nullptr) return OpensslFailure("cannot make a key");
  return key;
}

Result<Authority> Authority::Create(const std::string& name, Validity validity) {
  Result<PrivateKeyPtr> key = MakeKey();
  if (!key.ok()) return key.status();
  const Contents contents{name, key.value().get(), validity,
                          {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                           {NID_key_usage, "critical,keyCertSign,cRLSign"},
                           {NID_subject_key_identifier, "hash"}}};
  Result<X509Ptr> certificate = Sign(contents, nullptr, key.value().get());
  if (!certificate.ok()) return certificate.status();
  return Authority(Credentials{std::move(certificate).value(), std::move(key).value()});
}

Result<Authority> Authority::Load(const CertificateFolder& folder) {
  Result<Credentials> credentials = LoadCredentials(folder.ca(), folder.ca_key());
  if (!credentials.ok()) return credentials.status();
  if (X509_check_ca(credentials.value().certificate.get()) == 0) {
    return Status(ErrorCode::kInvalidArgument, folder.ca().string() + " is not an authority's certificate");
  }
  return Authority(std::move(credentials).value());
}

Result<X509Ptr> Authority::IssueVehicle(const VehicleId& vehicle, EVP_PKEY* public_key,
                                        Validity validity) const {
  const Contents contents{vehicle.view(), public_key, validity,
                          {{NID_basic_constraints, "critical,CA:FALSE"},
                           {NID_key_usage, "critical,digitalSignature"},
                           {NID_ext_key_usage, "clientAuth"},
                           {NID_subject_alt_name, "DNS:" + vehicle.ToString()},
                           {NID_authority_key_identifier, "keyid:always"}}};
  return Sign(contents, credentials_.certificate.get(), credentials_.key.get());
}

Result<X509Ptr> Authority::IssuePerson(const std::string& role_and_name, EVP_PKEY* public_key,
                                       Validity validity) const {
  if (role_and_name.find(':') == std::string::npos) {
    return Status(ErrorCode::kInvalidArgument, "\"" + role_and_name + "\" is not ROLE:NAME");
  }
  const Contents contents{role_and_name, public_key, validity,
                          {{NID_basic_constraints, "critical,CA:FALSE"},
                           {NID_key_usage, "critical,digitalSignature"},
                           {NID_ext_key_usage, "clientAuth"},
                           {NID_authority_key_identifier, "keyid:always"}}};
  return Sign(contents, credentials_.certificate.get(), credentials_.key.get());
}

Result<X509Ptr> Authority::IssueServer(const std::vector<std::string>& names, EVP_PKEY* public_key,
                                       Validity validity) const {
  if (names.empty()) return Status(ErrorCode::kInvalidArgument, "a server needs a name");
  std::string alternatives;
  for (const std::string& name : names) {
    const Result<std::string> alternative = AlternativeName(name);
    if (!alternative.ok()) return alternative.status();
    alternatives += (alternatives.empty() ? "" : ",") + alternative.value();
  }
  const Contents contents{names.front(), public_key, validity,
                          {{NID_basic_constraints, "critical,CA:FALSE"},
                           {NID_key_usage, "critical,digitalSignature"},
                           {NID_ext_key_usage, "serverAuth"},
                           {NID_subject_alt_name, alternatives},
                           {NID_authority_key_identifier, "keyid:always"}}};
  return Sign(contents, credentials_.certificate.get(), credentials_.key.get());
}

bool Authority::Issued(X509* certificate) const {
  const bool issued = X509_check_issued(credentials_.certificate.get(), certificate) == X509_V_OK &&
                      X509_verify(certificate, credentials_.key.get()) == 1;
  ERR_clear_error();
  return issued;
}

Result<RequestPtr> MakeRequest(const VehicleId& vehicle, EVP_PKEY* key) {
  ERR_clear_error();
  RequestPtr request(X509_REQ_new());
  if (request == nullptr || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      !AddName(X509_REQ_get_subject_name(request.get()), vehicle.view()) ||
      X509_REQ_set_pubkey(request.get(), key) != 1 ||
      X509_REQ_sign(request.get(), key, EVP_sha256()) == 0) {
    return OpensslFailure("cannot make a request for " + vehicle.ToString());
  }
  return request;
}

Result<VehicleId> CheckRequest(X509_REQ* request) {
  const auto refuse = [](const std::string& why) {
    ERR_clear_error();
    return Status(ErrorCode::kInvalidArgument, "the request " + why);
  };
  EVP_PKEY* const key = X509_REQ_get0_pubkey(request);
  std::array<char, 64> curve{};
  if (key == nullptr || EVP_PKEY_get_base_id(key) != EVP_PKEY_EC ||
      EVP_PKEY_get_group_name(key, curve.data(), curve.size(), nullptr) != 1 ||
      std::string_view(curve.data()) != "prime256v1") {
    return refuse("is not for a key on P-256");
  }
  if (X509_REQ_verify(request, key) != 1) return refuse("is not signed with the key that it is for");
  std::array<char, 256> name{};
  X509_NAME* const subject = X509_REQ_get_subject_name(request);
  const int length = X509_NAME_get_text_by_NID(subject, NID_commonName, name.data(), name.size());
  if (length < 0) return refuse("has no common name");
  const Result<VehicleId> vehicle =
      VehicleId::Parse(std::string_view(name.data(), static_cast<std::size_t>(length)));
  if (!vehicle.ok()) return refuse("names no vehicle: " + std::string(vehicle.status().message()));
  return vehicle;
}

}  // namespace starling::cloud
