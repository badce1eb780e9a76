#include "sim/fleet/live_view.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <csignal>
#include <cstdarg>

namespace starling::sim {
namespace {

__attribute__((format(printf, 1, 2))) std::string Line(const char* format, ...) {
  std::array<char, 256> text;
  std::va_list arguments;
  va_start(arguments, format);
  const int length = std::vsnprintf(text.data(), text.size(), format, arguments);
  va_end(arguments);
  const auto shown = static_cast<std::size_t>(std::max(length, 0));
  return std::string(text.data(), std::min({shown, text.size() - 1, kViewColumns}));
}

// Change per second of a count.
double Rate(std::uint64_t before, std::uint64_t now, double seconds) {
  return now > before && seconds > 0 ? static_cast<double>(now - before) / seconds : 0;
}

double Rate(double before, double now, double seconds) {
  return now > before && seconds > 0 ? (now - before) / seconds : 0;
}

std::string Bar(double share, std::size_t width) {
  const double bounded = std::clamp(share, 0.0, 1.0);
  const auto full = static_cast<std::size_t>(bounded * static_cast<double>(width) + 0.5);
  return std::string(full, '#') + std::string(width - full, '.');
}

double Mebibytes(double bytes) { return bytes / (1 << 20); }

// "12.3" where that fits, else fewer digits: six characters at most.
std::string Short(double value) { return Line(value < 999.95 ? "%.1f" : "%.0f", value); }

std::string QuantileLine(const char* name, const Quantiles& q) {
  return Line("  %-12s %8s %9s %9s %9s ms", name, Short(q.p50).c_str(), Short(q.p99).c_str(),
              Short(q.p999).c_str(), Short(q.max).c_str());
}

// The same for people: a dash where nothing was counted yet.
struct Rates {
  double samples = 0;
  double frames_up = 0;
  double frames_down = 0;
  double bytes_up_per_vehicle = 0;
  double bytes_down_per_vehicle = 0;
  double cpu_sim = 0;
  double cpu_cloud = 0;

  Rates(const ViewFrame& before, const ViewFrame& now) {
    const double dt = now.time_s - before.time_s;
    const FleetTotals& a = before.fleet.totals;
    const FleetTotals& b = now.fleet.totals;
    const auto vehicles = static_cast<double>(std::max<std::uint64_t>(1, now.fleet.vehicles));
    samples = Rate(a.ledger.sampled, b.ledger.sampled, dt);
    frames_up = Rate(FigureOf(before.cloud, "gateway.frames_in"),
                     FigureOf(now.cloud, "gateway.frames_in"), dt);
    frames_down = Rate(FigureOf(before.cloud, "gateway.frames_out"),
                       FigureOf(now.cloud, "gateway.frames_out"), dt);
    bytes_up_per_vehicle = Rate(a.uplinks.bytes_up, b.uplinks.bytes_up, dt) / vehicles;
    bytes_down_per_vehicle = Rate(a.uplinks.bytes_down, b.uplinks.bytes_down, dt) / vehicles;
    cpu_sim = Rate(before.sim.cpu_s, now.sim.cpu_s, dt);
    cpu_cloud = Rate(FigureOf(before.cloud, "process.cpu_seconds"),
                     FigureOf(now.cloud, "process.cpu_seconds"), dt);
  }
};

}  // namespace

std::vector<std::string> ViewLines(const ViewFrame& before, const ViewFrame& now) {
  const FleetSnapshot& fleet = now.fleet;
  const CloudFigures& cloud = now.cloud;
  const edge::AgentLedger& ledger = fleet.totals.ledger;
  const edge::AgentCounters& agents = fleet.totals.agents;
  const Rates rates(before, now);
  const auto count = [&](const char* name) { return CountOf(cloud, name); };
  const double progress = fleet.phase == FleetPhase::kConnecting
                              ? static_cast<double>(fleet.totals.welcomed) /
                                    static_cast<double>(std::max<std::uint64_t>(1, fleet.vehicles))
                              : fleet.elapsed_s / std::max(fleet.phase_s, 1e-9);

  std::vector<std::string> lines;
  lines.push_back(Line("Starling city   %-10s [%s] %5.0f of %.0f s",
                       std::string(FleetPhaseName(fleet.phase)).c_str(), Bar(progress, 30).c_str(),
                       fleet.elapsed_s, fleet.phase_s));
  lines.push_back(std::string());
  lines.push_back(Line("vehicles   %" PRIu64 " connected of %" PRIu64 ", %" PRIu64
                       " reconnects, %" PRIu64 " failed attempts",
                       fleet.totals.welcomed, fleet.vehicles,
                       fleet.totals.uplinks.connects -
                           std::min(fleet.totals.uplinks.connects, fleet.vehicles),
                       fleet.totals.uplinks.failures));
  lines.push_back(Line("traffic    %8.0f samples/s   %8.0f frames/s up   %7.0f frames/s down",
                       rates.samples, rates.frames_up, rates.frames_down));
  lines.push_back(Line("bytes      %8.1f /vehicle.s up   %8.1f /vehicle.s down   (with TLS)",
                       rates.bytes_up_per_vehicle, rates.bytes_down_per_vehicle));
  lines.push_back(Line("map        %8" PRIu64 " cells with vehicles, %" PRIu64 " congested (%" PRIu64
                       " at most)",
                       count("seen.cells"), count("seen.congested_cells"),
                       count("shard.congested_max")));
  lines.push_back(Line("conflicts  %8" PRIu64 " open, %" PRIu64 " episodes so far, %" PRIu64
                       " collisions",
                       count("seen.open_conflicts"), count("shard.episodes"), fleet.collisions));
  lines.push_back(Line("prediction p50 %.3f m  p99 %.3f m  max %.2f m  of %" PRIu64 " looks",
                       fleet.prediction.p50, fleet.prediction.p99, fleet.prediction.max,
                       fleet.prediction.count));
  lines.push_back(std::string());
  lines.push_back(Line("commands   advice %" PRIu64 "   avoidance %" PRIu64 "   release %" PRIu64,
                       count("shard.speed_advice_issued"), count("shard.avoidance_issued"),
                       count("shard.releases_issued")));
  lines.push_back(Line("  status   applied %" PRIu64 "  superseded %" PRIu64 "  expired %" PRIu64
                       "  rejected %" PRIu64 "  open %" PRIu64,
                       agents.applied, agents.superseded, agents.expired, agents.rejected,
                       count("shard.outbox_open")));
  lines.push_back(Line("  acted late %" PRIu64 "   acted twice %" PRIu64, fleet.acted_late,
                       fleet.acted_twice));
  lines.push_back(std::string());
  lines.push_back(Line("latency             p50       p99     p99.9       max     (%" PRIu64
                       " commands)", fleet.latency.end_to_end.count));
  lines.push_back(QuantileLine("end to end", fleet.latency.end_to_end));
  lines.push_back(QuantileLine("uplink", fleet.latency.uplink));
  lines.push_back(QuantileLine("decision", fleet.latency.decision));
  lines.push_back(QuantileLine("delivery", fleet.latency.delivery));
  lines.push_back(std::string());
  lines.push_back(Line("ledger     sampled %" PRIu64 "  delivered %" PRIu64 "  dropped %" PRIu64
                       "  in flight %" PRIu64,
                       ledger.sampled, ledger.delivered,
                       ledger.dropped_spool_full + ledger.dropped_refused + ledger.dropped_io,
                       ledger.in_flight));
  lines.push_back(Line("simulator  %5.2f cores %6.0f MB   loop late by p99 %.2f ms, max %.2f ms",
                       rates.cpu_sim, Mebibytes(static_cast<double>(now.sim.rss_bytes)),
                       fleet.lateness.p99, fleet.lateness.max));
  lines.push_back(now.cloud_answers
                      ? Line("cloud      %5.2f cores %6.0f MB", rates.cpu_cloud,
                             Mebibytes(FigureOf(cloud, "process.rss_bytes")))
                      : Line("cloud      does not answer; its figures are the last ones"));
  return lines;
}

std::string ViewLine(const ViewFrame& before, const ViewFrame& now) {
  const FleetSnapshot& fleet = now.fleet;
  const Rates rates(before, now);
  if (fleet.phase == FleetPhase::kConnecting) {
    return Line("%s %3.0f s: %" PRIu64 " of %" PRIu64 " connected, sim %.2f + cloud %.2f cores",
                std::string(FleetPhaseName(fleet.phase)).c_str(), fleet.elapsed_s,
                fleet.totals.welcomed, fleet.vehicles, rates.cpu_sim, rates.cpu_cloud);
  }
  return Line("%s %3.0f s: %" PRIu64 " up, %.0f/s, frames %.0f/s, p99 %.1f ms, "
              "cores %.2f+%.2f",
              std::string(FleetPhaseName(fleet.phase)).c_str(), fleet.elapsed_s,
              fleet.totals.welcomed, rates.samples, rates.frames_up,
              fleet.latency.end_to_end.p99, rates.cpu_sim, rates.cpu_cloud);
}

namespace {

constexpr char kHideCursor[] = "\x1b[?25l";
constexpr char kShowCursor[] = "\x1b[?25h";
constexpr int kFatalSignals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGHUP, SIGQUIT};

// Written by the area's constructor and destructor, read by the handler; -1: none.
volatile std::sig_atomic_t cursor_hidden_on = -1;

void GiveBackCursor(int signal) {
  if (cursor_hidden_on >= 0) {
    const ssize_t ignored = ::write(static_cast<int>(cursor_hidden_on), kShowCursor,
                                    sizeof kShowCursor - 1);
    static_cast<void>(ignored);
  }
  std::signal(signal, SIG_DFL);
  ::raise(signal);
}

}  // namespace

TerminalArea::TerminalArea(std::FILE* terminal) : terminal_(terminal) {
  cursor_hidden_on = ::fileno(terminal);
  for (const int signal : kFatalSignals) std::signal(signal, GiveBackCursor);
  std::fputs(kHideCursor, terminal_);
}

TerminalArea::~TerminalArea() {
  std::fputs(kShowCursor, terminal_);
  std::fflush(terminal_);
  for (const int signal : kFatalSignals) std::signal(signal, SIG_DFL);
  cursor_hidden_on = -1;
}

void TerminalArea::Draw(const std::vector<std::string>& lines) {
  std::string text;
  if (drawn_ > 0) text += "\x1b[" + std::to_string(drawn_) + "A";
  for (const std::string& line : lines) text += "\r" + line + "\x1b[K\n";
  // A shorter picture leaves no rest of a longer one.
  text += "\x1b[J";
  drawn_ = lines.size();
  std::fwrite(text.data(), 1, text.size(), terminal_);
  std::fflush(terminal_);
}

}  // namespace starling::sim
