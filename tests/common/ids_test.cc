#include "common/ids.h"

#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace starling {
namespace {

TEST(VehicleId, KeepsEveryNameThatIsOne) {
  for (const std::string& name : std::vector<std::string>{"a", "veh-00001", "WVWZZZ1JZXW000001", "bus.7_b",
                                                          std::string(24, 'x')}) {
    const auto id = VehicleId::Parse(name);
    ASSERT_TRUE(id.ok()) << name;
    EXPECT_EQ(id.value().view(), name);
  }
}

TEST(VehicleId, RefusesWhatCouldBeAPathOrACommand) {
  for (const std::string& name : std::vector<std::string>{
           "", std::string(25, 'x'), "../ca", "-rf", ".hidden", "a/b", "a b", std::string("a\0b", 3), "veh\n1", "é"}) {
    EXPECT_FALSE(VehicleId::Parse(name).ok()) << '"' << name << '"';
  }
}

TEST(VehicleId, HashesDifferForTenThousandNeighbours) {
  std::set<std::uint64_t> hashes;
  for (int i = 0; i < 10'000; ++i) {
    hashes.insert(VehicleId::Parse("veh-" + std::to_string(i)).value().Hash());
  }
  EXPECT_EQ(hashes.size(), 10'000u);
}

}  // namespace
}  // namespace starling
