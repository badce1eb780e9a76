#include "edge/source/json_source.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "edge/source/line_splitter.h"
#include "edge/source/sample_json.h"

namespace starling::edge {
namespace {

std::string Line(int speed_mps) {
  return R"({"lat_deg":1,"lon_deg":2,"heading_deg":3,"speed_mps":)" + std::to_string(speed_mps) + "}\n";
}

class Source : public testing::Test {
 protected:
  Source()
      : path_((std::filesystem::temp_directory_path() /
               ("starling_source_" + std::to_string(::getpid()) + ".sock")).string()),
        source_(&context_, {[this] { return BootTimeFromNs(++clock_); },
                            [this](const Sample& sample) {
                              seen_.push_back(std::to_string(static_cast<int>(sample.speed_mps)));
                            },
                            [this](std::uint64_t writer, std::uint64_t line, std::string_view) {
                              seen_.push_back("refused " + std::to_string(writer) + ":" +
                                              std::to_string(line));
                            },
                            [this] { seen_.push_back("END"); }}) {}

  // What was seen of a file with these bytes.
  std::vector<std::string> ReadFile(const std::string& bytes) {
    std::FILE* const file = std::tmpfile();
    std::fwrite(bytes.data(), 1, bytes.size(), file);
    std::rewind(file);
    EXPECT_TRUE(source_.ReadFile(::fileno(file)).ok());
    context_.run();
    std::fclose(file);
    return seen_;
  }

  int Connect() const {
    const int writer = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(::connect(writer, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return writer;
  }
  static void Send(int writer, const std::string& bytes) {
    EXPECT_EQ(::write(writer, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  // Runs until that many samples and refusals were seen.
  void RunUntil(std::size_t seen) {
    while (seen_.size() < seen) ASSERT_GT(context_.run_one(), 0u);
  }

  const std::string path_;
  boost::asio::io_context context_;
  std::uint64_t clock_ = 0;
  std::vector<std::string> seen_;
  JsonSource source_;
};

using Seen = std::vector<std::string>;

TEST_F(Source, ReadsAFileToItsEnd) {
  EXPECT_EQ(ReadFile(Line(1) + Line(2)), Seen({"1", "2", "END"}));
}

TEST_F(Source, ALastLineWithoutEndIsALine) {
  const std::string line = Line(7);
  EXPECT_EQ(ReadFile(line.substr(0, line.size() - 1)), Seen({"7", "END"}));
}

TEST_F(Source, BadLinesAreRefusedByNumberAndTheNextIsRead) {
  EXPECT_EQ(ReadFile(Line(1) + "\n{bad\n" + Line(2) + std::string(100'000, 'x') + "\n" + Line(3)),
            Seen({"1", "refused 1:3", "2", "refused 1:5", "3", "END"}));
  EXPECT_EQ(source_.counters().lines, 5u);
  EXPECT_EQ(source_.counters().samples, 3u);
  EXPECT_EQ(source_.counters().refused, 2u);
}

TEST_F(Source, ReadsAPipeWithoutChangingItsFlags) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_TRUE(source_.ReadFile(ends[0]).ok());
  Send(ends[1], Line(1).substr(0, 20));
  context_.poll();
  EXPECT_TRUE(seen_.empty());
  Send(ends[1], Line(1).substr(20));
  ::close(ends[1]);
  context_.run();
  ::close(ends[0]);
  EXPECT_EQ(seen_, Seen({"1", "END"}));
}

TEST_F(Source, WritersOfTheSocketComeOneAfterTheOther) {
  ASSERT_TRUE(source_.ListenUnix(path_).ok());
  const int first = Connect();
  const int second = Connect();
  Send(second, Line(2));
  Send(first, Line(1) + "bad\n");
  RunUntil(2);
  EXPECT_EQ(seen_, Seen({"1", "refused 1:2"}));
  ::close(first);
  RunUntil(3);
  Send(second, "bad\n");
  RunUntil(4);
  ::close(second);
  EXPECT_EQ(seen_, Seen({"1", "refused 1:2", "2", "refused 2:2"}));
  source_.Stop();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(Source, AnAbandonedSocketIsReplacedAndOneInUseIsNot) {
  ASSERT_TRUE(source_.ListenUnix(path_).ok());
  JsonSource other(&context_, {});
  EXPECT_EQ(other.ListenUnix(path_).code(), ErrorCode::kUnavailable);
  source_.Stop();

  const int left_behind = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(left_behind, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ::close(left_behind);
  EXPECT_TRUE(other.ListenUnix(path_).ok());
}

TEST_F(Source, AFileThatIsNoSocketIsNotReplaced) {
  std::fclose(std::fopen(path_.c_str(), "w"));
  EXPECT_EQ(source_.ListenUnix(path_).code(), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(std::filesystem::remove(path_));
}

TEST(LineSplitter, PortionsDoNotMatter) {
  const std::string text = "one\n\nthree is too long\nfour\r\nlast";
  for (std::size_t portion = 1; portion <= text.size(); ++portion) {
    std::vector<std::string> lines;
    LineSplitter splitter(8, [&lines](std::optional<std::string_view> line, std::uint64_t number) {
      lines.push_back(std::to_string(number) + ":" + std::string(line.value_or("TOO LONG")));
    });
    for (std::size_t at = 0; at < text.size(); at += portion) splitter.Take(text.substr(at, portion));
    splitter.End();
    EXPECT_EQ(lines, (std::vector<std::string>{"1:one", "2:", "3:TOO LONG", "4:four\r", "5:last"}))
        << "portions of " << portion;
  }
}

}  // namespace
}  // namespace starling::edge
