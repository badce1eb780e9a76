#include "cloud/dispatch/command_gate.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

#include "cloud/dispatch/ownership_book.h"
#include "cloud/dispatch/settings_file.h"

namespace starling::cloud {
namespace {

namespace fs = std::filesystem;

class KeepingSink final : public CommandSink {
 public:
  void Deliver(std::span<ShardOutputs::Command> commands) override {
    for (const ShardOutputs::Command& each : commands) kept.push_back(each.vehicle.ToString());
  }
  std::vector<std::string> kept;
};

ShardOutputs::Command Order(const char* vehicle, std::uint32_t region, wire::CommandKind kind) {
  flatbuffers::FlatBufferBuilder builder;
  wire::CommandBuilder command(builder);
  command.add_command_id(99);
  command.add_region(region);
  command.add_kind(kind);
  builder.Finish(command.Finish());
  const auto* bytes = reinterpret_cast<const std::byte*>(builder.GetBufferPointer());
  return {VehicleId::Parse(vehicle).value(), {bytes, bytes + builder.GetSize()}};
}

CommandSettings Settings(std::uint64_t version, const std::vector<CommandScope>& stopped,
                         CommandMode mode = CommandMode::Stop) {
  CommandSettings settings;
  settings.version = version;
  settings.by = "ana@ops";
  for (const CommandScope& scope : stopped) settings.rules.push_back({mode, scope, "ana@ops", "", 1});
  return settings;
}

class CommandGateTest : public ::testing::Test {
 protected:
  std::vector<std::string> Deliver() {
    next_.kept.clear();
    std::vector<ShardOutputs::Command> commands = {
        Order("brake-0", 0, wire::CommandKind::Avoidance), Order("advice-0", 0, wire::CommandKind::SpeedAdvice),
        Order("release-1", 1, wire::CommandKind::Release)};
    gate_.Deliver(commands);
    return next_.kept;
  }
  static CommandScope Kind(wire::CommandKind kind) {
    CommandScope scope;
    scope.kind = kind;
    return scope;
  }

  KeepingSink next_;
  CommandGate gate_{&next_};
};

using Names = std::vector<std::string>;

TEST_F(CommandGateTest, LetsEverythingThroughUntilItIsTold) {
  EXPECT_EQ(Deliver(), (Names{"brake-0", "advice-0", "release-1"}));
  EXPECT_EQ(gate_.held_back(), 0u);
}

TEST_F(CommandGateTest, HoldsBackWhatIsStoppedByRegionOrKindAndReleasesWithAvoidance) {
  gate_.SetSettings(Settings(1, {{}}));
  EXPECT_EQ(Deliver(), Names{});
  EXPECT_EQ(gate_.held_back(), 3u);
  gate_.SetSettings(Settings(2, {Kind(wire::CommandKind::Avoidance)}));
  EXPECT_EQ(Deliver(), Names{"advice-0"});
  CommandScope region;
  region.region = RegionId{1};
  gate_.SetSettings(Settings(3, {region}));
  EXPECT_EQ(Deliver(), (Names{"brake-0", "advice-0"}));
  gate_.SetSettings(Settings(4, {}));
  EXPECT_EQ(Deliver().size(), 3u);
}

TEST_F(CommandGateTest, LeavesToTheShardWhatAsksWhoOrWhereAndWhatIsInShadow) {
  CommandScope fleet;
  fleet.fleet = "brake";
  CommandScope area;
  area.area = CommandArea{{0, 0}, 10, 10};
  gate_.SetSettings(Settings(1, {fleet, area}));
  EXPECT_EQ(Deliver().size(), 3u);
  gate_.SetSettings(Settings(2, {{}}, CommandMode::Shadow));
  EXPECT_EQ(Deliver().size(), 3u);
}

TEST_F(CommandGateTest, OlderSettingsThatComeLateLiftNothing) {
  gate_.SetSettings(Settings(2, {{}}));
  gate_.SetSettings(Settings(1, {}));
  EXPECT_EQ(Deliver(), Names{});
}

class SettingsFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "starling_settings_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Path() const { return CommandSettingsFile(folder_); }
  Status Put(const CommandSettings& settings) {
    const auto changed = ChangeCommandSettings(
        Path(), [&](const Result<std::optional<CommandSettings>>&) { return Result<CommandSettings>(settings); });
    return changed.ok() ? Status() : changed.status();
  }
  std::string Text() const {
    std::ifstream file(Path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  void SetText(const std::string& text) const { std::ofstream(Path(), std::ios::binary) << text; }

  std::string folder_;
};

TEST_F(SettingsFile, IsReadAsItWasWrittenAndNoneIsNoError) {
  const auto none = ReadCommandSettings(Path());
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none.value().has_value());
  CommandScope scope;
  scope.region = RegionId{3};
  scope.fleet = "taxi-";
  scope.area = CommandArea{{-5, 7}, 65535, 2};
  scope.kind = wire::CommandKind::SpeedAdvice;
  CommandSettings settings = Settings(9, {scope, {}});
  settings.reason = "because";
  ASSERT_TRUE(Put(settings).ok());
  const auto read = ReadCommandSettings(Path());
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read.value(), settings);
}

TEST_F(SettingsFile, EveryFlippedBitAndEveryCutIsSeen) {
  ASSERT_TRUE(Put(Settings(9, {{}})).ok());
  const std::string whole = Text();
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    SetText(flipped);
    const auto read = ReadCommandSettings(Path());
    ASSERT_FALSE(read.ok()) << bit;
    EXPECT_EQ(read.status().code(), ErrorCode::kCorruption);
  }
  for (std::size_t length = 0; length < whole.size(); ++length) {
    SetText(whole.substr(0, length));
    EXPECT_FALSE(ReadCommandSettings(Path()).ok()) << length;
  }
  const auto refused = ChangeCommandSettings(Path(), [](const Result<std::optional<CommandSettings>>& before) {
    return Result<CommandSettings>(before.status());
  });
  EXPECT_EQ(refused.status().code(), ErrorCode::kCorruption);
  // Whoever stops commands is not kept from it.
  EXPECT_TRUE(Put(Settings(10, {{}})).ok());
  EXPECT_TRUE(ReadCommandSettings(Path()).ok());
}

TEST_F(SettingsFile, TwoThatChangeItAtOnceBothTakePart) {
  constexpr int kChanges = 15;
  const auto add = [this](std::uint32_t first) {
    for (std::uint32_t i = 0; i < kChanges; ++i) {
      const auto changed = ChangeCommandSettings(Path(), [&](const Result<std::optional<CommandSettings>>& before) {
        CommandSettings settings = before.value().value_or(CommandSettings());
        ++settings.version;
        CommandScope scope;
        scope.region = RegionId{first};
        std::erase_if(settings.rules, [&](const CommandRule& rule) { return rule.scope == scope; });
        settings.rules.push_back({CommandMode::Stop, scope, "", "", 0});
        return Result<CommandSettings>(settings);
      });
      EXPECT_TRUE(changed.ok());
    }
  };
  std::thread one(add, 1);
  std::thread two(add, 2);
  one.join();
  two.join();
  const auto read = ReadCommandSettings(Path());
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read.value()->version, 2u * kChanges);
  EXPECT_EQ(read.value()->rules.size(), 2u);
}

TEST(SettingsInTopicOwnership, TheHighestVersionCountsAndIsToldOnce) {
  std::vector<std::uint64_t> told;
  OwnershipBook book(nullptr, nullptr, [&told](const CommandSettings& settings) { told.push_back(settings.version); });
  const auto feed = [&book](std::uint64_t offset, const CommandSettings& settings) {
    const WishRecord wish = MakeCommandSettingsWish(settings);
    EXPECT_EQ(wish.key, "commands");
    const LogRecord record{Offset{offset}, {}, std::as_bytes(std::span(wish.key)), wish.value};
    book.OnRecords({&record, 1});
  };
  feed(0, Settings(5, {{}}));
  feed(1, Settings(5, {}));
  feed(2, Settings(4, {}));
  feed(3, Settings(6, {}));
  EXPECT_EQ(told, (std::vector<std::uint64_t>{5, 6}));
  EXPECT_TRUE(book.command_settings()->rules.empty());
  EXPECT_EQ(book.replaced_command_settings()->version, 5u) << "not what was never in force";
}

}  // namespace
}  // namespace starling::cloud
