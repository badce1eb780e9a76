#pragma once

#include <openssl/x509.h>

#include <string>
#include <vector>

#include "cloud/fleet_ca/pem_files.h"
#include "common/ids.h"
#include "common/status.h"
#include "common/time.h"
#include "common/tls/tls_context.h"

namespace starling::cloud {

// When a certificate is good: both ends included, to the second.
struct Validity {
  CloudTime from;
  CloudTime to;

  // From an hour ago (clocks differ) for `days`.
  static Validity StartingAt(CloudTime now, int days);
};

// A new key on P-256.
// Errors: kIoError if OpenSSL cannot make one.
Result<PrivateKeyPtr> MakeKey();

// A fleet's certificate authority: says who is a vehicle of the fleet and who is
// its cloud.
//
// Threading: thread-compatible.
class Authority {
 public:
  // A new one, with a new key.
  // Errors: kIoError if OpenSSL cannot make it.
  static Result<Authority> Create(const std::string& name, Validity validity);

  // One that was stored.
  // Errors: as LoadCredentials; kInvalidArgument if it is not an authority's certificate.
  static Result<Authority> Load(const CertificateFolder& folder);

  // For a vehicle: its name as common name and alternative name, client
  // authentication only.
  // Errors: kIoError if OpenSSL cannot sign.
  Result<X509Ptr> IssueVehicle(const VehicleId& vehicle, EVP_PKEY* public_key, Validity validity) const;

  // For a person or a program at the orchestrator's HTTP port, "ROLE:NAME" (docs/formats/access.md);
  // client authentication only.  No vehicle has such a name.
  // Errors: kInvalidArgument if it has no colon; kIoError if OpenSSL cannot sign.
  Result<X509Ptr> IssuePerson(const std::string& role_and_name, EVP_PKEY* public_key, Validity validity) const;

  // For a server under these names and addresses, the first one also as common name;
  // server authentication only.
  // Errors: kInvalidArgument if there is no name or one is neither a host's name nor
  //         an address; kIoError if OpenSSL cannot sign.
  Result<X509Ptr> IssueServer(const std::vector<std::string>& names, EVP_PKEY* public_key,
                              Validity validity) const;

  // True if `certificate` was signed by this authority.
  bool Issued(X509* certificate) const;

  const Credentials& credentials() const { return credentials_; }

 private:
  explicit Authority(Credentials credentials) : credentials_(std::move(credentials)) {}

  Credentials credentials_;
};

// A request by a vehicle that keeps its key to itself.
// Errors: kIoError if OpenSSL cannot sign.
Result<RequestPtr> MakeRequest(const VehicleId& vehicle, EVP_PKEY* key);

// Who asks: after checking that the request is signed with the key that it is for,
// that the key is on P-256 and that it names a vehicle.
// Errors: kInvalidArgument, saying which of these fails.
Result<VehicleId> CheckRequest(X509_REQ* request);

}  // namespace starling::cloud
