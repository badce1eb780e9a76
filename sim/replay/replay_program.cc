#include "sim/replay/replay_program.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <utility>

#include "common/check.h"
#include "edge/source/json_cursor.h"
#include "edge/source/sample_json.h"

namespace starling::sim {
namespace {

// The vehicle has been on for a while: a clock at 0 is a corner of its own.
constexpr BootTime kClockBase = BootTime(seconds(600));

std::string Number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g", value);
  return text.data();
}

void AppendStrings(const std::vector<std::string>& strings, std::string* json) {
  *json += '[';
  for (const std::string& each : strings) {
    if (json->back() != '[') *json += ',';
    edge::AppendJsonString(each, json);
  }
  *json += ']';
}

}  // namespace

Status ReplayOptions::Validate() const {
  if (!(speed >= 0 && speed <= 1000)) {
    return Status(ErrorCode::kInvalidArgument, "speed must be within 0 and 1000");
  }
  return shell.Validate();
}

ReplayProgram::ReplayProgram(const ReplayOptions& options, const Drive& drive, SSL_CTX* tls,
                             const Credentials* credentials, BootId boot)
    : options_(options),
      drive_(drive),
      signals_(context_, SIGTERM, SIGINT),
      pace_(context_),
      shell_(options.shell, boot, &context_, tls, credentials,
             {[this] { return Now(); },
              [this](const edge::ControlAction& action, BootTime) {
                if (!options_.verbose) return;
                std::fprintf(stderr, "command %llu: at most %.2f m/s, at %.2f m/s2\n",
                             static_cast<unsigned long long>(ToNumber(action.command)),
                             action.speed_ceiling_mps, action.decel_mps2);
              },
              [this] { OnTick(); }},
             ToNumber(boot)),
      probe_(drive.samples.front().position),
      clock_base_(kClockBase) {
  STARLING_CHECK(!drive.samples.empty());
}

BootTime ReplayProgram::Now() const {
  if (clock_stands_) return clock_base_;
  return clock_base_ + std::chrono::duration_cast<nanoseconds>(SteadyClock::now() - clock_start_);
}

Status ReplayProgram::Run() {
  signals_.async_wait([this](const boost::system::error_code& error, int) {
    if (!error) Finish(Status(ErrorCode::kUnavailable, "interrupted"));
  });
  with_link() ? AwaitLink() : Begin();
  context_.run();
  return outcome_;
}

void ReplayProgram::AwaitLink() {
  begun_ = SteadyClock::now();
  shell_.Start();
}

// Only runs while the shell does, so while there is or should be a link.
void ReplayProgram::OnTick() {
  if (running_) return;
  if (shell_.agent().clock_offset()) {
    running_ = true;
    return with_link() ? Begin() : End();
  }
  if (SteadyClock::now() - begun_ < options_.connect_max) return;
  const std::string& failure = shell_.uplink().last_failure();
  Finish(Status(ErrorCode::kUnavailable,
                "no link within " + std::to_string(options_.connect_max.count()) + " s" +
                    (failure.empty() ? "" : ": " + failure)));
}

void ReplayProgram::Begin() {
  begun_ = SteadyClock::now();
  drive_base_ = Now();
  if (!with_link()) clock_base_ = drive_base_, clock_stands_ = true;
  ScheduleNext();
}

void ReplayProgram::ScheduleNext() {
  if (next_ == drive_.samples.size()) {
    if (with_link()) return End();
    clock_stands_ = false;
    clock_start_ = SteadyClock::now();
    return AwaitLink();
  }
  const nanoseconds at = drive_.samples[next_].time.time_since_epoch();
  const double stretch = options_.speed > 0 ? 1 / options_.speed : 0;
  pace_.expires_at(begun_ + nanoseconds(static_cast<nanoseconds::rep>(
                                static_cast<double>(at.count()) * stretch)));
  pace_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    Give(drive_.samples[next_++]);
    ScheduleNext();
  });
}

void ReplayProgram::Give(const Sample& recorded) {
  Sample sample = recorded;
  sample.time = drive_base_ + recorded.time.time_since_epoch();
  if (clock_stands_) {
    clock_base_ = sample.time;
    shell_.agent().OnTimer(clock_base_);
  }
  json_bytes_ += edge::ToJsonLine(sample).size();
  const std::uint64_t frames = shell_.agent().counters().live_frames;
  if (Status status = shell_.OnSample(sample); !status.ok()) {
    ++refused_by_agent_;
    if (options_.verbose) {
      std::fprintf(stderr, "refused by the agent: %s\n", std::string(status.message()).c_str());
    }
    return;
  }
  probe_.OnSample(sample, shell_.agent().counters().live_frames != frames);
}

void ReplayProgram::End() {
  shell_.Drain(options_.drain_max,
               [this](bool) { Finish(edge::CheckDelivered(shell_.agent())); });
}

void ReplayProgram::Finish(Status status) {
  outcome_ = std::move(status);
  pace_.cancel();
  shell_.Stop();
  context_.stop();
}

std::string ReplayProgram::Report() const {
  const edge::AgentLedger ledger = shell_.agent().ledger();
  const edge::UplinkCounters& link = shell_.uplink().counters();
  const double samples = static_cast<double>(std::max<std::uint64_t>(ledger.sampled, 1));
  std::string json = "{\"speed\":" + Number(options_.speed);
  json += ",\"lanes\":\"";
  json += with_link() ? "live and history" : "history";
  json += "\",\"rows\":" + std::to_string(drive_.rows);
  json += ",\"rows_refused\":" + std::to_string(drive_.rows_refused);
  json += ",\"columns_used\":";
  AppendStrings(drive_.used, &json);
  json += ",\"columns_ignored\":";
  AppendStrings(drive_.ignored, &json);
  json += ",\"samples\":" + std::to_string(ledger.sampled);
  json += ",\"samples_refused\":" + std::to_string(refused_by_agent_);
  json += ",\"gaps\":[";
  for (const DriveGap& gap : drive_.gaps) {
    if (json.back() != '[') json += ',';
    json += "{\"from_s\":" + Number(gap.from_s) + ",\"to_s\":" + Number(gap.to_s) + "}";
  }
  json += "],\"live_frames\":" + std::to_string(shell_.agent().counters().live_frames);
  json += ",\"bytes_up\":" + std::to_string(link.bytes_up);
  json += ",\"bytes_down\":" + std::to_string(link.bytes_down);
  json += ",\"bytes_per_sample\":" + Number(static_cast<double>(link.bytes_up) / samples);
  json += ",\"json_bytes_per_sample\":" + Number(static_cast<double>(json_bytes_) / samples);
  json += ",\"prediction_error_m\":{\"p50\":" + Number(probe_.ErrorAt(0.5));
  json += ",\"p99\":" + Number(probe_.ErrorAt(0.99)) + ",\"max\":" + Number(probe_.ErrorAt(1));
  json += ",\"count\":" + std::to_string(probe_.count()) + "},";
  json += edge::VehicleReportJson(shell_.agent(), shell_.uplink()) + "}";
  return json;
}

}  // namespace starling::sim
