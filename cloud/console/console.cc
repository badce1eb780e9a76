#include "cloud/console/console.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "cloud/console/access_stream.h"
#include "cloud/console/documents.h"
#include "cloud/console/live_hub.h"
#include "cloud/console/live_session.h"
#include "cloud/console/openapi.h"
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

bool ConsoleConfig::is_loopback() const {
  error_code failure;
  const asio::ip::address address = asio::ip::make_address(host, failure);
  return !failure && address.is_loopback();
}

Status ConsoleConfig::Validate() const {
  error_code failure;
  asio::ip::make_address(host, failure);
  if (failure) {
    return {ErrorCode::kInvalidArgument, "console.host is '" + host + "', which is no address"};
  }
  if (Status status = access.Validate(); !status.ok()) return status;
  if (!access.asks() && !is_loopback()) {
    return {ErrorCode::kInvalidArgument,
            "console.host " + host + " is open to the network, and nobody would be asked who they are; make a token with "
            "`starling tokens create NAME --role viewer --file tokens` and start with --http-tokens tokens, or name the "
            "authority of client certificates with --http-client-ca; or stay on this machine with --http 127.0.0.1:" +
                std::to_string(port)};
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
  return live.Validate();
}

namespace {

// What all connections have.
struct Shared {
  const ConsoleConfig& config;
  ConsoleSource* const source;
  ActionTarget* const actions;
  LiveHub* const live;
  Access access;

  // A connection that is no visitor's any more.
  struct Guest {
    Caller caller;
    std::weak_ptr<beast::tcp_stream> stream;
  };
  std::vector<Guest> guests;
};

// One connection: reads a request, writes the answer, again.  Lives as long as an
// operation of its own is under way.
class Visitor : public std::enable_shared_from_this<Visitor> {
 public:
  Visitor(tcp::socket socket, Shared* shared, std::unordered_set<Visitor*>* open)
      : stream_(std::move(socket)), config_(shared->config), shared_(shared), open_(open) {
    error_code unknown;
    address_ = stream_.next_layer().socket().remote_endpoint(unknown).address().to_string();
    open_->insert(this);
  }
  ~Visitor() { open_->erase(this); }

  void Begin() {
    SSL_CTX* const tls = shared_->access.tls();
    generation_ = shared_->access.generation();
    if (tls == nullptr) return Read(config_.request_timeout);
    stream_.Encrypt(tls);
    stream_.next_layer().expires_after(config_.request_timeout);
    stream_.async_handshake(beast::bind_front_handler(&Visitor::OnHandshake, shared_from_this()));
  }

  void Close() {
    error_code ignored;
    stream_.next_layer().socket().close(ignored);
  }

  // Who sent the last request that was let in.
  const Caller& caller() const { return caller_; }

 private:
  // Gives the connection to someone else, who goes on with it as a WebSocket; it is cut all the
  // same once its caller may not stay.
  AccessStream HandOver() {
    shared_->guests.push_back({caller_, stream_.handle()});
    return std::move(stream_);
  }

  void OnHandshake(error_code failure) {
    if (failure) {
      shared_->access.CountHandshakeFailure();
      return Close();
    }
    if (SSL_get_verify_result(stream_.ssl()) == X509_V_OK) certificate_ = SSL_get0_peer_certificate(stream_.ssl());
    Read(config_.request_timeout);
  }

  void Read(milliseconds timeout) {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(config_.header_bytes_max));
    parser_->body_limit(config_.access.body_bytes_max);
    stream_.next_layer().expires_after(timeout);
    http::async_read_header(stream_, buffer_, *parser_,
                            beast::bind_front_handler(&Visitor::OnRead, shared_from_this()));
  }

  // The header is there, the body is not.
  void OnRead(error_code failure, std::size_t) {
    if (failure) return OnBroken(failure);

    // The door, before anything else is done with the request, whatever its path and method: a body,
    // an upgrade, a route.
    AccessDecision admission = shared_->access.Admit(Described(), CloudNow(), Access::Clock::now());
    if (admission.refusal) return Write(std::move(*admission.refusal), !HasBody());
    caller_ = std::move(admission.caller);

    if (Path() == kLivePath) return WatchLive();
    const auto& request = parser_->get();
    const bool reads = request.method() == http::verb::get || request.method() == http::verb::head;
    if (Path() == "/v1/session" || (request.method() == http::verb::post && IsAction("POST", Path()))) {
      // The rest of what is read has a limit of its own time.
      return http::async_read(stream_, buffer_, *parser_,
                              beast::bind_front_handler(&Visitor::OnBody, shared_from_this()));
    }
    if (!reads) return Write({{405, "application/json", ErrorDocument("GET and HEAD only")}, {}}, false);
    if (HasBody()) return Write({{413, "application/json", ErrorDocument("a request here has no body")}, {}}, false);
    Write({Look(), {}}, request.keep_alive());
  }

  void WatchLive() {
    const auto& request = parser_->get();
    std::optional<Answer> refusal = shared_->live->Refuse(
        {beast::websocket::is_upgrade(request), Text(request[http::field::sec_websocket_protocol]),
         Text(request[http::field::origin]), Text(request[http::field::host])});
    if (refusal) return Write({*std::move(refusal), {}}, false);
    StartLiveSession(shared_->live, HandOver(), parser_->release());
  }

  Answer Look() {
    const std::string_view path = Path();
    const std::string_view method = Text(parser_->get().method_string());
    if (path == "/v1/access") return shared_->access.AnswerAccess(CloudNow());
    if (path == "/v1/openapi.json") return {200, "application/json", std::string(OpenApiDocument())};
    if (IsAction(method, path)) return AnswerAction(method, path, {}, caller_, shared_->actions);
    return AnswerGet(Text(parser_->get().target()), shared_->source);
  }

  void OnBody(error_code failure, std::size_t) {
    if (failure) return OnBroken(failure);
    const auto& request = parser_->get();
    const std::string_view method = Text(request.method_string());
    if (Path() == "/v1/session") {
      return Write(shared_->access.AnswerSession(method, Text(request[http::field::content_type]), request.body(),
                                                 caller_, CloudNow()),
                   request.keep_alive());
    }
    Write({AnswerAction(method, Path(), request.body(), caller_, shared_->actions), {}}, request.keep_alive());
  }

  void OnBroken(error_code failure) {
    const auto refuse = [this](unsigned status, std::string_view why) {
      Write({{status, "application/json", ErrorDocument(why)}, {}}, false);
    };
    if (failure == http::error::header_limit || failure == http::error::buffer_overflow) {
      refuse(431, "the request is too large");
    } else if (failure == http::error::body_limit || failure == http::error::unexpected_body) {
      refuse(413, "a body here has at most " + std::to_string(config_.access.body_bytes_max) + " bytes");
    } else if (failure.category() == make_error_code(http::error::bad_method).category() &&
               failure != http::error::end_of_stream && failure != http::error::partial_message) {
      refuse(400, "this is not HTTP/1.1");
    } else {
      Close();
    }
  }

  static std::string_view Text(beast::string_view text) { return {text.data(), text.size()}; }
  std::string_view Path() {
    const std::string_view target = Text(parser_->get().target());
    return target.substr(0, target.find('?'));
  }
  bool HasBody() {
    return parser_->chunked() || (parser_->content_length() && *parser_->content_length() > 0);
  }

  AccessRequest Described() {
    const auto& request = parser_->get();
    AccessRequest described;
    described.method = Text(request.method_string());
    described.path = Path();
    described.authorization = Text(request[http::field::authorization]);
    described.cookie = Text(request[http::field::cookie]);
    described.origin = Text(request[http::field::origin]);
    described.host = Text(request[http::field::host]);
    described.fetch_site = Text(request["Sec-Fetch-Site"]);
    described.wants_page = Text(request[http::field::accept]).find("text/html") != std::string_view::npos;
    described.upgrades = !request[http::field::upgrade].empty();
    described.address = address_;
    described.certificate = generation_ == shared_->access.generation() ? certificate_ : nullptr;
    return described;
  }

  void Write(Reply reply, bool keep_alive) {
    response_ = {};
    response_.result(reply.answer.status);
    const std::string_view type = reply.answer.content_type;
    response_.set(http::field::content_type, beast::string_view(type.data(), type.size()));
    response_.set(http::field::cache_control, "no-store");
    for (const HeaderFields* fields : {&shared_->access.fields(), static_cast<const HeaderFields*>(&reply.fields)}) {
      for (const auto& [name, value] : *fields) response_.set(name, value);
    }
    response_.keep_alive(keep_alive && parser_->is_header_done() && parser_->get().keep_alive());
    const bool head = parser_->is_header_done() && parser_->get().method() == http::verb::head;
    response_.content_length(reply.answer.body.size());
    if (!head) response_.body() = std::move(reply.answer.body);
    stream_.next_layer().expires_after(config_.request_timeout);
    http::async_write(stream_, response_,
                      beast::bind_front_handler(&Visitor::OnWritten, shared_from_this()));
  }

  void OnWritten(error_code failure, std::size_t) {
    if (!failure && !response_.need_eof() && response_.keep_alive()) return Read(config_.idle_timeout);
    if (!failure && stream_.encrypted()) {
      // The other side is told that this is the end, and waits for nothing more.
      stream_.next_layer().expires_after(config_.request_timeout);
      return stream_.async_shutdown([self = shared_from_this()](error_code) {});
    }
    // Without this the kernel would reset the connection if unread bytes are
    // left, and the other side might never see the answer.
    error_code ignored;
    stream_.next_layer().socket().shutdown(tcp::socket::shutdown_send, ignored);
  }

  AccessStream stream_;
  const ConsoleConfig& config_;
  Shared* const shared_;
  std::unordered_set<Visitor*>* const open_;
  std::string address_;
  X509* certificate_ = nullptr;     // the stream's; verified
  std::uint64_t generation_ = 0;    // by these authorities
  Caller caller_;
  beast::flat_buffer buffer_{std::size_t{64} << 10};
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
};

}  // namespace

struct Console::State {
  State(const ConsoleConfig& config_in, ConsoleSource* source, ActionTarget* actions)
      : config(config_in),
        shared{config, source, actions, &live, Access(config.access), {}},
        live(&context, config.live, source),
        acceptor(context),
        pause(context),
        look(context) {}

  void Accept() { acceptor.async_accept(beast::bind_front_handler(&State::OnAccept, this)); }

  void OnAccept(error_code failure, tcp::socket socket) {
    if (!acceptor.is_open()) return;  // Shut.
    if (failure) {
      pause.expires_after(kAcceptPause);
      pause.async_wait(beast::bind_front_handler(&State::OnPaused, this));
      return;
    }
    if (open.size() < config.connections_max) {
      std::make_shared<Visitor>(std::move(socket), &shared, &open)->Begin();
    }
    Accept();
  }

  void OnPaused(error_code failure) {
    // The timer may have fired before Shut cancelled it.
    if (!failure && acceptor.is_open()) Accept();
  }

  void AwaitLook() {
    look.expires_after(Access::kLookInterval);
    look.async_wait(beast::bind_front_handler(&State::OnLook, this));
  }

  // Whoever came with what holds no longer is cut off, whatever they are doing.
  void OnLook(error_code failure) {
    if (failure || !acceptor.is_open()) return;
    const CloudTime now = CloudNow();
    shared.access.Look(now);
    for (Visitor* visitor : open) {
      if (!shared.access.Holds(visitor->caller(), now)) visitor->Close();
    }
    std::erase_if(shared.guests, [&](const Shared::Guest& guest) {
      const std::shared_ptr<beast::tcp_stream> stream = guest.stream.lock();
      if (stream == nullptr) return true;
      if (shared.access.Holds(guest.caller, now)) return false;
      error_code ignored;
      stream->socket().close(ignored);
      return true;
    });
    AwaitLook();
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
    look.cancel();
    for (Visitor* visitor : open) visitor->Close();
    live.Close();
  }

  const ConsoleConfig config;
  Shared shared;                      // the thread's while it runs

  // Owned by the thread while it runs.  `open` outlives the context, whose
  // destructor ends the last visitors.
  std::unordered_set<Visitor*> open;
  asio::io_context context{1};
  LiveHub live;
  tcp::acceptor acceptor;
  asio::steady_timer pause;
  asio::steady_timer look;

  // Owned by the caller of Start and Stop.
  std::thread thread;
  std::uint16_t port = 0;
};

Console::Console(const ConsoleConfig& config, ConsoleSource* source, ActionTarget* actions)
    : state_(std::make_unique<State>(config, source, actions)) {
  STARLING_CHECK(config.Validate().ok());
}

Console::~Console() { Stop(); }

Status Console::Start(std::optional<int> listening) {
  STARLING_CHECK(!state_->thread.joinable());
  const ConsoleConfig& config = state_->config;
  if (Status status = state_->shared.access.Open(); !status.ok()) {
    return {status.code(), "console: " + std::string(status.message())};
  }
  if (Status status = Listen(config.host, config.port, listening, &state_->acceptor); !status.ok()) {
    return {status.code(), "console: " + std::string(status.message())};
  }
  state_->port = state_->acceptor.local_endpoint().port();
  state_->Accept();
  state_->AwaitLook();
  state_->thread = std::thread(&State::Run, state_.get());
  return {};
}

void Console::Stop() {
  if (!state_->thread.joinable()) return;
  asio::post(state_->context, [state = state_.get()] { state->Shut(); });
  state_->thread.join();
}

std::uint16_t Console::port() const { return state_->port; }

void Console::AppendFigures(std::vector<Figure>* figures) const { state_->shared.access.AppendFigures(figures); }

}  // namespace starling::cloud
