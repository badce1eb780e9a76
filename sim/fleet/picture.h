#pragma once

#include <map>
#include <string>
#include <vector>

#include "sim/city/city.h"
#include "sim/fleet/canvas.h"
#include "sim/fleet/cloud_client.h"

namespace starling::sim {

struct PictureData {
  const City* city = nullptr;
  std::vector<CloudCell> cells;                   // at the end of driving
  std::map<std::string, SeenConflict> conflicts;  // over the whole run
  std::string title;
  std::string subtitle;
};

// The city from above, north up: its streets, the heatmap's cells coloured by
// congestion, and where conflicts were met.
Canvas DrawPicture(const PictureData& data);

}  // namespace starling::sim
