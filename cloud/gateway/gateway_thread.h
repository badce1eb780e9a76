#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cloud/gateway/address_table.h"
#include "cloud/gateway/admission.h"
#include "cloud/gateway/dead_letters.h"
#include "cloud/gateway/downlink_builder.h"
#include "cloud/gateway/gateway.h"
#include "cloud/gateway/gateway_regions.h"
#include "cloud/gateway/history_ledger.h"
#include "cloud/gateway/plan_book.h"
#include "cloud/gateway/record_builder.h"
#include "cloud/gateway/sent_commands.h"
#include "cloud/gateway/vehicle_directory.h"
#include "cloud/log/log.h"
#include "cloud/tls/certificate_watch.h"
#include "common/frame/payload_codec.h"
#include "common/telemetry/sample.h"

namespace starling::cloud {

class VehicleConnection;

// How many handshakes all threads together may begin.
//
// Threading: thread-safe.
class HandshakePace {
 public:
  explicit HandshakePace(double rate) : limit_(rate, rate / 10) {}
  bool Take(CloudTime now) {
    MutexLock lock(mutex_);
    return limit_.Take(now);
  }

 private:
  Mutex mutex_;
  RateLimit limit_ STARLING_GUARDED_BY(mutex_);  // a tenth of a second's at once
};

// What the threads of a gateway share; all of it is thread-safe or constant.
struct GatewayShared {
  GatewayShared(const GatewayConfig& gateway_config, Log* gateway_log, HistoryLedger* gateway_ledger)
      : config(gateway_config), log(gateway_log), ledger(gateway_ledger), frame(gateway_config.origin),
        dead_letters(gateway_log, Partition{ToNumber(gateway_config.region)}),
        regions(gateway_config.region_map.value_or(RegionMap(gateway_config.region))) {}

  const GatewayConfig config;
  Log* const log;
  HistoryLedger* const ledger;
  const LocalFrame frame;
  DeadLetters dead_letters;
  AddressTable addresses{config.connections_per_address_max, config.connections_per_address_and_second};
  Admission admission{config.admission};
  HandshakePace handshakes{config.handshakes_per_second};
  VehicleDirectory directory{config};
  PlanBook plans;
  std::optional<CertificateWatch> certificates;  // set before the threads run
  GatewayRegions regions;
  std::atomic<std::size_t> connected{0};  // vehicles; any thread, in no order

  // Over how long the vehicles that are here now should spread their return.
  milliseconds ReconnectSpread() const {
    const auto vehicles = static_cast<double>(connected.load(std::memory_order_relaxed));
    return milliseconds(static_cast<std::int64_t>(
        std::min(vehicles / config.reconnects_per_second * 1000, 60'000.0)));
  }
};

// GatewayCounters of one thread: it alone adds, anyone loads, in no order.
struct ThreadCounters {
  using Counter = std::atomic<std::uint64_t>;
  Counter connections{0}, handshakes_full{0}, handshakes_resumed{0}, handshakes_failed{0};
  Counter revoked_refused{0}, revoked_cut{0}, half_open_cut{0}, handshakes_parked{0}, refused_twins{0};
  std::array<Counter, kFrameClasses> turned_away{};
  Counter replaced_connections{0}, frames_in{0}, bytes_in{0}, frames_out{0}, bytes_out{0};
  Counter commands_sent{0}, commands_unroutable{0}, plans_sent{0}, sessions_shed{0}, ghosts{0}, ghosts_shed{0};
  std::array<Counter, kVerdictCount> verdicts{}, history_verdicts{};
  std::array<Counter, kFrameClasses> shed{};
  Counter wire_bytes_in{0}, wire_bytes_out{0}, deliveries_untimed{0};
  LatencyHistogram uplink, dispatch, delivery, acknowledgement;

  // REQUIRES: called by the counters' thread.
  static void Add(Counter* counter, std::uint64_t count = 1) {
    counter->store(counter->load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }
  void AddTo(GatewayCounters* sum) const;
  void AddTo(GatewayLatencies* sum) const;
};

// One io_context with its thread, the connections that live on it, and what they
// share there.
//
// Threading: context(), load(), counters(), PostAcks and idle() from any thread; the
// rest on this thread.
class GatewayThread {
 public:
  GatewayThread(GatewayShared* shared, std::size_t index);
  ~GatewayThread();

  void Run();                             // starts the thread
  void Stop();                            // closes the connections and joins; any thread

  // Takes an accepted connection.  Its handshake begins when its whole TLS hello is there
  // and fewer than handshakes_max are under way: who says nothing, or a byte now and
  // then, is in nobody's way.
  void Adopt(boost::asio::ip::tcp::socket socket, AddressTable::Place address);

  // Acknowledgements whose moment has come are sent, soon.
  void PostAcks();

  // Looks at every connection that is there now, some in each turn, and cuts those whose
  // certificate is revoked.
  void CutRevoked();

  // Looks at every connection that is there now, some in each turn, and sends its plan to
  // who does not have it yet.
  void PushPlans();

  // Says Notice Draining to all, and reads no more.
  void Drain();
  // True if no acknowledgement is due.
  bool idle() const { return acks_due_.load(std::memory_order_acquire) == 0; }

  boost::asio::io_context& context() { return context_; }
  std::size_t load() const { return load_.load(std::memory_order_relaxed); }
  const ThreadCounters& counters() const { return counters_; }

  // For the thread's connections.
  struct Ack {
    Ticket ticket{};                      // at whose durability it is due
    std::weak_ptr<VehicleConnection> connection;
    bool is_status = false;
    BootId boot{};
    std::uint64_t first = 0;
    std::uint64_t through = 0;            // sample, or report if is_status
  };
  void QueueAck(Ack ack);
  void QueueHandshake(std::shared_ptr<VehicleConnection> connection);
  void OnHandshakeOver();
  // The next move is the peer's, and it has no slot: the oldest of these make room.
  using HalfOpen = std::list<VehicleConnection*>;
  HalfOpen::iterator EnterHalfOpen(VehicleConnection* connection);
  void LeaveHalfOpen(HalfOpen::iterator place) { half_open_.erase(place); }
  void Forget(VehicleConnection* connection);
  std::chrono::steady_clock::time_point coarse_now() const { return coarse_now_; }  // to 100 ms

  GatewayShared* const shared;
  const std::size_t index;
  PayloadCodec codec;
  DownlinkBuilder downlink{&codec};
  RecordBuilder records;
  std::vector<wire::Fix> samples;         // scratch
  std::vector<RegionId> ghosts, left;     // scratch
  SentCommands sent_commands;
  const RegionMap& region_map() {
    if (const std::uint64_t now = shared->regions.generation(); now != map_generation_) {
      map_generation_ = now;
      map_ = shared->regions.map();
    }
    return *map_;
  }
  ThreadCounters& tally() { return counters_; }

 private:
  void Loop();
  void ArmSweep();
  void Sweep();
  void SendAcks();
  void StartHandshakes();
  void ParkStalled();
  void ArmPace();
  void PushPlansFrom(std::shared_ptr<std::vector<std::weak_ptr<VehicleConnection>>> connections, std::size_t first);
  void CutRevokedFrom(std::shared_ptr<std::vector<std::weak_ptr<VehicleConnection>>> connections, std::size_t first);

  std::shared_ptr<const RegionMap> map_;  // as of map_generation_
  std::uint64_t map_generation_ = 0;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{context_.get_executor()};
  boost::asio::steady_timer sweep_timer_{context_};
  std::vector<std::shared_ptr<VehicleConnection>> connections_;  // each knows its place
  std::deque<std::shared_ptr<VehicleConnection>> waiting_;       // for their handshake
  HalfOpen half_open_;                    // oldest first
  std::deque<std::weak_ptr<VehicleConnection>> shaking_;         // with a slot, oldest first; some are over
  boost::asio::steady_timer pace_timer_{context_};
  bool pace_armed_ = false;
  std::size_t handshakes_ = 0;            // under way, with a slot
  std::size_t sweep_next_ = 0;
  std::chrono::steady_clock::time_point coarse_now_ = std::chrono::steady_clock::now();
  std::deque<Ack> acks_;
  bool stopping_ = false;
  bool draining_ = false;

  std::atomic<std::size_t> acks_due_{0};  // size of acks_: this thread stores, Drain's loads
  std::atomic<bool> acks_posted_{false};  // set by who posts SendAcks, cleared when it runs
  std::atomic<std::size_t> load_{0};      // size of connections_, for handing out
  ThreadCounters counters_;
  std::thread thread_;
};

}  // namespace starling::cloud
