#include "cloud/log/kafka_region_writer.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "schemas/log/ownership_generated.h"
#include "tests/cloud/log/kafka_fixture.h"

namespace starling::cloud {
namespace {

constexpr Partition kRegion{1};

// Takes part in a region's transactions without our code: a former owner that is not
// well behaved.
class Ghost : private KafkaEvents {
 public:
  explicit Ghost(const KafkaConfig& config) : config_(config) {
    auto client = OpenKafka(config, KafkaUse::kRegionProducer, config.RegionName(kRegion), this);
    EXPECT_TRUE(client.ok());
    client_ = std::move(client).value();
    EXPECT_EQ(Call(rd_kafka_init_transactions(client_.get(), 20'000)), "");
  }

  // In a transaction that stays open.
  void Write(Topic topic, const std::string& value) {
    EXPECT_EQ(Call(rd_kafka_begin_transaction(client_.get())), "");
    EXPECT_EQ(rd_kafka_producev(client_.get(), RD_KAFKA_V_TOPIC(config_.TopicNameOf(topic).c_str()),
                                RD_KAFKA_V_PARTITION(static_cast<std::int32_t>(kRegion)),
                                RD_KAFKA_V_KEY("ghost", 5), RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
                                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
              RD_KAFKA_RESP_ERR_NO_ERROR);
    EXPECT_EQ(rd_kafka_flush(client_.get(), 20'000), RD_KAFKA_RESP_ERR_NO_ERROR);
  }

  // Empty if it was committed.
  std::string Commit() { return Call(rd_kafka_commit_transaction(client_.get(), 20'000)); }

 private:
  void OnBrokerError(rd_kafka_resp_err_t, std::string_view) override {}
  void OnLine(std::string_view) override {}
  static std::string Call(rd_kafka_error_t* error) {
    const KafkaError owned(error);
    return owned == nullptr ? "" : rd_kafka_error_string(owned.get());
  }

  const KafkaConfig config_;
  KafkaHandle client_;
};

class KafkaRegionWriterTest : public KafkaTest {
 protected:
  void SetUp() override {
    KafkaTest::SetUp();
    if (IsSkipped()) return;
    config_.commit_interval = milliseconds(20);
    config_.idle_commit_interval = milliseconds(100);
    Open();
  }

  std::unique_ptr<KafkaRegionWriter> OpenWriter() {
    auto writer = KafkaRegionWriter::Open(config_, kRegion, [this](std::string_view line) { Hear(line); });
    EXPECT_TRUE(writer.ok()) << writer.status().message();
    return std::move(writer).value();
  }

  static Epoch Claim(KafkaRegionWriter* writer, std::string_view owner) {
    const auto epoch = writer->Claim(owner);
    EXPECT_TRUE(epoch.ok()) << epoch.status().message();
    return epoch.ok() ? epoch.value() : Epoch{};
  }

  static std::uint64_t CommittedOf(KafkaRegionWriter* writer) {
    const auto committed = writer->Committed();
    EXPECT_TRUE(committed.ok()) << committed.status().message();
    return committed.ok() ? Number(committed.value()) : 0;
  }

  static void Write(KafkaRegionWriter* writer, std::string_view value, std::uint64_t next) {
    EXPECT_OK(writer->Append(Topic::kCommands, Bytes("vehicle"), Bytes(value)));
    EXPECT_OK(writer->Commit(Offset{next}));
  }

  std::vector<std::string> Visible() const { return ReadAll(Topic::kCommands, Offset{0}, kRegion); }

  // A transaction counts from its commit on; readers are let at it a moment later.
  void ExpectVisible(const std::vector<std::string>& expected) const {
    EXPECT_TRUE(Eventually([&] { return Visible().size() >= expected.size(); }));
    EXPECT_EQ(Visible(), expected);
  }
};

TEST_F(KafkaRegionWriterTest, OutputsBecomeVisibleInOrderAndWithTheirOffset) {
  const auto writer = OpenWriter();
  EXPECT_EQ(CommittedOf(writer.get()), 0u);
  Claim(writer.get(), "one");
  EXPECT_EQ(CommittedOf(writer.get()), 0u);
  std::vector<std::string> expected;
  for (std::uint64_t i = 1; i <= 500; ++i) {
    expected.push_back(std::to_string(i));
    Write(writer.get(), expected.back(), 10 * i);
  }
  ASSERT_OK(writer->AwaitCommitted(seconds(20)));
  EXPECT_EQ(CommittedOf(writer.get()), 5'000u);
  ExpectVisible(expected);
  // Where there are no outputs the offset moves all the same.
  ASSERT_OK(writer->Commit(Offset{6'000}));
  ASSERT_OK(writer->AwaitCommitted(seconds(20)));
  EXPECT_OK(writer->Close());
  EXPECT_EQ(CommittedOf(OpenWriter().get()), 6'000u);
}

TEST_F(KafkaRegionWriterTest, WhatWasNotCompletedByCommitIsNotWritten) {
  const auto writer = OpenWriter();
  Claim(writer.get(), "one");
  Write(writer.get(), "complete", 7);
  ASSERT_OK(writer->Append(Topic::kCommands, Bytes("vehicle"), Bytes("incomplete")));
  EXPECT_OK(writer->Close());
  ExpectVisible(Values{"complete"});
}

TEST_F(KafkaRegionWriterTest, EpochsRiseAndAreTheClaimsOffsets) {
  const auto one = OpenWriter();
  const Epoch first = Claim(one.get(), "one");
  EXPECT_EQ(first, Epoch{1}) << "epoch 0 is none";
  const auto two = OpenWriter();
  const Epoch second = Claim(two.get(), "two");
  EXPECT_GT(second, first);
  std::vector<std::pair<std::uint64_t, std::string>> claims;
  ASSERT_OK(log_->Read(Topic::kOwnership, Partition{0}, Offset{0}, [&](const LogRecord& record) {
    EXPECT_EQ(Text(record.key), "region/1");
    const auto* claim = log::GetOwnershipRecord(record.value.data())->body_as_Claim();
    claims.emplace_back(Number(record.offset) + 1, claim->owner()->str());
    return true;
  }));
  ASSERT_EQ(claims.size(), 2u);
  EXPECT_EQ(claims[0], std::pair(ToNumber(first), std::string("one")));
  EXPECT_EQ(claims[1], std::pair(ToNumber(second), std::string("two")));
}

TEST_F(KafkaRegionWriterTest, AFormerOwnerIsFencedAndNothingOfItsAppears) {
  config_.commit_interval = milliseconds(300);
  const auto former = OpenWriter();
  Claim(former.get(), "former");
  Write(former.get(), "former 1", 1);
  ASSERT_OK(former->AwaitCommitted(seconds(20)));
  Write(former.get(), "former 2", 2);  // Waits for its transaction.
  const auto owner = OpenWriter();
  Claim(owner.get(), "owner");
  const std::uint64_t committed = CommittedOf(owner.get());
  Write(owner.get(), "owner", 3);
  ASSERT_OK(owner->AwaitCommitted(seconds(20)));
  // It hears of it with the next offset that it wants to commit.
  ASSERT_TRUE(Eventually([&] { return !former->Commit(Offset{8}).ok(); }));
  EXPECT_EQ(former->status().code(), ErrorCode::kFenced);
  EXPECT_EQ(former->Append(Topic::kCommands, Bytes("v"), Bytes("x")).code(), ErrorCode::kFenced);
  EXPECT_EQ(former->Commit(Offset{9}).code(), ErrorCode::kFenced);
  EXPECT_TRUE(owner->status().ok());
  // The second one had not begun, or was committed before the claim: never in between.
  if (committed == 1) {
    ExpectVisible(Values{"former 1", "owner"});
  } else {
    EXPECT_EQ(committed, 2u);
    ExpectVisible(Values{"former 1", "former 2", "owner"});
  }
  // And it may come back.
  EXPECT_GT(Claim(former.get(), "former"), Epoch{2});
  Write(former.get(), "again", 4);
  ASSERT_OK(former->AwaitCommitted(seconds(20)));
  ASSERT_TRUE(Eventually([&] { return Visible().back() == "again"; }));
}

TEST_F(KafkaRegionWriterTest, AZombiesCommitFailsAndItsOutputsStayInvisible) {
  Ghost ghost(config_);
  ghost.Write(Topic::kCommands, "of the zombie");
  const auto owner = OpenWriter();
  Claim(owner.get(), "owner");
  EXPECT_NE(ghost.Commit(), "") << "a fenced producer has committed";
  Write(owner.get(), "of the owner", 1);
  ASSERT_OK(owner->AwaitCommitted(seconds(20)));
  ExpectVisible(Values{"of the owner"});
}

TEST_F(KafkaRegionWriterTest, ReadersDoNotSeeWhatIsNotCommitted) {
  Ghost ghost(config_);
  ghost.Write(Topic::kCommands, "open");
  EXPECT_EQ(log_->RangeOf(Topic::kCommands, kRegion).end, Offset{0});
  ExpectVisible(Values{});
  EXPECT_EQ(ghost.Commit(), "");
  ASSERT_TRUE(Eventually([&] { return Visible() == Values{"open"}; }));
}

TEST_F(KafkaRegionWriterTest, ASpentClientIsReplacedAndNothingIsLostOrTwice) {
  const auto writer = OpenWriter();
  Claim(writer.get(), "one");
  std::vector<std::string> expected;
  for (std::uint64_t i = 1; i <= 300; ++i) {
    expected.push_back(std::to_string(i));
    Write(writer.get(), expected.back(), i);
    if (i == 100 || i == 200) {
      writer->FailClientForTest();
      ASSERT_OK(writer->AwaitCommitted(seconds(20)));
    }
  }
  ASSERT_OK(writer->AwaitCommitted(seconds(20)));
  EXPECT_GE(writer->counters().renewed, 1u);
  EXPECT_EQ(CommittedOf(writer.get()), 300u);
  ExpectVisible(expected);
}

TEST_F(KafkaRegionWriterTest, KilledBetweenOutputsAndOffsetNothingIsLostOrTwice) {
  std::mt19937 random(7);
  for (int round = 0; round < 5; ++round) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::execl(STARLING_KAFKA_CRASH_WRITER, "kafka_crash_writer", config_.bootstrap.c_str(), config_.prefix.c_str(),
              nullptr);
      ::_exit(127);
    }
    // It has begun to write: the end of its partition moves.
    const Offset before = log_->RangeOf(Topic::kCommands, kRegion).end;
    EXPECT_TRUE(Eventually([&] { return log_->RangeOf(Topic::kCommands, kRegion).end > before; }));
    std::this_thread::sleep_for(milliseconds(random() % 150));
    ::kill(child, SIGKILL);
    int state = 0;
    ASSERT_EQ(::waitpid(child, &state, 0), child);
    ASSERT_TRUE(WIFSIGNALED(state)) << "the writer ended by itself";
  }
  const auto successor = OpenWriter();
  Claim(successor.get(), "successor");
  const std::uint64_t next = CommittedOf(successor.get());
  EXPECT_GT(next, 0u);
  std::vector<std::string> expected;
  for (std::uint64_t input = 0; input < next; ++input) {
    for (int output = 0; output < 3; ++output) expected.push_back(std::to_string(input) + "." + std::to_string(output));
  }
  ExpectVisible(expected);
}

TEST_F(KafkaRegionWriterTest, WhatWaitsIsBounded) {
  config_.outputs_bytes_max = 1 << 20;
  config_.commit_interval = seconds(10);
  const auto writer = OpenWriter();
  EXPECT_EQ(writer->Append(Topic::kCommands, Bytes("v"), Bytes("x")).code(), ErrorCode::kUnavailable)
      << "nobody has claimed the region";
  Claim(writer.get(), "one");
  const std::string output(100'000, 'x');
  int taken = 0;
  Status status;
  while ((status = writer->Append(Topic::kCommands, Bytes("v"), Bytes(output))).ok()) ++taken;
  EXPECT_EQ(taken, 10);
  EXPECT_EQ(status.code(), ErrorCode::kExhausted);
  EXPECT_OK(writer->Commit(Offset{1}));
  EXPECT_OK(writer->Close());
  ASSERT_TRUE(Eventually([&] { return Visible().size() == 10; }));
}

TEST_F(KafkaRegionWriterTest, WithoutTransactionsOutputsAndOffsetStillArriveAndTheLossIsNamed) {
  config_.transactions = false;
  const auto writer = OpenWriter();
  ASSERT_EQ(lines().size(), 1u);
  EXPECT_NE(lines()[0].find("may be repeated after a crash"), std::string::npos) << lines()[0];
  EXPECT_EQ(Claim(writer.get(), "one"), Epoch{1});
  for (std::uint64_t i = 1; i <= 100; ++i) Write(writer.get(), std::to_string(i), i);
  ASSERT_OK(writer->AwaitCommitted(seconds(20)));
  EXPECT_EQ(CommittedOf(writer.get()), 100u);
  ASSERT_TRUE(Eventually([&] { return Visible().size() == 100; }));
  EXPECT_OK(writer->Close());
  EXPECT_EQ(CommittedOf(OpenWriter().get()), 100u);
}

}  // namespace
}  // namespace starling::cloud
