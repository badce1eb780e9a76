// explain: why a vehicle was told something, from an orchestrator that runs or from its folder.

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "cloud/explain/explanation.h"
#include "cloud/log/kafka_log.h"
#include "cloud/options.h"
#include "cloud/starling/document.h"
#include "cloud/starling/kafka_options.h"
#include "cloud/starling/operator_commands.h"
#include "cloud/starling/server.h"
#include "cloud/starling/views.h"
#include "cloud/store/key_ring.h"
#include "cloud/streets/network_plane.h"
#include "cloud/streets/sumo_network.h"

namespace starling::cloud {
namespace {

namespace json = boost::json;

struct ExplainArguments {
  ServerOptions server;
  unsigned wait_s = 30;
  std::string id;
  bool json = false;
  std::string data;
  std::string key_file;
  KafkaOptions kafka;
  std::uint32_t region = 0;
  std::string config;
  std::string origin;
  std::string network;
  std::string region_map;
  std::uint64_t records_max = 20'000'000;
};

void Print(const std::string& text) { (void)std::fwrite(text.data(), 1, text.size(), stdout); }

int Show(const ExplainArguments& arguments, const json::object& document) {
  Print(arguments.json ? std::string(json::serialize(document)) + "\n" : ExplanationText(document));
  return 0;
}

int AskServer(const ExplainArguments& arguments, CommandId id) {
  const Result<Server> server = Server::Of(arguments.server);
  if (!server.ok()) return Misuse(server.status());
  const Result<json::object> document =
      server.value().AwaitDocument(std::string("/v1/commands/") + std::to_string(ToNumber(id)), seconds(arguments.wait_s));
  if (!document.ok()) return Fail(document.status());
  return Show(arguments, document.value());
}

// What starling-cloud was told, as far as decisions go by it.
Result<ExplainConfig> ConfigOf(const ExplainArguments& arguments) {
  CloudOptions options;
  if (!arguments.config.empty()) {
    std::ifstream file(arguments.config, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (!file.is_open() || file.bad()) return Status(ErrorCode::kIoError, arguments.config + ": " + std::strerror(errno));
    if (Status status = ReadConfiguration(text, &options); !status.ok()) {
      return Status(status.code(), arguments.config + ": " + std::string(status.message()));
    }
  }
  if (!arguments.origin.empty()) {
    const Result<FrameOrigin> origin = ParseOrigin(arguments.origin);
    if (!origin.ok()) return origin.status();
    options.origin = origin.value();
  }
  if (!arguments.region_map.empty()) {
    const Result<RegionMap> map = ReadRegionMap(arguments.region_map);
    if (!map.ok()) return map.status();
    options.shard.region_map = map.value();
  }
  if (!arguments.network.empty()) {
    const auto network = ReadSumoNetwork(arguments.network);
    if (!network.ok()) return network.status();
    auto lanes = MakeLaneMap(network.value(), LocalFrame(options.origin));
    if (!lanes.ok()) return lanes.status();
    options.shard.streets = std::move(lanes).value();
  }
  if (Status status = options.shard.Validate(); !status.ok()) return status;
  ExplainConfig config;
  config.shard = options.shard;
  config.origin = options.origin;
  config.records_max = arguments.records_max;
  return config;
}

int ReadLog(const ExplainArguments& arguments, CommandId id) {
  if (!arguments.data.empty() && !arguments.kafka.bootstrap.empty()) {
    return Misuse({ErrorCode::kInvalidArgument, "name one of --data and --bootstrap"});
  }
  const Result<ExplainConfig> config = ConfigOf(arguments);
  if (!config.ok()) return Misuse(config.status());
  std::unique_ptr<KafkaLog> kafka;
  std::unique_ptr<RecordSource> records;
  if (!arguments.data.empty()) {
    StoreEncryption encryption;
    if (!arguments.key_file.empty()) {
      Result<std::shared_ptr<KeyRing>> keys = KeyRing::Open(arguments.key_file);
      if (!keys.ok()) return Misuse(keys.status());
      encryption.keys = std::move(keys).value();
    }
    records = std::make_unique<StoredRecords>(arguments.data, encryption);
  } else {
    const Result<KafkaConfig> of = arguments.kafka.Config();
    if (!of.ok()) return Misuse(of.status());
    Result<std::unique_ptr<KafkaLog>> log = KafkaLog::Open(of.value());
    if (!log.ok()) return Fail(log.status());
    kafka = std::move(log).value();
    records = std::make_unique<LogRecords>(kafka.get());
  }
  const Result<std::optional<Explanation>> explanation =
      ExplainCommand(*records, config.value(), RegionId{arguments.region}, id);
  if (!explanation.ok()) return Fail(explanation.status());
  if (!explanation.value()) {
    return Fail({ErrorCode::kUnavailable, std::string("region ") + std::to_string(arguments.region) + " holds no command " + arguments.id +
                                              "; --region says whose log to look in, `starling tail commands` what is there"});
  }
  return Show(arguments, json::parse(ToJson(*explanation.value())).as_object());
}

int Explain(const ExplainArguments& arguments) {
  std::uint64_t number = 0;
  const char* const end = arguments.id.data() + arguments.id.size();
  const auto [after, failure] = std::from_chars(arguments.id.data(), end, number);
  if (failure != std::errc() || after != end || number == 0) {
    return Misuse({ErrorCode::kInvalidArgument,
                   Plain(arguments.id) + " is not a command's id: a whole number, as `starling commands` lists them"});
  }
  const bool stored = !arguments.data.empty() || !arguments.kafka.bootstrap.empty();
  return stored ? ReadLog(arguments, CommandId{number}) : AskServer(arguments, CommandId{number});
}

}  // namespace

void AddExplainCommand(CLI::App* program, std::vector<Subcommand>* commands) {
  CLI::App* const explain = program->add_subcommand(
      "explain", "Why a vehicle was told something: samples, prediction, alternatives, times, what it said");
  explain->footer(R"(
Examples:
  starling explain 1234567890123456789
  starling explain 1234567890123456789 --json | jq .legs
  starling explain 1234567890123456789 --data data          the folder of one that has stopped, or runs
  starling explain 1234567890123456789 --data data --config cloud.json --network city.net.xml.gz
  starling explain 1234567890123456789 --bootstrap 10.0.0.1:9092 --region 3

With --data or --bootstrap it has to be told what starling-cloud was told: --config, --origin, --network and
--region-map. Whether the decision could be made again with that, to the last digit, is said at the end.)");
  const auto arguments = std::make_shared<ExplainArguments>();
  ExplainArguments* const a = arguments.get();
  explain->add_option("command", a->id, "its id, as `starling commands` and the audit trail have it")->required();
  AddServerOptions(explain, &a->server);
  explain->add_option("--wait", a->wait_s, "seconds to wait for a server that is at work on it")->capture_default_str();
  explain->add_flag("--json", a->json, "as JSON, for programs");
  explain->add_option("--data", a->data, "an orchestrator's folder instead; nothing in it is changed");
  explain->add_option("--key-file", a->key_file, "the keys of that folder, where it is encrypted");
  AddKafkaOptions(explain, &a->kafka, false);
  explain->add_option("--region", a->region, "of --data or --bootstrap: whose log")->capture_default_str();
  explain->add_option("--config", a->config, "starling-cloud's configuration file");
  explain->add_option("--origin", a->origin, "LAT,LON of the city's frame, as starling-cloud had it");
  explain->add_option("--network", a->network, "the streets, as starling-cloud had them");
  explain->add_option("--region-map", a->region_map, "the map of several regions");
  explain->add_option("--records-max", a->records_max, "of --data or --bootstrap: records decided on again at most")
      ->capture_default_str();
  commands->push_back({explain, [arguments] { return Explain(*arguments); }});
}

}  // namespace starling::cloud
