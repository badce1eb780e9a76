#include "cloud/console/console.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <thread>
#include <unordered_set>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include "cloud/console/documents.h"
#include "cloud/console/routes.h"
#include "cloud/supervisor/listening.h"
#include "common/check.h"

namespace starling::cloud {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr int kNice = 10;
constexpr milliseconds kAcceptPause{200};  // after a failed accept: no file is left

}  // namespace

Status ConsoleConfig::Validate() const {
  error_code failure;
  asio::ip::make_address(host, failure);
  if (failure) {
    return {ErrorCode::kInvalidArgument, "console.host is '" + host + "', which is no address"};
  }
  if (connections_max < 1 || connections_max > 1024) {
    return {ErrorCode::kInvalidArgument, "console.connections_max is outside [1, 1024]"};
  }
  if (header_bytes_max < 256 || header_bytes_max > 65536) {
    return {ErrorCode::kInvalidArgument, "console.header_bytes_max is outside [256, 65536]"};
  }
  if (request_timeout < milliseconds(10) || idle_timeout < milliseconds(10)) {
    return {ErrorCode::kInvalidArgument, "console timeouts are at least 10 ms"};
  }
  return {};
}

namespace {

// One connection: reads a request, writes the answer, again.  Lives as long as an
// operation of its own is under way.
class Visitor : public std::enable_shared_from_this<Visitor> {
 public:
  Visitor(tcp::socket socket, const ConsoleConfig& config, ConsoleSource* source,
          std::unordered_set<Visitor*>* open)
      : stream_(std::move(socket)), config_(config), source_(source), open_(open) {
    open_->insert(this);
  }
  ~Visitor() { open_->erase(this); }

  void Read(milliseconds timeout) {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(config_.header_bytes_max));
    parser_->body_limit(0);
    stream_.expires_after(timeout);
    http::async_read(stream_, buffer_, *parser_,
                     beast::bind_front_handler(&Visitor::OnRead, shared_from_this()));
  }

  void Close() {
    error_code ignored;
    stream_.socket().close(ignored);
  }

 private:
  void OnRead(error_code failure, std::size_t) {
    if (failure == http::error::header_limit || failure == http::error::buffer_overflow) {
      Write({431, "application/json", ErrorDocument("the request is too large")}, false);
    } else if (failure == http::error::body_limit || failure == http::error::unexpected_body) {
      Write({413, "application/json", ErrorDocument("a request here has no body")}, false);
    } else if (failure.category() == make_error_code(http::error::bad_method).category() &&
               failure != http::error::end_of_stream && failure != http::error::partial_message) {
      Write({400, "application/json", ErrorDocument("this is not HTTP/1.1")}, false);
    } else if (failure) {
      Close();
    } else if (parser_->get().method() != http::verb::get &&
               parser_->get().method() != http::verb::head) {
      Write({405, "application/json", ErrorDocument("GET and HEAD only")}, false);
    } else {
      const beast::string_view target = parser_->get().target();
      Write(AnswerGet({target.data(), target.size()}, source_), parser_->get().keep_alive());
    }
  }

  void Write(Answer answer, bool keep_alive) {
    response_ = {};
    response_.result(answer.status);
    response_.set(http::field::content_type,
                  beast::string_view(answer.content_type.data(), answer.content_type.size()));
    response_.set(http::field::cache_control, "no-store");
    response_.set("X-Content-Type-Options", "nosniff");
    response_.keep_alive(keep_alive);
    const bool head = parser_->is_header_done() && parser_->get().method() == http::verb::head;
    response_.content_length(answer.body.size());
    if (!head) response_.body() = std::move(answer.body);
    stream_.expires_after(config_.request_timeout);
    http::async_write(stream_, response_,
                      beast::bind_front_handler(&Visitor::OnWritten, shared_from_this()));
  }

  void OnWritten(error_code failure, std::size_t) {
    if (failure || response_.need_eof() || !response_.keep_alive()) {
      // Without this the kernel would reset the connection if unread bytes are
      // left, and the other side might never see the answer.
      error_code ignored;
      stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
      return;
    }
    Read(config_.idle_timeout);
  }

  beast::tcp_stream stream_;
  const ConsoleConfig& config_;
  ConsoleSource* const source_;
  std::unordered_set<Visitor*>* const open_;
  beast::flat_buffer buffer_{std::size_t{64} << 10};
  std::optional<http::request_parser<http::empty_body>> parser_;
  http::response<http::string_body> response_;
};

}  // namespace

struct Console::State {
  State(const ConsoleConfig& config_in, ConsoleSource* source_in)
      : config(config_in), source(source_in), acceptor(context), pause(context) {}

  void Accept() { acceptor.async_accept(beast::bind_front_handler(&State::OnAccept, this)); }

  void OnAccept(error_code failure, tcp::socket socket) {
    if (!acceptor.is_open()) return;  // Shut.
    if (failure) {
      pause.expires_after(kAcceptPause);
      pause.async_wait(beast::bind_front_handler(&State::OnPaused, this));
      return;
    }
    if (open.size() < config.connections_max) {
      std::make_shared<Visitor>(std::move(socket), config, source, &open)
          ->Read(config.request_timeout);
    }
    Accept();
  }

  void OnPaused(error_code failure) {
    // The timer may have fired before Shut cancelled it.
    if (!failure && acceptor.is_open()) Accept();
  }

  void Run() {
    // On Linux a thread has a nice value of its own; if it cannot be set, the
    // console only competes harder.
    (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), kNice);
    context.run();
  }

  void Shut() {
    error_code ignored;
    acceptor.close(ignored);
    pause.cancel();
    for (Visitor* visitor : open) visitor->Close();
  }

  const ConsoleConfig config;
  ConsoleSource* const source;

  // Owned by the thread while it runs.  `open` outlives the context, whose
  // destructor ends the last visitors.
  std::unordered_set<Visitor*> open;
  asio::io_context context{1};
  tcp::acceptor acceptor;
  asio::steady_timer pause;

  // Owned by the caller of Start and Stop.
  std::thread thread;
  std::uint16_t port = 0;
};

Console::Console(const ConsoleConfig& config, ConsoleSource* source)
    : state_(std::make_unique<State>(config, source)) {
  STARLING_CHECK(config.Validate().ok());
}

Console::~Console() { Stop(); }

Status Console::Start(std::optional<int> listening) {
  STARLING_CHECK(!state_->thread.joinable());
  const ConsoleConfig& config = state_->config;
  if (Status status = Listen(config.host, config.port, listening, &state_->acceptor); !status.ok()) {
    return {status.code(), "console: " + std::string(status.message())};
  }
  state_->port = state_->acceptor.local_endpoint().port();
  state_->Accept();
  state_->thread = std::thread(&State::Run, state_.get());
  return {};
}

void Console::Stop() {
  if (!state_->thread.joinable()) return;
  asio::post(state_->context, [state = state_.get()] { state->Shut(); });
  state_->thread.join();
}

std::uint16_t Console::port() const { return state_->port; }

}  // namespace starling::cloud
