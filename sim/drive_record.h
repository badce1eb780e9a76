#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/status.h"
#include "sim/city/street_city.h"
#include "sim/edge_data.h"
#include "sim/fcd/fcd_writer.h"
#include "sim/traffic/traffic.h"
#include "sim/truth/encounters.h"
#include "sim/truth/ssm_writer.h"

namespace starling::sim {

struct DriveRecordConfig {
  std::string trips;  // SUMO's tripinfo.  Empty, here and below: none.
  std::string fcd;    // Floating car data of each step: XML, or CSV if it ends in .csv; .gz compresses it.
  std::string left_out;  // Names of those who do not drive, a line each.
  std::string edges;  // What passed over each street, as SUMO's edgeData.
  std::string ssm;    // Encounters, as SUMO's SSM device logs them.
};

// The files of a drive through a network.  Positions are in the network's own plane.
//
// Threading: thread-compatible.
class DriveRecord {
 public:
  // What it is of must outlive it.
  // Errors: kIoError names the file that cannot be made.
  static Result<std::unique_ptr<DriveRecord>> Create(const DriveRecordConfig& config, const cloud::StreetNetwork& network,
                                                     const StreetCity& streets, const Traffic& traffic);

  // All vehicles at the beginning of the present step.
  Status AddStep();
  Status AddTrips(std::span<const TripRecord> trips);

  Status AddLeftOut(std::span<const std::string> names) const;

  // Ends the files.
  Status Finish();

  // Contacts that the encounters' finder has seen in the true trajectories, which knows nothing of
  // the traffic's own count.  Only with `ssm`.
  std::optional<std::uint64_t> contacts() const {
    if (encounters_ == nullptr) return std::nullopt;
    return encounters_->counters().collisions;
  }

 private:
  DriveRecord(const DriveRecordConfig& config, const cloud::StreetNetwork& network, const StreetCity& streets,
              const Traffic& traffic);

  Status WriteEncounters();
  std::string_view NameOf(std::uint32_t trip) const { return names_[trip]; }

  struct CloseFile {
    void operator()(std::FILE* file) const { (void)std::fclose(file); }
  };

  const DriveRecordConfig config_;
  const StreetCity& streets_;
  const Traffic& traffic_;
  std::vector<std::string> lanes_;                 // By the city's lane: SUMO's names.
  std::unique_ptr<std::FILE, CloseFile> trips_;
  std::unique_ptr<EdgeData> edges_;
  std::unique_ptr<FcdWriter> fcd_;
  std::unique_ptr<SsmWriter> ssm_;
  std::unique_ptr<Encounters> encounters_;
  std::vector<std::string> names_;                 // By trip; only with encounters.
  std::vector<VehicleState> states_;
  FcdStep step_;
};

}  // namespace starling::sim
