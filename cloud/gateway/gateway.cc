#include "cloud/gateway/gateway.h"

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdio>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cloud/gateway/gateway_thread.h"
#include "cloud/gateway/payload_check.h"
#include "cloud/gateway/plan_watch.h"
#include "cloud/gateway/vehicle_connection.h"
#include "cloud/supervisor/listening.h"
#include "common/frame/frame_format.h"
#include "common/mutex.h"

namespace starling::cloud {
namespace {

using boost::asio::ip::tcp;
using Error = boost::system::error_code;

// No file or memory is left: others have to close first.
constexpr milliseconds kAcceptBackOff{100};
constexpr milliseconds kDrainPoll{2};
constexpr double kBytesBurstMin = 128 << 10;
static_assert(kBytesBurstMin >= kFrameHeaderBytes + kFramePayloadBytesMax);

Status Invalid(const std::string& what) { return Status(ErrorCode::kInvalidArgument, what); }

bool IsExhaustion(const Error& error) {
  return error == boost::system::errc::too_many_files_open ||
         error == boost::system::errc::too_many_files_open_in_system ||
         error == boost::system::errc::no_buffer_space || error == boost::system::errc::not_enough_memory;
}

// Outlives the gateway, as the log's observer does.
struct DurableRelay {
  Mutex mutex;
  std::vector<GatewayThread*> threads STARLING_GUARDED_BY(mutex);

  void Notify() {
    MutexLock lock(mutex);
    for (GatewayThread* thread : threads) thread->PostAcks();
  }
  void Set(std::vector<GatewayThread*> who) {
    MutexLock lock(mutex);
    threads = std::move(who);
  }
};

}  // namespace

Status GatewayConfig::Validate() const {
  if (host.empty()) return Invalid("host is empty");
  if (threads < 1 || threads > 64) return Invalid("threads is " + std::to_string(threads) + ", must be 1 to 64");
  if (coalesce < milliseconds(0) || coalesce > milliseconds(20)) return Invalid("coalesce must be 0 to 20 ms");
  if (connections_max < 1) return Invalid("connections_max must be at least 1");
  if (handshakes_max < 1) return Invalid("handshakes_max must be at least 1");
  if (handshake_timeout < seconds(1)) return Invalid("handshake_timeout must be at least 1 s");
  if (handshake_slot_timeout < milliseconds(10)) return Invalid("handshake_slot_timeout must be at least 10 ms");
  if (connections_per_address_max < 1) return Invalid("connections_per_address_max must be at least 1");
  if (!(connections_per_address_and_second >= 1 && connections_per_address_and_second <= 1e6)) {
    return Invalid("connections_per_address_and_second must be in [1, 1e6]");
  }
  if (half_open_max < 1) return Invalid("half_open_max must be at least 1");
  if (!(handshakes_per_second >= 10 && handshakes_per_second <= 1e6)) {
    return Invalid("handshakes_per_second must be in [10, 1e6]");
  }
  if (!(reconnects_per_second >= 10 && reconnects_per_second <= 1e6)) {
    return Invalid("reconnects_per_second must be in [10, 1e6]");
  }
  if (frame_timeout < seconds(1)) return Invalid("frame_timeout must be at least 1 s");
  if (!(replacements_per_minute >= 1 && replacements_per_minute <= 1000)) {
    return Invalid("replacements_per_minute must be in [1, 1000]");
  }
  if (replacement_pause < milliseconds(0)) return Invalid("replacement_pause must not be negative");
  if (!(admission.frames_per_second >= 100 && admission.frames_per_second <= 1e9)) {
    return Invalid("admission.frames_per_second must be in [100, 1e9]");
  }
  if (!(admission.bytes_per_second >= 1e5 && admission.bytes_per_second <= 1e12)) {
    return Invalid("admission.bytes_per_second must be in [1e5, 1e12]");
  }
  if (idle_timeout < seconds(2)) return Invalid("idle_timeout must be at least 2 s: a vehicle speaks once a second");
  if (write_bytes_max < (1 << 10)) return Invalid("write_bytes_max must be at least 1024");
  if (!(fixes_per_second > 0 && fixes_per_second <= 1000)) return Invalid("fixes_per_second must be in (0, 1000]");
  if (!(fixes_burst >= 1 && fixes_burst <= 10'000)) return Invalid("fixes_burst must be in [1, 10000]");
  if (!(bytes_per_second >= 1 && bytes_per_second <= 1e9)) return Invalid("bytes_per_second must be in [1, 1e9]");
  if (!(bytes_burst >= kBytesBurstMin && bytes_burst <= 1e9)) return Invalid("bytes_burst must be in [131072, 1e9]");
  if (!(statuses_per_second >= 1 && statuses_per_second <= 1e6)) {
    return Invalid("statuses_per_second must be in [1, 1e6]");
  }
  if (!(statuses_burst >= kStatusesMax && statuses_burst <= 1e6)) return Invalid("statuses_burst must be in [256, 1e6]");
  if (fix_age_max <= milliseconds(0)) return Invalid("fix_age_max must be positive");
  if (fix_lead_max < milliseconds(0)) return Invalid("fix_lead_max must not be negative");
  if (!(jump_base_m >= 0 && jump_base_m <= 1e6)) return Invalid("jump_base_m must be in [0, 1e6]");
  if (!(jump_speed_mps > 0 && jump_speed_mps <= 1e4)) return Invalid("jump_speed_mps must be in (0, 1e4]");
  if (clock_step_max < milliseconds(0)) return Invalid("clock_step_max must not be negative");
  return Status();
}

struct Gateway::State {
  State(const GatewayConfig& config, Log* log, HistoryLedger* ledger) : shared(config, log, ledger) {}

  Status Listen(std::optional<int> listening);
  void Accept();
  void HandOut(tcp::socket socket, GatewayThread* thread);
  void StopAccepting();
  void StopThreads();

  GatewayShared shared;
  const std::shared_ptr<DurableRelay> relay = std::make_shared<DurableRelay>();
  std::vector<std::unique_ptr<GatewayThread>> threads;  // constant after Start

  // One acceptor, whose thread is the first one: a second process on the port is
  // then noticed, which SO_REUSEPORT would hide, and vehicles spread evenly.
  std::optional<PlanWatch> plan_watch;

  std::optional<tcp::acceptor> acceptor;
  std::optional<boost::asio::steady_timer> accept_timer;
  std::size_t next_thread = 0;
  std::uint16_t port = 0;

  // The acceptor's thread and Deliver's callers add; anyone loads, in no order.
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> refused_address{0};
  std::atomic<std::uint64_t> unroutable{0};
  std::atomic<std::uint64_t> fenced{0};
};

Gateway::Gateway(const GatewayConfig& config, Log* log, HistoryLedger* ledger)
    : state_(std::make_unique<State>(config, log, ledger)) {
  log->ObserveDurable([relay = state_->relay](Ticket) { relay->Notify(); });
}

Gateway::~Gateway() {
  state_->StopAccepting();
  state_->StopThreads();
}

Status Gateway::Start(const CertificateFolder& certificates, CertificateWatch::Say say,
                      std::optional<int> listening) {
  State& s = *state_;
  STARLING_CHECK(s.threads.empty());
  if (Status status = s.shared.config.Validate(); !status.ok()) return status;
  if (!say) say = [](const std::string& line) { std::fprintf(stderr, "starling-cloud: %s\n", line.c_str()); };
  const CertificateWatch::Say plan_say = say;
  s.shared.certificates.emplace(certificates, std::move(say));
  const auto cut_revoked = [&s] {
    for (const auto& thread : s.threads) {
      boost::asio::post(thread->context(), [each = thread.get()] { each->CutRevoked(); });
    }
  };
  for (std::size_t i = 0; i < s.shared.config.threads; ++i) {
    s.threads.push_back(std::make_unique<GatewayThread>(&s.shared, i));
  }
  if (Status status = s.shared.certificates->Start(cut_revoked); !status.ok()) {
    s.threads.clear();
    return status;
  }
  // OpenSSL writes to the descriptor by write(): a vehicle that is gone must be an
  // error there, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  if (Status status = s.Listen(listening); !status.ok()) {
    s.acceptor.reset();
    s.accept_timer.reset();
    s.shared.certificates->Stop();
    s.threads.clear();
    return status;
  }
  std::vector<GatewayThread*> threads;
  for (const auto& thread : s.threads) threads.push_back(thread.get());
  s.relay->Set(std::move(threads));
  s.Accept();
  if (!s.shared.config.plans.empty()) {
    s.plan_watch.emplace(s.shared.config.plans, &s.shared.plans, plan_say);
    s.plan_watch->Start([&s] {
      for (const auto& thread : s.threads) {
        boost::asio::post(thread->context(), [each = thread.get()] { each->PushPlans(); });
      }
    });
  }
  for (const auto& thread : s.threads) thread->Run();
  return Status();
}

Status Gateway::State::Listen(std::optional<int> listening) {
  boost::asio::io_context& context = threads.front()->context();
  acceptor.emplace(context);
  accept_timer.emplace(context);
  Status status = cloud::Listen(shared.config.host, shared.config.port, listening, &*acceptor);
  if (!status.ok()) return status;
  Error error;
  port = acceptor->local_endpoint(error).port();
  return Status();
}

void Gateway::State::Accept() {
  GatewayThread* const thread = threads[next_thread++ % threads.size()].get();
  acceptor->async_accept(thread->context(), [this, thread](Error error, tcp::socket socket) {
    if (error == boost::asio::error::operation_aborted || !acceptor->is_open()) return;
    if (!error) {
      HandOut(std::move(socket), thread);
    } else if (IsExhaustion(error)) {
      refused.fetch_add(1, std::memory_order_relaxed);
      accept_timer->expires_after(kAcceptBackOff);
      accept_timer->async_wait([this](Error cancelled) {
        if (!cancelled && acceptor->is_open()) Accept();
      });
      return;
    }
    Accept();
  });
}

void Gateway::State::HandOut(tcp::socket socket, GatewayThread* thread) {
  std::size_t open = 0;
  for (const auto& each : threads) open += each->load();
  if (open >= shared.config.connections_max) {
    refused.fetch_add(1, std::memory_order_relaxed);
    return;  // Closes it.
  }
  Error error;
  const tcp::endpoint peer = socket.remote_endpoint(error);
  if (error) return;  // Gone already.
  AddressTable::Place place = shared.addresses.Enter(AddressTable::SourceOf(peer.address()), CloudNow());
  if (!place) {
    refused.fetch_add(1, std::memory_order_relaxed);
    refused_address.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  accepted.fetch_add(1, std::memory_order_relaxed);
  if (thread == threads.front().get()) return thread->Adopt(std::move(socket), std::move(place));
  boost::asio::post(thread->context(),
                    [thread, accepted_socket = std::move(socket), its_place = std::move(place)]() mutable {
                      thread->Adopt(std::move(accepted_socket), std::move(its_place));
                    });
}

void Gateway::State::StopAccepting() {
  if (threads.empty() || !acceptor) return;
  std::promise<void> stopped;
  boost::asio::post(threads.front()->context(), [this, &stopped] {
    Error ignored;
    acceptor->close(ignored);
    accept_timer->cancel();
    stopped.set_value();
  });
  stopped.get_future().wait();
}

void Gateway::State::StopThreads() {
  relay->Set({});
  if (shared.certificates) shared.certificates->Stop();  // It posts to the threads.
  if (plan_watch) plan_watch->Stop();                    // So does this.
  for (const auto& thread : threads) thread->Stop();
  acceptor.reset();
  accept_timer.reset();
}

void Gateway::Deliver(std::span<const ShardOutputs::Command> commands) {
  struct Delivery {
    std::shared_ptr<VehicleConnection> connection;
    std::vector<std::byte> wire_command;
  };
  State& s = *state_;
  const std::int64_t emitted_ns = ToNs(CloudNow());
  const bool several = !s.shared.regions.map()->single();
  std::vector<std::vector<Delivery>> deliveries(s.threads.size());
  for (const ShardOutputs::Command& command : commands) {
    const Route route = s.shared.directory.Find(command.vehicle);
    auto connection = route.connection.lock();
    // Our own shard made it: there is nothing to verify.
    const auto* wire_command = flatbuffers::GetRoot<wire::Command>(command.wire_command.data());
    const RegionId region{wire_command->region()};
    if (Epoch{wire_command->epoch()} < s.shared.regions.EpochOf(region)) {
      s.fenced.fetch_add(1, std::memory_order_relaxed);
      continue;
    }
    if (several) s.shared.directory.NoteCommand(command.vehicle, region);
    if (connection == nullptr) {
      s.unroutable.fetch_add(1, std::memory_order_relaxed);
      continue;
    }
    Delivery delivery{std::move(connection), command.wire_command};
    flatbuffers::GetMutableRoot<wire::Command>(delivery.wire_command.data())->mutate_emitted_time_ns(emitted_ns);
    deliveries[route.thread].push_back(std::move(delivery));
  }
  for (std::size_t i = 0; i < deliveries.size(); ++i) {
    if (deliveries[i].empty()) continue;
    boost::asio::post(s.threads[i]->context(), [batch = std::move(deliveries[i])] {
      for (const Delivery& each : batch) each.connection->SendCommand(each.wire_command);
    });
  }
}

void Gateway::SetEpoch(RegionId region, Epoch epoch) { state_->shared.regions.SetEpoch(region, epoch); }

void Gateway::SetRegionMap(RegionMap map) { state_->shared.regions.SetMap(std::move(map)); }

void Gateway::Drain(milliseconds timeout) {
  State& s = *state_;
  if (!s.acceptor) return;
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  s.StopAccepting();
  for (const auto& thread : s.threads) {
    std::promise<void> told;
    boost::asio::post(thread->context(), [&] {
      thread->Drain();
      told.set_value();
    });
    told.get_future().wait();
  }
  const auto idle = [&s] {
    for (const auto& thread : s.threads) {
      if (!thread->idle()) return false;
    }
    return true;
  };
  while (!idle() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(kDrainPoll);
  s.StopThreads();
}

std::shared_ptr<const CompiledPlan> Gateway::WantedPlan(const VehicleId& vehicle) const {
  return state_->shared.plans.WantedFor(vehicle);
}

std::optional<ReportedPlan> Gateway::PlanOf(const VehicleId& vehicle) const {
  return state_->shared.plans.Reported(vehicle);
}

PlanFigures Gateway::plans() const { return state_->shared.plans.figures(); }

bool Gateway::Connected(const VehicleId& vehicle) const {
  return !state_->shared.directory.Find(vehicle).connection.expired();
}

void Gateway::ReloadCertificates() {
  if (state_->shared.certificates) state_->shared.certificates->Reload();
}

CertificateFigures Gateway::certificates() const {
  return state_->shared.certificates ? state_->shared.certificates->figures() : CertificateFigures();
}

std::uint16_t Gateway::port() const { return state_->port; }

GatewayCounters Gateway::counters() const {
  GatewayCounters sum;
  sum.accepted = state_->accepted.load(std::memory_order_relaxed);
  sum.refused_connections = state_->refused.load(std::memory_order_relaxed);
  sum.refused_address = state_->refused_address.load(std::memory_order_relaxed);
  sum.commands_unroutable = state_->unroutable.load(std::memory_order_relaxed);
  sum.commands_fenced = state_->fenced.load(std::memory_order_relaxed);
  for (const auto& thread : state_->threads) thread->counters().AddTo(&sum);
  return sum;
}

GatewayLatencies Gateway::latencies() const {
  GatewayLatencies sum;
  for (const auto& thread : state_->threads) thread->counters().AddTo(&sum);
  return sum;
}

}  // namespace starling::cloud
