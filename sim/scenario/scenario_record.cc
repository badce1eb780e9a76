#include "sim/scenario/scenario_record.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "common/geo/trigonometry.h"
#include "sim/fleet/fleet_config.h"

namespace starling::sim {
namespace {

constexpr double kDegrees = 180 / kPi;
constexpr const char* kType = "taxi";

}  // namespace

void SetMotion(const VehicleTruth& truth, Vec2 front, FcdVehicle* row) {
  row->x = front.x;
  row->y = front.y;
  row->angle_deg = truth.heading_rad * kDegrees;
  if (row->angle_deg < 0) row->angle_deg += 360;
  row->speed_mps = truth.speed_mps;
  row->accel_mps2 = truth.accel_mps2;
}

Result<std::unique_ptr<ScenarioRecord>> ScenarioRecord::Create(const ScenarioRecordConfig& config) {
  std::unique_ptr<ScenarioRecord> record(new ScenarioRecord(config));
  if (!config.fcd.empty()) {
    auto fcd = FcdWriter::Create(config.fcd, {});
    if (!fcd.ok()) return fcd.status();
    record->fcd_ = std::move(fcd).value();
  }
  if (!config.ssm.empty()) {
    auto ssm = SsmWriter::Create(
        config.ssm, {}, [of = record.get()](std::uint32_t vehicle) -> std::string_view { return of->NameOf(vehicle); },
        [](Vec2 local) { return local; });
    if (!ssm.ok()) return ssm.status();
    record->ssm_ = std::move(ssm).value();
  }
  if (!config.mistakes.empty()) {
    record->mistakes_.reset(std::fopen(config.mistakes.c_str(), "we"));
    if (record->mistakes_ == nullptr) {
      return Status(ErrorCode::kIoError, config.mistakes + ": " + std::strerror(errno));
    }
    std::fputs("time_s,vehicle,mistake,x_m,y_m\n", record->mistakes_.get());
  }
  if (!config.collisions.empty()) {
    record->collisions_.reset(std::fopen(config.collisions.c_str(), "we"));
    if (record->collisions_ == nullptr) {
      return Status(ErrorCode::kIoError, config.collisions + ": " + std::strerror(errno));
    }
    record->collision_log_ = std::make_unique<CollisionLog>();
  }
  return record;
}

void ScenarioRecord::Keep(Status status) {
  if (status_.ok()) status_ = std::move(status);
}

const std::string& ScenarioRecord::NameOf(VehicleIndex vehicle) {
  while (names_.size() <= vehicle) names_.push_back(VehicleName(names_.size()));
  return names_[vehicle];
}

void ScenarioRecord::AddStep(const Traffic& traffic) {
  if (collision_log_ != nullptr) collision_log_->AddStep(traffic);
  if (fcd_ == nullptr) return;
  step_.time = traffic.time();
  step_.vehicles.clear();
  for (VehicleIndex vehicle = 0; vehicle < traffic.size(); ++vehicle) {
    if (!traffic.OnRoad(vehicle)) continue;
    const VehicleTruth truth = traffic.Truth(vehicle, traffic.time());
    const Vec2 front = FrontOf(truth.position, truth.heading_rad, truth.length_m);
    FcdVehicle& row = step_.vehicles.emplace_back();
    row.id = NameOf(vehicle);
    row.type = kType;
    SetMotion(truth, front, &row);
  }
  Keep(fcd_->Write(step_));
}

void ScenarioRecord::Add(const Encounter& encounter) {
  if (ssm_ != nullptr) Keep(ssm_->Write(encounter));
}

void ScenarioRecord::Add(const Mistake& mistake) {
  if (collision_log_ != nullptr) collision_log_->Add(mistake);
  if (mistakes_ == nullptr) return;
  std::fprintf(mistakes_.get(), "%.1f,%s,%s,%.2f,%.2f\n", SecondsOf(mistake.time), NameOf(mistake.vehicle).c_str(),
               kMistakeNames[static_cast<std::size_t>(mistake.kind)], mistake.position.x, mistake.position.y);
}

void ScenarioRecord::Add(const Collision& collision, const Traffic& traffic) {
  if (collision_log_ != nullptr) std::fputs(collision_log_->Describe(collision, traffic).c_str(), collisions_.get());
}

void ScenarioRecord::Add(const cloud::ShardOutputs& outputs, SimTime time) {
  if (collision_log_ != nullptr) collision_log_->Add(outputs, time);
}

Status ScenarioRecord::Finish() {
  if (fcd_ != nullptr) Keep(fcd_->Close());
  if (ssm_ != nullptr) Keep(ssm_->Close());
  const auto close = [this](auto* file, const std::string& path) {
    if (*file == nullptr) return;
    const bool failed = std::ferror(file->get()) != 0;
    if (std::fclose(file->release()) != 0 || failed) Keep({ErrorCode::kIoError, path + " cannot be written"});
  };
  close(&mistakes_, config_.mistakes);
  close(&collisions_, config_.collisions);
  return status_;
}

}  // namespace starling::sim
