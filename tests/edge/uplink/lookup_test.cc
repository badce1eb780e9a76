// Gateways by name, where looking one up takes for ever.
#include <dlfcn.h>
#include <netdb.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "edge/uplink/uplink.h"
#include "tests/edge/uplink/uplink_fixture.h"

namespace {

constexpr const char* kHanging = "hangs.example";

// Stored by the test or the resolver's thread, read by the other one; they order nothing else.
std::atomic<bool> hanging{false};
std::atomic<int> lookups{0};

}  // namespace

// The system's, but for the one name.
extern "C" int getaddrinfo(const char* node, const char* service, const struct addrinfo* hints,
                           struct addrinfo** found) {
  if (node != nullptr && std::strcmp(node, kHanging) == 0) {
    ++lookups;
    while (hanging) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return EAI_AGAIN;
  }
  using Function = int (*)(const char*, const char*, const struct addrinfo*, struct addrinfo**);
  static const auto system = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return system(node, service, hints, found);
}

namespace starling::edge {
namespace {

class Lookup : public UplinkTest {
 protected:
  ~Lookup() override { hanging = false; }
};

// Lookups are made one after the other: each that is left over would hang as well.
TEST_F(Lookup, OneThatIsGivenUpIsNotMadeBeforeThoseThatAreWanted) {
  hanging = true;
  config_.host = kHanging;
  config_.others = {{"localhost", gateway_.port()}};
  config_.connect_timeout = milliseconds(20);
  MakeUplink();
  RunUntil([this] { return uplink_->counters().failures == 10; });
  EXPECT_EQ(lookups, 1);
  hanging = false;
  RunUntil([this] { return agent_->welcomed(); });
  // Of the five that were given up, the one that was under way, and those of attempts since.
  const std::uint64_t attempts_since = uplink_->counters().failures - 10;
  EXPECT_LE(static_cast<std::uint64_t>(lookups), 2 + attempts_since / 2);
}

}  // namespace
}  // namespace starling::edge
