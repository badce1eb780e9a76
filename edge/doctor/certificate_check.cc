#include <openssl/x509.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdio>
#include <ctime>

#include "common/tls/tls_context.h"
#include "edge/doctor/doctor.h"
#include "edge/uplink/vehicle_identity.h"

namespace starling::edge {
namespace {

constexpr const char* kStep = "certificate";
constexpr int kRenewDays = 30;

std::time_t ToUnix(CloudTime time) {
  return static_cast<std::time_t>(std::chrono::duration_cast<seconds>(time.time_since_epoch()).count());
}

std::string Date(const ASN1_TIME* time) {
  std::tm utc{};
  char text[32] = "?";
  if (ASN1_TIME_to_tm(time, &utc) == 1) std::strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &utc);
  return text;
}

Finding Unreadable(const Status& status) {
  const bool missing_rights = status.message().find("Permission denied") != std::string_view::npos;
  return Failed(kStep, std::string(status.message()),
                missing_rights ? "let the agent's user read it: chown starling-edge FILE, chmod 600 FILE"
                               : "put the file there, or name the right one: ca, cert and key");
}

}  // namespace

Finding ExamineCertificate(const DoctorConfig& config, CloudTime now) {
  const Result<std::vector<X509Ptr>> authorities = LoadCertificates(config.ca);
  if (!authorities.ok()) return Unreadable(authorities.status());
  const Result<Credentials> credentials = LoadCredentials(config.certificate, config.key);
  if (!credentials.ok()) return Unreadable(credentials.status());

  struct stat about {};
  if (::stat(config.key.c_str(), &about) == 0 && (about.st_mode & (S_IROTH | S_IWOTH | S_IWGRP)) != 0) {
    char mode[8];
    std::snprintf(mode, sizeof(mode), "%04o", static_cast<unsigned>(about.st_mode & 07777));
    return Failed(kStep, config.key + " has mode " + mode + ": others can read or change this vehicle's key",
                  "chmod 600 " + config.key + "; if others may have read it, revoke the certificate");
  }

  X509* const certificate = credentials.value().certificate.get();
  std::time_t at = ToUnix(now);
  if (X509_cmp_time(X509_get0_notBefore(certificate), &at) > 0) {
    return Failed(kStep, config.certificate + " is valid from " + Date(X509_get0_notBefore(certificate)) + " on",
                  "set this machine's clock, which says less");
  }
  if (X509_cmp_time(X509_get0_notAfter(certificate), &at) < 0) {
    return Failed(kStep, config.certificate + " has expired: " + Date(X509_get0_notAfter(certificate)),
                  "have it renewed: starling request here, starling sign --replace where the authority is");
  }
  if (const int why = VerifyChain(certificate, authorities.value(), now); why != X509_V_OK) {
    return Failed(kStep, config.certificate + " is not of an authority in " + config.ca + ": " +
                             X509_verify_cert_error_string(why),
                  "take certificate and ca.pem of one fleet");
  }
  const Result<VehicleId> vehicle = VehicleOf(certificate, now);
  if (!vehicle.ok()) {
    return Failed(kStep, config.certificate + ": " + std::string(vehicle.status().message()),
                  "take a certificate that starling sign has made for a vehicle");
  }
  const std::string detail =
      vehicle.value().ToString() + ", until " + Date(X509_get0_notAfter(certificate));
  std::time_t soon = at + kRenewDays * 86'400;
  if (X509_cmp_time(X509_get0_notAfter(certificate), &soon) < 0) {
    return Warning(kStep, detail, "have it renewed: it is good for less than " + std::to_string(kRenewDays) + " days");
  }
  return Fine(kStep, detail);
}

}  // namespace starling::edge
