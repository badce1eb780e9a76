#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"

namespace starling::cloud {

// What a principal does with a fleet's topics.
enum class AclRole : std::uint8_t {
  kGateway,   // starling-cloud --role gateway
  kShard,     // starling-cloud --role shard
  kAnalyst,   // reads what is decided, writes nothing
  kOperator,  // starling topics, starling regions, starling audit
};
inline constexpr std::size_t kAclRoleCount = 4;
std::string_view AclRoleName(AclRole role);

enum class AclResource : std::uint8_t { kTopic, kGroup, kTransactionalId, kCluster };
std::string_view AclResourceName(AclResource resource);

enum class AclOperation : std::uint8_t {
  kRead, kWrite, kCreate, kAlter, kDescribe, kDescribeConfigs, kAlterConfigs
};
std::string_view AclOperationName(AclOperation operation);

// One thing that a principal may do, from any host.
struct AclBinding {
  AclRole role{};
  std::string principal;       // "User:shard"
  AclResource resource{};
  std::string name;
  bool name_is_prefix = false;
  AclOperation operation{};

  friend bool operator==(const AclBinding&, const AclBinding&) = default;
};

// The least that each role needs.  `principals`: names of those who have it; a bare name
// is a User.  `prefix` as KafkaConfig's.  What a role does not need it must not have:
// nobody but a gateway can invent a vehicle's history, nobody but a shard a command, and
// an analyst can write nothing.
//
// Errors: kInvalidArgument if a principal's name is empty.
Result<std::vector<AclBinding>> PlanAcls(const std::map<AclRole, std::vector<std::string>>& principals,
                                         const std::string& prefix);

// As an argument list of Kafka's own kafka-acls tool, without the cluster's address.
std::string AclCommand(const AclBinding& binding);

// For people: a line for each.
std::string AclTable(const std::vector<AclBinding>& bindings);

}  // namespace starling::cloud
