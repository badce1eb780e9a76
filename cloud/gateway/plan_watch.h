#pragma once

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cloud/gateway/plan_book.h"
#include "common/time.h"

namespace starling::cloud {

// Keeps a book's wanted plans as the folder has them: looks twice a second whether that has
// changed.
//
// Threading: Start and Stop from one thread.
class PlanWatch {
 public:
  static constexpr milliseconds kInterval{500};

  using Say = std::function<void(const std::string&)>;

  // `book` must outlive the watch.  `say` gets lines for people, from the watch's thread.
  PlanWatch(std::filesystem::path folder, PlanBook* book, Say say);
  ~PlanWatch();  // Stops.
  PlanWatch(const PlanWatch&) = delete;
  PlanWatch& operator=(const PlanWatch&) = delete;

  // Reads the folder; from then on `on_change` is called, from another thread, after it
  // changed and was read again.
  void Start(std::function<void()> on_change);
  void Stop();

 private:
  using Times = std::pair<std::filesystem::file_time_type, std::filesystem::file_time_type>;

  Times Look() const;
  void Read();
  void Loop();

  const std::filesystem::path folder_;
  PlanBook* const book_;
  const Say say_;
  std::function<void()> on_change_;
  Times read_;                         // Start's, then the thread's; so is the next.
  std::vector<std::string> said_;
  std::mutex mutex_;
  std::condition_variable stopping_;
  bool stop_ = false;                  // Guarded by mutex_.
  std::thread thread_;
};

}  // namespace starling::cloud
