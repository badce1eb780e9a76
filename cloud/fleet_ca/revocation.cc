#include "cloud/fleet_ca/revocation.h"

#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <set>
#include <sstream>
#include <system_error>
#include <utility>

#include "cloud/fleet_ca/authority.h"
#include "cloud/fleet_ca/fleet_ca.h"
#include "cloud/fleet_ca/pem_files.h"
#include "cloud/tls/revocation_list.h"

namespace starling::cloud {
namespace {

namespace fs = std::filesystem;

struct IntegerDeleter {
  void operator()(ASN1_INTEGER* integer) const { ASN1_INTEGER_free(integer); }
};
struct TimeDeleter {
  void operator()(ASN1_TIME* time) const { ASN1_TIME_free(time); }
};
using IntegerPtr = std::unique_ptr<ASN1_INTEGER, IntegerDeleter>;
using TimePtr = std::unique_ptr<ASN1_TIME, TimeDeleter>;

Status Wrong(const std::string& what) { return Status(ErrorCode::kInvalidArgument, what); }

Status OpensslFailure(const std::string& what) { return Status(ErrorCode::kIoError, what + ": " + LastTlsError()); }

TimePtr ToAsn1(CloudTime time) {
  return TimePtr(ASN1_TIME_set(
      nullptr, static_cast<std::time_t>(std::chrono::floor<seconds>(time.time_since_epoch()).count())));
}

std::optional<CloudTime> FromAsn1(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return CloudTime(seconds(::timegm(&parts)));
}

// Upper-case hexadecimal as SerialText has it: no colons, an even number of digits.
Result<std::string> ParseSerial(const std::string& text) {
  std::string digits;
  for (const char c : text) {
    if (c == ':') continue;
    if (std::isxdigit(static_cast<unsigned char>(c)) == 0) return Wrong("\"" + text + "\" is not a serial number");
    digits += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  if (digits.empty() || digits.size() > kSerialDigitsMax) return Wrong("\"" + text + "\" is not a serial number");
  if (digits.size() % 2 != 0) digits.insert(0, 1, '0');
  return digits;
}

IntegerPtr ToAsn1(const std::string& serial) {
  BIGNUM* number = nullptr;
  BN_hex2bn(&number, serial.c_str());
  IntegerPtr integer(BN_to_ASN1_INTEGER(number, nullptr));
  BN_free(number);
  return integer;
}

// The lists in the file, the own one apart; no file is no list.
struct Stored {
  CrlPtr own;
  std::vector<CrlPtr> others;
};

Result<Stored> LoadStored(const CertificateFolder& folder) {
  Stored stored;
  std::error_code ignored;
  if (!fs::exists(folder.crl(), ignored)) return stored;
  const Result<std::vector<X509Ptr>> authorities = LoadCertificates(folder.ca());
  if (!authorities.ok()) return authorities.status();
  Result<std::vector<CrlPtr>> crls = LoadCrls(folder.crl());
  if (!crls.ok()) return crls.status();
  for (CrlPtr& crl : crls.value()) {
    const auto signer = std::ranges::find_if(
        authorities.value(), [&](const X509Ptr& authority) { return IsSignedBy(crl.get(), authority.get()); });
    if (signer == authorities.value().end()) {
      return Wrong(folder.crl().string() + " has a list that no authority of ca.pem has signed, or that was altered");
    }
    // The first authority of ca.pem is the one whose key is beside it.
    if (signer == authorities.value().begin()) {
      stored.own = std::move(crl);
    } else {
      stored.others.push_back(std::move(crl));
    }
  }
  return stored;
}

RevocationSummary Summarise(X509_CRL* crl) {
  RevocationSummary summary;
  if (crl == nullptr) return summary;
  summary.number = NumberOf(crl);
  summary.this_update = FromAsn1(X509_CRL_get0_lastUpdate(crl));
  summary.next_update = FromAsn1(X509_CRL_get0_nextUpdate(crl));
  STACK_OF(X509_REVOKED)* const entries = X509_CRL_get_REVOKED(crl);
  for (int i = 0; i < sk_X509_REVOKED_num(entries); ++i) {
    X509_REVOKED* const entry = sk_X509_REVOKED_value(entries, i);
    summary.entries.push_back(
        {SerialText(X509_REVOKED_get0_serialNumber(entry)), FromAsn1(X509_REVOKED_get0_revocationDate(entry))});
  }
  return summary;
}

// Of every certificate that the vehicle has had, as far as this folder knows.
Result<std::vector<std::string>> SerialsOf(const CertificateFolder& folder, const Authority& authority,
                                           const VehicleId& vehicle) {
  std::vector<std::string> serials;
  std::error_code ignored;
  if (fs::exists(folder.vehicle(vehicle), ignored)) {
    const Result<X509Ptr> certificate = LoadCertificate(folder.vehicle(vehicle));
    if (!certificate.ok()) return certificate.status();
    if (!authority.Issued(certificate.value().get())) {
      return Wrong(folder.vehicle(vehicle).string() + " was made by another authority");
    }
    serials.push_back(SerialText(X509_get0_serialNumber(certificate.value().get())));
  }
  std::ifstream replaced(folder.replaced());
  std::string line;
  while (std::getline(replaced, line)) {
    std::istringstream fields(line);
    std::string name;
    std::string serial;
    if (!(fields >> name >> serial) || name != vehicle.view()) continue;
    const Result<std::string> parsed = ParseSerial(serial);
    if (!parsed.ok()) return Wrong(folder.replaced().string() + ": " + std::string(parsed.status().message()));
    serials.push_back(parsed.value());
  }
  if (serials.empty()) {
    return Wrong("this folder has no certificate of " + vehicle.ToString() +
                 "; revoke it by its number: --serial HEX");
  }
  return serials;
}

bool SetNumber(X509_CRL* crl, std::uint64_t number) {
  const IntegerPtr integer(ASN1_INTEGER_new());
  return integer != nullptr && ASN1_INTEGER_set_uint64(integer.get(), number) == 1 &&
         X509_CRL_add1_ext_i2d(crl, NID_crl_number, integer.get(), 0, 0) == 1;
}

bool SetAuthorityKey(X509_CRL* crl, X509* authority) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, authority, nullptr, nullptr, crl, 0);
  X509_EXTENSION* const extension =
      X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid:always");
  const bool added = extension != nullptr && X509_CRL_add_ext(crl, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

bool AddEntry(X509_CRL* crl, const std::string& serial, const ASN1_TIME* when) {
  X509_REVOKED* const entry = X509_REVOKED_new();
  const IntegerPtr number = ToAsn1(serial);
  const bool made = entry != nullptr && number != nullptr &&
                    X509_REVOKED_set_serialNumber(entry, number.get()) == 1 &&
                    X509_REVOKED_set_revocationDate(entry, const_cast<ASN1_TIME*>(when)) == 1;
  if (made && X509_CRL_add0_revoked(crl, entry) == 1) return true;
  X509_REVOKED_free(entry);
  return false;
}

// Version 2, with what the former list had and the new serials.
Result<CrlPtr> MakeCrl(const Authority& authority, X509_CRL* former, const std::set<std::string>& fresh, int days,
                       CloudTime now) {
  ERR_clear_error();
  CrlPtr crl(X509_CRL_new());
  X509* const issuer = authority.credentials().certificate.get();
  const TimePtr this_update = ToAsn1(now);
  const TimePtr next_update = ToAsn1(now + std::chrono::hours(24) * days);
  bool made = crl != nullptr && X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2) == 1 &&
              X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(issuer)) == 1 &&
              X509_CRL_set1_lastUpdate(crl.get(), this_update.get()) == 1 &&
              X509_CRL_set1_nextUpdate(crl.get(), next_update.get()) == 1 &&
              SetAuthorityKey(crl.get(), issuer) &&
              SetNumber(crl.get(), former == nullptr ? 1 : NumberOf(former) + 1);
  STACK_OF(X509_REVOKED)* const entries = former == nullptr ? nullptr : X509_CRL_get_REVOKED(former);
  for (int i = 0; made && i < sk_X509_REVOKED_num(entries); ++i) {
    X509_REVOKED* const copy = X509_REVOKED_dup(sk_X509_REVOKED_value(entries, i));
    made = copy != nullptr && X509_CRL_add0_revoked(crl.get(), copy) == 1;
  }
  for (const std::string& serial : fresh) made = made && AddEntry(crl.get(), serial, this_update.get());
  if (!made || X509_CRL_sort(crl.get()) != 1 ||
      X509_CRL_sign(crl.get(), authority.credentials().key.get(), EVP_sha256()) == 0) {
    return OpensslFailure("cannot make a revocation list");
  }
  return crl;
}

}  // namespace

Result<RevocationSummary> ReadRevocations(const CertificateFolder& folder) {
  const Result<Stored> stored = LoadStored(folder);
  if (!stored.ok()) return stored.status();
  return Summarise(stored.value().own.get());
}

Result<RevocationSummary> Revoke(const CertificateFolder& folder, const std::vector<VehicleId>& vehicles,
                                 const std::vector<std::string>& serials, int days, CloudTime now) {
  FleetConfig limits;
  limits.days = days;
  if (Status status = limits.Validate(); !status.ok()) return status;
  const Result<Authority> authority = Authority::Load(folder);
  if (!authority.ok()) return authority.status();
  Result<Stored> stored = LoadStored(folder);
  if (!stored.ok()) return stored.status();

  std::set<std::string> fresh;
  for (const VehicleId& vehicle : vehicles) {
    const Result<std::vector<std::string>> found = SerialsOf(folder, authority.value(), vehicle);
    if (!found.ok()) return found.status();
    fresh.insert(found.value().begin(), found.value().end());
  }
  for (const std::string& serial : serials) {
    const Result<std::string> parsed = ParseSerial(serial);
    if (!parsed.ok()) return parsed.status();
    fresh.insert(parsed.value());
  }
  for (const RevocationSummary::Entry& entry : Summarise(stored.value().own.get()).entries) {
    fresh.erase(entry.serial);
  }

  Result<CrlPtr> crl = MakeCrl(authority.value(), stored.value().own.get(), fresh, days, now);
  if (!crl.ok()) return crl.status();
  std::vector<X509_CRL*> all{crl.value().get()};
  for (const CrlPtr& other : stored.value().others) all.push_back(other.get());
  if (Status status = WriteCrls(folder.crl(), all); !status.ok()) return status;
  RevocationSummary summary = Summarise(crl.value().get());
  summary.added = fresh.size();
  return summary;
}

Status RememberReplaced(const CertificateFolder& folder, const VehicleId& vehicle, X509* certificate) {
  const std::string line =
      vehicle.ToString() + " " + SerialText(X509_get0_serialNumber(certificate)) + "\n";
  const fs::path path = folder.replaced();
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const bool written = file >= 0 && ::write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  const int error = errno;
  if (file >= 0) ::close(file);
  if (written) return Status();
  return Status(ErrorCode::kIoError, "cannot write " + path.string() + ": " + std::strerror(error));
}

Status RotateTicketKey(const CertificateFolder& folder) {
  std::array<unsigned char, kTicketKeyBytes> key{};
  if (RAND_bytes(key.data(), static_cast<int>(key.size())) != 1) {
    return Status(ErrorCode::kIoError, "no randomness for the ticket key: " + LastTlsError());
  }
  std::error_code error;
  // A copy, so that there is a ticket.key at every moment.
  if (fs::exists(folder.ticket_key(), error)) {
    std::ifstream file(folder.ticket_key(), std::ios::binary);
    std::array<char, kTicketKeyBytes> former{};
    file.read(former.data(), static_cast<std::streamsize>(former.size()));
    if (file.gcount() != static_cast<std::streamsize>(former.size())) {
      return Wrong(folder.ticket_key().string() + " is not a ticket key; remove it first");
    }
    const Status kept = WriteFile(folder.previous_ticket_key(), former, Secrecy::kSecret);
    OPENSSL_cleanse(former.data(), former.size());
    if (!kept.ok()) return kept;
  }
  const Status written = WriteFile(folder.ticket_key(), {reinterpret_cast<const char*>(key.data()), key.size()},
                                   Secrecy::kSecret);
  OPENSSL_cleanse(key.data(), key.size());
  return written;
}

}  // namespace starling::cloud
