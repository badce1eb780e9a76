#include "cloud/probe.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include "cloud/options.h"
#include "common/status.h"

namespace starling::cloud {
namespace {

constexpr int kExitNo = 1;
constexpr int kExitUsage = 2;

// What is read of an answer: its first line, and the reason.
constexpr std::size_t kBytesMax = 4 << 10;

class Connection {
 public:
  Connection() = default;
  ~Connection() {
    if (number_ >= 0) ::close(number_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Status Open(const std::string& host, std::uint16_t port, int patience_s) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found); error != 0) {
      return {ErrorCode::kUnavailable, ::gai_strerror(error)};
    }
    const timeval limit{patience_s, 0};
    int error = EADDRNOTAVAIL;
    for (const addrinfo* each = found; each != nullptr && error != 0; each = each->ai_next) {
      if (number_ >= 0) ::close(number_);
      number_ = ::socket(each->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (number_ < 0) {
        error = errno;
        continue;
      }
      // The limit of sending is the one of connecting, too.
      (void)::setsockopt(number_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
      (void)::setsockopt(number_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
      error = ::connect(number_, each->ai_addr, each->ai_addrlen) == 0 ? 0 : errno;
    }
    ::freeaddrinfo(found);
    if (error != 0) return {ErrorCode::kUnavailable, std::strerror(error)};
    return {};
  }

  Result<std::string> Ask(const std::string& request) {
    if (::send(number_, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
      return Status(ErrorCode::kUnavailable, std::strerror(errno));
    }
    std::string answer;
    char bytes[1024];
    while (answer.size() < kBytesMax) {
      const ssize_t count = ::recv(number_, bytes, sizeof bytes, 0);
      if (count < 0) return Status(ErrorCode::kUnavailable, std::strerror(errno));
      if (count == 0) break;
      answer.append(bytes, static_cast<std::size_t>(count));
    }
    return answer;
  }

 private:
  int number_ = -1;
};

// ok if the answer is a 200.
Status Probe(const std::string& host, std::uint16_t port, const std::string& page, int patience_s) {
  Connection connection;
  if (Status status = connection.Open(host, port, patience_s); !status.ok()) return status;
  const Result<std::string> answer =
      connection.Ask("GET " + page + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n");
  if (!answer.ok()) return answer.status();
  const std::string_view text = answer.value();
  if (!text.starts_with("HTTP/1.")) return {ErrorCode::kCorruption, "what answers does not speak HTTP"};
  if (text.substr(8).starts_with(" 200")) return {};
  const std::size_t body = text.find("\r\n\r\n");
  std::string reason(body == std::string_view::npos ? text.substr(0, text.find("\r\n")) : text.substr(body + 4));
  while (!reason.empty() && (reason.back() == '\n' || reason.back() == '\r')) reason.pop_back();
  return {ErrorCode::kUnavailable, std::move(reason)};
}

}  // namespace

int ProbeMain(int argc, char** argv) {
  CLI::App app("Asks an orchestrator's page: exit code 0 if it answers with 200, 1 if not.", "starling-cloud probe");
  std::string page = "readyz";
  std::string address = "127.0.0.1:7480";
  int patience_s = 3;
  app.add_option("PAGE", page, "healthz: it lives; readyz: it works")->capture_default_str();
  app.add_option("--http", address, "HOST:PORT as of starling-cloud's --http")->capture_default_str();
  app.add_option("--timeout", patience_s, "seconds for each step")->check(CLI::Range(1, 60))->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  std::string host;
  std::uint16_t port = 0;
  if (const Status status = ParseHostPort(address, &host, &port); !status.ok()) {
    std::fprintf(stderr, "starling-cloud probe: --http: %s\n", std::string(status.message()).c_str());
    return kExitUsage;
  }
  // Who is asked to listen everywhere is asked here.
  if (host == "0.0.0.0") host = "127.0.0.1";
  if (host == "::") host = "::1";
  const Status status = Probe(host, port, (page.starts_with('/') ? "" : "/") + page, patience_s);
  if (status.ok()) return 0;
  std::fprintf(stderr, "starling-cloud probe: %s at %s: %s\n", page.c_str(), address.c_str(),
               std::string(status.message()).c_str());
  return kExitNo;
}

}  // namespace starling::cloud
