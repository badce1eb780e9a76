#pragma once

#include <memory>
#include <string>
#include <vector>

#include "edge/spool/spool_files.h"

namespace starling::edge {

// A folder of the operating system, which other processes are kept out of while this
// object lives.  That the file system cannot be written is no error of Open.
class PosixSpoolFiles final : public SpoolFiles {
 public:
  // Makes the folder if there is none; its parent has to be there.
  //
  // Errors: kFenced if another process has the folder; kIoError, with the folder and
  //         what the system says.
  static Result<std::unique_ptr<PosixSpoolFiles>> Open(const std::string& folder);
  ~PosixSpoolFiles() override;
  PosixSpoolFiles(const PosixSpoolFiles&) = delete;
  PosixSpoolFiles& operator=(const PosixSpoolFiles&) = delete;

  Result<std::vector<Entry>> List() override;
  Result<std::size_t> Read(const std::string& name, std::uint64_t offset, std::span<std::byte> target) override;
  Result<std::unique_ptr<SpoolFile>> Create(const std::string& name) override;
  Status Unlink(const std::string& name) override;
  Status SyncDirectory() override;

 private:
  PosixSpoolFiles(std::string folder, int directory) : folder_(std::move(folder)), directory_(directory) {}
  Status Failure(const std::string& what, int error) const;

  const std::string folder_;
  const int directory_;
};

}  // namespace starling::edge
