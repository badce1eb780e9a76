// What a backup consists of: docs/formats/backup.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/log/log.h"
#include "common/status.h"
#include "common/time.h"

namespace starling::cloud {

struct BackupFile {
  std::string path;            // in the backup, "log/000012.sst"
  std::uint64_t bytes = 0;
  std::string sha256;          // 64 hexadecimal digits

  friend bool operator==(const BackupFile&, const BackupFile&) = default;
};

// All records of the partition before `end` that were retained are in the backup, and perhaps more.
struct BackupPartition {
  Topic topic{};
  Partition partition{};
  Offset first{};
  Offset end{};

  friend bool operator==(const BackupPartition&, const BackupPartition&) = default;
};

struct BackupManifest {
  // Every record that was emitted before it is in the backup.
  CloudTime cut;
  bool running = false;        // taken while an orchestrator worked; else of a folder at rest
  std::vector<BackupPartition> partitions;  // of a running one; a folder at rest is not opened
  std::vector<std::string> keys;            // that its files are under; empty: they are plain
  std::vector<BackupFile> files;

  std::uint64_t bytes() const;

  friend bool operator==(const BackupManifest&, const BackupManifest&) = default;
};

std::string EncodeBackupManifest(const BackupManifest& manifest);

// Errors: kCorruption; kInvalidArgument if it is of another format, or names a file outside of the backup.
Result<BackupManifest> DecodeBackupManifest(std::string_view text);

// Of small texts whose last line proves the others: "end " and the digest of all before it.
std::string WithEndLine(std::string text);
// The text without it.  Errors: kCorruption.
Result<std::string_view> WithoutEndLine(std::string_view text);

// 64 hexadecimal digits of SHA-256.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Add(const void* bytes, std::size_t count);
  // Once, at the end.
  std::string Finish();

 private:
  void* const context_;
};

// "2026-11-23T08:41:12Z"
std::string TimeText(CloudTime time);

}  // namespace starling::cloud
