#include "cloud/starling/kafka_options.h"

#include <utility>

#include "cloud/log/kafka_properties.h"

namespace starling::cloud {

Result<KafkaConfig> KafkaOptions::Config() const {
  KafkaConfig config;
  config.bootstrap = bootstrap;
  config.prefix = prefix;
  if (!file.empty()) {
    auto properties = ReadKafkaProperties(file);
    if (!properties.ok()) return properties.status();
    config.properties = std::move(properties).value();
  }
  if (Status status = config.Validate(); !status.ok()) return status;
  return config;
}

void AddKafkaOptions(CLI::App* command, KafkaOptions* options, bool bootstrap_required) {
  command->add_option("--bootstrap", options->bootstrap, "HOST:PORT[,...] of any of the cluster's brokers")
      ->required(bootstrap_required);
  command->add_option("--prefix", options->prefix, "in front of every topic's name")->capture_default_str();
  command->add_option("--kafka-config", options->file,
                      "librdkafka's properties, a name=value on each line: security.protocol, sasl.*, ssl.*");
}

}  // namespace starling::cloud
