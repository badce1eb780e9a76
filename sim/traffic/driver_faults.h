#pragma once

#include "common/status.h"

namespace starling::sim {

// What drivers do wrong.  Each fault has a share of drivers, drawn once for a driver, and where
// it comes and goes a chance for each occasion.  All shares and chances are 0 to 1.
struct DriverFaults {
  // Share of drivers who sometimes do not look where they should give way, and
  // how often one of them does not.  More of either means more crossing conflicts.
  double inattentive_share = 0.4;
  double look_away_chance = 0.7;
  // Share of drivers who pass a late yellow or a red that has only just begun.
  double runner_share = 0.05;
  // Share of drivers who brake late behind a leader, and how often one does, by lane.
  // More of either means more rear-end conflicts.
  double late_brake_share = 0.35;
  double late_brake_chance = 0.5;

  // Share of drivers who pass red at any time as if it were green, and how often one of them
  // would at a signal; he meets others there only if it is red when he comes.  Nobody expects him.
  double red_runner_share = 0;
  double red_run_chance = 0.1;
  // Share of drivers who follow at a time gap that is much too short, and that gap, s, for the
  // others' 1.2; 0.1 to 0.9.  Shorter means more rear-end conflicts when a leader brakes.
  double tailgater_share = 0;
  double tailgate_headway_s = 0.4;
  // Share of drivers who go first where they should give way if the others can just brake for
  // them, and how often one of them does, by junction.  More of either means more hard braking.
  double forcing_share = 0;
  double force_chance = 0.5;

  // Errors: kInvalidArgument names the field that is out of its range.
  Status Validate() const;

  static DriverFaults None() {
    DriverFaults faults;
    faults.inattentive_share = faults.runner_share = faults.late_brake_share = 0;
    return faults;
  }
};

}  // namespace starling::sim
