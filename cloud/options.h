#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/console/console.h"
#include "cloud/gateway/gateway.h"
#include "cloud/gateway/history_keeper.h"
#include "cloud/log/embedded_log_config.h"
#include "cloud/log/embedded_region_writer.h"
#include "cloud/log/kafka_config.h"
#include "cloud/measure/cost_meter.h"
#include "cloud/scaling/scaling_config.h"
#include "cloud/shard/runner.h"
#include "cloud/shard/shard_config.h"
#include "cloud/store/rocks_state_store_config.h"
#include "common/geo/local_frame.h"
#include "common/ids.h"
#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

// What a process does for the fleet.
enum class CloudRole : std::uint8_t { kAll, kGateway, kShard };
enum class LogKind : std::uint8_t { kEmbedded, kKafka };

// Everything that starling-cloud is told.
struct CloudOptions {
  CloudRole role = CloudRole::kAll;
  LogKind log_kind = LogKind::kEmbedded;
  std::string node;                    // its name among others, for operators; letters, digits, . _ -
  std::string certificates;            // folder made by `starling init`
  std::string data;                    // folder of log and state; one process at a time
  std::string region_map;              // file, docs/formats/region_map.md; empty: all of the world is `region`
  std::string port_file;               // written when ready; empty: none
  std::string pid_file;                // the same
  // After SIGTERM vehicles are still taken for so long, while /readyz says "draining": whoever shares
  // connections out needs a moment to send the next ones elsewhere.  At most five minutes.
  milliseconds drain_delay{0};
  RegionId region{};                   // the first of `regions`; a gateway's history lies there
  // What this process owns or stands by for; of a gateway those that it takes commands
  // from, and all of the map's.  Rising, not empty.
  std::vector<RegionId> regions{RegionId{}};
  FrameOrigin origin{481'351'000, 115'820'000};  // of the city's local frame

  GatewayConfig gateway;               // its region and origin are the above
  EmbeddedLogConfig log;               // its directory is `data`
  KafkaConfig kafka;                   // instead of `log`, where that is Kafka
  RocksStateStoreConfig state;         // its directory is `data`/state
  HistoryKeeperConfig history;
  std::string key_file;                // of log and state: docs/formats/encryption.md; empty: plain files
  bool accept_plain_files = false;     // with a key file: reads plain files too, and encrypts them
  ShardConfig shard;
  ShardRunnerConfig runner;
  EmbeddedRegionWriterConfig writer;
  ConsoleConfig console;
  CostPrices cost;                     // by which figures tell what a vehicle costs
  ScalingConfig scaling;
  std::shared_ptr<const std::string> streets_drawn;  // for the console's map, docs/formats/live.md; null: none

  // Files for connections_max vehicles and everything else at once.
  std::uint64_t OpenFilesNeeded() const;

  bool has_gateway() const { return role != CloudRole::kShard; }
  bool has_shards() const { return role != CloudRole::kGateway; }

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

// "0-3,7": rising, each once.
// Errors: kInvalidArgument.
Result<std::vector<RegionId>> ParseRegions(std::string_view text);

// A region map's text form.
// Errors: kIoError; kInvalidArgument, naming what is wrong.
Result<RegionMap> ReadRegionMap(const std::string& path);

// "HOST:PORT", an IPv6 address in brackets.
// Errors: kInvalidArgument.
Status ParseHostPort(std::string_view text, std::string* host, std::uint16_t* port);

// "LAT,LON" in degrees, within 70 degrees of the equator.
// Errors: kInvalidArgument.
Result<FrameOrigin> ParseOrigin(std::string_view text);

}  // namespace starling::cloud
