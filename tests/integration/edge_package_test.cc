// The agent as a library: installed, found by a project outside of the tree, and connected.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "tests/integration/scene.h"

namespace starling {
namespace {

using ::testing::HasSubstr;

class EdgePackage : public Scene {
 protected:
  // To its end, its output in output.log; a compiler takes longer than a program.
  int Run(const std::vector<std::string>& command) {
    ChildProcess process(command, Path("output.log"));
    return process.Wait(std::chrono::seconds(200)).value_or(-1);
  }
  void Install() {
    ASSERT_EQ(Run({CMAKE_COMMAND, "--install", STARLING_BUILD_DIR, "--component", "starling-edge-dev", "--prefix",
                   Path("prefix")}), 0) << Read("output.log");
  }
  // The example, copied away: nothing of the tree is beside it.
  void BuildExample() {
    std::filesystem::copy(STARLING_SOURCE_DIR "/cross/example", Path("example"));
    std::vector<std::string> configure = {CMAKE_COMMAND, "-S", Path("example"), "-B", Path("built"),
                                          "-DCMAKE_PREFIX_PATH=" + Path("prefix"), "-DCMAKE_CXX_COMPILER=" CXX_COMPILER,
                                          "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror"};
    // An archive with a sanitizer in it needs its run time.
    const std::string sanitizer = STARLING_SANITIZE;
    if (!sanitizer.empty()) configure.push_back("-DCMAKE_EXE_LINKER_FLAGS=-fsanitize=" + sanitizer);
    ASSERT_EQ(Run(configure), 0) << Read("output.log");
    ASSERT_EQ(Run({CMAKE_COMMAND, "--build", Path("built")}), 0) << Read("output.log");
  }
};

TEST_F(EdgePackage, AProgramOutsideOfTheTreeConnectsAndDeliversAllItSamples) {
  Install();
  ASSERT_FALSE(HasFailure());
  BuildExample();
  ASSERT_FALSE(HasFailure());
  MakeCertificates(1);
  StartCloud();
  ASSERT_FALSE(HasFailure());
  ASSERT_EQ(Outcome({Path("built/vehicle"), "127.0.0.1:" + std::to_string(port_), Path("certs"), "veh-00001", "3"}), 0)
      << Read("output.log");
  EXPECT_THAT(Read("output.log"), HasSubstr("connected to 127.0.0.1:" + std::to_string(port_)));
  EXPECT_THAT(Read("output.log"), HasSubstr("sampled 30 delivered 30"));
  EXPECT_EQ(Stat("ledger", "samples"), 30);
  // What it cannot use it says, and does not start.
  EXPECT_EQ(Outcome({Path("built/vehicle"), "nowhere", Path("certs"), "veh-00001", "1"}), 1);
  EXPECT_THAT(Read("output.log"), HasSubstr("connect: nowhere is not HOST:PORT"));
  EXPECT_EQ(Outcome({Path("built/vehicle"), "127.0.0.1:1", Path("certs"), "veh-00002", "1"}), 1);
  EXPECT_THAT(Read("output.log"), HasSubstr("cannot read " + Path("certs/vehicles/veh-00002.pem")));
}

TEST_F(EdgePackage, NothingIsInstalledButHeaderArchiveAndPackage) {
  Install();
  ASSERT_FALSE(HasFailure());
  std::vector<std::string> names;
  for (const auto& each : std::filesystem::recursive_directory_iterator(Path("prefix"))) {
    if (each.is_regular_file()) names.push_back(each.path().filename().string());
  }
  EXPECT_THAT(names, testing::IsSupersetOf({"client.h", "libstarling-edge.a", "starling-edge-config.cmake",
                                            "starling-edge-config-version.cmake", "starling-edge-targets.cmake"}));
  for (const std::string& name : names) {
    EXPECT_TRUE(name == "client.h" || name == "libstarling-edge.a" || name.starts_with("starling-edge-")) << name;
  }
}

}  // namespace
}  // namespace starling
