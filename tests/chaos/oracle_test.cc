// Each promise broken by hand, and the oracle says which.
#include "sim/chaos/oracle.h"

#include <gtest/gtest.h>

#include "schemas/log/commands_generated.h"
#include "tests/chaos/healthy_run.h"

namespace starling::sim {
namespace {

using cloud::Topic;

class Oracle : public HealthyRun {
 protected:
  // Position of the first audit record that is a command's end, or its issue.
  std::size_t AuditAt(log::AuditBody body) {
    const auto& list = log_.entries(Topic::kCommands, kPartition);
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (log::GetAudit(reinterpret_cast<const std::uint8_t*>(list[i].value().data()))->body_type() == body) {
        return i;
      }
    }
    ADD_FAILURE() << "there is no such record";
    return 0;
  }
};

TEST_F(Oracle, FindsNothingWhereNothingIsWrong) {
  Checkpoint();
  const Judgement judgement = Judge();
  for (const Finding& finding : judgement.findings) ADD_FAILURE() << finding.text;
  EXPECT_EQ(judgement.samples, 80u);
  EXPECT_EQ(judgement.samples_in_history, 80u);
  EXPECT_GE(judgement.commands_issued, 2u);
  EXPECT_EQ(judgement.commands_handed_over, judgement.commands_issued);
  EXPECT_GT(judgement.outputs_compared, 10u);
  EXPECT_EQ(judgement.states_compared, 1u);
  EXPECT_GT(judgement.state_entries, 0u);
  EXPECT_EQ(judgement.chain_records, 2 * judgement.commands_issued);
}

// ---- ledger and history

TEST_F(Oracle, LedgerThatDoesNotAddUpIsUnbalanced) {
  --boot(0).delivered;
  ExpectFound({FindingKind::kUnbalanced});
}

TEST_F(Oracle, SampleThatTheCloudNeverAcknowledgedIsUnbalanced) {
  boot(0).acknowledged = {{1, 39}};
  ExpectFound({FindingKind::kUnbalanced});
}

TEST_F(Oracle, SampleGivenUpWithoutACauseIsUnbalanced) {
  --boot(0).delivered;
  ++boot(0).dropped_spool_full;
  boot(0).acknowledged = {{1, 39}};
  ExpectFound({FindingKind::kUnbalanced});
}

TEST_F(Oracle, SampleInFlightAtTheEndIsNotDrained) {
  --boot(0).delivered;
  ++boot(0).in_flight;
  boot(0).acknowledged = {{1, 39}};
  ExpectFound({FindingKind::kNotDrained});
}

TEST_F(Oracle, RunThatNeverCameToRestIsNotDrained) {
  drive_.journal.drained = CloudTime{};
  ExpectFound({FindingKind::kNotDrained});
}

TEST_F(Oracle, BatchThatIsNotStoredIsLost) {
  log_.Erase(Topic::kHistory, kPartition, 1);
  ExpectFound({FindingKind::kSampleLost});
}

TEST_F(Oracle, AcknowledgedSamplesOfARebootedVehicleAreLostToo) {
  boot(0).rebooted = true;
  boot(0).delivered = 30;
  boot(0).dropped_reboot = 10;
  boot(0).acknowledged = {{1, 30}};
  log_.Erase(Topic::kHistory, kPartition, 3);
  ExpectFound({});  // The fourth batch: never acknowledged, lost with the memory.
  log_.Erase(Topic::kHistory, kPartition, 2);
  ExpectFound({FindingKind::kSampleLost});
}

TEST_F(Oracle, BatchStoredTwiceIsCountedAndNoFault) {
  log_.Repeat(Topic::kHistory, kPartition, 1);
  ExpectFound({});
  EXPECT_EQ(Judge().batches_repeated, 1u);
}

TEST_F(Oracle, BatchStoredAgainWithOtherSamplesIsAltered) {
  std::vector<wire::Fix> other(fixes_[0].begin(), fixes_[0].begin() + 10);
  other[4].mutate_speed_cmps(static_cast<std::int16_t>(other[4].speed_cmps() + 1));
  StoreBatch(0, other);
  ExpectFound({FindingKind::kSampleAltered});
}

TEST_F(Oracle, SampleThatWasTakenOtherwiseIsAltered) {
  boot(1).samples[7] ^= 1;
  ExpectFound({FindingKind::kSampleAltered});
}

TEST_F(Oracle, SampleThatWasNeverTakenIsAltered) {
  boot(0).samples.pop_back();
  boot(0).delivered = 39;
  boot(0).acknowledged = {{1, 39}};
  ExpectFound({FindingKind::kSampleAltered});
}

TEST_F(Oracle, BatchThatCannotBeDecodedIsUnreadableAndItsSamplesLost) {
  for (std::byte& byte : log_.entries(Topic::kHistory, kPartition)[0].value().last(4)) byte ^= std::byte{0x5A};
  const Judgement judgement = Judge();
  EXPECT_FALSE(judgement.ok());
}

// ---- commands

TEST_F(Oracle, CommandHandedOverAfterItsLeaseIsLate) {
  HandedOver& handed = commanded().handed_over.front();
  handed.handed_over = handed.expires + nanoseconds(1);
  ExpectFound({FindingKind::kCommandLate});
}

TEST_F(Oracle, LeaseThatTheVehicleMadeLongerIsNotTheOneThatWasIssued) {
  HandedOver& handed = commanded().handed_over.front();
  handed.expires += seconds(5);
  ExpectFound({FindingKind::kCommandUnheardOf});
}

TEST_F(Oracle, CommandHandedOverAgainIsTwice) {
  commanded().handed_over.push_back(commanded().handed_over.front());
  ExpectFound({FindingKind::kCommandTwice});
}

TEST_F(Oracle, CommandHandedOverAgainUnderAnotherIdIsUnheardOf) {
  HandedOver other = commanded().handed_over.front();
  other.command = CommandId{ToNumber(other.command) + 1};
  commanded().handed_over.push_back(other);
  ExpectFound({FindingKind::kCommandUnheardOf});
}

TEST_F(Oracle, CommandWithoutAnEndIsOpen) {
  log_.Erase(Topic::kCommands, kPartition, AuditAt(log::AuditBody::CommandClosed));
  ExpectFound({FindingKind::kCommandOpen, FindingKind::kOutputMissing, FindingKind::kChainBroken});
}

TEST_F(Oracle, CommandIssuedWhenTheVehiclesHadLeftMayBeOpen) {
  drive_.journal.drained = cloud::ShardDriver::At(0);
  log_.Erase(Topic::kCommands, kPartition, AuditAt(log::AuditBody::CommandClosed));
  ExpectFound({FindingKind::kOutputMissing, FindingKind::kChainBroken});
}

TEST_F(Oracle, SecondEndOfACommandIsAStatusTwice) {
  log_.Repeat(Topic::kCommands, kPartition, AuditAt(log::AuditBody::CommandClosed));
  ExpectFound({FindingKind::kStatusTwice, FindingKind::kOutputRepeated, FindingKind::kChainBroken});
}

TEST_F(Oracle, EndWithoutABeginningIsUnheardOf) {
  const std::size_t issue = AuditAt(log::AuditBody::CommandIssued);
  commanded();
  log_.Erase(Topic::kCommands, kPartition, issue);
  ExpectFound({FindingKind::kCommandUnheardOf, FindingKind::kOutputMissing, FindingKind::kChainBroken});
}

TEST_F(Oracle, AppliedThoughNeverHandedOverIsUntrue) {
  commanded().handed_over.erase(commanded().handed_over.begin());
  ExpectFound({FindingKind::kStatusUntrue});
}

TEST_F(Oracle, EndThatTheVehicleDidNotSayIsUntrue) {
  commanded().closed.front().outcome = static_cast<std::uint8_t>(wire::CommandOutcome::Expired);
  ExpectFound({FindingKind::kStatusUntrue});
}

// The audit record of a command's end, with another outcome.
class OutcomeUnknown : public Oracle {
 protected:
  void SetUp() override {
    Oracle::SetUp();
    auto& entry = log_.entries(Topic::kCommands, kPartition)[AuditAt(log::AuditBody::CommandClosed)];
    const auto* audit = log::GetAudit(reinterpret_cast<const std::uint8_t*>(entry.value().data()));
    const auto* status = audit->body_as_CommandClosed()->status();
    auto* bytes = const_cast<wire::CommandStatus*>(status);
    bytes->mutate_outcome(wire::CommandOutcome::Unknown);
  }
};

TEST_F(OutcomeUnknown, WithoutARebootIsUncalledFor) {
  ExpectFound({FindingKind::kUnknownUncalledFor, FindingKind::kOutputDifferent, FindingKind::kChainBroken});
}

TEST_F(OutcomeUnknown, AcrossARebootIsWhatIsPromised) {
  for (std::size_t i = 0; i < 2; ++i) {
    VehicleBoot later;
    later.vehicle = boot(i).vehicle;
    later.boot = BootId{900 + i};
    boot(i).rebooted = true;
    drive_.journal.boots.push_back(later);
  }
  ExpectFound({FindingKind::kOutputDifferent, FindingKind::kChainBroken});
}

// ---- outputs, state, chain

TEST_F(Oracle, MissingRepeatedAndExchangedOutputsAreTold) {
  const StoredLog whole = log_;
  const std::size_t middle = log_.entries(Topic::kHeatmap, kPartition).size() / 2;
  log_.Erase(Topic::kHeatmap, kPartition, middle);
  ExpectFound({FindingKind::kOutputMissing});
  log_ = whole;
  log_.Repeat(Topic::kHeatmap, kPartition, middle);
  ExpectFound({FindingKind::kOutputRepeated});
  log_ = whole;
  log_.entries(Topic::kHeatmap, kPartition)[middle].value().back() ^= std::byte{1};
  ExpectFound({FindingKind::kOutputDifferent});
  log_ = whole;
  log_.Erase(Topic::kConflicts, kPartition, 0);
  ExpectFound({FindingKind::kOutputMissing});
}

TEST_F(Oracle, OutputsThatNobodyHasCommittedMayBeMissingAndNoneMayBeThere) {
  const StoredLog whole = log_;
  LoseNewestOutputs();
  committed_ = quiet_from_;
  ExpectFound({});
  committed_ = cloud::Offset{ToNumber(quiet_from_) + 20};
  ExpectFound({FindingKind::kOutputMissing});
  log_ = whole;
  committed_ = quiet_from_;
  ExpectFound({FindingKind::kOutputDifferent});
}

TEST_F(Oracle, InputThatIsMissingChangesWhatARunWouldWrite) {
  const std::size_t half = log_.entries(Topic::kTelemetry, kPartition).size() / 2;
  for (std::size_t i = 0; i < half; ++i) log_.Erase(Topic::kTelemetry, kPartition, 1);
  EXPECT_FALSE(Judge().ok());
}

TEST_F(Oracle, StateOfAnotherMomentDiffers) {
  Checkpoint();
  At(16.5);
  Put(encoder_.Tick());
  ExpectFound({});
  states_[0].next = cloud::Offset{ToNumber(states_[0].next) - 70};
  ExpectFound({FindingKind::kStateDiffers});
}

TEST_F(Oracle, StateEntryThatIsMissingAlteredOrStrangeDiffers) {
  Checkpoint();
  const StoredState whole = states_[0];
  states_[0].entries.pop_back();
  ExpectFound({FindingKind::kStateDiffers});
  states_[0] = whole;
  states_[0].entries.back().second.back() ^= std::byte{1};
  ExpectFound({FindingKind::kStateDiffers});
  states_[0] = whole;
  states_[0].entries.push_back({{std::byte{0xFF}, std::byte{0xFE}}, {std::byte{1}}});
  ExpectFound({FindingKind::kStateDiffers});
}

TEST_F(Oracle, StateFromBeyondTheLogDiffers) {
  Checkpoint();
  states_[0].next = cloud::Offset{ToNumber(states_[0].next) + 5};
  ExpectFound({FindingKind::kStateDiffers});
}

TEST_F(Oracle, AuditRecordThatWasAlteredBreaksTheChain) {
  auto& entry = log_.entries(Topic::kCommands, kPartition)[0];
  const auto* issued =
      log::GetAudit(reinterpret_cast<const std::uint8_t*>(entry.value().data()))->body_as_CommandIssued();
  auto* command = const_cast<wire::Command*>(issued->command());
  ASSERT_TRUE(reinterpret_cast<flatbuffers::Table*>(command)->SetField<std::uint16_t>(
      wire::Command::VT_SPEED_CEILING_CMPS, 9'999, 0));
  ExpectFound({FindingKind::kOutputDifferent, FindingKind::kChainBroken});
}

}  // namespace
}  // namespace starling::sim
