#pragma once

#include <memory>
#include <string>

#include "common/status.h"
#include "sim/chaos/fault_control.h"

namespace starling::sim {

// The file through which faulty_disk.cc is told what to do, mapped.
class FaultFile {
 public:
  // Makes it anew, with no fault.
  // Errors: kIoError.
  static Result<std::unique_ptr<FaultFile>> Create(const std::string& path);
  ~FaultFile();

  FaultControl& control() { return *control_; }
  // No fault but the clock's step, which is nothing that heals.
  void Heal();

 private:
  explicit FaultFile(FaultControl* control) : control_(control) {}

  FaultControl* const control_;
};

}  // namespace starling::sim
