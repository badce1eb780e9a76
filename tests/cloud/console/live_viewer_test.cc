// What a viewer rebuilds from its frames is what the shards have, within what it cannot see.
#include "cloud/console/live_viewer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <set>
#include <string>

#include "schemas/console/live_generated.h"
#include "tests/cloud/console/live_mirror.h"

namespace starling::cloud {
namespace {


VehicleId Named(std::size_t number) { return VehicleId::Parse("veh-" + std::to_string(number)).value(); }

constexpr std::int64_t kBeginNs = 1'700'000'000'000'000'000;

// Vehicles that drive, stand, brake, come and go as a seed says.
class Crowd {
 public:
  Crowd(std::uint32_t seed, std::size_t places) : random_(seed) {
    picture_.vehicles.resize(places);
    true_.resize(places);
    for (std::size_t place = 0; place < places; ++place) Enter(place);
    picture_.at = CloudTimeFromNs(kBeginNs);
    Show();
  }

  void Step(double seconds) {
    picture_.at += nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
    for (std::size_t place = 0; place < true_.size(); ++place) {
      True& vehicle = true_[place];
      if (Chance(0.002)) {
        Enter(place);
        continue;
      }
      if (Chance(0.02)) vehicle.turn = Between(-0.3, 0.3);
      if (Chance(0.02)) vehicle.speed = Chance(0.3) ? 0 : Between(0, 20);
      vehicle.heading += vehicle.turn * seconds;
      vehicle.x += vehicle.speed * std::sin(vehicle.heading) * seconds;
      vehicle.y += vehicle.speed * std::cos(vehicle.heading) * seconds;
    }
    Show();
  }

  const LivePicture& picture() const { return picture_; }
  LivePicture& picture() { return picture_; }

 private:
  struct True {
    VehicleId name;
    double x = 0, y = 0, heading = 0, speed = 0, turn = 0;
  };

  bool Chance(double share) { return std::uniform_real_distribution<>(0, 1)(random_) < share; }
  double Between(double low, double high) { return std::uniform_real_distribution<>(low, high)(random_); }

  // A new vehicle takes the place; or nobody does.
  void Enter(std::size_t place) {
    true_[place] = {};
    if (Chance(0.1)) return;
    true_[place] = {Named(next_++), Between(-3000, 3000), Between(-3000, 3000), Between(0, 6.28), Between(0, 20), 0};
  }

  void Show() {
    std::size_t fleet = 0;
    for (std::size_t place = 0; place < true_.size(); ++place) {
      const True& vehicle = true_[place];
      if (vehicle.name.empty()) {
        picture_.vehicles[place] = {};
        continue;
      }
      ++fleet;
      PictureVehicle seen;
      seen.vehicle = vehicle.name;
      seen.position = {vehicle.x, vehicle.y};
      seen.heading_rad = vehicle.heading;
      seen.speed_mps = vehicle.speed;
      seen.near = Ahead(vehicle, kAheadNearS);
      seen.far = Ahead(vehicle, kAheadFarS);
      seen.intent = vehicle.speed == 0 ? Intent::kStands : Intent::kGoesOn;
      seen.connected = true;
      picture_.vehicles[place] = Quantised(seen);
    }
    picture_.fleet = fleet;
  }

  static Vec2 Ahead(const True& vehicle, double seconds) {
    const double middle = vehicle.heading + vehicle.turn * seconds / 2;
    return {vehicle.speed * seconds * std::sin(middle), vehicle.speed * seconds * std::cos(middle)};
  }

  std::mt19937 random_;
  std::size_t next_ = 0;
  std::vector<True> true_;
  LivePicture picture_;
};

void ExpectSame(const LivePicture& picture, const LiveViewer& viewer, const LiveMirror& mirror) {
  std::size_t within = 0;
  for (const LiveVehicle& vehicle : picture.vehicles) {
    if (vehicle.vehicle.empty()) continue;
    const LiveBox& box = viewer.view().box;
    const double x = vehicle.x_cm * 0.01;
    const double y = vehicle.y_cm * 0.01;
    const bool shown = x >= box.west_m && x <= box.east_m && y >= box.south_m && y <= box.north_m;
    const auto* rebuilt = mirror.Find(vehicle.vehicle);
    if (!shown && vehicle.vehicle != viewer.view().selected) continue;
    ++within;
    ASSERT_NE(rebuilt, nullptr) << vehicle.vehicle.view();
    const CentimetrePoint at = mirror.Predict(*rebuilt, ToNs(picture.at));
    EXPECT_LE(std::hypot(at.x - vehicle.x_cm, at.y - vehicle.y_cm), viewer.tolerance_m() * 100 + 1)
        << vehicle.vehicle.view();
    EXPECT_EQ(rebuilt->told.state, vehicle.state);
  }
  // And nobody who is not there.
  std::set<std::string_view> names;
  for (const LiveVehicle& vehicle : picture.vehicles) names.insert(vehicle.vehicle.view());
  for (const auto& [handle, known] : mirror.vehicles()) EXPECT_TRUE(names.contains(known.told.vehicle.view()));
  EXPECT_GE(mirror.vehicles().size(), within);
}

TEST(LiveViewerTest, RebuildsThePictureWhateverThereIsToSee) {
  for (std::uint32_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const auto between = [&](double low, double high) { return std::uniform_real_distribution<>(low, high)(random); };
    Crowd crowd(seed, 400);
    LiveViewer viewer({});
    LiveMirror mirror;
    for (int frame = 0; frame < 150; ++frame) {
      if (frame == 0 || between(0, 1) < 0.1) {
        const double x = between(-3000, 3000);
        const double y = between(-3000, 3000);
        const double side = std::exp(between(4, 9));
        LiveView view{{x - side, y - side, x + side, y + side}, side / 400, {}};
        if (between(0, 1) < 0.5) view.selected = crowd.picture().vehicles[static_cast<std::size_t>(between(0, 400))].vehicle;
        viewer.SetView(view);
      }
      // Frames are skipped as for a slow viewer.
      crowd.Step(between(0, 1) < 0.1 ? 2.0 : 0.2);
      mirror.Take(viewer.Encode(crowd.picture()));
      ExpectSame(crowd.picture(), viewer, mirror);
    }
  }
}

TEST(LiveViewerTest, SaysNothingOfAVehicleThatIsWhereItIsPredicted) {
  LivePicture picture;
  picture.at = CloudTimeFromNs(kBeginNs);
  PictureVehicle seen;
  seen.vehicle = Named(1);
  seen.near = {15, 0};
  seen.far = {30, 0};
  picture.vehicles = {Quantised(seen)};
  LiveViewer viewer({});
  viewer.SetView({{-100, -100, 100, 100}, 1, {}});
  LiveMirror mirror;
  mirror.Take(viewer.Encode(picture));
  EXPECT_EQ(mirror.told(), 1u);
  for (int frame = 1; frame <= 9; ++frame) {
    picture.at += milliseconds(200);
    seen.position.x += 2;
    picture.vehicles = {Quantised(seen)};
    mirror.Take(viewer.Encode(picture));
  }
  EXPECT_EQ(mirror.told(), 1u);
  seen.position.y += 5;
  picture.vehicles = {Quantised(seen)};
  mirror.Take(viewer.Encode(picture));
  EXPECT_EQ(mirror.told(), 2u);
}

TEST(LiveViewerTest, ShowsEverySecondOfMoreThanItMay) {
  LiveConfig config;
  config.vehicles_shown_max = 100;
  Crowd crowd(1, 500);
  LiveViewer viewer(config);
  viewer.SetView({{-4000, -4000, 4000, 4000}, 10, {}});
  LiveMirror mirror;
  mirror.Take(viewer.Encode(crowd.picture()));
  EXPECT_LE(mirror.vehicles().size(), 150u);
  EXPECT_GE(mirror.vehicles().size(), 40u);
  EXPECT_GE(mirror.one_of(), 4u);
  EXPECT_EQ(mirror.in_view(), crowd.picture().fleet);
}

TEST(LiveViewerTest, TellsCellsThatChangedAndThoseThatAreGone) {
  LivePicture picture;
  picture.at = CloudTimeFromNs(kBeginNs);
  picture.cells = {{{0, 0}, 3, 5, 0.5, 1, 0, false}, {{1, 0}, 2, 5, 0.1, 1, 0, false}};
  picture.cells_number = 1;
  LiveViewer viewer({});
  viewer.SetView({{-100, -100, 400, 400}, 1, {}});
  LiveMirror mirror;
  mirror.Take(viewer.Encode(picture));
  EXPECT_EQ(mirror.cells().size(), 2u);
  picture.cells = {{{0, 0}, 3, 5, 0.9, 1, 0, true}};
  picture.cells_number = 2;
  mirror.Take(viewer.Encode(picture));
  ASSERT_EQ(mirror.cells().size(), 1u);
  EXPECT_TRUE(mirror.cells().begin()->second);
  EXPECT_EQ(mirror.cells_told(), 4u);
  mirror.Take(viewer.Encode(picture));
  EXPECT_EQ(mirror.cells_told(), 4u);
}

TEST(LiveViewerTest, TellsConflictsAndCommandsUntilTheyAreOver) {
  LivePicture picture;
  picture.at = CloudTimeFromNs(kBeginNs);
  PictureVehicle seen;
  seen.vehicle = Named(1);
  picture.vehicles = {Quantised(seen)};
  PictureConflict conflict;
  conflict.conflict.episode = EpisodeId{18446744073709551615u};
  conflict.conflict.vehicle_a = Named(1);
  conflict.conflict.vehicle_b = Named(2);
  conflict.contact_ns = kBeginNs + 2'000'000'000;
  conflict.yields = 1;
  picture.conflicts = {conflict};
  LiveCommand command;
  command.command.id = CommandId{7};
  command.command.vehicle = Named(1);
  command.command.kind = wire::CommandKind::Avoidance;
  picture.commands = {command};
  LiveViewer viewer({});
  viewer.SetView({{-100, -100, 100, 100}, 1, {}});
  LiveMirror mirror;
  mirror.Take(viewer.Encode(picture));
  EXPECT_EQ(mirror.conflicts(), (std::map<std::uint64_t, std::string>{{18446744073709551615u, "veh-1 veh-2 1"}}));
  EXPECT_EQ(mirror.commands().at(7), live::CommandState::Sent);
  picture.commands[0].phase = CommandPhase::kAnswered;
  mirror.Take(viewer.Encode(picture));
  EXPECT_EQ(mirror.commands().at(7), live::CommandState::Answered);
  picture.conflicts.clear();
  picture.commands[0].phase = CommandPhase::kOver;
  mirror.Take(viewer.Encode(picture));
  EXPECT_TRUE(mirror.conflicts().empty());
  EXPECT_EQ(mirror.commands().at(7), live::CommandState::Over);
}

TEST(LiveViewerTest, TellsFiguresByNumberAndOnlyWhatChanged) {
  LivePicture picture;
  picture.at = CloudTimeFromNs(kBeginNs);
  picture.figures = {1, {"a.b", "c.d"}, {1, 2}, "ready", 0, 0, 0};
  LiveViewer viewer({});
  viewer.SetView({{-100, -100, 100, 100}, 1, {}});
  LiveMirror mirror;
  mirror.Take(viewer.Encode(picture));
  EXPECT_EQ(mirror.figures(), (std::map<std::string, double>{{"a.b", 1}, {"c.d", 2}}));
  picture.figures = {2, {"a.b", "c.d", "e.f"}, {1, 3, 5}, "ready", 0, 0, 0};
  mirror.Take(viewer.Encode(picture));
  EXPECT_EQ(mirror.figures(), (std::map<std::string, double>{{"a.b", 1}, {"c.d", 3}, {"e.f", 5}}));
  EXPECT_EQ(mirror.figures_told(), 4u);
}

// ---------------------------------------------------------------- what a viewer says

std::vector<std::byte> Message(double west, double south, double east, double north, double per_pixel, const char* selected) {
  flatbuffers::FlatBufferBuilder builder;
  const auto name = builder.CreateString(selected);
  builder.Finish(live::CreateView(builder, west, south, east, north, per_pixel, name));
  const auto* bytes = reinterpret_cast<const std::byte*>(builder.GetBufferPointer());
  return {bytes, bytes + builder.GetSize()};
}

TEST(ReadViewTest, TakesAView) {
  const Result<LiveView> view = ReadView(Message(-1, -2, 3, 4, 0.5, "veh-1"));
  ASSERT_TRUE(view.ok());
  EXPECT_EQ(view.value().box.north_m, 4);
  EXPECT_EQ(view.value().selected, Named(1));
  EXPECT_TRUE(ReadView(Message(-1, -2, 3, 4, 0.5, "")).value().selected.empty());
}

TEST(ReadViewTest, RefusesWhatIsNoView) {
  const double nan = std::nan("");
  EXPECT_FALSE(ReadView({}).ok());
  EXPECT_FALSE(ReadView(Message(1, 0, -1, 4, 1, "")).ok());
  EXPECT_FALSE(ReadView(Message(0, 5, 1, 4, 1, "")).ok());
  EXPECT_FALSE(ReadView(Message(nan, 0, 1, 4, 1, "")).ok());
  EXPECT_FALSE(ReadView(Message(0, 0, 1e300, 4, 1, "")).ok());
  EXPECT_FALSE(ReadView(Message(0, 0, 1, 4, nan, "")).ok());
  EXPECT_FALSE(ReadView(Message(0, 0, 1, 4, 0, "")).ok());
  EXPECT_FALSE(ReadView(Message(0, 0, 1, 4, 1, "../etc/passwd")).ok());
  EXPECT_FALSE(ReadView(Message(0, 0, 1, 4, 1, std::string(3000, 'a').c_str())).ok());
}

TEST(ReadViewTest, SurvivesEveryFlippedBitAndEveryCut) {
  const std::vector<std::byte> message = Message(-1, -2, 3, 4, 0.5, "veh-1");
  for (std::size_t length = 0; length < message.size(); ++length) {
    (void)ReadView(std::span(message).first(length));
  }
  for (std::size_t bit = 0; bit < 8 * message.size(); ++bit) {
    std::vector<std::byte> flipped = message;
    flipped[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    const Result<LiveView> view = ReadView(flipped);
    if (!view.ok()) continue;
    EXPECT_LE(view.value().box.west_m, view.value().box.east_m);
    EXPECT_GT(view.value().metres_per_pixel, 0);
  }
}

}  // namespace
}  // namespace starling::cloud
