// What starling-cloud does when it cannot start, and how it ends.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/integration/scene.h"

namespace starling {
namespace {

using ::testing::HasSubstr;

constexpr std::chrono::seconds kEndPatience{20};

class Orchestrator : public Scene {
 protected:
  void Configure(const std::string& text) { std::ofstream(Path("cloud.json")) << text; }
};

TEST_F(Orchestrator, WithoutCertificatesNamesTheCommandThatMakesThem) {
  Configure("{}");
  EXPECT_EQ(Outcome(CloudCommand(0, 0)), 1);
  EXPECT_THAT(Read("output.log"), HasSubstr("starling init"));
}

TEST_F(Orchestrator, UnknownKeyInItsConfigurationIsNamed) {
  Configure(R"({"gateway": {"thread": 2}})");
  EXPECT_EQ(Outcome(CloudCommand(0, 0)), 2);
  EXPECT_THAT(Read("output.log"), HasSubstr("gateway.thread is unknown"));
}

TEST_F(Orchestrator, UnknownOptionIsWrongUsage) {
  EXPECT_EQ(Outcome({Program("starling-cloud"), "--sertificates", "x"}), 2);
  EXPECT_EQ(Outcome({Program("starling-cloud"), "--help"}), 0);
}

TEST_F(Orchestrator, TooFewFilesNamesTheNumberNeeded) {
  Configure(R"({"gateway": {"connections_max": 1000}})");
  EXPECT_EQ(Outcome(CloudCommand(0, 0), 600), 1);
  EXPECT_THAT(Read("output.log"), HasSubstr("LimitNOFILE=1464"));
}

TEST_F(Orchestrator, BusyPortsAndALockedFolderAreNamed) {
  MakeCertificates(1);
  StartCloud();
  ASSERT_FALSE(HasFailure());
  EXPECT_EQ(Outcome(CloudCommand(0, 0)), 1);
  EXPECT_THAT(Read("output.log"), HasSubstr("--data"));

  std::vector<std::string> other = CloudCommand(port_, 0);
  other[4] = Path("other");
  EXPECT_EQ(Outcome(other), 1);
  EXPECT_THAT(Read("output.log"), HasSubstr(std::to_string(port_)));
  EXPECT_THAT(Read("output.log"), HasSubstr("--listen"));

  other = CloudCommand(0, http_port_);
  other[4] = Path("other");
  EXPECT_EQ(Outcome(other), 1);
  EXPECT_THAT(Read("output.log"), HasSubstr(std::to_string(http_port_)));
  EXPECT_THAT(Read("output.log"), HasSubstr("--http"));
}

TEST_F(Orchestrator, IsReadyWhenItsPortFileIsThereAndEndsInOrderOnSigterm) {
  MakeCertificates(1);
  StartCloud();
  ASSERT_FALSE(HasFailure());
  EXPECT_EQ(Get("/healthz"), "ok\n");
  EXPECT_EQ(Get("/readyz"), "ready\n");
  EXPECT_TRUE(Get("/metrics").has_value());
  EXPECT_TRUE(Get("/v1/heatmap").has_value());
  EXPECT_TRUE(Get("/v1/conflicts").has_value());
  EXPECT_TRUE(Get("/v1/vehicles").has_value());
  EXPECT_FALSE(Get("/v1/vehicles/veh-00001").has_value());
  EXPECT_EQ(Stat("gateway", "connections"), 0);
  cloud_->Signal(SIGTERM);
  EXPECT_EQ(cloud_->Wait(kEndPatience), 0);
}

TEST_F(Orchestrator, StartsAgainAfterItWasKilled) {
  MakeCertificates(1);
  StartCloud();
  ASSERT_FALSE(HasFailure());
  cloud_->Signal(SIGKILL);
  EXPECT_EQ(cloud_->Wait(kEndPatience), 128 + SIGKILL);
  StartCloud();
  EXPECT_EQ(Get("/readyz"), "ready\n");
}

TEST_F(Orchestrator, SupervisedItIsFollowedByAnotherProcessOnTheSamePorts) {
  MakeCertificates(1);
  StartCloud({"--supervise", "--pid-file", Path("cloud.pid")});
  ASSERT_FALSE(HasFailure());
  const std::string first = Read("cloud.pid");
  ASSERT_FALSE(first.empty());
  ASSERT_EQ(::kill(std::stoi(first), SIGKILL), 0);
  EXPECT_TRUE(Eventually(kEndPatience, [&] { return Read("cloud.pid") != first && Get("/readyz") == "ready\n"; }));
  EXPECT_TRUE(cloud_->Running());
  cloud_->Signal(SIGTERM);
  EXPECT_EQ(cloud_->Wait(kEndPatience), 0);
}

}  // namespace
}  // namespace starling
