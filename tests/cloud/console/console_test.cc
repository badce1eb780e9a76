#include "cloud/console/console.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "tests/cloud/console/fake_source.h"

namespace starling::cloud {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Server : public ::testing::Test {
 protected:
  void Open(ConsoleConfig config = {}) {
    config.port = 0;
    console_ = std::make_unique<Console>(config, &source_);
    ASSERT_TRUE(console_->Start().ok());
  }

  tcp::socket Connect() {
    tcp::socket socket(context_);
    socket.connect({asio::ip::make_address("127.0.0.1"), console_->port()});
    return socket;
  }

  void Send(tcp::socket* socket, std::string_view bytes) {
    error_code ignored;  // The server may have closed before all is sent.
    asio::write(*socket, asio::buffer(bytes.data(), bytes.size()), ignored);
  }

  // What the server says until it closes.
  std::string ReadAll(tcp::socket* socket) {
    std::string answer;
    error_code end;
    asio::read(*socket, asio::dynamic_buffer(answer), end);
    return answer;
  }

  std::string Ask(std::string_view bytes) {
    tcp::socket socket = Connect();
    Send(&socket, bytes);
    return ReadAll(&socket);
  }

  FakeSource source_;
  asio::io_context context_;
  std::unique_ptr<Console> console_;
};

TEST_F(Server, AnswersGet) {
  Open();
  const std::string answer = Ask("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\n\r\nok\n"));
}

TEST_F(Server, AnswersSeveralRequestsOfOneConnection) {
  Open();
  const std::string answer =
      Ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
          "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("\r\n\r\nok\n"));
  EXPECT_THAT(answer, HasSubstr("\r\n\r\nready\n"));
}

TEST_F(Server, HeadHasTheLengthAndNoBody) {
  Open();
  const std::string answer = Ask("HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 3\r\n"));
  EXPECT_EQ(answer.substr(answer.size() - 4), "\r\n\r\n");
}

TEST_F(Server, RefusesOtherMethods) {
  Open();
  for (const char* method : {"DELETE", "PUT", "POST", "OPTIONS", "TRACE"}) {
    EXPECT_THAT(Ask(std::string(method) + " /healthz HTTP/1.1\r\nHost: x\r\n\r\n"),
                StartsWith("HTTP/1.1 405 "))
        << method;
  }
}

TEST_F(Server, RefusesBodies) {
  Open();
  EXPECT_THAT(Ask("GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(Ask("GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(Ask("POST /v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n" + std::string(99'999, 'x')),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(Ask("POST /v1/session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
                  std::string("ffff\r\n") + std::string(65'535, 'x')),
              StartsWith("HTTP/1.1 413 "));
}

TEST_F(Server, TheDoorIsBeforeEveryBodyAndEveryRoute) {
  Open();
  // Nobody is asked here who they are: all look, and nobody commands.
  EXPECT_THAT(Ask("POST /v1/commands HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n{"), StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(Ask("POST /v1/switch HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"), StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(Ask("GET /v1/access HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(Ask("GET /v1/live HTTP/1.1\r\nHost: x\r\nOrigin: http://evil\r\nUpgrade: websocket\r\nConnection: Upgrade, "
                  "close\r\n\r\n"),
              StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(Ask("GET /v1/session HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), HasSubstr("\"role\":\"viewer\""));
  const std::string answer = Ask("GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(answer, HasSubstr("Content-Security-Policy: "));
}

TEST_F(Server, RefusesHeadersWithoutEnd) {
  Open();
  EXPECT_THAT(Ask("GET / HTTP/1.1\r\nX: " + std::string(20'000, 'x')), StartsWith("HTTP/1.1 431 "));
}

TEST_F(Server, RefusesGarbage) {
  Open();
  EXPECT_THAT(Ask(std::string("\x16\x03\x01\x00\xf1 not http\r\n\r\n", 17)),
              StartsWith("HTTP/1.1 400 "));
}

TEST_F(Server, ClosesWhoSendsNothing) {
  ConsoleConfig config;
  config.request_timeout = milliseconds(50);
  Open(config);
  tcp::socket silent = Connect();
  EXPECT_EQ(ReadAll(&silent), "");  // Returns because the server closes.
}

TEST_F(Server, ClosesConnectionsBeyondTheLimitAndKeepsTheOthers) {
  ConsoleConfig config;
  config.connections_max = 2;
  Open(config);
  tcp::socket first = Connect();
  tcp::socket second = Connect();
  tcp::socket third = Connect();
  EXPECT_EQ(ReadAll(&third), "");
  for (tcp::socket* kept : {&first, &second}) {
    Send(kept, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(ReadAll(kept), HasSubstr("ok\n"));
  }
}

TEST_F(Server, BusyPortIsNamed) {
  Open();
  ConsoleConfig config;
  config.port = console_->port();
  Console second(config, &source_);
  const Status status = second.Start();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr(std::to_string(config.port)));
}

TEST_F(Server, StopsWithConnectionsOpen) {
  Open();
  tcp::socket idle = Connect();
  Send(&idle, "GET /hea");
  console_->Stop();
  console_->Stop();
  EXPECT_EQ(ReadAll(&idle), "");
}

TEST(ConsoleConfigTest, NamesTheFieldThatIsWrong) {
  EXPECT_TRUE(ConsoleConfig().Validate().ok());
  ConsoleConfig config;
  config.host = "localhost";
  EXPECT_THAT(std::string(config.Validate().message()), HasSubstr("console.host"));
  config = {};
  config.connections_max = 0;
  EXPECT_THAT(std::string(config.Validate().message()), HasSubstr("connections_max"));
  config = {};
  config.header_bytes_max = 1 << 20;
  EXPECT_THAT(std::string(config.Validate().message()), HasSubstr("header_bytes_max"));
  config = {};
  config.host = "0.0.0.0";
  EXPECT_THAT(std::string(config.Validate().message()), HasSubstr("starling tokens create"));
  config.access.tokens = "tokens";
  EXPECT_TRUE(config.Validate().ok());
  config.host = "::1";
  config.access.tokens = "";
  EXPECT_TRUE(config.Validate().ok());
  config = {};
  config.idle_timeout = milliseconds(0);
  EXPECT_FALSE(config.Validate().ok());
}

}  // namespace
}  // namespace starling::cloud
