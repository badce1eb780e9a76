#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/geo/grid.h"
#include "common/geo/vec2.h"
#include "common/status.h"
#include "common/time.h"

namespace starling::sim {

// The orchestrator's figures, as "group.name" or "group.name.detail", for example
// "gateway.verdicts.Accepted".
using CloudFigures = std::map<std::string, double>;

// 0 if there is no such figure.
double FigureOf(const CloudFigures& figures, const std::string& name);
std::uint64_t CountOf(const CloudFigures& figures, const std::string& name);

// Where the shard says that a vehicle is.
struct PredictedVehicle {
  std::string name;
  CloudTime at;
  Vec2 position;       // local frame, m
};

struct CloudCell {
  CellIndex cell;
  std::uint32_t vehicles = 0;
  double mean_speed_mps = 0;
  double congestion = 0;     // 0 free .. 1 standing
  bool congested = false;
};

struct CloudConflict {
  std::string episode;
  Vec2 contact;              // local frame, m
  double ttc_s = 0;
  double probability = 0;
};

// Where a conflict was met, as far as it was seen.
struct SeenConflict {
  Vec2 contact;            // local frame, m
  double ttc_s = 0;        // the shortest that was seen
};

// Reads the orchestrator's documents (docs/formats/http.md), one at a time, over a
// connection that it keeps.
//
// Errors, of all: kUnavailable if the orchestrator does not answer within the
// timeout or refuses; kCorruption if the answer is not the document that was asked
// for.  The next call connects anew.
//
// Threading: thread-compatible; a call blocks until the answer or the timeout.
class CloudClient {
 public:
  CloudClient(std::string host, std::uint16_t port, milliseconds timeout);
  ~CloudClient();

  Result<CloudFigures> Stats();
  Result<std::vector<PredictedVehicle>> Vehicles(std::size_t first, std::size_t count);
  Result<std::vector<CloudCell>> Heatmap();
  Result<std::vector<CloudConflict>> Conflicts();

 private:
  struct Connection;

  Result<std::string> Get(const std::string& target);

  const std::string host_;
  const std::uint16_t port_;
  const milliseconds timeout_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace starling::sim
