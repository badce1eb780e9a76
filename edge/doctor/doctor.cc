#include "edge/doctor/doctor.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "edge/doctor/cloud_check.h"
#include "edge/source/json_cursor.h"

namespace starling::edge {
namespace {

std::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk: return "ok";
    case Verdict::kWarning: return "warning";
    case Verdict::kFailed: return "FAILED";
    default: return "skipped";
  }
}

Finding SourceStep(const DoctorConfig& config, const SocketExamination& socket, bool agent_runs) {
  if (!config.listen_unix.empty()) return socket.finding;
  if (!config.sensors) return Skipped("source", "standard input: whoever starts the agent gives it");
  const bool alone = config.sensors->nmea || config.sensors->candump;
  if (agent_runs && alone) return Skipped("source", "the agent runs, and reads it; stop it to have it looked at");
  return ExamineSensors(config);
}

bool Works(const Finding& finding) {
  return finding.verdict == Verdict::kOk || finding.verdict == Verdict::kWarning;
}

// dns, tcp, tls and clock of one address.
std::vector<Finding> CloudSteps(const DoctorConfig& config, const Endpoint& address, const WallClock& clock,
                                const Finding& certificate, bool agent_runs) {
  CloudCheck cloud(config, address, clock);
  const Finding dns = cloud.Resolve();
  const Finding tcp = Works(dns) ? cloud.Connect() : Skipped("tcp", "there is no address to connect to");
  const Finding tls = Works(tcp) && Works(certificate)
                          ? cloud.Handshake(!agent_runs)
                          : Skipped("tls", Works(tcp) ? "it needs the certificates" : "there is no connection");
  Finding time = Skipped("clock", "it is the cloud that tells the time");
  if (Works(tls) && agent_runs) {
    time = Skipped("clock", "the agent runs, and has the connection; stop it to have the clock looked at");
  } else if (Works(tls)) {
    time = cloud.Clock();
  }
  std::vector<Finding> findings = {dns, tcp, tls, time};
  if (config.others.empty()) return findings;
  for (Finding& finding : findings) finding.detail = ToText(address) + ": " + finding.detail;
  return findings;
}

}  // namespace

std::vector<Finding> Examine(const DoctorConfig& config, const WallClock& clock) {
  SpoolExamination spool = ExamineSpool(config);
  SocketExamination socket;
  if (!config.listen_unix.empty()) socket = ExamineSocket(config.listen_unix);
  const bool agent_runs = spool.in_use || socket.in_use;

  std::vector<Finding> findings;
  findings.push_back(SourceStep(config, socket, agent_runs));
  const Finding certificate = ExamineCertificate(config, clock());
  for (Finding& finding : CloudSteps(config, config.cloud, clock, certificate, agent_runs)) {
    const bool reached = finding.step == "tcp";
    findings.push_back(std::move(finding));
    if (reached) findings.push_back(certificate);
  }
  for (const Endpoint& other : config.others) {
    for (Finding& finding : CloudSteps(config, other, clock, certificate, agent_runs)) {
      findings.push_back(std::move(finding));
    }
  }
  findings.push_back(std::move(spool.finding));
  return findings;
}

const Finding* FirstFailed(const std::vector<Finding>& findings) {
  const auto found = std::ranges::find(findings, Verdict::kFailed, &Finding::verdict);
  return found == findings.end() ? nullptr : &*found;
}

std::string FindingsTable(const std::vector<Finding>& findings) {
  std::string table;
  for (const Finding& finding : findings) {
    std::string line = finding.step;
    line.resize(std::max<std::size_t>(line.size() + 1, 15), ' ');
    line += VerdictName(finding.verdict);
    line.resize(std::max<std::size_t>(line.size() + 1, 24), ' ');
    table += line + finding.detail + "\n";
    if (!finding.remedy.empty()) table += std::string(24, ' ') + "-> " + finding.remedy + "\n";
  }
  const Finding* const failed = FirstFailed(findings);
  table += failed == nullptr ? "nothing failed\n" : failed->step + " is the first step that failed\n";
  return table;
}

std::string FindingsJson(const std::vector<Finding>& findings) {
  const Finding* const failed = FirstFailed(findings);
  std::string json = std::string("{\"ok\":") + (failed == nullptr ? "true" : "false") + ",\"first_failed\":";
  if (failed == nullptr) {
    json += "null";
  } else {
    AppendJsonString(failed->step, &json);
  }
  json += ",\"steps\":[";
  for (const Finding& finding : findings) {
    if (json.back() == '}') json += ',';
    const std::string_view name = VerdictName(finding.verdict);
    json += "{\"step\":";
    AppendJsonString(finding.step, &json);
    json += ",\"verdict\":";
    AppendJsonString(finding.verdict == Verdict::kFailed ? "failed" : name, &json);
    json += ",\"detail\":";
    AppendJsonString(finding.detail, &json);
    json += ",\"remedy\":";
    AppendJsonString(finding.remedy, &json);
    json += "}";
  }
  return json + "]}";
}

}  // namespace starling::edge
