#include "cloud/console/live_streets.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <numeric>
#include <optional>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "schemas/console/live_generated.h"

namespace starling::cloud {
namespace {

namespace json = boost::json;

constexpr double kToleranceM = 0.3;
constexpr double kWidthDefaultM = 3;
constexpr double kCoordinateMaxM = 1e6;
constexpr std::size_t kFileBytesMax = std::size_t{256} << 20;
constexpr int kNestingMax = 8;

// Distance of a point from the line between two others.
double FromChord(Vec2 point, Vec2 begin, Vec2 end) {
  const Vec2 chord = end - begin;
  const double length = Norm(chord);
  if (length == 0) return Norm(point - begin);
  return std::abs(Cross(chord, point - begin)) / length;
}

// Which points must stay so that none of the others is off by more than the tolerance.
// Source: D. Douglas, T. Peucker, Algorithms for the reduction of the number of points (1973).
std::vector<bool> Kept(std::span<const Vec2> points) {
  std::vector<bool> kept(points.size(), false);
  kept.front() = kept.back() = true;
  std::vector<std::pair<std::size_t, std::size_t>> open{{0, points.size() - 1}};
  while (!open.empty()) {
    const auto [first, last] = open.back();
    open.pop_back();
    double worst = kToleranceM;
    std::size_t at = 0;
    for (std::size_t i = first + 1; i < last; ++i) {
      const double off = FromChord(points[i], points[first], points[last]);
      if (off > worst) {
        worst = off;
        at = i;
      }
    }
    if (at == 0) continue;
    kept[at] = true;
    open.emplace_back(first, at);
    open.emplace_back(at, last);
  }
  return kept;
}

Status Unfit(const std::string& what) { return {ErrorCode::kInvalidArgument, what}; }

class GeoJsonReader {
 public:
  GeoJsonReader(const LocalFrame& frame, StreetLines* lines) : frame_(frame), lines_(lines) {}

  Status Read(const json::value& value, double width_m, int depth) {
    if (depth > kNestingMax) return Unfit("GeoJSON nested too deeply");
    if (value.is_null()) return {};  // A feature without a place.
    const json::object* const object = value.if_object();
    const json::value* const type = object == nullptr ? nullptr : object->if_contains("type");
    if (type == nullptr || !type->is_string()) return Unfit("no GeoJSON: an object with a \"type\" was expected");
    const json::string& name = type->get_string();
    if (name == "FeatureCollection") return ReadAll(object->if_contains("features"), "features", width_m, depth);
    if (name == "GeometryCollection") return ReadAll(object->if_contains("geometries"), "geometries", width_m, depth);
    if (name == "Feature") {
      const json::value* const geometry = object->if_contains("geometry");
      if (geometry == nullptr) return Unfit("a Feature without \"geometry\"");
      return Read(*geometry, WidthOf(object->if_contains("properties"), width_m), depth + 1);
    }
    const json::value* const coordinates = object->if_contains("coordinates");
    if (coordinates == nullptr) return Unfit("a " + std::string(name) + " without \"coordinates\"");
    if (name == "LineString") return ReadLine(*coordinates, width_m);
    if (name == "MultiLineString" || name == "Polygon") return ReadLines(*coordinates, width_m);
    if (name == "MultiPolygon") {
      if (!coordinates->is_array()) return Unfit("coordinates are no array");
      for (const json::value& polygon : coordinates->get_array()) {
        if (Status status = ReadLines(polygon, width_m); !status.ok()) return status;
      }
      return {};
    }
    if (name == "Point" || name == "MultiPoint") return {};
    return Unfit("\"" + std::string(name) + "\" is no type of GeoJSON");
  }

 private:
  static double WidthOf(const json::value* properties, double otherwise) {
    const json::object* const object = properties == nullptr ? nullptr : properties->if_object();
    const json::value* const width = object == nullptr ? nullptr : object->if_contains("width_m");
    if (width == nullptr || !width->is_number()) return otherwise;
    return width->to_number<double>();
  }

  Status ReadAll(const json::value* list, const char* key, double width_m, int depth) {
    if (list == nullptr || !list->is_array()) return Unfit(std::string("\"") + key + "\" is no array");
    for (const json::value& entry : list->get_array()) {
      if (Status status = Read(entry, width_m, depth + 1); !status.ok()) return status;
    }
    return {};
  }

  Status ReadLines(const json::value& lines, double width_m) {
    if (!lines.is_array()) return Unfit("coordinates are no array of lines");
    for (const json::value& line : lines.get_array()) {
      if (Status status = ReadLine(line, width_m); !status.ok()) return status;
    }
    return {};
  }

  Status ReadLine(const json::value& line, double width_m) {
    if (!line.is_array()) return Unfit("a line is no array of positions");
    points_.clear();
    for (const json::value& position : line.get_array()) {
      const json::array* const numbers = position.if_array();
      if (numbers == nullptr || numbers->size() < 2 || !(*numbers)[0].is_number() || !(*numbers)[1].is_number()) {
        return Unfit("a position is [longitude, latitude]");
      }
      const GeoPoint point{(*numbers)[1].to_number<double>(), (*numbers)[0].to_number<double>()};
      if (!(std::abs(point.lat_deg) <= 85) || !(std::abs(point.lon_deg) <= 180)) {
        return Unfit("a position is [longitude, latitude] in degrees, with a latitude of at most 85");
      }
      points_.push_back(frame_.ToLocal(point));
    }
    lines_->Add(points_, width_m);
    return {};
  }

  const LocalFrame& frame_;
  StreetLines* const lines_;
  std::vector<Vec2> points_;
};

}  // namespace

void StreetLines::Add(std::span<const Vec2> points, double width_m) {
  if (points.size() < 2) return;
  for (const Vec2 point : points) {
    if (!(std::abs(point.x) <= kCoordinateMaxM) || !(std::abs(point.y) <= kCoordinateMaxM)) return;
  }
  starts_.push_back(static_cast<std::uint32_t>(x_dm_.size()));
  width_dm_.push_back(static_cast<std::uint8_t>(std::clamp(std::isfinite(width_m) ? width_m * 10 : 0, 1.0, 255.0)));
  const std::vector<bool> kept = Kept(points);
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (!kept[i]) continue;
    x_dm_.push_back(static_cast<std::int32_t>(std::lround(points[i].x * 10)));
    y_dm_.push_back(static_cast<std::int32_t>(std::lround(points[i].y * 10)));
  }
}

std::string StreetLines::Document() const {
  const auto end_of = [this](std::size_t line) { return line + 1 < starts_.size() ? starts_[line + 1] : x_dm_.size(); };
  std::vector<double> lengths(starts_.size(), 0);
  for (std::size_t line = 0; line < starts_.size(); ++line) {
    for (std::size_t i = starts_[line] + 1; i < end_of(line); ++i) {
      lengths[line] += std::hypot(x_dm_[i] - x_dm_[i - 1], y_dm_[i] - y_dm_[i - 1]);
    }
  }
  std::vector<std::size_t> order(starts_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return lengths[a] > lengths[b]; });
  std::vector<std::uint32_t> starts;
  std::vector<std::int32_t> x_dm;
  std::vector<std::int32_t> y_dm;
  std::vector<std::uint8_t> width_dm;
  for (const std::size_t line : order) {
    starts.push_back(static_cast<std::uint32_t>(x_dm.size()));
    width_dm.push_back(width_dm_[line]);
    const auto from = static_cast<std::ptrdiff_t>(starts_[line]);
    const auto until = static_cast<std::ptrdiff_t>(end_of(line));
    x_dm.insert(x_dm.end(), x_dm_.begin() + from, x_dm_.begin() + until);
    y_dm.insert(y_dm.end(), y_dm_.begin() + from, y_dm_.begin() + until);
  }
  flatbuffers::FlatBufferBuilder builder(1024 + 9 * x_dm.size());
  const auto starts_told = builder.CreateVector(starts);
  const auto x_told = builder.CreateVector(x_dm);
  const auto y_told = builder.CreateVector(y_dm);
  const auto width_told = builder.CreateVector(width_dm);
  builder.Finish(live::CreateStreets(builder, starts_told, x_told, y_told, width_told));
  return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

Result<std::string> GeoJsonStreets(std::string_view text, const LocalFrame& frame) {
  json::error_code failure;
  const json::value document = json::parse(json::string_view(text.data(), text.size()), failure);
  if (failure) return Unfit("no JSON: " + failure.message());
  StreetLines lines;
  if (Status status = GeoJsonReader(frame, &lines).Read(document, kWidthDefaultM, 0); !status.ok()) return status;
  if (lines.lines() == 0) return Unfit("it has no line");
  return lines.Document();
}

Result<std::string> ReadGeoJsonStreets(const std::string& path, const LocalFrame& frame) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return Status(ErrorCode::kIoError, path + ": " + std::strerror(errno));
  if (const auto bytes = static_cast<std::size_t>(std::max<std::streamoff>(file.tellg(), 0)); bytes > kFileBytesMax) {
    return Unfit(path + " is larger than " + std::to_string(kFileBytesMax >> 20) + " MiB");
  }
  file.seekg(0);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (file.bad()) return Status(ErrorCode::kIoError, path + ": " + std::strerror(errno));
  Result<std::string> document = GeoJsonStreets(text, frame);
  if (document.ok()) return document;
  return Status(document.status().code(), path + ": " + std::string(document.status().message()));
}

}  // namespace starling::cloud
