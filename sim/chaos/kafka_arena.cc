#include "sim/chaos/kafka_arena.h"

#include <chrono>
#include <deque>
#include <utility>

#include "common/time.h"
#include "sim/fleet/cloud_client.h"

namespace starling::sim {
namespace {

using std::chrono::steady_clock;

constexpr milliseconds kLookEvery{50};
constexpr milliseconds kAnswerTimeout{500};
constexpr seconds kKillPatience{10};

}  // namespace

std::optional<Child> BrokerKiller::Start(const std::string& what, std::uint32_t node) const {
  Command command;
  command.words = {"/bin/bash", cluster_.script, what, std::to_string(node), "--data", cluster_.data};
  command.output = output_;
  command.outlives_its_thread = true;
  Result<Child> child = Child::Start(command);
  if (!child.ok()) return std::nullopt;
  return std::move(child).value();
}

void BrokerKiller::Kill(std::uint32_t node) {
  // What is being brought back has to be there first.
  AwaitUp(kKillPatience);
  if (std::optional<Child> child = Start("--kill-node", node)) child->Wait(kKillPatience);
}

void BrokerKiller::Bring(std::uint32_t node) {
  if (std::optional<Child> child = Start("--start-node", node)) bringing_.push_back(std::move(*child));
}

bool BrokerKiller::AwaitUp(nanoseconds patience) {
  const auto end = steady_clock::now() + patience;
  for (Child& child : bringing_) {
    if (child.Wait(end - steady_clock::now()) != 0) return false;
  }
  bringing_.clear();
  return true;
}

OwnerWatch::OwnerWatch(std::vector<std::uint16_t> consoles, Relay* relay)
    : consoles_(std::move(consoles)), relay_(relay), thread_([this](const std::stop_token& stop) { Watch(stop); }) {}

OwnerWatch::~OwnerWatch() = default;

bool OwnerWatch::AwaitOwned(nanoseconds patience) const {
  const auto end = steady_clock::now() + patience;
  while (!owned() && steady_clock::now() < end) std::this_thread::sleep_for(kLookEvery);
  return owned();
}

void OwnerWatch::Watch(const std::stop_token& stop) {
  std::deque<CloudClient> clients;
  for (const std::uint16_t port : consoles_) clients.emplace_back("127.0.0.1", port, kAnswerTimeout);
  std::uint16_t led_to = 0;
  while (!stop.stop_requested()) {
    double epoch = 0;
    std::uint16_t owner = 0;
    for (std::size_t i = 0; i < clients.size(); ++i) {
      const Result<CloudFigures> figures = clients[i].Stats();
      if (!figures.ok() || FigureOf(figures.value(), "runner.owner") == 0) continue;
      // One that was stopped and does not know better yet has the older epoch.
      if (owner != 0 && FigureOf(figures.value(), "runner.epoch") < epoch) continue;
      epoch = FigureOf(figures.value(), "runner.epoch");
      owner = consoles_[i];
    }
    if (owner != 0 && owner != led_to) {
      relay_->SetUpstream(owner);
      relay_->Cut(1);
      led_to = owner;
    }
    owned_.store(owner != 0, std::memory_order_release);
    std::this_thread::sleep_for(kLookEvery);
  }
}

}  // namespace starling::sim
