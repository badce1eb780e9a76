#include "edge/source/json_source.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "edge/source/line_splitter.h"
#include "edge/source/sample_json.h"

namespace starling::edge {
namespace {

using boost::asio::local::stream_protocol;
using boost::asio::posix::stream_descriptor;
using boost::system::error_code;

// Of one read; also how much of a file is read before others get their turn.
constexpr std::size_t kReadBytes = 16 << 10;

Status IoError(const std::string& what, int error) {
  return Status(ErrorCode::kIoError, what + ": " + std::generic_category().message(error));
}

}  // namespace

struct JsonSource::State : std::enable_shared_from_this<JsonSource::State> {
  State(boost::asio::io_context* the_context, Callbacks the_callbacks)
      : context(the_context),
        callbacks(std::move(the_callbacks)),
        splitter(kSampleLineBytesMax,
                 [this](std::optional<std::string_view> line, std::uint64_t number) {
                   OnLine(line, number);
                 }),
        readiness(*the_context),
        acceptor(*the_context),
        writer(*the_context) {}

  void OnLine(std::optional<std::string_view> line, std::uint64_t number);
  void ReadFileSome();
  void AwaitFile();
  void Accept();
  void ReadWriter();
  void Stop();

  boost::asio::io_context* const context;
  const Callbacks callbacks;
  LineSplitter splitter;
  std::array<char, kReadBytes> buffer{};
  JsonSourceCounters counters;
  bool stopped = false;

  int file = -1;
  stream_descriptor readiness;         // an epoll set that holds the file alone
  bool always_ready = false;           // a regular file, which epoll does not take

  stream_protocol::acceptor acceptor;
  stream_protocol::socket writer;
  std::string path;
};

void JsonSource::State::OnLine(std::optional<std::string_view> line, std::uint64_t number) {
  if (stopped) return;
  if (line && line->find_first_not_of(" \t\r") == std::string_view::npos) return;
  ++counters.lines;
  if (!line) {
    ++counters.refused;
    callbacks.on_refused(counters.writers, number,
                         "line is longer than " + std::to_string(kSampleLineBytesMax) + " bytes");
    return;
  }
  const Result<Sample> sample = ParseSampleLine(*line, callbacks.clock());
  if (!sample.ok()) {
    ++counters.refused;
    callbacks.on_refused(counters.writers, number, sample.status().message());
    return;
  }
  ++counters.samples;
  callbacks.on_sample(sample.value());
}

void JsonSource::State::AwaitFile() {
  const auto next = [self = shared_from_this()](error_code error = {}) {
    if (!error && !self->stopped) self->ReadFileSome();
  };
  if (always_ready) {
    boost::asio::post(*context, next);
  } else {
    readiness.async_wait(stream_descriptor::wait_read, next);
  }
}

void JsonSource::State::ReadFileSome() {
  const ssize_t count = ::read(file, buffer.data(), buffer.size());
  if (count > 0) {
    splitter.Take({buffer.data(), static_cast<std::size_t>(count)});
    if (!stopped) AwaitFile();
    return;
  }
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return AwaitFile();
  // A terminal that has gone away is the end of its input.
  splitter.End();
  if (!stopped && callbacks.on_end) callbacks.on_end();
}

void JsonSource::State::Accept() {
  acceptor.async_accept(writer, [self = shared_from_this()](error_code error) {
    if (self->stopped || error == boost::asio::error::operation_aborted) return;
    if (error) return self->Accept();
    ++self->counters.writers;
    self->ReadWriter();
  });
}

void JsonSource::State::ReadWriter() {
  writer.async_read_some(boost::asio::buffer(buffer),
                         [self = shared_from_this()](error_code error, std::size_t count) {
                           if (self->stopped) return;
                           self->splitter.Take({self->buffer.data(), count});
                           if (self->stopped) return;
                           if (!error) return self->ReadWriter();
                           self->splitter.End();
                           error_code ignored;
                           self->writer.close(ignored);
                           if (!self->stopped) self->Accept();
                         });
}

void JsonSource::State::Stop() {
  if (std::exchange(stopped, true)) return;
  error_code ignored;
  readiness.close(ignored);
  writer.close(ignored);
  if (acceptor.is_open()) {
    acceptor.close(ignored);
    ::unlink(path.c_str());
  }
}

JsonSource::JsonSource(boost::asio::io_context* context, Callbacks callbacks)
    : state_(std::make_shared<State>(context, std::move(callbacks))) {}

JsonSource::~JsonSource() { state_->Stop(); }

Status JsonSource::ReadFile(int descriptor) {
  const int set = ::epoll_create1(EPOLL_CLOEXEC);
  if (set < 0) return IoError("cannot wait for the input", errno);
  epoll_event event{};
  event.events = EPOLLIN;
  if (::epoll_ctl(set, EPOLL_CTL_ADD, descriptor, &event) != 0) {
    const int error = errno;
    ::close(set);
    if (error != EPERM) return IoError("cannot wait for the input", error);
    state_->always_ready = true;
  } else {
    state_->readiness.assign(set);
  }
  state_->file = descriptor;
  ++state_->counters.writers;
  state_->AwaitFile();
  return Status();
}

Status JsonSource::ListenUnix(const std::string& path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return Status(ErrorCode::kInvalidArgument,
                  path + " is longer than a Unix socket's path may be (" +
                      std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " bytes)");
  }
  const stream_protocol::endpoint endpoint(path);
  error_code error;
  std::error_code no_file;
  const auto type = std::filesystem::symlink_status(path, no_file).type();
  if (type != std::filesystem::file_type::not_found) {
    if (type != std::filesystem::file_type::socket) {
      return Status(ErrorCode::kInvalidArgument, path + " is there and is not a socket");
    }
    stream_protocol::socket probe(*state_->context);
    probe.connect(endpoint, error);
    if (!error) return Status(ErrorCode::kUnavailable, "another process listens at " + path);
    ::unlink(path.c_str());
  }
  auto& acceptor = state_->acceptor;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(8, error);
  if (error) {
    error_code ignored;
    acceptor.close(ignored);
    return Status(ErrorCode::kIoError, "cannot listen at " + path + ": " + error.message());
  }
  state_->path = path;
  state_->Accept();
  return Status();
}

void JsonSource::Stop() { state_->Stop(); }

const JsonSourceCounters& JsonSource::counters() const { return state_->counters; }

}  // namespace starling::edge
