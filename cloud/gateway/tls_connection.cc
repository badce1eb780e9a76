#include "cloud/gateway/tls_connection.h"

#include <openssl/err.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

namespace starling::cloud {
namespace {

using boost::asio::ip::tcp;
using Error = boost::system::error_code;

// The largest TLS record.
constexpr std::size_t kRecordBytesMax = 16 << 10;
constexpr int kRecordHeaderBytes = 5;
// Records read before the other connections of the thread have their turn.
constexpr int kRecordsPerTurn = 16;

}  // namespace

TlsConnection::TlsConnection(tcp::socket socket, std::size_t write_bytes_max)
    : socket_(std::move(socket)), write_bytes_max_(write_bytes_max) {}

TlsConnection::~TlsConnection() {
  // Freed without a shutdown, OpenSSL would call the session not resumable.
  if (ssl_ != nullptr) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

void TlsConnection::AwaitClientHello() { AwaitBytes(kRecordHeaderBytes); }

// The descriptor becomes readable when this many bytes are there, or the peer has closed.
void TlsConnection::AwaitBytes(int count) {
  const int descriptor = static_cast<int>(socket_.native_handle());
  (void)::setsockopt(descriptor, SOL_SOCKET, SO_RCVLOWAT, &count, sizeof(count));
  socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this(), count](Error error) {
    if (self->closed_) return;
    if (error) return self->Close("connection lost: " + error.message());
    self->PeekRecord(count);
  });
}

void TlsConnection::PeekRecord(int awaited) {
  const int descriptor = static_cast<int>(socket_.native_handle());
  std::array<std::uint8_t, kRecordHeaderBytes> header{};
  const ssize_t count = ::recv(descriptor, header.data(), header.size(), MSG_PEEK | MSG_DONTWAIT);
  // RFC 8446, 5.1: content type handshake, legacy version 3.x, length.
  if (count > 0 && header[0] != 0x16) return Close("not TLS");
  if (count < kRecordHeaderBytes) return Close("closed before its TLS hello");
  const int length = header[3] << 8 | header[4];
  if (header[1] != 3 || length == 0 || length > static_cast<int>(kRecordBytesMax)) return Close("not TLS");
  int there = 0;
  if (::ioctl(descriptor, FIONREAD, &there) != 0) return Close("connection lost");
  const int whole = kRecordHeaderBytes + length;
  if (there < whole) {
    // Twice means that no more will come: closed, or the kernel has no room for it.
    if (awaited >= whole) return Close("closed within its TLS hello");
    return AwaitBytes(whole);
  }
  const int one = 1;
  (void)::setsockopt(descriptor, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof(one));
  OnClientHello();
}

Status TlsConnection::Start(SSL_CTX* context) {
  Error error;
  socket_.non_blocking(true, error);
  if (!error) socket_.set_option(tcp::no_delay(true), error);
  if (error) return Status(ErrorCode::kIoError, error.message());
  ssl_.reset(SSL_new(context));
  if (ssl_ == nullptr || SSL_set_fd(ssl_.get(), static_cast<int>(socket_.native_handle())) != 1) {
    return Status(ErrorCode::kIoError, LastTlsError());
  }
  SSL_set_accept_state(ssl_.get());
  Handshake();
  return Status();
}

void TlsConnection::Close(const std::string& why) {
  if (closed_) return;
  const auto self = shared_from_this();
  // What led to this may have been answered a moment ago.
  if (established_ && corked_) Uncork();
  if (closed_) return;
  closed_ = true;
  // First, so that who sees the end of the connection sees its consequences.
  OnClosed(why);
  // Says goodbye if the socket takes it at once; waits for no answer, which may
  // never come.  Not after a failure: OpenSSL then forbids it.
  ERR_clear_error();
  if (established_ && sending_.empty() && !SSL_in_init(ssl_.get())) SSL_shutdown(ssl_.get());
  ERR_clear_error();
  Error ignored;
  socket_.close(ignored);
}

void TlsConnection::Handshake() {
  ERR_clear_error();
  const int outcome = SSL_do_handshake(ssl_.get());
  if (outcome == 1) {
    established_ = true;
    OnEstablished(ssl_.get());
    // The first frames may have come with the handshake's last bytes.
    if (!closed_) Read();
    return;
  }
  switch (SSL_get_error(ssl_.get(), outcome)) {
    case SSL_ERROR_WANT_READ: return AwaitReadable();
    case SSL_ERROR_WANT_WRITE: return AwaitWritable();
    default: return Close("TLS handshake failed: " + LastTlsError());
  }
}

bool TlsConnection::SendTicket() {
  if (closed_ || !established_ || awaiting_write_ || unsent_bytes() > 0) return false;
  ERR_clear_error();
  if (SSL_new_session_ticket(ssl_.get()) != 1) {
    ERR_clear_error();
    return false;
  }
  // What the socket does not take now goes with the next read or write.
  const int outcome = SSL_do_handshake(ssl_.get());
  if (outcome == 1 || SSL_get_error(ssl_.get(), outcome) == SSL_ERROR_WANT_WRITE) return true;
  established_ = false;
  Close("connection lost: " + LastTlsError());
  return true;
}

void TlsConnection::Read() {
  static thread_local std::array<std::byte, kRecordBytesMax> record;
  for (int i = 0; i < kRecordsPerTurn; ++i) {
    if (closed_ || paused_) return;
    ERR_clear_error();
    const int count = SSL_read(ssl_.get(), record.data(), static_cast<int>(record.size()));
    if (count > 0) {
      OnBytes(std::span(record).first(static_cast<std::size_t>(count)));
      if (closed_) return;
      // Nothing buffered: waiting costs one system call, an attempt to read two.
      if (SSL_has_pending(ssl_.get()) == 0) return AwaitReadable();
      continue;
    }
    switch (SSL_get_error(ssl_.get(), count)) {
      case SSL_ERROR_WANT_READ: return AwaitReadable();
      case SSL_ERROR_WANT_WRITE: return AwaitWritable();
      case SSL_ERROR_ZERO_RETURN: return Close("closed by the vehicle");
      default:
        established_ = false;
        return Close("connection lost: " + LastTlsError());
    }
  }
  // What is left is inside OpenSSL; the descriptor will not say so.
  boost::asio::post(socket_.get_executor(),
                    [self = shared_from_this()] { if (!self->closed_) self->Read(); });
}

void TlsConnection::Write(std::span<const std::byte> frames, Priority priority) {
  if (closed_) return;
  std::vector<std::byte>& queue = priority == Priority::kUrgent ? urgent_ : normal_;
  queue.insert(queue.end(), frames.begin(), frames.end());
  if (!awaiting_write_ && !corked_) Flush();
  if (!closed_ && unsent_bytes() > write_bytes_max_) {
    Close("too slow: over " + std::to_string(write_bytes_max_) + " unsent bytes");
  }
}

void TlsConnection::Uncork() {
  corked_ = false;
  if (!closed_ && !awaiting_write_ && unsent_bytes() > 0) Flush();
}

void TlsConnection::Flush() {
  for (;;) {
    if (sent_ == sending_.size()) {
      sent_ = 0;
      sending_.clear();
      sending_.swap(urgent_.empty() ? normal_ : urgent_);
      if (sending_.empty()) {
        // 10,000 connections mostly have nothing to say: they hold no memory for it.
        sending_ = {};
        return;
      }
    }
    ERR_clear_error();
    const int count = SSL_write(ssl_.get(), sending_.data() + sent_, static_cast<int>(sending_.size() - sent_));
    if (count > 0) {
      sent_ += static_cast<std::size_t>(count);
      continue;
    }
    switch (SSL_get_error(ssl_.get(), count)) {
      case SSL_ERROR_WANT_WRITE: return AwaitWritable();
      case SSL_ERROR_WANT_READ: return AwaitReadable();
      default:
        established_ = false;
        return Close("connection lost: " + LastTlsError());
    }
  }
}

void TlsConnection::AwaitReadable() {
  if (awaiting_read_ || closed_) return;
  awaiting_read_ = true;
  socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](Error error) {
    self->awaiting_read_ = false;
    if (error || self->closed_) return;
    self->established_ ? self->Read() : self->Handshake();
  });
}

void TlsConnection::AwaitWritable() {
  if (awaiting_write_ || closed_) return;
  awaiting_write_ = true;
  socket_.async_wait(tcp::socket::wait_write, [self = shared_from_this()](Error error) {
    self->awaiting_write_ = false;
    if (error || self->closed_) return;
    if (!self->established_) return self->Handshake();
    self->Flush();
    // A read may have wanted to write.
    if (!self->closed_ && !self->awaiting_read_) self->Read();
  });
}

}  // namespace starling::cloud
