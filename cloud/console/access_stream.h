#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/websocket/teardown.hpp>

namespace starling::cloud {

// A connection of the HTTP port, plain or under TLS: one type for both, so that whoever reads
// and writes need not know.  Fits wherever Beast takes a stream, WebSocket included, and may be
// moved between operations.
//
// Threading: thread-compatible.
class AccessStream {
 public:
  using next_layer_type = boost::beast::tcp_stream;
  using executor_type = next_layer_type::executor_type;

  explicit AccessStream(boost::asio::ip::tcp::socket socket)
      : tcp_(std::make_shared<next_layer_type>(std::move(socket))) {}

  // Before anything is read; then async_handshake.  `context` is shared, not kept.
  void Encrypt(SSL_CTX* context) {
    SSL_CTX_up_ref(context);
    boost::asio::ssl::context shared(context);  // Gives back its reference; each SSL has one.
    tls_ = std::make_unique<Tls>(*tcp_, shared);
  }
  bool encrypted() const { return tls_ != nullptr; }
  // Null without TLS.
  SSL* ssl() { return tls_ == nullptr ? nullptr : tls_->native_handle(); }

  // For who may have to close it, whoever has it by then.
  std::weak_ptr<next_layer_type> handle() const { return tcp_; }

  executor_type get_executor() { return tcp_->get_executor(); }
  next_layer_type& next_layer() { return *tcp_; }
  const next_layer_type& next_layer() const { return *tcp_; }

  template <typename Handler>
  void async_handshake(Handler&& handler) {
    tls_->async_handshake(boost::asio::ssl::stream_base::server, std::forward<Handler>(handler));
  }

  // REQUIRES: encrypted()
  template <typename Handler>
  void async_shutdown(Handler&& handler) {
    tls_->async_shutdown(std::forward<Handler>(handler));
  }

  template <typename Buffers, typename Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    if (tls_ != nullptr) return tls_->async_read_some(buffers, std::forward<Token>(token));
    return tcp_->async_read_some(buffers, std::forward<Token>(token));
  }

  template <typename Buffers, typename Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    if (tls_ != nullptr) return tls_->async_write_some(buffers, std::forward<Token>(token));
    return tcp_->async_write_some(buffers, std::forward<Token>(token));
  }

 private:
  using Tls = boost::asio::ssl::stream<next_layer_type&>;

  std::shared_ptr<next_layer_type> tcp_;
  std::unique_ptr<Tls> tls_;             // over *tcp_
};

// How a WebSocket over it ends; Beast finds these by their names.
inline void teardown(boost::beast::role_type role, AccessStream& stream, boost::system::error_code& failure) {
  boost::beast::websocket::teardown(role, stream.next_layer().socket(), failure);
}

template <typename Handler>
void async_teardown(boost::beast::role_type role, AccessStream& stream, Handler&& handler) {
  if (stream.encrypted()) return stream.async_shutdown(std::forward<Handler>(handler));
  boost::beast::websocket::async_teardown(role, stream.next_layer().socket(), std::forward<Handler>(handler));
}

inline void beast_close_socket(AccessStream& stream) {
  boost::system::error_code ignored;
  stream.next_layer().socket().close(ignored);
}

}  // namespace starling::cloud
