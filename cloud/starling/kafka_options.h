#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "cloud/log/kafka_config.h"
#include "common/status.h"

namespace starling::cloud {

// What a command is told about the cluster that it works on.
struct KafkaOptions {
  std::string bootstrap;
  std::string prefix = KafkaConfig().prefix;
  std::string file;

  // Errors: those of the file and of KafkaConfig::Validate.
  Result<KafkaConfig> Config() const;
};

// --bootstrap, --prefix and --kafka-config.  `options` must live as long as the command.
void AddKafkaOptions(CLI::App* command, KafkaOptions* options, bool bootstrap_required = true);

}  // namespace starling::cloud
