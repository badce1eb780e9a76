#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "common/status.h"
#include "common/time.h"

namespace starling::sim {

// One run of the city through real agents against a running orchestrator.
struct FleetConfig {
  std::string host = "127.0.0.1";             // of the gateway
  std::uint16_t port = 7443;
  std::string http_host = "127.0.0.1";        // of the orchestrator's pages
  std::uint16_t http_port = 7480;
  // Where that is a gateway alone: the pages of its shards.
  std::vector<std::pair<std::string, std::uint16_t>> shards_http;
  std::filesystem::path certificates;         // made by `starling init`

  std::size_t vehicles = 10'000;              // [1, 99999]; each takes a file and about 150 KB
  std::uint32_t seconds = 60;                 // [1, 86400] of sampling, after connecting
  std::uint64_t seed = 1;                     // of city, traffic, phases and boots
  bool raw = false;                           // every sample on the live lane
  bool obey = true;                           // false: drivers ignore commands, for comparison

  std::uint32_t cut_at_s = 0;                 // second at which links are cut; 0: never
  std::size_t cut_vehicles = 0;               // how many of them

  // The orchestrator is killed (SIGKILL) so often; who starts it again keeps its
  // process number in this file.
  std::uint32_t kills = 0;                    // [0, 1000]
  std::uint32_t kill_at_s = 10;               // [1, seconds) of the first one
  std::uint32_t kill_every_s = 20;            // [1, 3600] from one to the next
  std::string kill_pid_file;
  std::uint32_t reboot_at_s = 0;              // second at which vehicles reboot; 0: never
  std::size_t reboot_vehicles = 0;            // how many of them

  std::string journal;                        // file for the journal; empty: none is kept

  milliseconds connect_timeout{120'000};      // then the run starts with those that are there
  std::size_t handshakes_max = 64;            // [1, 1000] connecting at once
  milliseconds drain_timeout{30'000};         // for what is in flight at the end

  // Between two looks at what is due; longer costs latency, shorter CPU.
  std::chrono::microseconds quantum{500};     // [50, 10000]

  // How many of the shard's predictions are compared with the truth.
  std::size_t observed_vehicles = 100;        // [0, 1000] each time; 0: none
  milliseconds observe_every{100};            // [10, 10000]

  Status Validate() const;
};

// Side of the square city for so many vehicles, m: at the density of 10,000 vehicles
// on 7.4 km by 7.4 km, rounded up to whole hundreds, within [1000, 20000] because
// nothing else can be generated.
double CitySideFor(std::size_t vehicles);

// "veh-00001" is the first vehicle, as `starling init` names them.
std::string VehicleName(std::size_t index);

// The index in VehicleName, or `vehicles` if it is not the name of one of so many.
std::size_t VehicleIndexOf(std::string_view name, std::size_t vehicles);

}  // namespace starling::sim
