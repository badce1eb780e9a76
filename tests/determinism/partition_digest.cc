// Records a partition, and says what a shard makes of it: the digest of its outputs
// after every 500 records and of its state at the end.  On any processor the lines have
// to be the same for the same file.
//   partition_digest record FILE
//   partition_digest replay FILE
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "cloud/shard/shard.h"
#include "cloud/shard/shard_config.h"
#include "tests/cloud/shard/recorded_partition.h"

namespace starling::cloud {
namespace {

constexpr std::uint64_t kSeeds[] = {1, 7};
constexpr std::size_t kEvery = 500;

using File = std::unique_ptr<std::FILE, decltype(&std::fclose)>;

// Length and time of each record, then its words; all little endian.
int Write(const char* path) {
  const File file(std::fopen(path, "wb"), &std::fclose);
  if (file == nullptr) return 2;
  for (const std::uint64_t seed : kSeeds) {
    for (const Recorded& record : Record(seed)) {
      const std::uint64_t head[] = {record.bytes, static_cast<std::uint64_t>(record.time_ns)};
      if (std::fwrite(head, sizeof head, 1, file.get()) != 1) return 2;
      if (std::fwrite(record.words.data(), 8, record.words.size(), file.get()) != record.words.size()) return 2;
    }
  }
  return 0;
}

std::uint64_t Mix(std::uint64_t digest, std::span<const std::byte> bytes) {
  digest = MixHash(digest, bytes.size());
  for (const std::byte byte : bytes) digest = (digest ^ static_cast<std::uint64_t>(byte)) * 0x100000001B3u;
  return digest;
}

int Replay(const char* path) {
  const File file(std::fopen(path, "rb"), &std::fclose);
  if (file == nullptr) return 2;
  Shard shard(ShardConfig(), kRegion, kOrigin);
  std::uint64_t digest = 0;
  std::uint64_t offset = 0;
  std::uint64_t commands = 0;
  std::uint64_t head[2];
  std::vector<std::uint64_t> words;
  ShardOutputs outputs;
  while (std::fread(head, sizeof head, 1, file.get()) == 1) {
    words.assign((head[0] + 7) / 8, 0);
    if (std::fread(words.data(), 8, words.size(), file.get()) != words.size()) return 2;
    LogRecord record;
    record.offset = Offset{offset++};
    record.time = CloudTimeFromNs(static_cast<std::int64_t>(head[1]));
    record.value = std::as_bytes(std::span(words)).first(head[0]);
    outputs.Clear();
    shard.Apply(record, &outputs);
    digest = DigestOf(outputs, digest);
    commands += outputs.commands.size();
    if (offset % kEvery == 0) {
      std::printf("%llu %016llx\n", static_cast<unsigned long long>(offset), static_cast<unsigned long long>(digest));
    }
  }
  std::uint64_t state = 0;
  shard.Save([&state](std::span<const std::byte> key, std::span<const std::byte> value) {
    state = Mix(Mix(state, key), value);
  });
  std::printf("outputs %016llx, state %016llx, %llu records, %llu commands, %llu episodes\n",
              static_cast<unsigned long long>(digest), static_cast<unsigned long long>(state),
              static_cast<unsigned long long>(offset), static_cast<unsigned long long>(commands),
              static_cast<unsigned long long>(shard.counters().episodes));
  return commands > 0 && shard.counters().episodes > 0 ? 0 : 1;  // Else nothing was decided.
}

}  // namespace
}  // namespace starling::cloud

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "record") == 0) return starling::cloud::Write(argv[2]);
  if (argc == 3 && std::strcmp(argv[1], "replay") == 0) return starling::cloud::Replay(argv[2]);
  std::fprintf(stderr, "usage: partition_digest record|replay FILE\n");
  return 2;
}
