#include "cloud/gateway/gateway_thread.h"

#include <pthread.h>
#include <sys/prctl.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <thread>

#include "cloud/gateway/vehicle_connection.h"

namespace starling::cloud {
namespace {

// A sweep visits a tenth of the connections, so each one once a second, and no turn
// of the loop is long.
constexpr milliseconds kSweepInterval{100};
constexpr std::size_t kSweepParts = 10;

// With so many handlers in so long the loop waits for more to do before it goes on.
constexpr milliseconds kBusyWindow{10};
constexpr std::size_t kBusyHandlers = 20;

// How soon a handshake that waits for the pace of all threads is tried again.
constexpr milliseconds kPaceInterval{5};

// Sealing a ticket costs nearly as much as the handshake that it makes cheaper: it is
// done while no handshake waits, for a few milliseconds at once.
constexpr std::size_t kTicketsPerSweep = 20;

// Connections looked at in one turn of the loop: about a millisecond.
constexpr std::size_t kRevocationsPerTurn = 500;
constexpr std::size_t kPlansPerTurn = 16;  // compressed anew for each: some 10 µs

}  // namespace

void ThreadCounters::AddTo(GatewayCounters* sum) const {
  const auto get = [](const Counter& counter) { return counter.load(std::memory_order_relaxed); };
  sum->connections += get(connections);
  sum->handshakes_full += get(handshakes_full);
  sum->handshakes_resumed += get(handshakes_resumed);
  sum->handshakes_failed += get(handshakes_failed);
  sum->revoked_refused += get(revoked_refused);
  sum->revoked_cut += get(revoked_cut);
  sum->half_open_cut += get(half_open_cut);
  sum->handshakes_parked += get(handshakes_parked);
  sum->refused_twins += get(refused_twins);
  for (std::size_t i = 0; i < turned_away.size(); ++i) sum->turned_away[i] += get(turned_away[i]);
  sum->replaced_connections += get(replaced_connections);
  sum->frames_in += get(frames_in);
  sum->bytes_in += get(bytes_in);
  sum->frames_out += get(frames_out);
  sum->bytes_out += get(bytes_out);
  sum->commands_sent += get(commands_sent);
  sum->commands_unroutable += get(commands_unroutable);
  sum->plans_sent += get(plans_sent);
  sum->sessions_shed += get(sessions_shed);
  sum->ghosts += get(ghosts);
  sum->ghosts_shed += get(ghosts_shed);
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    sum->verdicts[i] += get(verdicts[i]);
    sum->history_verdicts[i] += get(history_verdicts[i]);
  }
  for (std::size_t i = 0; i < shed.size(); ++i) sum->shed[i] += get(shed[i]);
  sum->wire_bytes_in += get(wire_bytes_in);
  sum->wire_bytes_out += get(wire_bytes_out);
  sum->deliveries_untimed += get(deliveries_untimed);
}

void ThreadCounters::AddTo(GatewayLatencies* sum) const {
  sum->uplink.Add(uplink.Read());
  sum->dispatch.Add(dispatch.Read());
  sum->delivery.Add(delivery.Read());
  sum->acknowledgement.Add(acknowledgement.Read());
}

GatewayThread::GatewayThread(GatewayShared* gateway_shared, std::size_t own_index)
    : shared(gateway_shared), index(own_index), records(gateway_shared->config.region) {}

GatewayThread::~GatewayThread() { Stop(); }

void GatewayThread::Run() {
  ArmSweep();
  thread_ = std::thread([this] { Loop(); });
}

void GatewayThread::Loop() {
  using Clock = std::chrono::steady_clock;
  // For people who look at the process; it works without.
  (void)pthread_setname_np(pthread_self(), "gateway");
  // Sleeps of a millisecond should not last longer than that.
  (void)::prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
  const nanoseconds beat = shared->config.coalesce;
  Clock::time_point judged = Clock::now();
  std::size_t handled = 0;
  bool busy = false;
  while (context_.run_one() > 0) {
    handled += 1 + context_.poll();
    const Clock::time_point now = Clock::now();
    if (now - judged >= kBusyWindow) {
      busy = handled >= kBusyHandlers;
      handled = 0;
      judged = now;
    }
    // On a fixed raster: work in one beat does not push the next away.
    if (busy && beat > nanoseconds(0)) std::this_thread::sleep_for(beat - now.time_since_epoch() % beat);
  }
}

void GatewayThread::Stop() {
  if (!thread_.joinable()) return;
  boost::asio::post(context_, [this] {
    stopping_ = true;  // A timer that has fired already cannot be cancelled.
    sweep_timer_.cancel();
    pace_timer_.cancel();
    waiting_.clear();
    while (!connections_.empty()) {
      const auto connection = connections_.back();
      connection->Close("the gateway stops");
    }
    acks_.clear();
    acks_due_.store(0, std::memory_order_release);
    work_.reset();
  });
  thread_.join();
}

void GatewayThread::Adopt(boost::asio::ip::tcp::socket socket, AddressTable::Place address) {
  if (stopping_) return;
  auto connection = std::make_shared<VehicleConnection>(std::move(socket), std::move(address), this);
  connection->place = connections_.size();
  connections_.push_back(connection);
  load_.store(connections_.size(), std::memory_order_relaxed);
  connection->AwaitFirstMove();
}

GatewayThread::HalfOpen::iterator GatewayThread::EnterHalfOpen(VehicleConnection* connection) {
  const std::size_t most = std::max<std::size_t>(1, shared->config.half_open_max / shared->config.threads);
  while (half_open_.size() >= most) {
    ThreadCounters::Add(&counters_.half_open_cut);
    half_open_.front()->Close("half-open for longest, and others came");
  }
  return half_open_.insert(half_open_.end(), connection);
}

void GatewayThread::QueueHandshake(std::shared_ptr<VehicleConnection> connection) {
  if (draining_) return;
  waiting_.push_back(std::move(connection));
  StartHandshakes();
}

void GatewayThread::StartHandshakes() {
  while (!waiting_.empty() && handshakes_ < shared->config.handshakes_max) {
    const auto connection = std::move(waiting_.front());
    waiting_.pop_front();
    if (connection->closed()) continue;
    if (!shared->handshakes.Take(CloudNow())) {
      waiting_.push_front(connection);
      return ArmPace();
    }
    ++handshakes_;
    shaking_.push_back(connection);
    connection->BeginHandshake(shared->certificates->current()->context());
  }
}

void GatewayThread::ArmPace() {
  if (pace_armed_ || stopping_) return;
  pace_armed_ = true;
  pace_timer_.expires_after(kPaceInterval);
  pace_timer_.async_wait([this](boost::system::error_code error) {
    pace_armed_ = false;
    if (!error && !stopping_) StartHandshakes();
  });
}

void GatewayThread::ParkStalled() {
  while (!shaking_.empty()) {
    const auto oldest = shaking_.front().lock();
    if (oldest != nullptr && !oldest->closed() && oldest->shaking()) {
      if (!oldest->ParkIfStalled(coarse_now_)) return;
      ThreadCounters::Add(&counters_.handshakes_parked);
      OnHandshakeOver();
    }
    shaking_.pop_front();
  }
}

void GatewayThread::OnHandshakeOver() {
  --handshakes_;
  // Not from here: a chain of failing handshakes would be a chain of calls.
  if (!waiting_.empty()) boost::asio::post(context_, [this] { StartHandshakes(); });
}

void GatewayThread::Forget(VehicleConnection* connection) {
  const std::size_t place = connection->place;
  connections_.back()->place = place;
  std::swap(connections_[place], connections_.back());
  connections_.pop_back();
  load_.store(connections_.size(), std::memory_order_relaxed);
}

void GatewayThread::QueueAck(Ack ack) {
  const bool due = ack.ticket <= shared->log->durable();
  acks_.push_back(std::move(ack));
  acks_due_.store(acks_.size(), std::memory_order_release);
  // Otherwise the log's observer will ask for it.
  if (due) PostAcks();
}

void GatewayThread::PostAcks() {
  if (acks_posted_.exchange(true, std::memory_order_acq_rel)) return;
  boost::asio::post(context_, [this] {
    acks_posted_.store(false, std::memory_order_release);
    SendAcks();
  });
}

void GatewayThread::SendAcks() {
  const Ticket durable = shared->log->durable();
  while (!acks_.empty() && acks_.front().ticket <= durable) {
    const Ack ack = std::move(acks_.front());
    acks_.pop_front();
    if (const auto connection = ack.connection.lock()) connection->SendAck(ack);
  }
  acks_due_.store(acks_.size(), std::memory_order_release);
}

void GatewayThread::CutRevoked() {
  auto connections = std::make_shared<std::vector<std::weak_ptr<VehicleConnection>>>(connections_.begin(),
                                                                                     connections_.end());
  CutRevokedFrom(std::move(connections), 0);
}

void GatewayThread::CutRevokedFrom(std::shared_ptr<std::vector<std::weak_ptr<VehicleConnection>>> connections,
                                   std::size_t first) {
  const std::shared_ptr<const ServerTls> tls = shared->certificates->current();
  const std::size_t end = std::min(connections->size(), first + kRevocationsPerTurn);
  for (std::size_t i = first; i < end; ++i) {
    if (const auto connection = (*connections)[i].lock()) connection->CutIfRevoked(*tls);
  }
  if (end == connections->size() || stopping_) return;
  boost::asio::post(context_, [this, rest = std::move(connections), end] { CutRevokedFrom(rest, end); });
}

void GatewayThread::PushPlans() {
  auto connections = std::make_shared<std::vector<std::weak_ptr<VehicleConnection>>>(connections_.begin(),
                                                                                     connections_.end());
  PushPlansFrom(std::move(connections), 0);
}

void GatewayThread::PushPlansFrom(std::shared_ptr<std::vector<std::weak_ptr<VehicleConnection>>> connections,
                                  std::size_t first) {
  const std::size_t end = std::min(connections->size(), first + kPlansPerTurn);
  for (std::size_t i = first; i < end; ++i) {
    if (const auto connection = (*connections)[i].lock()) connection->PushPlan();
  }
  if (end == connections->size() || stopping_) return;
  boost::asio::post(context_, [this, rest = std::move(connections), end] { PushPlansFrom(rest, end); });
}

void GatewayThread::Drain() {
  draining_ = true;
  waiting_.clear();
  const auto connections = connections_;
  for (const auto& connection : connections) connection->SendDraining();
}

void GatewayThread::ArmSweep() {
  sweep_timer_.expires_after(kSweepInterval);
  sweep_timer_.async_wait([this](boost::system::error_code error) {
    if (error || stopping_) return;
    Sweep();
    ArmSweep();
  });
}

void GatewayThread::Sweep() {
  coarse_now_ = std::chrono::steady_clock::now();
  ParkStalled();
  const std::size_t count = std::min(connections_.size(), connections_.size() / kSweepParts + 1);
  std::size_t tickets = 0;
  for (std::size_t i = 0; i < count && !connections_.empty(); ++i) {
    if (sweep_next_ >= connections_.size()) sweep_next_ = 0;
    const auto connection = connections_[sweep_next_];
    connection->CheckTimeouts(coarse_now_);
    if (waiting_.empty() && tickets < kTicketsPerSweep && connection->SendTicketIfDue()) ++tickets;
    if (!connection->closed()) ++sweep_next_;
  }
}

}  // namespace starling::cloud
