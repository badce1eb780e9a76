// What `starling-edge doctor` does: looks at everything that a vehicle's agent needs, one
// thing after the other, by using it.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/time.h"
#include "edge/doctor/finding.h"
#include "edge/source/sensor_source.h"
#include "edge/uplink/endpoint.h"

namespace starling::edge {

struct DoctorConfig {
  Endpoint cloud;
  std::vector<Endpoint> others;          // further addresses, looked at one after the other
  std::string server_name;               // that the gateway's certificate must carry
  std::string ca;
  std::string certificate;
  std::string key;
  std::string listen_unix;               // empty: standard input, or sensors
  std::optional<SensorSourceConfig> sensors;
  std::string spool;                     // folder; empty: in memory
  std::size_t spool_bytes_max = 16 << 20;
  milliseconds patience{5'000};          // for each answer: a gateway's, a receiver's
};

// The cloud's time as this machine has it.
using WallClock = std::function<CloudTime()>;

// All steps, in this order: source, dns, tcp, certificate, tls, clock, spool.  Steps that
// need one that failed are skipped, the others are done all the same.  With several addresses
// dns, tcp, tls and clock come again for each after the first, and say which.
//
// While an agent has the spool or listens at its socket, no step takes away what it uses: the
// receiver's lines are left to it, TLS is tried without the vehicle's certificate, whose
// other connection would be ended, and the clock is not asked for.
std::vector<Finding> Examine(const DoctorConfig& config, const WallClock& clock);

// The first step that failed; null: none.
const Finding* FirstFailed(const std::vector<Finding>& findings);

// For people, and for programs: one JSON object.
std::string FindingsTable(const std::vector<Finding>& findings);
std::string FindingsJson(const std::vector<Finding>& findings);

// The steps that look at one thing alone.
struct SpoolExamination {
  Finding finding;
  bool in_use = false;                   // another process has it
};
SpoolExamination ExamineSpool(const DoctorConfig& config);
struct SocketExamination {
  Finding finding;
  bool in_use = false;                   // somebody listens there
};
SocketExamination ExamineSocket(const std::string& path);
// Reads them until a sample comes, config.patience long.  REQUIRES: config.sensors
Finding ExamineSensors(const DoctorConfig& config);
Finding ExamineCertificate(const DoctorConfig& config, CloudTime now);

}  // namespace starling::edge
