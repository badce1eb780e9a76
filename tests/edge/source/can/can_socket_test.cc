// The reader of SocketCAN.  Interfaces can only be made by root with the module vcan, so
// frames come over a pair of local sockets here, as the kernel would hand them over;
// opening an interface is tried as far as to its absence, and with vcan where there is
// one (STARLING_VCAN names it).
#include "edge/source/can/can_socket.h"

#include <linux/can.h>
#include <linux/can/raw.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace starling::edge {
namespace {

class Socket : public testing::Test {
 protected:
  void Make(const std::string& interface) {
    CanSocketConfig config;
    config.interface = interface;
    config.backoff_min = milliseconds(5);
    config.backoff_max = milliseconds(10);
    ASSERT_TRUE(config.Validate().ok());
    socket_.emplace(config, std::vector<CanDecoder::Id>{{0x123, false}, {0x18FEF100, true}}, &context_,
                    CanSocket::Callbacks{[this](const CanFrame& frame) { frames_.push_back(frame); },
                                         [this](std::string_view why) { troubles_.emplace_back(why); }},
                    5);
  }
  template <typename Done>
  void RunUntil(Done done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done() && std::chrono::steady_clock::now() < end) {
      context_.restart();
      context_.run_one_for(std::chrono::milliseconds(50));
    }
    ASSERT_TRUE(done());
  }

  boost::asio::io_context context_;
  std::optional<CanSocket> socket_;
  std::vector<CanFrame> frames_;
  std::vector<std::string> troubles_;
};

TEST_F(Socket, FramesOfBothKindsAreHandedOverAndOthersCounted) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
  Make("can0");
  socket_->Adopt(ends[0]);
  can_frame classic{};
  classic.can_id = 0x123;
  classic.len = 2;
  classic.data[1] = 0xAB;
  ASSERT_EQ(::write(ends[1], &classic, sizeof(classic)), static_cast<ssize_t>(CAN_MTU));
  canfd_frame fd{};
  fd.can_id = 0x18FEF100 | CAN_EFF_FLAG;
  fd.len = 64;
  fd.data[63] = 0xCD;
  ASSERT_EQ(::write(ends[1], &fd, sizeof(fd)), static_cast<ssize_t>(CANFD_MTU));
  classic.can_id = 0x123 | CAN_RTR_FLAG;
  ASSERT_EQ(::write(ends[1], &classic, sizeof(classic)), static_cast<ssize_t>(CAN_MTU));
  classic.can_id = 0x123;
  classic.len = 200;                     // longer than such a frame can be
  ASSERT_EQ(::write(ends[1], &classic, sizeof(classic)), static_cast<ssize_t>(CAN_MTU));
  RunUntil([&] { return frames_.size() == 3; });
  EXPECT_EQ(frames_[0].id, 0x123u);
  EXPECT_FALSE(frames_[0].extended);
  EXPECT_EQ(frames_[0].size, 2);
  EXPECT_EQ(frames_[0].data[1], 0xAB);
  EXPECT_EQ(frames_[1].id, 0x18FEF100u);
  EXPECT_TRUE(frames_[1].extended);
  EXPECT_EQ(frames_[1].size, 64);
  EXPECT_EQ(frames_[1].data[63], 0xCD);
  EXPECT_EQ(frames_[2].size, 8);
  EXPECT_EQ(socket_->counters().frames_other, 1u);
  // The other end leaves: lost, told, and tried again.
  ::close(ends[1]);
  RunUntil([&] { return socket_->counters().losses == 1; });
  ASSERT_FALSE(troubles_.empty());
}

TEST_F(Socket, AnInterfaceThatIsNotThereIsToldOnceAndTriedAgain) {
  Make("nocan77");
  socket_->Start();
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
  while (std::chrono::steady_clock::now() < end) context_.run_one_for(std::chrono::milliseconds(20));
  EXPECT_EQ(troubles_.size(), 1u);
  EXPECT_EQ(socket_->counters().opens, 0u);
  socket_->Stop();
  context_.restart();
  context_.run();                        // nothing is left behind
}

// Where the kernel has vcan (ip link add vcan0 type vcan): STARLING_VCAN=vcan0, --gtest_also_run_disabled_tests.
TEST_F(Socket, DISABLED_ReadsTheWantedFramesOfAnInterface) {
  const char* const name = std::getenv("STARLING_VCAN");
  ASSERT_NE(name, nullptr) << "STARLING_VCAN names no interface";
  Make(name);
  socket_->Start();
  ASSERT_EQ(socket_->counters().opens, 1u) << troubles_.at(0);
  const int writer = ::socket(PF_CAN, SOCK_RAW, CAN_RAW);
  sockaddr_can address{};
  address.can_family = AF_CAN;
  address.can_ifindex = static_cast<int>(::if_nametoindex(name));
  ASSERT_EQ(::bind(writer, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  can_frame frame{};
  for (const unsigned id : {0x124u, 0x123u}) {
    frame.can_id = id;
    frame.len = 1;
    ASSERT_EQ(::write(writer, &frame, sizeof(frame)), static_cast<ssize_t>(CAN_MTU));
  }
  ::close(writer);
  RunUntil([&] { return !frames_.empty(); });
  EXPECT_EQ(frames_[0].id, 0x123u);      // the other one was not wanted
}

TEST(CanSocketConfig, ANameThatNoInterfaceHasIsRefused) {
  EXPECT_FALSE(CanSocketConfig{}.Validate().ok());
  EXPECT_FALSE(CanSocketConfig{.interface = "averyveryverylongname"}.Validate().ok());
}

}  // namespace
}  // namespace starling::edge
