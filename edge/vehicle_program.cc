#include "edge/vehicle_program.h"

#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <utility>

#include "edge/source/json_cursor.h"
#include "edge/spool/spool_report.h"
#include "edge/uplink/boot_clock.h"

namespace starling::edge {
namespace {

std::string Number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f", value);
  return text.data();
}

std::string Quoted(std::string_view text) {
  std::string json;
  AppendJsonString(text, &json);
  return json;
}

const char* KindName(wire::CommandKind kind) {
  switch (kind) {
    case wire::CommandKind::SpeedAdvice: return "speed_advice";
    case wire::CommandKind::Avoidance: return "avoidance";
    case wire::CommandKind::Release: return "release";
    default: return "none";
  }
}

void Complain(const std::string& line) {
  std::fputs((line + "\n").c_str(), stderr);
}

}  // namespace

Status VehicleProgramOptions::Validate() const {
  if (drain_max.count() < 0 || drain_max > seconds(3600)) {
    return Status(ErrorCode::kInvalidArgument, "drain-seconds must be within 0 and 3600");
  }
  if (renew_spread.count() < 0 || renew_spread > seconds(86'400)) {
    return Status(ErrorCode::kInvalidArgument, "renew-spread must be within 0 and 86400");
  }
  if (sensors) {
    if (!listen_unix.empty()) {
      return Status(ErrorCode::kInvalidArgument,
                    "--listen-unix reads samples that are ready; it cannot be given beside sensors");
    }
    if (Status status = sensors->Validate(); !status.ok()) return status;
  }
  return shell.Validate();
}

// The boot id is drawn for each run, not for each boot of the machine: sequences begin
// anew with the process, so the same id would name other samples.
VehicleProgram::VehicleProgram(const VehicleProgramOptions& options, IdentityWatch identity,
                               std::unique_ptr<DiskSpool> spool)
    : options_(options),
      signals_(context_, SIGTERM, SIGINT),
      hangup_(context_, SIGHUP),
      identity_(std::move(identity)),
      first_identity_(identity_.newest()),
      source_(&context_, {BootNow, [this](const Sample& sample) { OnSample(sample); },
                          [this](std::uint64_t writer, std::uint64_t line, std::string_view why) {
                            OnRefused(writer, line, why);
                          },
                          [this] { Finish("end of input"); }}),
      spool_(spool.get()),
      shell_(options.shell, BootId{Random64()}, &context_, first_identity_->context.get(),
             &first_identity_->credentials,
             {BootNow, [this](const ControlAction& action, BootTime now) { OnAction(action, now); },
              [this] { OnTick(); }},
             Random64(), std::move(spool)) {
  if (options_.sensors) MakeSensors();
  if (!options_.plan_file.empty()) {
    plan_saver_.emplace(options_.plan_file);
    shell_.agent().ObservePlans([this](const CompiledPlan& plan) { plan_saver_->Save(plan.bytes); });
  }
}

void VehicleProgram::RestorePlan() {
  if (!plan_saver_) return;
  const auto ignore = [](std::string_view why) {
    Complain("{\"event\":\"plan_ignored\",\"why\":" + Quoted(why) + "}");
  };
  const Result<std::optional<std::vector<std::byte>>> kept = ReadKeptPlan(options_.plan_file);
  if (!kept.ok()) return ignore(kept.status().message());
  if (!kept.value()) return;
  const CloudTime date = CloudNow();
  const Status restored = shell_.agent().RestorePlan(
      *kept.value(), date < kEarliestPlausibleDate ? std::nullopt : std::optional(date));
  if (!restored.ok()) return ignore(options_.plan_file + ": " + std::string(restored.message()));
  Complain("{\"event\":\"plan_restored\",\"from\":" + Quoted(options_.plan_file) + "}");
  TellOfPlan();
}

void VehicleProgram::MakeSensors() {
  sensors_.emplace(*options_.sensors, &context_,
                   SensorSource::Callbacks{
                       BootNow, [this](const Sample& sample) { OnSample(sample); },
                       [](std::string_view source, std::string_view why) {
                         Complain("{\"event\":\"source\",\"source\":" + Quoted(source) +
                                  ",\"why\":" + Quoted(why) + "}");
                       },
                       [](std::string_view why) {
                         Complain(why.empty() ? std::string("{\"event\":\"sampling\"}")
                                              : "{\"event\":\"silent\",\"why\":" + Quoted(why) + "}");
                       },
                       [this] { Finish("end of input"); }},
                   Random64());
}

Status VehicleProgram::Run() {
  if (spool_ != nullptr) {
    for (const std::string& warning : spool_->warnings()) {
      Complain("{\"event\":\"spool_warning\",\"why\":" + Quoted(warning) + "}");
    }
    Complain("{\"event\":\"spool\",\"held\":" + std::to_string(spool_->samples()) + "," +
             PreviousRunJson(*spool_) + "}");
  }
  RestorePlan();
  if (sensors_) {
    sensors_->Start();
  } else {
    const Status opened = options_.listen_unix.empty() ? source_.ReadFile(STDIN_FILENO)
                                                       : source_.ListenUnix(options_.listen_unix);
    if (!opened.ok()) return opened;
  }
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    if (!error) Finish(signal == SIGTERM ? "SIGTERM" : "SIGINT");
  });
  AwaitHangup();
  shell_.Start();
  service_.Ready();
  context_.run();
  return Report();
}

void VehicleProgram::OnSample(const Sample& sample) {
  if (Status status = shell_.OnSample(sample); !status.ok()) {
    // Its line is the last one that was read.
    Complain("{\"event\":\"sample_refused\",\"sample\":" + std::to_string(samples()) +
             ",\"why\":" + Quoted(status.message()) + "}");
  }
}

std::uint64_t VehicleProgram::samples() const {
  return sensors_ ? sensors_->fusion_counters().samples : source_.counters().samples;
}

void VehicleProgram::OnRefused(std::uint64_t writer, std::uint64_t line, std::string_view why) {
  Complain("{\"event\":\"line_refused\",\"writer\":" + std::to_string(writer) +
           ",\"line\":" + std::to_string(line) + ",\"why\":" + Quoted(why) + "}");
}

void VehicleProgram::Print(const std::string& line) {
  // At once: a controller waits for it.
  const bool written = std::fputs((line + "\n").c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
  if (written || std::exchange(output_failed_, true)) return;
  Complain("{\"event\":\"output_failed\",\"why\":\"nobody reads the commands any more\"}");
  Finish("standard output failed");
}

void VehicleProgram::OnAction(const ControlAction& action, BootTime now) {
  std::string line = "{\"event\":\"command\",\"id\":\"" + std::to_string(ToNumber(action.command));
  line += "\",\"kind\":\"";
  line += KindName(action.kind);
  line += "\",\"episode\":\"" + std::to_string(ToNumber(action.episode));
  line += "\",\"speed_ceiling_mps\":" + Number(action.speed_ceiling_mps);
  line += ",\"decel_mps2\":" + Number(action.decel_mps2);
  line += ",\"boot_time_ns\":" + std::to_string(ToNs(now));
  line += ",\"expires_boot_time_ns\":" + std::to_string(ToNs(action.expires));
  line += ",\"cause_vehicle\":" + Quoted(action.cause_vehicle.view());
  line += ",\"status\":\"applied\"}";
  Print(line);
  OnTick();
}

void VehicleProgram::OnTick() {
  // Commands that were never handed over end as one of these.
  const AgentCounters& counters = shell_.agent().counters();
  if (counters.applied != statuses_.applied || counters.superseded != statuses_.superseded ||
      counters.expired != statuses_.expired || counters.rejected != statuses_.rejected) {
    statuses_ = counters;
    Print("{\"event\":\"statuses\",\"applied\":" + std::to_string(counters.applied) +
          ",\"superseded\":" + std::to_string(counters.superseded) +
          ",\"expired\":" + std::to_string(counters.expired) +
          ",\"rejected\":" + std::to_string(counters.rejected) + "}");
  }
  const DesiredState desired = shell_.agent().desired(BootNow());
  if (desired.speed_ceiling_mps != desired_.speed_ceiling_mps ||
      desired.decel_mps2 != desired_.decel_mps2) {
    desired_ = desired;
    Print("{\"event\":\"desired\",\"speed_ceiling_mps\":" +
          (desired.speed_ceiling_mps ? Number(*desired.speed_ceiling_mps) : std::string("null")) +
          ",\"decel_mps2\":" + Number(desired.decel_mps2) + "}");
  }
  if (std::exchange(notices_, counters.notices) != counters.notices) {
    Complain("{\"event\":\"notice\",\"detail\":" + Quoted(shell_.agent().last_notice()) + "}");
  }
  TellOfSpool();
  service_.Alive(BootNow());
  TellOfPlan();
  LookAtIdentity();
  TellOfRenewal();
  TellOfStrangers();
  WarnOfExpiry();
  Uplink& uplink = shell_.uplink();
  const std::uint64_t failures = uplink.counters().failures;
  const bool news = failures != failures_ || uplink.connected() != connected_;
  // The first failure is always told: without it, waiting looks like working.
  if (failures != failures_ && (options_.verbose || failures_ == 0)) {
    Complain("{\"event\":\"connect_failed\",\"why\":" + Quoted(uplink.last_failure()) + "}");
  }
  failures_ = failures;
  if (std::exchange(connected_, uplink.connected()) != connected_ && options_.verbose) {
    Complain(std::string("{\"event\":\"link\",\"connected\":") + (connected_ ? "true" : "false") +
             (connected_ ? ",\"to\":" + Quoted(ToText(uplink.endpoint()))
                         : ",\"why\":" + Quoted(uplink.last_failure())) + "}");
  }
  if (news || std::exchange(said_expiry_note_, expiry_note_) != expiry_note_) {
    const std::string link =
        connected_ ? "connected to " + ToText(uplink.endpoint()) : "not connected: " + uplink.last_failure();
    service_.Say(link + expiry_note_);
  }
}

void VehicleProgram::AwaitHangup() {
  hangup_.async_wait([this](const boost::system::error_code& error, int) {
    if (error) return;
    identity_.Reload();
    LookAtIdentity(true);
    AwaitHangup();
  });
}

void VehicleProgram::LookAtIdentity(bool at_once) {
  const BootTime now = BootNow();
  Uplink& uplink = shell_.uplink();
  IdentityWatch::News news = identity_.Look(now, CloudNow());
  if (!news.refused.empty()) {
    Complain("{\"event\":\"certificate_refused\",\"by\":\"this vehicle\",\"why\":" + Quoted(news.refused) +
             ",\"in_use_until\":" + Quoted(ExpiryText(in_use().credentials.certificate.get())) + "}");
  }
  // One that was read before waits for its moment, which has come.
  const bool waits = at_once && uplink.renewing();
  const bool again = waits || (next_renewal_ != BootTime() && (at_once || now >= next_renewal_));
  if (news.renewed == nullptr && again) news.renewed = identity_.newest();
  if (news.renewed == nullptr) return;
  next_renewal_ = BootTime();
  const nanoseconds spread = at_once ? nanoseconds(0) : SpreadOf(in_use(), CloudNow(), options_.renew_spread);
  uplink.Renew(news.renewed, spread);
  next_expiry_look_ = BootTime();
  Complain("{\"event\":\"certificate\",\"until\":" +
           Quoted(ExpiryText(news.renewed->credentials.certificate.get())) + ",\"shown_within_s\":" +
           std::to_string(std::chrono::duration_cast<seconds>(spread).count()) + "}");
}

const VehicleIdentity& VehicleProgram::in_use() {
  const std::shared_ptr<const VehicleIdentity>& shown = shell_.uplink().identity();
  return shown == nullptr ? *first_identity_ : *shown;
}

void VehicleProgram::TellOfRenewal() {
  const UplinkCounters& counters = shell_.uplink().counters();
  if (std::exchange(renewals_, counters.renewals) != counters.renewals) {
    Complain("{\"event\":\"certificate_in_use\",\"until\":" +
             Quoted(ExpiryText(in_use().credentials.certificate.get())) + "}");
  }
  if (std::exchange(renewals_refused_, counters.renewals_refused) != counters.renewals_refused) {
    next_renewal_ = BootNow() + kRefusedAgain;
    next_expiry_look_ = BootTime();
    Complain("{\"event\":\"certificate_refused\",\"by\":\"the gateway\",\"why\":" +
             Quoted(shell_.uplink().renewal_failure()) + ",\"in_use_until\":" +
             Quoted(ExpiryText(in_use().credentials.certificate.get())) + "}");
  }
}

void VehicleProgram::TellOfStrangers() {
  Uplink& uplink = shell_.uplink();
  const std::uint64_t strangers = uplink.counters().strangers;
  // Once, until a gateway is believed again: attempts go on every few seconds.
  if (std::exchange(strangers_, strangers) != strangers && !std::exchange(said_stranger_, true)) {
    Complain("{\"event\":\"gateway_not_believed\",\"why\":" + Quoted(uplink.last_failure()) + "}");
  }
  if (uplink.connected()) said_stranger_ = false;
}

void VehicleProgram::WarnOfExpiry() {
  const BootTime now = BootNow();
  const CloudTime date = CloudNow();
  if (now < next_expiry_look_ || date < kEarliestPlausibleDate) return;
  next_expiry_look_ = now + kExpiryInterval;
  expiry_note_.clear();
  const std::optional<int> days = DaysToWarnOf(in_use(), date);
  if (!days) return;
  const std::string until = ExpiryText(in_use().credentials.certificate.get());
  expiry_note_ = *days < 0 ? "; certificate has expired: " + until
                           : "; certificate expires in " + std::to_string(*days) + " days: " + until;
  Complain("{\"event\":\"certificate_expires\",\"until\":" + Quoted(until) + ",\"days\":" + std::to_string(*days) +
           "}");
}

void VehicleProgram::TellOfSpool() {
  if (spool_ == nullptr || spool_->failure() == spool_failure_) return;
  spool_failure_ = spool_->failure();
  Complain(spool_failure_.empty() ? "{\"event\":\"spool_works\"}"
                                  : "{\"event\":\"spool_failed\",\"why\":" + Quoted(spool_failure_) + "}");
}

void VehicleProgram::TellOfPlan() {
  if (plan_saver_) {
    if (const std::optional<Status> saved = plan_saver_->Poll(BootNow()); saved && !saved->ok()) {
      Complain("{\"event\":\"plan_not_kept\",\"why\":" + Quoted(saved->message()) + "}");
    }
  }
  const AgentPlan plan = shell_.agent().plan();
  if (std::exchange(plan_replies_, plan.replies) == plan.replies) return;
  std::string line = "{\"event\":\"plan\",\"verdict\":" + Quoted(NameOf(plan.reply.verdict)) +
                     ",\"version\":" + std::to_string(plan.reply.version) + ",\"hash\":" + Quoted(ToHex(plan.reply.hash));
  if (!plan.reply.detail.empty()) line += ",\"why\":" + Quoted(plan.reply.detail);
  line += ",\"in_force\":" + (plan.name.empty() ? std::string("null") : Quoted(plan.name));
  Complain(line + ",\"in_force_version\":" + std::to_string(plan.version) + "}");
}

void VehicleProgram::Finish(const char* why) {
  if (std::exchange(finishing_, true)) {
    // Asked twice: do not wait any longer.
    shell_.Stop();
    return context_.stop();
  }
  service_.Stopping();
  if (options_.verbose) Complain("{\"event\":\"draining\",\"why\":" + Quoted(why) + "}");
  source_.Stop();
  if (sensors_) sensors_->Stop();
  signals_.async_wait([this](const boost::system::error_code& error, int) {
    if (!error) Finish("signal");
  });
  shell_.Drain(options_.drain_max, [this](bool drained) {
    drained_ = drained;
    shell_.Stop();
    context_.stop();
  });
}

Status VehicleProgram::Report() {
  drained_ = shell_.agent().drained();
  const JsonSourceCounters& lines = source_.counters();
  std::string json = "{\"event\":\"end\",\"drained\":";
  json += drained_ ? "true" : "false";
  json += ",\"lines\":{\"read\":" + std::to_string(lines.lines) +
          ",\"refused\":" + std::to_string(lines.refused) + "},";
  if (sensors_) json += "\"sources\":" + sensors_->CountersJson() + ",";
  json += VehicleReportJson(shell_.agent(), shell_.uplink());
  if (spool_ != nullptr) json += "," + SpoolReportJson(*spool_) + "," + PreviousRunJson(*spool_);
  json += "}";
  Complain(json);
  if (!options_.report_file.empty()) {
    std::ofstream file(options_.report_file);
    file << json << '\n';
    if (!file.flush()) return Status(ErrorCode::kIoError, "cannot write " + options_.report_file);
  }
  if (output_failed_) return Status(ErrorCode::kIoError, "cannot write to standard output");
  const Status delivered = CheckDelivered(shell_.agent());
  // Why the link failed last explains what still waits, not what was dropped.
  const std::string& failure = shell_.uplink().last_failure();
  if (delivered.ok() || drained_ || failure.empty()) return delivered;
  return Status(delivered.code(), std::string(delivered.message()) + " (" + failure + ")");
}

}  // namespace starling::edge
