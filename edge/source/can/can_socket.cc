#include "edge/source/can/can_socket.h"

#include <linux/can.h>
#include <linux/can/raw.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "edge/source/backoff.h"

namespace starling::edge {
namespace {

using boost::asio::posix::stream_descriptor;
using boost::system::error_code;

// Frames that are read before others get their turn.
constexpr int kFramesAtOnce = 64;

}  // namespace

Status CanSocketConfig::Validate() const {
  if (interface.empty() || interface.size() >= IFNAMSIZ) {
    return Status(ErrorCode::kInvalidArgument, "\"" + interface + "\" is not the name of an interface, such as can0");
  }
  return Status();
}

struct CanSocket::State : std::enable_shared_from_this<CanSocket::State> {
  State(const CanSocketConfig& the_config, std::vector<CanDecoder::Id> the_wanted,
        boost::asio::io_context* the_context, Callbacks the_callbacks, std::uint64_t seed)
      : config(the_config),
        wanted(std::move(the_wanted)),
        callbacks(std::move(the_callbacks)),
        backoff(config.backoff_min, config.backoff_max, seed),
        descriptor(*the_context),
        timer(*the_context) {}

  void Open();
  void Adopt(int opened);
  void Await();
  void ReadSome();
  void Fail(const std::string& what, int error);

  const CanSocketConfig config;
  const std::vector<CanDecoder::Id> wanted;
  const Callbacks callbacks;
  Backoff backoff;
  stream_descriptor descriptor;
  boost::asio::steady_timer timer;
  CanSocketCounters counters;
  std::string told;
  bool stopped = false;
};

void CanSocket::State::Open() {
  const int opened = ::socket(PF_CAN, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, CAN_RAW);
  if (opened < 0) return Fail("cannot open a CAN socket", errno);
  const auto fail = [this, opened](const std::string& what, int error) {
    ::close(opened);
    Fail(what, error);
  };
  sockaddr_can address{};
  address.can_family = AF_CAN;
  address.can_ifindex = static_cast<int>(::if_nametoindex(config.interface.c_str()));
  if (address.can_ifindex == 0) return fail("no interface " + config.interface, errno);
  std::vector<can_filter> filters;
  for (const CanDecoder::Id& id : wanted) {
    filters.push_back({id.id | (id.extended ? CAN_EFF_FLAG : 0),
                       CAN_EFF_FLAG | CAN_RTR_FLAG | (id.extended ? CAN_EFF_MASK : CAN_SFF_MASK)});
  }
  if (::setsockopt(opened, SOL_CAN_RAW, CAN_RAW_FILTER, filters.data(),
                   static_cast<socklen_t>(filters.size() * sizeof(can_filter))) != 0) {
    return fail("cannot set the filter of " + config.interface, errno);
  }
  // An old kernel does not know it, and then has no such frames.
  const int on = 1;
  (void)::setsockopt(opened, SOL_CAN_RAW, CAN_RAW_FD_FRAMES, &on, sizeof(on));
  if (::bind(opened, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return fail("cannot read " + config.interface, errno);
  }
  Adopt(opened);
}

void CanSocket::State::Adopt(int opened) {
  error_code error;
  descriptor.assign(opened, error);
  if (error) {
    ::close(opened);
    return Fail("cannot wait for " + config.interface, error.value());
  }
  ++counters.opens;
  Await();
}

void CanSocket::State::Await() {
  descriptor.async_wait(stream_descriptor::wait_read, [weak = weak_from_this()](error_code error) {
    const auto self = weak.lock();
    if (self == nullptr || self->stopped || error == boost::asio::error::operation_aborted) return;
    self->ReadSome();
  });
}

void CanSocket::State::ReadSome() {
  for (int i = 0; i < kFramesAtOnce && !stopped; ++i) {
    canfd_frame raw{};
    const ssize_t count = ::recv(descriptor.native_handle(), &raw, sizeof(raw), MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (count != static_cast<ssize_t>(CAN_MTU) && count != static_cast<ssize_t>(CANFD_MTU)) {
      const int error = count < 0 ? errno : EPIPE;
      ++counters.losses;
      error_code ignored;
      descriptor.close(ignored);
      return Fail("lost " + config.interface, error);
    }
    backoff.Reset();
    told.clear();
    if ((raw.can_id & (CAN_RTR_FLAG | CAN_ERR_FLAG)) != 0) {
      ++counters.frames_other;
      continue;
    }
    CanFrame frame;
    frame.extended = (raw.can_id & CAN_EFF_FLAG) != 0;
    frame.id = raw.can_id & (frame.extended ? CAN_EFF_MASK : CAN_SFF_MASK);
    const std::size_t size_max = count == static_cast<ssize_t>(CAN_MTU) ? CAN_MAX_DLEN : CANFD_MAX_DLEN;
    frame.size = static_cast<std::uint8_t>(std::min<std::size_t>(raw.len, size_max));
    std::memcpy(frame.data.data(), raw.data, frame.size);
    callbacks.on_frame(frame);
  }
  if (!stopped) Await();
}

void CanSocket::State::Fail(const std::string& what, int error) {
  const std::string why = what + ": " + std::generic_category().message(error);
  if (std::exchange(told, why) != why) callbacks.on_trouble(why);
  if (stopped) return;
  timer.expires_after(backoff.Next());
  timer.async_wait([weak = weak_from_this()](error_code cancelled) {
    const auto self = weak.lock();
    if (!cancelled && self != nullptr && !self->stopped) self->Open();
  });
}

CanSocket::CanSocket(const CanSocketConfig& config, std::vector<CanDecoder::Id> wanted,
                     boost::asio::io_context* context, Callbacks callbacks, std::uint64_t seed)
    : state_(std::make_shared<State>(config, std::move(wanted), context, std::move(callbacks), seed)) {}

CanSocket::~CanSocket() { Stop(); }

void CanSocket::Start() { state_->Open(); }

void CanSocket::Adopt(int descriptor) { state_->Adopt(descriptor); }

void CanSocket::Stop() {
  state_->stopped = true;
  error_code ignored;
  state_->descriptor.close(ignored);
  state_->timer.cancel();
}

const CanSocketCounters& CanSocket::counters() const { return state_->counters; }

}  // namespace starling::edge
