#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "cloud/console/live_hub.h"
#include "cloud/console/live_viewer.h"

namespace starling::cloud {

// A viewer's connection over any stream that Beast takes.  Lives as long as an operation of its own is under way.
template <typename Stream, typename Body>
class WebSocketSession final : public LiveSession,
                               public std::enable_shared_from_this<WebSocketSession<Stream, Body>> {
 public:
  using Request = boost::beast::http::request<Body>;

  WebSocketSession(Stream stream, Request request, std::function<bool()> may_stay, LiveHub* hub)
      : stream_(std::move(stream)),
        request_(std::move(request)),
        may_stay_(std::move(may_stay)),
        config_(hub->config()),
        hub_(hub),
        viewer_(config_),
        allowance_(static_cast<double>(config_.messages_per_s_max)),
        counted_at_(Clock::now()) {
    hub_->Join(this);
  }
  ~WebSocketSession() override {
    if (hub_ != nullptr) hub_->Leave(this);
  }

  void Start() {
    namespace websocket = boost::beast::websocket;
    websocket::stream_base::timeout timeout;
    timeout.handshake_timeout = kHandshakeMax;
    timeout.idle_timeout = kSilentMax;
    timeout.keep_alive_pings = true;
    stream_.set_option(timeout);
    stream_.set_option(websocket::stream_base::decorator([](websocket::response_type& response) {
      response.set(boost::beast::http::field::sec_websocket_protocol,
                   boost::beast::string_view(kLiveProtocol.data(), kLiveProtocol.size()));
    }));
    stream_.read_message_max(config_.message_bytes_max);
    stream_.binary(true);
    stream_.auto_fragment(false);
    boost::beast::get_lowest_layer(stream_).expires_never();
    boost::system::error_code ignored;
    boost::beast::get_lowest_layer(stream_).socket().set_option(boost::asio::ip::tcp::no_delay(true), ignored);
    stream_.async_accept(request_, Then(&WebSocketSession::OnAccepted));
  }

  void Tell(const LivePicture& picture) override {
    if (!accepted_ || !viewer_.has_view()) return;
    if (writing_) {
      if (Clock::now() - writing_since_ > config_.stalled_max) Cut();
      return;
    }
    // The bytes are the viewer's own: nothing is encoded before they are written.
    const std::span<const std::uint8_t> frame = viewer_.Encode(picture);
    writing_ = true;
    writing_since_ = Clock::now();
    stream_.async_write(boost::asio::buffer(frame.data(), frame.size()), Then(&WebSocketSession::OnWritten));
  }

  VehicleId selected() const override { return viewer_.has_view() ? viewer_.view().selected : VehicleId(); }
  bool MayStay() const override { return !may_stay_ || may_stay_(); }

  void Cut() override {
    boost::system::error_code ignored;
    boost::beast::get_lowest_layer(stream_).socket().close(ignored);
  }
  void Orphan() override {
    hub_ = nullptr;
    may_stay_ = nullptr;
    Cut();
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr seconds kHandshakeMax{5};
  static constexpr seconds kSilentMax{60};  // pings keep a viewer that is there

  template <typename Member>
  auto Then(Member member) {
    return boost::beast::bind_front_handler(member, this->shared_from_this());
  }

  void OnAccepted(boost::system::error_code failure) {
    if (failure) return;
    accepted_ = true;
    Read();
  }

  void Read() { stream_.async_read(buffer_, Then(&WebSocketSession::OnRead)); }

  void OnRead(boost::system::error_code failure, std::size_t) {
    namespace websocket = boost::beast::websocket;
    if (failure) return Cut();
    const auto data = buffer_.cdata();
    const Result<LiveView> view = ReadView({static_cast<const std::byte*>(data.data()), data.size()});
    if (!stream_.got_binary() || !view.ok()) return Refuse(websocket::close_code::bad_payload, "this is no view");
    if (!TakeAllowance()) return Refuse(websocket::close_code::policy_error, "too many messages");
    viewer_.SetView(view.value());
    buffer_.consume(buffer_.size());
    Read();
  }

  bool TakeAllowance() {
    const auto now = Clock::now();
    const auto most = static_cast<double>(config_.messages_per_s_max);
    allowance_ = std::min(most, allowance_ + most * ToSeconds(now - counted_at_));
    counted_at_ = now;
    if (allowance_ < 1) return false;
    allowance_ -= 1;
    return true;
  }

  void Refuse(boost::beast::websocket::close_code code, const char* reason) {
    // A close would wait behind a write that is under way.
    if (writing_) return Cut();
    writing_ = true;
    writing_since_ = Clock::now();
    stream_.async_close({code, reason}, Then(&WebSocketSession::OnClosed));
  }

  void OnClosed(boost::system::error_code) { Cut(); }

  void OnWritten(boost::system::error_code failure, std::size_t) {
    writing_ = false;
    if (failure) Cut();
  }

  boost::beast::websocket::stream<Stream> stream_;
  const Request request_;
  std::function<bool()> may_stay_;
  const LiveConfig config_;
  LiveHub* hub_;                        // null: it is gone
  LiveViewer viewer_;
  boost::beast::flat_buffer buffer_;
  bool accepted_ = false;
  bool writing_ = false;                // a frame, or the close
  Clock::time_point writing_since_;
  double allowance_;                    // messages
  Clock::time_point counted_at_;
};

// Goes on with a connection whose request asks for the live map.  `may_stay`: asked at every picture; empty: for ever.
// REQUIRES: !hub->Refuse(...)
template <typename Stream, typename Body>
void StartLiveSession(LiveHub* hub, Stream stream, boost::beast::http::request<Body> request,
                      std::function<bool()> may_stay = {}) {
  std::make_shared<WebSocketSession<Stream, Body>>(std::move(stream), std::move(request), std::move(may_stay), hub)
      ->Start();
}

}  // namespace starling::cloud
