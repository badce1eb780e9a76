// The live map over real sockets: who gets it, who is refused, and what a bad viewer can do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/websocket.hpp>

#include "cloud/console/console.h"
#include "cloud/console/live_hub.h"
#include "cloud/console/live_streets.h"
#include "tests/cloud/console/fake_source.h"
#include "tests/cloud/console/live_mirror.h"

namespace starling::cloud {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using boost::system::error_code;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A shard with some vehicles in a row, that answers at once.
class LiveSource final : public FakeSource {
 public:
  explicit LiveSource(Slot vehicles) : vehicles_(vehicles) {}

  std::size_t Shards() override { return 1; }
  Status Look(std::size_t, const PictureQuery& query, const std::function<void(ShardPicture)>& seen) override {
    ShardPicture picture;
    picture.at = query.at;
    picture.first = query.first;
    picture.count = query.count;
    picture.slots = vehicles_;
    for (Slot slot = query.first; slot < std::min(vehicles_, query.first + query.count); ++slot) {
      PictureVehicle vehicle;
      vehicle.slot = slot;
      vehicle.vehicle = Name("veh-" + std::to_string(slot));
      vehicle.position = {static_cast<double>(slot), 0};
      vehicle.near = {15, 0};
      vehicle.far = {30, 0};
      // Never where it was predicted: frames are as large as they can be.
      vehicle.position.y = ++looks_ % 2 == 0 ? 0 : 500;
      picture.vehicles.push_back(vehicle);
    }
    picture.rest = query.rest;
    picture.vehicles_known = vehicles_;
    seen(std::move(picture));
    return {};
  }

 private:
  const Slot vehicles_;
  std::size_t looks_ = 0;
};

class Live : public ::testing::Test {
 protected:
  using Socket = websocket::stream<tcp::socket>;

  void Open(Slot vehicles, ConsoleConfig config = {}) {
    source_ = std::make_unique<LiveSource>(vehicles);
    config.port = 0;
    console_ = std::make_unique<Console>(config, source_.get());
    ASSERT_TRUE(console_->Start().ok());
  }

  tcp::endpoint Endpoint() const { return {asio::ip::make_address("127.0.0.1"), console_->port()}; }
  std::string Host() const { return "127.0.0.1:" + std::to_string(console_->port()); }

  error_code Join(Socket* socket, const std::string& protocol = std::string(kLiveProtocol),
                  const std::string& origin = "") {
    error_code failure;
    socket->next_layer().connect(Endpoint(), failure);
    if (failure) return failure;
    socket->set_option(websocket::stream_base::decorator([&](websocket::request_type& request) {
      if (!protocol.empty()) request.set(beast::http::field::sec_websocket_protocol, protocol);
      if (!origin.empty()) request.set(beast::http::field::origin, origin);
    }));
    socket->read_message_max(64 << 20);
    socket->handshake(Host(), std::string(kLivePath), failure);
    socket->binary(true);
    return failure;
  }

  static std::string View(double side) {
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(live::CreateView(builder, -side, -side, side, side, 1));
    return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
  }

  static error_code Say(Socket* socket, const std::string& message) {
    error_code failure;
    socket->write(asio::buffer(message), failure);
    return failure;
  }

  static error_code TakeFrame(Socket* socket, LiveMirror* mirror) {
    beast::flat_buffer buffer;
    error_code failure;
    socket->read(buffer, failure);
    if (!failure) mirror->Take({static_cast<const std::uint8_t*>(buffer.cdata().data()), buffer.size()});
    return failure;
  }

  // The close code with which the server ends it, whatever comes before.
  static std::uint16_t AwaitClose(Socket* socket) {
    error_code failure;
    while (!failure) {
      beast::flat_buffer buffer;
      socket->read(buffer, failure);
    }
    return failure == websocket::error::closed ? socket->reason().code : std::uint16_t{0};
  }

  std::string Ask(const std::string& text) {
    tcp::socket socket(context_);
    socket.connect(Endpoint());
    asio::write(socket, asio::buffer(text));
    std::string answer;
    error_code end;
    asio::read(socket, asio::dynamic_buffer(answer), end);
    return answer;
  }

  asio::io_context context_;
  std::unique_ptr<LiveSource> source_;
  std::unique_ptr<Console> console_;
};

TEST_F(Live, TellsEveryVehicleAndGoesOn) {
  Open(2'000);
  Socket socket(context_);
  ASSERT_FALSE(Join(&socket));
  ASSERT_FALSE(Say(&socket, View(100'000)));
  LiveMirror mirror;
  while (mirror.vehicles().size() < 2'000) ASSERT_FALSE(TakeFrame(&socket, &mirror));
  const std::uint32_t frames = mirror.frames();
  while (mirror.frames() < frames + 3) ASSERT_FALSE(TakeFrame(&socket, &mirror));
  EXPECT_EQ(mirror.in_view(), 2'000u);
}

TEST_F(Live, TellsOnlyWhatIsInView) {
  Open(2'000);
  Socket socket(context_);
  ASSERT_FALSE(Join(&socket));
  ASSERT_FALSE(Say(&socket, View(600)));
  LiveMirror mirror;
  for (int i = 0; i < 5; ++i) ASSERT_FALSE(TakeFrame(&socket, &mirror));
  EXPECT_GE(mirror.vehicles().size(), 600u);
  EXPECT_LE(mirror.vehicles().size(), 1'000u);
}

TEST_F(Live, SaysNothingBeforeItKnowsWhatIsInView) {
  Open(10);
  Socket socket(context_);
  ASSERT_FALSE(Join(&socket));
  error_code failure;
  socket.next_layer().non_blocking(true);
  beast::flat_buffer buffer;
  // Two intervals.
  asio::steady_timer timer(context_, milliseconds(500));
  timer.wait();
  socket.read(buffer, failure);
  EXPECT_EQ(failure, asio::error::would_block);
}

TEST_F(Live, RefusesAnotherProtocolAnotherSitesPageAndPlainHttp) {
  Open(10);
  for (const char* protocol : {"", "starling.live.2", "mqtt", "starling.live.11"}) {
    Socket socket(context_);
    EXPECT_TRUE(Join(&socket, protocol)) << protocol;
  }
  Socket foreign(context_);
  EXPECT_TRUE(Join(&foreign, std::string(kLiveProtocol), "https://elsewhere.example"));
  Socket opaque(context_);
  EXPECT_TRUE(Join(&opaque, std::string(kLiveProtocol), "null"));
  Socket own(context_);
  EXPECT_FALSE(Join(&own, "other, " + std::string(kLiveProtocol), "http://" + Host()));
  EXPECT_THAT(Ask("GET /v1/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), StartsWith("HTTP/1.1 426 "));
}

TEST_F(Live, ClosesWhoSendsWhatIsNoView) {
  Open(10);
  for (const std::string& message : {std::string("{}"), std::string(100, '\xff'), std::string(1, '\0')}) {
    Socket socket(context_);
    ASSERT_FALSE(Join(&socket));
    ASSERT_FALSE(Say(&socket, message));
    EXPECT_EQ(AwaitClose(&socket), websocket::close_code::bad_payload);
  }
  Socket text(context_);
  ASSERT_FALSE(Join(&text));
  text.text(true);
  (void)Say(&text, "hello");
  EXPECT_NE(AwaitClose(&text), 0);
}

TEST_F(Live, ClosesWhoSendsTooMuchAtOnceOrTooOften) {
  Open(10);
  Socket large(context_);
  ASSERT_FALSE(Join(&large));
  (void)Say(&large, std::string(100'000, 'x'));
  // What the server has not read resets the connection, and its reason may be lost on the way.
  const std::uint16_t code = AwaitClose(&large);
  EXPECT_TRUE(code == websocket::close_code::too_big || code == 0) << code;

  Socket flood(context_);
  ASSERT_FALSE(Join(&flood));
  const std::string view = View(100);
  for (int i = 0; i < 500 && !Say(&flood, view); ++i) {
  }
  (void)AwaitClose(&flood);
  error_code failure;
  flood.next_layer().write_some(asio::buffer(view), failure);
  // Whoever behaves is still served.
  Socket other(context_);
  ASSERT_FALSE(Join(&other));
  ASSERT_FALSE(Say(&other, view));
  LiveMirror mirror;
  EXPECT_FALSE(TakeFrame(&other, &mirror));
}

TEST_F(Live, ClosesWhoNeverReadsAndServesTheOthersMeanwhile) {
  ConsoleConfig config;
  config.live.interval = milliseconds(50);
  config.live.stalled_max = milliseconds(300);
  config.live.viewers_max = 2;
  Open(20'000, config);
  Socket stalled(context_);
  ASSERT_FALSE(Join(&stalled));
  stalled.next_layer().set_option(asio::socket_base::receive_buffer_size(4096));
  ASSERT_FALSE(Say(&stalled, View(100'000)));
  Socket reader(context_);
  ASSERT_FALSE(Join(&reader));
  ASSERT_FALSE(Say(&reader, View(100'000)));
  for (std::uint32_t i = 0; i < 25; ++i) {
    beast::flat_buffer buffer;
    error_code failure;
    reader.read(buffer, failure);
    ASSERT_FALSE(failure);
    ASSERT_EQ(live::GetFrame(buffer.cdata().data())->sequence(), i);
  }
  // It has made room for another one.
  Socket third(context_);
  EXPECT_FALSE(Join(&third));
}

TEST_F(Live, TakesSoManyViewersAndNoMore) {
  ConsoleConfig config;
  config.live.viewers_max = 2;
  Open(10, config);
  Socket first(context_);
  Socket second(context_);
  Socket third(context_);
  EXPECT_FALSE(Join(&first));
  EXPECT_FALSE(Join(&second));
  EXPECT_EQ(Join(&third), websocket::error::upgrade_declined);
}

TEST_F(Live, StopsWithViewersThere) {
  Open(100);
  Socket socket(context_);
  ASSERT_FALSE(Join(&socket));
  ASSERT_FALSE(Say(&socket, View(1'000)));
  LiveMirror mirror;
  ASSERT_FALSE(TakeFrame(&socket, &mirror));
  console_->Stop();
  EXPECT_EQ(AwaitClose(&socket), 0);
}

TEST_F(Live, SaysSoWhereThereIsNoShard) {
  FakeSource gateway;
  ConsoleConfig config;
  config.port = 0;
  console_ = std::make_unique<Console>(config, &gateway);
  ASSERT_TRUE(console_->Start().ok());
  Socket socket(context_);
  ASSERT_FALSE(Join(&socket));
  ASSERT_FALSE(Say(&socket, View(100)));
  beast::flat_buffer buffer;
  socket.read(buffer);
  const auto& frame = *live::GetFrame(buffer.cdata().data());
  ASSERT_NE(frame.status(), nullptr);
  EXPECT_THAT(frame.status()->str(), HasSubstr("no shard"));
}

// ---------------------------------------------------------------- streets

constexpr FrameOrigin kMunich{481'351'000, 115'820'000};

TEST(GeoJsonStreetsTest, KeepsLinesTheLongestFirstAndThinsThemOut) {
  const LocalFrame frame(kMunich);
  const Result<std::string> document = GeoJsonStreets(
      R"({"type": "FeatureCollection", "features": [
          {"type": "Feature", "properties": {"width_m": 3.2}, "geometry":
            {"type": "LineString", "coordinates": [[11.582, 48.1351], [11.583, 48.1351]]}},
          {"type": "Feature", "properties": null, "geometry":
            {"type": "LineString", "coordinates": [[11.582, 48.1351], [11.582, 48.1361], [11.582, 48.1371]]}},
          {"type": "Feature", "properties": {}, "geometry": null},
          {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [11.5, 48.1]}}]})",
      frame);
  ASSERT_TRUE(document.ok()) << document.status().message();
  flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(document.value().data()), document.value().size());
  ASSERT_TRUE(verifier.VerifyBuffer<live::Streets>(nullptr));
  const auto& streets = *flatbuffers::GetRoot<live::Streets>(document.value().data());
  ASSERT_EQ(streets.starts()->size(), 2u);
  // 222 m north, of which the middle is not needed.
  EXPECT_EQ(streets.starts()->Get(1), 2u);
  EXPECT_NEAR(streets.y_dm()->Get(1), 2224, 2);
  EXPECT_NEAR(streets.x_dm()->Get(3), 744, 2);
  EXPECT_EQ(streets.width_dm()->Get(1), 32);
}

TEST(GeoJsonStreetsTest, SaysWhatIsWrong) {
  const LocalFrame frame(kMunich);
  const auto why = [&](std::string_view text) {
    const Result<std::string> document = GeoJsonStreets(text, frame);
    return document.ok() ? std::string("fine") : std::string(document.status().message());
  };
  EXPECT_THAT(why("{"), HasSubstr("no JSON"));
  EXPECT_THAT(why("[]"), HasSubstr("\"type\" was expected"));
  EXPECT_THAT(why(R"({"type": "Street"})"), HasSubstr("coordinates"));
  EXPECT_THAT(why(R"({"type": "FeatureCollection", "features": 3})"), HasSubstr("no array"));
  EXPECT_THAT(why(R"({"type": "LineString", "coordinates": [[1, "x"], [2, 3]]})"), HasSubstr("[longitude, latitude]"));
  EXPECT_THAT(why(R"({"type": "LineString", "coordinates": [[1, 99], [2, 3]]})"), HasSubstr("latitude"));
  EXPECT_THAT(why(R"({"type": "FeatureCollection", "features": []})"), HasSubstr("no line"));
}

}  // namespace
}  // namespace starling::cloud
