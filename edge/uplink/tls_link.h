#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/status.h"
#include "common/time.h"
#include "common/tls/tls_context.h"

namespace starling::edge {

// One TLS connection from the first SYN to its end, without policy.
//
// OpenSSL reads and writes the socket itself; the reactor only says when.  So a
// small record costs one read or one write and no buffer of ours: what a
// connection holds between two events is OpenSSL's own state and, after a write
// that the socket did not take whole, its rest.
//
// Threading: lives on its io_context's one thread.  Owned by shared_ptr: pending
// operations keep it alive past its Close.
class TlsLink : public std::enable_shared_from_this<TlsLink> {
 public:
  // Told what happens.  May call Write and Close from within.
  class Listener {
   public:
    enum class Failure : std::uint8_t {
      kWay,       // the way to the peer
      kPeer,      // the peer closed, or its machine says that nobody is there
      kProtocol,  // TLS itself
      kStranger,  // the peer's certificate is of nobody that we believe, or not for its name
    };

    // TLS is established.  The peer may still refuse our certificate: TLS 1.3
    // says so only after this.
    virtual void OnEstablished() = 0;
    virtual void OnBytes(std::span<const std::byte> bytes) = 0;
    // All that was written is in the socket.
    virtual void OnWritable() = 0;
    // The connection, or the attempt, has failed by itself; nothing follows.
    virtual void OnFailed(std::string reason, Failure failure) = 0;

   protected:
    ~Listener() = default;
  };

  struct Limits {
    milliseconds unacknowledged_max;     // sent bytes unacknowledged so long: the link is lost
    std::size_t kernel_unsent_bytes_max; // above it the socket takes no more
  };

  // `make_tls` is called once the peer's TCP has answered, and not after Close; it calls
  // MakeClientConnection, whose context's modes this relies on: reads ahead, writes in
  // parts.  `listener` is told nothing after Close.
  using MakeTls = std::function<Result<SslPtr>()>;
  TlsLink(boost::asio::io_context* context, MakeTls make_tls, const Limits& limits, Listener* listener);
  ~TlsLink();

  // Connects to a numeric address or to a name, then shakes hands.
  void Connect(const std::string& host, std::uint16_t port);

  // REQUIRES: established() and !blocked()
  void Write(std::span<const std::byte> bytes);

  // Ends the connection without a word to the listener; `polite` sends
  // close_notify, where a lost link would not.
  void Close(bool polite);

  bool established() const { return established_; }
  // The socket has not taken all that was written yet.
  bool blocked() const { return !unsent_.empty(); }
  bool resumed() const;

  // For the next connection; null if the server gave no ticket.  Valid after Close.
  SslSessionPtr TakeSession() const;

  // At the socket, TLS included.
  std::uint64_t bytes_up() const;
  std::uint64_t bytes_down() const;
  std::uint64_t records_up() const { return records_up_; }
  std::uint64_t records_down() const { return records_down_; }

 private:
  using Tcp = boost::asio::ip::tcp;

  void ConnectTo(const Tcp::resolver::results_type& endpoints);
  void OnConnected();
  void Handshake();
  void AwaitRead();
  void AwaitWrite();
  void Read();
  void Flush();
  std::size_t WriteSome(std::span<const std::byte> bytes);
  void FailTls(int result);
  void Fail(std::string reason, Listener::Failure failure = Listener::Failure::kWay);

  std::unique_ptr<Tcp::resolver> resolver_;  // null: no name is looked up
  Tcp::socket socket_;
  const MakeTls make_tls_;
  SslPtr ssl_;                       // null until TCP has connected
  const Limits limits_;
  Listener* listener_;               // null once closed
  bool established_ = false;
  bool awaiting_read_ = false;
  bool awaiting_write_ = false;
  int write_errno_ = 0;              // the reader is finding out why
  std::vector<std::byte> unsent_;    // no memory while empty
  std::uint64_t records_up_ = 0;
  std::uint64_t records_down_ = 0;
};

}  // namespace starling::edge
