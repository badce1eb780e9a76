#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/tls/tls_context.h"

namespace starling::cloud {

// One TLS connection, server side: OpenSSL works on the descriptor itself and Asio
// only says when the descriptor is ready.  docs/decisions/0003-tls-on-the-descriptor.md
// says why.
//
// Threading: lives on its socket's io_context, which one thread runs.
class TlsConnection : public std::enable_shared_from_this<TlsConnection> {
 public:
  virtual ~TlsConnection();
  TlsConnection(const TlsConnection&) = delete;
  TlsConnection& operator=(const TlsConnection&) = delete;

  // Calls OnClientHello when the peer's first TLS record is there whole; closes if what
  // comes is not TLS.  Costs no memory but the socket's.  Call once, before Start.
  void AwaitClientHello();

  // Shakes hands; call once.
  // Errors: kIoError if the socket cannot be used.
  Status Start(SSL_CTX* context);

  // Closes at once.  OnClosed is called, once, before this returns.
  void Close(const std::string& why);

  // Gives a peer that resumed its session a ticket for the next time: it used the last
  // one.  False, and nothing is sent, while something else is on its way.
  bool SendTicket();

  bool established() const { return established_; }
  bool closed() const { return closed_; }

 protected:
  explicit TlsConnection(boost::asio::ip::tcp::socket socket, std::size_t write_bytes_max);

  enum class Priority : bool { kUrgent, kNormal };

  const SSL* tls() const { return ssl_.get(); }  // null before Start

  // Bytes that the socket gave and took since Start: with TLS, without TCP/IP.
  std::uint64_t wire_bytes_read() const { return ssl_ == nullptr ? 0 : BIO_number_read(SSL_get_rbio(ssl_.get())); }
  std::uint64_t wire_bytes_written() const { return ssl_ == nullptr ? 0 : BIO_number_written(SSL_get_wbio(ssl_.get())); }

  // Called from the io_context.  Each of them may close the connection.
  virtual void OnClientHello() = 0;
  virtual void OnEstablished(const SSL* ssl) = 0;
  virtual void OnBytes(std::span<const std::byte> bytes) = 0;
  virtual void OnClosed(const std::string& why) = 0;

  // Writes whole frames as soon as the socket takes them: urgent ones before all
  // normal ones that have not been given to TLS yet.  More unsent bytes than the
  // limit close the connection.
  void Write(std::span<const std::byte> frames, Priority priority);

  // Between the two, Write only queues: one TLS record for all answers to what was
  // read at once, and none leaves before all of it was dealt with.
  void Cork() { corked_ = true; }
  void Uncork();

  // From now on nothing more is read and the peer's TCP window closes.
  void PauseReading() { paused_ = true; }

 private:
  void AwaitBytes(int count);
  void PeekRecord(int awaited);
  void Handshake();
  void Read();
  void Flush();
  std::size_t unsent_bytes() const { return sending_.size() - sent_ + urgent_.size() + normal_.size(); }
  void AwaitReadable();
  void AwaitWritable();

  boost::asio::ip::tcp::socket socket_;
  const std::size_t write_bytes_max_;
  SslPtr ssl_;
  bool established_ = false;
  bool closed_ = false;
  bool paused_ = false;
  bool corked_ = false;
  bool awaiting_read_ = false;
  bool awaiting_write_ = false;

  // Unsent frames.  What TLS was given once, it must be given again.
  std::vector<std::byte> sending_;
  std::size_t sent_ = 0;              // of sending_
  std::vector<std::byte> urgent_;
  std::vector<std::byte> normal_;
};

}  // namespace starling::cloud
