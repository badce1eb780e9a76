#pragma once

#include <memory>
#include <string>
#include <sys/types.h>

#include "common/status.h"

namespace starling::sim {

// A file that may be compressed with xz or zstd, which its first bytes say, as something that a reader of plain and
// gzip'ed text can open.  Unpacking is the work of the system's own xz and zstd, piece by piece as it is read.
//
// Threading: thread-compatible.
class PackedFile {
 public:
  // Errors: kIoError if it cannot be read, or the program that unpacks it is not installed.
  static Result<std::unique_ptr<PackedFile>> Open(const std::string& path);
  ~PackedFile();
  PackedFile(const PackedFile&) = delete;
  PackedFile& operator=(const PackedFile&) = delete;

  // To be opened once, and read to its end.
  const std::string& readable() const { return readable_; }

  // What a reader of readable() says, in the file's own name.
  Status Named(const Status& status) const;

  // After all was read.  Errors: kIoError if it could not be unpacked to its end.
  Status Finish();

 private:
  explicit PackedFile(std::string path) : path_(std::move(path)), readable_(path_) {}

  const std::string path_;
  std::string readable_;
  std::string program_;
  int pipe_ = -1;  // -1: it is read as it is
  pid_t child_ = -1;
};

}  // namespace starling::sim
