#include "edge/source/line_device.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace starling::edge {
namespace {

namespace fs = std::filesystem;

BootTime Now() {
  return BootTime(std::chrono::duration_cast<nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()));
}

// The other end of a serial line.
class Pty {
 public:
  Pty() : master_(::posix_openpt(O_RDWR | O_NOCTTY)) {
    EXPECT_GE(master_, 0);
    EXPECT_EQ(::grantpt(master_), 0);
    EXPECT_EQ(::unlockpt(master_), 0);
  }
  ~Pty() { ::close(master_); }
  std::string path() const { return ::ptsname(master_); }
  int descriptor() const { return master_; }
  void Write(const std::string& bytes) {
    EXPECT_EQ(::write(master_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }

 private:
  const int master_;
};

class Device : public testing::Test {
 protected:
  Device() {
    std::string folder = (fs::temp_directory_path() / "starling-device-XXXXXX").string();
    EXPECT_NE(::mkdtemp(folder.data()), nullptr);
    folder_ = folder;
  }
  ~Device() override {
    device_.reset();
    fs::remove_all(folder_);
  }

  void Open(const std::string& path, unsigned baud = 0) {
    LineDeviceConfig config;
    config.path = path;
    config.baud = baud;
    config.backoff_min = milliseconds(10);
    config.backoff_max = milliseconds(50);
    ASSERT_TRUE(config.Validate().ok());
    device_.emplace(config, &context_,
                    LineDevice::Callbacks{Now,
                                          [this](std::string_view line) {
                                            seen_.emplace_back(line);
                                            at_.push_back(Now());
                                          },
                                          [](std::string_view line) -> std::optional<nanoseconds> {
                                            if (line.front() < '0' || line.front() > '9') return std::nullopt;
                                            return milliseconds(std::stol(std::string(line)));
                                          },
                                          [this](std::string_view) { seen_.emplace_back("LOST"); },
                                          [this] { seen_.emplace_back("END"); }},
                    7);
    device_->Start();
  }
  void RunUntil(std::size_t seen) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (seen_.size() < seen && std::chrono::steady_clock::now() < end) {
      context_.restart();
      context_.run_one_for(std::chrono::milliseconds(100));
    }
    ASSERT_GE(seen_.size(), seen);
  }

  fs::path folder_;
  boost::asio::io_context context_;
  std::optional<LineDevice> device_;
  std::vector<std::string> seen_;
  std::vector<BootTime> at_;
};

using Seen = std::vector<std::string>;

TEST_F(Device, ASerialLineIsSetToItsRateWithoutEcho) {
  Pty pty;
  Open(pty.path(), 38400);
  while (device_->counters().opens == 0) context_.run_one();
  termios settings{};
  ASSERT_EQ(::tcgetattr(pty.descriptor(), &settings), 0);
  EXPECT_EQ(::cfgetospeed(&settings), static_cast<speed_t>(B38400));
  EXPECT_EQ(settings.c_lflag & (ECHO | ICANON | ISIG), 0u);
  pty.Write("one\r\n\r\ntwo\r\nthr");
  RunUntil(2);
  pty.Write("ee\r\n");
  RunUntil(3);
  EXPECT_EQ(seen_, Seen({"one\r", "two\r", "three\r"}));
}

TEST_F(Device, ASerialLineThatGoesAwayIsOpenedAgainWhenItIsBack) {
  const fs::path name = folder_ / "gnss";
  auto pty = std::make_unique<Pty>();
  fs::create_symlink(pty->path(), name);
  Open(name.string());
  while (device_->counters().opens == 0) context_.run_one();
  pty->Write("before\n");
  RunUntil(1);
  fs::remove(name);
  pty.reset();
  RunUntil(3);                           // lost; and then: there is no such file
  Pty next;
  fs::create_symlink(next.path(), name);
  const auto opens = device_->counters().opens;
  while (device_->counters().opens == opens) context_.run_one();
  next.Write("after\n");
  RunUntil(4);
  EXPECT_EQ(seen_, Seen({"before", "LOST", "LOST", "after"}));
  EXPECT_EQ(device_->counters().losses, 1u);
}

TEST_F(Device, ADeviceThatIsNotThereIsToldOnceAndWaitedFor) {
  const fs::path name = folder_ / "later";
  Open(name.string());
  RunUntil(1);
  context_.restart();
  context_.run_for(std::chrono::milliseconds(200));
  EXPECT_EQ(seen_, Seen({"LOST"}));
  std::ofstream(name) << "here\n";
  RunUntil(3);
  EXPECT_EQ(seen_, Seen({"LOST", "here", "END"}));
}

TEST_F(Device, AFifoWaitsForItsNextWriter) {
  const std::string name = (folder_ / "fifo").string();
  ASSERT_EQ(::mkfifo(name.c_str(), 0600), 0);
  Open(name);
  for (const char* text : {"first\n", "second\n"}) {
    while (device_->counters().opens == 0) context_.run_one();
    const int writer = ::open(name.c_str(), O_WRONLY);
    ASSERT_GE(writer, 0);
    ASSERT_GT(::write(writer, text, std::string(text).size()), 0);
    ::close(writer);
    RunUntil(seen_.size() + 1);
  }
  EXPECT_EQ(seen_, Seen({"first", "second"}));
  EXPECT_EQ(device_->counters().losses, 0u);
}

TEST_F(Device, ARecordingComesWithItsOwnSpacingAndEnds) {
  const std::string name = (folder_ / "recording").string();
  std::ofstream(name) << "1000\nof the same instant\n1200\n1300\n99000\n500\n";
  Open(name);
  RunUntil(7);
  EXPECT_EQ(seen_, Seen({"1000", "of the same instant", "1200", "1300", "99000", "500", "END"}));
  EXPECT_GE(at_[3] - at_[0], milliseconds(300));
  // Gaps and times that fall are not waited for: the test would run out of time.
}

TEST_F(Device, TooLongALineIsCountedAndTheNextIsRead) {
  const std::string name = (folder_ / "long").string();
  std::ofstream(name) << std::string(1000, 'x') << "\nshort\n";
  Open(name);
  RunUntil(2);
  EXPECT_EQ(seen_, Seen({"short", "END"}));
  EXPECT_EQ(device_->counters().lines_too_long, 1u);
}

TEST(LineDeviceConfig, ARateThatNoSerialLineHasIsRefused) {
  LineDeviceConfig config;
  EXPECT_FALSE(config.Validate().ok());
  config.path = "/dev/ttyUSB0";
  config.baud = 9601;
  EXPECT_FALSE(config.Validate().ok());
  config.baud = 115200;
  EXPECT_TRUE(config.Validate().ok());
}

}  // namespace
}  // namespace starling::edge
