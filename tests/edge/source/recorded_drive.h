// A recorded drive as the devices of a vehicle would have said it: comma2k19's rows
// become lines of a receiver and of candump.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/geo/local_frame.h"
#include "common/time.h"

namespace starling::edge {

struct DeviceLine {
  BootTime at;                           // when its end was heard
  std::string text;
};

struct Truth {
  BootTime at;
  GeoPoint position;
  double speed_mps = 0;
  double course_rad = 0;
};

struct RecordedDrive {
  std::vector<DeviceLine> nmea;          // RMC and GGA for each fix
  std::vector<DeviceLine> gpsd;          // TPV for each fix
  std::vector<DeviceLine> candump;       // message Motion of kDriveDbc
  std::vector<Truth> fixes;              // the receiver's own, at their arrival
  std::vector<Truth> truth;

  // Between the two neighbours; nullopt outside of the recording.
  std::optional<Truth> TruthAt(BootTime at) const;
};

// Speed as Intel in 0.001 m/s; steering wheel as Motorola in 0.1 degree, to the left.
inline constexpr const char* kDriveDbc =
    "BO_ 37 Motion: 8 Car\n"
    " SG_ Speed : 16|16@1+ (0.001,0) [0|65] \"m/s\" Agent\n"
    " SG_ Wheel : 7|16@0- (0.1,0) [-800|800] \"deg\" Agent\n";

// Where the drive is, if it is: beside the tree, or where STARLING_DATA says.
std::filesystem::path RecordedDriveFolder();

// Every `nth` fix of it.
// REQUIRES: the folder exists
RecordedDrive LoadRecordedDrive(const std::filesystem::path& folder, int nth);

}  // namespace starling::edge
