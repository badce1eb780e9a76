// An audit trail in a real log, looked at while it is written and after, and altered in
// every way that leaves its records readable.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cloud/audit/audit_report.h"
#include "cloud/audit/audit_trail.h"
#include "cloud/log/embedded_log.h"
#include "cloud/log/stored_log.h"
#include "cloud/shard/audit_chain.h"
#include "cloud/shard/command_settings.h"
#include "schemas/log/commands_generated.h"
#include "tests/cloud/store/key_file.h"

namespace starling::cloud {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

struct Stored {
  std::string key;
  std::string value;
};

std::span<const std::byte> Bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

// What a shard writes: for each number a command to one of two vehicles and its end.
class Trail {
 public:
  void Issue(std::uint64_t id, const std::string& vehicle) {
    flatbuffers::FlatBufferBuilder builder;
    const auto name = builder.CreateString(vehicle);
    const auto cause = builder.CreateString("veh-00009");
    wire::CommandBuilder command(builder);
    command.add_command_id(id);
    command.add_kind(wire::CommandKind::Avoidance);
    command.add_epoch(3);
    command.add_speed_ceiling_cmps(830);
    command.add_decel_cmps2(250);
    command.add_cause_vehicle(cause);
    command.add_cause_sequence(77);
    const auto body = log::CreateCommandIssued(builder, name, command.Finish());
    Finish(&builder, vehicle, log::AuditBody::CommandIssued, body.Union());
  }
  void Close(std::uint64_t id, const std::string& vehicle, wire::CommandOutcome outcome,
             wire::RejectReason reason = wire::RejectReason::None) {
    flatbuffers::FlatBufferBuilder builder;
    const auto name = builder.CreateString(vehicle);
    const wire::CommandStatus status(id, 1, 3, 1, 1, 0, outcome, reason);
    const auto body = log::CreateCommandClosed(builder, name, 7, &status);
    Finish(&builder, vehicle, log::AuditBody::CommandClosed, body.Union());
  }
  void Withhold(std::uint64_t id, const std::string& vehicle, log::CommandMode mode) {
    flatbuffers::FlatBufferBuilder builder;
    const auto name = builder.CreateString(vehicle);
    wire::CommandBuilder command(builder);
    command.add_command_id(id);
    command.add_kind(wire::CommandKind::SpeedAdvice);
    const auto body = log::CreateCommandWithheld(builder, name, command.Finish(), mode, 5);
    Finish(&builder, vehicle, log::AuditBody::CommandWithheld, body.Union());
  }
  void Take(const CommandSettings& settings) {
    flatbuffers::FlatBufferBuilder builder;
    const auto packed = PackCommandSettings(settings, &builder);
    Finish(&builder, "*", log::AuditBody::CommandSettingsTaken,
           log::CreateCommandSettingsTaken(builder, packed, 1).Union());
  }
  void Restart() { chain_ = {}; }

  std::vector<Stored> records;
  std::string head() const { return ToHex(chain_.head()) + "@" + std::to_string(chain_.index()); }

 private:
  void Finish(flatbuffers::FlatBufferBuilder* builder, const std::string& vehicle, log::AuditBody type,
              flatbuffers::Offset<void> body) {
    flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>> previous;
    if (!chain_.head().empty()) {
      previous = builder->CreateVector(reinterpret_cast<const std::uint8_t*>(chain_.head().data()), chain_.head().size());
    }
    builder->Finish(log::CreateAudit(*builder, 0, type, body, chain_.index() + 1, previous));
    records.push_back({vehicle, std::string(reinterpret_cast<const char*>(builder->GetBufferPointer()),
                                            builder->GetSize())});
    chain_.Add(Bytes(vehicle), Bytes(records.back().value));
  }

  AuditChain chain_;
};

class Audit : public testing::Test {
 protected:
  Audit() {
    for (std::uint64_t id = 1; id <= 20; ++id) {
      const std::string vehicle = id % 2 == 0 ? "veh-00002" : "veh-00001";
      trail_.Issue(id, vehicle);
      if (id == 10) noted_ = trail_.head();
      if (id < 19) trail_.Close(id, vehicle, wire::CommandOutcome::Applied);
    }
  }
  ~Audit() override {
    log_.reset();
    for (const std::string& each : made_) fs::remove_all(each);
  }

  // From now on logs are encrypted.
  void KeysIn(const std::string& file) {
    made_.push_back(file);
    WriteKeyFile(file, KeyLine('a'));
    encryption_ = OpenKeys(file);
  }

  // A log with these records, still open.
  std::string Write(const std::vector<Stored>& records) {
    std::string pattern = (fs::temp_directory_path() / "starling_audit_XXXXXX").string();
    made_.emplace_back(::mkdtemp(pattern.data()));
    EmbeddedLogConfig config;
    config.directory = made_.back();
    log_ = EmbeddedLog::Open(config, CloudNow, encryption_).value();
    Append(records);
    return made_.back();
  }
  void Append(const std::vector<Stored>& records) {
    Ticket last{};
    for (const Stored& record : records) {
      last = log_->Append(Topic::kCommands, Partition{0}, Bytes(record.key), Bytes(record.value)).value();
    }
    EXPECT_TRUE(log_->AwaitEmitted(last).ok());
  }
  Result<AuditReport> Verify(const std::string& folder, const std::string& expected = "",
                             Partition partition = Partition{0}) const {
    std::optional<AuditHead> head;
    if (!expected.empty()) head = ParseAuditHead(expected).value();
    return VerifyAudit(
        [&](const auto& visit) { return ReadStoredLog(folder, Topic::kCommands, partition, encryption_, visit); }, head);
  }
  // What is wrong with these records, and where.
  std::string BreakOf(const std::vector<Stored>& records) {
    const Result<AuditReport> report = Verify(Write(records));
    if (!report.ok()) return std::string(report.status().message());
    if (!report.value().first_break) return "whole";
    const AuditReport::Break& broken = *report.value().first_break;
    return broken.why + "@" + std::to_string(static_cast<std::uint64_t>(broken.offset));
  }
  static std::map<std::string, std::string> Files(const std::string& folder) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::directory_iterator(folder)) {
      files[entry.path().filename()] = std::to_string(entry.file_size()) + " " +
                                       std::to_string(entry.last_write_time().time_since_epoch().count());
    }
    return files;
  }

  Trail trail_;
  std::string noted_;
  StoreEncryption encryption_;
  std::unique_ptr<EmbeddedLog> log_;
  std::vector<std::string> made_;
};

TEST_F(Audit, OfAStoppedLogIsWholeAndItsFolderIsAsBefore) {
  const std::string folder = Write(trail_.records);
  log_.reset();
  EXPECT_FALSE(StoredLogIsInUse(folder));
  const auto before = Files(folder);
  const Result<AuditReport> report = Verify(folder);
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_TRUE(report.value().whole()) << report.value().ToText();
  EXPECT_EQ(report.value().records, 38u);
  EXPECT_EQ(report.value().chain_starts, 1u);
  EXPECT_EQ(report.value().head + "@" + std::to_string(report.value().last_index), trail_.head());
  EXPECT_EQ(Files(folder), before);
}

TEST_F(Audit, OfALogThatIsBeingWrittenSeesWhatIsEmittedAndDisturbsNothing) {
  const std::string folder = Write({});
  EXPECT_EQ(Verify(folder).value().records, 0u);
  for (std::size_t i = 0; i < trail_.records.size(); ++i) {
    Append({trail_.records[i]});
    const Result<AuditReport> report = Verify(folder);
    ASSERT_TRUE(report.ok()) << report.status().message();
    EXPECT_TRUE(report.value().whole()) << report.value().ToText();
    EXPECT_EQ(report.value().records, i + 1);
  }
  EXPECT_TRUE(log_->status().ok());
  EXPECT_TRUE(log_->Close().ok());
}

TEST_F(Audit, AHeadNotedEarlierIsFoundWithAndWithoutItsIndex) {
  const std::string folder = Write(trail_.records);
  EXPECT_TRUE(Verify(folder, noted_).value().head_found.value());
  EXPECT_TRUE(Verify(folder, noted_.substr(0, 64)).value().whole());
  EXPECT_FALSE(Verify(folder, noted_.substr(0, 64) + "@9").value().whole());
  EXPECT_FALSE(Verify(folder, std::string(64, 'a')).value().whole());
}

TEST_F(Audit, AChangedByteIsNoticedAtTheNextRecord) {
  const std::size_t size = trail_.records[4].value.size();
  int readable = 0;
  for (std::size_t i = 0; i < size; i += 7) {
    std::vector<Stored> records = trail_.records;
    records[4].value[i] = static_cast<char>(records[4].value[i] ^ 1);
    const std::string found = BreakOf(records);
    readable += found == "altered@5" ? 1 : 0;
    EXPECT_NE(found, "whole") << i;
  }
  EXPECT_GT(readable, 5);
}

TEST_F(Audit, AChangedVehicleIsNoticed) {
  std::vector<Stored> records = trail_.records;
  records[4].key = "veh-00003";
  EXPECT_EQ(BreakOf(records), "altered@5");
}

TEST_F(Audit, ADroppedRecordIsNoticed) {
  std::vector<Stored> records = trail_.records;
  records.erase(records.begin() + 7);
  EXPECT_EQ(BreakOf(records), "gap@7");
}

TEST_F(Audit, ReorderedAndRepeatedRecordsAreNoticed) {
  std::vector<Stored> records = trail_.records;
  std::swap(records[7], records[8]);
  EXPECT_EQ(BreakOf(records), "gap@7");
  records = trail_.records;
  records.insert(records.begin() + 8, records[7]);
  EXPECT_EQ(BreakOf(records), "reordered@8");
}

// Nothing in a chain says that more came after; a head from elsewhere does.
TEST_F(Audit, ATruncatedTrailIsNoticedByAHeadNotedElsewhere) {
  std::vector<Stored> records = trail_.records;
  records.resize(10);
  const std::string folder = Write(records);
  EXPECT_TRUE(Verify(folder).value().whole());
  EXPECT_FALSE(Verify(folder, noted_).value().whole());
  EXPECT_THAT(Verify(folder, noted_).value().ToText(), HasSubstr("NOT FOUND"));
}

TEST_F(Audit, ARewrittenTrailIsNoticedByAHeadNotedElsewhere) {
  Trail other;
  for (std::uint64_t id = 1; id <= 20; ++id) other.Issue(id, "veh-00001");
  const std::string folder = Write(other.records);
  EXPECT_TRUE(Verify(folder).value().whole());
  EXPECT_FALSE(Verify(folder, noted_).value().whole());
}

TEST_F(Audit, ASplicedTrailIsNoticed) {
  Trail other;
  for (std::uint64_t id = 1; id <= 20; ++id) other.Issue(id, "veh-00001");
  std::vector<Stored> records(trail_.records.begin(), trail_.records.begin() + 6);
  records.insert(records.end(), other.records.begin() + 6, other.records.end());
  EXPECT_EQ(BreakOf(records), "altered@6");
}

// Told, not hidden: who cuts a trail and begins anew leaves a start behind.
TEST_F(Audit, ANewChainInTheMiddleIsTold) {
  trail_.Restart();
  trail_.Issue(99, "veh-00001");
  const AuditReport report = Verify(Write(trail_.records)).value();
  EXPECT_TRUE(report.whole());
  EXPECT_EQ(report.chain_starts, 2u);
  EXPECT_THAT(report.ToText(), HasSubstr("chain starts 2: offset 0, 38"));
  EXPECT_THAT(report.ToJson(), HasSubstr("\"starts\": [0, 38]"));
}

TEST_F(Audit, ATrailWhoseBeginningIsNoLongerRetainedIsWhole) {
  const std::vector<Stored> records(trail_.records.begin() + 5, trail_.records.end());
  const AuditReport report = Verify(Write(records)).value();
  EXPECT_TRUE(report.whole());
  EXPECT_EQ(report.begins_at, 6u);
  EXPECT_EQ(report.chain_starts, 0u);
}

TEST_F(Audit, OfAnotherRegionOrAFolderWithoutALogIsEmptyOrAnError) {
  const std::string folder = Write(trail_.records);
  EXPECT_EQ(Verify(folder, "", Partition{5}).value().records, 0u);
  EXPECT_EQ(Verify(folder + "/none").status().code(), ErrorCode::kIoError);
}

TEST_F(Audit, OfAnEncryptedFolderIsReadWithItsKeysAndRefusedWithout) {
  KeysIn(Write({}) + ".keys");
  const std::string folder = Write(trail_.records);
  EXPECT_TRUE(Verify(folder, noted_).value().whole());
  encryption_ = {};
  EXPECT_EQ(Verify(folder).status().code(), ErrorCode::kInvalidArgument);
}

TEST_F(Audit, ShowsWhatAVehicleWasCommandedAndHowItEnded) {
  trail_.Issue(21, "veh-00001");
  trail_.Close(21, "veh-00001", wire::CommandOutcome::Rejected, wire::RejectReason::StaleEpoch);
  trail_.Close(4711, "veh-00001", wire::CommandOutcome::Applied);
  const std::string folder = Write(trail_.records);
  const Result<std::string> table = AuditTable(
      [&](const auto& visit) { return ReadStoredLog(folder, Topic::kCommands, Partition{0}, {}, visit); },
      VehicleId::Parse("veh-00001").value());
  ASSERT_TRUE(table.ok());
  EXPECT_THAT(table.value(), HasSubstr("11 commands to veh-00001"));
  EXPECT_THAT(table.value(), HasSubstr("<= 8.3 m/s at 2.5 m/s2"));
  EXPECT_THAT(table.value(), HasSubstr("veh-00009 #77"));
  EXPECT_THAT(table.value(), HasSubstr("Applied after "));
  EXPECT_THAT(table.value(), HasSubstr("open"));
  EXPECT_THAT(table.value(), HasSubstr("Rejected (StaleEpoch)"));
  EXPECT_THAT(table.value(), HasSubstr("1 statuses of commands that are no longer retained"));
}

TEST_F(Audit, ShowsWhatWasNotSentAndWhoSaidSo) {
  CommandSettings settings;
  settings.version = 5;
  settings.by = "ana@ops";
  settings.reason = "false brakes";
  settings.rules.push_back(CommandRule());
  trail_.Take(settings);
  trail_.Withhold(31, "veh-00001", log::CommandMode::Stop);
  trail_.Withhold(32, "veh-00001", log::CommandMode::Shadow);
  trail_.Withhold(33, "veh-00002", log::CommandMode::Shadow);
  const std::string folder = Write(trail_.records);
  EXPECT_TRUE(Verify(folder).value().whole());
  const Result<std::string> table = AuditTable(
      [&](const auto& visit) { return ReadStoredLog(folder, Topic::kCommands, Partition{0}, {}, visit); },
      VehicleId::Parse("veh-00001").value());
  ASSERT_TRUE(table.ok());
  EXPECT_THAT(table.value(), HasSubstr("stopped: every command"));
  EXPECT_THAT(table.value(), HasSubstr("ana@ops: false brakes"));
  EXPECT_THAT(table.value(), HasSubstr("not sent: stopped"));
  EXPECT_THAT(table.value(), HasSubstr("not sent: shadow"));
  EXPECT_THAT(table.value(), HasSubstr("10 commands to veh-00001\n2 more were decided and not sent"));
}

TEST(AuditHeads, AreSixtyFourDigitsAndPerhapsAnIndex) {
  const std::string digits(64, 'a');
  EXPECT_TRUE(ParseAuditHead(digits).ok());
  EXPECT_EQ(ParseAuditHead(digits + "@12").value().index, 12u);
  for (const std::string& text : {std::string(), digits + "@", digits + "@0", digits + "@1x", digits.substr(1),
                                  digits + "a", std::string(64, 'g'), "+a" + digits.substr(2)}) {
    EXPECT_FALSE(ParseAuditHead(text).ok()) << text;
  }
}

}  // namespace
}  // namespace starling::cloud
