// Explains commands beside a running orchestrator: on a thread of its own, one after the other.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "common/ids.h"
#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

// Threading: thread-safe.
class ExplainDesk {
 public:
  // Makes the document; nothing if there is no such command.  Called on the desk's thread.
  using Work = std::function<Result<std::optional<std::string>>(CommandId id)>;

  struct Answer {
    bool ready = false;                  // else it is being worked on: ask again
    Result<std::optional<std::string>> document = std::optional<std::string>();
  };

  explicit ExplainDesk(Work work);
  // Waits for the work under way, which is bounded.
  ~ExplainDesk();

  // The document if it is ready within `patience`.  A command whose end is recorded is explained
  // the same way for ever, others may end: what was made is given out for a few seconds.
  //
  // Errors: kExhausted if too many are waiting.
  Answer Ask(CommandId id, milliseconds patience);

 private:
  static constexpr std::size_t kWaitingMax = 16;
  static constexpr std::size_t kKeptMax = 16;
  static constexpr seconds kKeptFor{5};

  struct Kept {
    CommandId id{};
    std::chrono::steady_clock::time_point made;
    Result<std::optional<std::string>> document;
  };

  void Run(const std::stop_token& stop);
  const Kept* Find(CommandId id);        // with mutex_ held

  const Work work_;
  std::mutex mutex_;
  std::condition_variable_any wanted_;
  std::condition_variable made_;
  std::deque<CommandId> waiting_;        // guarded by mutex_, and the next ones
  std::optional<CommandId> at_work_;
  std::list<Kept> kept_;                 // the newest first
  std::jthread thread_;
};

}  // namespace starling::cloud
