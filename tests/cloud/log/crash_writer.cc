// Appends numbered records to the log in a directory until it is killed, and
// writes the number of each record to standard output once it is emitted.
//
//   log_crash_writer DIRECTORY [KEY_FILE]
//
// With KEY_FILE, of two lines, the log is encrypted; again and again the two change
// places, and the log is rewritten under the first one.
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include "cloud/log/embedded_log.h"

namespace {

using namespace starling::cloud;

void RekeyForEver(const std::string& path, KeyRing* keys, EmbeddedLog* log) {
  const std::atomic<bool> stop{false};
  for (;;) {
    std::string first;
    std::string second;
    std::ifstream file(path);
    if (!std::getline(file, first) || !std::getline(file, second)) std::_Exit(3);
    std::ofstream(path, std::ios::trunc) << second << '\n' << first << '\n';
    if (!keys->Reload().ok() || !log->Reencrypt(&stop).ok()) std::_Exit(3);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) return 2;
  EmbeddedLogConfig config;
  config.directory = argv[1];
  config.commit_interval_min = std::chrono::microseconds(0);
  StoreEncryption encryption;
  if (argc == 3) {
    auto keys = KeyRing::Open(argv[2]);
    if (!keys.ok()) return 1;
    encryption.keys = keys.value();
  }
  auto opened = EmbeddedLog::Open(config, starling::CloudNow, encryption);
  if (!opened.ok()) {
    std::fprintf(stderr, "%s\n", std::string(opened.status().message()).c_str());
    return 1;
  }
  EmbeddedLog& log = *opened.value();
  std::thread rekeying;
  if (argc == 3) rekeying = std::thread([&] { RekeyForEver(argv[2], encryption.keys.get(), &log); });
  std::uint64_t number =
      static_cast<std::uint64_t>(log.RangeOf(Topic::kTelemetry, Partition{7}).end);
  for (;;) {
    Ticket ticket{};
    for (int i = 0; i < 10; ++i, ++number) {
      const std::string value = std::to_string(number);
      const auto appended = log.Append(Topic::kTelemetry, Partition{7}, {},
                                       std::as_bytes(std::span(value)));
      if (!appended.ok()) return 1;
      ticket = appended.value();
    }
    if (!log.AwaitEmitted(ticket).ok()) return 1;
    // One write, whole: less than PIPE_BUF.
    const std::string line = std::to_string(number) + "\n";
    if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) return 1;
  }
}
