#include "edge/service_notice.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace starling::edge {
namespace {

constexpr int kSignsInTime = 10;

// 0 if the environment has no such number.
std::uint64_t NumberOf(const char* name) {
  const char* const text = std::getenv(name);
  std::uint64_t number = 0;
  if (text == nullptr) return 0;
  const char* const end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, number);
  return error == std::errc() && stop == end ? number : 0;
}

}  // namespace

ServiceNotice::ServiceNotice() {
  const char* const address = std::getenv("NOTIFY_SOCKET");
  if (address == nullptr || (address[0] != '/' && address[0] != '@')) return;
  if (std::strlen(address) >= sizeof(sockaddr_un::sun_path)) return;
  socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket_ < 0) return;
  address_ = address;
  const std::uint64_t pid = NumberOf("WATCHDOG_PID");
  if (pid != 0 && pid != static_cast<std::uint64_t>(::getpid())) return;
  const std::uint64_t watchdog_us = NumberOf("WATCHDOG_USEC");
  interval_ = nanoseconds(static_cast<std::int64_t>(watchdog_us) * 1000 / kSignsInTime);
}

ServiceNotice::~ServiceNotice() {
  if (socket_ >= 0) ::close(socket_);
}

void ServiceNotice::Ready() { Send("READY=1"); }

void ServiceNotice::Stopping() { Send("STOPPING=1"); }

void ServiceNotice::Say(std::string_view text) {
  if (socket_ < 0 || said_ == text) return;
  said_ = text;
  Send("STATUS=" + said_);
}

void ServiceNotice::Alive(BootTime now) {
  if (interval_.count() == 0 || now < next_sign_) return;
  next_sign_ = now + interval_;
  Send("WATCHDOG=1");
}

void ServiceNotice::Send(const std::string& message) const {
  if (socket_ < 0) return;
  sockaddr_un target{};
  target.sun_family = AF_UNIX;
  std::memcpy(target.sun_path, address_.data(), address_.size());
  if (target.sun_path[0] == '@') target.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  // A manager that does not listen is no reason to stop.
  (void)::sendto(socket_, message.data(), message.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&target), length);
}

}  // namespace starling::edge
