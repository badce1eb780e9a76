#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/status.h"
#include "common/time.h"
#include "common/tls/tls_context.h"
#include "edge/agent/agent.h"
#include "edge/uplink/endpoint.h"
#include "edge/uplink/vehicle_identity.h"

namespace starling::edge {

struct UplinkConfig {
  std::string host = "127.0.0.1";       // of a gateway
  std::uint16_t port = 7443;
  // Further ones, tried in this order after the first, then the first again.  A connection
  // that lasted comes back to where it was; an attempt that fails goes on to the next at once,
  // and only when all have failed in turn is the backoff waited for.
  std::vector<Endpoint> others;         // at most kOthersMax
  static constexpr std::size_t kOthersMax = 15;
  std::string server_name = "starling-cloud";  // that the certificate of each must carry
  milliseconds connect_timeout{10'000}; // TCP, TLS and the cloud's Welcome together
  milliseconds link_timeout{10'000};    // sent bytes unacknowledged so long: the link is lost
  // Clock probes are answered every 10 s, so a longer silence is a dead peer.  At
  // least 20 s, on the vehicle's clock.
  milliseconds silence_max{35'000};
  // Before the first retry; jittered by half, and by what the gateway asked for if it
  // was the gateway that went (Agent::reconnect_spread).
  milliseconds backoff_min{100};
  // Doubles up to this, and begins anew after a connection that was welcomed and
  // lasted at least as long.
  milliseconds backoff_max{5'000};
  std::size_t write_bytes_max = 16 << 10;  // unsent bytes at which frames stay in the agent

  Status Validate() const;
};

struct UplinkCounters {
  std::uint64_t connects = 0;           // TLS established
  std::uint64_t resumed = 0;            // of these, with a resumed session
  std::uint64_t failures = 0;           // attempts that ended before the cloud's Welcome
  std::uint64_t bytes_up = 0;           // TLS records included (what went to the socket)
  std::uint64_t bytes_down = 0;
  std::uint64_t records_up = 0;
  std::uint64_t records_down = 0;
  std::uint64_t strangers = 0;          // of these, with a peer whose certificate is of nobody that we believe
  std::uint64_t renewals = 0;           // identities of Renew that a gateway has welcomed
  std::uint64_t renewals_refused = 0;   // and that none would take: the one before went on
};

// Connects one agent to a gateway over mutual TLS, keeps it connected with jittered
// backoff and session resumption, and moves bytes both ways.  The agent decides
// what to send; the uplink only asks while the socket takes it, so what waits is
// conflated in the agent.
//
// Does not run the agent's timers: whoever calls Agent::OnSample also calls
// Agent::OnTimer, and Pump after either.
//
// Threading: lives on its io_context's one thread, as do all its callbacks.
class Uplink {
 public:
  // Reads the vehicle's clock.
  using Clock = std::function<BootTime()>;
  // Told of each action right when it is handed to the controller.  May call any
  // method of the uplink, but not destroy it.
  using Controller = std::function<void(const ControlAction&, BootTime now)>;

  // `context`, `tls`, `credentials` and `agent` must outlive the uplink.  `seed`
  // drives the jitter.  The process ignores SIGPIPE from here on: OpenSSL writes to
  // the socket without asking for an error instead.
  // REQUIRES: config.Validate().ok()
  Uplink(const UplinkConfig& config, boost::asio::io_context* context, SSL_CTX* tls,
         const Credentials* credentials, Agent* agent, Clock clock, Controller controller,
         std::uint64_t seed);
  ~Uplink();

  // Starts connecting.  `delay` spreads the first attempts of a fleet.
  void Start(nanoseconds delay = {});

  // Writes what the agent has to say.  Call after Agent::OnSample, and at least
  // every few seconds: it also notices here that the cloud has fallen silent.
  void Pump();

  // See common/prefetch.h.
  void PrefetchState() const;
  void PrefetchLink() const;              // Needs what PrefetchState has brought.

  // Closes the connection; the agent hears of it.  No reconnect follows until
  // Start is called again.
  void Stop();

  // Cuts the connection as a lost link would, and reconnects with backoff.
  void Cut();

  // Uses `identity` from the next connection on, with a full handshake: a session of the
  // former one would have the gateway see that one.  The present connection is ended politely
  // and made anew at a moment drawn within `spread`, later while a command keeps the vehicle
  // out of somebody's way, though not by more than a minute; if it is lost before, that is
  // the next one.  Until a gateway has welcomed it, the identity that was welcomed before is
  // kept: gateways that refuse the new one for 5 s, twice in a row, after TLS, are shown that again, and
  // renewals_refused and renewal_failure say so.  The authorities stay the new ones: who could
  // refuse us was believed by them.  Only if they have none in common with the former ones, and
  // gateways are as often of none of them, the former ones are believed again as well.
  void Renew(std::shared_ptr<const VehicleIdentity> identity, nanoseconds spread);

  // No gateway has taken or refused the one of the newest Renew yet.
  bool renewing() const;

  // What the next connection shows; null: that of the constructor.
  const std::shared_ptr<const VehicleIdentity>& identity() const;
  // Why the newest renewal was refused; empty: none was.
  const std::string& renewal_failure() const;

  // Where the connection is, or the next attempt goes.
  Endpoint endpoint() const;

  bool connected() const;               // TLS established
  // The most that the newest wait for a retry may take; 0 before the first one and
  // after a connection that lasted.
  milliseconds backoff() const;
  const UplinkCounters& counters() const;
  const std::string& last_failure() const;  // For a person; empty if none.

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace starling::edge
