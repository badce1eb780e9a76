#include "edge/uplink/uplink.h"

#include <boost/asio/steady_timer.hpp>
#include <algorithm>
#include <csignal>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "common/check.h"
#include "common/ids.h"
#include "common/prefetch.h"
#include "edge/agent/clock_filter.h"
#include "edge/uplink/tls_link.h"

namespace starling::edge {
namespace {

// A process that dies of a vanished peer is never what was wanted, but a program
// that has its own handler keeps it.
void IgnoreBrokenPipes() {
  struct sigaction action {};
  if (::sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_DFL) {
    std::signal(SIGPIPE, SIG_IGN);
  }
}

// A new identity waits so long for a vehicle that keeps out of somebody's way.
constexpr seconds kAvoidingPatience{60};
constexpr milliseconds kAvoidingLook{500};

// One refusal, or some at once, may be a gateway that was about to stop.
constexpr int kRefusalsMax = 2;
constexpr seconds kRefusedFor{5};

// Frames between the agent and SSL_write; shared by all uplinks of a thread, and
// empty between two calls of Pump.
std::vector<std::byte>& WriteScratch() {
  static thread_local std::vector<std::byte> scratch;
  return scratch;
}

}  // namespace

Status UplinkConfig::Validate() const {
  const auto refuse = [](const std::string& message) {
    return Status(ErrorCode::kInvalidArgument, "uplink: " + message);
  };
  if (host.empty()) return refuse("host is empty");
  if (port == 0) return refuse("port is 0");
  if (others.size() > kOthersMax) {
    return refuse("there are " + std::to_string(others.size() + 1) + " addresses, at most " +
                  std::to_string(kOthersMax + 1) + " are tried");
  }
  for (const Endpoint& other : others) {
    if (other.host.empty() || other.port == 0) return refuse("one of the other addresses is empty");
  }
  if (server_name.empty()) return refuse("server_name is empty");
  if (connect_timeout.count() <= 0) return refuse("connect_timeout must be above 0");
  if (link_timeout.count() <= 0) return refuse("link_timeout must be above 0");
  if (silence_max < 2 * ClockFilter::kInterval) {
    return refuse("silence_max is below two intervals of clock probes, 20 s");
  }
  if (backoff_min.count() <= 0) return refuse("backoff_min must be above 0");
  if (backoff_max < backoff_min) return refuse("backoff_max is below backoff_min");
  if (write_bytes_max == 0 || write_bytes_max > (1 << 20)) {
    return refuse("write_bytes_max is " + std::to_string(write_bytes_max) +
                  ", must be within 1 and 1048576");
  }
  return Status();
}

struct Uplink::State final : TlsLink::Listener, std::enable_shared_from_this<Uplink::State> {
  State(const UplinkConfig& the_config, boost::asio::io_context* the_context, SSL_CTX* the_tls,
        const Credentials* the_credentials, Agent* the_agent, Clock the_clock,
        Controller the_controller, std::uint64_t the_seed)
      : config(the_config), context(the_context), agent(the_agent), clock(std::move(the_clock)),
        controller(std::move(the_controller)), identity{nullptr, nullptr, the_tls, the_credentials},
        random(the_seed), timer(*the_context), renew_timer(*the_context) {}

  struct Identity {
    std::shared_ptr<const VehicleIdentity> owned;  // the credentials; null: the constructor's, which outlive us
    std::shared_ptr<const VehicleIdentity> trust;  // the context; null: as above
    SSL_CTX* tls;
    const Credentials* credentials;
  };

  std::size_t addresses() const { return config.others.size() + 1; }
  Endpoint Address() const { return address == 0 ? Endpoint{config.host, config.port} : config.others[address - 1]; }

  void Attempt();
  void AttemptAfter(nanoseconds delay);
  // `spread` is added, at random, to the wait before the next attempt; `soon`: there is an
  // address that has not failed in this round.
  void Retry(nanoseconds spread, bool soon);
  void Lose(std::string reason, Failure failure = Failure::kWay);
  void Pump();
  bool Lasted() const;
  void Disconnect(bool polite);
  void Account(const TlsLink& closed);
  void RunTimer(nanoseconds delay, void (State::*then)());
  nanoseconds Draw(nanoseconds most);
  // Has `by` believe the authorities of `whom`.
  static void Believe(const Identity& whom, Identity* by);
  void Show(Identity next);
  void RenewAfter(nanoseconds delay);
  void OnRenewDue();
  void OnWelcomed();
  void OnRefused(bool by_us, const std::string& reason);

  void OnEstablished() override;
  void OnBytes(std::span<const std::byte> bytes) override;
  void OnWritable() override { Pump(); }
  void OnFailed(std::string reason, Failure failure) override;
  void OnTimeout();

  const UplinkConfig config;
  boost::asio::io_context* const context;
  Agent* const agent;
  const Clock clock;
  const Controller controller;

  std::size_t address = 0;             // of the connection, or the next attempt
  std::size_t failed_in_turn = 0;      // addresses, since one worked or all had failed
  Identity identity;                   // of the next connection
  std::uint64_t identity_round = 0;    // which one that is
  bool identity_proven = false;        // a gateway has welcomed it
  std::optional<Identity> fallback;    // the other one, until one of the two is welcomed
  bool fallback_is_newer = false;
  bool renewal_open = false;           // no gateway has taken or refused it yet
  int refusals = 0;                    // of `identity`, in a row
  BootTime refused_since;              // the first of them
  std::size_t refused_at = 0;          // the address of the newest
  bool refused_by_us = false;          // what these are: it is the gateway that was not believed
  std::uint64_t link_round = 0;        // whose identity the link has shown
  std::string refused_why;
  std::string renewal_failure;

  std::uint64_t random;                // state of the jitter
  boost::asio::steady_timer timer;     // until the next attempt, or for its limit
  boost::asio::steady_timer renew_timer;
  std::uint64_t renew_round = 0;
  BootTime renew_at_last;              // it waits for no command any more
  std::uint64_t timer_round = 0;       // tells a cancelled expiry from the present one
  milliseconds backoff{};              // before the next retry; 0: backoff_min
  std::shared_ptr<TlsLink> link;       // null between attempts
  // The one before, closed.  To free what TLS holds takes as long as to close the socket;
  // the vehicles of a gateway that went all have that to do at once, so it waits for the
  // next attempt, and those are spread.
  std::shared_ptr<TlsLink> ended_link;
  bool awaiting_welcome = false;       // of this link; the timer is its limit
  BootTime established_at;
  BootTime last_heard;                 // any byte of the cloud, or established
  SslSessionPtr session;               // the newest, for resumption
  UplinkCounters closed;               // without the present link's bytes and records
  mutable UplinkCounters counters;     // with them, as last asked for
  std::string last_failure;
};

void Uplink::State::RunTimer(nanoseconds delay, void (State::*then)()) {
  timer.expires_after(delay);
  timer.async_wait([weak = weak_from_this(), round = ++timer_round,
                    then](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!error && self != nullptr && self->timer_round == round) (self.get()->*then)();
  });
}

void Uplink::State::AttemptAfter(nanoseconds delay) { RunTimer(delay, &State::Attempt); }

void Uplink::State::Attempt() {
  ended_link.reset();
  const auto make_tls = [this] {
    link_round = identity_round;
    return MakeClientConnection(identity.tls, *identity.credentials, config.server_name, session.get());
  };
  link = std::make_shared<TlsLink>(context, make_tls,
                                   TlsLink::Limits{config.link_timeout, config.write_bytes_max},
                                   this);
  awaiting_welcome = true;
  RunTimer(config.connect_timeout, &State::OnTimeout);
  // Held here because a failure inside of Connect lets go of the link.
  const auto connecting = link;
  const Endpoint to = Address();
  connecting->Connect(to.host, to.port);
}

void Uplink::State::OnTimeout() {
  const std::shared_ptr<TlsLink> late = link;
  late->Close(false);
  OnFailed((late->established() ? "no welcome within " : "no connection within ") +
               std::to_string(config.connect_timeout.count()) + " ms",
           Failure::kWay);
}

void Uplink::State::OnEstablished() {
  established_at = last_heard = clock();
  ++closed.connects;
  if (link->resumed()) ++closed.resumed;
  agent->OnConnected(established_at);
  Pump();
}

void Uplink::State::OnFailed(std::string reason, Failure failure) {
  // The ticket may be what was wrong.  A gateway that is away or overloaded says
  // nothing about it, and will be glad of it.
  if ((failure == Failure::kProtocol || failure == Failure::kStranger) && !link->established()) session.reset();
  Lose(std::move(reason), failure);
}

// With TLS 1.3 a gateway that refuses our certificate says so after TLS is
// established, so only its Welcome tells that an attempt has succeeded.
void Uplink::State::Lose(std::string reason, Failure failure) {
  if (awaiting_welcome) ++closed.failures;
  // A gateway that went takes all its vehicles with it: they come back one after the
  // other, and those first that keep out of somebody's way.
  const bool gone = failure == Failure::kPeer && !awaiting_welcome;
  const bool first = agent->avoids(clock());
  const bool of_identity = awaiting_welcome && link_round == identity_round;
  // Who takes us for nobody says so after TLS.  Before, anybody on the way may have spoken.
  const bool refused =
      of_identity && link->established() && (failure == Failure::kProtocol || failure == Failure::kPeer);
  const bool stranger = of_identity && failure == Failure::kStranger;
  if (failure == Failure::kStranger) ++closed.strangers;
  last_failure = addresses() == 1 ? std::move(reason) : ToText(Address()) + ": " + reason;
  const bool attempt = awaiting_welcome;
  const bool lasted = Lasted();
  Disconnect(false);
  // What else befalls the same address had other reasons, and so may the refusals have had; of
  // another one, it says nothing about them.
  if (refused || stranger) OnRefused(stranger, last_failure);
  else if (address == refused_at) refusals = 0;
  if (lasted) {
    failed_in_turn = 0;
  } else {
    address = (address + 1) % addresses();
    failed_in_turn = (failed_in_turn + 1) % addresses();
  }
  Retry(gone && !first ? nanoseconds(agent->reconnect_spread()) : nanoseconds(0), attempt && failed_in_turn != 0);
}

// A shorter connection proves nothing: gateways that crash at once, and two processes
// that evict each other with one certificate, are welcomed as well.
bool Uplink::State::Lasted() const {
  return link != nullptr && link->established() && !awaiting_welcome && clock() - established_at >= config.backoff_max;
}

void Uplink::State::Retry(nanoseconds spread, bool soon) {
  if (!soon) backoff = backoff.count() == 0 ? config.backoff_min : std::min(backoff * 2, config.backoff_max);
  const nanoseconds half = nanoseconds(soon ? config.backoff_min : backoff) / 2;
  AttemptAfter(half + Draw(half + spread));
}

// Within 0 and `most`.
nanoseconds Uplink::State::Draw(nanoseconds most) {
  random = MixHash(random, 1);
  return nanoseconds(static_cast<nanoseconds::rep>(random % (static_cast<std::uint64_t>(most.count()) + 1)));
}

void Uplink::State::Believe(const Identity& whom, Identity* by) {
  by->trust = whom.trust;
  by->tls = whom.tls;
}

void Uplink::State::Show(Identity next) {
  identity = std::move(next);
  ++identity_round;
  identity_proven = false;
  refusals = 0;
  session.reset();
}

void Uplink::State::RenewAfter(nanoseconds delay) {
  renew_timer.expires_after(delay);
  renew_timer.async_wait([weak = weak_from_this(), round = ++renew_round](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!error && self != nullptr && self->renew_round == round) self->OnRenewDue();
  });
}

void Uplink::State::OnRenewDue() {
  if (link == nullptr || link_round == identity_round) return;  // The next one shows it, or has.
  const BootTime now = clock();
  if (!link->established()) {
    // A handshake under way with the former identity: whatever becomes of it, look again.
    return RenewAfter(kAvoidingLook);
  }
  if (agent->avoids(now) && now < renew_at_last) return RenewAfter(kAvoidingLook);
  Disconnect(true);
  AttemptAfter({});
}

void Uplink::State::OnWelcomed() {
  if (link_round != identity_round) return;
  identity_proven = true;
  refusals = 0;
  if (!std::exchange(renewal_open, false)) return;
  if (fallback_is_newer) {
    ++closed.renewals_refused;
    renewal_failure = refused_why;
  } else {
    ++closed.renewals;
    renewal_failure.clear();
  }
  fallback_is_newer = false;
  fallback.reset();
}

void Uplink::State::OnRefused(bool by_us, const std::string& reason) {
  if (!fallback) return;
  // An authority that was taken out of the file would come back, for whoever has its key and is
  // on the way.  Only files that have nothing in common are taken for a mistake.
  if (by_us && !fallback_is_newer && ShareAuthority(identity.tls, fallback->tls)) return;
  const BootTime now = clock();
  if (std::exchange(refused_by_us, by_us) != by_us) refusals = 0;
  if (refusals++ == 0) refused_since = now;
  refused_at = address;
  if (refusals < kRefusalsMax || now - refused_since < kRefusedFor) return;
  if (!fallback_is_newer) refused_why = reason;
  Identity other = std::move(*fallback);
  // Who refuses us has been believed: what is not, is the certificate alone.
  if (!by_us && !fallback_is_newer) Believe(identity, &other);
  fallback = std::move(identity);
  fallback_is_newer = !fallback_is_newer;
  Show(std::move(other));
}

void Uplink::State::Disconnect(bool polite) {
  timer.cancel();
  ++timer_round;
  if (link == nullptr) return;
  const bool lasted = Lasted();
  ended_link = std::exchange(link, nullptr);
  const std::shared_ptr<TlsLink> ended = ended_link;
  if (ended->established() && link_round == identity_round) {
    if (SslSessionPtr newest = ended->TakeSession()) session = std::move(newest);
  }
  ended->Close(polite);
  Account(*ended);
  if (!ended->established()) return;
  if (lasted) backoff = milliseconds(0);
  agent->OnDisconnected(clock());
}

void Uplink::State::Account(const TlsLink& ended) {
  closed.bytes_up += ended.bytes_up();
  closed.bytes_down += ended.bytes_down();
  closed.records_up += ended.records_up();
  closed.records_down += ended.records_down();
}

void Uplink::State::OnBytes(std::span<const std::byte> bytes) {
  const std::shared_ptr<TlsLink> source = link;
  last_heard = clock();
  const Status status = agent->OnBytes(bytes, last_heard);
  if (awaiting_welcome && agent->welcomed()) {
    awaiting_welcome = false;
    timer.cancel();
    ++timer_round;
    OnWelcomed();
  }
  if (!status.ok()) return Lose(std::string(status.message()));
  for (;;) {
    const BootTime now = clock();
    const std::optional<ControlAction> action = agent->TakeAction(now);
    if (!action) break;
    if (controller) controller(*action, now);
  }
  if (link == source) Pump();
}

void Uplink::State::Pump() {
  const std::shared_ptr<TlsLink> sink = link;
  if (sink == nullptr || !sink->established()) return;
  // A peer whose kernel still acknowledges, or whose link takes nothing from us,
  // looks alive to TCP.
  if (!awaiting_welcome && clock() - last_heard > config.silence_max) {
    return Lose("the cloud was silent for " + std::to_string(config.silence_max.count()) + " ms");
  }
  std::vector<std::byte>& scratch = WriteScratch();
  // Frames are joined up to write_bytes_max, because every write is a system call
  // and every record has 22 bytes around it.  A link that does not take them all
  // is asked again when it has.
  while (link == sink && !sink->blocked()) {
    scratch.clear();
    while (scratch.size() < config.write_bytes_max && agent->NextFrame(clock(), &scratch)) {
    }
    if (scratch.empty()) return;
    sink->Write(scratch);
  }
}

Uplink::Uplink(const UplinkConfig& config, boost::asio::io_context* context, SSL_CTX* tls,
               const Credentials* credentials, Agent* agent, Clock clock, Controller controller,
               std::uint64_t seed)
    : state_(std::make_shared<State>(config, context, tls, credentials, agent, std::move(clock),
                                     std::move(controller), seed)) {
  STARLING_CHECK(config.Validate().ok());
  IgnoreBrokenPipes();
}

Uplink::~Uplink() { state_->Disconnect(true); }

void Uplink::Start(nanoseconds delay) {
  if (state_->link == nullptr) state_->AttemptAfter(delay);
}

void Uplink::Pump() { state_->Pump(); }

void Uplink::PrefetchState() const { Prefetch(state_.get()); }

void Uplink::PrefetchLink() const { Prefetch(state_->link.get()); }

void Uplink::Stop() {
  state_->renew_timer.cancel();
  ++state_->renew_round;
  state_->Disconnect(true);
}

void Uplink::Renew(std::shared_ptr<const VehicleIdentity> identity, nanoseconds spread) {
  STARLING_CHECK(identity != nullptr && spread.count() >= 0);
  State& s = *state_;
  // The one that was welcomed is what there is to go back to.
  if (s.identity_proven) {
    s.fallback = s.identity;
  } else if (s.fallback && s.fallback_is_newer) {
    s.fallback = s.identity;  // The newer one was refused, and this takes its place.
  } else if (s.fallback && ShareAuthority(s.identity.tls, s.fallback->tls)) {
    State::Believe(s.identity, &*s.fallback);  // Whom that one gave up stays given up.
  }
  s.fallback_is_newer = false;
  s.renewal_open = true;
  SSL_CTX* const tls = identity->context.get();
  const Credentials* const credentials = &identity->credentials;
  s.Show({identity, identity, tls, credentials});
  const nanoseconds drawn = s.Draw(spread);
  s.renew_at_last = s.clock() + drawn + kAvoidingPatience;
  s.RenewAfter(drawn);
}

bool Uplink::renewing() const { return state_->renewal_open; }

const std::shared_ptr<const VehicleIdentity>& Uplink::identity() const { return state_->identity.owned; }

const std::string& Uplink::renewal_failure() const { return state_->renewal_failure; }

void Uplink::Cut() {
  if (state_->link == nullptr) return;  // Stopped, or waiting to retry.
  state_->Lose("the connection was cut");
}

Endpoint Uplink::endpoint() const { return state_->Address(); }

bool Uplink::connected() const { return state_->link != nullptr && state_->link->established(); }

milliseconds Uplink::backoff() const { return state_->backoff; }

const UplinkCounters& Uplink::counters() const {
  state_->counters = state_->closed;
  if (const std::shared_ptr<TlsLink>& link = state_->link) {
    state_->counters.bytes_up += link->bytes_up();
    state_->counters.bytes_down += link->bytes_down();
    state_->counters.records_up += link->records_up();
    state_->counters.records_down += link->records_down();
  }
  return state_->counters;
}

const std::string& Uplink::last_failure() const { return state_->last_failure; }

}  // namespace starling::edge
