#include "sim/fleet/journal.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "edge/spool/memory_spool.h"
#include "sim/fleet/journal_keeper.h"

namespace starling::sim {
namespace {

// One vehicle that rebooted, with one command handed over.
Journal Example() {
  Journal journal;
  journal.drained = CloudTimeFromNs(1'700'000'005'000'000'000);
  VehicleBoot first;
  first.vehicle = VehicleId::Parse("veh-00001").value();
  first.boot = BootId{11};
  first.rebooted = true;
  first.samples = {0x0000001a, 0xdeadbeef, 0x00c0ffee};
  first.delivered = 2;
  first.dropped_reboot = 1;
  first.acknowledged = {{1, 2}};
  first.handed_over = {{CommandId{7}, RegionId{0}, Epoch{3}, 2, EpisodeId{9}, BootTimeFromNs(1'000),
                        BootTimeFromNs(5'000), CloudTimeFromNs(1'700'000'001'000'000'000)}};
  first.closed = {{CommandId{7}, RegionId{0}, Epoch{3}, 1, 0, BootTimeFromNs(1'000)}};
  VehicleBoot second;
  second.vehicle = first.vehicle;
  second.boot = BootId{12};
  journal.boots = {first, second};
  return journal;
}

TEST(Journal, ExampleOfTheFormatPageIsWhatIsWritten) {
  std::ifstream page(STARLING_SOURCE "/docs/formats/journal.md");
  const std::string text((std::istreambuf_iterator<char>(page)), std::istreambuf_iterator<char>());
  EXPECT_NE(text.find("```\n" + WriteJournal(Example()) + "```\n"), std::string::npos)
      << WriteJournal(Example());
}

TEST(Journal, ReadsWhatItWrites) {
  const Result<Journal> read = ReadJournal(WriteJournal(Example()));
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read.value(), Example());
}

TEST(Journal, CutShortAnywhereItIsNone) {
  const std::string text = WriteJournal(Example());
  for (std::size_t length = 0; length + 1 < text.size(); ++length) {
    EXPECT_FALSE(ReadJournal(std::string_view(text).substr(0, length)).ok()) << length;
  }
}

TEST(Journal, UnknownLineIsNamed) {
  std::string text = WriteJournal(Example());
  text.insert(text.find("closed"), "strange 1\n");
  const Result<Journal> read = ReadJournal(text);
  ASSERT_FALSE(read.ok());
  EXPECT_NE(read.status().message().find("line 7"), std::string_view::npos) << read.status().message();
}

class Keeper : public ::testing::Test {
 protected:
  void Seal(edge::Spool* spool, std::uint64_t first, std::uint16_t count) {
    edge::SpooledBatch batch;
    batch.boot = BootId{11};
    batch.first_sequence = first;
    batch.count = count;
    batch.columns.resize(8);
    ASSERT_TRUE(spool->Append(std::move(batch)).ok());
  }
  std::unique_ptr<edge::Spool> Begin() {
    return keeper_.Begin(0, VehicleId::Parse("veh-00001").value(), BootId{11},
                         std::make_unique<edge::MemorySpool>(edge::MemorySpoolConfig()));
  }

  JournalKeeper keeper_{1};
};

TEST_F(Keeper, NotesWhichSamplesTheCloudAcknowledgedInAnyOrder) {
  const auto spool = Begin();
  for (const std::uint64_t first : {1, 11, 21, 31}) Seal(spool.get(), first, 10);
  EXPECT_EQ(spool->Delete(BootId{11}, 11), 10u);
  EXPECT_EQ(spool->Delete(BootId{11}, 31), 10u);
  EXPECT_EQ(spool->Delete(BootId{11}, 1), 10u);
  EXPECT_EQ(spool->Delete(BootId{11}, 1), 0u);
  keeper_.End(0, {}, false);
  const Journal journal = keeper_.Take();
  EXPECT_EQ(journal.boots[0].acknowledged, (std::vector<SampleRange>{{1, 20}, {31, 40}}));
}

TEST_F(Keeper, WhatIsInFlightAtARebootIsLostByThatReason) {
  const auto spool = Begin();
  edge::AgentLedger ledger;
  ledger.sampled = 5;
  ledger.delivered = 3;
  ledger.in_flight = 2;
  keeper_.End(0, ledger, true);
  const Journal journal = keeper_.Take();
  EXPECT_TRUE(journal.boots[0].rebooted);
  EXPECT_EQ(journal.boots[0].dropped_reboot, 2u);
  EXPECT_EQ(journal.boots[0].in_flight, 0u);
}

TEST(SampleDigest, DiffersWithEveryField) {
  const wire::Fix fix(1, 2, 3, 4, 5, 6, 7, 8, 9, wire::Intent::Idle);
  EXPECT_EQ(DigestOf(fix), DigestOf(wire::Fix(1, 2, 3, 4, 5, 6, 7, 8, 9, wire::Intent::Idle)));
  EXPECT_NE(DigestOf(fix), DigestOf(wire::Fix(0, 2, 3, 4, 5, 6, 7, 8, 9, wire::Intent::Idle)));
  EXPECT_NE(DigestOf(fix), DigestOf(wire::Fix(1, 2, 3, 4, 5, 6, 7, 8, 9, wire::Intent::Unknown)));
}

}  // namespace
}  // namespace starling::sim
