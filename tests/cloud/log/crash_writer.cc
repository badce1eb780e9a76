// Appends numbered records to the log in a directory until it is killed, and
// writes the number of each record to standard output once it is emitted.
//
//   log_crash_writer DIRECTORY
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "cloud/log/embedded_log.h"

int main(int argc, char** argv) {
  using namespace starling::cloud;
  if (argc != 2) return 2;
  EmbeddedLogConfig config;
  config.directory = argv[1];
  config.commit_interval_min = std::chrono::microseconds(0);
  auto opened = EmbeddedLog::Open(config);
  if (!opened.ok()) {
    std::fprintf(stderr, "%s\n", std::string(opened.status().message()).c_str());
    return 1;
  }
  EmbeddedLog& log = *opened.value();
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
