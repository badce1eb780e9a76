#include "cloud/starling/http_get.h"

#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string_view>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "common/tls/tls_context.h"

namespace starling::cloud {
namespace {

constexpr std::size_t kBytesMax = 16 << 20;

class Socket {
 public:
  Socket() = default;
  ~Socket() { Close(); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // 0, or the error.
  int Connect(const addrinfo& to, milliseconds patience) {
    Close();
    number_ = ::socket(to.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (number_ < 0) return errno;
    timeval limit{};
    limit.tv_sec = static_cast<time_t>(patience.count() / 1000);
    limit.tv_usec = static_cast<suseconds_t>(patience.count() % 1000 * 1000);
    // The limit of sending is the one of connecting, too.
    (void)::setsockopt(number_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    (void)::setsockopt(number_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    return ::connect(number_, to.ai_addr, to.ai_addrlen) == 0 ? 0 : errno;
  }
  int number() const { return number_; }

 private:
  void Close() {
    if (number_ >= 0) ::close(number_);
    number_ = -1;
  }
  int number_ = -1;
};

// Plain, or under TLS.
class Connection {
 public:
  explicit Connection(int socket) : socket_(socket) {}

  // Errors: kInvalidArgument for a file; kUnavailable otherwise.
  Status Encrypt(const HttpServer& server, const std::string& host) {
    SslContextPtr context(SSL_CTX_new(TLS_client_method()));
    if (context == nullptr) return Status(ErrorCode::kUnavailable, "no TLS: " + LastTlsError());
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
    if (server.ca.empty()) {
      (void)SSL_CTX_set_default_verify_paths(context.get());
    } else {
      const Result<std::vector<X509Ptr>> authorities = LoadCertificates(server.ca);
      if (!authorities.ok()) return {ErrorCode::kInvalidArgument, std::string(authorities.status().message())};
      for (const X509Ptr& each : authorities.value()) {
        (void)X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), each.get());
      }
    }
    if (!server.certificate.empty()) {
      const Result<Credentials> own = LoadCredentials(server.certificate, server.key);
      if (!own.ok()) return {ErrorCode::kInvalidArgument, std::string(own.status().message())};
      if (SSL_CTX_use_certificate_chain_file(context.get(), server.certificate.c_str()) != 1 ||
          SSL_CTX_use_PrivateKey(context.get(), own.value().key.get()) != 1) {
        return {ErrorCode::kInvalidArgument, "cannot use " + server.certificate + ": " + LastTlsError()};
      }
    }
    ssl_.reset(SSL_new(context.get()));
    if (ssl_ == nullptr) return Status(ErrorCode::kUnavailable, "no TLS: " + LastTlsError());
    // An address is compared with the certificate's addresses, a name with its names.
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), host.c_str()) != 1) {
      ERR_clear_error();
      if (SSL_set1_host(ssl_.get(), host.c_str()) != 1 || SSL_set_tlsext_host_name(ssl_.get(), host.c_str()) != 1) {
        return {ErrorCode::kInvalidArgument, host + " is no server's name"};
      }
    }
    if (SSL_set_fd(ssl_.get(), socket_) != 1 || SSL_connect(ssl_.get()) != 1) {
      const long verified = SSL_get_verify_result(ssl_.get());
      std::string why = verified == X509_V_OK ? LastTlsError() : X509_verify_cert_error_string(verified);
      if (verified != X509_V_OK) why += server.ca.empty() ? "; --ca names its authority" : " (by " + server.ca + ")";
      return Status(ErrorCode::kUnavailable, why);
    }
    return {};
  }

  bool Send(const std::string& bytes, std::string* why) {
    for (std::size_t sent = 0; sent < bytes.size();) {
      const std::size_t left = bytes.size() - sent;
      const ssize_t count = ssl_ == nullptr ? ::send(socket_, bytes.data() + sent, left, MSG_NOSIGNAL)
                                            : SSL_write(ssl_.get(), bytes.data() + sent, static_cast<int>(left));
      if (count < 0 && ssl_ == nullptr && errno == EINTR) continue;
      if (count <= 0) {
        *why = ssl_ == nullptr ? std::strerror(errno) : LastTlsError();
        return false;
      }
      sent += static_cast<std::size_t>(count);
    }
    return true;
  }

  // 0 at the end; negative, and why, if there is none.
  ssize_t Receive(char* bytes, std::size_t size, std::string* why) {
    if (ssl_ == nullptr) {
      for (;;) {
        const ssize_t count = ::recv(socket_, bytes, size, 0);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) *why = std::strerror(errno);
        return count;
      }
    }
    const int count = SSL_read(ssl_.get(), bytes, static_cast<int>(size));
    if (count > 0) return count;
    if (SSL_get_error(ssl_.get(), count) == SSL_ERROR_ZERO_RETURN) return 0;
    *why = LastTlsError();
    return -1;
  }

 private:
  const int socket_;
  SslPtr ssl_;
};

Result<std::string> TokenOf(const HttpServer& server) {
  if (server.token_file.empty()) return server.token;
  std::ifstream file(server.token_file);
  std::string token;
  if (!file.is_open()) return Status(ErrorCode::kInvalidArgument, server.token_file + " cannot be read");
  std::getline(file, token);
  while (!token.empty() && (token.back() == '\r' || token.back() == ' ')) token.pop_back();
  if (token.empty()) return Status(ErrorCode::kInvalidArgument, server.token_file + ":1: expected a token");
  return token;
}

}  // namespace

HttpServer HttpServer::FromEnvironment() {
  HttpServer server;
  const auto take = [](const char* name, std::string* field) {
    if (const char* const value = std::getenv(name); value != nullptr) *field = value;
  };
  take("STARLING_SERVER", &server.address);
  take("STARLING_TOKEN", &server.token);
  take("STARLING_TOKEN_FILE", &server.token_file);
  take("STARLING_CA", &server.ca);
  take("STARLING_CERT", &server.certificate);
  take("STARLING_KEY", &server.key);
  return server;
}

void AddHttpOptions(CLI::App* command, HttpServer* server) {
  *server = HttpServer::FromEnvironment();
  command->add_option("--server,--http", server->address, "where the orchestrator's HTTP is; also from STARLING_SERVER")
      ->type_name("URL")
      ->capture_default_str();
  command->add_option("--token-file", server->token_file, "file with a token made by `starling tokens create`");
  command->add_option("--ca", server->ca, "whose certificate the server has; without it the system's authorities");
  command->add_option("--cert", server->certificate, "a client certificate instead of a token");
  command->add_option("--key", server->key, "its key");
}

Result<HttpAnswer> HttpRequest(const HttpServer& server, const std::string& method, const std::string& target,
                               const std::string& content, milliseconds patience) {
  std::string address = server.address;
  bool encrypts = false;
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (!address.starts_with(scheme)) continue;
    address.erase(0, scheme.size());
    encrypts = scheme == "https://";
  }
  while (!address.empty() && address.back() == '/') address.pop_back();
  const std::string root = (encrypts ? "https://" : "http://") + address;
  const std::size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  const std::string port = colon == std::string::npos ? "" : address.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  unsigned number = 0;
  const auto [end, wrong] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (host.empty() || wrong != std::errc() || end != port.data() + port.size() || number == 0 || number > 65'535) {
    return Status(ErrorCode::kInvalidArgument, address + " is not HOST:PORT with a port within 1 and 65535");
  }
  const auto unavailable = [&root](const std::string& why) {
    return Status(ErrorCode::kUnavailable, "no answer from " + root + "/: " + why);
  };
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0) {
    return unavailable(::gai_strerror(error));
  }
  Socket socket;
  int error = EADDRNOTAVAIL;
  for (const addrinfo* each = found; each != nullptr && error != 0; each = each->ai_next) {
    error = socket.Connect(*each, patience);
  }
  ::freeaddrinfo(found);
  if (error != 0) return unavailable(std::strerror(error));

  Connection connection(socket.number());
  if (encrypts) {
    (void)::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to a socket as to a file.
    if (Status status = connection.Encrypt(server, host); !status.ok()) {
      if (status.code() == ErrorCode::kInvalidArgument) return status;
      return unavailable(std::string(status.message()));
    }
  }
  const Result<std::string> token = TokenOf(server);
  if (!token.ok()) return token.status();
  std::string request = method + " " + target + " HTTP/1.1\r\nHost: " + address + "\r\nConnection: close\r\n";
  if (!token.value().empty()) request += "Authorization: Bearer " + token.value() + "\r\n";
  if (method != "GET") {
    request += "Content-Type: application/json\r\nContent-Length: " + std::to_string(content.size()) + "\r\n";
  }
  request += "\r\n" + content;
  std::string why;
  if (!connection.Send(request, &why)) return unavailable(why);
  std::string answer;
  std::array<char, 16 << 10> part;
  for (;;) {
    const ssize_t count = connection.Receive(part.data(), part.size(), &why);
    if (count < 0) return unavailable(why);
    if (count == 0) break;
    answer.append(part.data(), static_cast<std::size_t>(count));
    if (answer.size() > kBytesMax) return Status(ErrorCode::kExhausted, root + target + " has no end");
  }
  constexpr std::string_view kVersion = "HTTP/1.1 ";
  HttpAnswer result;
  const std::size_t body = answer.find("\r\n\r\n");
  const char* const digits = answer.data() + kVersion.size();
  if (!answer.starts_with(kVersion) || answer.size() < kVersion.size() + 3 || body == std::string::npos ||
      std::from_chars(digits, digits + 3, result.status).ptr != digits + 3) {
    return Status(ErrorCode::kCorruption, "what answers at " + address + " is no orchestrator's console");
  }
  result.body = answer.substr(body + 4);
  return result;
}

Result<HttpAnswer> HttpGet(const std::string& address, const std::string& target, milliseconds patience) {
  HttpServer server = HttpServer::FromEnvironment();
  server.address = address;
  Result<HttpAnswer> answer = HttpRequest(server, "GET", target, "", patience);
  if (!answer.ok() || (answer.value().status != 401 && answer.value().status != 403)) return answer;
  return Status(ErrorCode::kInvalidArgument,
                address + " refuses: " + WhyRefused(answer.value()) + "; STARLING_TOKEN_FILE names a file with a token");
}

std::string WhyRefused(const HttpAnswer& answer) {
  boost::system::error_code failure;
  const boost::json::value document = boost::json::parse(answer.body, failure);
  if (!failure && document.is_object()) {
    const boost::json::value* const error = document.as_object().if_contains("error");
    if (error != nullptr && error->is_string()) return std::string(error->as_string());
  }
  return "status " + std::to_string(answer.status);
}

}  // namespace starling::cloud
