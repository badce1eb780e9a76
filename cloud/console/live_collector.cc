#include "cloud/console/live_collector.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

namespace starling::cloud {
namespace {

// A round that takes longer has no picture to show.
constexpr seconds kLateAfter{2};
constexpr seconds kFiguresEvery{1};
constexpr seconds kDecisionsOver{60};
constexpr std::size_t kDecisionsMax = 20'000;
// A command that is over is told as such for so long, and one whose vehicle is not known any more is forgotten.
constexpr std::int64_t kOverForNs = 3'000'000'000;
constexpr std::int64_t kUnknownForNs = 15'000'000'000;

std::uint32_t Quantile(const std::vector<std::uint32_t>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(share * static_cast<double>(sorted.size())))];
}

}  // namespace

LiveCollector::LiveCollector(const LiveConfig& config, ConsoleSource* source) : config_(config), source_(source) {}

bool LiveCollector::Step(CloudTime now, const std::vector<VehicleId>& watched) {
  picture_.origin = source_->Origin();
  if (source_->Shards() == 0) {
    const bool news = picture_.status.empty() || now - picture_.at >= kFiguresEvery;
    picture_.status = "this process has no shard: the map is at one of --role shard";
    if (!news) return false;
    picture_.at = now;
    ReadFigures(now);
    return true;
  }
  if (!round_open_ && now - round_begun_ >= config_.interval) Begin(now, watched);
  if (!round_open_) return false;
  Ask();
  TakeAnswers();
  if (unasked_.empty() && unanswered_ == 0) {
    Finish();
    ReadFigures(now);
    return true;
  }
  // Nothing more is asked of a shard that does not answer; what it says in the end is the next picture.
  if (now - round_begun_ < kLateAfter) return false;
  const bool news = picture_.status.empty() || now - figures_at_ >= kFiguresEvery;
  picture_.status = "the shard does not answer";
  ReadFigures(now);
  return news;
}

void LiveCollector::Begin(CloudTime now, const std::vector<VehicleId>& watched) {
  const std::size_t shards = source_->Shards();
  slots_.resize(shards);
  windows_.resize(shards);
  cells_.resize(shards);
  conflicts_.clear();
  ways_.clear();
  standing_.clear();
  fleet_ = 0;
  round_open_ = true;
  round_begun_ = now;
  // All portions are predicted for one moment, by when the last one has come.
  round_at_ = now + config_.interval / 2;
  TakeCommands(now);
  answers_ = std::make_shared<Answers>();
  unasked_.clear();
  unanswered_ = 0;
  for (std::size_t shard = 0; shard < shards; ++shard) {
    Question question{shard, {}};
    question.query.at = round_at_;
    question.query.count = config_.slots_per_question;
    question.query.rest = true;
    question.query.windows_known = windows_[shard];
    question.query.watched = watched;
    for (const LiveCommand& command : commands_) {
      if (command.phase == CommandPhase::kOver) continue;
      question.query.commands.push_back({command.command.id, command.command.vehicle, command.command.boot_id,
                                         command.command.expires_boot_time_ns});
    }
    unasked_.push_back(std::move(question));
    // Some more than were there: a fleet grows.
    for (Slot first = config_.slots_per_question; first < slots_[shard] + slots_[shard] / 16 + 1;
         first += config_.slots_per_question) {
      Question more{shard, {}};
      more.query.at = round_at_;
      more.query.first = first;
      more.query.count = config_.slots_per_question;
      unasked_.push_back(std::move(more));
    }
  }
  const auto steps = std::max<std::size_t>(1, static_cast<std::size_t>(config_.interval * 3 / 4 / kStep));
  portion_ = (unasked_.size() + steps - 1) / steps;
}

void LiveCollector::Ask() {
  for (std::size_t asked = 0; asked < portion_ && !unasked_.empty(); ++asked) {
    const Question& question = unasked_.front();
    const auto seen = [answers = answers_, shard = question.shard](ShardPicture part) {
      const MutexLock lock(answers->mutex);
      answers->arrived.emplace_back(shard, std::move(part));
    };
    // Too many are asking: the next step tries again.
    if (!source_->Look(question.shard, question.query, seen).ok()) return;
    ++unanswered_;
    unasked_.pop_front();
  }
}

void LiveCollector::TakeAnswers() {
  std::vector<std::pair<std::size_t, ShardPicture>> arrived;
  {
    const MutexLock lock(answers_->mutex);
    arrived.swap(answers_->arrived);
  }
  for (auto& [shard, part] : arrived) {
    --unanswered_;
    slots_[shard] = part.slots;
    Place(shard, part);
    if (!part.rest) continue;
    fleet_ += part.vehicles_known;
    windows_[shard] = part.windows;
    if (part.has_cells) {
      cells_[shard] = std::move(part.cells);
      ++picture_.cells_number;
    }
    conflicts_.insert(conflicts_.end(), part.conflicts.begin(), part.conflicts.end());
    ways_.insert(ways_.end(), part.ways.begin(), part.ways.end());
    for (const PictureStanding& standing : part.standing) {
      PictureStanding& known = standing_.try_emplace(ToNumber(standing.id), standing).first->second;
      known.open = known.open || standing.open;
      known.expires_ns = std::max(known.expires_ns, standing.expires_ns);
    }
  }
}

// A shard's slots are every so many-th place: places stay when another shard grows.
void LiveCollector::Place(std::size_t shard, const ShardPicture& part) {
  const std::size_t shards = slots_.size();
  const auto place_of = [&](Slot slot) { return slot * shards + shard; };
  const Slot end = std::min(part.slots, part.first + part.count);
  if (end > 0 && picture_.vehicles.size() <= place_of(end - 1)) picture_.vehicles.resize(place_of(end - 1) + 1);
  const auto empty = [&](std::size_t place) {
    LiveVehicle& vehicle = picture_.vehicles[place];
    if (vehicle.vehicle.empty()) return;
    const auto known = places_.find(vehicle.vehicle);
    if (known != places_.end() && known->second == place) places_.erase(known);
    vehicle = {};
  };
  auto seen = part.vehicles.begin();
  for (Slot slot = part.first; slot < end; ++slot) {
    const std::size_t place = place_of(slot);
    if (seen == part.vehicles.end() || seen->slot != slot) {
      empty(place);
      continue;
    }
    if (picture_.vehicles[place].vehicle != seen->vehicle) {
      empty(place);
      places_[seen->vehicle] = place;
    }
    picture_.vehicles[place] = Quantised(*seen);
    ++seen;
  }
}

void LiveCollector::Finish() {
  round_open_ = false;
  picture_.status.clear();
  picture_.at = round_at_;
  picture_.fleet = fleet_;
  picture_.conflicts = std::move(conflicts_);
  picture_.ways = std::move(ways_);
  picture_.cells.clear();
  for (const auto& cells : cells_) picture_.cells.insert(picture_.cells.end(), cells.begin(), cells.end());

  const std::int64_t at_ns = ToNs(round_at_);
  for (LiveCommand& command : commands_) {
    const auto standing = standing_.find(ToNumber(command.command.id));
    if (standing == standing_.end()) continue;
    if (standing->second.expires_ns != 0) command.expires_ns = standing->second.expires_ns;
    if (!standing->second.open && command.phase == CommandPhase::kSent) command.phase = CommandPhase::kAnswered;
  }
  for (LiveCommand& command : commands_) {
    const std::int64_t until =
        command.expires_ns != 0 ? command.expires_ns : command.command.issued_ns + kUnknownForNs;
    if (until <= at_ns) command.phase = CommandPhase::kOver;
  }
  std::erase_if(commands_, [at_ns](const LiveCommand& command) {
    const std::int64_t since = command.expires_ns != 0 ? command.expires_ns : command.command.issued_ns + kUnknownForNs;
    return command.phase == CommandPhase::kOver && since + kOverForNs < at_ns;
  });
  picture_.commands.assign(commands_.begin(), commands_.end());
  MarkInvolved();
}

void LiveCollector::MarkInvolved() {
  const auto mark = [this](const VehicleId& vehicle, std::uint16_t bit) {
    if (const auto place = places_.find(vehicle); place != places_.end()) picture_.vehicles[place->second].state |= bit;
  };
  for (const PictureConflict& seen : picture_.conflicts) {
    mark(seen.conflict.vehicle_a, kConflictBit);
    mark(seen.conflict.vehicle_b, kConflictBit);
  }
  for (const LiveCommand& command : picture_.commands) {
    if (command.phase == CommandPhase::kOver) continue;
    if (command.command.kind == wire::CommandKind::SpeedAdvice) mark(command.command.vehicle, kAdvisedBit);
    if (command.command.kind == wire::CommandKind::Avoidance) mark(command.command.vehicle, kAvoidsBit);
  }
  bool first = true;
  for (const LiveVehicle& vehicle : picture_.vehicles) {
    if (vehicle.vehicle.empty()) continue;
    const double x = vehicle.x_cm * 0.01;
    const double y = vehicle.y_cm * 0.01;
    LiveBox& box = picture_.box;
    if (first) box = {x, y, x, y};
    first = false;
    box = {std::min(box.west_m, x), std::min(box.south_m, y), std::max(box.east_m, x), std::max(box.north_m, y)};
  }
}

// A later command of the same vehicle and episode takes the place of the earlier one.
void LiveCollector::TakeCommands(CloudTime now) {
  for (IssuedCommand& issued : source_->TakeCommands()) {
    if (issued.issued_ns == 0) issued.issued_ns = ToNs(now);
    if (issued.appended_ns > 0 && issued.issued_ns >= issued.appended_ns) {
      decisions_.emplace_back(issued.issued_ns,
                              static_cast<std::uint32_t>(std::min<std::int64_t>(
                                  (issued.issued_ns - issued.appended_ns) / 1000, 4'000'000'000)));
    }
    for (LiveCommand& earlier : commands_) {
      const bool same = earlier.command.id == issued.id;
      const bool replaced = earlier.command.episode == issued.episode && earlier.command.vehicle == issued.vehicle;
      if (!same && !replaced) continue;
      if (earlier.phase == CommandPhase::kOver) continue;
      earlier.phase = CommandPhase::kOver;
      earlier.expires_ns = ToNs(now);
      if (same) earlier.command.id = CommandId{};
    }
    std::erase_if(commands_, [](const LiveCommand& command) { return ToNumber(command.command.id) == 0; });
    // Who is told that he is free again is under no command.
    const bool releases = issued.kind == wire::CommandKind::Release;
    commands_.push_back({std::move(issued), releases ? CommandPhase::kOver : CommandPhase::kSent,
                         releases ? ToNs(now) : 0});
    if (commands_.size() > config_.commands_max) commands_.pop_front();
  }
}

void LiveCollector::ReadFigures(CloudTime now) {
  if (now - figures_at_ < kFiguresEvery) return;
  figures_at_ = now;
  LiveFigures& figures = picture_.figures;
  ++figures.number;
  for (const Figure& figure : source_->Figures()) {
    if (figure.kind == FigureKind::kHistogram) continue;
    std::string name(figure.group);
    name.append(1, '.').append(figure.name);
    if (!figure.label_value.empty()) name.append(1, '.').append(figure.label_value);
    const auto [place, added] = figure_numbers_.try_emplace(std::move(name), figures.names.size());
    if (added) {
      figures.names.push_back(place->first);
      figures.values.push_back(0);
    }
    figures.values[place->second] = figure.value;
  }
  const Status ready = source_->Ready();
  figures.ready = ready.ok() ? "ready" : std::string(ready.message());

  while (!decisions_.empty() &&
         (ToNs(now) - decisions_.front().first > nanoseconds(kDecisionsOver).count() || decisions_.size() > kDecisionsMax)) {
    decisions_.pop_front();
  }
  std::vector<std::uint32_t> sorted;
  sorted.reserve(decisions_.size());
  for (const auto& [issued, us] : decisions_) sorted.push_back(us);
  std::sort(sorted.begin(), sorted.end());
  figures.decisions = static_cast<std::uint32_t>(sorted.size());
  figures.decision_p50_us = Quantile(sorted, 0.5);
  figures.decision_p99_us = Quantile(sorted, 0.99);
}

}  // namespace starling::cloud
