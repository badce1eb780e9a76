#include "cloud/roles/gateway_role.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace starling::cloud {
namespace {

// Region 0, and north-east of the origin region 1.
RegionMap TwoRegions() {
  auto map = RegionMap::Make(1, RegionId{0}, {{{0, 0}, 20, 20, RegionId{1}}});
  EXPECT_TRUE(map.ok()) << map.status().message();
  return std::move(map).value();
}

TEST(GatewayRole, ReadsTheCommandsOfAMapWhoseRegionsItWasStartedWith) {
  EXPECT_TRUE(CheckRegionsAreRead(TwoRegions(), std::vector{RegionId{0}, RegionId{1}}).ok());
  EXPECT_TRUE(CheckRegionsAreRead(TwoRegions(), std::vector{RegionId{0}, RegionId{1}, RegionId{7}}).ok());
}

TEST(GatewayRole, RefusesAMapThatAddsARegionWhoseCommandsItDoesNotRead) {
  const auto split = TwoRegions().Split(RegionId{1}, RegionId{2});
  ASSERT_TRUE(split.ok());
  const Status status = CheckRegionsAreRead(split.value(), std::vector{RegionId{0}, RegionId{1}});
  EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(status.message().find("region 2"), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("--regions"), std::string::npos) << status.message();
}

}  // namespace
}  // namespace starling::cloud
