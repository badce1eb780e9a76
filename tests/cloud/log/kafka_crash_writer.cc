// Owns a region and writes its outputs, "INPUT.0" to "INPUT.2" for each input record from
// where its predecessor was, until it is killed.
//
// kafka_crash_writer BOOTSTRAP PREFIX
#include <cstdio>
#include <string>
#include <string_view>
#include <thread>

#include "cloud/log/kafka_region_writer.h"

int main(int argc, char** argv) {
  using namespace starling;
  using namespace starling::cloud;
  if (argc != 3) return 2;
  KafkaConfig config;
  config.bootstrap = argv[1];
  config.prefix = argv[2];
  config.commit_interval = milliseconds(10);
  auto writer = KafkaRegionWriter::Open(config, Partition{1});
  if (!writer.ok()) return 1;
  const auto bytes = [](std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); };
  if (const auto claimed = writer.value()->Claim("crash writer"); !claimed.ok()) {
    (void)std::fprintf(stderr, "%s\n", std::string(claimed.status().message()).c_str());
    return 1;
  }
  const auto committed = writer.value()->Committed();
  if (!committed.ok()) return 1;
  for (auto input = static_cast<std::uint64_t>(committed.value());; ++input) {
    for (int output = 0; output < 3; ++output) {
      const std::string value = std::to_string(input) + "." + std::to_string(output);
      if (!writer.value()->Append(Topic::kCommands, bytes("vehicle"), bytes(value)).ok()) return 1;
    }
    if (!writer.value()->Commit(Offset{input + 1}).ok()) return 1;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
}
