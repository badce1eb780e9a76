#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/integration/child_process.h"

namespace starling {

// A program of this build, called as people and scripts call it, and a folder for its files.
class CommandTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) / ("command_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  void Write(const std::string& name, const std::string& text) { std::ofstream(Path(name)) << text; }
  std::string Text(const std::string& name) const {
    std::ifstream file(Path(name));
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  // Its exit code, -1 if it does not end; what it says is in output_.
  int Call(std::vector<std::string> command, const std::vector<std::string>& arguments) {
    command.insert(command.end(), arguments.begin(), arguments.end());
    std::filesystem::remove(Path("output"));  // It is written on.
    const int code = ChildProcess(command, Path("output")).Wait(std::chrono::seconds(60)).value_or(-1);
    output_ = Text("output");
    return code;
  }

  std::string output_;

 private:
  std::filesystem::path folder_;
};

}  // namespace starling
