#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/ids.h"
#include "common/status.h"

namespace starling::edge {

// A sealed batch of samples of one boot, with consecutive sequences.  Its limits
// never change once it is sealed, so that sending it again is recognised.
struct SpooledBatch {
  BootId boot{};
  std::uint64_t first_sequence = 0;
  std::uint16_t count = 0;
  std::vector<std::byte> columns;  // docs/formats/history_batch.md

  std::uint64_t through_sequence() const { return first_sequence + count - 1; }
};

// Holds sealed batches, oldest first, until the cloud has said "durable".
//
// Threading: thread-compatible; its agent owns it.
class Spool {
 public:
  virtual ~Spool() = default;

  // Takes a batch.  If the spool is over its limit afterwards it gives up its
  // oldest batches, whose samples it counts in dropped_samples().
  //
  // Errors: kIoError if the medium refused; the batch is then not held.
  virtual Status Append(SpooledBatch batch) = 0;

  // The batch at `index`, counted from the oldest; null past the end.  Valid
  // until the next call that is not const.
  virtual const SpooledBatch* At(std::size_t index) const = 0;

  // Deletes the batch with these limits, wherever it lies.  Returns its number of
  // samples; 0 if no such batch is held (an acknowledgement that came twice).
  virtual std::size_t Delete(BootId boot, std::uint64_t first_sequence) = 0;

  virtual std::size_t batches() const = 0;
  virtual std::uint64_t samples() const = 0;
  virtual std::size_t bytes() const = 0;
  virtual std::uint64_t dropped_samples() const = 0;  // Given up because it was full.
};

}  // namespace starling::edge
