#include "cloud/console/live_viewer.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string_view>
#include <utility>

#include "common/check.h"
#include "common/geo/grid.h"
#include "schemas/console/live_generated.h"

namespace starling::cloud {
namespace {

template <typename T>
using Place = flatbuffers::Offset<T>;  // within the frame
using flatbuffers::Vector;

constexpr flatbuffers::uoffset_t kVerifyDepthMax = 4;
constexpr flatbuffers::uoffset_t kVerifyTablesMax = 4;

// Numbers of a view: farther out there is no city.
constexpr double kCoordinateMax = 10e6;
constexpr double kMetresPerPixelMin = 1e-3;
constexpr double kMetresPerPixelMax = 1e5;

// A vehicle is told when it comes within the view and an eighth around it, and gone when it leaves a quarter.
constexpr double kComesAt = 0.125;
constexpr double kGoesAt = 0.25;

// How far from where it is a viewer may draw a vehicle: what nobody sees.
constexpr double kErrorMinM = 0.25;
constexpr double kErrorPixels = 0.75;

// A parabola says where a vehicle is for three seconds; each is told again before, not all at once.
constexpr double kTellAgainS = 2;
constexpr double kTellAgainStepS = 0.1;

constexpr std::int64_t kConflictAgainNs = 1'000'000'000;
constexpr std::int64_t kConflictSlackNs = 300'000'000;
constexpr std::int32_t kConflictSlackCm = 100;
constexpr std::size_t kCommandsPerFrame = 400;


template <typename Whole>
Whole Clamped(double value, double most) {
  return static_cast<Whole>(std::clamp(std::nearbyint(value), 0.0, most));
}

std::vector<std::int32_t> Centimetres(const PictureWay& way) {
  std::vector<std::int32_t> points;
  points.reserve(2 * way.size());
  for (const Vec2 point : way) {
    points.push_back(static_cast<std::int32_t>(std::lround(point.x * 100)));
    points.push_back(static_cast<std::int32_t>(std::lround(point.y * 100)));
  }
  return points;
}

std::uint8_t YieldsOf(const PictureConflict& seen) {
  return seen.both_brake ? std::uint8_t{2} : static_cast<std::uint8_t>(seen.yields);
}

}  // namespace

Result<LiveView> ReadView(std::span<const std::byte> message) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(message.data());
  flatbuffers::Verifier verifier(bytes, message.size(), kVerifyDepthMax, kVerifyTablesMax);
  if (message.empty() || !verifier.VerifyBuffer<live::View>(nullptr)) {
    return Status(ErrorCode::kInvalidArgument, "the message is no view");
  }
  const auto& told = *flatbuffers::GetRoot<live::View>(bytes);
  const double coordinates[] = {told.west_m(), told.south_m(), told.east_m(), told.north_m()};
  for (const double coordinate : coordinates) {
    if (!(std::abs(coordinate) <= kCoordinateMax)) {
      return Status(ErrorCode::kInvalidArgument, "the view lies nowhere");
    }
  }
  if (told.west_m() > told.east_m() || told.south_m() > told.north_m()) {
    return Status(ErrorCode::kInvalidArgument, "the view's sides are exchanged");
  }
  if (!(told.metres_per_pixel() >= kMetresPerPixelMin && told.metres_per_pixel() <= kMetresPerPixelMax)) {
    return Status(ErrorCode::kInvalidArgument, "metres_per_pixel is no scale");
  }
  LiveView view{{told.west_m(), told.south_m(), told.east_m(), told.north_m()}, told.metres_per_pixel(), {}};
  if (told.selected() != nullptr && told.selected()->size() > 0) {
    const Result<VehicleId> selected = VehicleId::Parse({told.selected()->data(), told.selected()->size()});
    if (!selected.ok()) return Status(ErrorCode::kInvalidArgument, "selected is not a vehicle's name");
    view.selected = selected.value();
  }
  return view;
}

struct LiveViewer::Parts {
  Place<Vector<std::uint32_t>> handles, named, gone;
  Place<Vector<std::int32_t>> x_cm, y_cm, selected_path;
  Place<Vector<std::uint16_t>> heading, state, figures;
  Place<Vector<std::int16_t>> speed_cmps, ahead_dm;
  Place<Vector<Place<flatbuffers::String>>> names, figure_names;
  Place<Vector<const live::Cell*>> cells;
  Place<Vector<Place<live::Conflict>>> conflicts;
  Place<Vector<std::uint64_t>> conflicts_over;
  Place<Vector<Place<live::Command>>> commands;
  Place<Vector<double>> figure_values;
  std::uint16_t figure_names_from = 0;
  Place<flatbuffers::String> status, ready;
  bool selected_known = false;
};

void LiveViewer::SetView(const LiveView& view) {
  view_ = view;
  has_view_ = true;
  view_is_new_ = true;
}

double LiveViewer::tolerance_m() const { return std::max(kErrorMinM, kErrorPixels * view_.metres_per_pixel); }

bool LiveViewer::Shows(const LiveVehicle& vehicle, double margin) const {
  const LiveBox& box = view_.box;
  const double x = vehicle.x_cm * 0.01;
  const double y = vehicle.y_cm * 0.01;
  const double wide = margin * (box.east_m - box.west_m);
  const double high = margin * (box.north_m - box.south_m);
  return x >= box.west_m - wide && x <= box.east_m + wide && y >= box.south_m - high && y <= box.north_m + high;
}

bool LiveViewer::MustTell(const Told& told, const LiveVehicle& now, std::int64_t at_ns) const {
  if (told.vehicle.state != now.state) return true;
  const double age_s = static_cast<double>(at_ns - told.at_ns) * 1e-9;
  const double until_s = kTellAgainS + kTellAgainStepS * static_cast<double>(told.place % 8);
  if (age_s >= until_s && (told.vehicle.moves() || now.moves())) return true;
  const CentimetrePoint predicted = PredictAsViewer(told.vehicle, age_s);
  const double x = predicted.x - now.x_cm;
  const double y = predicted.y - now.y_cm;
  const double allowed = tolerance_m() * 100;
  return x * x + y * y > allowed * allowed;
}

std::uint32_t LiveViewer::TakeHandle() {
  if (free_.empty()) {
    told_.emplace_back();
    return static_cast<std::uint32_t>(told_.size() - 1);
  }
  const std::uint32_t handle = free_.back();
  free_.pop_back();
  return handle;
}

void LiveViewer::Free(std::uint32_t handle) {
  Told& told = told_[handle];
  handle_of_place_[told.place] = kNone;
  handle_of_name_.erase(told.vehicle.vehicle);
  told.vehicle = {};
  gone_.push_back(handle);
}

void LiveViewer::TellVehicles(const LivePicture& picture, Parts* parts) {
  handles_.clear();
  x_cm_.clear();
  y_cm_.clear();
  heading_.clear();
  speed_cmps_.clear();
  ahead_dm_.clear();
  state_.clear();
  named_.clear();
  names_.clear();
  gone_.clear();
  handle_of_place_.resize(std::max(handle_of_place_.size(), picture.vehicles.size()), kNone);

  in_view_ = 0;
  for (const LiveVehicle& vehicle : picture.vehicles) {
    if (!vehicle.vehicle.empty() && Shows(vehicle, 0)) ++in_view_;
  }
  // Powers of two: whoever is shown at one of four was shown at one of two.
  one_of_ = 1;
  while (in_view_ / one_of_ > config_.vehicles_shown_max) one_of_ *= 2;

  const std::int64_t at_ns = ToNs(picture.at);
  // Handles first become free, so that new vehicles of this frame do not take what the viewer still holds for others.
  for (std::size_t place = 0; place < handle_of_place_.size(); ++place) {
    const std::uint32_t handle = handle_of_place_[place];
    if (handle == kNone) continue;
    const LiveVehicle* now = place < picture.vehicles.size() ? &picture.vehicles[place] : nullptr;
    const bool same = now != nullptr && now->vehicle == told_[handle].vehicle.vehicle;
    const bool selected = same && now->vehicle == view_.selected;
    const bool shown = same && Shows(*now, kGoesAt) && place % one_of_ == 0;
    if (!shown && !selected) Free(handle);
  }
  for (std::size_t place = 0; place < picture.vehicles.size(); ++place) {
    const LiveVehicle& now = picture.vehicles[place];
    if (now.vehicle.empty()) continue;
    std::uint32_t& handle = handle_of_place_[place];
    if (handle == kNone) {
      const bool selected = now.vehicle == view_.selected;
      if (!selected && (place % one_of_ != 0 || !Shows(now, kComesAt))) continue;
      // A vehicle may have two places for a moment: the one that was told first stays.
      if (Knows(now.vehicle)) continue;
      handle = TakeHandle();
      handle_of_name_.emplace(now.vehicle, handle);
      named_.push_back(handle);
      const std::string_view name = now.vehicle.view();
      names_.push_back(builder_.CreateString(name.data(), name.size()));
    } else if (!MustTell(told_[handle], now, at_ns)) {
      continue;
    }
    told_[handle] = {now, place, at_ns};
    handles_.push_back(handle);
    x_cm_.push_back(now.x_cm);
    y_cm_.push_back(now.y_cm);
    heading_.push_back(now.heading);
    speed_cmps_.push_back(now.speed_cmps);
    ahead_dm_.insert(ahead_dm_.end(), now.ahead_dm.begin(), now.ahead_dm.end());
    state_.push_back(now.state);
  }
  // From the next frame on: in this one they are told as gone.
  free_.insert(free_.end(), gone_.begin(), gone_.end());

  parts->handles = builder_.CreateVector(handles_);
  parts->x_cm = builder_.CreateVector(x_cm_);
  parts->y_cm = builder_.CreateVector(y_cm_);
  parts->heading = builder_.CreateVector(heading_);
  parts->speed_cmps = builder_.CreateVector(speed_cmps_);
  parts->ahead_dm = builder_.CreateVector(ahead_dm_);
  parts->state = builder_.CreateVector(state_);
  parts->named = builder_.CreateVector(named_);
  parts->names = builder_.CreateVector(names_);
  parts->gone = builder_.CreateVector(gone_);
}

void LiveViewer::TellCells(const LivePicture& picture, Parts* parts) {
  if (picture.cells_number == cells_number_ && !view_is_new_) return;
  cells_number_ = picture.cells_number;
  std::vector<live::Cell> news;
  std::unordered_map<std::uint64_t, ToldCell> told;
  const double wide = kComesAt * (view_.box.east_m - view_.box.west_m);
  const double high = kComesAt * (view_.box.north_m - view_.box.south_m);
  for (const HeatmapCell& cell : picture.cells) {
    const double west = cell.cell.x * kCellSideM;
    const double south = cell.cell.y * kCellSideM;
    if (west > view_.box.east_m + wide || west + kCellSideM < view_.box.west_m - wide) continue;
    if (south > view_.box.north_m + high || south + kCellSideM < view_.box.south_m - high) continue;
    const ToldCell now{Clamped<std::uint16_t>(cell.vehicles, 65535), Clamped<std::uint16_t>(cell.mean_speed_mps * 100, 65535),
                       Clamped<std::uint8_t>(cell.congestion * 255, 255), cell.congested};
    const auto before = cells_.find(PackCell(cell.cell));
    const bool changed = before == cells_.end() || before->second.vehicles != now.vehicles ||
                         before->second.congested != now.congested ||
                         std::abs(before->second.congestion - now.congestion) > 8 ||
                         std::abs(before->second.speed_cmps - now.speed_cmps) > 50;
    told.emplace(PackCell(cell.cell), changed ? now : before->second);
    if (!changed) continue;
    news.emplace_back(cell.cell.x, cell.cell.y, now.vehicles, now.speed_cmps, now.congestion,
                      Clamped<std::uint8_t>(cell.confidence * 255, 255), now.congested);
  }
  for (const auto& [key, before] : cells_) {
    if (told.contains(key)) continue;
    news.emplace_back(static_cast<std::int32_t>(static_cast<std::uint32_t>(key >> 32)),
                      static_cast<std::int32_t>(static_cast<std::uint32_t>(key)), std::uint16_t{0}, std::uint16_t{0},
                      std::uint8_t{0}, std::uint8_t{0}, false);
  }
  cells_ = std::move(told);
  if (!news.empty()) parts->cells = builder_.CreateVectorOfStructs(news);
}

void LiveViewer::TellConflicts(const LivePicture& picture, Parts* parts) {
  std::vector<Place<live::Conflict>> news;
  std::unordered_map<std::uint64_t, ToldConflict> told;
  const std::int64_t at_ns = ToNs(picture.at);
  for (const PictureConflict& seen : picture.conflicts) {
    const OpenConflict& conflict = seen.conflict;
    LiveVehicle contact;
    contact.x_cm = static_cast<std::int32_t>(std::lround(conflict.contact.x * 100));
    contact.y_cm = static_cast<std::int32_t>(std::lround(conflict.contact.y * 100));
    const bool selected = !view_.selected.empty() &&
                          (conflict.vehicle_a == view_.selected || conflict.vehicle_b == view_.selected);
    if (!selected && !Shows(contact, kComesAt)) continue;
    ToldConflict now{contact.x_cm, contact.y_cm, seen.contact_ns, YieldsOf(seen),
                     static_cast<std::uint8_t>((seen.told[0] ? 1 : 0) + (seen.told[1] ? 2 : 0)), at_ns};
    const std::uint64_t episode = ToNumber(conflict.episode);
    if (const auto before = conflicts_.find(episode); before != conflicts_.end()) {
      const ToldConflict& was = before->second;
      const bool changed = std::abs(was.x_cm - now.x_cm) > kConflictSlackCm ||
                           std::abs(was.y_cm - now.y_cm) > kConflictSlackCm ||
                           std::abs(was.contact_ns - now.contact_ns) > kConflictSlackNs || was.yields != now.yields ||
                           was.told != now.told || at_ns - was.at_ns >= kConflictAgainNs;
      if (!changed) {
        told.emplace(episode, was);
        continue;
      }
    }
    told.emplace(episode, now);
    const std::string_view names[] = {conflict.vehicle_a.view(), conflict.vehicle_b.view()};
    const auto a = builder_.CreateString(names[0].data(), names[0].size());
    const auto b = builder_.CreateString(names[1].data(), names[1].size());
    const auto path_a = builder_.CreateVector(Centimetres(seen.ways[0]));
    const auto path_b = builder_.CreateVector(Centimetres(seen.ways[1]));
    news.push_back(live::CreateConflict(
        builder_, episode, a, b, now.x_cm, now.y_cm, now.contact_ns, Clamped<std::uint16_t>(conflict.drac_mps2 * 100, 65535),
        Clamped<std::uint8_t>(conflict.probability * 255, 255), now.yields, seen.told[0], seen.told[1], at_ns,
        static_cast<std::uint16_t>(kWayStepS * 1000), path_a, path_b));
  }
  std::vector<std::uint64_t> over;
  for (const auto& [episode, was] : conflicts_) {
    if (!told.contains(episode)) over.push_back(episode);
  }
  conflicts_ = std::move(told);
  if (!news.empty()) parts->conflicts = builder_.CreateVector(news);
  if (!over.empty()) parts->conflicts_over = builder_.CreateVector(over);
}

void LiveViewer::TellCommands(const LivePicture& picture, Parts* parts) {
  std::vector<Place<live::Command>> news;
  std::unordered_map<std::uint64_t, CommandPhase> told;
  // The newest ones first, should there be more than a frame takes.
  for (auto command = picture.commands.rbegin(); command != picture.commands.rend(); ++command) {
    const IssuedCommand& issued = command->command;
    const std::uint64_t id = ToNumber(issued.id);
    const auto before = commands_.find(id);
    if (before != commands_.end() && before->second == command->phase) {
      told.emplace(id, command->phase);
      continue;
    }
    if (before == commands_.end() && !Knows(issued.vehicle)) continue;
    if (news.size() >= kCommandsPerFrame) {
      if (before != commands_.end()) told.emplace(id, before->second);
      continue;
    }
    told.emplace(id, command->phase);
    const std::string_view names[] = {issued.vehicle.view(), issued.cause_vehicle.view()};
    const auto vehicle = builder_.CreateString(names[0].data(), names[0].size());
    const auto cause = builder_.CreateString(names[1].data(), names[1].size());
    news.push_back(live::CreateCommand(builder_, id, vehicle, static_cast<std::uint8_t>(issued.kind),
                                       static_cast<live::CommandState>(command->phase), ToNumber(issued.episode),
                                       ToNumber(issued.supersedes), issued.ceiling_cmps, issued.decel_cmps2, issued.cell_x,
                                       issued.cell_y, cause, issued.cause_sequence, issued.issued_ns,
                                       command->expires_ns));
  }
  commands_ = std::move(told);
  if (!news.empty()) parts->commands = builder_.CreateVector(news);
}

void LiveViewer::TellFigures(const LivePicture& picture, Parts* parts) {
  const LiveFigures& figures = picture.figures;
  if (figures.number == figures_number_) return;
  figures_number_ = figures.number;
  std::vector<std::uint16_t> numbers;
  std::vector<double> values;
  std::vector<Place<flatbuffers::String>> names;
  parts->figure_names_from = static_cast<std::uint16_t>(figures_.size());
  for (std::size_t i = figures_.size(); i < figures.names.size() && i < 0xFFFF; ++i) {
    names.push_back(builder_.CreateString(figures.names[i]));
  }
  for (std::size_t i = 0; i < figures.values.size() && i < 0xFFFF; ++i) {
    if (i < figures_.size() && std::bit_cast<std::uint64_t>(figures_[i]) == std::bit_cast<std::uint64_t>(figures.values[i])) {
      continue;
    }
    numbers.push_back(static_cast<std::uint16_t>(i));
    values.push_back(figures.values[i]);
  }
  figures_.assign(figures.values.begin(), figures.values.begin() + static_cast<std::ptrdiff_t>(
                                              std::min<std::size_t>(figures.values.size(), 0xFFFF)));
  parts->figures = builder_.CreateVector(numbers);
  parts->figure_values = builder_.CreateVector(values);
  if (!names.empty()) parts->figure_names = builder_.CreateVector(names);
  parts->ready = builder_.CreateString(figures.ready);
}

std::span<const std::uint8_t> LiveViewer::Encode(const LivePicture& picture) {
  STARLING_CHECK(has_view_);
  builder_.Clear();
  Parts parts;
  TellVehicles(picture, &parts);
  TellCells(picture, &parts);
  TellConflicts(picture, &parts);
  TellCommands(picture, &parts);
  TellFigures(picture, &parts);
  if (!view_.selected.empty()) {
    parts.selected_known = Knows(view_.selected);
    for (const WatchedWay& way : picture.ways) {
      if (way.vehicle == view_.selected) parts.selected_path = builder_.CreateVector(Centimetres(way.way));
    }
  }
  if (!picture.status.empty()) parts.status = builder_.CreateString(picture.status);

  live::FrameBuilder frame(builder_);
  frame.add_sequence(sequence_);
  frame.add_at_ns(ToNs(picture.at));
  frame.add_status(parts.status);
  frame.add_handles(parts.handles);
  frame.add_x_cm(parts.x_cm);
  frame.add_y_cm(parts.y_cm);
  frame.add_heading(parts.heading);
  frame.add_speed_cmps(parts.speed_cmps);
  frame.add_ahead_dm(parts.ahead_dm);
  frame.add_state(parts.state);
  frame.add_named(parts.named);
  frame.add_names(parts.names);
  frame.add_gone(parts.gone);
  frame.add_cells(parts.cells);
  frame.add_conflicts(parts.conflicts);
  frame.add_conflicts_over(parts.conflicts_over);
  frame.add_commands(parts.commands);
  frame.add_selected_path(parts.selected_path);
  frame.add_selected_known(parts.selected_known);
  frame.add_vehicles(static_cast<std::uint32_t>(picture.fleet));
  frame.add_in_view(static_cast<std::uint32_t>(in_view_));
  frame.add_one_of(one_of_);
  frame.add_west_m(static_cast<std::int32_t>(std::floor(picture.box.west_m)));
  frame.add_south_m(static_cast<std::int32_t>(std::floor(picture.box.south_m)));
  frame.add_east_m(static_cast<std::int32_t>(std::ceil(picture.box.east_m)));
  frame.add_north_m(static_cast<std::int32_t>(std::ceil(picture.box.north_m)));
  frame.add_decision_p50_us(picture.figures.decision_p50_us);
  frame.add_decision_p99_us(picture.figures.decision_p99_us);
  frame.add_decisions(picture.figures.decisions);
  frame.add_figures(parts.figures);
  frame.add_figure_values(parts.figure_values);
  frame.add_figure_names(parts.figure_names);
  frame.add_figure_names_from(parts.figure_names_from);
  frame.add_ready(parts.ready);
  if (sequence_ == 0) {
    frame.add_origin_lat_e7(picture.origin.lat_e7);
    frame.add_origin_lon_e7(picture.origin.lon_e7);
  }
  builder_.Finish(frame.Finish());
  ++sequence_;
  view_is_new_ = false;
  return {builder_.GetBufferPointer(), builder_.GetSize()};
}

}  // namespace starling::cloud
