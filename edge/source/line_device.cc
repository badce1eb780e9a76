#include "edge/source/line_device.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <deque>
#include <system_error>
#include <utility>

#include "edge/source/backoff.h"
#include "edge/source/line_splitter.h"

namespace starling::edge {
namespace {

using boost::asio::posix::stream_descriptor;
using boost::system::error_code;

constexpr std::size_t kReadBytes = 4 << 10;
// A recording whose times jump by more has a gap that nobody waits for.
constexpr nanoseconds kPauseMax = seconds(10);

struct Rate {
  unsigned baud;
  speed_t speed;
};
constexpr std::array kRates = {
    Rate{1200, B1200},     Rate{2400, B2400},     Rate{4800, B4800},     Rate{9600, B9600},
    Rate{19200, B19200},   Rate{38400, B38400},   Rate{57600, B57600},   Rate{115200, B115200},
    Rate{230400, B230400}, Rate{460800, B460800}, Rate{921600, B921600}};

const Rate* FindRate(unsigned baud) {
  for (const Rate& rate : kRates) {
    if (rate.baud == baud) return &rate;
  }
  return nullptr;
}

std::string Reason(const std::string& what, int error) {
  return what + ": " + std::generic_category().message(error);
}

// Eight bits, no echo, no translation, no modem lines.
bool MakeRaw(int descriptor, unsigned baud) {
  termios settings{};
  if (::tcgetattr(descriptor, &settings) != 0) return false;
  ::cfmakeraw(&settings);
  settings.c_cflag |= CLOCAL | CREAD;
  settings.c_cc[VMIN] = 1;
  settings.c_cc[VTIME] = 0;
  if (const Rate* const rate = FindRate(baud)) {
    ::cfsetispeed(&settings, rate->speed);
    ::cfsetospeed(&settings, rate->speed);
  }
  return ::tcsetattr(descriptor, TCSANOW, &settings) == 0;
}

}  // namespace

Status LineDeviceConfig::Validate() const {
  if (path.empty()) return Status(ErrorCode::kInvalidArgument, "the device has no name");
  if (baud != 0 && FindRate(baud) == nullptr) {
    std::string rates;
    for (const Rate& rate : kRates) rates += (rates.empty() ? "" : ", ") + std::to_string(rate.baud);
    return Status(ErrorCode::kInvalidArgument,
                  std::to_string(baud) + " baud is not a rate of a serial line: " + rates);
  }
  return Status();
}

struct LineDevice::State : std::enable_shared_from_this<LineDevice::State> {
  State(const LineDeviceConfig& the_config, boost::asio::io_context* the_context, Callbacks the_callbacks,
        std::uint64_t seed)
      : config(the_config),
        context(the_context),
        callbacks(std::move(the_callbacks)),
        splitter(config.line_bytes_max,
                 [this](std::optional<std::string_view> line, std::uint64_t) { OnLine(line); }),
        backoff(config.backoff_min, config.backoff_max, seed),
        descriptor(*the_context),
        timer(*the_context) {}
  ~State() { CloseFile(); }

  void Open();
  void Lose(const std::string& why);
  void Read();
  void ReadFileSome();
  void DeliverRecorded();
  void OnLine(std::optional<std::string_view> line);
  void After(nanoseconds delay, void (State::*then)());
  void CloseFile();
  void Stop();

  const LineDeviceConfig config;
  boost::asio::io_context* const context;
  const Callbacks callbacks;
  LineSplitter splitter;
  Backoff backoff;
  stream_descriptor descriptor;          // of what can be waited for
  boost::asio::steady_timer timer;
  std::array<char, kReadBytes> buffer{};
  LineDeviceCounters counters;
  std::string told;                      // why it is away, as last told
  bool ends = false;                     // standard input: it is not opened again
  bool stopped = false;

  int file = -1;                         // a regular one
  std::deque<std::string> recorded;      // lines of it whose time has not come
  bool file_ended = false;
  std::optional<nanoseconds> origin;     // the clock less the recording's time
};

void LineDevice::State::After(nanoseconds delay, void (State::*then)()) {
  timer.expires_after(delay);
  timer.async_wait([weak = weak_from_this(), then](error_code error) {
    const auto self = weak.lock();
    if (!error && self != nullptr && !self->stopped) (self.get()->*then)();
  });
}

void LineDevice::State::Open() {
  const bool standard_input = config.path == "-";
  const char* const path = standard_input ? "/dev/stdin" : config.path.c_str();
  struct stat about {};
  if (::stat(path, &about) != 0) return Lose(Reason("cannot open " + config.path, errno));
  // A fifo that is opened for writing, too, does not end with its writer.
  const int mode = S_ISFIFO(about.st_mode) && !standard_input ? O_RDWR : O_RDONLY;
  const int opened = ::open(path, mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (opened < 0) return Lose(Reason("cannot open " + config.path, errno));
  if (::isatty(opened) == 1 && !standard_input && !MakeRaw(opened, config.baud)) {
    const std::string why = Reason("cannot set up " + config.path, errno);
    ::close(opened);
    return Lose(why);
  }
  ends = standard_input;
  ++counters.opens;
  if (S_ISREG(about.st_mode)) {
    file = opened;
    return ReadFileSome();
  }
  error_code error;
  descriptor.assign(opened, error);
  if (error) {
    ::close(opened);
    return Lose("cannot wait for " + config.path + ": " + error.message());
  }
  Read();
}

void LineDevice::State::Lose(const std::string& why) {
  if (std::exchange(told, why) != why && callbacks.on_lost) callbacks.on_lost(why);
  if (!stopped) After(backoff.Next(), &State::Open);
}

void LineDevice::State::Read() {
  descriptor.async_read_some(
      boost::asio::buffer(buffer), [weak = weak_from_this()](error_code error, std::size_t count) {
        const auto self = weak.lock();
        if (self == nullptr || self->stopped) return;
        if (!error) {
          // What opens and says nothing does not count as having come back.
          self->backoff.Reset();
          self->told.clear();
          self->splitter.Take({self->buffer.data(), count});
          if (!self->stopped) self->Read();
          return;
        }
        error_code ignored;
        self->descriptor.close(ignored);
        self->splitter.End();
        if (self->stopped) return;
        if (self->ends) {
          if (self->callbacks.on_end) self->callbacks.on_end();
          return;
        }
        ++self->counters.losses;
        self->Lose("lost " + self->config.path + ": " + error.message());
      });
}

void LineDevice::State::ReadFileSome() {
  const ssize_t count = ::read(file, buffer.data(), buffer.size());
  if (count > 0) {
    splitter.Take({buffer.data(), static_cast<std::size_t>(count)});
  } else {
    file_ended = true;
    splitter.End();
  }
  DeliverRecorded();
}

void LineDevice::State::DeliverRecorded() {
  while (!recorded.empty() && !stopped) {
    const std::optional<nanoseconds> time =
        callbacks.time_of ? callbacks.time_of(recorded.front()) : std::nullopt;
    if (time) {
      const nanoseconds now = callbacks.clock().time_since_epoch();
      if (!origin) origin = now - *time;
      const nanoseconds wait = *origin + *time - now;
      if (wait > kPauseMax || wait < -kPauseMax) {
        origin = now - *time;
      } else if (wait > nanoseconds(0)) {
        return After(wait, &State::DeliverRecorded);
      }
    }
    const std::string line = std::move(recorded.front());
    recorded.pop_front();
    callbacks.on_line(line);
  }
  if (stopped) return;
  if (!file_ended) {
    boost::asio::post(*context, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self != nullptr && !self->stopped) self->ReadFileSome();
    });
    return;
  }
  CloseFile();
  if (callbacks.on_end) callbacks.on_end();
}

void LineDevice::State::OnLine(std::optional<std::string_view> line) {
  if (stopped) return;
  if (!line) {
    ++counters.lines_too_long;
    return;
  }
  if (line->find_first_not_of(" \t\r") == std::string_view::npos) return;
  if (file >= 0) {
    recorded.emplace_back(*line);
  } else {
    callbacks.on_line(*line);
  }
}

void LineDevice::State::CloseFile() {
  if (file >= 0) ::close(std::exchange(file, -1));
}

void LineDevice::State::Stop() {
  stopped = true;
  error_code ignored;
  descriptor.close(ignored);
  timer.cancel();
}

LineDevice::LineDevice(const LineDeviceConfig& config, boost::asio::io_context* context, Callbacks callbacks,
                       std::uint64_t seed)
    : state_(std::make_shared<State>(config, context, std::move(callbacks), seed)) {}

LineDevice::~LineDevice() { state_->Stop(); }

void LineDevice::Start() { state_->After(nanoseconds(0), &State::Open); }

void LineDevice::Stop() { state_->Stop(); }

const LineDeviceCounters& LineDevice::counters() const { return state_->counters; }

}  // namespace starling::edge
