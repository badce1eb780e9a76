#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cloud/log/log.h"
#include "common/status.h"

namespace starling::cloud {

struct TopicPlanConfig {
  std::string prefix = "starling.";  // as KafkaConfig's

  // Partitions of every topic that has one for each region.  More of them can be had
  // later, fewer cannot.  1 to 10,000.
  std::uint32_t regions = 1;

  // Copies of each partition; with three, two have to have a record before it is
  // acknowledged.  1 to 15, and no more than there are brokers.
  std::uint32_t replication = 1;

  // Instead of a topic's own retention; only of topics that are not compacted.
  std::map<Topic, std::chrono::hours> retention;

  Status Validate() const;
};

// What a topic is to be.
struct TopicPlan {
  Topic topic{};
  std::string name;                           // with prefix
  std::uint32_t partitions = 0;
  std::uint32_t replication = 0;
  std::map<std::string, std::string> settings;  // by Kafka's names
};

// Every topic that Kafka holds, in the order of Topic.
// REQUIRES: config.Validate().ok()
std::vector<TopicPlan> PlanTopics(const TopicPlanConfig& config);

// What a topic is.
struct TopicState {
  std::uint32_t partitions = 0;
  std::uint32_t replication = 0;
  std::uint32_t led = 0;                         // partitions that a broker leads now
  std::map<std::string, std::string> settings;   // in force, defaults among them
  std::map<std::string, std::string> overrides;  // those that were set for this topic
};

struct SettingChange {
  std::string name;
  std::string now;
  std::string then;
};

// How one topic gets from what it is to what it is to be.
struct TopicChange {
  TopicPlan plan;
  bool create = false;
  std::uint32_t partitions_now = 0;           // 0 if it is created
  bool grow = false;
  std::vector<SettingChange> settings;
  std::map<std::string, std::string> overrides;  // all that have to be set, former ones included
  std::string note;                           // what is different and cannot be changed here

  bool changes() const { return create || grow || !settings.empty(); }
};

// `states`: the topics that exist, by name.
std::vector<TopicChange> CompareTopics(const std::vector<TopicPlan>& plans,
                                       const std::map<std::string, TopicState>& states);

// For people: a line for each topic and for each setting that changes.
std::string TopicTable(const std::vector<TopicChange>& changes);

}  // namespace starling::cloud
