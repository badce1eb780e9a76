#include "edge/uplink/endpoint.h"

#include <gtest/gtest.h>

namespace starling::edge {
namespace {

TEST(Endpoint, ReadsHostAndPort) {
  const auto endpoint = ParseEndpoint("cloud.example:7443");
  ASSERT_TRUE(endpoint.ok());
  EXPECT_EQ(endpoint.value().host, "cloud.example");
  EXPECT_EQ(endpoint.value().port, 7443);
}

TEST(Endpoint, ReadsAnAddressOfIpv6InBrackets) {
  const auto endpoint = ParseEndpoint("[::1]:1");
  ASSERT_TRUE(endpoint.ok());
  EXPECT_EQ(endpoint.value().host, "::1");
  EXPECT_EQ(endpoint.value().port, 1);
}

TEST(Endpoint, IsWrittenAsItIsRead) {
  for (const char* text : {"cloud.example:7443", "127.0.0.1:1", "[::1]:65535"}) {
    EXPECT_EQ(ToText(ParseEndpoint(text).value()), text);
  }
}

TEST(Endpoint, AnythingElseIsRefused) {
  for (const char* text : {"", ":", "host", "host:", ":7443", "host:0", "host:65536", "host:-1", "host:+1",
                           "host:7443x", "host: 7443", "::1:7443", "[]:1"}) {
    EXPECT_FALSE(ParseEndpoint(text).ok()) << text;
  }
}

}  // namespace
}  // namespace starling::edge
