#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <flatbuffers/flatbuffers.h>

#include "cloud/console/live_config.h"
#include "cloud/console/live_picture.h"
#include "common/ids.h"
#include "common/status.h"

namespace starling::cloud {

// What a viewer shows.
struct LiveView {
  LiveBox box;
  double metres_per_pixel = 1;
  VehicleId selected;                   // empty: none
};

// Reads a viewer's message.
//
// Errors: kInvalidArgument if it is none, or its numbers make no view.
Result<LiveView> ReadView(std::span<const std::byte> message);

// Of one viewer: what it has been told, and so what it has to be told next.  A vehicle is told again only when it is not
// where the viewer predicts it: the viewer is to the orchestrator what the orchestrator is to a vehicle.
//
// Threading: thread-compatible.
class LiveViewer {
 public:
  explicit LiveViewer(const LiveConfig& config) : config_(config) {}

  // From the next frame on.
  void SetView(const LiveView& view);
  bool has_view() const { return has_view_; }
  const LiveView& view() const { return view_; }

  // The next frame, which the viewer must get: it is the base of those that follow.  The bytes are valid until the next
  // call.  REQUIRES: has_view()
  std::span<const std::uint8_t> Encode(const LivePicture& picture);

  // By how far the viewer's map may be wrong, m.
  double tolerance_m() const;

 private:
  static constexpr std::uint32_t kNone = 0xFFFF'FFFF;

  // What a handle stands for, as it was told.
  struct Told {
    LiveVehicle vehicle;                // an empty name: the handle is free
    std::size_t place = 0;
    std::int64_t at_ns = 0;
  };
  struct ToldConflict {
    std::int32_t x_cm = 0;
    std::int32_t y_cm = 0;
    std::int64_t contact_ns = 0;
    std::uint8_t yields = 0;
    std::uint8_t told = 0;
    std::int64_t at_ns = 0;
  };
  struct ToldCell {
    std::uint16_t vehicles = 0;
    std::uint16_t speed_cmps = 0;
    std::uint8_t congestion = 0;
    bool congested = false;
  };

  struct Parts;                         // of the frame being made

  bool Shows(const LiveVehicle& vehicle, double margin) const;
  bool MustTell(const Told& told, const LiveVehicle& now, std::int64_t at_ns) const;
  void TellVehicles(const LivePicture& picture, Parts* parts);
  void TellCells(const LivePicture& picture, Parts* parts);
  void TellConflicts(const LivePicture& picture, Parts* parts);
  void TellCommands(const LivePicture& picture, Parts* parts);
  void TellFigures(const LivePicture& picture, Parts* parts);
  bool Knows(const VehicleId& vehicle) const { return handle_of_name_.contains(vehicle); }
  std::uint32_t TakeHandle();
  void Free(std::uint32_t handle);

  const LiveConfig config_;
  bool has_view_ = false;
  bool view_is_new_ = false;
  LiveView view_;
  std::uint32_t sequence_ = 0;

  std::vector<std::uint32_t> handle_of_place_;
  std::vector<Told> told_;                                 // by handle
  std::vector<std::uint32_t> free_;
  std::unordered_map<VehicleId, std::uint32_t> handle_of_name_;
  std::unordered_map<std::uint64_t, ToldCell> cells_;      // by cell
  std::uint64_t cells_number_ = 0;
  std::unordered_map<std::uint64_t, ToldConflict> conflicts_;  // by episode
  std::unordered_map<std::uint64_t, CommandPhase> commands_;   // by id
  std::vector<double> figures_;                            // by number
  std::uint64_t figures_number_ = 0;

  // The frame being made.
  flatbuffers::FlatBufferBuilder builder_;
  std::uint32_t one_of_ = 1;
  std::size_t in_view_ = 0;
  std::vector<std::uint32_t> handles_;
  std::vector<std::int32_t> x_cm_;
  std::vector<std::int32_t> y_cm_;
  std::vector<std::uint16_t> heading_;
  std::vector<std::int16_t> speed_cmps_;
  std::vector<std::int16_t> ahead_dm_;
  std::vector<std::uint16_t> state_;
  std::vector<std::uint32_t> named_;
  std::vector<flatbuffers::Offset<flatbuffers::String>> names_;
  std::vector<std::uint32_t> gone_;
};

}  // namespace starling::cloud
