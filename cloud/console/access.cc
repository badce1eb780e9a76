#include "cloud/console/access.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "cloud/console/documents.h"
#include "cloud/console/page.h"
#include "common/check.h"
#include "common/durable_file.h"

namespace starling::cloud {
namespace {

namespace json = boost::json;

constexpr std::string_view kSession = "/v1/session";
constexpr std::string_view kCookieVersion = "v1.";
constexpr std::string_view kHtml = "text/html; charset=utf-8";

bool IsHealth(std::string_view path) { return path == "/healthz" || path == "/readyz"; }
bool IsRead(std::string_view method) { return method == "GET" || method == "HEAD"; }

bool EqualsIgnoringCase(std::string_view one, std::string_view other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(), [](unsigned char a, unsigned char b) {
    return std::tolower(a) == std::tolower(b);
  });
}

// A page may only ask the server that it came from (RFC 6454, 7).  The scheme is not compared: a
// proxy in front may speak another one.
bool IsSameOrigin(std::string_view origin, std::string_view host) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (origin.starts_with(scheme)) return EqualsIgnoringCase(origin.substr(scheme.size()), host);
  }
  return false;
}

std::string_view CookieOf(std::string_view header, std::string_view name) {
  while (!header.empty()) {
    std::string_view pair = header.substr(0, header.find(';'));
    header.remove_prefix(std::min(header.size(), pair.size() + 1));
    while (!pair.empty() && pair.front() == ' ') pair.remove_prefix(1);
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=') {
      return pair.substr(name.size() + 1);
    }
  }
  return {};
}

std::string HexOf(const unsigned char* bytes, std::size_t size) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

std::optional<CloudTime> TimeOf(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return CloudTime(seconds(::timegm(&parts)));
}

// The one common name; empty if there is not exactly one.
std::string CommonNameOf(X509* certificate) {
  X509_NAME* const subject = X509_get_subject_name(certificate);
  const int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (index < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, index) >= 0) return {};
  unsigned char* text = nullptr;
  const int length = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
  if (length < 0) {
    ERR_clear_error();
    return {};
  }
  const std::string name(reinterpret_cast<const char*>(text), static_cast<std::size_t>(length));
  OPENSSL_free(text);
  return name;
}

Status TlsFailure(const std::string& what) {
  return {ErrorCode::kInvalidArgument, what + ": " + LastTlsError()};
}

// 'sha256-...' of each script that stands in the page itself.
std::string InlineScripts(std::string_view page) {
  constexpr std::string_view kOpen = "<script>";
  constexpr std::string_view kClose = "</script>";
  std::string sources;
  for (std::size_t at = page.find(kOpen); at != std::string_view::npos; at = page.find(kOpen, at)) {
    at += kOpen.size();
    const std::size_t end = page.find(kClose, at);
    if (end == std::string_view::npos) break;
    const TokenDigest digest = DigestOfToken(page.substr(at, end - at));
    std::array<unsigned char, 64> text{};
    const int length = EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(digest.size()));
    sources += " 'sha256-" + std::string(reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(length)) + "'";
    at = end;
  }
  return sources;
}

HeaderFields SecurityFields(bool encrypts) {
  const std::optional<WebFile> page = FindWebFile("/");
  HeaderFields fields = {
      {"X-Content-Type-Options", "nosniff"},
      {"X-Frame-Options", "DENY"},
      // Not no-referrer: a form's Origin would be "null" then (Fetch, 3.2).
      {"Referrer-Policy", "same-origin"},
      {"Cross-Origin-Opener-Policy", "same-origin"},
      {"Cross-Origin-Resource-Policy", "same-origin"},
      {"Content-Security-Policy",
       "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'" + InlineScripts(page ? page->bytes : std::string_view()) +
           "; worker-src 'self' blob:; connect-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
           "font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"},
  };
  if (encrypts) fields.emplace_back("Strict-Transport-Security", "max-age=31536000");
  return fields;
}

// For who has no script: works without one.
std::string SignInPage(std::string_view message) {
  return R"html(<!doctype html><html lang="en"><meta charset="utf-8"><title>Starling: sign in</title>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:24em;margin:15vh auto;padding:0 1em}
input,button{font:inherit;width:100%;box-sizing:border-box;padding:.4em;margin:.4em 0}</style>
<h1>Starling</h1><p role="alert">)html" +
         std::string(message) + R"html(</p><form method="post" action="/v1/session">
<label>Token <input name="token" type="password" autocomplete="current-password" required autofocus></label>
<button>Sign in</button></form></html>
)html";
}

// application/x-www-form-urlencoded, the one field that there is.
std::string TokenOfForm(std::string_view body) {
  constexpr std::string_view kField = "token=";
  if (!body.starts_with(kField)) return {};
  body = body.substr(kField.size());
  std::string token;
  for (std::size_t i = 0; i < body.size() && body[i] != '&'; ++i) {
    unsigned code = 0;
    if (body[i] == '%' && i + 2 < body.size() &&
        std::from_chars(body.data() + i + 1, body.data() + i + 3, code, 16).ptr == body.data() + i + 3) {
      token += static_cast<char>(code);
      i += 2;
    } else {
      token += body[i];
    }
  }
  return token;
}

std::string TokenOfDocument(std::string_view body) {
  boost::system::error_code failure;
  const json::value document = json::parse({body.data(), body.size()}, failure);
  if (failure || !document.is_object()) return {};
  const json::value* const token = document.as_object().if_contains("token");
  return token != nullptr && token->is_string() ? std::string(token->as_string()) : std::string();
}

void Say(const std::string& text) { std::fprintf(stderr, "starling-cloud: %s\n", text.c_str()); }

}  // namespace

AccessRole RoleNeeded(std::string_view method, std::string_view path) {
  if (IsHealth(path) && IsRead(method)) return AccessRole::kStranger;
  if (path == kSession && (method == "POST" || method == "DELETE")) return AccessRole::kStranger;
  if (path == "/v1/access") return AccessRole::kAdmin;
  const bool acts = path == "/v1/commands" || path == "/v1/switch";
  // What no path has a use for is refused as such behind the door.
  return acts && !IsRead(method) ? AccessRole::kOperator : AccessRole::kViewer;
}

Status AccessConfig::Validate() const {
  const auto refuse = [](const std::string& what) {
    return Status(ErrorCode::kInvalidArgument, "console.access." + what);
  };
  if (certificate.empty() != key.empty()) return refuse("certificate and key are given together, or neither is");
  if (!client_ca.empty() && !encrypts()) {
    return refuse("client_ca needs HTTPS: give certificate and key (--http-cert, --http-key)");
  }
  if (!client_crl.empty() && client_ca.empty()) return refuse("client_crl goes with client_ca");
  if (!(requests_per_second >= 1 && requests_per_second <= 1e6)) {
    return refuse("requests_per_second is outside [1, 1e6]");
  }
  if (!(requests_burst >= 1 && requests_burst <= 1e6)) return refuse("requests_burst is outside [1, 1e6]");
  if (body_bytes_max < 256 || body_bytes_max > (1 << 20)) return refuse("body_bytes_max is outside [256, 1048576]");
  if (session < seconds(60) || session > std::chrono::hours(31 * 24)) return refuse("session_ms is outside [60 s, 31 days]");
  return {};
}

Access::Access(const AccessConfig& config)
    : config_(config),
      fields_(SecurityFields(config.encrypts())),
      by_address_(config.requests_per_second, config.requests_burst),
      by_name_(config.requests_per_second, config.requests_burst) {}

Status Access::Open() {
  taken_ = seen_ = LookAtFiles();
  if (Status status = ReadTokens(); !status.ok()) return status;
  if (Status status = ReadTls(); !status.ok()) return status;
  return ReadSessionKey();
}

Status Access::ReadTokens() {
  if (config_.tokens.empty()) return {};
  Result<std::vector<AccessToken>> tokens = ReadAccessTokens(config_.tokens);
  if (!tokens.ok()) return tokens.status();
  tokens_ = std::move(tokens).value();
  return {};
}

// TLS 1.3, without resumption: each connection shows its certificate, or none.
Status Access::ReadTls() {
  if (!config_.encrypts()) return {};
  ERR_clear_error();
  SslContextPtr context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr || SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_num_tickets(context.get(), 0) != 1) {
    return TlsFailure("cannot set up TLS 1.3");
  }
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_max_early_data(context.get(), 0);
  const Result<Credentials> credentials = LoadCredentials(config_.certificate, config_.key);
  if (!credentials.ok()) return credentials.status();
  if (SSL_CTX_use_certificate_chain_file(context.get(), config_.certificate.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey(context.get(), credentials.value().key.get()) != 1) {
    return TlsFailure("cannot use " + config_.certificate);
  }
  RevocationList revoked;
  if (!config_.client_ca.empty()) {
    const Result<std::vector<X509Ptr>> authorities = LoadCertificates(config_.client_ca);
    if (!authorities.ok()) return authorities.status();
    for (const X509Ptr& authority : authorities.value()) {
      if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), authority.get()) != 1 ||
          SSL_CTX_add_client_CA(context.get(), authority.get()) != 1) {
        return TlsFailure("cannot use an authority of " + config_.client_ca);
      }
    }
    // Who shows none may have a token.
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    if (!config_.client_crl.empty()) {
      Result<RevocationList> list = RevocationList::Load(config_.client_crl, authorities.value());
      if (!list.ok()) return list.status();
      revoked = std::move(list).value();
    }
  }
  certificate_expires_ = TimeOf(X509_get0_notAfter(credentials.value().certificate.get())).value_or(CloudTime());
  tls_ = std::move(context);
  revoked_ = std::move(revoked);
  return {};
}

Status Access::ReadSessionKey() {
  if (config_.session_key.empty()) {
    if (RAND_bytes(session_key_.data(), static_cast<int>(session_key_.size())) == 1) return {};
    return {ErrorCode::kIoError, "OpenSSL has no random numbers"};
  }
  std::ifstream file(config_.session_key, std::ios::binary);
  if (file.is_open()) {
    const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (bytes.size() != session_key_.size()) {
      return {ErrorCode::kCorruption, config_.session_key + " is no key of 32 bytes; remove it, and a new one is made"};
    }
    std::memcpy(session_key_.data(), bytes.data(), bytes.size());
    return {};
  }
  if (RAND_bytes(session_key_.data(), static_cast<int>(session_key_.size())) != 1) {
    return {ErrorCode::kIoError, "OpenSSL has no random numbers"};
  }
  return ReplaceFile(config_.session_key, std::as_bytes(std::span(session_key_)), 0600);
}

Access::FileStates Access::LookAtFiles() const {
  FileStates states{};
  std::size_t next = 0;
  for (const std::string* const path :
       {&config_.tokens, &config_.certificate, &config_.key, &config_.client_ca, &config_.client_crl}) {
    FileState& each = states[next++];
    struct stat found {};
    if (path->empty() || ::stat(path->c_str(), &found) != 0) continue;
    each = {found.st_mtim.tv_sec * 1'000'000'000 + found.st_mtim.tv_nsec, found.st_size, found.st_ino};
  }
  return states;
}

void Access::Look(CloudTime now) {
  const FileStates states = LookAtFiles();
  // A certificate and its key are two files: between the two they do not fit.
  const bool settled = states == std::exchange(seen_, states);
  if (!settled || states == taken_) return;
  const FileStates before = std::exchange(taken_, states);
  const auto changed = [&](std::size_t file) { return before[file] != states[file]; };
  const auto take = [this](Status status, const std::string& what) {
    ++(status.ok() ? reloads_ : reloads_refused_);
    Say(status.ok() ? what : std::string(status.message()) + "; what was in force before stays in force");
  };
  if (changed(0)) {
    Status status = ReadTokens();
    const auto holding = std::count_if(tokens_.begin(), tokens_.end(), [now](const AccessToken& t) { return t.Holds(now); });
    if (!status.ok()) taken_[0] = {};  // Once more at the next look: it may be a right that is missing for a moment.
    take(std::move(status), "tokens read again: " + std::to_string(holding) + " hold");
  }
  if (changed(1) || changed(2) || changed(3) || changed(4)) {
    Status status = ReadTls();
    // Who was held against the former ones comes again.
    if (status.ok() && (changed(3) || changed(4))) ++generation_;
    if (!status.ok()) std::fill(taken_.begin() + 1, taken_.end(), FileState{});
    take(std::move(status), "the HTTP port's certificates read again");
  }
}

const AccessToken* Access::TokenOf(const TokenDigest& digest) const {
  const AccessToken* found = nullptr;
  // All of them, whichever it is: how long it takes says nothing.
  for (const AccessToken& token : tokens_) {
    if (CRYPTO_memcmp(token.digest.data(), digest.data(), digest.size()) == 0) found = &token;
  }
  return found;
}

Caller Access::ByToken(std::string_view token, CloudTime now) const {
  const AccessToken* const found = TokenOf(DigestOfToken(token));
  if (found == nullptr || !found->Holds(now)) return {};
  return {Caller::How::kToken, found->role, found->name, found->digest, found->expires, 0};
}

TokenDigest Access::SealOf(const AccessToken& token, std::int64_t until_s) const {
  std::string text = "starling-session " + std::to_string(until_s) + " ";
  text.append(reinterpret_cast<const char*>(token.digest.data()), token.digest.size());
  TokenDigest seal{};
  unsigned size = 0;
  STARLING_CHECK(HMAC(EVP_sha256(), session_key_.data(), static_cast<int>(session_key_.size()),
                      reinterpret_cast<const unsigned char*>(text.data()), text.size(), seal.data(), &size) != nullptr);
  return seal;
}

// v1.NAME.UNTIL.SEAL; a name may have dots, so the last two parts are counted from the end.
Caller Access::BySession(std::string_view cookie, CloudTime now) const {
  const std::size_t seal_at = cookie.rfind('.');
  if (seal_at == std::string_view::npos || !cookie.starts_with(kCookieVersion)) return {};
  const std::size_t until_at = cookie.substr(0, seal_at).rfind('.');
  if (until_at == std::string_view::npos || until_at <= kCookieVersion.size()) return {};
  const std::string_view name = cookie.substr(kCookieVersion.size(), until_at - kCookieVersion.size());
  const std::string_view until = cookie.substr(until_at + 1, seal_at - until_at - 1);
  std::int64_t until_s = 0;
  const auto [end, failure] = std::from_chars(until.data(), until.data() + until.size(), until_s);
  if (failure != std::errc() || end != until.data() + until.size() || until_s < 0 || until_s > 32'503'680'000) return {};
  for (const AccessToken& token : tokens_) {
    if (token.name != name || !token.Holds(now)) continue;
    const TokenDigest seal = SealOf(token, until_s);
    const std::string expected = HexOf(seal.data(), seal.size());
    const std::string_view given = cookie.substr(seal_at + 1);
    if (given.size() != expected.size() || CRYPTO_memcmp(given.data(), expected.data(), expected.size()) != 0) return {};
    CloudTime ends(seconds{until_s});
    if (now >= ends) return {};
    if (token.expires) ends = std::min(ends, *token.expires);
    return {Caller::How::kSession, token.role, token.name, token.digest, ends, 0};
  }
  return {};
}

// The rule: the one common name is ROLE:NAME.  No vehicle has a colon in its name, so a vehicle's
// certificate opens nothing here, and a person's is no vehicle's at the gateway.
Caller Access::ByCertificate(X509* certificate, CloudTime now) const {
  const std::string text = CommonNameOf(certificate);
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) return {};
  const std::optional<AccessRole> role = ParseAccessRole(text.substr(0, colon));
  const std::string name = text.substr(colon + 1);
  const std::optional<CloudTime> expires = TimeOf(X509_get0_notAfter(certificate));
  if (!role || !IsAccessName(name) || !expires || now >= *expires || revoked_.Revokes(certificate)) return {};
  return {Caller::How::kCertificate, *role, name, {}, expires, generation_};
}

Caller Access::Identify(const AccessRequest& request, CloudTime now) const {
  constexpr std::string_view kBearer = "Bearer ";
  if (!config_.asks()) return {Caller::How::kOpen, AccessRole::kViewer, "", {}, {}, 0};
  if (!request.authorization.empty()) {
    const bool bears = request.authorization.size() > kBearer.size() &&
                       EqualsIgnoringCase(request.authorization.substr(0, kBearer.size()), kBearer);
    return bears ? ByToken(request.authorization.substr(kBearer.size()), now) : Caller();
  }
  if (const std::string_view cookie = CookieOf(request.cookie, CookieName()); !cookie.empty()) {
    const Caller caller = BySession(cookie, now);
    if (caller.role != AccessRole::kStranger) return caller;
  }
  return request.certificate == nullptr ? Caller() : ByCertificate(request.certificate, now);
}

Reply Access::Refuse(unsigned status, const AccessRequest& request, const std::string& why) {
  Reply reply{{status, "application/json", ErrorDocument(why)}, {}};
  if (status == 401) reply.fields.emplace_back("WWW-Authenticate", "Bearer realm=\"starling\"");
  if (status == 401 && request.wants_page && !config_.tokens.empty()) {
    reply.answer.content_type = kHtml;
    reply.answer.body = SignInPage("Sign in with a token.");
  }
  return reply;
}

AccessDecision Access::Admit(const AccessRequest& request, CloudTime now, Clock::time_point at) {
  AccessDecision admission;
  const AccessRole needed = RoleNeeded(request.method, request.path);
  // Whoever watches over this process is never turned away, and never asked.
  if (needed == AccessRole::kStranger && IsHealth(request.path)) return admission;
  const auto limit = [&](AccessRates* rates, const std::string& name) {
    const std::chrono::duration<double> wait = rates->Take(name, at);
    if (wait.count() <= 0) return false;
    ++limited_;
    admission.refusal = Refuse(429, request, "too many requests; ask again later");
    admission.refusal->fields.emplace_back("Retry-After", std::to_string(static_cast<long>(std::ceil(wait.count()))));
    return true;
  };
  if (limit(&by_address_, AddressKey(request.address))) return admission;
  admission.caller = Identify(request, now);
  const Caller& caller = admission.caller;

  const bool changes = !IsRead(request.method) || request.upgrades;
  const bool foreign = !request.origin.empty() && !IsSameOrigin(request.origin, request.host);
  const bool foreign_site = request.fetch_site == "cross-site" || request.fetch_site == "same-site";
  // A browser says where a page came from whenever it could change something.
  const bool unsaid = request.origin.empty() && caller.how == Caller::How::kSession;
  if (changes && (foreign || foreign_site || unsaid)) {
    ++cross_site_;
    admission.refusal = Refuse(403, request, "a page of another site may not do this");
    return admission;
  }
  if (caller.role < needed && caller.role == AccessRole::kStranger) {
    ++unauthenticated_;
    const bool tried = !request.authorization.empty();
    admission.refusal =
        Refuse(401, request, tried ? "this token does not hold: it is unknown, revoked or expired"
                                   : "say who you are: a header \"Authorization: Bearer TOKEN\", or a client certificate");
    return admission;
  }
  if (caller.role < needed) {
    ++forbidden_;
    admission.refusal = Refuse(403, request,
                               caller.how == Caller::How::kOpen
                                   ? "nobody is asked here who they are, so nobody may do this; start starling-cloud with "
                                     "--http-tokens FILE, made by `starling tokens create`"
                                   : "this takes the role " + std::string(NameOf(needed)) + "; " + caller.name + " is " +
                                         std::string(NameOf(caller.role)));
    return admission;
  }
  if (!caller.name.empty() && limit(&by_name_, caller.name)) return admission;
  ++admitted_;
  return admission;
}

bool Access::Holds(const Caller& caller, CloudTime now) const {
  if (caller.until && now >= *caller.until) return false;
  switch (caller.how) {
    case Caller::How::kNobody:
    case Caller::How::kOpen: return true;
    case Caller::How::kCertificate: return caller.generation == generation_;
    case Caller::How::kToken:
    case Caller::How::kSession: break;
  }
  const AccessToken* const token = TokenOf(caller.digest);
  return token != nullptr && token->Holds(now) && token->role == caller.role && token->name == caller.name;
}

// A name with this prefix is only taken over TLS, with Secure and for the whole host (RFC 6265bis, 4.1.3.2).
std::string Access::CookieName() const { return config_.encrypts() ? "__Host-starling" : "starling"; }

Reply Access::AnswerSession(std::string_view method, std::string_view content_type, std::string_view body,
                            const Caller& caller, CloudTime now) {
  const std::string attributes =
      std::string("; Path=/; HttpOnly; SameSite=Strict") + (config_.encrypts() ? "; Secure" : "");
  const auto describe = [](const Caller& of) {
    json::object document;
    document["name"] = of.name;
    document["role"] = std::string(NameOf(of.role));
    document["until"] = nullptr;
    if (of.until) document["until"] = UtcText(*of.until);
    return Answer{200, "application/json", json::serialize(document)};
  };
  if (method == "GET" || method == "HEAD") return {describe(caller), {}};
  if (method == "DELETE") {
    Reply reply{{200, "application/json", "{}"}, {}};
    reply.fields.emplace_back("Set-Cookie", CookieName() + "=; Max-Age=0" + attributes);
    return reply;
  }
  if (method != "POST") return {{405, "application/json", ErrorDocument("GET, POST and DELETE only")}, {}};
  // curl says that of whatever it sends.
  const bool form = content_type.starts_with("application/x-www-form-urlencoded") && !body.starts_with('{');
  const Caller found = ByToken(form ? TokenOfForm(body) : TokenOfDocument(body), now);
  if (found.role == AccessRole::kStranger) {
    ++unauthenticated_;
    if (form) return {{401, kHtml, SignInPage("This token does not hold: it is unknown, revoked or expired.")}, {}};
    return {{401, "application/json", ErrorDocument("this token does not hold: it is unknown, revoked or expired")}, {}};
  }
  CloudTime until = std::chrono::floor<seconds>(now) + config_.session;
  if (found.until) until = std::min(until, *found.until);
  const std::int64_t until_s = std::chrono::floor<seconds>(until.time_since_epoch()).count();
  const TokenDigest seal = SealOf(*TokenOf(found.digest), until_s);
  Caller session = found;
  session.until = CloudTime(seconds(until_s));
  Reply reply{describe(session), {}};
  if (form) {
    reply.answer.status = 303;
    reply.fields.emplace_back("Location", "/");
  }
  reply.fields.emplace_back("Set-Cookie", CookieName() + "=" + std::string(kCookieVersion) + found.name + "." +
                                              std::to_string(until_s) + "." + HexOf(seal.data(), seal.size()) + attributes);
  return reply;
}

Answer Access::AnswerAccess(CloudTime now) const {
  json::array names;
  for (const AccessToken& token : tokens_) {
    json::object each;
    each["name"] = token.name;
    each["role"] = std::string(NameOf(token.role));
    each["created"] = UtcText(token.created);
    each["expires"] = nullptr;
    if (token.expires) each["expires"] = UtcText(*token.expires);
    each["holds"] = token.Holds(now);
    names.push_back(std::move(each));
  }
  json::object document;
  document["tokens"] = std::move(names);
  document["client_certificates"] = !config_.client_ca.empty();
  return {200, "application/json", json::serialize(document)};
}

void Access::AppendFigures(std::vector<Figure>* figures) const {
  const auto add = [figures](std::string_view name, double value, std::string_view help,
                             FigureKind kind = FigureKind::kCounter) {
    figures->push_back({"access", name, help, kind, value});
  };
  add("admitted", static_cast<double>(admitted_), "Requests let in, health aside");
  add("unauthenticated", static_cast<double>(unauthenticated_), "Requests refused: nobody, or a token that does not hold");
  add("forbidden", static_cast<double>(forbidden_), "Requests refused: another role is needed");
  add("cross_site", static_cast<double>(cross_site_), "Requests refused: from another site's page");
  add("limited", static_cast<double>(limited_), "Requests refused: too many of one address or name");
  add("handshakes_failed", static_cast<double>(handshakes_failed_), "TLS handshakes of the HTTP port that failed");
  add("reloads", static_cast<double>(reloads_), "Changed tokens or certificates of the HTTP port taken over");
  add("reloads_refused", static_cast<double>(reloads_refused_), "The same, refused: what was in force stays");
  add("tokens", static_cast<double>(tokens_.size()), "Tokens that are not revoked", FigureKind::kGauge);
  if (config_.encrypts()) {
    add("certificate_seconds_left", ToSeconds(certificate_expires_ - CloudNow()),
        "Until the HTTP port's certificate expires", FigureKind::kGauge);
  }
}

}  // namespace starling::cloud
