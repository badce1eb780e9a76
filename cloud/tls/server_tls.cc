#include "cloud/tls/server_tls.h"

#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <system_error>
#include <utility>

namespace starling::cloud {
namespace {

CloudTime ExpiryOf(const X509* certificate) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) != 1) return {};
  return CloudTime(seconds(::timegm(&parts)));
}

}  // namespace

Status ServerTls::LoadCredentialsOf(const CertificateFolder& folder) {
  Result<SslContextPtr> context = MakeServerContext(folder);
  if (!context.ok()) return context.status();
  Result<std::vector<X509Ptr>> authorities = LoadCertificates(folder.ca());
  if (!authorities.ok()) return authorities.status();
  context_ = std::move(context).value();
  authorities_ = std::move(authorities).value();
  server_expires_ = ExpiryOf(SSL_CTX_get0_certificate(context_.get()));
  authority_expires_ = CloudTime::max();
  for (const X509Ptr& authority : authorities_) {
    authority_expires_ = std::min(authority_expires_, ExpiryOf(authority.get()));
  }
  return Status();
}

void ServerTls::Share(const ServerTls& former) {
  SSL_CTX_up_ref(former.context_.get());
  context_.reset(former.context_.get());
  authorities_.clear();
  for (const X509Ptr& authority : former.authorities_) {
    X509_up_ref(authority.get());
    authorities_.emplace_back(authority.get());
  }
  server_expires_ = former.server_expires_;
  authority_expires_ = former.authority_expires_;
}

Result<std::shared_ptr<const ServerTls>> ServerTls::Load(const CertificateFolder& folder) {
  std::shared_ptr<ServerTls> tls(new ServerTls);
  if (Status status = tls->LoadCredentialsOf(folder); !status.ok()) return status;
  std::error_code ignored;
  if (std::filesystem::exists(folder.crl(), ignored)) {
    Result<RevocationList> revoked = RevocationList::Load(folder.crl(), tls->authorities_);
    if (!revoked.ok()) return revoked.status();
    tls->revoked_ = std::move(revoked).value();
  }
  return std::shared_ptr<const ServerTls>(std::move(tls));
}

ServerTls::Reloaded ServerTls::Reload(const CertificateFolder& folder,
                                      const std::shared_ptr<const ServerTls>& former) {
  Reloaded outcome;
  std::shared_ptr<ServerTls> tls(new ServerTls);
  outcome.credentials = tls->LoadCredentialsOf(folder);
  if (!outcome.credentials.ok()) tls->Share(*former);
  std::error_code ignored;
  if (std::filesystem::exists(folder.crl(), ignored)) {
    Result<RevocationList> revoked = RevocationList::Load(folder.crl(), tls->authorities_);
    outcome.revocation =
        revoked.ok() ? revoked.value().Follows(former->revoked_, tls->authorities_) : revoked.status();
    if (outcome.revocation.ok()) tls->revoked_ = std::move(revoked).value();
  } else if (!former->revoked_.empty()) {
    outcome.revocation = Status(ErrorCode::kIoError, folder.crl().string() + " is gone");
  }
  if (!outcome.revocation.ok()) tls->revoked_ = former->revoked_;
  outcome.tls = std::move(tls);
  return outcome;
}

Result<VehicleId> ServerTls::Identify(const SSL* ssl, CloudTime now) const {
  X509* const certificate = SSL_get0_peer_certificate(ssl);
  Result<VehicleId> vehicle = VehicleOf(certificate, now);
  if (!vehicle.ok()) return vehicle;
  // No signature: a session's certificate was verified when its ticket was sealed, and
  // the ticket is sealed with a key of ours.
  const bool trusted = std::ranges::any_of(authorities_, [&](const X509Ptr& authority) {
    return X509_check_issued(authority.get(), certificate) == X509_V_OK;
  });
  if (!trusted) {
    return Status(ErrorCode::kInvalidArgument,
                  "peer's certificate of " + vehicle.value().ToString() + " is by an authority that left ca.pem");
  }
  return vehicle;
}

bool ServerTls::Revokes(const SSL* ssl) const {
  X509* const certificate = SSL_get0_peer_certificate(ssl);
  return certificate != nullptr && revoked_.Revokes(certificate);
}

}  // namespace starling::cloud
