#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <initializer_list>
#include <limits>
#include <utility>

#include "cloud/regions/region_map.h"

namespace starling::cloud {
namespace {

namespace json = boost::json;

constexpr std::size_t kTextBytesMax = 1 << 20;

Status Invalid(std::string what) { return Status(ErrorCode::kInvalidArgument, std::move(what)); }

// A whole number of `object` in [least, most].
Result<std::int64_t> Number(const json::object& object, std::string_view where, std::string_view key,
                            std::int64_t least, std::int64_t most) {
  const std::string name = std::string(where) + "." + std::string(key);
  const json::value* const value = object.if_contains(key);
  if (value == nullptr) return Invalid(name + " is missing");
  boost::system::error_code failure;
  const auto number = value->to_number<std::int64_t>(failure);
  if (failure || number < least || number > most) {
    return Invalid(name + " must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return number;
}

Status OnlyKnown(const json::object& object, std::string_view where, std::initializer_list<std::string_view> keys) {
  for (const auto& member : object) {
    bool known = false;
    for (const std::string_view key : keys) known |= key == std::string_view(member.key());
    if (!known) return Invalid(std::string(where) + " has an unknown key \"" + std::string(member.key()) + "\"");
  }
  return Status();
}

constexpr std::int64_t kRegionMax = std::numeric_limits<std::uint32_t>::max();

Result<RegionTile> ReadTile(const json::value& value, const std::string& where) {
  const json::object* const object = value.if_object();
  if (object == nullptr) return Invalid(where + " is not an object");
  if (Status status = OnlyKnown(*object, where, {"region", "x", "y", "columns", "rows"}); !status.ok()) return status;
  const auto region = Number(*object, where, "region", 0, kRegionMax);
  const auto x = Number(*object, where, "x", -RegionMap::kCellMax, RegionMap::kCellMax);
  const auto y = Number(*object, where, "y", -RegionMap::kCellMax, RegionMap::kCellMax);
  const auto columns = Number(*object, where, "columns", 1, RegionMap::kSpanMax);
  const auto rows = Number(*object, where, "rows", 1, RegionMap::kSpanMax);
  for (const auto* number : {&region, &x, &y, &columns, &rows}) {
    if (!number->ok()) return number->status();
  }
  return RegionTile{{static_cast<std::int32_t>(x.value()), static_cast<std::int32_t>(y.value())},
                    static_cast<std::int32_t>(columns.value()), static_cast<std::int32_t>(rows.value()),
                    RegionId{static_cast<std::uint32_t>(region.value())}};
}

}  // namespace

Result<RegionMap> RegionMap::FromJson(std::string_view text) {
  if (text.size() > kTextBytesMax) return Invalid("a region map is at most 1 MiB long");
  boost::system::error_code failure;
  const json::value value = json::parse(json::string_view(text.data(), text.size()), failure);
  if (failure) return Invalid("not JSON: " + failure.message());
  const json::object* const root = value.if_object();
  if (root == nullptr) return Invalid("a region map is an object");
  if (Status status = OnlyKnown(*root, "map", {"version", "default_region", "tiles"}); !status.ok()) return status;
  const auto version = Number(*root, "map", "version", 0, std::numeric_limits<std::int64_t>::max());
  if (!version.ok()) return version.status();
  const auto default_region = Number(*root, "map", "default_region", 0, kRegionMax);
  if (!default_region.ok()) return default_region.status();
  std::vector<RegionTile> tiles;
  if (const json::value* listed = root->if_contains("tiles")) {
    const json::array* const array = listed->if_array();
    if (array == nullptr) return Invalid("map.tiles is not an array");
    for (std::size_t i = 0; i < array->size(); ++i) {
      Result<RegionTile> tile = ReadTile((*array)[i], "tiles[" + std::to_string(i) + "]");
      if (!tile.ok()) return tile.status();
      tiles.push_back(tile.value());
    }
  }
  return Make(static_cast<std::uint64_t>(version.value()),
              RegionId{static_cast<std::uint32_t>(default_region.value())}, std::move(tiles));
}

std::string RegionMap::ToJson() const {
  std::string text = "{\n  \"version\": " + std::to_string(version_) +
                     ",\n  \"default_region\": " + std::to_string(ToNumber(default_region_)) + ",\n  \"tiles\": [";
  for (std::size_t i = 0; i < tiles_.size(); ++i) {
    const RegionTile& tile = tiles_[i];
    text += i == 0 ? "\n" : ",\n";
    text += "    {\"region\": " + std::to_string(ToNumber(tile.region)) + ", \"x\": " + std::to_string(tile.low.x) +
            ", \"y\": " + std::to_string(tile.low.y) + ", \"columns\": " + std::to_string(tile.columns) +
            ", \"rows\": " + std::to_string(tile.rows) + "}";
  }
  text += tiles_.empty() ? "]\n}\n" : "\n  ]\n}\n";
  return text;
}

}  // namespace starling::cloud
