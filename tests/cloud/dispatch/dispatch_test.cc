#include <flatbuffers/flatbuffers.h>
#include <gtest/gtest.h>

#include "cloud/dispatch/dispatch_reader.h"
#include "cloud/dispatch/dispatch_writer.h"
#include "cloud/dispatch/ownership_book.h"
#include "schemas/log/ownership_generated.h"
#include "schemas/log/dispatch_generated.h"
#include "tests/cloud/gateway/mock_log.h"

namespace starling::cloud {
namespace {

class KeepingSink final : public CommandSink {
 public:
  void Deliver(std::span<ShardOutputs::Command> commands) override {
    for (const ShardOutputs::Command& each : commands) kept.push_back(each);
  }
  std::vector<ShardOutputs::Command> kept;
};

ShardOutputs::Command Brake(const char* vehicle, std::uint32_t region, std::uint64_t epoch) {
  flatbuffers::FlatBufferBuilder builder;
  const auto cause = builder.CreateString("veh-cause");
  wire::CommandBuilder command(builder);
  command.add_command_id(99);
  command.add_region(region);
  command.add_epoch(epoch);
  command.add_cause_vehicle(cause);
  builder.Finish(command.Finish());
  const auto* bytes = reinterpret_cast<const std::byte*>(builder.GetBufferPointer());
  return {VehicleId::Parse(vehicle).value(), {bytes, bytes + builder.GetSize()}};
}

class Dispatched : public ::testing::Test {
 protected:
  void Send(std::vector<ShardOutputs::Command> commands) { writer_.Deliver(commands); }

  // What a gateway gets of the `index`-th record; its bytes may be changed before.
  void Receive(std::size_t index = 0, std::size_t flip_bit = SIZE_MAX) {
    MockLog::Stored stored = log_.Records(Topic::kDispatch).at(index);
    if (flip_bit != SIZE_MAX) {
      reinterpret_cast<unsigned char*>(stored.words.data())[flip_bit / 8] ^= static_cast<unsigned char>(1u << flip_bit % 8);
    }
    const LogRecord record{Offset{index}, {}, std::as_bytes(std::span(stored.key)), stored.value()};
    reader_.OnRecords({&record, 1});
  }

  MockLog log_;
  DispatchWriter writer_{&log_};
  KeepingSink gateway_;
  DispatchReader reader_{&gateway_};
};

TEST_F(Dispatched, ACommandArrivesAsItWasIssued) {
  const ShardOutputs::Command sent = Brake("veh-1", 3, 17);
  Send({sent});
  Receive();
  ASSERT_EQ(gateway_.kept.size(), 1u);
  EXPECT_EQ(gateway_.kept[0].vehicle, sent.vehicle);
  EXPECT_EQ(gateway_.kept[0].wire_command, sent.wire_command);
}

TEST_F(Dispatched, ItGoesThroughThePartitionOfItsRegionUnderItsVehiclesName) {
  Send({Brake("veh-1", 3, 17)});
  const auto records = log_.Records(Topic::kDispatch);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].partition, Partition{3});
  EXPECT_EQ(records[0].key, "veh-1");
}

TEST_F(Dispatched, WhatTheLogHasNoRoomForIsCounted) {
  log_.SetFull(true);
  Send({Brake("veh-1", 3, 17), Brake("veh-2", 3, 17)});
  EXPECT_EQ(writer_.shed(), 2u);
  EXPECT_EQ(writer_.dispatched(), 0u);
}

TEST_F(Dispatched, EveryFlippedBitIsRefusedOrStillOneWholeCommand) {
  Send({Brake("veh-1", 3, 17)});
  const std::size_t bits = log_.Records(Topic::kDispatch)[0].bytes * 8;
  for (std::size_t bit = 0; bit < bits; ++bit) {
    gateway_.kept.clear();
    Receive(0, bit);
    for (const ShardOutputs::Command& command : gateway_.kept) {
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(command.wire_command.data());
      flatbuffers::Verifier verifier(bytes, command.wire_command.size());
      EXPECT_TRUE(verifier.VerifyBuffer<wire::Command>(nullptr)) << bit;
    }
  }
  EXPECT_GT(reader_.refused(), 0u);
}

TEST_F(Dispatched, AnEnvelopeThatSaysAnotherEpochThanItsCommandIsRefused) {
  const ShardOutputs::Command command = Brake("veh-1", 3, 17);
  flatbuffers::FlatBufferBuilder builder;
  const auto vehicle = builder.CreateString("veh-1");
  const auto bytes = builder.CreateVector(reinterpret_cast<const std::uint8_t*>(command.wire_command.data()),
                                          command.wire_command.size());
  builder.Finish(log::CreateDispatch(builder, 3, 18, vehicle, bytes));
  ASSERT_TRUE(log_.Append(Topic::kDispatch, Partition{3}, {},
                          {reinterpret_cast<const std::byte*>(builder.GetBufferPointer()), builder.GetSize()})
                  .ok());
  Receive();
  EXPECT_EQ(reader_.refused(), 1u);
  EXPECT_TRUE(gateway_.kept.empty());
}

TEST_F(Dispatched, WhoIsConnectedHereGetsItAtOnceAndTheOthersThroughTheLog) {
  KeepingSink here;
  LocalFirstSink sink([](const VehicleId& vehicle) { return vehicle.view() == "veh-1"; }, &here, &writer_);
  std::vector<ShardOutputs::Command> commands = {Brake("veh-2", 0, 1), Brake("veh-1", 0, 1)};
  sink.Deliver(commands);
  ASSERT_EQ(here.kept.size(), 1u);
  EXPECT_EQ(here.kept[0].vehicle.view(), "veh-1");
  EXPECT_EQ(writer_.dispatched(), 1u);
}

class Book : public ::testing::Test {
 protected:
  void Claim(std::uint64_t offset, std::uint32_t region, const std::string& owner) {
    flatbuffers::FlatBufferBuilder builder;
    const auto name = builder.CreateString(owner);
    const auto claim = log::CreateClaim(builder, region, name, 1);
    builder.Finish(log::CreateOwnershipRecord(builder, log::OwnershipBody::Claim, claim.Union()));
    const auto* bytes = reinterpret_cast<const std::byte*>(builder.GetBufferPointer());
    Feed(offset, {bytes, bytes + builder.GetSize()});
  }
  void Feed(std::uint64_t offset, std::vector<std::byte> value) {
    const LogRecord record{Offset{offset}, {}, {}, value};
    book_.OnRecords({&record, 1});
  }

  std::vector<std::string> told_;
  OwnershipBook book_{[this](RegionId region, OwnershipBook::What what, const RegionOwnership& now) {
    told_.push_back(std::to_string(ToNumber(region)) +
                    (what == OwnershipBook::What::kClaimed ? " owner " + now.owner : " wanted " + now.wanted));
  }};
};

TEST_F(Book, TheLastClaimCountsAndItsEpochIsOneMoreThanItsOffset) {
  Claim(0, 2, "a:1:1");
  Claim(4, 2, "b:2:2");
  const RegionOwnership now = book_.regions().at(RegionId{2});
  EXPECT_EQ(now.owner, "b:2:2");
  EXPECT_EQ(now.epoch, Epoch{5});
}

TEST_F(Book, AWishIsToldAndKeepsTheOwner) {
  Claim(0, 2, "a:1:1");
  Feed(1, MakeWanted(RegionId{2}, "b").value);
  EXPECT_EQ(told_, (std::vector<std::string>{"2 owner a:1:1", "2 wanted b"}));
  EXPECT_EQ(book_.regions().at(RegionId{2}).owner, "a:1:1");
}

TEST(BookOfMaps, OnlyANewerMapCounts) {
  const RegionMap first = RegionMap::Make(3, RegionId{0}, {{{0, 0}, 20, 20, RegionId{1}}}).value();
  const RegionMap second = first.Split(RegionId{1}, RegionId{2}).value();
  std::vector<std::uint64_t> told;
  OwnershipBook book(nullptr, [&](const RegionMap& map) { told.push_back(map.version()); });
  EXPECT_FALSE(book.map().has_value());
  const auto feed = [&book](std::uint64_t offset, const RegionMap& map) {
    const WishRecord wish = MakeRegionMapWish(map);
    EXPECT_EQ(wish.key, "map");
    const LogRecord record{Offset{offset}, {}, {}, wish.value};
    book.OnRecords({&record, 1});
  };
  feed(0, first);
  feed(1, second);
  feed(2, first);
  EXPECT_EQ(told, (std::vector<std::uint64_t>{3, 4}));
  ASSERT_TRUE(book.map().has_value());
  EXPECT_EQ(book.map()->regions(), second.regions());
  EXPECT_TRUE(book.regions().empty());
}

TEST_F(Book, NonsenseChangesNothing) {
  Feed(0, std::vector<std::byte>(40, std::byte{0xff}));
  EXPECT_TRUE(book_.regions().empty());
  EXPECT_TRUE(told_.empty());
}

TEST(OwnerName, HasItsNodesNameInFront) {
  EXPECT_EQ(NodeOf(OwnerName("shard-a.example")), "shard-a.example");
  EXPECT_EQ(NodeOf("odd"), "odd");
  EXPECT_TRUE(IsNodeName("shard-a.example"));
  EXPECT_FALSE(IsNodeName("a:b"));
  EXPECT_FALSE(IsNodeName(""));
}

}  // namespace
}  // namespace starling::cloud
