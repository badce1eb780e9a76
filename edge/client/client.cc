#include "edge/client/client.h"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "common/geo/trigonometry.h"
#include "common/telemetry/fix_codec.h"
#include "edge/plan/kept_plan.h"
#include "edge/spool/disk_spool.h"
#include "edge/spool/spool_folder.h"
#include "edge/uplink/boot_clock.h"
#include "edge/uplink/endpoint.h"
#include "edge/uplink/vehicle_identity.h"
#include "edge/uplink/vehicle_shell.h"

namespace starling::edge {
namespace {

constexpr std::size_t kCommandsMax = 64;
constexpr std::size_t kQueueMax = 65'536;
constexpr seconds kSampleAheadMax{1};

Status Invalid(const std::string& what) { return {ErrorCode::kInvalidArgument, what}; }

Result<VehicleShellConfig> ConfigOf(const ClientOptions& options) {
  VehicleShellConfig config;
  std::vector<Endpoint> endpoints;
  for (const std::string& text : options.connect) {
    const Result<Endpoint> endpoint = ParseEndpoint(text);
    if (!endpoint.ok()) return Invalid("connect: " + std::string(endpoint.status().message()));
    if (std::ranges::find(endpoints, endpoint.value()) != endpoints.end()) {
      return Invalid("connect: " + text + " stands there twice");
    }
    endpoints.push_back(endpoint.value());
  }
  if (endpoints.empty()) return Invalid("connect: there is no address");
  config.uplink.host = endpoints.front().host;
  config.uplink.port = endpoints.front().port;
  config.uplink.others.assign(endpoints.begin() + 1, endpoints.end());
  config.uplink.server_name = options.server_name;
  config.agent.length_m = options.length_m;
  config.agent.width_m = options.width_m;
  config.spool.bytes_max = options.spool_bytes_max;
  if (!options.spool.empty()) config.agent.commit_interval = seconds(1);
  if (!(options.renew_spread_s >= 0 && options.renew_spread_s <= 86'400)) {
    return Invalid("renew_spread_s must be within 0 and 86400");
  }
  if (options.queue_samples_max == 0 || options.queue_samples_max > kQueueMax) {
    return Invalid("queue_samples_max must be within 1 and 65536");
  }
  if (Status status = config.Validate(); !status.ok()) return status;
  return config;
}

ClientCommand CommandOf(const ControlAction& action) {
  ClientCommand command;
  switch (action.kind) {
    case wire::CommandKind::SpeedAdvice: command.kind = ClientCommand::Kind::kSpeedAdvice; break;
    case wire::CommandKind::Avoidance: command.kind = ClientCommand::Kind::kAvoidance; break;
    default: command.kind = ClientCommand::Kind::kRelease; break;
  }
  command.id = ToNumber(action.command);
  command.episode = ToNumber(action.episode);
  command.speed_ceiling_mps = action.speed_ceiling_mps;
  command.decel_mps2 = action.decel_mps2;
  command.expires_boot_time_ns = ToNs(action.expires);
  command.cause_vehicle = action.cause_vehicle.ToString();
  return command;
}

Sample SampleOf(const ClientSample& given) {
  Sample sample;
  sample.time = given.boot_time_ns == 0 ? BootNow() : BootTimeFromNs(given.boot_time_ns);
  sample.position = {given.lat_deg, given.lon_deg};
  sample.heading_rad = given.heading_deg * kDegree;
  sample.speed_mps = given.speed_mps;
  sample.accel_mps2 = given.accel_mps2;
  sample.yaw_rate_radps = given.yaw_rate_dps * kDegree;
  sample.accuracy_m = given.accuracy_m;
  return sample;
}

}  // namespace

struct Client::State {
  State(const ClientOptions& the_options, const VehicleShellConfig& config, ClientCallbacks the_callbacks,
        IdentityWatch the_identity, std::unique_ptr<DiskSpool> disk_spool)
      : options(the_options), callbacks(std::move(the_callbacks)), identity(std::move(the_identity)),
        first_identity(identity.newest()), spool(disk_spool.get()),
        shell(config, BootId{Random64()}, &context, first_identity->context.get(), &first_identity->credentials,
              {BootNow, [this](const ControlAction& action, BootTime) { OnAction(action); }, [this] { OnTick(); }},
              Random64(), std::move(disk_spool)) {}

  void Begin();
  void OnAction(const ControlAction& action);
  void OnTick();
  void TakeSamples();
  std::uint64_t Lost() const;
  // What the next connection shows.
  const VehicleIdentity& InUse() {
    const std::shared_ptr<const VehicleIdentity>& shown = shell.uplink().identity();
    return shown == nullptr ? *first_identity : *shown;
  }
  void Tell(const std::string& event) const {
    if (callbacks.on_event) callbacks.on_event(event);
  }

  const ClientOptions options;
  const ClientCallbacks callbacks;

  // The thread's own from Begin on.
  boost::asio::io_context context{1};
  IdentityWatch identity;
  const std::shared_ptr<const VehicleIdentity> first_identity;
  const DiskSpool* const spool;        // the shell's; null: in memory
  VehicleShell shell;
  std::optional<PlanSaver> plan_saver;  // behind the shell: it writes while the spool's lock is held
  UplinkCounters told;
  std::optional<BootTime> refused_again;  // a certificate that gateways refused is shown once more then
  BootTime next_expiry_look;
  bool told_connected = false;
  bool told_stranger = false;
  std::string told_spool_failure;
  std::uint64_t told_replies = 0;

  std::mutex mutex;                    // of all below
  std::condition_variable changed;     // drain_over or stopped
  std::deque<Sample> samples;
  bool samples_posted = false;         // the thread is going to take them
  std::deque<ClientCommand> commands;
  ClientCounters counters;
  std::uint64_t untaken = 0;
  std::optional<bool> drain_over;
  std::uint64_t lost_before = 0;       // samples that the cloud will never have, when Drain last ended
  bool draining = false;
  bool stopped = false;

  std::thread thread;
};

void Client::State::Begin() {
  Agent& agent = shell.agent();
  if (callbacks.veto) {
    agent.SetVeto([this](const ControlAction& action) { return callbacks.veto(CommandOf(action)); });
  }
  if (!options.spool.empty()) {
    const std::string path = options.spool + "/" + kKeptPlanName;
    plan_saver.emplace(path);
    agent.ObservePlans([this](const CompiledPlan& plan) { plan_saver->Save(plan.bytes); });
    const Result<std::optional<std::vector<std::byte>>> kept = ReadKeptPlan(path);
    if (!kept.ok()) {
      Tell("plan ignored: " + std::string(kept.status().message()));
    } else if (kept.value()) {
      const CloudTime date = CloudNow();
      const Status restored =
          agent.RestorePlan(*kept.value(), date < kEarliestPlausibleDate ? std::nullopt : std::optional(date));
      if (!restored.ok()) Tell("plan ignored: " + path + ": " + std::string(restored.message()));
    }
    for (const std::string& warning : spool->warnings()) Tell("spool: " + warning);
  }
  lost_before = Lost();                // By the runs before.
  shell.Start();
  OnTick();
  const auto work = boost::asio::make_work_guard(context);
  context.run();
}

void Client::State::OnAction(const ControlAction& action) {
  const ClientCommand command = CommandOf(action);
  if (callbacks.on_command) return callbacks.on_command(command);
  const std::lock_guard lock(mutex);
  if (commands.size() == kCommandsMax) {
    // A lease ends by itself; what a release ends does not.
    const auto oldest = std::ranges::find_if(
        commands, [](const ClientCommand& each) { return each.kind != ClientCommand::Kind::kRelease; });
    commands.erase(oldest == commands.end() ? commands.begin() : oldest);
    ++untaken;
  }
  commands.push_back(command);
}

void Client::State::OnTick() {
  Uplink& uplink = shell.uplink();
  const BootTime now = BootNow();
  IdentityWatch::News news = identity.Look(now, CloudNow());
  if (!news.refused.empty()) Tell("certificate refused: " + news.refused);
  if (news.renewed == nullptr && refused_again && now >= *refused_again) news.renewed = identity.newest();
  if (news.renewed != nullptr) {
    refused_again.reset();
    uplink.Renew(news.renewed,
                 SpreadOf(InUse(), CloudNow(), nanoseconds(std::llround(options.renew_spread_s * 1e9))));
    next_expiry_look = BootTime();
    Tell("certificate read, good until " + ExpiryText(news.renewed->credentials.certificate.get()));
  }
  const UplinkCounters link = uplink.counters();
  if (link.renewals != told.renewals) Tell("certificate in use");
  if (link.renewals_refused != told.renewals_refused) {
    refused_again = now + kRefusedAgain;
    next_expiry_look = BootTime();
    Tell("certificate refused by the gateway: " + uplink.renewal_failure());
  }
  if (now >= next_expiry_look && CloudNow() >= kEarliestPlausibleDate) {
    next_expiry_look = now + kExpiryInterval;
    if (const std::optional<int> days = DaysToWarnOf(InUse(), CloudNow())) {
      Tell((*days < 0 ? std::string("certificate has expired: ")
                      : "certificate expires in " + std::to_string(*days) + " days: ") +
           ExpiryText(InUse().credentials.certificate.get()));
    }
  }
  if (link.strangers != told.strangers && !std::exchange(told_stranger, true)) {
    Tell("gateway not believed: " + uplink.last_failure());
  }
  if (uplink.connected()) told_stranger = false;
  // The first failure is always told: without it, waiting looks like working.
  if (link.failures != 0 && told.failures == 0) Tell("connect failed: " + uplink.last_failure());
  told = link;
  if (std::exchange(told_connected, uplink.connected()) != told_connected) {
    Tell(told_connected ? "connected to " + ToText(uplink.endpoint()) : "not connected: " + uplink.last_failure());
  }
  if (plan_saver) {
    const std::optional<Status> saved = plan_saver->Poll(now);
    if (saved && !saved->ok()) Tell("plan not kept: " + std::string(saved->message()));
  }
  const AgentPlan plan = shell.agent().plan();
  if (std::exchange(told_replies, plan.replies) != plan.replies) {
    Tell("plan version " + std::to_string(plan.reply.version) + ": " + std::string(NameOf(plan.reply.verdict)) +
         (plan.reply.detail.empty() ? "" : ", " + plan.reply.detail));
  }
  if (spool != nullptr && spool->failure() != told_spool_failure) {
    told_spool_failure = spool->failure();
    Tell(told_spool_failure.empty() ? "spool works again" : "spool failed: " + told_spool_failure);
  }
  const AgentLedger ledger = shell.agent().ledger();
  const AgentCounters& agent = shell.agent().counters();
  const std::lock_guard lock(mutex);
  counters.sampled = ledger.sampled;
  counters.delivered = ledger.delivered;
  counters.in_flight = ledger.in_flight;
  counters.dropped = Lost();
  counters.samples_refused = agent.samples_refused;
  counters.commands_applied = agent.applied;
  counters.commands_rejected = agent.rejected;
  counters.commands_expired = agent.expired;
  counters.commands_superseded = agent.superseded;
  counters.connects = link.connects;
  counters.connect_failures = link.failures;
  counters.renewals = link.renewals;
  counters.connected = told_connected;
}

std::uint64_t Client::State::Lost() const {
  const AgentLedger ledger = shell.agent().ledger();
  return ledger.dropped_spool_full + ledger.dropped_refused + ledger.dropped_io + ledger.dropped_too_old +
         ledger.dropped_unreadable;
}

void Client::State::TakeSamples() {
  std::deque<Sample> taken;
  {
    const std::lock_guard lock(mutex);
    taken.swap(samples);
    samples_posted = false;
  }
  // What is refused is counted.
  for (const Sample& sample : taken) (void)shell.OnSample(sample);
}

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}

Client::~Client() { Stop(); }

std::unique_ptr<Client> Client::Start(const ClientOptions& options, ClientCallbacks callbacks, std::string* why) {
  const auto refuse = [why](const Status& status) {
    *why = std::string(status.message());
    return nullptr;
  };
  const Result<VehicleShellConfig> config = ConfigOf(options);
  if (!config.ok()) return refuse(config.status());
  IdentityWatch identity({options.ca, options.certificate, options.key});
  if (Status status = identity.Start(); !status.ok()) return refuse(status);
  std::unique_ptr<DiskSpool> spool;
  if (!options.spool.empty()) {
    DiskSpoolConfig spool_config;
    spool_config.bytes_max = options.spool_bytes_max;
    Result<std::unique_ptr<DiskSpool>> opened = OpenSpoolFolder(options.spool, spool_config);
    if (!opened.ok()) return refuse(opened.status());
    spool = std::move(opened).value();
  }
  auto state = std::make_unique<State>(options, config.value(), std::move(callbacks), std::move(identity),
                                       std::move(spool));
  State* const running = state.get();
  std::unique_ptr<Client> client(new Client(std::move(state)));
  try {
    running->thread = std::thread([running] { running->Begin(); });
  } catch (const std::system_error& error) {
    return refuse(Status(ErrorCode::kExhausted, std::string("no thread can be had: ") + error.what()));
  }
  return client;
}

PushResult Client::Push(const ClientSample& given) {
  // One of the far future would have every later one refused.
  if (given.boot_time_ns > ToNs(BootNow() + kSampleAheadMax)) return PushResult::kInvalid;
  Sample sample = SampleOf(given);
  if (!ValidateSample(sample).ok()) return PushResult::kInvalid;
  State& s = *state_;
  {
    const std::lock_guard lock(s.mutex);
    if (s.stopped) return PushResult::kStopped;
    if (s.samples.size() >= s.options.queue_samples_max) return PushResult::kFull;
    // Of two threads, the one that is first here has the earlier "now".
    if (given.boot_time_ns == 0) sample.time = BootNow();
    s.samples.push_back(sample);
    if (std::exchange(s.samples_posted, true)) return PushResult::kTaken;
  }
  boost::asio::post(s.context, [&s] { s.TakeSamples(); });
  return PushResult::kTaken;
}

std::optional<ClientCommand> Client::TakeCommand() {
  State& s = *state_;
  const std::uint64_t now = ToNs(BootNow());
  const std::lock_guard lock(s.mutex);
  while (!s.stopped && !s.commands.empty()) {
    ClientCommand command = std::move(s.commands.front());
    s.commands.pop_front();
    // A release ends something, however late it is fetched.
    if (command.kind == ClientCommand::Kind::kRelease || command.expires_boot_time_ns > now) return command;
    ++s.untaken;
  }
  return std::nullopt;
}

ClientCounters Client::counters() const {
  const std::lock_guard lock(state_->mutex);
  ClientCounters counters = state_->counters;
  counters.commands_untaken = state_->untaken;
  return counters;
}

bool Client::Drain(double wanted_s) {
  State& s = *state_;
  const auto at_most = nanoseconds(std::llround(std::clamp(wanted_s, 0.0, 3600.0) * 1e9));
  std::unique_lock lock(s.mutex);
  if (s.stopped || std::exchange(s.draining, true)) return false;
  s.drain_over.reset();
  lock.unlock();
  // Behind the samples that were pushed before.
  boost::asio::post(s.context, [&s, at_most] {
    s.shell.Drain(at_most, [&s](bool) {
      s.OnTick();
      const std::uint64_t lost = s.Lost();
      const std::lock_guard over(s.mutex);
      // Nothing waits either if it was dropped; and a report on a command that waits is no sample.
      const bool all_there = std::exchange(s.lost_before, lost) == lost;
      s.drain_over = all_there && s.shell.agent().ledger().in_flight == 0;
      s.changed.notify_all();
    });
  });
  lock.lock();
  s.changed.wait(lock, [&s] { return s.drain_over || s.stopped; });
  s.draining = false;
  return s.drain_over.value_or(false);
}

void Client::Stop() {
  State& s = *state_;
  {
    const std::lock_guard lock(s.mutex);
    if (std::exchange(s.stopped, true)) return;
    s.changed.notify_all();
  }
  if (!s.thread.joinable()) return;
  boost::asio::post(s.context, [&s] {
    s.TakeSamples();
    // What is not in the spool now is in no file when this has ended.
    (void)s.shell.agent().Flush();
    s.shell.Stop();
    s.context.stop();
  });
  s.thread.join();
}

}  // namespace starling::edge
