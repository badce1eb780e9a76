#include "cloud/gateway/plan_watch.h"

namespace starling::cloud {
namespace {

namespace fs = std::filesystem;

// A second change within the granularity of a file system's times does not show in them: a
// folder that changed of late is read again.
constexpr std::chrono::seconds kSettled{2};

}  // namespace

PlanWatch::PlanWatch(fs::path folder, PlanBook* book, Say say)
    : folder_(std::move(folder)), book_(book), say_(std::move(say)) {}

PlanWatch::~PlanWatch() { Stop(); }

// A file that is replaced changes its folder.
PlanWatch::Times PlanWatch::Look() const {
  const auto time_of = [](const fs::path& folder) {
    std::error_code failure;
    const fs::file_time_type time = fs::last_write_time(folder, failure);
    return failure ? fs::file_time_type::min() : time;
  };
  return {time_of(folder_), time_of(folder_ / "vehicles")};
}

void PlanWatch::Read() {
  std::vector<std::string> warnings;
  book_->SetWanted(ReadPlanFolder(folder_, &warnings));
  if (warnings != said_) {
    for (const std::string& warning : warnings) say_("plan not taken: " + warning);
  }
  said_ = std::move(warnings);
}

void PlanWatch::Start(std::function<void()> on_change) {
  on_change_ = std::move(on_change);
  read_ = Look();  // Before it is read.
  Read();
  thread_ = std::thread([this] { Loop(); });
}

void PlanWatch::Stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  stopping_.notify_all();
  thread_.join();
}

void PlanWatch::Loop() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_.wait_for(lock, kInterval, [this] { return stop_; })) {
    const Times now = Look();
    const auto clock = fs::file_time_type::clock::now();
    // A time that is far ahead is a clock's fault and not a change.
    const auto fresh = [clock](fs::file_time_type time) { return time > clock - kSettled && time < clock + kSettled; };
    if (now == read_ && !fresh(now.first) && !fresh(now.second)) continue;
    read_ = now;
    Read();
    on_change_();
  }
}

}  // namespace starling::cloud
