// The console's JSON documents; docs/formats/http.md describes them.
#pragma once

#include <string>
#include <vector>

#include "cloud/console/console_source.h"

namespace starling::cloud {

std::string StatsDocument(const std::vector<Figure>& figures);
std::string HeatmapDocument(const std::vector<HeatmapCell>& cells);
std::string AuditDocument(const std::vector<AuditHeadView>& heads);
std::string ConflictsDocument(const std::vector<OpenConflict>& conflicts);
std::string VehiclesDocument(std::size_t first, const VehiclesAt& vehicles);
std::string VehicleDocument(const VehicleId& vehicle, const VehicleReport& report);

// {"error": "..."}
std::string ErrorDocument(std::string_view message);

}  // namespace starling::cloud
