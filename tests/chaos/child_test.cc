#include "sim/chaos/child.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>

namespace starling::sim {
namespace {

Command Sleeper() {
  Command command;
  command.words = {"/bin/sleep", "60"};
  command.output = (std::filesystem::temp_directory_path() / "starling-child-test.log").string();
  return command;
}

TEST(Child, HoldsNoConnectionOfItsParentOpen) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  Result<Child> child = Child::Start(Sleeper());
  ASSERT_TRUE(child.ok());
  ::close(ends[1]);
  // The end comes when the program has begun, and does not come if it has the socket.
  char byte = 0;
  EXPECT_EQ(::read(ends[0], &byte, 1), 0);
  ::close(ends[0]);
}

TEST(Child, TellsHowItEnded) {
  Result<Child> child = Child::Start(Sleeper());
  ASSERT_TRUE(child.ok());
  EXPECT_TRUE(child.value().Running());
  child.value().Signal(SIGKILL);
  EXPECT_EQ(child.value().Wait(seconds(20)), 128 + SIGKILL);
}

}  // namespace
}  // namespace starling::sim
