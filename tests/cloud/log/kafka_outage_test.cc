// What the engine makes of brokers that are killed, on clusters of its own.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cloud/log/kafka_region_writer.h"
#include "tests/cloud/log/kafka_fixture.h"

namespace starling::cloud {
namespace {

constexpr Partition kRegion{1};

// A cluster that goes with the test.
class Cluster {
 public:
  explicit Cluster(int nodes) : script_(std::getenv("STARLING_KAFKA_SCRIPT")) {
    const std::string data = directory_.path();
    script_process_ = ::fork();
    if (script_process_ == 0) {
      (void)::prctl(PR_SET_PDEATHSIG, SIGTERM);
      ::execl("/bin/sh", "sh", "-c", "exec \"$0\" --foreground --fresh --port 0 --nodes \"$1\" --data \"$2\" >&2",
              script_.c_str(), std::to_string(nodes).c_str(), data.c_str(), nullptr);
      ::_exit(127);
    }
    EXPECT_TRUE(Eventually([&] { return std::filesystem::exists(data + "/env"); }, seconds(180)));
    std::ifstream env(data + "/env");
    for (std::string line; std::getline(env, line);) {
      if (line.starts_with("KAFKA_BOOTSTRAP=")) bootstrap_ = line.substr(line.find('=') + 1);
    }
  }
  ~Cluster() {
    ::kill(script_process_, SIGTERM);
    (void)::waitpid(script_process_, nullptr, 0);
  }
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  const std::string& bootstrap() const { return bootstrap_; }
  void Kill(int node) const { Run("--kill-node", node); }
  void Start(int node) const { Run("--start-node", node); }
  // Sends the node's process a signal.
  void Signal(int node, int number) const {
    std::ifstream file(directory_.path() + "/node-" + std::to_string(node) + "/pid");
    pid_t process = 0;
    ASSERT_TRUE(file >> process);
    ASSERT_EQ(::kill(process, number), 0);
  }

 private:
  void Run(const std::string& action, int node) const {
    std::ostringstream text;
    text << "'" << script_ << "' " << action << ' ' << node << " --data '" << directory_.path() << "' >&2";
    const std::string command = text.str();
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
  }

  TestDirectory directory_;
  const std::string script_;
  std::string bootstrap_;
  pid_t script_process_ = -1;
};

// Counts what it is handed: every number once, in order.
class Checker : public LogConsumer {
 public:
  void OnRecords(std::span<const LogRecord> records) override {
    const auto now = std::chrono::steady_clock::now();
    if (next_ > 0) longest_ = std::max<nanoseconds>(longest_, now - last_);
    last_ = now;
    for (const LogRecord& record : records) {
      if (Text(record.value) != std::to_string(next_)) wrong_ = true;
      ++next_;
    }
    seen_.store(next_);
  }
  std::uint64_t seen() const { return seen_.load(); }

  // Read after the log is closed.
  bool wrong_ = false;
  nanoseconds longest_{0};  // between two batches

 private:
  std::uint64_t next_ = 0;
  std::chrono::steady_clock::time_point last_;
  std::atomic<std::uint64_t> seen_{0};
};

class KafkaOutageTest : public KafkaTest {
 protected:
  void SetUp() override {
    if (std::getenv("STARLING_KAFKA_SCRIPT") == nullptr) {
      GTEST_SKIP() << "STARLING_KAFKA_SCRIPT names no script that starts brokers; ./run test has one";
    }
  }

  int LeaderOf(Topic topic, Partition partition) const {
    struct Quiet : KafkaEvents {
      void OnBrokerError(rd_kafka_resp_err_t, std::string_view) override {}
      void OnLine(std::string_view) override {}
    } quiet;
    const auto client = OpenKafka(config_, KafkaUse::kProducer, "", &quiet);
    const KafkaTopicHandle handle(rd_kafka_topic_new(client.value().get(), config_.TopicNameOf(topic).c_str(), nullptr));
    const rd_kafka_metadata_t* metadata = nullptr;
    EXPECT_EQ(rd_kafka_metadata(client.value().get(), 0, handle.get(), &metadata, 20'000),
              RD_KAFKA_RESP_ERR_NO_ERROR);
    const int leader = metadata->topics[0].partitions[static_cast<std::uint32_t>(partition)].leader;
    rd_kafka_metadata_destroy(metadata);
    return leader;
  }

  // Writes records and outputs while `trouble` happens.
  void WriteThrough(const std::function<void(KafkaRegionWriter*)>& trouble) {
    config_.commit_interval = milliseconds(20);
    Open();
    Checker checker;
    ASSERT_OK(log_->Subscribe(Topic::kTelemetry, kRegion, Offset{0}, &checker));
    auto opened = KafkaRegionWriter::Open(config_, kRegion, [this](std::string_view line) { Hear(line); });
    ASSERT_TRUE(opened.ok());
    KafkaRegionWriter& writer = *opened.value();
    const auto claimed = writer.Claim("owner");
    ASSERT_TRUE(claimed.ok()) << claimed.status().message();
    std::atomic<bool> stop{false};
    std::uint64_t written = 0;
    Status failure;
    std::thread load([&] {
      for (; !stop.load() && failure.ok(); ++written) {
        const std::string value = std::to_string(written);
        const auto ticket = log_->Append(Topic::kTelemetry, kRegion, Bytes("key"), Bytes(value));
        if (!ticket.ok()) failure = ticket.status();
        if (failure.ok() && written % 10 == 0) failure = writer.Append(Topic::kCommands, Bytes("key"), Bytes(value));
        if (failure.ok()) failure = writer.Commit(Offset{written + 1});
        std::this_thread::sleep_for(std::chrono::microseconds(500));
      }
    });
    ASSERT_TRUE(Eventually([&] { return checker.seen() > 200; }));
    const auto troubled = std::chrono::steady_clock::now();
    trouble(&writer);
    const nanoseconds took = std::chrono::steady_clock::now() - troubled;
    const std::uint64_t after = checker.seen();
    EXPECT_TRUE(Eventually([&] { return checker.seen() > after + 200; }, seconds(60)));
    stop.store(true);
    load.join();
    EXPECT_OK(failure);
    EXPECT_OK(log_->AwaitDurable(Ticket{written}, seconds(60)));
    EXPECT_TRUE(Eventually([&] { return checker.seen() >= written; }));
    EXPECT_OK(writer.AwaitCommitted(seconds(120)));
    std::vector<std::string> expected;
    for (std::uint64_t i = 0; i < written; i += 10) expected.push_back(std::to_string(i));
    EXPECT_TRUE(Eventually([&] { return ReadAll(Topic::kCommands, Offset{0}, kRegion).size() >= expected.size(); }));
    EXPECT_EQ(ReadAll(Topic::kCommands, Offset{0}, kRegion), expected);
    EXPECT_OK(writer.status());
    const auto counters = writer.counters();
    const auto renewed = log_->counters().producer.clients_renewed;
    EXPECT_OK(log_->Close());
    EXPECT_FALSE(checker.wrong_) << "lost, twice or out of order";
    EXPECT_EQ(checker.seen(), written);
    std::printf("%llu records; longest pause %lld ms, %lld ms of it the test's own; transactions: %llu, %llu done again, longest %lld ms; "
                "clients renewed: %llu and %llu\n",
                static_cast<unsigned long long>(written),
                static_cast<long long>(std::chrono::duration_cast<milliseconds>(checker.longest_).count()),
                static_cast<long long>(std::chrono::duration_cast<milliseconds>(took).count()),
                static_cast<unsigned long long>(counters.committed), static_cast<unsigned long long>(counters.aborted),
                static_cast<long long>(std::chrono::duration_cast<milliseconds>(counters.commit_longest).count()),
                static_cast<unsigned long long>(renewed), static_cast<unsigned long long>(counters.renewed));
    if (HasFailure()) {
      for (const std::string& line : lines()) std::printf("%s\n", line.c_str());
    }
    log_.reset();
  }
};

TEST_F(KafkaOutageTest, TheOnlyBrokerIsKilledAndComesBackAndNothingIsLostOrTwice) {
  const Cluster cluster(1);
  UseBroker(cluster.bootstrap());
  WriteThrough([&](KafkaRegionWriter*) {
    cluster.Kill(1);
    cluster.Start(1);
  });
}

// Longer than requests and transactions are waited for.  What the broker had of a transaction
// that was given up meanwhile must not be taken for what the next one writes.
TEST_F(KafkaOutageTest, TheOnlyBrokerStandsStillAndNothingIsLostOrTwice) {
  const Cluster cluster(1);
  config_.transaction_patience = seconds(4);
  UseBroker(cluster.bootstrap());
  WriteThrough([&](KafkaRegionWriter*) {
    for (int i = 0; i < 2; ++i) {
      cluster.Signal(1, SIGSTOP);
      std::this_thread::sleep_for(seconds(12));
      cluster.Signal(1, SIGCONT);
      std::this_thread::sleep_for(milliseconds(500));
    }
  });
}

TEST_F(KafkaOutageTest, OneOfThreeBrokersIsKilledAndNothingIsLostOrTwice) {
  const Cluster cluster(3);
  UseBroker(cluster.bootstrap(), 3);
  WriteThrough([&](KafkaRegionWriter*) { cluster.Kill(LeaderOf(Topic::kTelemetry, kRegion)); });
}

// Who asks the others hears for some seconds that the dead one leads still.
TEST_F(KafkaOutageTest, OneOfThreeBrokersIsKilledWhileTheWriterIsMadeAnewAndNothingIsLostOrTwice) {
  const Cluster cluster(3);
  UseBroker(cluster.bootstrap(), 3);
  WriteThrough([&](KafkaRegionWriter* writer) {
    const int leader = LeaderOf(Topic::kOwnership, Partition{0});
    cluster.Kill(leader);
    writer->FailClientForTest();
    EXPECT_TRUE(Eventually([&] { return writer->counters().renewed > 0; }, seconds(60)));
    EXPECT_OK(writer->AwaitCommitted(seconds(60)));
  });
}

// Its connections stay open although nobody answers on them.
TEST_F(KafkaOutageTest, OneOfThreeBrokersStandsStillAndIsKilledAndNothingIsLostOrTwice) {
  const Cluster cluster(3);
  UseBroker(cluster.bootstrap(), 3);
  WriteThrough([&](KafkaRegionWriter*) {
    const int leader = LeaderOf(Topic::kTelemetry, kRegion);
    cluster.Signal(leader, SIGSTOP);
    std::this_thread::sleep_for(seconds(20));
    cluster.Kill(leader);
  });
}

}  // namespace
}  // namespace starling::cloud
