#include "cloud/topics/acl_plan.h"

#include <algorithm>

#include "cloud/log/log.h"

namespace starling::cloud {
namespace {

class Planner {
 public:
  Planner(AclRole role, std::string principal, const std::string& prefix, std::vector<AclBinding>* bindings)
      : role_(role), principal_(std::move(principal)), prefix_(prefix), bindings_(bindings) {}

  // Describe comes with each of them.
  void Topics(std::initializer_list<Topic> topics, AclOperation operation) {
    for (const Topic topic : topics) {
      Add(AclResource::kTopic, prefix_ + std::string(TopicName(topic)), false, operation);
    }
  }
  void AllTopics(std::initializer_list<AclOperation> operations) {
    for (const AclOperation operation : operations) Add(AclResource::kTopic, prefix_, true, operation);
  }
  // Groups and transactional ids have the same names: KafkaConfig::RegionName.
  void Regions(AclResource resource, std::initializer_list<AclOperation> operations) {
    for (const AclOperation operation : operations) Add(resource, prefix_ + "region-", true, operation);
  }
  void Add(AclResource resource, std::string name, bool name_is_prefix, AclOperation operation) {
    bindings_->push_back({role_, principal_, resource, std::move(name), name_is_prefix, operation});
  }

 private:
  const AclRole role_;
  const std::string principal_;
  const std::string& prefix_;
  std::vector<AclBinding>* const bindings_;
};

void PlanRole(AclRole role, Planner* may) {
  using enum AclOperation;
  switch (role) {
    case AclRole::kGateway:
      may->Topics({Topic::kTelemetry, Topic::kHistory, Topic::kDeadLetter}, kWrite);
      // History: what it holds, for the ledger.
      may->Topics({Topic::kHistory, Topic::kDispatch, Topic::kOwnership}, kRead);
      break;
    case AclRole::kShard:
      may->Topics({Topic::kTelemetry, Topic::kVehicleState, Topic::kOwnership}, kRead);
      // Telemetry: ticks, ownership, and what it hands over to a neighbour.
      may->Topics({Topic::kTelemetry, Topic::kCommands, Topic::kHeatmap, Topic::kConflicts, Topic::kVehicleState,
                   Topic::kDispatch, Topic::kOwnership},
                  kWrite);
      may->Regions(AclResource::kTransactionalId, {kWrite});
      may->Regions(AclResource::kGroup, {kRead});
      break;
    case AclRole::kAnalyst:
      may->Topics({Topic::kHistory, Topic::kCommands, Topic::kHeatmap, Topic::kConflicts, Topic::kVehicleState,
                   Topic::kDeadLetter},
                  kRead);
      // Groups of their own, so that none can move a region's offset.
      may->Add(AclResource::kGroup, "analyst-", true, kRead);
      break;
    case AclRole::kOperator:
      may->AllTopics({kCreate, kAlter, kDescribeConfigs, kAlterConfigs, kRead});
      may->Topics({Topic::kOwnership}, kWrite);
      may->Regions(AclResource::kGroup, {kDescribe});
      break;
  }
}

}  // namespace

std::string_view AclRoleName(AclRole role) {
  switch (role) {
    case AclRole::kGateway: return "gateway";
    case AclRole::kShard: return "shard";
    case AclRole::kAnalyst: return "analyst";
    case AclRole::kOperator: return "operator";
  }
  return "?";
}

std::string_view AclResourceName(AclResource resource) {
  switch (resource) {
    case AclResource::kTopic: return "topic";
    case AclResource::kGroup: return "group";
    case AclResource::kTransactionalId: return "transactional-id";
    case AclResource::kCluster: return "cluster";
  }
  return "?";
}

std::string_view AclOperationName(AclOperation operation) {
  switch (operation) {
    case AclOperation::kRead: return "read";
    case AclOperation::kWrite: return "write";
    case AclOperation::kCreate: return "create";
    case AclOperation::kAlter: return "alter";
    case AclOperation::kDescribe: return "describe";
    case AclOperation::kDescribeConfigs: return "describe-configs";
    case AclOperation::kAlterConfigs: return "alter-configs";
  }
  return "?";
}

Result<std::vector<AclBinding>> PlanAcls(const std::map<AclRole, std::vector<std::string>>& principals,
                                         const std::string& prefix) {
  std::vector<AclBinding> bindings;
  for (const auto& [role, names] : principals) {
    for (const std::string& name : names) {
      if (name.empty() || name == "User:") {
        return Status(ErrorCode::kInvalidArgument,
                      "the " + std::string(AclRoleName(role)) + "'s principal has no name");
      }
      const std::string principal = name.starts_with("User:") ? name : "User:" + name;
      Planner planner(role, principal, prefix, &bindings);
      PlanRole(role, &planner);
    }
  }
  return bindings;
}

std::string AclCommand(const AclBinding& binding) {
  std::string command = "--add --allow-principal " + binding.principal + " --operation ";
  switch (binding.operation) {
    case AclOperation::kRead: command += "Read"; break;
    case AclOperation::kWrite: command += "Write"; break;
    case AclOperation::kCreate: command += "Create"; break;
    case AclOperation::kAlter: command += "Alter"; break;
    case AclOperation::kDescribe: command += "Describe"; break;
    case AclOperation::kDescribeConfigs: command += "DescribeConfigs"; break;
    case AclOperation::kAlterConfigs: command += "AlterConfigs"; break;
  }
  command += " --" + std::string(AclResourceName(binding.resource));
  if (binding.resource != AclResource::kCluster) command += " " + binding.name;
  if (binding.name_is_prefix) command += " --resource-pattern-type prefixed";
  return command;
}

std::string AclTable(const std::vector<AclBinding>& bindings) {
  std::size_t principal_width = 9;
  std::size_t name_width = 4;
  for (const AclBinding& each : bindings) {
    principal_width = std::max(principal_width, each.principal.size());
    name_width = std::max(name_width, each.name.size() + (each.name_is_prefix ? 1 : 0));
  }
  const auto padded = [](std::string text, std::size_t width) {
    if (text.size() < width) text.resize(width, ' ');
    return text;
  };
  std::string table = padded("principal", principal_width) + "  role      resource          " +
                      padded("name", name_width) + "  may\n";
  for (const AclBinding& each : bindings) {
    table += padded(each.principal, principal_width) + "  " + padded(std::string(AclRoleName(each.role)), 8) + "  " +
             padded(std::string(AclResourceName(each.resource)), 16) + "  " +
             padded(each.name + (each.name_is_prefix ? "*" : ""), name_width) + "  " +
             std::string(AclOperationName(each.operation)) + "\n";
  }
  return table;
}

}  // namespace starling::cloud
