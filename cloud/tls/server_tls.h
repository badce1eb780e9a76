#pragma once

#include <memory>
#include <vector>

#include "cloud/tls/revocation_list.h"
#include "common/ids.h"
#include "common/status.h"
#include "common/time.h"
#include "common/tls/tls_context.h"

namespace starling::cloud {

// What a server shows and whom it believes, at one moment.  A connection keeps what it
// began with; the next one gets what is there then.
//
// Threading: constant after it was made.
class ServerTls {
 public:
  // Reads a folder for the first time: every file has to be right.
  //
  // Errors: as MakeServerContext and RevocationList::Load.  A missing ca.crl is none:
  //         nobody is revoked.
  static Result<std::shared_ptr<const ServerTls>> Load(const CertificateFolder& folder);

  // What a folder says now.  Certificates with keys, and the revocation list, are two
  // parts: one that is broken stays as it is in `former`.
  struct Reloaded {
    std::shared_ptr<const ServerTls> tls;
    Status credentials;
    Status revocation;   // also if a list that was there is gone, or has an older number
  };
  static Reloaded Reload(const CertificateFolder& folder, const std::shared_ptr<const ServerTls>& former);

  // Who the peer is.  Checks what a resumed session has not: name, use, time, and that
  // the issuer is still an authority.  Revokes has to be asked too.
  //
  // Errors: kInvalidArgument.
  Result<VehicleId> Identify(const SSL* ssl, CloudTime now) const;

  // True if the peer's certificate is revoked.
  bool Revokes(const SSL* ssl) const;

  SSL_CTX* context() const { return context_.get(); }
  const RevocationList& revoked() const { return revoked_; }
  CloudTime server_expires() const { return server_expires_; }
  CloudTime authority_expires() const { return authority_expires_; }  // the first one of them

 private:
  ServerTls() = default;

  Status LoadCredentialsOf(const CertificateFolder& folder);
  void Share(const ServerTls& former);  // its credentials

  SslContextPtr context_;
  std::vector<X509Ptr> authorities_;
  RevocationList revoked_;
  CloudTime server_expires_;
  CloudTime authority_expires_;
};

}  // namespace starling::cloud
