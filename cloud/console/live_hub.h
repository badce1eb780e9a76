#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <unordered_set>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "cloud/console/live_collector.h"
#include "cloud/console/live_config.h"
#include "cloud/console/routes.h"

namespace starling::cloud {

// The path at which browsers ask for the live map, and the protocol that they name.
inline constexpr std::string_view kLivePath = "/v1/live";
inline constexpr std::string_view kLiveProtocol = "starling.live.1";

// What of a request decides whether it gets the live map.
struct LiveRequest {
  bool upgrades = false;                // to a WebSocket
  std::string_view protocols;           // Sec-WebSocket-Protocol
  std::string_view origin;              // empty: no browser's page
  std::string_view host;
};

// A viewer, as the hub sees it.
class LiveSession {
 public:
  virtual ~LiveSession() = default;

  // Gives the viewer the news of a picture, unless it has not taken the last ones yet.
  virtual void Tell(const LivePicture& picture) = 0;
  // The vehicle of which it wants to know all; empty: none.
  virtual VehicleId selected() const = 0;
  // False: whoever it is may look no longer.
  virtual bool MayStay() const = 0;
  // Closes the connection; the session ends later, in the context.
  virtual void Cut() = 0;
  // The hub is gone.
  virtual void Orphan() = 0;
};

// The viewers of the live map: one picture of the shards for all of them in each interval while there are any, and of it
// to each what it has not been told.  A viewer that is slow gets fewer frames, one that stands still is closed.
//
// Threading: thread-compatible; works in the context's thread.
class LiveHub {
 public:
  // `context` and `source` must outlive the hub.
  LiveHub(boost::asio::io_context* context, const LiveConfig& config, ConsoleSource* source);
  ~LiveHub();

  // Why it cannot have the live map; none if it can.  StartLiveSession (live_session.h) goes on.
  std::optional<Answer> Refuse(const LiveRequest& request) const;

  // Closes every viewer; takes no more.
  void Close();

  const LiveConfig& config() const { return config_; }

  // The sessions' own.
  void Join(LiveSession* session);
  void Leave(LiveSession* session) { sessions_.erase(session); }

 private:
  void Schedule();
  void OnStep(const boost::system::error_code& failure);

  const LiveConfig config_;
  LiveCollector collector_;
  boost::asio::steady_timer timer_;
  bool closed_ = false;
  bool scheduled_ = false;
  std::unordered_set<LiveSession*> sessions_;
};

}  // namespace starling::cloud
