#include "sim/chaos/relay.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <deque>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/ids.h"
#include "sim/city/random.h"

namespace starling::sim {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::steady_clock;

constexpr std::size_t kReadBytes = 8 << 10;
// Bytes of one direction of a connection that wait here, at most.
constexpr std::size_t kHeldBytesMax = 64 << 10;
// With a limit, a write is at most what passes in this time.
constexpr milliseconds kRateSlice{20};

class Link;

// One direction of a link: reads, waits as the weather wants, writes.
class Lane {
 public:
  Lane(Link* link, tcp::socket* from, tcp::socket* to, std::uint64_t seed,
       std::atomic<std::uint64_t>* bytes)
      : link_(link), from_(from), to_(to), random_(seed), bytes_(bytes), timer_(from->get_executor()) {}

  void SetWeather(const LinkWeather& weather) {
    weather_ = weather;
    timer_.cancel();  // What waits is looked at anew.
    Read();
    Write();
  }
  void HalfClose() {
    closing_ = true;
    Write();
  }
  void Read();
  void Write();
  void Cancel() { timer_.cancel(); }

 private:
  struct Piece {
    std::vector<char> bytes;
    std::size_t written = 0;
    steady_clock::time_point arrived;
    nanoseconds jitter{};
  };

  steady_clock::time_point DueAt(const Piece& piece) const {
    return piece.arrived + weather_.delay + piece.jitter;
  }
  void WriteSome();
  void Wait(steady_clock::time_point until);

  Link* const link_;
  tcp::socket* const from_;
  tcp::socket* const to_;
  Random random_;
  std::atomic<std::uint64_t>* const bytes_;
  asio::steady_timer timer_;
  LinkWeather weather_;
  std::array<char, kReadBytes> buffer_;
  std::deque<Piece> held_;
  std::size_t held_bytes_ = 0;
  steady_clock::time_point not_before_{};  // So that jitter reorders nothing, and for the rate.
  bool reading_ = false;
  bool writing_ = false;
  bool waiting_ = false;
  bool ended_ = false;    // The sender has.
  bool closing_ = false;  // The receiver gets a FIN when all is written.
  bool closed_ = false;
};

}  // namespace

struct Relay::State {
  explicit State(std::uint64_t seed) : random(seed) {}

  void Accept();
  void Erase(std::uint64_t id);
  template <typename Visit>
  void ForShare(double share, Visit visit);

  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  tcp::acceptor acceptor{context};
  Random random;
  std::uint64_t next_id = 0;
  std::unordered_map<std::uint64_t, std::shared_ptr<Link>> links;
  std::array<LinkWeather, 2> weather;
  std::array<double, 2> weather_share{};
  bool refuse = false;
  // Written by its thread or the owner, read by anyone; only numbers.
  std::atomic<std::uint16_t> upstream{0};
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> cut{0};
  std::atomic<std::uint64_t> open{0};
  std::array<std::atomic<std::uint64_t>, 2> bytes{};
  std::uint16_t port = 0;
  std::thread thread;
};

namespace {

// One connection of a vehicle with its counterpart to the gateway.  Handlers keep it.
class Link : public std::enable_shared_from_this<Link> {
 public:
  Link(Relay::State* relay, std::uint64_t id, tcp::socket vehicle, std::uint64_t seed)
      : relay_(relay),
        id_(id),
        vehicle_(std::move(vehicle)),
        gateway_(vehicle_.get_executor()),
        lanes_{{{this, &vehicle_, &gateway_, seed, &relay->bytes[0]},
                {this, &gateway_, &vehicle_, MixHash(seed, 1), &relay->bytes[1]}}} {}

  void Connect(std::uint16_t port) {
    gateway_.async_connect({asio::ip::address_v4::loopback(), port},
                           [self = shared_from_this()](const error_code& failure) {
                             if (failure) return self->End();
                             self->Begin();
                           });
  }
  void SetWeather(Direction direction, const LinkWeather& weather) {
    weather_[static_cast<std::size_t>(direction)] = weather;
    if (connected_) lanes_[static_cast<std::size_t>(direction)].SetWeather(weather);
  }
  void HalfClose(Direction direction) {
    if (connected_) lanes_[static_cast<std::size_t>(direction)].HalfClose();
  }
  // With a reset, so that neither side believes in an orderly end.
  void End() {
    if (ended_) return;
    ended_ = true;
    for (Lane& lane : lanes_) lane.Cancel();
    for (tcp::socket* socket : {&vehicle_, &gateway_}) {
      error_code ignored;
      socket->set_option(asio::socket_base::linger(true, 0), ignored);
      socket->close(ignored);
    }
    relay_->Erase(id_);
  }
  bool ended() const { return ended_; }
  void LaneDone() {
    if (++lanes_done_ == lanes_.size()) End();
  }

 private:
  void Begin() {
    if (ended_) return;
    connected_ = true;
    error_code ignored;
    vehicle_.set_option(tcp::no_delay(true), ignored);
    gateway_.set_option(tcp::no_delay(true), ignored);
    for (std::size_t i = 0; i < lanes_.size(); ++i) lanes_[i].SetWeather(weather_[i]);
  }

  Relay::State* const relay_;
  const std::uint64_t id_;
  tcp::socket vehicle_;
  tcp::socket gateway_;
  std::array<Lane, 2> lanes_;
  std::array<LinkWeather, 2> weather_;
  std::size_t lanes_done_ = 0;
  bool connected_ = false;
  bool ended_ = false;
};

void Lane::Read() {
  if (reading_ || ended_ || link_->ended() || weather_.stalled || held_bytes_ >= kHeldBytesMax) return;
  reading_ = true;
  from_->async_read_some(asio::buffer(buffer_), [this, link = link_->shared_from_this()](
                                                    const error_code& failure, std::size_t count) {
    reading_ = false;
    if (link->ended()) return;
    if (failure == asio::error::eof) {
      ended_ = closing_ = true;
      return Write();
    }
    if (failure) return link->End();
    Piece piece;
    piece.bytes.assign(buffer_.data(), buffer_.data() + count);
    piece.arrived = steady_clock::now();
    piece.jitter = nanoseconds(
        static_cast<std::int64_t>(random_.Unit() * static_cast<double>(weather_.jitter.count())));
    held_bytes_ += count;
    bytes_->fetch_add(count, std::memory_order_relaxed);
    held_.push_back(std::move(piece));
    Write();
    Read();
  });
}

void Lane::Wait(steady_clock::time_point until) {
  waiting_ = true;
  timer_.expires_at(until);
  timer_.async_wait([this, link = link_->shared_from_this()](const error_code&) {
    waiting_ = false;
    Write();
  });
}

void Lane::Write() {
  if (writing_ || waiting_ || closed_ || link_->ended() || weather_.stalled) return;
  if (!held_.empty()) {
    const auto due = std::max(DueAt(held_.front()), not_before_);
    if (due > steady_clock::now()) return Wait(due);
    return WriteSome();
  }
  if (!closing_) return;
  closed_ = true;
  error_code ignored;
  to_->shutdown(tcp::socket::shutdown_send, ignored);
  // What its sender still says is held back, and dies with the link.
  link_->LaneDone();
}

void Lane::WriteSome() {
  Piece& piece = held_.front();
  std::size_t count = piece.bytes.size() - piece.written;
  const auto now = steady_clock::now();
  if (weather_.bytes_per_second > 0) {
    const std::uint64_t slice = weather_.bytes_per_second * static_cast<std::uint64_t>(kRateSlice.count()) / 1000;
    count = std::min<std::size_t>(count, std::max<std::uint64_t>(1, slice));
    not_before_ = now + std::chrono::duration_cast<nanoseconds>(std::chrono::duration<double>(
                            static_cast<double>(count) / static_cast<double>(weather_.bytes_per_second)));
  }
  writing_ = true;
  asio::async_write(*to_, asio::buffer(piece.bytes.data() + piece.written, count),
                    [this, link = link_->shared_from_this()](const error_code& failure, std::size_t written) {
                      writing_ = false;
                      if (link->ended()) return;
                      if (failure) return link->End();
                      Piece& first = held_.front();
                      first.written += written;
                      held_bytes_ -= written;
                      if (first.written == first.bytes.size()) held_.pop_front();
                      Write();
                      Read();
                    });
}

}  // namespace

void Relay::State::Accept() {
  acceptor.async_accept([this](const error_code& failure, tcp::socket socket) {
    if (failure == asio::error::operation_aborted || !acceptor.is_open()) return;
    if (!failure) {
      accepted.fetch_add(1, std::memory_order_relaxed);
      const std::uint64_t id = next_id++;
      if (refuse) {
        refused.fetch_add(1, std::memory_order_relaxed);
        error_code ignored;
        socket.set_option(asio::socket_base::linger(true, 0), ignored);
        socket.close(ignored);
      } else {
        auto link = std::make_shared<Link>(this, id, std::move(socket), random.Next());
        links.emplace(id, link);
        open.store(links.size(), std::memory_order_relaxed);
        for (std::size_t i = 0; i < weather.size(); ++i) {
          if (random.Unit() < weather_share[i]) link->SetWeather(static_cast<Direction>(i), weather[i]);
        }
        link->Connect(upstream.load(std::memory_order_relaxed));
      }
    }
    Accept();
  });
}

void Relay::State::Erase(std::uint64_t id) {
  links.erase(id);
  open.store(links.size(), std::memory_order_relaxed);
}

template <typename Visit>
void Relay::State::ForShare(double share, Visit visit) {
  // In the order of their numbers, so that the seed decides; a visit may end a link.
  std::vector<std::uint64_t> ids;
  ids.reserve(links.size());
  for (const auto& [id, link] : links) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  for (const std::uint64_t id : ids) {
    if (random.Unit() >= share) continue;
    if (const auto found = links.find(id); found != links.end()) {
      const std::shared_ptr<Link> link = found->second;
      visit(link.get());
    }
  }
}

Relay::Relay(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Relay>> Relay::Start(std::uint16_t upstream_port, std::uint64_t seed) {
  auto state = std::make_unique<State>(seed);
  state->upstream.store(upstream_port, std::memory_order_relaxed);
  error_code failure;
  const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), 0);
  state->acceptor.open(endpoint.protocol(), failure);
  if (!failure) state->acceptor.bind(endpoint, failure);
  if (!failure) state->acceptor.listen(asio::socket_base::max_listen_connections, failure);
  if (failure) return Status(ErrorCode::kUnavailable, "relay: " + failure.message());
  state->port = state->acceptor.local_endpoint().port();
  state->Accept();
  State* const running = state.get();
  state->thread = std::thread([running] { running->context.run(); });
  return std::unique_ptr<Relay>(new Relay(std::move(state)));
}

Relay::~Relay() {
  asio::post(state_->context, [state = state_.get()] {
    error_code ignored;
    state->acceptor.close(ignored);
    state->ForShare(1, [](Link* link) { link->End(); });
    state->work.reset();
  });
  state_->thread.join();
}

std::uint16_t Relay::port() const { return state_->port; }

void Relay::SetUpstream(std::uint16_t port) { state_->upstream.store(port, std::memory_order_relaxed); }

void Relay::Cut(double share) {
  asio::post(state_->context, [state = state_.get(), share] {
    state->ForShare(share, [state](Link* link) {
      state->cut.fetch_add(1, std::memory_order_relaxed);
      link->End();
    });
  });
}

void Relay::Refuse(bool refuse) {
  asio::post(state_->context, [state = state_.get(), refuse] { state->refuse = refuse; });
}

void Relay::SetWeather(Direction direction, const LinkWeather& weather, double share) {
  asio::post(state_->context, [state = state_.get(), direction, weather, share] {
    state->weather[static_cast<std::size_t>(direction)] = weather;
    state->weather_share[static_cast<std::size_t>(direction)] = share;
    state->ForShare(share, [&](Link* link) { link->SetWeather(direction, weather); });
  });
}

void Relay::HalfClose(Direction direction, double share) {
  asio::post(state_->context, [state = state_.get(), direction, share] {
    state->ForShare(share, [&](Link* link) { link->HalfClose(direction); });
  });
}

void Relay::Heal() {
  asio::post(state_->context, [state = state_.get()] {
    state->refuse = false;
    state->weather_share = {};
    state->ForShare(2, [](Link* link) {
      link->SetWeather(Direction::kUp, {});
      link->SetWeather(Direction::kDown, {});
    });
  });
}

RelayCounters Relay::counters() const {
  RelayCounters counters;
  counters.accepted = state_->accepted.load(std::memory_order_relaxed);
  counters.refused = state_->refused.load(std::memory_order_relaxed);
  counters.cut = state_->cut.load(std::memory_order_relaxed);
  counters.open = state_->open.load(std::memory_order_relaxed);
  counters.bytes_up = state_->bytes[0].load(std::memory_order_relaxed);
  counters.bytes_down = state_->bytes[1].load(std::memory_order_relaxed);
  return counters;
}

}  // namespace starling::sim
