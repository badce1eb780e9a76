// How an orchestrator is asked whether it works, and how it is stopped where others share out its connections.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "tests/integration/scene.h"

namespace starling {
namespace {

class Drain : public Scene {
 protected:
  void SetUp() override {
    Scene::SetUp();
    MakeCertificates(1);
  }

  // The exit code of `starling-cloud probe`; what it said is in output.log.
  int Probe(const std::string& page) {
    return Outcome({Program("starling-cloud"), "probe", page, "--http", "127.0.0.1:" + std::to_string(http_port_)}).value_or(-1);
  }

  void ConnectAVehicle() {
    vehicle_ = std::make_unique<ChildProcess>(
        std::vector<std::string>{Program("starling-edge"), "--connect", "127.0.0.1:" + std::to_string(port_), "--certs",
                                 Path("certs"), "--name", "veh-00001", "--gpsd", "127.0.0.1:1"},
        Path("vehicle.log"));
  }

  std::unique_ptr<ChildProcess> vehicle_;
};

TEST_F(Drain, AProbeSaysYesWhileItWorksAndWhyNotOtherwise) {
  http_port_ = 1;
  EXPECT_EQ(Probe("readyz"), 1);
  EXPECT_THAT(Read("output.log"), testing::HasSubstr("refused"));
  http_port_ = 0;
  StartCloud();
  EXPECT_EQ(Probe("healthz"), 0);
  EXPECT_EQ(Probe("readyz"), 0);
  EXPECT_EQ(Probe("no-such-page"), 1);
  EXPECT_EQ(Outcome({Program("starling-cloud"), "probe", "readyz", "--http", "nowhere"}), 2);
}

TEST_F(Drain, WhatIsToldToStopSaysSoAndTakesVehiclesForAsLongAsItWasTold) {
  StartCloud({"--drain-delay", "3"});
  cloud_->Signal(SIGTERM);
  ASSERT_TRUE(Eventually(std::chrono::seconds(2), [&] { return Probe("readyz") == 1; }));
  EXPECT_THAT(Read("output.log"), testing::HasSubstr("draining"));
  EXPECT_EQ(Probe("healthz"), 0);
  ConnectAVehicle();
  EXPECT_TRUE(Eventually(std::chrono::seconds(2), [&] { return Stat("gateway", "connections") == 1.0; }));
  EXPECT_EQ(cloud_->Wait(std::chrono::seconds(20)), 0);
  EXPECT_THAT(Read("cloud.log"), testing::HasSubstr("ended in order"));
}

TEST_F(Drain, ASecondSignalEndsTheDelay) {
  StartCloud({"--drain-delay", "200"});
  cloud_->Signal(SIGTERM);
  ASSERT_TRUE(Eventually(std::chrono::seconds(5), [&] { return Probe("readyz") == 1; }));
  cloud_->Signal(SIGTERM);
  EXPECT_EQ(cloud_->Wait(std::chrono::seconds(20)), 0);
}

TEST_F(Drain, ADelayOutOfRangeIsRefused) {
  EXPECT_EQ(Outcome({Program("starling-cloud"), "--certs", Path("certs"), "--data", Path("data"), "--drain-delay", "301"}), 2);
  EXPECT_THAT(Read("output.log"), testing::HasSubstr("--drain-delay must be within 0 and 300 seconds"));
}

}  // namespace
}  // namespace starling
