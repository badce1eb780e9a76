#include "sim/fleet/byte_baseline.h"

#include <gtest/gtest.h>

#include <string>

namespace starling::sim {
namespace {

// MQTT 3.1.1: 0x30|qos 1, remaining length 2 bytes (from 128 on), topic length 2,
// "fleet/veh-00001/telemetry" 25, packet identifier 2; TLS 1.3 adds 22.
TEST(JsonOverMqtt, CountsHeadersOfBothLayers) {
  const JsonMqttBytes bytes = JsonOverMqtt("veh-00001", 200);
  EXPECT_EQ(bytes.up, 1u + 2 + 2 + 25 + 2 + 200 + 22);
  EXPECT_EQ(bytes.down, 4u + 22);
}

TEST(JsonOverMqtt, RemainingLengthGrowsAt128) {
  EXPECT_EQ(JsonOverMqtt("veh-00001", 127 - 29).up, 1u + 1 + 127 + 22);
  EXPECT_EQ(JsonOverMqtt("veh-00001", 128 - 29).up, 1u + 2 + 128 + 22);
}

TEST(ByteBaseline, LooksAtAboutOneInAThousandAndScales) {
  std::uint64_t picked = 0;
  for (std::uint64_t i = 0; i < 1'000'000; ++i) picked += ByteBaseline::Picks(i) ? 1u : 0u;
  EXPECT_NEAR(static_cast<double>(picked), 1000, 150);

  ByteBaseline baseline;
  baseline.Record("veh-00001", std::string(200, 'x') + "\n");
  baseline.Record("veh-00002", std::string(200, 'x'));
  EXPECT_EQ(baseline.looked_at(), 2u);
  EXPECT_EQ(baseline.Scaled(1000).up, 1000 * JsonOverMqtt("veh-00001", 200).up);
  EXPECT_DOUBLE_EQ(baseline.json_line_mean_bytes(), 200);
}

TEST(ByteBaseline, WithoutALookThereIsNoBaseline) {
  EXPECT_EQ(ByteBaseline().Scaled(1000).up, 0u);
}

}  // namespace
}  // namespace starling::sim
