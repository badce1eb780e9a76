#pragma once

#include <vector>

#include "cloud/console/figures.h"
#include "cloud/scaling/scaling_planner.h"

namespace starling::cloud {

void AppendFigures(const ScalingOutlook& outlook, std::vector<Figure>* figures);

}  // namespace starling::cloud
