#include "cloud/fleet_ca/fleet_ca.h"

#include <openssl/err.h>
#include <openssl/rand.h>

#include <array>
#include <ctime>
#include <system_error>
#include <utility>

#include "cloud/fleet_ca/pem_files.h"
#include "cloud/fleet_ca/revocation.h"

namespace starling::cloud {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kVehiclesMax = 99'999;  // Five digits.
constexpr int kDaysMax = 36'500;
constexpr int kAuthorityDays = 3'650;
constexpr std::size_t kProgressEvery = 100;

bool Exists(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

Status MakeFolder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return Status(ErrorCode::kIoError, "cannot make " + path.string() + ": " + error.message());
  return Status();
}

Status ForeignCertificate(const fs::path& path) {
  return Status(ErrorCode::kInvalidArgument,
                path.string() + " was made by another authority than this folder's ca.pem; "
                                "move it away or use another folder");
}

Result<Authority> LoadOrMakeAuthority(const CertificateFolder& folder, CloudTime now, bool* made) {
  if (Exists(folder.ca()) != Exists(folder.ca_key())) {
    const fs::path missing = Exists(folder.ca()) ? folder.ca_key() : folder.ca();
    return Status(ErrorCode::kInvalidArgument,
                  missing.string() + " is missing beside its other half; put it back or use another folder");
  }
  if (Exists(folder.ca())) return Authority::Load(folder);
  Result<Authority> authority =
      Authority::Create("Starling fleet authority", Validity::StartingAt(now, kAuthorityDays));
  if (!authority.ok()) return authority;
  // The key first: a certificate without its key would be refused next time.
  Status status = WriteKey(folder.ca_key(), authority.value().credentials().key.get());
  if (status.ok()) status = WriteCertificate(folder.ca(), authority.value().credentials().certificate.get());
  if (!status.ok()) return status;
  *made = true;
  return authority;
}

Status MakeServer(const CertificateFolder& folder, const Authority& authority, const FleetConfig& config,
                  CloudTime now, bool* made) {
  if (Exists(folder.server()) && Exists(folder.server_key())) {
    const Result<X509Ptr> server = LoadCertificate(folder.server());
    if (!server.ok()) return server.status();
    return authority.Issued(server.value().get()) ? Status() : ForeignCertificate(folder.server());
  }
  std::vector<std::string> names{"starling-cloud", "localhost", "127.0.0.1"};
  names.insert(names.end(), config.server_names.begin(), config.server_names.end());
  const Result<PrivateKeyPtr> key = MakeKey();
  if (!key.ok()) return key.status();
  const Result<X509Ptr> certificate =
      authority.IssueServer(names, key.value().get(), Validity::StartingAt(now, config.days));
  if (!certificate.ok()) return certificate.status();
  Status status = WriteKey(folder.server_key(), key.value().get());
  if (status.ok()) status = WriteCertificate(folder.server(), certificate.value().get());
  *made = status.ok();
  return status;
}

Status MakeTicketKey(const CertificateFolder& folder) {
  if (Exists(folder.ticket_key())) return Status();
  std::array<unsigned char, kTicketKeyBytes> key{};
  if (RAND_bytes(key.data(), static_cast<int>(key.size())) != 1) {
    return Status(ErrorCode::kIoError, "no randomness for the ticket key: " + LastTlsError());
  }
  return WriteFile(folder.ticket_key(), {reinterpret_cast<const char*>(key.data()), key.size()},
                   Secrecy::kSecret);
}

// Before another certificate takes its place.
Status RememberFormer(const CertificateFolder& folder, const VehicleId& vehicle) {
  if (!Exists(folder.vehicle(vehicle))) return Status();
  const Result<X509Ptr> former = LoadCertificate(folder.vehicle(vehicle));
  if (!former.ok()) return former.status();
  return RememberReplaced(folder, vehicle, former.value().get());
}

Status MakeVehicle(const CertificateFolder& folder, const Authority& authority, const VehicleId& vehicle,
                   int days, CloudTime now, FleetReport* report) {
  const fs::path path = folder.vehicle(vehicle);
  if (Exists(path) && Exists(folder.vehicle_key(vehicle))) {
    const Result<X509Ptr> certificate = LoadCertificate(path);
    if (!certificate.ok()) return certificate.status();
    if (!authority.Issued(certificate.value().get())) return ForeignCertificate(path);
    ++report->vehicles_kept;
    if (!VehicleOf(certificate.value().get(), now).ok()) ++report->vehicles_expired;
    return Status();
  }
  const Result<PrivateKeyPtr> key = MakeKey();
  if (!key.ok()) return key.status();
  const Result<X509Ptr> certificate =
      authority.IssueVehicle(vehicle, key.value().get(), Validity::StartingAt(now, days));
  if (!certificate.ok()) return certificate.status();
  Status status = RememberFormer(folder, vehicle);
  if (status.ok()) status = WriteKey(folder.vehicle_key(vehicle), key.value().get());
  if (status.ok()) status = WriteCertificate(path, certificate.value().get());
  if (status.ok()) ++report->vehicles_made;
  return status;
}

}  // namespace

Status FleetConfig::Validate() const {
  if (vehicles > kVehiclesMax) {
    return Status(ErrorCode::kInvalidArgument, "vehicles is " + std::to_string(vehicles) +
                                                   ", must be at most " + std::to_string(kVehiclesMax));
  }
  if (days < 1 || days > kDaysMax) {
    return Status(ErrorCode::kInvalidArgument,
                  "days is " + std::to_string(days) + ", must be 1 to " + std::to_string(kDaysMax));
  }
  if (const Result<VehicleId> name = NumberedVehicle(prefix, 1); !name.ok()) {
    return Status(ErrorCode::kInvalidArgument,
                  "prefix \"" + prefix + "\": " + std::string(name.status().message()));
  }
  return Status();
}

Result<VehicleId> NumberedVehicle(std::string_view prefix, std::size_t number) {
  std::string digits = std::to_string(number);
  if (digits.size() < 5) digits.insert(0, 5 - digits.size(), '0');
  return VehicleId::Parse(std::string(prefix) + digits);
}

Result<FleetReport> InitFleet(const CertificateFolder& folder, const FleetConfig& config, CloudTime now,
                              const std::function<void(std::size_t, std::size_t)>& progress) {
  Status status = config.Validate();
  if (status.ok()) status = MakeFolder(folder.root / "vehicles");
  if (!status.ok()) return status;
  FleetReport report;
  const Result<Authority> authority = LoadOrMakeAuthority(folder, now, &report.authority_made);
  if (!authority.ok()) return authority.status();
  status = MakeServer(folder, authority.value(), config, now, &report.server_made);
  if (status.ok()) status = MakeTicketKey(folder);
  for (std::size_t number = 1; status.ok() && number <= config.vehicles; ++number) {
    const VehicleId vehicle = NumberedVehicle(config.prefix, number).value();
    status = MakeVehicle(folder, authority.value(), vehicle, config.days, now, &report);
    if (progress && (number % kProgressEvery == 0 || number == config.vehicles)) {
      progress(number, config.vehicles);
    }
  }
  if (!status.ok()) return status;
  return report;
}

Status RequestCertificate(const VehicleId& vehicle, const fs::path& out) {
  const fs::path key_path = out / (vehicle.ToString() + ".key");
  if (Exists(key_path)) {
    return Status(ErrorCode::kInvalidArgument, key_path.string() + " is there already; it is not replaced");
  }
  if (Status status = MakeFolder(out); !status.ok()) return status;
  const Result<PrivateKeyPtr> key = MakeKey();
  if (!key.ok()) return key.status();
  const Result<RequestPtr> request = MakeRequest(vehicle, key.value().get());
  if (!request.ok()) return request.status();
  if (Status status = WriteKey(key_path, key.value().get()); !status.ok()) return status;
  return WriteRequest(out / (vehicle.ToString() + ".csr"), request.value().get());
}

Result<VehicleId> SignRequest(const CertificateFolder& folder, const fs::path& request,
                              const std::optional<VehicleId>& name, bool replace, int days,
                              CloudTime now) {
  FleetConfig limits;
  limits.days = days;
  if (Status status = limits.Validate(); !status.ok()) return status;
  const Result<Authority> authority = Authority::Load(folder);
  if (!authority.ok()) return authority.status();
  const Result<RequestPtr> loaded = LoadRequest(request);
  if (!loaded.ok()) return loaded.status();
  const Result<VehicleId> vehicle = CheckRequest(loaded.value().get());
  if (!vehicle.ok()) return vehicle;
  if (name && *name != vehicle.value()) {
    return Status(ErrorCode::kInvalidArgument, "the request is by " + vehicle.value().ToString() +
                                                   ", not by " + name->ToString());
  }
  const fs::path path = folder.vehicle(vehicle.value());
  if (Exists(path) && !replace) {
    return Status(ErrorCode::kInvalidArgument,
                  path.string() + " is there already; --replace issues another one, and the old one "
                                  "stays good until it expires or the vehicle is revoked");
  }
  const Result<X509Ptr> certificate =
      authority.value().IssueVehicle(vehicle.value(), X509_REQ_get0_pubkey(loaded.value().get()),
                                     Validity::StartingAt(now, days));
  if (!certificate.ok()) return certificate.status();
  if (Status status = MakeFolder(folder.root / "vehicles"); !status.ok()) return status;
  if (Status status = RememberFormer(folder, vehicle.value()); !status.ok()) return status;
  if (Status status = WriteCertificate(path, certificate.value().get()); !status.ok()) return status;
  return vehicle;
}

}  // namespace starling::cloud
