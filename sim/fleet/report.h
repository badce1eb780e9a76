// The report of a run; docs/formats/report.md describes every field.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/status.h"
#include "sim/fleet/cloud_client.h"
#include "sim/fleet/fleet.h"
#include "sim/fleet/fleet_config.h"
#include "sim/fleet/observer.h"
#include "sim/fleet/process_figures.h"
#include "sim/traffic/traffic.h"

namespace starling::sim {

// Both processes' figures at one moment.
struct Moment {
  CloudFigures cloud;    // empty: it did not answer
  ProcessFigures sim;
};

// Everything that a report is made of.
struct RunRecord {
  FleetConfig config;
  double city_side_m = 0;
  Moment before;         // nothing is connected yet
  Moment run_begin;      // connected, no sample taken yet
  Moment run_end;        // the last sample is taken
  Moment after;          // drained
  CloudRecord cloud;
  TrafficCounters traffic;
};

// What decides about the exit code.
struct Verdict {
  bool balanced = false;
  std::vector<std::string> failures;   // for people; empty: the run is good
};
Verdict Judge(const RunRecord& run, const FleetOutcome& outcome, const CommandBook& book);

// The report as JSON, two spaces to the level.
std::string ReportDocument(const RunRecord& run, const FleetOutcome& outcome,
                           const CommandBook& book, const ByteBaseline& baseline);

// The figures that matter most, for people; 80 columns.
std::string SummaryTable(const RunRecord& run, const FleetOutcome& outcome,
                         const CommandBook& book, const ByteBaseline& baseline);

// Errors: kIoError, naming the file.  Folders on the way are made.
Status WriteFile(const std::string& path, const std::string& contents);

}  // namespace starling::sim
