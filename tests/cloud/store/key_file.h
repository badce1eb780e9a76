// Key files for tests.
#pragma once

#include <sys/stat.h>

#include <fstream>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "cloud/store/encryption.h"

namespace starling::cloud {

// "a 6161...": a key line that differs for each id.
inline std::string KeyLine(char id, char digit = '\0') {
  return std::string(1, id) + " " + std::string(64, digit == '\0' ? id : digit) + "\n";
}

inline void WriteKeyFile(const std::string& path, const std::string& text, mode_t mode = 0600) {
  std::ofstream(path, std::ios::trunc) << text;
  ASSERT_EQ(::chmod(path.c_str(), mode), 0);
}

inline StoreEncryption OpenKeys(const std::string& path, bool accept_plain = false) {
  auto ring = KeyRing::Open(path);
  EXPECT_TRUE(ring.ok()) << ring.status().message();
  return {ring.ok() ? ring.value() : nullptr, accept_plain};
}

}  // namespace starling::cloud
