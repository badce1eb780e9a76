#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/value.hpp>

#include "tests/integration/child_process.h"

namespace starling {

// A folder of its own with a fleet's certificates and an orchestrator.
class Scene : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  std::string Program(const std::string& name) const;  // its path in this build
  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  std::string Read(const std::string& name) const;     // a file of the folder

  void MakeCertificates(int vehicles);

  // The arguments of an orchestrator on `data`; port 0 is any free one.
  std::vector<std::string> CloudCommand(std::uint16_t port, std::uint16_t http_port) const;

  // Starts one and waits until it is ready; its ports are then known, and kept by
  // the next one.  `more`: further arguments.
  void StartCloud(const std::vector<std::string>& more = {});

  // The body of GET `target`; none if nobody answers or the status is not 200.
  std::optional<std::string> Get(const std::string& target) const;

  // A number of /v1/stats; none if nobody answers.
  std::optional<double> Stat(const std::string& group, const std::string& name) const;

  // Runs a program to its end, its output in output.log.
  std::optional<int> Outcome(const std::vector<std::string>& command, unsigned files_max = 0);

  std::filesystem::path folder_;
  std::uint16_t port_ = 0;
  std::uint16_t http_port_ = 0;
  std::unique_ptr<ChildProcess> cloud_;
};

}  // namespace starling
