// The streets for drawing: docs/formats/live.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/geo/local_frame.h"
#include "common/geo/vec2.h"
#include "common/status.h"

namespace starling::cloud {

// Lines, thinned out to what can be seen.
//
// Threading: thread-compatible.
class StreetLines {
 public:
  // Metres of the city's local frame.  Fewer than two points, or ones that lie nowhere, are no line.
  void Add(std::span<const Vec2> points, double width_m);

  std::size_t lines() const { return starts_.size(); }
  std::size_t points() const { return x_dm_.size(); }

  // A finished live.Streets, the longest line first.
  std::string Document() const;

 private:
  std::vector<std::uint32_t> starts_;
  std::vector<std::int32_t> x_dm_;
  std::vector<std::int32_t> y_dm_;
  std::vector<std::uint8_t> width_dm_;
};

// Of a GeoJSON text (RFC 7946): every LineString and MultiLineString, and the borders of every Polygon.  A feature's
// property width_m is its lines' width.
//
// Errors: kInvalidArgument, saying what was expected.
Result<std::string> GeoJsonStreets(std::string_view text, const LocalFrame& frame);

// Errors: also kIoError; messages begin with the path.
Result<std::string> ReadGeoJsonStreets(const std::string& path, const LocalFrame& frame);

}  // namespace starling::cloud
