#include "edge/source/gnss/gpsd_source.h"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <utility>

#include "edge/source/backoff.h"
#include "edge/source/gnss/gpsd_report.h"
#include "edge/source/line_splitter.h"

namespace starling::edge {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

}  // namespace

Status GpsdSourceConfig::Validate() const {
  if (host.empty()) return Status(ErrorCode::kInvalidArgument, "gpsd: host is empty");
  if (port == 0) return Status(ErrorCode::kInvalidArgument, "gpsd: port is 0");
  return Status();
}

struct GpsdSource::State : std::enable_shared_from_this<GpsdSource::State> {
  State(const GpsdSourceConfig& the_config, boost::asio::io_context* the_context, Callbacks the_callbacks,
        std::uint64_t seed)
      : config(the_config),
        callbacks(std::move(the_callbacks)),
        backoff(config.backoff_min, config.backoff_max, seed),
        resolver(*the_context),
        socket(*the_context),
        timer(*the_context) {}

  void Attempt();
  void OnConnected();
  void Read();
  void OnLine(std::optional<std::string_view> line);
  void Lose(const std::string& why);
  void After(nanoseconds delay, void (State::*then)());
  void OnTimeout() { Lose(connected ? "nothing for too long" : "no connection in time"); }
  bool Gone(std::uint64_t of_round) const { return stopped || round != of_round; }

  const GpsdSourceConfig config;
  const Callbacks callbacks;
  Backoff backoff;
  tcp::resolver resolver;
  tcp::socket socket;
  boost::asio::steady_timer timer;       // until the next attempt, or the limit of what is awaited
  std::array<char, 4096> buffer{};
  std::optional<LineSplitter> splitter;  // of this connection
  GpsdSession session;
  GpsdLinkCounters counters;
  std::string told;
  std::uint64_t round = 0;               // tells the handlers of an attempt from those of the one before
  bool connected = false;
  bool stopped = false;
};

void GpsdSource::State::After(nanoseconds delay, void (State::*then)()) {
  timer.expires_after(delay);
  timer.async_wait([weak = weak_from_this(), then, of_round = round](error_code error) {
    const auto self = weak.lock();
    if (!error && self != nullptr && !self->Gone(of_round)) (self.get()->*then)();
  });
}

void GpsdSource::State::Attempt() {
  ++round;
  connected = false;
  After(config.connect_timeout, &State::OnTimeout);
  resolver.async_resolve(
      config.host, std::to_string(config.port),
      [weak = weak_from_this(), of_round = round](error_code failure, tcp::resolver::results_type found) {
        const auto self = weak.lock();
        if (self == nullptr || self->Gone(of_round)) return;
        if (failure) return self->Lose(failure.message());
        boost::asio::async_connect(
            self->socket, found, [weak, of_round](error_code error, const tcp::endpoint&) {
              const auto state = weak.lock();
              if (state == nullptr || state->Gone(of_round)) return;
              if (error) return state->Lose(error.message());
              state->OnConnected();
            });
      });
}

void GpsdSource::State::OnConnected() {
  connected = true;
  ++counters.connects;
  splitter.emplace(kGpsdLineBytesMax, [this](std::optional<std::string_view> line, std::uint64_t) { OnLine(line); });
  boost::asio::async_write(socket, boost::asio::buffer(kGpsdWatch),
                           [weak = weak_from_this(), of_round = round](error_code error, std::size_t) {
                             const auto self = weak.lock();
                             if (error && self != nullptr && !self->Gone(of_round)) self->Lose(error.message());
                           });
  Read();
}

void GpsdSource::State::Read() {
  After(config.silence_max, &State::OnTimeout);
  socket.async_read_some(
      boost::asio::buffer(buffer), [weak = weak_from_this(), of_round = round](error_code error, std::size_t count) {
        const auto self = weak.lock();
        if (self == nullptr || self->Gone(of_round)) return;
        if (error) return self->Lose(error.message());
        self->splitter->Take({self->buffer.data(), count});
        if (!self->Gone(of_round)) self->Read();
      });
}

void GpsdSource::State::OnLine(std::optional<std::string_view> line) {
  if (stopped) return;
  if (line && line->find_first_not_of(" \t\r") == std::string_view::npos) return;
  // Longer than the limit: counted as what it is, a line that cannot be read.
  const std::string too_long = line ? std::string() : std::string(kGpsdLineBytesMax + 1, ' ');
  const auto event = session.OnLine(line.value_or(too_long), callbacks.clock());
  if (!event.ok()) return callbacks.on_trouble(event.status().message());
  // What talks like gpsd is one: only then has the attempt succeeded.
  backoff.Reset();
  told.clear();
  if (!event.value().trouble.empty()) callbacks.on_trouble(event.value().trouble);
  if (event.value().fix && !stopped) callbacks.on_fix(*event.value().fix);
}

void GpsdSource::State::Lose(const std::string& why) {
  ++(connected ? counters.losses : counters.failures);
  ++round;
  connected = false;
  resolver.cancel();
  error_code ignored;
  socket.close(ignored);
  const std::string whole = "gpsd at " + config.host + ":" + std::to_string(config.port) + ": " + why;
  if (std::exchange(told, whole) != whole) callbacks.on_trouble(whole);
  if (!stopped) After(backoff.Next(), &State::Attempt);
}

GpsdSource::GpsdSource(const GpsdSourceConfig& config, boost::asio::io_context* context, Callbacks callbacks,
                       std::uint64_t seed)
    : state_(std::make_shared<State>(config, context, std::move(callbacks), seed)) {}

GpsdSource::~GpsdSource() { Stop(); }

void GpsdSource::Start() { state_->Attempt(); }

void GpsdSource::Stop() {
  state_->stopped = true;
  state_->resolver.cancel();
  error_code ignored;
  state_->socket.close(ignored);
  state_->timer.cancel();
}

const GpsdCounters& GpsdSource::counters() const { return state_->session.counters(); }

const GpsdLinkCounters& GpsdSource::link_counters() const { return state_->counters; }

}  // namespace starling::edge
