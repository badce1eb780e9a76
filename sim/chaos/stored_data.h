#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cloud/log/kafka_config.h"
#include "cloud/log/log.h"
#include "common/status.h"
#include "sim/chaos/oracle.h"

namespace starling::sim {

// What a stopped orchestrator has left in its data folder.
class StoredData {
 public:
  // Opens the folder as the orchestrator would, and writes nothing of its own.
  //
  // Errors: those of EmbeddedLog::Open and of the state store; kCorruption if the marker
  //         of a region's progress cannot be read.
  static Result<std::unique_ptr<StoredData>> Open(const std::string& folder,
                                                  const std::vector<cloud::Partition>& regions);

  // The same of a region on Kafka, read by a consumer of its own (outputs as far as they
  // are committed); `folders` are those of its shards.
  //
  // Errors: those of KafkaLog::Open and of the state store; kUnavailable if the brokers do
  //         not answer.
  static Result<std::unique_ptr<StoredData>> OpenKafka(const cloud::KafkaConfig& config, cloud::Partition region,
                                                       const std::vector<std::string>& folders);

  // Sets what comes from here; the journals are the caller's.
  void AddTo(Evidence* evidence) const;

 private:
  StoredData() = default;

  Status ReadProgress(cloud::Partition region);
  Status ReadStates(const std::string& folder);

  std::vector<cloud::Partition> regions_;
  std::unique_ptr<cloud::Log> log_;
  std::vector<cloud::Offset> committed_;
  std::vector<StoredState> states_;
};

}  // namespace starling::sim
