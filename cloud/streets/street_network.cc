#include "cloud/streets/street_network.h"

#include <algorithm>

namespace starling::cloud {

std::optional<EdgeIndex> StreetNetwork::FindEdge(std::string_view id) const {
  const auto found = std::lower_bound(edges_by_id_.begin(), edges_by_id_.end(), id,
                                      [this](EdgeIndex edge, std::string_view name) { return edges_[edge].id < name; });
  if (found == edges_by_id_.end() || edges_[*found].id != id) return std::nullopt;
  return *found;
}

}  // namespace starling::cloud
