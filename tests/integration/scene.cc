#include "tests/integration/scene.h"

#include <fstream>
#include <iterator>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

namespace starling {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr std::chrono::seconds kStartPatience{30};

}  // namespace

void Scene::SetUp() {
  std::string folder = (std::filesystem::temp_directory_path() / "starling-XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  folder_ = folder;
}

void Scene::TearDown() {
  cloud_.reset();
  if (HasFailure()) {
    for (const char* log : {"cloud.log", "sim.log", "output.log"}) {
      std::printf("---- %s\n%s\n", log, Read(log).c_str());
    }
  }
  std::filesystem::remove_all(folder_);
}

std::string Scene::Program(const std::string& name) const { return STARLING_BIN "/" + name; }

std::string Scene::Read(const std::string& name) const {
  std::ifstream file(folder_ / name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void Scene::MakeCertificates(int vehicles) {
  ASSERT_EQ(Outcome({Program("starling"), "init", Path("certs"), "--vehicles", std::to_string(vehicles)}),
            0);
}

std::vector<std::string> Scene::CloudCommand(std::uint16_t port, std::uint16_t http_port) const {
  return {Program("starling-cloud"),
          "--certs", Path("certs"), "--data", Path("data"), "--config", Path("cloud.json"),
          "--listen", "127.0.0.1:" + std::to_string(port),
          "--http", "127.0.0.1:" + std::to_string(http_port),
          "--port-file", Path("ports.json")};
}

void Scene::StartCloud(const std::vector<std::string>& more) {
  std::filesystem::remove(folder_ / "ports.json");
  std::ofstream(folder_ / "cloud.json") << R"({"gateway": {"connections_max": 300}})";
  std::vector<std::string> command = CloudCommand(port_, http_port_);
  command.insert(command.end(), more.begin(), more.end());
  cloud_ = std::make_unique<ChildProcess>(command, Path("cloud.log"));
  ASSERT_TRUE(Eventually(kStartPatience, [&] {
    return !cloud_->Running() || std::filesystem::exists(folder_ / "ports.json");
  }));
  ASSERT_TRUE(cloud_->Running());
  const json::value ports = json::parse(Read("ports.json"));
  port_ = ports.at("listen").to_number<std::uint16_t>();
  http_port_ = ports.at("http").to_number<std::uint16_t>();
}

std::optional<std::string> Scene::Get(const std::string& target) const {
  asio::io_context context;
  asio::ip::tcp::socket socket(context);
  boost::system::error_code failure;
  socket.connect({asio::ip::make_address("127.0.0.1"), http_port_}, failure);
  if (failure) return std::nullopt;
  const std::string request = "GET " + target + " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
  asio::write(socket, asio::buffer(request), failure);
  std::string answer;
  asio::read(socket, asio::dynamic_buffer(answer), failure);
  const std::size_t body = answer.find("\r\n\r\n");
  if (answer.rfind("HTTP/1.1 200 ", 0) != 0 || body == std::string::npos) return std::nullopt;
  return answer.substr(body + 4);
}

std::optional<double> Scene::Stat(const std::string& group, const std::string& name) const {
  const std::optional<std::string> stats = Get("/v1/stats");
  if (!stats) return std::nullopt;
  return json::parse(*stats).at(group).at(name).to_number<double>();
}

std::optional<int> Scene::Outcome(const std::vector<std::string>& command, unsigned files_max) {
  ChildProcess process(command, Path("output.log"), files_max);
  return process.Wait(kStartPatience);
}

}  // namespace starling
