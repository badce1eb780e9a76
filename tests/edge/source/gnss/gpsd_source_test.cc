// The client against a stand-in for gpsd on loopback, which sends what a test tells it
// to.  A real gpsd is not needed, and is not tried here.
#include "edge/source/gnss/gpsd_source.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace starling::edge {
namespace {

using boost::asio::ip::tcp;

BootTime Now() {
  return BootTime(std::chrono::duration_cast<nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()));
}

constexpr const char* kTpv =
    R"({"class":"TPV","device":"/dev/ttyACM0","mode":3,"time":"2026-03-01T08:00:01.200Z",)"
    R"("lat":48.1351,"lon":11.582,"track":91.5,"speed":8.31})"
    "\r\n";

class Client : public testing::Test {
 protected:
  Client() : acceptor_(context_, {boost::asio::ip::address_v4::loopback(), 0}), peer_(context_) {
    port_ = acceptor_.local_endpoint().port();
  }

  void Start(milliseconds silence_max = seconds(30)) {
    GpsdSourceConfig config;
    config.port = port_;
    config.backoff_min = milliseconds(5);
    config.backoff_max = milliseconds(20);
    config.silence_max = silence_max;
    source_.emplace(config, &context_,
                    GpsdSource::Callbacks{Now, [this](const GnssFix& fix) { fixes_.push_back(fix); },
                                          [this](std::string_view why) { troubles_.emplace_back(why); }},
                    3);
    source_->Start();
  }
  template <typename Done>
  void RunUntil(Done done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!done() && std::chrono::steady_clock::now() < end) {
      context_.restart();
      context_.run_one_for(std::chrono::milliseconds(50));
    }
    ASSERT_TRUE(done());
  }
  // The stand-in takes a connection and reads what it is asked.
  std::string Accept() {
    bool accepted = false;
    acceptor_.async_accept(peer_, [&](boost::system::error_code) { accepted = true; });
    RunUntil([&] { return accepted; });
    std::string asked;
    bool read = false;
    boost::asio::async_read_until(peer_, boost::asio::dynamic_buffer(asked), '\n',
                                  [&](boost::system::error_code, std::size_t) { read = true; });
    RunUntil([&] { return read; });
    return asked;
  }
  void Send(const std::string& text) { boost::asio::write(peer_, boost::asio::buffer(text)); }

  boost::asio::io_context context_;
  tcp::acceptor acceptor_;
  tcp::socket peer_;
  std::uint16_t port_ = 0;
  std::optional<GpsdSource> source_;
  std::vector<GnssFix> fixes_;
  std::vector<std::string> troubles_;
};

TEST_F(Client, AsksToWatchAndHandsOverFixes) {
  Start();
  EXPECT_EQ(Accept(), "?WATCH={\"enable\":true,\"json\":true};\n");
  Send("{\"class\":\"VERSION\",\"release\":\"3.22\",\"proto_major\":3,\"proto_minor\":14}\r\n");
  const std::string tpv = kTpv;
  Send(tpv.substr(0, 30));
  Send(tpv.substr(30) + tpv);
  RunUntil([&] { return fixes_.size() == 2; });
  EXPECT_EQ(fixes_[0].position, (GeoPoint{48.1351, 11.582}));
  EXPECT_EQ(source_->counters().reports, 3u);
  EXPECT_TRUE(troubles_.empty());
}

TEST_F(Client, ComesBackAfterEachDisconnect) {
  Start();
  for (std::uint64_t round = 1; round <= 3; ++round) {
    Accept();
    // A line that the end cuts off must not become the beginning of the next connection's.
    Send(std::string(kTpv) + R"({"class":"TPV","mo)");
    RunUntil([&] { return fixes_.size() == round; });
    peer_.close();
    RunUntil([&] { return source_->link_counters().losses == round; });
  }
  EXPECT_EQ(source_->link_counters().connects, 3u);
  EXPECT_EQ(source_->counters().refused, 0u);
}

TEST_F(Client, WaitsForAGpsdThatIsNotThereYetAndTellsOnce) {
  acceptor_.close();
  Start();
  RunUntil([&] { return source_->link_counters().failures >= 4; });
  EXPECT_EQ(troubles_.size(), 1u);
  acceptor_ = tcp::acceptor(context_, {boost::asio::ip::address_v4::loopback(), port_});
  Accept();
  Send(kTpv);
  RunUntil([&] { return fixes_.size() == 1; });
}

TEST_F(Client, RubbishIsRefusedAndTheNextLineIsRead) {
  Start();
  Accept();
  Send("HTTP/1.1 400 Bad Request\r\n\r\n" + std::string(100'000, 'x') + "\n" + kTpv);
  RunUntil([&] { return fixes_.size() == 1; });
  EXPECT_EQ(source_->counters().refused, 2u);
  EXPECT_EQ(troubles_.size(), 2u);
}

TEST_F(Client, APeerThatHasDiedIsLeft) {
  Start(milliseconds(50));
  Accept();
  RunUntil([&] { return source_->link_counters().losses == 1; });
  RunUntil([&] { return source_->link_counters().connects == 2; });
}

TEST_F(Client, NoCallbackFollowsStop) {
  Start();
  Accept();
  Send(kTpv);
  source_->Stop();
  context_.restart();
  context_.run();
  EXPECT_TRUE(fixes_.empty());
  EXPECT_TRUE(troubles_.empty());
}

}  // namespace
}  // namespace starling::edge
