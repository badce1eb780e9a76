#include "edge/uplink/tls_link.h"

#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "common/check.h"

namespace starling::edge {
namespace {

using boost::system::error_code;

// A TLS record's largest plain text.
constexpr std::size_t kRecordBytesMax = 16 << 10;

// Shared by all links of a thread, because ten thousand links with one each
// would hold 160 MB of empty memory.  In use only between SSL_read and the return
// of OnBytes, and Read is called by the reactor alone, so never nested.
std::span<std::byte> ReadScratch() {
  static thread_local std::vector<std::byte> scratch(kRecordBytesMax);
  return scratch;
}

// An option that this kernel refuses costs timeliness, not correctness.
void SetTcpOption(int descriptor, int option, int value) {
  (void)::setsockopt(descriptor, IPPROTO_TCP, option, &value, sizeof(value));
}

// SSL_get_error goes by this thread's queue of errors, so it has to be empty before each call.  It nearly always is, and to
// clear it costs ten times as much as to look.
void ClearErrors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

}  // namespace

TlsLink::TlsLink(boost::asio::io_context* context, MakeTls make_tls, const Limits& limits,
                 Listener* listener)
    : socket_(*context), make_tls_(std::move(make_tls)), limits_(limits), listener_(listener) {}

TlsLink::~TlsLink() {
  // OpenSSL spoils the session of a connection that is freed without a shutdown.
  if (ssl_ != nullptr) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

void TlsLink::Connect(const std::string& host, std::uint16_t port) {
  error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  if (!error) {
    ConnectTo(Tcp::resolver::results_type::create(Tcp::endpoint(address, port), host, {}));
    return;
  }
  resolver_ = std::make_unique<Tcp::resolver>(socket_.get_executor());
  resolver_->async_resolve(
      host, std::to_string(port),
      [self = shared_from_this(), host](error_code failure, Tcp::resolver::results_type endpoints) {
        if (self->listener_ == nullptr) return;
        self->resolver_.reset();
        if (failure) return self->Fail("cannot resolve " + host + ": " + failure.message());
        self->ConnectTo(endpoints);
      });
}

void TlsLink::ConnectTo(const Tcp::resolver::results_type& endpoints) {
  boost::asio::async_connect(
      socket_, endpoints, [self = shared_from_this()](error_code failure, const Tcp::endpoint&) {
        if (self->listener_ == nullptr) return;
        if (failure) return self->Fail("cannot connect: " + failure.message());
        self->OnConnected();
      });
}

void TlsLink::OnConnected() {
  error_code error;
  socket_.non_blocking(true, error);
  if (error) return Fail("cannot make the socket non-blocking: " + error.message());
  const int descriptor = socket_.native_handle();
  SetTcpOption(descriptor, TCP_NODELAY, 1);
  SetTcpOption(descriptor, TCP_USER_TIMEOUT, static_cast<int>(limits_.unacknowledged_max.count()));
  // The kernel would take megabytes of old positions on a slow link.
  SetTcpOption(descriptor, TCP_NOTSENT_LOWAT, static_cast<int>(limits_.kernel_unsent_bytes_max));
  Result<SslPtr> tls = make_tls_();
  if (!tls.ok()) return Fail(std::string(tls.status().message()));
  ssl_ = std::move(tls).value();
  if (SSL_set_fd(ssl_.get(), descriptor) != 1) return Fail("TLS: " + LastTlsError());
  Handshake();
}

void TlsLink::Handshake() {
  ClearErrors();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    established_ = true;
    listener_->OnEstablished();
    // What came along with the end of the handshake is in OpenSSL's buffer, where
    // the reactor does not see it.
    if (listener_ != nullptr) Read();
    return;
  }
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ: return AwaitRead();
    case SSL_ERROR_WANT_WRITE: return AwaitWrite();
    default: return FailTls(result);
  }
}

void TlsLink::AwaitRead() {
  if (std::exchange(awaiting_read_, true)) return;
  socket_.async_wait(Tcp::socket::wait_read, [self = shared_from_this()](error_code) {
    self->awaiting_read_ = false;
    // Whatever happened to the socket, reading it finds out.
    if (self->listener_ == nullptr) return;
    self->established_ ? self->Read() : self->Handshake();
  });
}

void TlsLink::AwaitWrite() {
  if (std::exchange(awaiting_write_, true)) return;
  socket_.async_wait(Tcp::socket::wait_write, [self = shared_from_this()](error_code) {
    self->awaiting_write_ = false;
    if (self->listener_ == nullptr) return;
    self->established_ ? self->Flush() : self->Handshake();
  });
}

void TlsLink::Read() {
  const std::span<std::byte> scratch = ReadScratch();
  for (;;) {
    ClearErrors();
    const int result = SSL_read(ssl_.get(), scratch.data(), static_cast<int>(scratch.size()));
    if (result > 0) {
      ++records_down_;
      listener_->OnBytes(scratch.first(static_cast<std::size_t>(result)));
      if (listener_ == nullptr) return;
      // Saves the read that would only say "nothing more".
      if (SSL_has_pending(ssl_.get()) == 0) break;
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), result);
    if (error == SSL_ERROR_WANT_WRITE) AwaitWrite();
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) break;
    return FailTls(result);
  }
  AwaitRead();
}

void TlsLink::Write(std::span<const std::byte> bytes) {
  STARLING_CHECK(established_ && listener_ != nullptr && unsent_.empty());
  const std::size_t taken = WriteSome(bytes);
  if (listener_ == nullptr || taken == bytes.size()) return;
  unsent_.assign(bytes.begin() + static_cast<std::ptrdiff_t>(taken), bytes.end());
  AwaitWrite();
}

void TlsLink::Flush() {
  const std::size_t taken = WriteSome(unsent_);
  if (listener_ == nullptr) return;
  if (taken < unsent_.size()) {
    unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(taken));
    return AwaitWrite();
  }
  std::vector<std::byte>().swap(unsent_);
  listener_->OnWritable();
}

std::size_t TlsLink::WriteSome(std::span<const std::byte> bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size()) {
    ClearErrors();
    const std::size_t part = std::min(bytes.size() - taken, kRecordBytesMax);
    const int result = SSL_write(ssl_.get(), bytes.data() + taken, static_cast<int>(part));
    if (result > 0) {
      ++records_up_;
      taken += static_cast<std::size_t>(result);
      continue;
    }
    const int system_error = errno;
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_WRITE:
      case SSL_ERROR_WANT_READ:
        return taken;
      case SSL_ERROR_SYSCALL:
        // The peer may have said why before it closed: the reader finds its alert,
        // or the end.  What is written meanwhile is lost with the connection.
        write_errno_ = system_error;
        AwaitRead();
        return bytes.size();
      default:
        FailTls(result);
        return taken;
    }
  }
  return taken;
}

void TlsLink::FailTls(int result) {
  int system_error = errno;
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_SSL) {
    const long verified = established_ ? X509_V_OK : SSL_get_verify_result(ssl_.get());
    if (verified != X509_V_OK) {
      ERR_clear_error();
      return Fail(std::string("TLS: the gateway's certificate is not believed: ") +
                      X509_verify_cert_error_string(verified),
                  Listener::Failure::kStranger);
    }
    return Fail("TLS: " + LastTlsError(), Listener::Failure::kProtocol);
  }
  if (error == SSL_ERROR_ZERO_RETURN && write_errno_ == 0) {
    return Fail("the cloud closed the connection", Listener::Failure::kPeer);
  }
  if (write_errno_ != 0) system_error = write_errno_;
  const bool by_peer = system_error == ECONNRESET || system_error == EPIPE;
  Fail("the connection was lost: " + std::generic_category().message(system_error),
       by_peer ? Listener::Failure::kPeer : Listener::Failure::kWay);
}

void TlsLink::Fail(std::string reason, Listener::Failure failure) {
  Listener* const listener = listener_;
  Close(false);
  listener->OnFailed(std::move(reason), failure);
}

void TlsLink::Close(bool polite) {
  if (listener_ == nullptr) return;
  listener_ = nullptr;
  if (polite && established_) {
    ClearErrors();
    (void)SSL_shutdown(ssl_.get());
  }
  // Lookups of all links of a context are made one after the other: one that waits behind
  // another that hangs, and is wanted no more, would hold up those after it.
  if (resolver_ != nullptr) resolver_->cancel();
  error_code ignored;
  socket_.close(ignored);
}

bool TlsLink::resumed() const { return ssl_ != nullptr && SSL_session_reused(ssl_.get()) == 1; }

SslSessionPtr TlsLink::TakeSession() const {
  SslSessionPtr session(established_ ? SSL_get1_session(ssl_.get()) : nullptr);
  if (session != nullptr && SSL_SESSION_is_resumable(session.get()) == 0) session.reset();
  return session;
}

std::uint64_t TlsLink::bytes_up() const {
  BIO* const bio = ssl_ == nullptr ? nullptr : SSL_get_wbio(ssl_.get());
  return bio == nullptr ? 0 : BIO_number_written(bio);
}

std::uint64_t TlsLink::bytes_down() const {
  BIO* const bio = ssl_ == nullptr ? nullptr : SSL_get_rbio(ssl_.get());
  return bio == nullptr ? 0 : BIO_number_read(bio);
}

}  // namespace starling::edge
