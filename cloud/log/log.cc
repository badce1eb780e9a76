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
  }
  return "unknown";
}

}  // namespace starling::cloud
