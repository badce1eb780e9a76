#include "cloud/explain/explain_desk.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace starling::cloud {
namespace {

// Yields to everything that vehicles wait for, as the console does.
constexpr int kNice = 15;

}  // namespace

ExplainDesk::ExplainDesk(Work work) : work_(std::move(work)) {
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

ExplainDesk::~ExplainDesk() {
  thread_.request_stop();
  wanted_.notify_all();
}

const ExplainDesk::Kept* ExplainDesk::Find(CommandId id) {
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(kept_, [&](const Kept& kept) { return now - kept.made > kKeptFor; });
  const auto found = std::ranges::find_if(kept_, [&](const Kept& kept) { return kept.id == id; });
  return found == kept_.end() ? nullptr : &*found;
}

ExplainDesk::Answer ExplainDesk::Ask(CommandId id, milliseconds patience) {
  std::unique_lock lock(mutex_);
  if (const Kept* kept = Find(id)) return {true, kept->document};
  const bool known = at_work_ == id || std::ranges::find(waiting_, id) != waiting_.end();
  if (known) return {};  // Who asked first waits; the others come again.
  if (waiting_.size() >= kWaitingMax) {
    return {true, Status(ErrorCode::kExhausted, "too many explanations are wanted at once; ask again in a moment")};
  }
  waiting_.push_back(id);
  wanted_.notify_one();
  const Kept* kept = nullptr;
  made_.wait_for(lock, patience, [&] { return (kept = Find(id)) != nullptr; });
  if (kept == nullptr) return {};
  return {true, kept->document};
}

void ExplainDesk::Run(const std::stop_token& stop) {
  // On Linux a thread has a nice value of its own; if it cannot be set, it only competes harder.
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), kNice);
  std::unique_lock lock(mutex_);
  while (wanted_.wait(lock, stop, [this] { return !waiting_.empty(); })) {
    const CommandId id = waiting_.front();
    waiting_.pop_front();
    at_work_ = id;
    lock.unlock();
    Result<std::optional<std::string>> document = work_(id);
    lock.lock();
    at_work_.reset();
    kept_.push_front({id, std::chrono::steady_clock::now(), std::move(document)});
    if (kept_.size() > kKeptMax) kept_.pop_back();
    made_.notify_all();
  }
}

}  // namespace starling::cloud
