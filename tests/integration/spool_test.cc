// starling-edge with a spool on disk, killed again and again with samples on their way:
// what was committed reaches a real orchestrator, and the ledger of every run is true.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "cloud/log/stored_log.h"
#include "edge/spool/spool_recovery.h"
#include "schemas/log/history_generated.h"
#include "tests/integration/scene.h"

namespace starling {
namespace {

namespace json = boost::json;

constexpr std::chrono::seconds kPatience{60};
constexpr std::size_t kCommitted = 40;   // samples of a run that are on disk before it is killed
constexpr std::size_t kUncertain = 7;    // that may be or not

// The spool's folder while a process has it.
class FolderOnLooking final : public edge::SpoolFiles {
 public:
  explicit FolderOnLooking(std::string folder) : folder_(std::move(folder)) {}

  Result<std::vector<Entry>> List() override {
    std::vector<Entry> entries;
    std::error_code failure;
    for (const auto& each : std::filesystem::directory_iterator(folder_, failure)) {
      const auto bytes = each.file_size(failure);  // It may be deleted just now.
      if (!failure) entries.push_back({each.path().filename().string(), bytes});
    }
    return entries;
  }
  Result<std::size_t> Read(const std::string& name, std::uint64_t offset, std::span<std::byte> target) override {
    std::ifstream file(folder_ + "/" + name, std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    file.read(reinterpret_cast<char*>(target.data()), static_cast<std::streamsize>(target.size()));
    return static_cast<std::size_t>(file.gcount());
  }
  Result<std::unique_ptr<edge::SpoolFile>> Create(const std::string&) override { return Refused(); }
  Status Unlink(const std::string&) override { return Refused(); }
  Status SyncDirectory() override { return Refused(); }

 private:
  static Status Refused() { return Status(ErrorCode::kIoError, "for looking only"); }
  const std::string folder_;
};

class KilledVehicle : public Scene {
 protected:
  void SetUp() override {
    Scene::SetUp();
    MakeCertificates(1);
    ASSERT_EQ(::mkfifo(Path("samples").c_str(), 0600), 0);
    // Read and write: neither end waits for the other.
    samples_ = ::open(Path("samples").c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_GE(samples_, 0);
  }
  void TearDown() override {
    edge_.reset();
    ::close(samples_);
    if (HasFailure()) std::printf("---- edge.log\n%s\n", Read("edge.log").c_str());
    Scene::TearDown();
  }

  void StartVehicle(std::uint16_t port, const std::string& input) {
    std::filesystem::remove(folder_ / "edge.log");
    edge_ = std::make_unique<ChildProcess>(
        std::vector<std::string>{"/bin/sh", "-c",
                                 "exec " + Program("starling-edge") + " --connect 127.0.0.1:" + std::to_string(port) +
                                     " --certs " + Path("certs") + " --name veh-00001 --spool " + Path("spool") +
                                     " --commit-interval 0.05 --drain-seconds 60 --report " + Path("report.json") +
                                     " < " + input},
        Path("edge.log"));
    ASSERT_TRUE(Eventually(kPatience, [&] { return Told("spool").has_value(); }));
  }

  // The vehicle's first line of that event.
  std::optional<json::value> Told(const std::string& event) const {
    std::ifstream log(Path("edge.log"));
    for (std::string line; std::getline(log, line) && !log.eof();) {
      if (line.starts_with("{\"event\":\"" + event + "\"")) return json::parse(line);
    }
    return std::nullopt;
  }

  void Take(std::size_t samples) {
    for (std::size_t i = 0; i < samples; ++i) {
      // 0.1 m each: a steady drive to the north.
      const std::string line = "{\"lat_deg\":" + std::to_string(44.49 + 1e-6 * static_cast<double>(lines_++)) +
                               ",\"lon_deg\":11.34,\"heading_deg\":0,\"speed_mps\":8}\n";
      ASSERT_EQ(::write(samples_, line.data(), line.size()), static_cast<ssize_t>(line.size()));
      ::usleep(1000);  // No two of one time.
    }
  }

  edge::SpoolContents OnDisk() const {
    FolderOnLooking folder(Path("spool"));
    Result<edge::SpoolContents> contents = edge::ReadSpool(&folder);
    return contents.ok() ? std::move(contents).value() : edge::SpoolContents();
  }

  // How often the log of a cloud that has ended has each sample.
  std::map<BootId, std::map<std::uint64_t, int>> Stored() const {
    std::map<BootId, std::map<std::uint64_t, int>> stored;
    const Status read = cloud::ReadStoredLog(
        Path("data"), cloud::Topic::kHistory, cloud::Partition{0}, {}, [&](const cloud::LogRecord& record) {
          const auto* bytes = reinterpret_cast<const std::uint8_t*>(record.value.data());
          flatbuffers::Verifier verifier(bytes, record.value.size());
          EXPECT_TRUE(log::VerifyHistoryBatchBuffer(verifier));
          const log::HistoryBatch* batch = log::GetHistoryBatch(bytes);
          for (std::uint64_t i = 0; i < batch->count(); ++i) {
            ++stored[BootId{batch->boot_id()}][batch->first_sequence() + i];
          }
          return true;
        });
    EXPECT_TRUE(read.ok());
    return stored;
  }

  int samples_ = -1;
  std::size_t lines_ = 0;
  std::unique_ptr<ChildProcess> edge_;
};

// STARLING_SPOOL_KILLS: how many.
TEST_F(KilledVehicle, LosesNothingThatWasCommittedAndItsLedgersAreTrue) {
  const char* wanted = std::getenv("STARLING_SPOOL_KILLS");
  const int kills = wanted != nullptr ? std::atoi(wanted) : 10;
  StartCloud();
  ASSERT_FALSE(HasFailure());
  std::map<BootId, std::uint64_t> sampled_at_kill;  // as the disk had it
  BootId last_boot{};
  std::uint64_t last_sampled = 0;
  for (int kill = 0; kill <= kills; ++kill) {
    const bool end = kill == kills;
    // Every third run finds nobody at its port: all that it takes stays in the spool.
    StartVehicle(kill % 3 == 1 && !end ? std::uint16_t{1} : port_, end ? "/dev/null" : Path("samples"));
    ASSERT_FALSE(HasFailure());
    const json::value previous = Told("spool")->at("previous_run");
    if (kill > 0) {
      EXPECT_EQ(previous.at("boot").as_string(), std::to_string(ToNumber(last_boot)));
      EXPECT_EQ(previous.at("sampled_at_least").to_number<std::uint64_t>(), last_sampled);
      EXPECT_FALSE(previous.at("ended_in_order").as_bool());
      EXPECT_EQ(previous.at("lost").to_number<std::uint64_t>(), 0u);
    }
    if (end) break;
    Take(kCommitted);
    ASSERT_TRUE(Eventually(kPatience, [&] {
      const edge::SpoolContents contents = OnDisk();
      return contents.has_checkpoint && contents.boot != last_boot && contents.sampled >= kCommitted;
    })) << "kill " << kill;
    if (kill % 12 == 11) {
      // The cloud remembers the last sixteen boots of a vehicle (VehicleHistory::kBootsMax): what it had
      // of an older one, it would take again.
      ASSERT_TRUE(Eventually(kPatience, [&] {
        const edge::SpoolContents now = OnDisk();
        return std::ranges::all_of(now.batches, [&](const auto& batch) { return batch.header.boot == now.boot; });
      })) << "kill " << kill;
    }
    Take(kUncertain);
    edge_->Signal(SIGKILL);
    ASSERT_EQ(edge_->Wait(kPatience), 128 + SIGKILL);
    // Lines that it did not read are not for the next run.
    ::close(samples_);
    samples_ = ::open(Path("samples").c_str(), O_RDWR | O_CLOEXEC);
    const edge::SpoolContents contents = OnDisk();
    ASSERT_NE(contents.boot, last_boot);
    EXPECT_GE(contents.sampled, kCommitted);
    EXPECT_LE(contents.sampled, kCommitted + kUncertain);
    last_boot = contents.boot;
    last_sampled = contents.sampled;
    sampled_at_kill[last_boot] = last_sampled;
  }
  ASSERT_EQ(edge_->Wait(kPatience), 0) << "the last run delivers all that there is";
  const json::value report = json::parse(Read("report.json"));
  const json::object& ledger = report.at("ledger").as_object();
  EXPECT_TRUE(report.at("drained").as_bool());
  EXPECT_EQ(ledger.at("delivered"), ledger.at("sampled"));
  EXPECT_EQ(report.at("spool").at("lost_before").to_number<std::uint64_t>(), 0u);
  EXPECT_EQ(report.at("spool").at("samples").to_number<std::uint64_t>(), 0u);
  // Its end in order is known to the next run.
  StartVehicle(port_, "/dev/null");
  EXPECT_TRUE(Told("spool")->at("previous_run").at("ended_in_order").as_bool());
  EXPECT_EQ(edge_->Wait(kPatience), 0);

  // The cloud's log has each of them, once, and nothing that was not taken.
  cloud_->Signal(SIGTERM);
  ASSERT_EQ(cloud_->Wait(kPatience), 0);
  const std::map<BootId, std::map<std::uint64_t, int>> stored = Stored();
  for (const auto& [boot, sampled] : sampled_at_kill) {
    const auto found = stored.find(boot);
    ASSERT_NE(found, stored.end());
    EXPECT_LE(found->second.rbegin()->first, kCommitted + kUncertain);
    for (std::uint64_t sequence = 1; sequence <= sampled; ++sequence) {
      EXPECT_TRUE(found->second.contains(sequence)) << "lost: " << sequence << " of boot " << ToNumber(boot);
    }
    for (const auto& [sequence, times] : found->second) {
      EXPECT_EQ(times, 1) << sequence << " of boot " << ToNumber(boot);
    }
  }
  EXPECT_EQ(stored.size(), sampled_at_kill.size());
}

TEST_F(KilledVehicle, ASpoolThatAnotherProcessHasIsAnErrorThatSaysSo) {
  StartVehicle(1, Path("samples"));
  ASSERT_FALSE(HasFailure());
  EXPECT_EQ(Outcome({Program("starling-edge"), "--connect", "127.0.0.1:1", "--certs", Path("certs"), "--name",
                     "veh-00001", "--spool", Path("spool")}),
            1);
  EXPECT_THAT(Read("output.log"), testing::HasSubstr("used by another process"));
}

}  // namespace
}  // namespace starling
