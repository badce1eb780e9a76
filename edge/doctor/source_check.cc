#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "edge/doctor/doctor.h"

namespace starling::edge {
namespace {

constexpr const char* kStep = "source";

std::string Reason(int error) { return std::generic_category().message(error); }

BootTime BootNow() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return BootTime(seconds(now.tv_sec) + nanoseconds(now.tv_nsec));
}

// What helps against the trouble of one of the sensors.
std::string RemedyFor(std::string_view source, std::string_view why) {
  if (why.find("Permission denied") != std::string_view::npos) {
    return "let the agent's user read it: usermod -aG dialout starling-edge";
  }
  if (source == "gpsd") return "start gpsd, or name where it listens: systemctl status gpsd, gpsd";
  if (source == "nmea") return "plug the receiver in, or name its device and rate: ls /dev/serial/by-id, nmea";
  if (source == "can") return "bring the interface up: ip link set can0 up type can bitrate 500000; or name it: can";
  return "name a file that can be read";
}

}  // namespace

SocketExamination ExamineSocket(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) {
    const int error = errno;
    const std::string folder = std::filesystem::absolute(path).parent_path().string();
    if (error == ENOENT && ::access(folder.c_str(), W_OK | X_OK) == 0) {
      return {Fine(kStep, path + " is made at the start; whoever has samples connects to it"), false};
    }
    const int why = error == ENOENT ? errno : error;
    return {Failed(kStep, "the socket " + path + " cannot be made: " + Reason(why),
                   "make the folder " + folder + " for the agent's user (systemd does, as RuntimeDirectory), or "
                   "name another socket: listen-unix"), false};
  }
  if (!S_ISSOCK(about.st_mode)) {
    return {Failed(kStep, path + " is there, and is no socket", "remove it, or name another socket: listen-unix"),
            false};
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return {Failed(kStep, path + " is too long for a socket", "name a shorter one: listen-unix"), false};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const bool answered =
      ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 || errno == EAGAIN;
  const int error = errno;
  ::close(socket);
  if (answered) return {Fine(kStep, "the agent listens at " + path), true};
  if (error == ECONNREFUSED) return {Fine(kStep, path + " is left from an earlier run, and is replaced"), false};
  return {Failed(kStep, "cannot connect to " + path + ": " + Reason(error), "be of the socket's group: starling-edge"),
          false};
}

Finding ExamineSensors(const DoctorConfig& config) {
  if ((config.sensors->nmea && config.sensors->nmea->path == "-") ||
      (config.sensors->candump && config.sensors->candump->path == "-")) {
    return Skipped(kStep, "standard input: whoever starts the agent gives it");
  }
  boost::asio::io_context context{1};
  bool sampled = false;
  bool ended = false;
  std::string silence = "no position fix yet";
  std::optional<std::pair<std::string, std::string>> trouble;  // the first one: source, why
  SensorSource source(*config.sensors, &context,
                      {BootNow,
                       [&](const Sample&) {
                         sampled = true;
                         context.stop();
                       },
                       [&](std::string_view of, std::string_view why) {
                         if (!trouble) trouble.emplace(of, why);
                       },
                       [&](std::string_view why) {
                         if (!why.empty()) silence = why;
                       },
                       [&] {
                         ended = true;
                         context.stop();
                       }},
                      1);
  source.Start();
  context.run_for(config.patience);
  source.Stop();
  if (sampled && !trouble) return Fine(kStep, "the sensors give samples");
  if (trouble) {
    const std::string detail = trouble->first + ": " + trouble->second;
    std::string remedy = RemedyFor(trouble->first, trouble->second);
    if (sampled) return Warning(kStep, "there are samples, but " + detail, std::move(remedy));
    return Failed(kStep, detail, std::move(remedy));
  }
  if (ended) return Failed(kStep, "the recording has no sample: " + silence, "take another recording");
  const std::string waited = " (looked for " + std::to_string(config.patience.count()) + " ms)";
  if (silence == "no position fix yet") {
    return Warning(kStep, "nothing is wrong, but there is " + silence + waited,
                   "give the antenna a view of the sky; check the receiver's rate, and that it says anything");
  }
  return Warning(kStep, silence + waited, "docs/sources.md says when a vehicle is silent");
}

}  // namespace starling::edge
