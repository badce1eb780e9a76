// Drives north for some seconds: vehicle HOST:PORT FOLDER NAME SECONDS
#include <starling/edge/client.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

namespace edge = starling::edge;

int main(int argc, char** argv) {
  if (argc != 5) return std::fprintf(stderr, "usage: vehicle HOST:PORT FOLDER NAME SECONDS\n"), 2;
  const std::string folder = argv[2], name = argv[3];
  edge::ClientOptions options;
  options.connect = {argv[1]};
  options.ca = folder + "/ca.pem";
  options.certificate = folder + "/vehicles/" + name + ".pem";
  options.key = folder + "/vehicles/" + name + ".key";
  edge::ClientCallbacks callbacks;
  callbacks.on_command = [](const edge::ClientCommand& command) {
    std::printf("no faster than %.1f m/s\n", command.speed_ceiling_mps);
  };
  callbacks.veto = [](const edge::ClientCommand& command) { return command.decel_mps2 > 6; };
  callbacks.on_event = [](const std::string& event) { std::fprintf(stderr, "%s\n", event.c_str()); };

  std::string why;
  const auto client = edge::Client::Start(options, callbacks, &why);
  if (client == nullptr) return std::fprintf(stderr, "%s\n", why.c_str()), 1;
  edge::ClientSample sample{.lat_deg = 48.1351, .lon_deg = 11.582, .speed_mps = 10};
  for (int i = 0; i < 10 * std::atoi(argv[4]); ++i) {
    if (client->Push(sample) != edge::PushResult::kTaken) std::fprintf(stderr, "sample %d was not taken\n", i);
    sample.lat_deg += 9e-6;  // a metre
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  const bool drained = client->Drain(10);
  const edge::ClientCounters counters = client->counters();
  std::printf("sampled %llu delivered %llu\n", static_cast<unsigned long long>(counters.sampled),
              static_cast<unsigned long long>(counters.delivered));
  return drained && counters.delivered == counters.sampled ? 0 : 1;
}
