#pragma once

#include <openssl/ssl.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cloud/console/access_rates.h"
#include "cloud/console/access_tokens.h"
#include "cloud/console/figures.h"
#include "cloud/console/routes.h"
#include "cloud/tls/revocation_list.h"
#include "common/status.h"
#include "common/time.h"
#include "common/tls/tls_context.h"

namespace starling::cloud {

// Who is let in at the HTTP port, and how: docs/decisions/0023-access.md.
struct AccessConfig {
  std::string tokens;          // file made by `starling tokens`; empty: none
  std::string certificate;     // PEM, with those of its issuers behind it; with `key`: HTTPS
  std::string key;             // PEM
  std::string client_ca;       // PEM; who shows a certificate of these is whom it names; needs HTTPS
  std::string client_crl;      // PEM; which of them are revoked
  std::string session_key;     // file, made if it is missing; empty: sessions end with the process
  double requests_per_second = 200;   // of one address, and of one name; [1, 1e6]
  double requests_burst = 800;        // [1, 1e6]
  std::size_t body_bytes_max = 16'384;  // [256, 1 MiB]; of a POST
  seconds session{12 * 3'600};        // how long a browser stays signed in; [60 s, 31 days]

  // Somebody is asked who they are.  If not, all may look and nobody may command.
  bool asks() const { return !tokens.empty() || !client_ca.empty(); }
  bool encrypts() const { return !certificate.empty(); }

  Status Validate() const;
};

// Who sent a request.
struct Caller {
  enum class How : std::uint8_t { kNobody, kOpen, kToken, kSession, kCertificate };

  How how = How::kNobody;
  AccessRole role = AccessRole::kStranger;
  std::string name;            // empty: nobody was asked
  TokenDigest digest{};        // of the token, or of that which the session was opened with
  std::optional<CloudTime> until;
  std::uint64_t generation = 0;  // of the authorities that a certificate was held against
};

// What of a request decides whether it may.
struct AccessRequest {
  std::string_view method;         // "GET"
  std::string_view path;           // without the query
  std::string_view authorization;  // the header fields of these names; empty: not there
  std::string_view cookie;
  std::string_view origin;
  std::string_view host;
  std::string_view fetch_site;     // Sec-Fetch-Site
  bool wants_page = false;         // a browser shows the answer to a person
  bool upgrades = false;           // WebSocket
  std::string address;             // of the peer
  X509* certificate = nullptr;     // that the peer showed and TLS has verified
};

using HeaderFields = std::vector<std::pair<std::string, std::string>>;

// An answer with fields of its own.
struct Reply {
  Answer answer;
  HeaderFields fields;
};

// The decision on one request: either it may, or `refusal` is what it gets.
struct AccessDecision {
  Caller caller;
  std::optional<Reply> refusal;
};

// The door of the HTTP port: says of every request, whatever its path and method, who sent it
// and whether they may, before anything else looks at it.
//
// Threading: thread-compatible; the console's thread owns it.
class Access {
 public:
  using Clock = AccessRates::Clock;

  explicit Access(const AccessConfig& config);

  // Reads all files.
  // Errors: those of the files, each named.
  Status Open();

  // Looks whether files have changed, and takes over those that have, once they have stopped
  // changing; what is broken is said, and what was in force stays so.  Call it every kLookInterval.
  void Look(CloudTime now);
  static constexpr milliseconds kLookInterval{250};

  // Null: plain HTTP.
  SSL_CTX* tls() const { return tls_.get(); }

  AccessDecision Admit(const AccessRequest& request, CloudTime now, Clock::time_point at);

  // Whoever was admitted may stay; false: what they came with was revoked, or has expired.
  bool Holds(const Caller& caller, CloudTime now) const;

  // /v1/session: POST signs a browser in, DELETE out, GET says who it is.
  Reply AnswerSession(std::string_view method, std::string_view content_type, std::string_view body,
                      const Caller& caller, CloudTime now);
  // /v1/access: the names that may, for admins.
  Answer AnswerAccess(CloudTime now) const;

  // That every answer has.
  const HeaderFields& fields() const { return fields_; }

  void CountHandshakeFailure() { ++handshakes_failed_; }
  void AppendFigures(std::vector<Figure>* figures) const;

  // Of the authorities: a certificate that was verified by former ones counts no longer.
  std::uint64_t generation() const { return generation_; }

 private:
  struct FileState {
    std::int64_t changed_ns = 0;       // 0: not there
    std::int64_t bytes = 0;
    std::uint64_t inode = 0;
    friend bool operator==(const FileState&, const FileState&) = default;
  };
  using FileStates = std::array<FileState, 5>;

  FileStates LookAtFiles() const;
  Status ReadTokens();
  Status ReadTls();
  Status ReadSessionKey();
  Caller Identify(const AccessRequest& request, CloudTime now) const;
  Caller ByToken(std::string_view token, CloudTime now) const;
  Caller BySession(std::string_view cookie, CloudTime now) const;
  Caller ByCertificate(X509* certificate, CloudTime now) const;
  const AccessToken* TokenOf(const TokenDigest& digest) const;
  TokenDigest SealOf(const AccessToken& token, std::int64_t until_s) const;
  std::string CookieName() const;
  Reply Refuse(unsigned status, const AccessRequest& request, const std::string& why);

  const AccessConfig config_;
  HeaderFields fields_;
  std::vector<AccessToken> tokens_;
  TokenDigest session_key_{};
  SslContextPtr tls_;
  RevocationList revoked_;
  CloudTime certificate_expires_;
  std::uint64_t generation_ = 0;       // of the authorities and their list
  FileStates taken_{};                 // as of the last time that they were read
  FileStates seen_{};
  AccessRates by_address_;
  AccessRates by_name_;

  std::uint64_t admitted_ = 0;
  std::uint64_t unauthenticated_ = 0;
  std::uint64_t forbidden_ = 0;
  std::uint64_t cross_site_ = 0;
  std::uint64_t limited_ = 0;
  std::uint64_t handshakes_failed_ = 0;
  std::uint64_t reloads_ = 0;
  std::uint64_t reloads_refused_ = 0;
};

// What a request to it takes, whoever asks.
AccessRole RoleNeeded(std::string_view method, std::string_view path);

}  // namespace starling::cloud
