#include "sim/fleet/observer.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "sim/fleet/live_view.h"

namespace starling::sim {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Longer than the orchestrator's own limit for an answer would only add up.
constexpr milliseconds kAnswerTimeout{2'000};
constexpr milliseconds kDrawEvery{500};
constexpr milliseconds kLineEvery{5'000};
constexpr milliseconds kConflictsEvery{1'000};
constexpr milliseconds kCellsEvery{5'000};

// Comes round once in each period.
class Periodic {
 public:
  explicit Periodic(milliseconds period) : period_(period) {}

  bool Due(SteadyClock::time_point now) {
    if (now < next_) return false;
    next_ = now + period_;
    return true;
  }

 private:
  const milliseconds period_;
  SteadyClock::time_point next_{};
};

double Seconds(SteadyClock::time_point time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

bool EndsWithTheProcess(const std::string& figure) {
  return figure.starts_with("gateway.") || figure == "process.cpu_seconds";
}

}  // namespace

void FleetExchange::Publish(const FleetSnapshot& snapshot) {
  MutexLock lock(mutex_);
  snapshot_ = snapshot;
}

void FleetExchange::PublishCloud(const CloudFigures& figures) {
  MutexLock lock(mutex_);
  cloud_.figures = figures;
  cloud_looks_.store(++cloud_.number, std::memory_order_release);
}

FleetExchange::CloudLook FleetExchange::LatestCloud() const {
  MutexLock lock(mutex_);
  return cloud_;
}

FleetSnapshot FleetExchange::Latest() const {
  MutexLock lock(mutex_);
  return snapshot_;
}

Observer::Observer(const FleetConfig& config, ViewMode mode, std::FILE* out,
                   FleetExchange* exchange)
    : config_(config), mode_(mode), out_(out), exchange_(exchange) {}

Observer::~Observer() { Stop(); }

void Observer::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Observer::Stop() {
  stop_.store(true, std::memory_order_relaxed);
  if (thread_.joinable()) thread_.join();
}

void Observer::LookAtFigures(CloudPages* client) {
  Result<CloudFigures> figures = client->Stats();
  answers_ = figures.ok();
  if (!answers_) {
    ++record_.failures;
    return;
  }
  CloudFigures now = std::move(figures).value();
  const double cpu_lost = FigureOf(figures_, "process.cpu_seconds") - FigureOf(now, "process.cpu_seconds");
  if (cpu_lost > 0 && !config_.shards_http.empty()) {
    // Of several processes one ended, and it was not the gateway.
    ++record_.restarts;
    record_.before_restarts["process.cpu_seconds"] += cpu_lost;
  } else if (cpu_lost > 0) {
    ++record_.restarts;
    for (const auto& [name, value] : figures_) {
      if (EndsWithTheProcess(name)) record_.before_restarts[name] += value;
    }
  }
  for (const auto& [name, value] : figures_) {
    if (name.starts_with("seen.")) now[name] = value;
  }
  figures_ = std::move(now);
  exchange_->PublishCloud(figures_);
}

void Observer::LookAtConflicts(CloudPages* client) {
  const Result<std::vector<CloudConflict>> open = client->Conflicts();
  if (!open.ok()) {
    ++record_.failures;
    return;
  }
  figures_["seen.open_conflicts"] = static_cast<double>(open.value().size());
  for (const CloudConflict& conflict : open.value()) {
    SeenConflict& seen =
        record_.conflicts.try_emplace(conflict.episode, SeenConflict{conflict.contact, conflict.ttc_s})
            .first->second;
    seen.ttc_s = std::min(seen.ttc_s, conflict.ttc_s);
  }
}

void Observer::LookAtCells(CloudPages* client) {
  const Result<std::vector<CloudCell>> cells = client->Heatmap();
  if (!cells.ok()) {
    ++record_.failures;
    return;
  }
  figures_["seen.cells"] = static_cast<double>(cells.value().size());
  figures_["seen.congested_cells"] = static_cast<double>(
      std::count_if(cells.value().begin(), cells.value().end(),
                    [](const CloudCell& cell) { return cell.congested; }));
}

void Observer::FetchPredictions(CloudPages* client) {
  const std::size_t count = std::min(config_.observed_vehicles, config_.vehicles);
  Result<std::vector<PredictedVehicle>> predicted = client->Vehicles(next_first_, count);
  if (!predicted.ok()) {
    ++record_.failures;
    return;
  }
  // Round and round, so that every vehicle is looked at equally often.
  next_first_ = next_first_ + count >= config_.vehicles ? 0 : next_first_ + count;
  for (PredictedVehicle& vehicle : predicted.value()) {
    exchange_->predictions.Push(std::move(vehicle));
  }
}

void Observer::Run() {
  CloudPages client(config_, kAnswerTimeout);
  std::optional<TerminalArea> area;
  if (mode_ == ViewMode::kTerminal) area.emplace(out_);
  Periodic draw(mode_ == ViewMode::kTerminal ? kDrawEvery : kLineEvery);
  Periodic look(kDrawEvery);
  Periodic conflicts(kConflictsEvery);
  Periodic cells(kCellsEvery);
  ViewFrame before;
  ViewFrame shown;

  const auto show = [&] {
    ViewFrame now{exchange_->Latest(), figures_, answers_, ReadProcessFigures(),
                  Seconds(SteadyClock::now())};
    // The fleet's totals come every half second: a base that is one look older
    // keeps its rates from jumping between none and two of them.
    const ViewFrame& base = area && before.time_s > 0 ? before : shown;
    if (area) {
      area->Draw(ViewLines(base, now));
    } else if (shown.time_s > 0) {
      std::fprintf(out_, "%s\n", ViewLine(base, now).c_str());
      std::fflush(out_);
    }
    before = std::move(shown);
    shown = std::move(now);
  };

  SteadyClock::time_point next = SteadyClock::now();
  while (!stop_.load(std::memory_order_relaxed)) {
    const SteadyClock::time_point now = SteadyClock::now();
    if (look.Due(now)) LookAtFigures(&client);
    const bool driving = exchange_->Latest().phase == FleetPhase::kDriving;
    if (driving && answers_) {
      if (config_.observed_vehicles > 0) FetchPredictions(&client);
      if (conflicts.Due(now)) LookAtConflicts(&client);
      if (cells.Due(now)) LookAtCells(&client);
    }
    if (draw.Due(now)) show();
    next = std::max(next + config_.observe_every, SteadyClock::now());
    std::this_thread::sleep_until(next);
  }
  LookAtFigures(&client);
  show();
}

}  // namespace starling::sim
