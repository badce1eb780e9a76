#include "bench/gateway/bare_loop.h"

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <thread>
#include <vector>

#include "common/check.h"

namespace starling::cloud {
namespace {

using boost::asio::ip::tcp;
using Error = boost::system::error_code;

}  // namespace

struct BareLoop::State {
  struct Peer {
    Peer(tcp::socket socket, boost::asio::ssl::context& tls) : stream(std::move(socket), tls) {}
    boost::asio::ssl::stream<tcp::socket> stream;
    std::array<char, 1024> buffer{};
  };

  // The gateway's own context, so that both speak the same TLS.
  explicit State(const CertificateFolder& certificates)
      : tls(MakeServerContext(certificates).value().release()),
        acceptor(context, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)) {
    Accept();
  }
  void Accept() {
    acceptor.async_accept([this](Error error, tcp::socket socket) {
      if (error) return;
      socket.set_option(tcp::no_delay(true));
      peers.push_back(std::make_unique<Peer>(std::move(socket), tls));
      Peer* const peer = peers.back().get();
      peer->stream.async_handshake(boost::asio::ssl::stream_base::server,
                                   [this, peer](Error failed) { if (!failed) Read(peer); });
      Accept();
    });
  }
  void Read(Peer* peer) {
    peer->stream.async_read_some(boost::asio::buffer(peer->buffer), [this, peer](Error error, std::size_t count) {
      if (error) return;
      bytes.store(bytes.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
      Read(peer);
    });
  }

  boost::asio::io_context context{1};
  boost::asio::ssl::context tls;
  tcp::acceptor acceptor;
  std::vector<std::unique_ptr<Peer>> peers;
  std::atomic<std::uint64_t> bytes{0};  // the loop's thread stores, the benchmark's loads
  std::thread thread;
};

BareLoop::BareLoop(const CertificateFolder& certificates) : state_(std::make_unique<State>(certificates)) {
  state_->thread = std::thread([this] { state_->context.run(); });
}

BareLoop::~BareLoop() {
  state_->context.stop();
  state_->thread.join();
}

std::uint16_t BareLoop::port() const { return state_->acceptor.local_endpoint().port(); }

std::uint64_t BareLoop::bytes() const { return state_->bytes.load(std::memory_order_relaxed); }

}  // namespace starling::cloud
