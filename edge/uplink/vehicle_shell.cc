#include "edge/uplink/vehicle_shell.h"

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <utility>

namespace starling::edge {
namespace {

using std::chrono::steady_clock;

// What the cloud sends can bring the agent's next timer forward; it is looked at
// this often.
constexpr nanoseconds kTickMax = kSampleInterval;
constexpr nanoseconds kTickMin = milliseconds(1);

struct Figure {
  std::string_view name;
  std::uint64_t value;
};

void AppendObject(std::string_view name, std::initializer_list<Figure> figures, std::string* json) {
  json->append(json->empty() ? "\"" : ",\"").append(name).append("\":{");
  bool first = true;
  for (const Figure& figure : figures) {
    json->append(std::exchange(first, false) ? "\"" : ",\"").append(figure.name).append("\":");
    json->append(std::to_string(figure.value));
  }
  json->append("}");
}

}  // namespace

Status VehicleShellConfig::Validate() const {
  if (Status status = agent.Validate(); !status.ok()) return status;
  if (Status status = spool.Validate(); !status.ok()) return status;
  return uplink.Validate();
}

VehicleShell::VehicleShell(const VehicleShellConfig& config, BootId boot,
                           boost::asio::io_context* context, SSL_CTX* tls,
                           const Credentials* credentials, Callbacks callbacks, std::uint64_t seed,
                           std::unique_ptr<Spool> spool)
    : callbacks_(std::move(callbacks)),
      agent_(config.agent, boot, spool ? std::move(spool) : std::make_unique<MemorySpool>(config.spool), &codec_),
      uplink_(config.uplink, context, tls, credentials, &agent_, callbacks_.clock,
              callbacks_.controller, seed),
      timer_(*context) {}

void VehicleShell::Start() {
  uplink_.Start();
  Arm();
}

Status VehicleShell::OnSample(const Sample& sample) {
  Status status = agent_.OnSample(sample, callbacks_.clock());
  uplink_.Pump();
  return status;
}

void VehicleShell::Arm() {
  timer_.expires_after(
      std::clamp<nanoseconds>(agent_.next_timer() - callbacks_.clock(), kTickMin, kTickMax));
  // An expiry may be on its way when the timer is cancelled.
  timer_.async_wait([this, alive = std::weak_ptr<int>(alive_)](
                        const boost::system::error_code& error) {
    if (!error && !alive.expired()) Tick();
  });
}

void VehicleShell::Tick() {
  agent_.OnTimer(callbacks_.clock());
  while (const auto action = agent_.TakeAction(callbacks_.clock())) {
    if (callbacks_.controller) callbacks_.controller(*action, callbacks_.clock());
  }
  uplink_.Pump();
  Arm();
  if (callbacks_.on_tick) callbacks_.on_tick();
  if (drain_done_ && (agent_.drained() || steady_clock::now() >= drain_until_)) {
    std::exchange(drain_done_, nullptr)(agent_.drained());
  }
}

void VehicleShell::Drain(nanoseconds at_most, std::function<void(bool drained)> done) {
  // A batch that the spool refuses is counted as dropped: the ledger says so.
  (void)agent_.Flush();
  uplink_.Pump();
  drain_until_ = steady_clock::now() + at_most;
  drain_done_ = std::move(done);
}

void VehicleShell::Stop() {
  timer_.cancel();
  drain_done_ = nullptr;
  uplink_.Stop();
}

Status CheckDelivered(const Agent& agent) {
  const AgentLedger ledger = agent.ledger();
  if (agent.drained() && ledger.delivered == ledger.sampled) return Status();
  std::string missing;
  for (const Figure& reason : {Figure{"dropped because the spool was full", ledger.dropped_spool_full},
                               Figure{"refused by the cloud", ledger.dropped_refused},
                               Figure{"dropped by a failure of the spool", ledger.dropped_io},
                               Figure{"too old for the spool", ledger.dropped_too_old},
                               Figure{"not readable in the spool", ledger.dropped_unreadable},
                               Figure{"not acknowledged in time", ledger.in_flight}}) {
    if (reason.value == 0) continue;
    missing.append(missing.empty() ? "" : ", ").append(std::to_string(reason.value));
    missing.append(" ").append(reason.name);
  }
  if (missing.empty()) {
    return Status(ErrorCode::kUnavailable,
                  "all samples were delivered, but reports on commands were not acknowledged");
  }
  return Status(ErrorCode::kUnavailable,
                "of " + std::to_string(ledger.sampled) + " samples, not delivered: " + missing);
}

std::string VehicleReportJson(const Agent& agent, const Uplink& uplink) {
  std::string json;
  const AgentLedger ledger = agent.ledger();
  AppendObject("ledger",
               {{"sampled", ledger.sampled},
                {"delivered", ledger.delivered},
                {"dropped_spool_full", ledger.dropped_spool_full},
                {"dropped_refused", ledger.dropped_refused},
                {"dropped_io", ledger.dropped_io},
                {"dropped_too_old", ledger.dropped_too_old},
                {"dropped_unreadable", ledger.dropped_unreadable},
                {"in_flight", ledger.in_flight},
                {"values_decimated", ledger.values_decimated}},
               &json);
  const AgentCounters& counted = agent.counters();
  AppendObject("agent",
               {{"samples_refused", counted.samples_refused},
                {"live_frames", counted.live_frames},
                {"live_conflated", counted.live_conflated},
                {"history_frames", counted.history_frames},
                {"commands_received", counted.commands_received},
                {"commands_repeated", counted.commands_repeated},
                {"applied", counted.applied},
                {"superseded", counted.superseded},
                {"expired", counted.expired},
                {"rejected", counted.rejected},
                {"notices", counted.notices},
                {"frames_unknown", counted.frames_unknown},
                {"plan_windows", counted.plan_windows},
                {"plan_captures", counted.plan_captures},
                {"plan_not_captured", counted.plan_not_captured},
                {"plan_results_dropped", counted.plan_results_dropped}},
               &json);
  const UplinkCounters& link = uplink.counters();
  AppendObject("uplink",
               {{"connects", link.connects},
                {"resumed", link.resumed},
                {"failures", link.failures},
                {"bytes_up", link.bytes_up},
                {"bytes_down", link.bytes_down},
                {"records_up", link.records_up},
                {"records_down", link.records_down},
                {"renewals", link.renewals},
                {"renewals_refused", link.renewals_refused}},
               &json);
  return json;
}

}  // namespace starling::edge
