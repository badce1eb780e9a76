#include "cloud/regions/region_map_record.h"

#include <span>
#include <utility>

namespace starling::cloud {

flatbuffers::Offset<log::RegionMapChanged> PackRegionMap(const RegionMap& map,
                                                         flatbuffers::FlatBufferBuilder* builder) {
  std::vector<log::MapTile> tiles;
  tiles.reserve(map.tiles().size());
  for (const RegionTile& tile : map.tiles()) {
    tiles.emplace_back(tile.low.x, tile.low.y, static_cast<std::uint16_t>(tile.columns),
                       static_cast<std::uint16_t>(tile.rows), ToNumber(tile.region));
  }
  const auto packed = builder->CreateVectorOfStructs(tiles);
  return log::CreateRegionMapChanged(*builder, map.version(), ToNumber(map.default_region()), packed);
}

std::vector<std::byte> RegionMapRecord(const RegionMap& map, RegionId region) {
  flatbuffers::FlatBufferBuilder builder;
  const auto body = PackRegionMap(map, &builder);
  builder.Finish(log::CreateTelemetry(builder, ToNumber(region), log::TelemetryBody::RegionMapChanged, body.Union()));
  const auto bytes = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
  return {bytes.begin(), bytes.end()};
}

Result<RegionMap> UnpackRegionMap(const log::RegionMapChanged& record) {
  std::vector<RegionTile> tiles;
  tiles.reserve(record.tiles()->size());
  for (const log::MapTile* tile : *record.tiles()) {
    tiles.push_back({{tile->x(), tile->y()}, tile->columns(), tile->rows(), RegionId{tile->region()}});
  }
  return RegionMap::Make(record.version(), RegionId{record.default_region()}, std::move(tiles));
}

}  // namespace starling::cloud
