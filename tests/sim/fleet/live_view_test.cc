#include "sim/fleet/live_view.h"

#include <gtest/gtest.h>

namespace starling::sim {
namespace {

// Every figure as long as it gets in a day of a large fleet.
ViewFrame Crowded() {
  ViewFrame frame;
  frame.time_s = 1;
  frame.fleet.phase = FleetPhase::kDriving;
  frame.fleet.vehicles = 99'999;
  frame.fleet.elapsed_s = 86'399;
  frame.fleet.phase_s = 86'400;
  frame.fleet.totals.welcomed = 99'999;
  frame.fleet.totals.uplinks = {999'999, 999'999, 999'999, 99'999'999'999, 99'999'999'999, 0, 0};
  frame.fleet.totals.ledger.sampled = 99'999'999'999;
  frame.fleet.latency.end_to_end = {1234.5, 12345.6, 99999.9, 99999.9, 9'999'999};
  for (const char* name : {"shard.episodes", "shard.speed_advice_issued", "seen.cells"}) {
    frame.cloud[name] = 9'999'999;
  }
  frame.cloud_answers = true;
  return frame;
}

TEST(LiveView, FitsATerminalOf80By24) {
  for (const ViewFrame& frame : {ViewFrame(), Crowded()}) {
    const std::vector<std::string> lines = ViewLines(ViewFrame(), frame);
    EXPECT_LE(lines.size(), 24u);
    for (const std::string& line : lines) EXPECT_LE(line.size(), kViewColumns) << line;
    EXPECT_LE(ViewLine(ViewFrame(), frame).size(), kViewColumns);
  }
}

TEST(LiveView, ShowsWhatIsAskedOfIt) {
  std::string all;
  for (const std::string& line : ViewLines(ViewFrame(), Crowded())) all += line + "\n";
  for (const char* word : {"vehicles", "samples/s", "frames/s", "bytes", "congested", "conflicts",
                           "commands", "applied", "end to end", "uplink", "decision", "delivery",
                           "p99.9", "ledger", "in flight", "simulator", "cloud"}) {
    EXPECT_NE(all.find(word), std::string::npos) << word;
  }
}

TEST(LiveView, SaysWhenTheCloudDoesNotAnswer) {
  ViewFrame frame = Crowded();
  frame.cloud_answers = false;
  EXPECT_NE(ViewLines(frame, frame).back().find("does not answer"), std::string::npos);
}

}  // namespace
}  // namespace starling::sim
