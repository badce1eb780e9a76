// audit verify and audit show: what was commanded, and that nobody altered it since.

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "cloud/audit/audit_report.h"
#include "cloud/audit/audit_trail.h"
#include "cloud/log/kafka_log.h"
#include "cloud/log/stored_log.h"
#include "cloud/starling/kafka_options.h"
#include "cloud/starling/subcommand.h"

namespace starling::cloud {
namespace {

// A look at a log that is being written may meet a file as it goes.
constexpr int kLooksMax = 5;
constexpr milliseconds kLookPause{200};

struct Arguments {
  std::string data;
  std::string key_file;
  KafkaOptions kafka;
  std::uint32_t region = 0;
  std::string expect;
  std::string vehicle;
  bool json = false;
};

void Print(const std::string& text) { (void)std::fwrite(text.data(), 1, text.size(), stdout); }

// Where the records are; `keeper` lives as long as they are read.
Result<ReadRecords> Open(const Arguments& arguments, std::shared_ptr<KafkaLog>* keeper) {
  const Partition partition{arguments.region};
  if (arguments.data.empty() == arguments.kafka.bootstrap.empty()) {
    return Status(ErrorCode::kInvalidArgument, "name one of --data and --bootstrap");
  }
  if (!arguments.data.empty()) {
    StoreEncryption encryption;
    if (!arguments.key_file.empty()) {
      Result<std::shared_ptr<KeyRing>> keys = KeyRing::Open(arguments.key_file);
      if (!keys.ok()) return keys.status();
      encryption.keys = std::move(keys).value();
    }
    return ReadRecords([data = arguments.data, encryption, partition](
                           const std::function<bool(const LogRecord&)>& visit) {
      return ReadStoredLog(data, Topic::kCommands, partition, encryption, visit);
    });
  }
  const Result<KafkaConfig> config = arguments.kafka.Config();
  if (!config.ok()) return config.status();
  Result<std::unique_ptr<KafkaLog>> log = KafkaLog::Open(config.value());
  if (!log.ok()) return log.status();
  *keeper = std::move(log).value();
  return ReadRecords([log = keeper->get(), partition](const std::function<bool(const LogRecord&)>& visit) {
    const Result<Log::Range> range = log->QueryRange(Topic::kCommands, partition);
    if (!range.ok()) return range.status();
    return log->Read(Topic::kCommands, partition, range.value().first, visit);
  });
}

int Verify(const Arguments& arguments) {
  std::optional<AuditHead> expected;
  if (!arguments.expect.empty()) {
    const Result<AuditHead> head = ParseAuditHead(arguments.expect);
    if (!head.ok()) return Misuse(head.status());
    expected = head.value();
  }
  std::shared_ptr<KafkaLog> keeper;
  const Result<ReadRecords> read = Open(arguments, &keeper);
  if (!read.ok()) return Misuse(read.status());
  Result<AuditReport> report = VerifyAudit(read.value(), expected);
  for (int look = 1; look < kLooksMax && (!report.ok() || !report.value().whole()) && !arguments.data.empty() &&
                     StoredLogIsInUse(arguments.data);
       ++look) {
    std::this_thread::sleep_for(kLookPause);
    report = VerifyAudit(read.value(), expected);
  }
  if (!report.ok()) return Fail(report.status());
  Print(arguments.json ? report.value().ToJson() : report.value().ToText());
  return report.value().whole() ? 0 : kExitFailed;
}

int Show(const Arguments& arguments) {
  const Result<VehicleId> vehicle = VehicleId::Parse(arguments.vehicle);
  if (!vehicle.ok()) return Misuse(vehicle.status());
  std::shared_ptr<KafkaLog> keeper;
  const Result<ReadRecords> read = Open(arguments, &keeper);
  if (!read.ok()) return Misuse(read.status());
  const Result<std::string> table = AuditTable(read.value(), vehicle.value());
  if (!table.ok()) return Fail(table.status());
  Print(table.value());
  return 0;
}

}  // namespace

void AddAuditCommands(CLI::App* program, std::vector<Subcommand>* commands) {
  CLI::App* const audit = program->add_subcommand("audit", "The commands' audit trail");
  audit->require_subcommand(1);
  const auto arguments = std::make_shared<Arguments>();
  Arguments* const a = arguments.get();
  const auto add_source = [a](CLI::App* command) {
    command->add_option("--data", a->data, "an orchestrator's folder; it may be running, nothing is changed");
    command->add_option("--key-file", a->key_file, "the keys of that folder, where it is encrypted");
    AddKafkaOptions(command, &a->kafka, false);
    command->add_option("--region", a->region, "whose chain")->capture_default_str();
  };

  CLI::App* const verify = audit->add_subcommand("verify", "Check that no record was altered, dropped or moved");
  add_source(verify);
  verify->add_option("--expect", a->expect, "HEAD or HEAD@INDEX, noted earlier: it has to be in the chain still");
  verify->add_flag("--json", a->json, "as JSON");
  commands->push_back({verify, [arguments] { return Verify(*arguments); }});

  CLI::App* const show = audit->add_subcommand("show", "What a vehicle was commanded, and how it ended");
  add_source(show);
  show->add_option("--vehicle", a->vehicle, "its name")->required();
  commands->push_back({show, [arguments] { return Show(*arguments); }});
}

}  // namespace starling::cloud
