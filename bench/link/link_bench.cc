// What each 10 Hz sample costs on the link, all in and both ways, for Starling and for other ways to
// send the same samples.
//
//   Link/fleet      1,000 vehicles of a simulated city for five minutes, perfect sensors and planned paths
//   Link/simulated  one vehicle of such a city for ten minutes, with the errors of a built-in receiver
//   Link/recorded   the drive of comma2k19, where it is: --drive FOLDER, or comma2k19_drive in the folder
//                   that STARLING_DATA names; no planned paths
//
// Bytes are those of TCP/IP segments: MQTT's or Starling's frames, both greetings and all
// acknowledgements; TLS records; TCP and IPv4 headers, of segments that only acknowledge too; one
// connection for each drive with its handshakes.  All go through one model of TLS and TCP (link_meter.h), whose
// TLS costs are measured first on a connection with the fleet's own contexts and certificates, and whose
// segments are compared with what this machine's TCP makes of the same exchange on loopback.
//
// What is sent is decoded and compared with what went in, in the same run: each rival's messages and Starling's
// history, each sample once, to 1 cm and 0.01 m/s (rivals.h has the rest), and the cloud's live picture of each
// sample's instant to 0.3 m at p99.  Otherwise the case is an error.
//
//   starling_bytes, ..._bytes   of a sample; the table below the cases has the parts, and what is wanted
//   picture_p99_m               the live picture's error; rivals are as old as their message
//
// --vehicles N and --seconds S: another fleet; the single drives are cut at S, too.  STARLING_LINK_SECONDS is S where
// there is no --seconds.  The time of a case says nothing.
#include <benchmark/benchmark.h>

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bench/link/driven_links.h"
#include "bench/link/link_meter.h"
#include "bench/link/rivals.h"
#include "common/check.h"
#include "common/telemetry/fix_codec.h"
#include "sim/replay/drive.h"

namespace starling {
namespace {

constexpr double kPictureMaxM = 0.3;

struct Options {
  std::uint32_t vehicles = 1000;
  long seconds = 300;
  long drive_seconds = 600;
  std::string drive;                 // a folder or a file; may be empty
};

struct Row {
  std::string name;
  LinkFigures figures;
  std::string absent;                // why there are none
};

Options options;
TlsCosts tls;
std::vector<Row> rows;

double Each(std::uint64_t bytes, const LinkFigures& figures) {
  return static_cast<double>(bytes) / static_cast<double>(figures.samples);
}

std::string CounterName(std::string_view rival) {
  std::string name;
  for (const char c : rival) {
    if (c == '+' || c == ',') continue;
    if (c != ' ') name += c;
    else if (!name.empty() && name.back() != '_') name += '_';
  }
  return name + "_bytes";
}

void Link(benchmark::State& state, const std::string& name, const std::function<LinkFigures()>& drive) {
  LinkFigures figures;
  for (auto _ : state) figures = drive();
  if (figures.samples == 0) return state.SkipWithError("nothing was sampled");
  state.counters["starling_bytes"] = Each(figures.starling.total(), figures);
  for (std::size_t i = 0; i < Rivals().size(); ++i) {
    state.counters[CounterName(Rivals()[i].name)] = Each(figures.rivals[i].total(), figures);
  }
  state.counters["picture_p99_m"] = figures.picture.p99_m;
  state.counters["live_frames_per_sample"] = Each(figures.live_frames, figures);
  rows.push_back({name, figures, ""});
  if (!figures.wrong.empty()) return state.SkipWithError(figures.wrong.c_str());
  if (figures.picture.p99_m > kPictureMaxM) {
    state.SkipWithError(("the live picture is off by " + std::to_string(figures.picture.p99_m) + " m at p99").c_str());
  }
}

void PrintLine(std::string_view name, const LinkBytes& bytes, const LinkFigures& figures) {
  std::printf("  %-32s%9.1f%8.1f%8.1f%11.1f%9.1f", std::string(name).c_str(), Each(bytes.payload, figures),
              Each(bytes.tls, figures), Each(bytes.tcp_ip, figures), Each(bytes.handshakes, figures),
              Each(bytes.total(), figures));
}

void Print(const Row& row) {
  std::printf("\n%s", row.name.c_str());
  if (!row.absent.empty()) {
    std::printf(": %s\n", row.absent.c_str());
    return;
  }
  const LinkFigures& figures = row.figures;
  std::printf(": %zu vehicle%s, %llu samples\n", figures.vehicles, figures.vehicles == 1 ? "" : "s",
              static_cast<unsigned long long>(figures.samples));
  std::printf("  %-32s%9s%8s%8s%11s%9s%15s%9s\n", "bytes a sample, both ways", "payload", "TLS", "TCP/IP", "handshake",
              "all", "Starling is", "wanted");
  PrintLine("Starling", figures.starling, figures);
  std::printf("\n");
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    std::printf("    %-30s%9.2f\n", std::string(LaneName(static_cast<Lane>(lane))).c_str(),
                Each(figures.lanes[lane], figures));
  }
  for (std::size_t i = 0; i < Rivals().size(); ++i) {
    const Rival& rival = Rivals()[i];
    PrintLine(rival.name, figures.rivals[i], figures);
    const double times =
        static_cast<double>(figures.rivals[i].total()) / static_cast<double>(figures.starling.total());
    std::printf("%10s1/%.1f", "", times);
    if (rival.wanted > 0) std::printf("%6s1/%.0f%s", "", 1 / rival.wanted, times * rival.wanted < 1 ? "  NOT REACHED" : "");
    std::printf("\n");
  }
  const auto picture = [](const char* name, const LinkFigures::Picture& off) {
    std::printf("  %s off by %.3f m (p50), %.3f m (p99), %.2f m (max)", name, off.p50_m, off.p99_m, off.max_m);
  };
  picture("live picture", figures.picture);
  std::printf("; wanted %.1f m (p99); %.3f live frames a sample\n", kPictureMaxM, Each(figures.live_frames, figures));
  picture("  just before a sample's frame", figures.picture_before);
  std::printf("\n");
  if (figures.wrong.empty()) {
    std::printf("  history and all messages hold each sample once, to 1 cm and 0.01 m/s\n");
  } else {
    std::printf("  WRONG: %s\n", figures.wrong.c_str());
  }
}

// Segments that a pair of sockets has sent and got, and its options.
tcp_info InfoOf(int socket) {
  tcp_info info{};
  socklen_t bytes = sizeof(info);
  STARLING_CHECK(::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &bytes) == 0);
  return info;
}

// Ten times what a vehicle of the rival does: 300 bytes up, 26 down 8 ms later, then nothing for 92 ms.
void CompareWithRealTcp() {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t bytes = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  const int vehicle = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int cloud = -1;
  if (::bind(listener, generic, bytes) != 0 || ::listen(listener, 1) != 0 ||
      ::getsockname(listener, generic, &bytes) != 0 || ::connect(vehicle, generic, bytes) != 0 ||
      (cloud = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)) < 0) {
    std::printf("no TCP on loopback to compare the model with: %s\n", std::strerror(errno));
  } else {
    const int yes = 1;
    (void)::setsockopt(vehicle, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    (void)::setsockopt(cloud, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    constexpr int kRounds = 10;
    constexpr std::size_t kUp = 300;
    constexpr std::size_t kDown = 26;
    TlsCosts plain;
    plain.record_bytes_max = 1 << 14;
    LinkMeter meter(&plain);
    CloudTime at{};
    char buffer[kUp] = {};
    const tcp_info before = InfoOf(vehicle);
    const tcp_info before_down = InfoOf(cloud);
    for (int i = 0; i < kRounds; ++i) {
      STARLING_CHECK(::send(vehicle, buffer, kUp, 0) == static_cast<ssize_t>(kUp));
      STARLING_CHECK(::recv(cloud, buffer, kUp, MSG_WAITALL) == static_cast<ssize_t>(kUp));
      meter.Write(Way::kUp, kUp, at);
      std::this_thread::sleep_for(milliseconds(8));
      STARLING_CHECK(::send(cloud, buffer, kDown, 0) == static_cast<ssize_t>(kDown));
      STARLING_CHECK(::recv(vehicle, buffer, kDown, MSG_WAITALL) == static_cast<ssize_t>(kDown));
      meter.Write(Way::kDown, kDown, at + milliseconds(8));
      std::this_thread::sleep_for(milliseconds(92));
      at += milliseconds(100);
    }
    meter.Settle();
    const tcp_info after = InfoOf(vehicle);
    const tcp_info after_down = InfoOf(cloud);
    std::printf("segments of %d exchanges, up and down: %u and %u by this machine's TCP, %llu and %llu by the model%s\n",
                kRounds, after.tcpi_segs_out - before.tcpi_segs_out, after_down.tcpi_segs_out - before_down.tcpi_segs_out,
                static_cast<unsigned long long>(meter.segments(Way::kUp)),
                static_cast<unsigned long long>(meter.segments(Way::kDown)),
                (after.tcpi_options & TCPI_OPT_TIMESTAMPS) != 0 ? "; timestamps are on"
                                                                : "; timestamps are off here, the model has them on");
  }
  for (const int socket : {cloud, vehicle, listener}) {
    if (socket >= 0) ::close(socket);
  }
}

void PrintTable() {
  std::size_t handshake = 0;
  for (const TlsCosts::Flight& flight : tls.handshake) handshake += flight.bytes;
  std::printf("\nTLS, measured: %zu bytes around each record, %zu bytes of handshake, both certificates and a ticket "
              "included\nTCP/IPv4: %zu bytes of headers, %zu of data at most, acknowledgements after %lld ms\n",
              tls.record_bytes, handshake, LinkMeter::kHeaderBytes, LinkMeter::kSegmentBytesMax,
              static_cast<long long>(LinkMeter::kAckDelay.count()));
  CompareWithRealTcp();
  for (const Row& row : rows) Print(row);
  std::fflush(stdout);
}

// Where the recorded drive is, if it is.
std::filesystem::path RecordedDrive() {
  if (!options.drive.empty()) return options.drive;
  const char* const data = std::getenv("STARLING_DATA");
  return data != nullptr ? std::filesystem::path(data) / "comma2k19_drive" : std::filesystem::path();
}

std::vector<Sample> Cut(std::vector<Sample> samples, long seconds_max) {
  std::erase_if(samples, [&](const Sample& sample) {
    return !ValidateSample(sample).ok() || sample.time.time_since_epoch() >= seconds(seconds_max);
  });
  return samples;
}

void Register(const std::string& name, std::function<LinkFigures()> drive) {
  benchmark::RegisterBenchmark(("Link/" + name).c_str(),
                               [name, drive = std::move(drive)](benchmark::State& state) { Link(state, name, drive); })
      ->Iterations(1)
      ->Unit(benchmark::kMillisecond);
}

int RegisterAll() {
  Register("fleet", [] { return DriveFleet(options.vehicles, seconds(options.seconds), tls); });
  Register("simulated", [] { return DriveAlone(SimulatedDrive(seconds(options.drive_seconds)), tls); });
  const std::filesystem::path recorded = RecordedDrive();
  std::error_code ignored;
  if (recorded.empty() || !std::filesystem::exists(recorded, ignored)) {
    if (!options.drive.empty()) {
      std::fprintf(stderr, "link_bench: %s is not there; --drive names the folder or CSV file of a drive\n",
                   recorded.c_str());
      return 2;
    }
    rows.push_back({"recorded", {}, "no recorded drive here; STARLING_DATA=FOLDER names the folder that has comma2k19_drive"});
    return 0;
  }
  Result<sim::Drive> drive = sim::LoadDrive(recorded);
  if (!drive.ok()) {
    std::fprintf(stderr, "link_bench: %s\n", std::string(drive.status().message()).c_str());
    return 2;
  }
  std::vector<Sample> samples = Cut(std::move(drive.value().samples), options.drive_seconds);
  Register("recorded", [samples = std::move(samples)] { return DriveAlone(samples, tls); });
  return 0;
}

// A number of an option, within 1 and 100000.
std::optional<long> NumberIn(const char* text) {
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  if (end == text || *end != '\0' || value < 1 || value > 100'000) return std::nullopt;
  return value;
}

// Takes our own options out of the command line; what is wrong with them, if anything is.
std::optional<std::string> TakeOptions(int* count, char** words) {
  const auto wrong = [](std::string_view name, const char* text) {
    return std::string(name) + " is " + text + ", must be within 1 and 100000";
  };
  if (const char* const given = std::getenv("STARLING_LINK_SECONDS")) {
    const std::optional<long> value = NumberIn(given);
    if (!value) return wrong("STARLING_LINK_SECONDS", given);
    options.seconds = options.drive_seconds = *value;
  }
  int kept = 1;
  for (int i = 1; i < *count; ++i) {
    const std::string_view word = words[i];
    if (word != "--drive" && word != "--vehicles" && word != "--seconds") {
      words[kept++] = words[i];
      continue;
    }
    if (++i == *count) return std::string(word) + " needs a value";
    if (word == "--drive") {
      options.drive = words[i];
      continue;
    }
    const std::optional<long> value = NumberIn(words[i]);
    if (!value) return wrong(word, words[i]);
    if (word == "--vehicles") options.vehicles = static_cast<std::uint32_t>(*value);
    else options.seconds = options.drive_seconds = *value;
  }
  *count = kept;
  return std::nullopt;
}

int Main(int count, char** words) {
  if (const auto wrong = TakeOptions(&count, words)) {
    std::fprintf(stderr, "link_bench: %s\n", wrong->c_str());
    return 2;
  }
  if (const int code = RegisterAll(); code != 0) return code;
  benchmark::Initialize(&count, words);
  if (benchmark::ReportUnrecognizedArguments(count, words)) return 2;
  tls = MeasureTls();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  PrintTable();
  return 0;
}

}  // namespace
}  // namespace starling

int main(int count, char** words) { return starling::Main(count, words); }
