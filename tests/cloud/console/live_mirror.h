// What a browser does with frames, as docs/formats/live.md says it.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cloud/console/live_picture.h"
#include "schemas/console/live_generated.h"

namespace starling::cloud {

class LiveMirror {
 public:
  struct Known {
    LiveVehicle told;
    std::int64_t at_ns = 0;
  };

  void Take(std::span<const std::uint8_t> bytes) {
    flatbuffers::Verifier verifier(bytes.data(), bytes.size());
    ASSERT_TRUE(live::VerifyFrameBuffer(verifier));
    const live::Frame& frame = *live::GetFrame(bytes.data());
    ASSERT_EQ(frame.sequence(), next_);
    ++next_;
    one_of_ = frame.one_of();
    in_view_ = frame.in_view();
    for (const std::uint32_t handle : *frame.gone()) {
      ASSERT_EQ(vehicles_.erase(handle), 1u) << "a handle is told as free that was free";
    }
    ASSERT_EQ(frame.named()->size(), frame.names()->size());
    for (flatbuffers::uoffset_t i = 0; i < frame.named()->size(); ++i) {
      const auto [place, added] = vehicles_.try_emplace(frame.named()->Get(i));
      ASSERT_TRUE(added) << "a handle has a new name that was not free";
      place->second.told.vehicle = VehicleId::Parse(frame.names()->Get(i)->string_view()).value();
    }
    const auto& handles = *frame.handles();
    ASSERT_EQ(frame.ahead_dm()->size(), 4 * handles.size());
    for (flatbuffers::uoffset_t i = 0; i < handles.size(); ++i) {
      const auto known = vehicles_.find(handles.Get(i));
      ASSERT_NE(known, vehicles_.end()) << "a vehicle without a name";
      LiveVehicle& told = known->second.told;
      told.x_cm = frame.x_cm()->Get(i);
      told.y_cm = frame.y_cm()->Get(i);
      told.heading = frame.heading()->Get(i);
      told.speed_cmps = frame.speed_cmps()->Get(i);
      for (flatbuffers::uoffset_t k = 0; k < 4; ++k) told.ahead_dm[k] = frame.ahead_dm()->Get(4 * i + k);
      told.state = frame.state()->Get(i);
      known->second.at_ns = frame.at_ns();
      ++told_;
    }
    if (frame.cells() != nullptr) {
      for (const live::Cell* cell : *frame.cells()) {
        ++cells_told_;
        if (cell->vehicles() == 0) {
          cells_.erase({cell->x(), cell->y()});
        } else {
          cells_[{cell->x(), cell->y()}] = cell->congested();
        }
      }
    }
    if (frame.conflicts_over() != nullptr) {
      for (const std::uint64_t episode : *frame.conflicts_over()) conflicts_.erase(episode);
    }
    if (frame.conflicts() != nullptr) {
      for (const live::Conflict* conflict : *frame.conflicts()) {
        conflicts_[conflict->episode()] =
            conflict->vehicle_a()->str() + " " + conflict->vehicle_b()->str() + " " + std::to_string(conflict->yields());
        EXPECT_EQ(conflict->path_a()->size(), 2 * kWayPoints);
      }
    }
    if (frame.commands() != nullptr) {
      for (const live::Command* command : *frame.commands()) commands_[command->id()] = command->state();
    }
    if (frame.figure_names() != nullptr) {
      figure_names_.resize(frame.figure_names_from());
      for (const flatbuffers::String* name : *frame.figure_names()) figure_names_.push_back(name->str());
    }
    if (frame.figures() != nullptr) {
      for (flatbuffers::uoffset_t i = 0; i < frame.figures()->size(); ++i) {
        figures_[figure_names_.at(frame.figures()->Get(i))] = frame.figure_values()->Get(i);
        ++figures_told_;
      }
    }
  }

  const Known* Find(const VehicleId& vehicle) const {
    for (const auto& [handle, known] : vehicles_) {
      if (known.told.vehicle == vehicle) return &known;
    }
    return nullptr;
  }

  // Where it is drawn: on the parabola through its place and those after 1.5 s and 3 s, and then there.
  CentimetrePoint Predict(const Known& known, std::int64_t at_ns) const {
    const double u = std::min(2.0, static_cast<double>(at_ns - known.at_ns) / 1.5e9);
    const auto on = [u](double near, double far) { return near * u * (2 - u) + far * u * (u - 1) / 2; };
    const auto& ahead = known.told.ahead_dm;
    return {known.told.x_cm + 10 * on(ahead[0], ahead[2]), known.told.y_cm + 10 * on(ahead[1], ahead[3])};
  }

  const std::map<std::uint32_t, Known>& vehicles() const { return vehicles_; }
  const std::map<std::pair<std::int32_t, std::int32_t>, bool>& cells() const { return cells_; }
  const std::map<std::uint64_t, std::string>& conflicts() const { return conflicts_; }
  const std::map<std::uint64_t, live::CommandState>& commands() const { return commands_; }
  const std::map<std::string, double>& figures() const { return figures_; }
  std::size_t told() const { return told_; }
  std::size_t cells_told() const { return cells_told_; }
  std::size_t figures_told() const { return figures_told_; }
  std::uint32_t one_of() const { return one_of_; }
  std::uint32_t in_view() const { return in_view_; }
  std::uint32_t frames() const { return next_; }

 private:
  std::uint32_t next_ = 0;
  std::map<std::uint32_t, Known> vehicles_;
  std::map<std::pair<std::int32_t, std::int32_t>, bool> cells_;
  std::map<std::uint64_t, std::string> conflicts_;
  std::map<std::uint64_t, live::CommandState> commands_;
  std::vector<std::string> figure_names_;
  std::map<std::string, double> figures_;
  std::size_t told_ = 0;
  std::size_t cells_told_ = 0;
  std::size_t figures_told_ = 0;
  std::uint32_t one_of_ = 0;
  std::uint32_t in_view_ = 0;
};

}  // namespace starling::cloud
