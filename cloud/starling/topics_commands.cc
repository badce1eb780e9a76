// topics apply and topics acl: what a fleet has on a Kafka cluster, and who may use it.

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "cloud/starling/kafka_options.h"
#include "cloud/starling/subcommand.h"
#include "cloud/topics/acl_plan.h"
#include "cloud/topics/kafka_admin.h"
#include "cloud/topics/topic_plan.h"

namespace starling::cloud {
namespace {

constexpr int kExitChanges = 3;
// A partition of so many copies outlives any one broker, and goes on being written.
constexpr std::uint32_t kReplication = 3;

struct ApplyOptions {
  KafkaOptions kafka;
  TopicPlanConfig plan;
  std::optional<std::uint32_t> replication;  // else kReplication, or as many as there are brokers
  std::vector<std::string> retention;        // "TOPIC=HOURS"
  bool dry_run = false;
  bool json = false;
};

struct AclOptions {
  KafkaOptions kafka;
  std::vector<std::string> gateways;
  std::vector<std::string> shards;
  std::vector<std::string> analysts;
  std::vector<std::string> operators;
  bool apply = false;
  bool json = false;
};

// REQUIRES: `text` has no control characters; names and settings of Kafka have none.
std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

void Print(const std::string& text) { (void)std::fwrite(text.data(), 1, text.size(), stdout); }

std::optional<Topic> TopicOf(std::string_view name) {
  for (std::size_t i = 0; i < kTopicCount; ++i) {
    if (TopicName(static_cast<Topic>(i)) == name) return static_cast<Topic>(i);
  }
  return std::nullopt;
}

Status ReadRetention(const std::vector<std::string>& texts, TopicPlanConfig* plan) {
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    const std::optional<Topic> topic = TopicOf(text.substr(0, equals));
    int hours = 0;
    const char* const end = text.data() + text.size();
    if (!topic || equals == std::string::npos ||
        std::from_chars(text.data() + equals + 1, end, hours).ptr != end || equals + 1 == text.size()) {
      return {ErrorCode::kInvalidArgument, "--retention takes TOPIC=HOURS, as in commands=720, not " + text};
    }
    plan->retention[*topic] = std::chrono::hours(hours);
  }
  return {};
}

std::string ChangesJson(const std::vector<TopicChange>& changes, bool applied) {
  std::string json = "{\"applied\": " + std::string(applied ? "true" : "false") + ", \"topics\": [";
  for (const TopicChange& change : changes) {
    if (&change != &changes.front()) json += ", ";
    const char* const does = change.create ? "create" : change.grow ? "grow" : change.changes() ? "alter" : "keep";
    json += "{\"name\": " + Quoted(change.plan.name) + ", \"does\": \"" + does +
            "\", \"partitions_now\": " + std::to_string(change.partitions_now) +
            ", \"partitions\": " + std::to_string(std::max(change.partitions_now, change.plan.partitions)) +
            ", \"settings\": {";
    bool first = true;
    const auto add = [&](const std::string& name, const std::string& value) {
      json += (first ? "" : ", ") + Quoted(name) + ": " + Quoted(value);
      first = false;
    };
    if (change.create) {
      for (const auto& [name, value] : change.plan.settings) add(name, value);
    }
    for (const SettingChange& each : change.settings) add(each.name, each.then);
    json += "}, \"note\": " + Quoted(change.note) + "}";
  }
  return json + "]}\n";
}

int ApplyTopics(ApplyOptions options) {
  if (const Status status = ReadRetention(options.retention, &options.plan); !status.ok()) return Misuse(status);
  options.plan.prefix = options.kafka.prefix;
  if (options.replication) options.plan.replication = *options.replication;
  const Result<KafkaConfig> config = options.kafka.Config();
  const Status plan_status = options.plan.Validate();
  if (!config.ok() || !plan_status.ok()) {
    return Misuse(config.ok() ? plan_status : config.status());
  }
  Result<std::unique_ptr<KafkaAdmin>> admin = KafkaAdmin::Open(config.value());
  if (!admin.ok()) return Fail(admin.status());
  const Result<std::uint32_t> brokers = admin.value()->CountBrokers();
  if (!brokers.ok()) return Fail(brokers.status());
  if (!options.replication) options.plan.replication = std::min(kReplication, brokers.value());

  const std::vector<TopicPlan> plans = PlanTopics(options.plan);
  std::vector<std::string> names;
  for (const TopicPlan& plan : plans) names.push_back(plan.name);
  const Result<std::map<std::string, TopicState>> states = admin.value()->Describe(names);
  if (!states.ok()) return Fail(states.status());
  const std::vector<TopicChange> changes = CompareTopics(plans, states.value());
  const bool any = std::any_of(changes.begin(), changes.end(), [](const TopicChange& each) { return each.changes(); });
  const bool creates = std::any_of(changes.begin(), changes.end(), [](const TopicChange& each) { return each.create; });

  // Before it is done: it says what a failure has left half done.
  Print(options.json ? ChangesJson(changes, !options.dry_run && any) : TopicTable(changes));
  if (creates && options.plan.replication > brokers.value()) {
    return Fail({ErrorCode::kInvalidArgument, "--replication " + std::to_string(options.plan.replication) +
                                                  " needs as many brokers; the cluster has " +
                                                  std::to_string(brokers.value())});
  }
  if (options.dry_run) return any ? kExitChanges : 0;
  for (const TopicChange& change : changes) {
    if (!change.changes()) continue;
    if (const Status status = admin.value()->Apply(change); !status.ok()) return Fail(status);
  }
  if (any) {
    if (const Status status = admin.value()->AwaitLeaders(plans); !status.ok()) return Fail(status);
  }
  if (!options.json) Print(any ? "done\n" : "nothing to do\n");
  return 0;
}

std::string BindingsJson(const std::vector<AclBinding>& bindings) {
  std::string json = "[";
  for (const AclBinding& each : bindings) {
    if (&each != &bindings.front()) json += ",\n ";
    json += "{\"principal\": " + Quoted(each.principal) + ", \"role\": " + Quoted(AclRoleName(each.role)) +
            ", \"resource\": " + Quoted(AclResourceName(each.resource)) + ", \"name\": " + Quoted(each.name) +
            ", \"prefix\": " + (each.name_is_prefix ? "true" : "false") +
            ", \"operation\": " + Quoted(AclOperationName(each.operation)) + "}";
  }
  return json + "]\n";
}

int ApplyAcls(const AclOptions& options) {
  const Result<std::vector<AclBinding>> bindings = PlanAcls({{AclRole::kGateway, options.gateways},
                                                             {AclRole::kShard, options.shards},
                                                             {AclRole::kAnalyst, options.analysts},
                                                             {AclRole::kOperator, options.operators}},
                                                            options.kafka.prefix);
  if (!bindings.ok() || bindings.value().empty()) {
    return Misuse(bindings.ok() ? Status(ErrorCode::kInvalidArgument, "name a principal: --gateway, --shard, --analyst "
                                                                      "or --operator")
                                : bindings.status());
  }
  Print(options.json ? BindingsJson(bindings.value()) : AclTable(bindings.value()));
  if (!options.apply) return 0;
  const Result<KafkaConfig> config = options.kafka.Config();
  if (!config.ok()) return Misuse(config.status());
  Result<std::unique_ptr<KafkaAdmin>> admin = KafkaAdmin::Open(config.value());
  if (!admin.ok()) return Fail(admin.status());
  const Result<std::vector<AclBinding>> left_out = admin.value()->Allow(bindings.value());
  if (!left_out.ok()) return Fail(left_out.status());
  if (left_out.value().empty()) return 0;
  std::fprintf(stderr,
               "starling: %zu of these cannot be written by this librdkafka; Kafka's own tool does it "
               "(kafka-acls, or ./run kafka --tool kafka.admin.AclCommand):\n",
               left_out.value().size());
  for (const AclBinding& each : left_out.value()) {
    std::fprintf(stderr, "  kafka-acls --bootstrap-server %s %s\n", options.kafka.bootstrap.c_str(),
                 AclCommand(each).c_str());
  }
  return kExitFailed;
}

}  // namespace

void AddTopicsCommands(CLI::App* program, std::vector<Subcommand>* commands) {
  CLI::App* const topics = program->add_subcommand("topics", "A fleet's topics on a Kafka cluster");
  topics->require_subcommand(1);

  const auto apply_options = std::make_shared<ApplyOptions>();
  CLI::App* const apply = topics->add_subcommand("apply", "Create the topics, or make them what they are to be");
  AddKafkaOptions(apply, &apply_options->kafka);
  apply->add_option("--regions", apply_options->plan.regions, "regions of the map: partitions")->capture_default_str();
  apply->add_option("--replication", apply_options->replication,
                    "copies of each partition; else 3, or as many as there are brokers");
  apply->add_option("--retention", apply_options->retention, "TOPIC=HOURS (repeat)");
  apply->add_flag("--dry-run", apply_options->dry_run, "say what would be done; exit code 3 if that is something");
  apply->add_flag("--json", apply_options->json, "as JSON");
  commands->push_back({apply, [apply_options] { return ApplyTopics(*apply_options); }});

  const auto acl_options = std::make_shared<AclOptions>();
  CLI::App* const acl = topics->add_subcommand("acl", "Print what each role has to be allowed; --apply allows it");
  AddKafkaOptions(acl, &acl_options->kafka, false);
  acl->add_option("--gateway,--principal-gateway", acl_options->gateways, "user of gateways (repeat)");
  acl->add_option("--shard,--principal-shard", acl_options->shards, "user of shards (repeat)");
  acl->add_option("--analyst,--principal-analyst", acl_options->analysts, "user who reads outputs (repeat)");
  acl->add_option("--operator,--principal-operator", acl_options->operators, "user of this program (repeat)");
  acl->add_flag("--apply", acl_options->apply, "write them to the cluster");
  acl->add_flag("--json", acl_options->json, "as JSON");
  commands->push_back({acl, [acl_options] { return ApplyAcls(*acl_options); }});
}

}  // namespace starling::cloud
