#include "cloud/starling/http_get.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>

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

}  // namespace

Result<HttpAnswer> HttpGet(const std::string& address, const std::string& target, milliseconds patience) {
  const std::size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  const std::string port = colon == std::string::npos ? "" : address.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  unsigned number = 0;
  const auto [end, wrong] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (host.empty() || wrong != std::errc() || end != port.data() + port.size() || number == 0 || number > 65'535) {
    return Status(ErrorCode::kInvalidArgument, address + " is not HOST:PORT with a port within 1 and 65535");
  }
  const auto unavailable = [&address](const std::string& why) {
    return Status(ErrorCode::kUnavailable, "no answer from http://" + address + "/: " + why);
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

  const std::string request = "GET " + target + " HTTP/1.1\r\nHost: " + address + "\r\nConnection: close\r\n\r\n";
  for (std::size_t sent = 0; sent < request.size();) {
    const ssize_t count = ::send(socket.number(), request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return unavailable(std::strerror(errno));
    sent += static_cast<std::size_t>(count);
  }
  std::string answer;
  std::array<char, 16 << 10> part;
  for (;;) {
    const ssize_t count = ::recv(socket.number(), part.data(), part.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return unavailable(std::strerror(errno));
    if (count == 0) break;
    answer.append(part.data(), static_cast<std::size_t>(count));
    if (answer.size() > kBytesMax) return Status(ErrorCode::kExhausted, "http://" + address + target + " has no end");
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

}  // namespace starling::cloud
