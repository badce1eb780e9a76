// archive and history: a vehicle's samples beyond what the log retains.

#include <charconv>
#include <cstdio>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "cloud/backup/backup_manifest.h"
#include "cloud/backup/history_archive.h"
#include "cloud/log/stored_log.h"
#include "cloud/starling/backup_commands.h"
#include "cloud/store/key_ring.h"
#include "common/ids.h"
#include "common/telemetry/fix_codec.h"
#include "common/telemetry/history_reader.h"
#include "schemas/log/history_generated.h"

namespace starling::cloud {
namespace {

namespace json = boost::json;

// A look at a log that is being written may meet a file as it goes.
constexpr int kLooksMax = 5;
constexpr milliseconds kLookPause{200};

struct Arguments {
  std::string data;
  std::string key_file;
  std::string to;
  std::string archive;
  std::string vehicle;
  std::string from_time;
  std::string to_time;
  std::uint32_t region = 0;
  std::uint32_t older_s = 0;
  std::uint32_t keep_days = 0;
  bool plain = false;
};

Result<StoreEncryption> OpenKeys(const std::string& file) {
  StoreEncryption encryption;
  if (file.empty()) return encryption;
  Result<std::shared_ptr<KeyRing>> keys = KeyRing::Open(file);
  if (!keys.ok()) return keys.status();
  encryption.keys = std::move(keys).value();
  return encryption;
}

// "2026-11-23T08:41:12Z"
Result<CloudTime> ParseTime(const std::string& text) {
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int used = 0;
  const Status wrong(ErrorCode::kInvalidArgument, text + " is not a time as in 2026-11-23T08:41:12Z");
  if (std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2dZ%n", &year, &month, &day, &hour, &minute, &second, &used) != 6 ||
      static_cast<std::size_t>(used) != text.size()) {
    return wrong;
  }
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok() || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return wrong;
  return CloudTime(std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(hour) +
                   std::chrono::minutes(minute) + seconds(second));
}

int Archive(const Arguments& arguments) {
  const Result<StoreEncryption> encryption = OpenKeys(arguments.key_file);
  if (!encryption.ok()) return Misuse(encryption.status());
  if (encryption.value().keys != nullptr && !arguments.plain) {
    return Misuse({ErrorCode::kInvalidArgument,
                   "the log is encrypted and the archive's files are not; say --plain where the folder itself is protected"});
  }
  const CloudTime until = CloudNow() - seconds(arguments.older_s);
  const Partition partition{arguments.region};
  Result<ArchiveOutcome> outcome = ArchiveHistory(arguments.data, partition, encryption.value(), arguments.to, until);
  for (int look = 1; look < kLooksMax && !outcome.ok() && StoredLogIsInUse(arguments.data); ++look) {
    std::this_thread::sleep_for(kLookPause);
    outcome = ArchiveHistory(arguments.data, partition, encryption.value(), arguments.to, until);
  }
  if (!outcome.ok()) return Fail(outcome.status());
  std::printf("archived %llu records in %llu files, %llu bytes\n",
              static_cast<unsigned long long>(outcome.value().records),
              static_cast<unsigned long long>(outcome.value().files),
              static_cast<unsigned long long>(outcome.value().bytes));
  if (arguments.keep_days != 0) {
    const Result<std::uint64_t> removed =
        ExpireArchive(arguments.to, partition, CloudNow() - std::chrono::hours(24) * arguments.keep_days);
    if (!removed.ok()) return Fail(removed.status());
    std::printf("removed %llu files older than %u days\n", static_cast<unsigned long long>(removed.value()),
                arguments.keep_days);
  }
  if (!outcome.value().lost) return 0;
  return Fail({ErrorCode::kCorruption,
               "the log had dropped records " + std::to_string(static_cast<std::uint64_t>(outcome.value().lost->first)) + " to " +
                   std::to_string(static_cast<std::uint64_t>(outcome.value().lost->second)) +
                   " before they were archived: archive more often, or raise log.topics.history"});
}

// Prints what a batch has of the vehicle within the time.
class Printer {
 public:
  Printer(const VehicleId& vehicle, CloudTime from, CloudTime to) : vehicle_(vehicle), from_(from), to_(to) {}

  void Print(const LogRecord& record) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(record.value.data());
    flatbuffers::Verifier verifier(bytes, record.value.size(), 8, 64);
    if (record.value.empty() || !log::VerifyHistoryBatchBuffer(verifier)) {
      ++unreadable_;
      return;
    }
    const log::HistoryBatch& batch = *log::GetHistoryBatch(bytes);
    if (batch.vehicle()->string_view() != vehicle_.view()) return;
    const auto columns = std::as_bytes(std::span(batch.columns()->data(), batch.columns()->size()));
    std::vector<wire::Fix> fixes;
    if (!ReadHistoryColumns(columns, batch.first_sequence(), batch.count(), &fixes).ok()) {
      ++unreadable_;
      return;
    }
    for (const wire::Fix& fix : fixes) {
      // Without the clocks' offset the batch's own arrival is all that is known.
      const std::int64_t time_ns = batch.cloud_minus_boot_ns() != 0
                                       ? static_cast<std::int64_t>(fix.boot_time_ns()) + batch.cloud_minus_boot_ns()
                                       : batch.received_ns();
      const CloudTime time = CloudTimeFromNs(time_ns);
      if (time < from_ || time >= to_) continue;
      const GeoPoint position = PositionFromWire(fix);
      json::object sample;
      sample["time_ns"] = time_ns;
      sample["boot_id"] = std::to_string(batch.boot_id());
      sample["sequence"] = fix.sequence();
      sample["boot_time_ns"] = fix.boot_time_ns();
      sample["lat_deg"] = position.lat_deg;
      sample["lon_deg"] = position.lon_deg;
      sample["heading_deg"] = fix.heading() * (360.0 / 65536);
      sample["speed_mps"] = fix.speed_cmps() / 100.0;
      sample["accel_mps2"] = fix.accel_cmps2() / 100.0;
      sample["yaw_rate_radps"] = fix.yaw_rate_e4() / 1e4;
      sample["accuracy_m"] = fix.accuracy_dm() / 10.0;
      std::printf("%s\n", json::serialize(sample).c_str());
    }
  }
  std::uint64_t unreadable() const { return unreadable_; }

 private:
  const VehicleId vehicle_;
  const CloudTime from_;
  const CloudTime to_;
  std::uint64_t unreadable_ = 0;
};

int History(const Arguments& arguments) {
  const Result<VehicleId> vehicle = VehicleId::Parse(arguments.vehicle);
  if (!vehicle.ok()) return Misuse(vehicle.status());
  if (arguments.data.empty() && arguments.archive.empty()) {
    return Misuse({ErrorCode::kInvalidArgument, "name --data, --archive or both"});
  }
  CloudTime from = CloudTime::min();
  CloudTime to = CloudTime::max();
  for (const auto& [text, time] : {std::pair(&arguments.from_time, &from), std::pair(&arguments.to_time, &to)}) {
    if (text->empty()) continue;
    const Result<CloudTime> parsed = ParseTime(*text);
    if (!parsed.ok()) return Misuse(parsed.status());
    *time = parsed.value();
  }
  const Result<StoreEncryption> encryption = OpenKeys(arguments.key_file);
  if (!encryption.ok()) return Misuse(encryption.status());
  Printer printer(vehicle.value(), from, to);
  const Partition partition{arguments.region};
  Offset next{};
  if (!arguments.archive.empty()) {
    const Result<std::vector<ArchiveFile>> files = ListArchive(arguments.archive, partition);
    if (!files.ok()) return Fail(files.status());
    for (const ArchiveFile& file : files.value()) {
      const Status read = ReadArchiveFile(file, [&](const LogRecord& record) {
        printer.Print(record);
        return true;
      });
      if (!read.ok()) return Fail(read);
      next = file.end;
    }
  }
  if (!arguments.data.empty()) {
    Status read;
    for (int look = 0; look < kLooksMax; ++look) {
      if (look > 0) std::this_thread::sleep_for(kLookPause);
      read = ReadStoredLog(arguments.data, Topic::kHistory, partition, encryption.value(), [&](const LogRecord& record) {
        if (record.offset < next) return true;
        printer.Print(record);
        // What was printed is not printed again, should the look have to be repeated.
        next = Offset{static_cast<std::uint64_t>(record.offset) + 1};
        return true;
      });
      if (read.ok() || !StoredLogIsInUse(arguments.data)) break;
    }
    if (!read.ok()) return Fail(read);
  }
  if (printer.unreadable() == 0) return 0;
  return Fail({ErrorCode::kCorruption, std::to_string(printer.unreadable()) + " records are no history batches, and were left out"});
}

}  // namespace

void AddArchiveCommands(CLI::App* program, std::vector<Subcommand>* commands) {
  const auto arguments = std::make_shared<Arguments>();
  Arguments* const a = arguments.get();
  CLI::App* const archive = program->add_subcommand("archive", "Keep history beyond the log, as files in a folder");
  archive->add_option("--data", a->data, "an orchestrator's folder; it may be running")->required();
  archive->add_option("--key-file", a->key_file, "the keys of that folder, where it is encrypted");
  archive->add_option("--to", a->to, "FOLDER, made if it is missing; each run adds what is new")->required();
  archive->add_option("--region", a->region, "whose history")->capture_default_str();
  archive->add_option("--older", a->older_s, "only what is older, s")->capture_default_str();
  archive->add_option("--keep-days", a->keep_days, "remove files that are older; 0: none")->capture_default_str();
  archive->add_flag("--plain", a->plain, "of an encrypted log: the archive's files are not encrypted");
  commands->push_back({archive, [arguments] { return Archive(*arguments); }});

  CLI::App* const history = program->add_subcommand("history", "A vehicle's samples, from archive and log, as JSON lines");
  history->add_option("vehicle", a->vehicle, "its name")->required();
  history->add_option("--data", a->data, "an orchestrator's folder; it may be running");
  history->add_option("--key-file", a->key_file, "the keys of that folder, where it is encrypted");
  history->add_option("--archive", a->archive, "FOLDER of `starling archive`");
  history->add_option("--region", a->region, "where its history lies")->capture_default_str();
  history->add_option("--from", a->from_time, "2026-11-23T08:41:12Z, that one included");
  history->add_option("--to", a->to_time, "the same, not included");
  commands->push_back({history, [arguments] { return History(*arguments); }});
}

}  // namespace starling::cloud
