#include "common/tls/tls_context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

namespace starling {
namespace {

struct BioDeleter {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using BioPtr = std::unique_ptr<BIO, BioDeleter>;

// Both ends list the same, so that no handshake needs a second round trip.
constexpr const char* kGroups = "X25519:P-256";
constexpr const char* kCipherSuites =
    "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384";

// Tickets of another service, or of an incompatible version of this one, are
// not resumed.
constexpr unsigned char kSessionIdContext[] = "starling/1";

// A key with a passphrase is one that cannot be read: nobody is there to be asked for it.
int NoPassphrase(char*, int, int, void*) { return -1; }

Status TlsFailure(ErrorCode code, const std::string& what) {
  return Status(code, what + ": " + LastTlsError());
}

Result<BioPtr> OpenPem(const std::filesystem::path& path) {
  ERR_clear_error();
  errno = 0;
  BioPtr bio(BIO_new_file(path.c_str(), "r"));
  if (bio == nullptr) {
    const int error = errno;
    ERR_clear_error();
    return Status(ErrorCode::kIoError, "cannot read " + path.string() + ": " + std::strerror(error));
  }
  return bio;
}

// What server and client have in common.
Result<SslContextPtr> MakeContext(const SSL_METHOD* method, const std::vector<X509Ptr>& authorities) {
  SslContextPtr context(SSL_CTX_new(method));
  if (context == nullptr) return TlsFailure(ErrorCode::kIoError, "cannot make a TLS context");
  SSL_CTX* const raw = context.get();
  if (SSL_CTX_set_min_proto_version(raw, TLS1_3_VERSION) != 1 ||
      SSL_CTX_set1_groups_list(raw, kGroups) != 1 ||
      SSL_CTX_set_ciphersuites(raw, kCipherSuites) != 1) {
    return TlsFailure(ErrorCode::kIoError, "cannot set up TLS 1.3");
  }
  // An idle connection then holds no buffer: 10,000 of them take 230 MB, not 350.
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // Record header and body with one read().
  SSL_CTX_set_read_ahead(raw, 1);
  // A frame that was cut off is noticed by the frame codec.
  SSL_CTX_set_options(raw, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION);

  for (const X509Ptr& authority : authorities) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(raw), authority.get()) != 1) {
      return TlsFailure(ErrorCode::kInvalidArgument, "cannot use an authority");
    }
  }
  return context;
}

}  // namespace

Result<X509Ptr> LoadCertificate(const std::filesystem::path& path) {
  Result<BioPtr> file = OpenPem(path);
  if (!file.ok()) return file.status();
  X509Ptr certificate(PEM_read_bio_X509(file.value().get(), nullptr, nullptr, nullptr));
  if (certificate == nullptr) {
    return TlsFailure(ErrorCode::kInvalidArgument, path.string() + " holds no certificate");
  }
  return certificate;
}

// Not SSL_CTX_load_verify_file: it does not tell an unreadable file from one that
// holds no certificate, and takes one that is damaged behind its first one.
Result<std::vector<X509Ptr>> LoadCertificates(const std::filesystem::path& path) {
  Result<BioPtr> file = OpenPem(path);
  if (!file.ok()) return file.status();
  std::vector<X509Ptr> certificates;
  for (;;) {
    X509Ptr certificate(PEM_read_bio_X509(file.value().get(), nullptr, nullptr, nullptr));
    if (certificate == nullptr) break;
    certificates.push_back(std::move(certificate));
  }
  const bool whole = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (!whole || certificates.empty()) {
    const std::string what = certificates.empty() ? " holds no certificate" : " is damaged behind a certificate";
    return TlsFailure(ErrorCode::kInvalidArgument, path.string() + what);
  }
  ERR_clear_error();
  return certificates;
}

Result<PrivateKeyPtr> LoadPrivateKey(const std::filesystem::path& path) {
  Result<BioPtr> file = OpenPem(path);
  if (!file.ok()) return file.status();
  PrivateKeyPtr key(PEM_read_bio_PrivateKey(file.value().get(), nullptr, &NoPassphrase, nullptr));
  if (key == nullptr) {
    return TlsFailure(ErrorCode::kInvalidArgument, path.string() + " holds no private key");
  }
  return key;
}

Result<Credentials> LoadCredentials(const std::filesystem::path& certificate,
                                    const std::filesystem::path& key) {
  Result<X509Ptr> loaded_certificate = LoadCertificate(certificate);
  if (!loaded_certificate.ok()) return loaded_certificate.status();
  Result<PrivateKeyPtr> loaded_key = LoadPrivateKey(key);
  if (!loaded_key.ok()) return loaded_key.status();
  if (X509_check_private_key(loaded_certificate.value().get(), loaded_key.value().get()) != 1) {
    return TlsFailure(ErrorCode::kInvalidArgument,
                      key.string() + " is not the key of " + certificate.string());
  }
  return Credentials{std::move(loaded_certificate).value(), std::move(loaded_key).value()};
}

Result<SslContextPtr> MakeServerContext(const CertificateFolder& folder) {
  const Result<std::vector<X509Ptr>> authorities = LoadCertificates(folder.ca());
  if (!authorities.ok()) return authorities.status();
  Result<SslContextPtr> context = MakeContext(TLS_server_method(), authorities.value());
  if (!context.ok()) return context;
  SSL_CTX* const raw = context.value().get();

  const Result<Credentials> credentials = LoadCredentials(folder.server(), folder.server_key());
  if (!credentials.ok()) return credentials.status();
  if (SSL_CTX_use_certificate(raw, credentials.value().certificate.get()) != 1 ||
      SSL_CTX_use_PrivateKey(raw, credentials.value().key.get()) != 1) {
    return TlsFailure(ErrorCode::kInvalidArgument, "cannot use " + folder.server().string());
  }
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);

  Result<std::unique_ptr<TicketKeys>> tickets = TicketKeys::Load(folder.ticket_key(), folder.previous_ticket_key());
  if (!tickets.ok()) return tickets.status();
  if (Status status = TicketKeys::Use(std::move(tickets).value(), raw); !status.ok()) return status;
  SSL_CTX_set_session_id_context(raw, kSessionIdContext, sizeof(kSessionIdContext) - 1);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);  // The ticket is the session.
  SSL_CTX_set_timeout(raw, static_cast<long>(kSessionLifetime.count()));
  SSL_CTX_set_num_tickets(raw, 1);
  SSL_CTX_set_max_early_data(raw, 0);  // Early data can be replayed by anyone on the path.
  return context;
}

Result<SslContextPtr> MakeClientContext(const std::filesystem::path& ca) {
  const Result<std::vector<X509Ptr>> authorities = LoadCertificates(ca);
  if (!authorities.ok()) return authorities.status();
  return MakeClientContext(authorities.value());
}

Result<SslContextPtr> MakeClientContext(const std::vector<X509Ptr>& authorities) {
  Result<SslContextPtr> context = MakeContext(TLS_client_method(), authorities);
  if (!context.ok()) return context;
  SSL_CTX_set_verify(context.value().get(), SSL_VERIFY_PEER, nullptr);
  // With a cache, also one that keeps nothing, OpenSSL spoils a session that was used
  // once; a gateway that is busy sends the next ticket later.
  SSL_CTX_set_session_cache_mode(context.value().get(), SSL_SESS_CACHE_OFF);
  return context;
}

Result<SslPtr> MakeClientConnection(SSL_CTX* context, const Credentials& credentials,
                                    const std::string& server_name, SSL_SESSION* session) {
  ERR_clear_error();
  SslPtr ssl(SSL_new(context));
  if (ssl == nullptr) return TlsFailure(ErrorCode::kInvalidArgument, "cannot make a TLS connection");
  if (SSL_use_certificate(ssl.get(), credentials.certificate.get()) != 1 ||
      SSL_use_PrivateKey(ssl.get(), credentials.key.get()) != 1) {
    return TlsFailure(ErrorCode::kInvalidArgument, "cannot use the vehicle's credentials");
  }
  // An address is compared with the certificate's addresses, a name with its names.
  X509_VERIFY_PARAM* const verify = SSL_get0_param(ssl.get());
  if (X509_VERIFY_PARAM_set1_ip_asc(verify, server_name.c_str()) != 1) {
    ERR_clear_error();
    X509_VERIFY_PARAM_set_hostflags(verify, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (server_name.empty() || SSL_set1_host(ssl.get(), server_name.c_str()) != 1 ||
        SSL_set_tlsext_host_name(ssl.get(), server_name.c_str()) != 1) {
      return TlsFailure(ErrorCode::kInvalidArgument, "\"" + server_name + "\" is not a server's name");
    }
  }
  if (CloudNow() < kEarliestPlausibleDate) {
    X509_VERIFY_PARAM_set_flags(verify, X509_V_FLAG_NO_CHECK_TIME);
  }
  if (session != nullptr && SSL_set_session(ssl.get(), session) != 1) ERR_clear_error();
  SSL_set_connect_state(ssl.get());
  return ssl;
}

Result<VehicleId> VehicleOf(X509* certificate, CloudTime now) {
  const auto refuse = [](const std::string& why) {
    return Status(ErrorCode::kInvalidArgument, "peer's certificate " + why);
  };
  if (certificate == nullptr) return Status(ErrorCode::kInvalidArgument, "peer has no certificate");

  X509_NAME* const subject = X509_get_subject_name(certificate);
  const int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (index < 0) return refuse("has no common name");
  if (X509_NAME_get_index_by_NID(subject, NID_commonName, index) >= 0) {
    return refuse("has more than one common name");
  }
  unsigned char* text = nullptr;
  const int length =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
  if (length < 0) {
    ERR_clear_error();
    return refuse("has an unreadable common name");
  }
  const Result<VehicleId> vehicle =
      VehicleId::Parse({reinterpret_cast<const char*>(text), static_cast<std::size_t>(length)});
  OPENSSL_free(text);
  if (!vehicle.ok()) return refuse("names no vehicle: " + std::string(vehicle.status().message()));
  const std::string of = "of " + vehicle.value().ToString();

  // A certificate that says nothing about its use is good for anything, and so
  // not what our authority makes.
  if ((X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) == 0 ||
      (X509_get_extended_key_usage(certificate) & XKU_SSL_CLIENT) == 0) {
    return refuse(of + " is not for client authentication");
  }
  // X509_cmp_time: negative if the certificate's time is not after `at`.
  auto at = static_cast<std::time_t>(std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
  if (X509_cmp_time(X509_get0_notBefore(certificate), &at) >= 0) {
    return refuse(of + " is not valid yet");
  }
  if (X509_cmp_time(X509_get0_notAfter(certificate), &at) <= 0) return refuse(of + " has expired");
  return vehicle;
}

Result<VehicleId> PeerVehicle(const SSL* ssl) {
  return VehicleOf(SSL_get0_peer_certificate(ssl), CloudNow());
}

std::string LastTlsError() {
  // The first one is the cause; later ones are its callers.
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  if (error == 0) return "no further detail";
  const char* reason = ERR_reason_error_string(error);
  if (reason != nullptr) return reason;
  std::array<char, 160> text{};
  ERR_error_string_n(error, text.data(), text.size());
  return text.data();
}

}  // namespace starling
