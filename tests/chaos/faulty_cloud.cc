// An orchestrator with a known fault between its parts; the arguments of starling-cloud
// that a round of chaos gives, and --fault NAME (faulty_parts.h).
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <thread>

#include "cloud/options.h"
#include "cloud/orchestrator.h"
#include "tests/chaos/faulty_parts.h"

namespace starling::cloud {
namespace {

int Fail(const Status& status) {
  std::fprintf(stderr, "faulty-cloud: %s\n", std::string(status.message()).c_str());
  return 1;
}

Status ReadOptions(std::map<std::string, std::string>& words, CloudOptions* options) {
  std::ifstream file(words["--config"]);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (Status status = ReadConfiguration(text, options); !status.ok()) return status;
  options->certificates = words["--certs"];
  options->data = words["--data"];
  options->log.directory = options->data;
  options->state.directory = options->data + "/state";
  if (Status status = ParseHostPort(words["--listen"], &options->gateway.host, &options->gateway.port);
      !status.ok()) {
    return status;
  }
  if (Status status = ParseHostPort(words["--http"], &options->console.host, &options->console.port);
      !status.ok()) {
    return status;
  }
  options->gateway.origin = options->origin;
  return options->Validate();
}

int Run(std::map<std::string, std::string> words) {
  if (!IsFault(words["--fault"])) return Fail({ErrorCode::kInvalidArgument, "--fault is not known"});
  CloudOptions options;
  if (Status status = ReadOptions(words, &options); !status.ok()) return Fail(status);
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  const OrchestratorHooks hooks = HooksFor(words["--fault"]);  // has the parts between
  const auto started = Orchestrator::Start(options, hooks);
  if (!started.ok()) return Fail(started.status());
  const std::string draft = words["--port-file"] + ".new";
  std::ofstream(draft) << "{}\n";
  std::filesystem::rename(draft, words["--port-file"]);
  const timespec interval{0, 100'000'000};
  while (::sigtimedwait(&ends, nullptr, &interval) < 0) {
    if (Status status = started.value()->Health(); !status.ok()) return Fail(status);
  }
  const Status stopped = started.value()->Stop();
  return stopped.ok() ? 0 : Fail(stopped);
}

}  // namespace
}  // namespace starling::cloud

int main(int argc, char** argv) {
  std::map<std::string, std::string> words;
  for (int i = 1; i + 1 < argc; i += 2) words[argv[i]] = argv[i + 1];
  return starling::cloud::Run(words);
}
