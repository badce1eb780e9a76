#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/ids.h"
#include "common/status.h"
#include "common/time.h"
#include "common/tls/ticket_keys.h"

namespace starling {

struct SslContextDeleter {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct SslDeleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
struct SslSessionDeleter {
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};
struct X509Deleter {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct PrivateKeyDeleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using SslContextPtr = std::unique_ptr<SSL_CTX, SslContextDeleter>;
using SslPtr = std::unique_ptr<SSL, SslDeleter>;
using SslSessionPtr = std::unique_ptr<SSL_SESSION, SslSessionDeleter>;
using X509Ptr = std::unique_ptr<X509, X509Deleter>;
using PrivateKeyPtr = std::unique_ptr<EVP_PKEY, PrivateKeyDeleter>;

// A certificate with its private key.
struct Credentials {
  X509Ptr certificate;
  PrivateKeyPtr key;
};

// Files of a fleet's certificate folder, as `starling init DIR` lays it out:
//   ca.pem ca.key ca.crl server.pem server.key ticket.key ticket.previous.key
//   replaced.txt vehicles/NAME.pem vehicles/NAME.key
struct CertificateFolder {
  std::filesystem::path root;

  std::filesystem::path ca() const { return root / "ca.pem"; }
  std::filesystem::path ca_key() const { return root / "ca.key"; }
  std::filesystem::path crl() const { return root / "ca.crl"; }
  std::filesystem::path server() const { return root / "server.pem"; }
  std::filesystem::path server_key() const { return root / "server.key"; }
  std::filesystem::path ticket_key() const { return root / "ticket.key"; }
  std::filesystem::path previous_ticket_key() const { return root / "ticket.previous.key"; }
  std::filesystem::path replaced() const { return root / "replaced.txt"; }
  std::filesystem::path vehicle(const VehicleId& id) const {
    return root / "vehicles" / (id.ToString() + ".pem");
  }
  std::filesystem::path vehicle_key(const VehicleId& id) const {
    return root / "vehicles" / (id.ToString() + ".key");
  }
};

// 2024-01-01.  A vehicle whose clock says less has not learnt the date yet.
inline constexpr CloudTime kEarliestPlausibleDate = CloudTime(std::chrono::seconds(1'704'067'200));

// How long a session can be resumed.
inline constexpr std::chrono::seconds kSessionLifetime = std::chrono::hours(12);

// Errors: kIoError if the file cannot be read; kInvalidArgument if it is not PEM of
//         the right kind.  The message names the file.
Result<X509Ptr> LoadCertificate(const std::filesystem::path& path);
// All certificates of a file, one behind the other; at least one.
Result<std::vector<X509Ptr>> LoadCertificates(const std::filesystem::path& path);
Result<PrivateKeyPtr> LoadPrivateKey(const std::filesystem::path& path);

// Errors: kIoError if a file cannot be read; kInvalidArgument if it is not PEM of
//         the right kind or certificate and key do not belong together.  The message
//         names the file.
Result<Credentials> LoadCredentials(const std::filesystem::path& certificate,
                                    const std::filesystem::path& key);

// TLS 1.3 only, mutual: a vehicle without a certificate of an authority in `ca` is
// refused.  Resumption by stateless tickets under the keys of `ticket_key` and
// `previous_ticket_key` (shared by gateways, survive restarts), of which a full
// handshake gives one; read buffers are released when idle.  No early data, no renegotiation.  A resumed session skips the
// certificate's verification, so each connection needs PeerVehicle, and whoever
// revokes needs to look at the certificate too.
//
// Errors: as LoadCredentials.
Result<SslContextPtr> MakeServerContext(const CertificateFolder& folder);

// TLS 1.3 only; verifies the server against `ca` and, set by MakeClientConnection,
// its name.  One context serves all vehicles of a process: the certificate is given
// to each connection.  Keeps no sessions: SSL_get1_session has the newest of a connection,
// for whoever wants to resume.
Result<SslContextPtr> MakeClientContext(const std::filesystem::path& ca);
// The same with authorities that were read before.
Result<SslContextPtr> MakeClientContext(const std::vector<X509Ptr>& authorities);

// A connection object for one vehicle.  `session` may be null; otherwise it is
// offered for resumption.  The server's validity is not checked while this
// machine's clock is before 2024: a vehicle that wakes up in 1970 still connects.
// Errors: kInvalidArgument if the credentials cannot be used.
Result<SslPtr> MakeClientConnection(SSL_CTX* context, const Credentials& credentials,
                                    const std::string& server_name, SSL_SESSION* session);

// Who is at the other end: the name in the peer's certificate, after checking that
// it has not expired and was made for a vehicle.  For resumed sessions too.
//
// Errors: kInvalidArgument if there is no certificate, its name is not a vehicle's
//         name, it is not for client authentication or is outside its validity.
Result<VehicleId> PeerVehicle(const SSL* ssl);

// The same for a certificate, perhaps null, at a given time.
Result<VehicleId> VehicleOf(X509* certificate, CloudTime now);

// OpenSSL's own words for the last failure of this thread; clears its queue.
std::string LastTlsError();

}  // namespace starling
