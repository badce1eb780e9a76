#pragma once

#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include "sim/fleet/cloud_client.h"
#include "sim/fleet/fleet_snapshot.h"
#include "sim/fleet/process_figures.h"

namespace starling::sim {

// Two moments of a run, for what happened between them.
struct ViewFrame {
  FleetSnapshot fleet;
  CloudFigures cloud;
  bool cloud_answers = false;
  ProcessFigures sim;
  double time_s = 0;             // any monotonic clock
};

inline constexpr std::size_t kViewColumns = 80;

// The live view, at most 24 lines of at most kViewColumns characters, plain text.
std::vector<std::string> ViewLines(const ViewFrame& before, const ViewFrame& now);

// The same in one line of at most kViewColumns characters, for a log.
std::string ViewLine(const ViewFrame& before, const ViewFrame& now);

// A place on a terminal that is redrawn.  Hides the cursor while it lives, and
// gives it back also when the process is ended by a signal.
//
// Threading: thread-compatible; one at a time in a process.
class TerminalArea {
 public:
  explicit TerminalArea(std::FILE* terminal);
  ~TerminalArea();

  void Draw(const std::vector<std::string>& lines);

 private:
  std::FILE* const terminal_;
  std::size_t drawn_ = 0;
};

}  // namespace starling::sim
