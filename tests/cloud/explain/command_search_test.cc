#include "cloud/explain/command_search.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include <boost/json/parse.hpp>

#include "cloud/explain/explain_desk.h"
#include "cloud/explain/explanation.h"
#include "cloud/explain/record_json.h"
#include "tests/cloud/explain/memory_records.h"
#include "tests/cloud/shard/recorded_partition.h"

namespace starling::cloud {
namespace {

CommandFields Fields(std::uint64_t id, std::uint64_t epoch = 1) {
  CommandFields fields;
  fields.id = CommandId{id};
  fields.region = kRegion;
  fields.epoch = Epoch{epoch};
  fields.sequence = id;
  fields.boot_id = 9;
  return fields;
}

class Search : public testing::Test {
 protected:
  void Put(const ShardOutputs::Record& record) {
    records_.Add(record.topic, CloudTimeFromNs(kStartNs + static_cast<std::int64_t>(++written_) * 1'000'000), record.key,
                 record.value);
  }
  void Issue(const std::string& vehicle, std::uint64_t id, wire::CommandKind kind = wire::CommandKind::Avoidance,
             std::uint64_t epoch = 1, std::uint64_t supersedes = 0) {
    CommandRequest request;
    request.kind = kind;
    request.supersedes = CommandId{supersedes};
    request.profile = {1, 2};
    Put(IssuedRecord(Name(vehicle), Fields(id, epoch), request, &chain_));
  }
  void Close(const std::string& vehicle, std::uint64_t id, wire::CommandOutcome outcome) {
    const wire::CommandStatus status(id, id, 1, 77, 1, ToNumber(kRegion), outcome, wire::RejectReason::None);
    Put(ClosedRecord(kRegion, Name(vehicle), 9, status, &chain_));
  }
  std::vector<std::uint64_t> List(const CommandFilter& filter, std::size_t count = 100,
                                  std::optional<Offset> before = std::nullopt, std::optional<Offset>* next = nullptr) {
    const Result<CommandPage> page = ListCommands(records_, kRegion, filter, before, count);
    EXPECT_TRUE(page.ok());
    std::vector<std::uint64_t> ids;
    for (const FoundCommand& command : page.value().commands) ids.push_back(ToNumber(command.command.fields.id));
    if (next != nullptr) *next = page.value().next;
    return ids;
  }

  MemoryRecords records_;
  AuditChain chain_;
  std::uint64_t written_ = 0;
};

TEST_F(Search, FindsACommandItsEndAndWhoIssuedItAgain) {
  Issue("a", 5);
  Issue("b", 6, wire::CommandKind::Avoidance, 1, 5);  // Mentions 5, and is not it.
  Issue("a", 5, wire::CommandKind::Avoidance, 2);
  Close("a", 5, wire::CommandOutcome::Applied);
  Close("a", 5, wire::CommandOutcome::Rejected);      // Told again by somebody: the first one counts.
  const auto found = FindCommand(records_, kRegion, CommandId{5});
  ASSERT_TRUE(found.ok() && found.value());
  EXPECT_EQ(found.value()->vehicle.view(), "a");
  EXPECT_EQ(ToNumber(found.value()->command.fields.epoch), 1u);
  ASSERT_EQ(found.value()->again.size(), 1u);
  EXPECT_EQ(found.value()->ending(), "applied");
  EXPECT_EQ(found.value()->end->boot_time_ns, 77u);
  EXPECT_FALSE(FindCommand(records_, kRegion, CommandId{7}).value());
}

TEST_F(Search, FindsTheOldestOfManyAndReadsNoRecordTwice) {
  Issue("a", 5);
  Close("a", 5, wire::CommandOutcome::Expired);
  for (std::uint64_t i = 0; i < 40'000; ++i) Issue("b", 1'000 + i);
  const auto found = FindCommand(records_, kRegion, CommandId{5});
  ASSERT_TRUE(found.ok() && found.value());
  EXPECT_EQ(found.value()->ending(), "expired");
  EXPECT_LE(records_.read, records_.size(Topic::kCommands));
  // The newest costs a block.
  records_.read = 0;
  EXPECT_TRUE(FindCommand(records_, kRegion, CommandId{40'999}).value());
  EXPECT_LE(records_.read, 8'192u * 3);
}

TEST_F(Search, ListsTheNewestFirstByPage) {
  for (std::uint64_t i = 1; i <= 10; ++i) Issue(i % 2 == 0 ? "even" : "odd", i);
  Close("even", 10, wire::CommandOutcome::Applied);
  Close("odd", 1, wire::CommandOutcome::Rejected);
  std::optional<Offset> next;
  EXPECT_EQ(List({}, 4, std::nullopt, &next), (std::vector<std::uint64_t>{10, 9, 8, 7}));
  ASSERT_TRUE(next);
  EXPECT_EQ(List({}, 4, next, &next), (std::vector<std::uint64_t>{6, 5, 4, 3}));
  EXPECT_EQ(List({}, 4, next, &next), (std::vector<std::uint64_t>{2, 1}));
  EXPECT_FALSE(next);
  EXPECT_EQ(List({"even", "", ""}), (std::vector<std::uint64_t>{10, 8, 6, 4, 2}));
  EXPECT_EQ(List({"", "", "applied"}), (std::vector<std::uint64_t>{10}));
  EXPECT_EQ(List({"odd", "", "open"}), (std::vector<std::uint64_t>{9, 7, 5, 3}));
  EXPECT_TRUE(List({"", "release", ""}).empty());
}

TEST_F(Search, ALongListIsLookedThroughInBoundedParts) {
  Issue("a", 5);
  for (std::uint64_t i = 0; i < 50'000; ++i) Issue("b", 1'000 + i);
  std::optional<Offset> next;
  EXPECT_TRUE(List({"a", "", ""}, 10, std::nullopt, &next).empty());
  EXPECT_LE(records_.read, 25'000u);
  int pages = 1;
  std::vector<std::uint64_t> found;
  while (next && found.empty()) {
    found = List({"a", "", ""}, 10, next, &next);
    ++pages;
  }
  EXPECT_EQ(found, (std::vector<std::uint64_t>{5}));
  EXPECT_EQ(pages, 3);
}

TEST_F(Search, AFilterThatMeansNothingIsRefused) {
  EXPECT_TRUE((CommandFilter{"a", "release", "open"}.Validate().ok()));
  EXPECT_FALSE((CommandFilter{"a b", "", ""}.Validate().ok()));
  EXPECT_FALSE((CommandFilter{"", "braking", ""}.Validate().ok()));
  EXPECT_FALSE((CommandFilter{"", "", "done"}.Validate().ok()));
}

TEST_F(Search, AWithheldCommandSaysSoAndTheSettingsBeforeItAreFound) {
  CommandSettings settings;
  settings.version = 4;
  settings.by = "ana";
  CommandRule rule;
  rule.mode = CommandMode::Shadow;
  rule.by = "ana";
  settings.rules.push_back(rule);
  Put(SettingsTakenRecord(kRegion, settings, kStartNs, &chain_));
  CommandRequest request;
  request.kind = wire::CommandKind::Avoidance;
  Put(WithheldRecord(Name("a"), Fields(5), request, CommandMode::Shadow, settings, &chain_));
  settings.version = 5;
  settings.rules.clear();
  Put(SettingsTakenRecord(kRegion, settings, kStartNs, &chain_));
  const auto found = FindCommand(records_, kRegion, CommandId{5});
  ASSERT_TRUE(found.ok() && found.value());
  EXPECT_EQ(found.value()->ending(), "shadow");
  const auto before = SettingsBefore(records_, kRegion, found.value()->offset);
  ASSERT_TRUE(before.ok() && before.value());
  EXPECT_EQ(before.value()->version, 4u);
  EXPECT_FALSE(SettingsBefore(records_, kRegion, Offset{0}).value());
}

TEST(RecordJson, EveryRecordOfAPartitionIsALineAndGarbageIsSaidToBe) {
  MemoryRecords records;
  RecordedShard shard(ShardConfig(), &records, nanoseconds(0));
  for (const Recorded& record : Record(2)) shard.Apply(record.value(), CloudTimeFromNs(record.time_ns));
  std::size_t unreadable = 0;
  for (const Topic topic : {Topic::kTelemetry, Topic::kCommands, Topic::kConflicts, Topic::kHeatmap}) {
    ASSERT_GT(records.size(topic), 0u);
    for (std::size_t i = 0; i < records.size(topic); ++i) {
      const auto line = boost::json::parse(RecordJson(topic, records.At(topic, i)));
      EXPECT_EQ(line.at("offset").to_number<std::size_t>(), i);
      if (line.as_object().contains("unreadable")) ++unreadable;
      EXPECT_FALSE(topic != Topic::kTelemetry && line.as_object().contains("unreadable")) << TopicName(topic);
    }
  }
  EXPECT_GT(unreadable, 10u);  // The garbage that the recording has.
  EXPECT_LT(unreadable, records.size(Topic::kTelemetry) / 10);
}

TEST(RecordJson, ATopicIsReadOnFromWhereTheLastAnswerEnded) {
  MemoryRecords records;
  RecordEncoder encoder;
  for (int i = 0; i < 25; ++i) records.Add(Topic::kTelemetry, CloudTimeFromNs(kStartNs + i), {}, encoder.Tick());
  const auto ask = [&](std::optional<Offset> from, std::size_t count) {
    return boost::json::parse(TopicDocument(records, Topic::kTelemetry, kRegion, {from, count}).value());
  };
  auto page = ask(Offset{0}, 10);
  EXPECT_EQ(page.at("records").as_array().size(), 10u);
  EXPECT_EQ(page.at("next").to_number<int>(), 10);
  EXPECT_EQ(page.at("end").to_number<int>(), 25);
  page = ask(Offset{20}, 10);
  EXPECT_EQ(page.at("records").as_array().size(), 5u);
  EXPECT_EQ(page.at("next").to_number<int>(), 25);
  page = ask(std::nullopt, 3);
  EXPECT_EQ(page.at("records").at(0).at("offset").to_number<int>(), 22);
  page = ask(Offset{1'000}, 3);
  EXPECT_TRUE(page.at("records").as_array().empty());
  EXPECT_EQ(page.at("next").to_number<int>(), 25) << "from the end on, whatever was asked";
  EXPECT_EQ(TopicOf("dead-letter"), Topic::kDeadLetter);
  EXPECT_FALSE(TopicOf("letters"));
}

TEST(ExplainDesk, WorksBesideWhoAsksAndKeepsWhatItMade) {
  std::mutex mutex;
  std::condition_variable changed;
  bool open = false;
  int works = 0;
  {
    ExplainDesk desk([&](CommandId id) -> Result<std::optional<std::string>> {
      std::unique_lock lock(mutex);
      ++works;
      changed.wait(lock, [&] { return open; });
      if (ToNumber(id) == 2) return std::optional<std::string>();
      return std::optional<std::string>("document");
    });
    EXPECT_FALSE(desk.Ask(CommandId{1}, milliseconds(1)).ready);
    EXPECT_FALSE(desk.Ask(CommandId{1}, milliseconds(1)).ready);
    for (std::uint64_t i = 10; i < 26; ++i) EXPECT_FALSE(desk.Ask(CommandId{i}, milliseconds(0)).ready);
    const ExplainDesk::Answer refused = desk.Ask(CommandId{99}, milliseconds(0));
    EXPECT_TRUE(refused.ready);
    EXPECT_FALSE(refused.document.ok());
    {
      const std::lock_guard lock(mutex);
      open = true;
    }
    changed.notify_all();
    // Who asks for what is wanted already does not wait, and comes again.
    const auto deadline = std::chrono::steady_clock::now() + seconds(60);
    ExplainDesk::Answer answer = desk.Ask(CommandId{25}, seconds(60));
    while (!answer.ready && std::chrono::steady_clock::now() < deadline) answer = desk.Ask(CommandId{25}, seconds(60));
    ASSERT_TRUE(answer.ready);
    EXPECT_EQ(answer.document.value(), "document");
    EXPECT_EQ(works, 17);
    EXPECT_TRUE(desk.Ask(CommandId{25}, milliseconds(0)).ready);
    EXPECT_EQ(works, 17) << "it was made already";
    EXPECT_FALSE(desk.Ask(CommandId{2}, seconds(60)).document.value());
  }
}

}  // namespace
}  // namespace starling::cloud
