// Stores the ledger and goes on from what was stored; log and store are in memory.

#include "cloud/gateway/history_keeper.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <string>
#include <thread>

#include "cloud/gateway/record_builder.h"
#include "tests/cloud/gateway/mock_log.h"

namespace starling::cloud {
namespace {

constexpr Partition kHome{3};
constexpr BootId kBoot{7};

VehicleId VehicleOf(std::uint64_t number) { return VehicleId::Parse("veh-" + std::to_string(number)).value(); }

// Keeps what it is given, unless the test says that the disk is full.
class MapStore final : public StateStore {
 public:
  explicit MapStore(const Log* log) : log_(log) {}

  Status Write(Topic, Partition, Offset next, std::span<const StateChange> changes) override {
    if (full) return {ErrorCode::kIoError, "no space"};
    // The test records with the tickets of the log: nothing may be stored before.
    EXPECT_GE(log_->durable(), must_be_durable);
    for (const StateChange& change : changes) {
      const std::string key(reinterpret_cast<const char*>(change.key.data()), change.key.size());
      if (!change.value) {
        entries.erase(key);
      } else {
        entries[key].assign(change.value->begin(), change.value->end());
      }
    }
    next_ = next;
    ++writes;
    return {};
  }
  Result<std::optional<Offset>> Load(Topic, Partition, const Visitor& visit) const override {
    for (const auto& [key, value] : entries) {
      if (Status status = visit(std::as_bytes(std::span(key)), value); !status.ok()) return status;
    }
    return next_;
  }
  Status Clear(Topic, Partition) override { return {}; }

  std::map<std::string, std::vector<std::byte>> entries;
  Ticket must_be_durable{};
  int writes = 0;
  bool full = false;

 private:
  const Log* const log_;
  std::optional<Offset> next_;
};

class Keeper : public testing::Test {
 protected:
  // What a gateway does: appends, and records a moment later.
  Ticket Append(std::uint64_t vehicle, std::uint64_t first, std::uint64_t last, BootId boot = kBoot) {
    const std::vector<std::uint8_t> columns{1, 2, 3};
    flatbuffers::FlatBufferBuilder batch;
    batch.Finish(wire::CreateHistory(batch, ToNumber(boot), first, static_cast<std::uint16_t>(last - first + 1),
                                     batch.CreateVector(columns)));
    const auto value = records_.History(
        VehicleOf(vehicle), *flatbuffers::GetRoot<wire::History>(batch.GetBufferPointer()), {}, CloudTime{});
    const auto ticket = log_.Append(Topic::kHistory, kHome, {}, value);
    EXPECT_TRUE(ticket.ok());
    return ticket.value();
  }
  void Take(std::uint64_t vehicle, std::uint64_t first, std::uint64_t last, BootId boot = kBoot) {
    const Ticket ticket = Append(vehicle, first, last, boot);
    ledger_.Record(VehicleOf(vehicle), boot, {first, last}, ticket);
  }
  // Two rounds: an end is used in the round after the one that saw it, and only once
  // something was emitted in between.
  void Store(HistoryKeeper* keeper) {
    log_.MakeDurable();
    ASSERT_TRUE(keeper->Write().ok());
    ASSERT_TRUE(log_.Append(Topic::kTelemetry, kHome, {}, {}).ok());
    log_.MakeDurable();
    ASSERT_TRUE(keeper->Write().ok());
  }
  HistoryKeeper MakeKeeper() { return {{}, kHome, {kHome}, &log_, &ledger_, &store_}; }

  static void ExpectSame(const HistoryLedger& a, const HistoryLedger& b, std::uint64_t vehicles) {
    EXPECT_EQ(a.totals().samples, b.totals().samples);
    EXPECT_EQ(a.totals().batches, b.totals().batches);
    EXPECT_EQ(a.totals().gaps, b.totals().gaps);
    EXPECT_EQ(a.totals().vehicles, b.totals().vehicles);
    for (std::uint64_t i = 0; i < vehicles; ++i) {
      const auto one = a.Find(VehicleOf(i));
      const auto other = b.Find(VehicleOf(i));
      ASSERT_EQ(one.has_value(), other.has_value());
      if (!one) continue;
      EXPECT_EQ(one->boot, other->boot);
      EXPECT_EQ(one->through_sequence, other->through_sequence);
      EXPECT_EQ(one->samples, other->samples);
      EXPECT_EQ(one->samples_older, other->samples_older);
    }
  }

  RecordBuilder records_{RegionId{}};
  MockLog log_;
  HistoryLedger ledger_;
  MapStore store_{&log_};
};

TEST_F(Keeper, AStartGoesOnFromWhatWasStored) {
  HistoryKeeper keeper = MakeKeeper();
  Take(1, 1, 100);
  Take(2, 11, 20);
  Store(&keeper);
  Take(1, 101, 150);  // Not stored: is read from the log.
  HistoryLedger next;
  ASSERT_TRUE(next.Load(store_, kHome).ok());
  EXPECT_EQ(next.Next(kHome), Offset{2});
  EXPECT_EQ(next.totals().samples, 110u);
  ASSERT_TRUE(next.Rebuild(log_, kHome).ok());
  EXPECT_EQ(next.totals().samples, 160u);
  EXPECT_EQ(next.DurableThrough(VehicleOf(1), kBoot, Ticket{}), 150u);
  ExpectSame(next, ledger_, 3);
}

TEST_F(Keeper, AStartWithoutAStoredLedgerReadsTheWholeTopic) {
  Take(1, 1, 100);
  HistoryLedger next;
  ASSERT_TRUE(next.Load(store_, kHome).ok());
  ASSERT_TRUE(next.Rebuild(log_, kHome).ok());
  ExpectSame(next, ledger_, 2);
}

TEST_F(Keeper, WritesOnlyWhatChanged) {
  HistoryKeeper keeper = MakeKeeper();
  for (std::uint64_t vehicle = 0; vehicle < 10; ++vehicle) Take(vehicle, 1, 10);
  Store(&keeper);
  const std::uint64_t before = keeper.counters().entries;
  Take(4, 11, 20);
  log_.MakeDurable();
  ASSERT_TRUE(keeper.Write().ok());
  EXPECT_EQ(keeper.counters().entries, before + 1);
  ASSERT_TRUE(keeper.Write().ok());
  EXPECT_EQ(keeper.counters().entries, before + 1);
}

// A gateway's thread was stopped between Append and Record, and then the process died.
TEST_F(Keeper, ABatchThatNobodyRecordedYetIsNotLeftOut) {
  HistoryKeeper keeper = MakeKeeper();
  Append(1, 1, 10);
  Take(2, 1, 10);
  Store(&keeper);
  HistoryLedger next;
  ASSERT_TRUE(next.Load(store_, kHome).ok());
  EXPECT_TRUE(next.Holds(VehicleOf(1), kBoot, {1, 10}).has_value());
}

TEST_F(Keeper, NothingIsStoredBeforeItIsDurable) {
  HistoryKeeper keeper = MakeKeeper();
  Take(1, 1, 10);
  store_.must_be_durable = log_.emitted();
  std::atomic<bool> done{false};
  std::thread disk([&] {
    while (!done.load()) log_.MakeDurable();
  });
  EXPECT_TRUE(keeper.Write().ok());
  done.store(true);
  disk.join();
  EXPECT_EQ(store_.writes, 1);
}

TEST_F(Keeper, WhatCouldNotBeStoredIsStoredInTheNextRound) {
  HistoryKeeper keeper = MakeKeeper();
  Take(1, 1, 10);
  log_.MakeDurable();
  store_.full = true;
  EXPECT_FALSE(keeper.Write().ok());
  store_.full = false;
  EXPECT_TRUE(keeper.Write().ok());
  HistoryLedger next;
  ASSERT_TRUE(next.Load(store_, kHome).ok());
  EXPECT_TRUE(next.Holds(VehicleOf(1), kBoot, {1, 10}).has_value());
}

TEST_F(Keeper, AVehicleThatIsNotHeardOfIsForgottenOnDiskToo) {
  HistoryKeeper keeper = MakeKeeper();
  Take(1, 1, 10);  // The mock's log time is 1970.
  Store(&keeper);  // The second round has read it from the log.
  log_.MakeDurable();
  ASSERT_TRUE(keeper.Write().ok());
  EXPECT_EQ(ledger_.totals().vehicles, 1u);  // Log time 0 is none.
  ledger_.Expire(CloudNow(), 100);
  EXPECT_EQ(ledger_.totals().vehicles, 1u);
  VehicleHistory old;
  old.Add(kBoot, {1, 10}, Ticket{});
  old.heard = seconds(1'000);
  store_.entries["veh-5"] = EncodeVehicleHistory(old);
  HistoryLedger loaded;
  ASSERT_TRUE(loaded.Load(store_, kHome).ok());
  ASSERT_EQ(loaded.totals().vehicles, 2u);
  HistoryKeeper next({}, kHome, {kHome}, &log_, &loaded, &store_);
  ASSERT_TRUE(next.Write().ok());
  EXPECT_EQ(loaded.totals().vehicles, 1u);
  EXPECT_EQ(loaded.totals().vehicles_expired, 1u);
  EXPECT_FALSE(loaded.Find(VehicleOf(5)).has_value());
  EXPECT_FALSE(store_.entries.contains("veh-5"));
  EXPECT_TRUE(store_.entries.contains("veh-1"));
}

TEST_F(Keeper, ALogThatEndsBeforeTheStoredOffsetIsAnotherOne) {
  HistoryKeeper keeper = MakeKeeper();
  Take(1, 1, 10);
  Take(1, 11, 20);
  Store(&keeper);
  HistoryLedger next;
  ASSERT_TRUE(next.Load(store_, kHome).ok());
  MockLog other;
  ASSERT_TRUE(next.Rebuild(other, kHome).ok());
  EXPECT_EQ(next.totals().vehicles, 0u);
  EXPECT_EQ(next.Next(kHome), Offset{});
}

TEST_F(Keeper, AnEntryThatCannotBeReadLeavesTheLedgerEmpty) {
  HistoryKeeper keeper = MakeKeeper();
  Take(1, 1, 10);
  Store(&keeper);
  store_.entries["veh-1"].pop_back();
  HistoryLedger next;
  const Status status = next.Load(store_, kHome);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kCorruption);
  EXPECT_EQ(next.totals().vehicles, 0u);
}

// Kafka: every gateway follows the topic, and sees its own batches there as well.
TEST_F(Keeper, ABatchCountsOnceHoweverOftenItIsSeen) {
  for (std::uint32_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    HistoryLedger own;
    HistoryLedger reference;
    std::uint64_t appended = 0;
    std::uint64_t followed = 0;
    const std::uint64_t base = log_.Records(Topic::kHistory).size();
    const auto follow = [&](std::uint64_t up_to) {
      (void)log_.Read(Topic::kHistory, kHome, Offset{base + followed}, [&](const LogRecord& record) {
        if (followed >= up_to) return false;
        own.Follow(kHome, {&record, 1});
        ++followed;
        return true;
      });
    };
    for (int i = 0; i < 200; ++i) {
      const std::uint64_t vehicle = random() % 5;
      const std::uint64_t first = 1 + random() % 500;
      const std::uint64_t last = first + random() % 20;
      const Ticket ticket = Append(vehicle, first, last);
      ++appended;
      if (random() % 3 == 0) follow(appended);                      // Seen before it is recorded,
      if (random() % 2 == 0) own.Record(VehicleOf(vehicle), kBoot, {first, last}, ticket);
    }                                                               // after, or of another gateway.
    follow(appended);
    (void)log_.Read(Topic::kHistory, kHome, Offset{base}, [&](const LogRecord& record) {
      reference.Follow(kHome, {&record, 1});
      return true;
    });
    EXPECT_EQ(own.totals().samples, reference.totals().samples);
    EXPECT_EQ(own.Next(kHome), reference.Next(kHome));
  }
}

// The process dies at any moment: what was stored and the log give what the whole log
// gives.
TEST_F(Keeper, AfterAnyDeathTheLedgerIsThatOfTheWholeTopic) {
  std::mt19937 random(1);
  HistoryKeeper keeper = MakeKeeper();
  std::vector<std::uint64_t> next_of(6, 1);
  for (int round = 0; round < 300; ++round) {
    const std::uint64_t vehicle = random() % next_of.size();
    const std::uint64_t first = next_of[vehicle] + (random() % 10 == 0 ? 5 : 0);
    const std::uint64_t last = first + random() % 30;
    next_of[vehicle] = last + 1;
    const Ticket ticket = Append(vehicle, first, last);
    if (random() % 10 != 0) ledger_.Record(VehicleOf(vehicle), kBoot, {first, last}, ticket);
    if (random() % 4 == 0) {
      log_.MakeDurable();
      ASSERT_TRUE(keeper.Write().ok());
    }
    if (random() % 5 != 0) continue;
    HistoryLedger whole;
    ASSERT_TRUE(whole.Rebuild(log_, kHome).ok());
    HistoryLedger resumed;
    ASSERT_TRUE(resumed.Load(store_, kHome).ok());
    ASSERT_TRUE(resumed.Rebuild(log_, kHome).ok());
    EXPECT_EQ(resumed.totals().samples, whole.totals().samples);
    EXPECT_EQ(resumed.totals().batches, whole.totals().batches);
    for (std::uint64_t i = 0; i < next_of.size(); ++i) {
      const auto a = resumed.Find(VehicleOf(i));
      const auto b = whole.Find(VehicleOf(i));
      ASSERT_EQ(a.has_value(), b.has_value());
      if (!a) continue;
      EXPECT_EQ(a->through_sequence, b->through_sequence);
    }
  }
  EXPECT_GT(store_.writes, 20);
}

// Format 1.  If this fails, the format has changed: give it a new number, and keep
// reading this one.
TEST(HistoryEntry, IsStoredAsTheFormatPageSays) {
  VehicleHistory history;
  history.Add(BootId{5}, {1, 300}, Ticket{});
  history.Add(BootId{5}, {311, 320}, Ticket{});
  history.heard = seconds(1'700'000'000);
  const std::vector<std::uint8_t> golden{0x01, 0x80, 0xe2, 0xcf, 0xaa, 0x06, 0x00, 0x02, 0x01, 0x00, 0x01,
                                         0x05, 0xb6, 0x02, 0x02, 0x01, 0xab, 0x02, 0x0b, 0x09};
  const std::vector<std::byte> encoded = EncodeVehicleHistory(history);
  ASSERT_EQ(encoded.size(), golden.size());
  for (std::size_t i = 0; i < golden.size(); ++i) {
    EXPECT_EQ(std::to_integer<int>(encoded[i]), golden[i]) << "byte " << i;
  }
  EXPECT_EQ(DecodeVehicleHistory(encoded).value(), history);
}

TEST(HistoryEntry, IsRefusedAtEveryLengthButItsOwn) {
  VehicleHistory history;
  history.Add(BootId{0x123456789abcdef0}, {1, 300}, Ticket{});
  history.Add(BootId{5}, {311, 320}, Ticket{});
  std::vector<std::byte> encoded = EncodeVehicleHistory(history);
  for (std::size_t length = 0; length < encoded.size(); ++length) {
    EXPECT_FALSE(DecodeVehicleHistory(std::span(encoded).first(length)).ok()) << length;
  }
  encoded.push_back(std::byte{0});
  EXPECT_FALSE(DecodeVehicleHistory(encoded).ok());
}

}  // namespace
}  // namespace starling::cloud
