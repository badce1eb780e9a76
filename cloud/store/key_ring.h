#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/mutex.h"
#include "common/status.h"

namespace starling::cloud {

// Bytes of a key; overwritten when it goes.
class SecretKey {
 public:
  static constexpr std::size_t kBytes = 32;

  SecretKey() = default;
  ~SecretKey();
  SecretKey(const SecretKey&) = default;
  SecretKey& operator=(const SecretKey&) = default;

  std::array<std::uint8_t, kBytes> bytes{};
};

struct NamedKey {
  static constexpr std::size_t kIdBytesMax = 16;
  static constexpr std::size_t kCheckBytes = 8;

  std::string id;                                  // 1 to 16 of [A-Za-z0-9._-]
  SecretKey secret;
  std::array<std::uint8_t, kCheckBytes> check{};   // tells keys apart, gives nothing away
};

// Whether a key may have this name.
bool IsKeyId(std::string_view id);

// The keys that stored files are encrypted with, read from a file that holds one key on
// each line, "ID HEX" with 64 hexadecimal digits; empty lines and those that begin with #
// are skipped.  New files take the first key, every key can read.
//
// Threading: thread-safe.
class KeyRing {
 public:
  // Errors: kIoError if the file cannot be read; kInvalidArgument if it is readable by
  //         everybody, a line is not a key, an id comes twice, or there is none.  No
  //         message holds a key.
  static Result<std::shared_ptr<KeyRing>> Open(const std::string& path);

  // Reads the file again; on failure the keys stay as they were.
  Status Reload();

  const std::string& path() const { return path_; }
  NamedKey current() const;
  std::vector<std::string> ids() const;  // in the file's order
  // nullptr if there is none of that name.
  std::shared_ptr<const NamedKey> Find(std::string_view id) const;

 private:
  using Keys = std::vector<std::shared_ptr<const NamedKey>>;

  explicit KeyRing(std::string path) : path_(std::move(path)) {}
  static Result<Keys> Read(const std::string& path);

  const std::string path_;
  mutable Mutex mutex_;
  Keys keys_ STARLING_GUARDED_BY(mutex_);
};

}  // namespace starling::cloud
