#include "cloud/log/log.h"

namespace starling::cloud {

std::string_view TopicName(Topic topic) {
  switch (topic) {
    case Topic::kTelemetry: return "telemetry";
    case Topic::kHistory: return "history";
    case Topic::kCommands: return "commands";
    case Topic::kHeatmap: return "heatmap";
    case Topic::kConflicts: return "conflicts";
    case Topic::kDeadLetter: return "dead-letter";
    case Topic::kVehicleState: return "vehicle-state";
    case Topic::kDispatch: return "dispatch";
    case Topic::kOwnership: return "ownership";
    case Topic::kProgress: return "progress";
  }
  return "unknown";
}

}  // namespace starling::cloud
