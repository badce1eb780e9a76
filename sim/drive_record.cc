#include "sim/drive_record.h"

#include <algorithm>
#include <fstream>

#include "sim/scenario/scenario_record.h"
#include "sim/xml_attribute.h"

namespace starling::sim {
namespace {

Status WriteFailed(const std::string& path) { return {ErrorCode::kIoError, path + " cannot be written"}; }

}  // namespace

DriveRecord::DriveRecord(const DriveRecordConfig& config, const cloud::StreetNetwork& network, const StreetCity& streets,
                         const Traffic& traffic)
    : config_(config), streets_(streets), traffic_(traffic) {
  for (const cloud::LaneIndex lane : streets.lane_of) {
    const cloud::StreetLane& of = network.lanes()[lane];
    lanes_.push_back(network.edges()[of.edge].id + "_" + std::to_string(of.index));
  }
}

Result<std::unique_ptr<DriveRecord>> DriveRecord::Create(const DriveRecordConfig& config,
                                                         const cloud::StreetNetwork& network, const StreetCity& streets,
                                                         const Traffic& traffic) {
  auto record = std::unique_ptr<DriveRecord>(new DriveRecord(config, network, streets, traffic));
  if (!config.trips.empty()) {
    record->trips_.reset(std::fopen(config.trips.c_str(), "w"));
    if (record->trips_ == nullptr) return WriteFailed(config.trips);
    // Source: https://sumo.dlr.de/docs/Simulation/Output/TripInfo.html
    std::fputs("<tripinfos>\n", record->trips_.get());
  }
  if (!config.edges.empty()) record->edges_ = std::make_unique<EdgeData>(network, streets, traffic);
  if (!config.fcd.empty()) {
    auto fcd = FcdWriter::Create(config.fcd, {});
    if (!fcd.ok()) return fcd.status();
    record->fcd_ = std::move(fcd).value();
  }
  if (!config.ssm.empty()) {
    const Vec2 origin = streets.network_origin;
    auto ssm = SsmWriter::Create(
        config.ssm, {}, [writer = record.get()](std::uint32_t trip) { return writer->NameOf(trip); },
        [origin](Vec2 local) { return local - origin; });
    if (!ssm.ok()) return ssm.status();
    record->ssm_ = std::move(ssm).value();
    record->encounters_ = std::make_unique<Encounters>(EncounterConfig());
  }
  return record;
}

Status DriveRecord::AddStep() {
  if (edges_ != nullptr) edges_->AddStep();
  if (fcd_ == nullptr && encounters_ == nullptr) return {};
  step_.time = traffic_.time();
  step_.vehicles.clear();
  states_.clear();
  for (VehicleIndex vehicle = 0; vehicle < traffic_.size(); ++vehicle) {
    if (!traffic_.OnRoad(vehicle)) continue;
    const VehicleTruth truth = traffic_.Truth(vehicle, traffic_.time());
    const Vec2 front = FrontOf(truth.position, truth.heading_rad, truth.length_m);
    if (fcd_ != nullptr) {
      FcdVehicle& row = step_.vehicles.emplace_back();
      row.id = traffic_.IdOf(vehicle);
      row.type = traffic_.TypeOf(vehicle);
      SetMotion(truth, front - streets_.network_origin, &row);
      if (const LaneIndex lane = traffic_.LaneOf(vehicle); lane != kNoLane) row.lane = lanes_[lane];
    }
    if (encounters_ != nullptr) {
      const std::uint32_t trip = traffic_.TripOf(vehicle);
      if (trip >= names_.size()) names_.resize(trip + std::size_t{1});
      if (names_[trip].empty()) names_[trip] = traffic_.IdOf(vehicle);
      states_.push_back({trip, front, truth.heading_rad, truth.speed_mps, truth.accel_mps2,
                         static_cast<float>(truth.length_m), static_cast<float>(truth.width_m)});
    }
  }
  if (fcd_ != nullptr) {
    if (Status status = fcd_->Write(step_); !status.ok()) return status;
  }
  if (encounters_ != nullptr) {
    encounters_->Add(traffic_.time(), states_);
    return WriteEncounters();
  }
  return {};
}

Status DriveRecord::WriteEncounters() {
  (void)encounters_->TakeCollisions();  // Counted, and in the log as encounters.
  for (const Encounter& encounter : encounters_->TakeEncounters()) {
    if (Status status = ssm_->Write(encounter); !status.ok()) return status;
  }
  return {};
}

Status DriveRecord::AddTrips(std::span<const TripRecord> trips) {
  if (trips_ == nullptr) return {};
  for (const TripRecord& trip : trips) {
    std::fprintf(trips_.get(),
                 "    <tripinfo id=\"%s\" depart=\"%.2f\" departDelay=\"%.2f\" arrival=\"%.2f\" duration=\"%.2f\" "
                 "routeLength=\"%.2f\" waitingTime=\"%.2f\" timeLoss=\"%.2f\"/>\n",
                 XmlAttribute(trip.id).c_str(), trip.depart_s, trip.depart_s - trip.planned_s, trip.arrival_s, trip.took_s(),
                 trip.route_m, trip.waited_s, trip.lost_s());
  }
  return std::ferror(trips_.get()) == 0 ? Status() : WriteFailed(config_.trips);
}

Status DriveRecord::AddLeftOut(std::span<const std::string> names) const {
  if (config_.left_out.empty()) return {};
  std::ofstream file(config_.left_out);
  for (const std::string& name : names) file << name << '\n';
  return file.flush() ? Status() : WriteFailed(config_.left_out);
}

Status DriveRecord::Finish() {
  if (encounters_ != nullptr) {
    encounters_->Finish();
    if (Status status = WriteEncounters(); !status.ok()) return status;
    if (Status status = ssm_->Close(); !status.ok()) return status;
  }
  if (edges_ != nullptr) {
    if (Status status = edges_->WriteTo(config_.edges); !status.ok()) return status;
  }
  if (fcd_ != nullptr) {
    if (Status status = fcd_->Close(); !status.ok()) return status;
  }
  if (trips_ != nullptr) {
    std::fputs("</tripinfos>\n", trips_.get());
    const bool failed = std::ferror(trips_.get()) != 0;
    if (std::fclose(trips_.release()) != 0 || failed) return WriteFailed(config_.trips);
  }
  return {};
}

}  // namespace starling::sim
