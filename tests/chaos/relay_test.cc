#include "sim/chaos/relay.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace starling::sim {
namespace {

using std::chrono::steady_clock;

// A blocking socket with the verbs of the test.
class Socket {
 public:
  Socket() : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {}
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }

  void Say(const std::string& text) {
    EXPECT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  bool Readable(int ms) const {
    pollfd asked{fd_, POLLIN, 0};
    return ::poll(&asked, 1, ms) == 1;
  }
  // `count` bytes, fewer if the peer ends or falls silent.
  std::string Hear(std::size_t count) {
    std::string heard;
    while (heard.size() < count && Readable(3000)) {
      char bytes[4096];
      const ssize_t got = ::recv(fd_, bytes, std::min(sizeof bytes, count - heard.size()), 0);
      if (got <= 0) break;
      heard.append(bytes, static_cast<std::size_t>(got));
    }
    return heard;
  }
  bool Ended() {
    char byte;
    return Readable(3000) && ::recv(fd_, &byte, 1, 0) <= 0;
  }

 private:
  int fd_;
};

sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

class RelayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    sockaddr_in address = Loopback(0);
    ASSERT_EQ(::bind(listener_.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(listener_.fd(), 64), 0);
    socklen_t size = sizeof address;
    ASSERT_EQ(::getsockname(listener_.fd(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    auto relay = Relay::Start(ntohs(address.sin_port), 1);
    ASSERT_TRUE(relay.ok());
    relay_ = std::move(relay).value();
  }
  Socket Vehicle() {
    Socket vehicle;
    sockaddr_in address = Loopback(relay_->port());
    EXPECT_EQ(::connect(vehicle.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return vehicle;
  }
  // What the relay has connected next.
  Socket Gateway() {
    EXPECT_TRUE(listener_.Readable(3000));
    return Socket(::accept(listener_.fd(), nullptr, nullptr));
  }

  Socket listener_;
  std::unique_ptr<Relay> relay_;
};

TEST_F(RelayTest, PassesBytesBothWays) {
  Socket vehicle = Vehicle();
  Socket gateway = Gateway();
  vehicle.Say("hello");
  EXPECT_EQ(gateway.Hear(5), "hello");
  gateway.Say("welcome");
  EXPECT_EQ(vehicle.Hear(7), "welcome");
  EXPECT_EQ(relay_->counters().bytes_up, 5u);
  EXPECT_EQ(relay_->counters().bytes_down, 7u);
}

TEST_F(RelayTest, EndIsPassedOnAfterTheLastByte) {
  Socket gateway = [&] {
    Socket vehicle = Vehicle();
    Socket accepted = Gateway();
    vehicle.Say("bye");
    return accepted;
  }();
  EXPECT_EQ(gateway.Hear(3), "bye");
  EXPECT_TRUE(gateway.Ended());
}

TEST_F(RelayTest, CutResetsBothEnds) {
  Socket vehicle = Vehicle();
  Socket gateway = Gateway();
  vehicle.Say("x");
  ASSERT_EQ(gateway.Hear(1), "x");
  relay_->Cut(1);
  EXPECT_TRUE(vehicle.Ended());
  EXPECT_TRUE(gateway.Ended());
}

TEST_F(RelayTest, CutOfAShareLeavesTheOthersAndIsTheSameForOneSeed) {
  std::vector<Socket> vehicles;
  std::vector<Socket> gateways;
  for (int i = 0; i < 40; ++i) {
    vehicles.push_back(Vehicle());
    gateways.push_back(Gateway());
    vehicles.back().Say("x");
    ASSERT_EQ(gateways.back().Hear(1), "x");
  }
  relay_->Cut(0.5);
  std::size_t alive = 0;
  for (std::size_t i = 0; i < vehicles.size(); ++i) {
    gateways[i].Readable(0);
    if (!vehicles[i].Readable(i == 0 ? 300 : 20)) ++alive;
  }
  EXPECT_EQ(alive, 40 - relay_->counters().cut);
  EXPECT_GT(alive, 5u);
  EXPECT_LT(alive, 35u);
}

TEST_F(RelayTest, RefusedUntilHealed) {
  relay_->Refuse(true);
  EXPECT_TRUE(Vehicle().Ended());
  relay_->Heal();
  Socket vehicle = Vehicle();
  Socket gateway = Gateway();
  vehicle.Say("x");
  EXPECT_EQ(gateway.Hear(1), "x");
}

TEST_F(RelayTest, StallHoldsBytesOfOneDirectionAndHealingDeliversThem) {
  Socket vehicle = Vehicle();
  Socket gateway = Gateway();
  vehicle.Say("x");
  ASSERT_EQ(gateway.Hear(1), "x");
  LinkWeather stall;
  stall.stalled = true;
  relay_->SetWeather(Direction::kDown, stall, 1);
  gateway.Say("late");
  vehicle.Say("up");
  EXPECT_EQ(gateway.Hear(2), "up");
  EXPECT_FALSE(vehicle.Readable(150));
  relay_->Heal();
  EXPECT_EQ(vehicle.Hear(4), "late");
}

TEST_F(RelayTest, DelayIsKeptAndJitterReordersNothing) {
  LinkWeather slow;
  slow.delay = milliseconds(100);
  slow.jitter = milliseconds(40);
  relay_->SetWeather(Direction::kUp, slow, 1);
  Socket vehicle = Vehicle();
  Socket gateway = Gateway();
  const auto start = steady_clock::now();
  std::string said;
  for (int i = 0; i < 20; ++i) {
    vehicle.Say(std::to_string(i) + " ");
    said += std::to_string(i) + " ";
    gateway.Readable(5);
  }
  EXPECT_EQ(gateway.Hear(said.size()), said);
  EXPECT_GE(steady_clock::now() - start, milliseconds(100));
}

TEST_F(RelayTest, RateIsLimited) {
  LinkWeather thin;
  thin.bytes_per_second = 20'000;
  relay_->SetWeather(Direction::kUp, thin, 1);
  Socket vehicle = Vehicle();
  Socket gateway = Gateway();
  const auto start = steady_clock::now();
  const std::string said(6'000, 'x');
  vehicle.Say(said);
  EXPECT_EQ(gateway.Hear(said.size()), said);
  EXPECT_GE(steady_clock::now() - start, milliseconds(250));
}

TEST_F(RelayTest, HalfCloseEndsOneDirectionOnly) {
  Socket vehicle = Vehicle();
  Socket gateway = Gateway();
  vehicle.Say("x");
  ASSERT_EQ(gateway.Hear(1), "x");
  relay_->HalfClose(Direction::kUp, 1);
  EXPECT_TRUE(gateway.Ended());
  gateway.Say("still here");
  EXPECT_EQ(vehicle.Hear(10), "still here");
}

TEST_F(RelayTest, NobodyUpstreamEndsTheVehiclesConnection) {
  relay_->SetUpstream(1);
  EXPECT_TRUE(Vehicle().Ended());
}

}  // namespace
}  // namespace starling::sim
