#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cloud/console/console.h"
#include "cloud/gateway/gateway.h"
#include "cloud/gateway/history_keeper.h"
#include "cloud/log/embedded_log_config.h"
#include "cloud/log/embedded_region_writer.h"
#include "cloud/shard/runner.h"
#include "cloud/shard/shard_config.h"
#include "cloud/store/rocks_state_store_config.h"
#include "common/geo/local_frame.h"
#include "common/ids.h"
#include "common/status.h"

namespace starling::cloud {

// Everything that starling-cloud is told.
struct CloudOptions {
  std::string certificates;            // folder made by `starling init`
  std::string data;                    // folder of log and state; one process at a time
  std::string port_file;               // written when ready; empty: none
  RegionId region{};                   // the partition that this process owns
  FrameOrigin origin{481'351'000, 115'820'000};  // of the city's local frame

  GatewayConfig gateway;               // its region and origin are the above
  EmbeddedLogConfig log;               // its directory is `data`
  RocksStateStoreConfig state;         // its directory is `data`/state
  HistoryKeeperConfig history;
  ShardConfig shard;
  ShardRunnerConfig runner;
  EmbeddedRegionWriterConfig writer;
  ConsoleConfig console;

  // Files for connections_max vehicles and everything else at once.
  std::uint64_t OpenFilesNeeded() const;

  // Errors: kInvalidArgument, naming the field.
  Status Validate() const;
};

// Reads a configuration file's text, JSON, over what `*options` holds:
//   {"gateway": {"threads": 2}, "log": {"sync_interval_ms": 4}, ...}
// Keys are the fields' names; durations are numbers and end in _ms.
//
// Errors: kInvalidArgument, naming the key that is unknown or whose value is of the
//         wrong kind; `*options` is then partly changed.
Status ReadConfiguration(std::string_view text, CloudOptions* options);

// "HOST:PORT", an IPv6 address in brackets.
// Errors: kInvalidArgument.
Status ParseHostPort(std::string_view text, std::string* host, std::uint16_t* port);

// "LAT,LON" in degrees, within 70 degrees of the equator.
// Errors: kInvalidArgument.
Result<FrameOrigin> ParseOrigin(std::string_view text);

}  // namespace starling::cloud
