#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/ids.h"
#include "common/status.h"
#include "common/time.h"

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

// Which samples a batch has.
struct BatchLimits {
  BootId boot{};
  std::uint64_t first_sequence = 0;
  std::uint16_t count = 0;

  std::uint64_t through_sequence() const { return first_sequence + count - 1; }
};

// What a boot has taken up to now, for a spool that outlives the power.
struct SpoolMoment {
  BootTime now;
  bool due = false;                  // a commit interval is over; else the spool asked to be called
  BootId boot{};
  std::uint64_t taken = 0;           // sequence of the last sample
  std::optional<SpooledBatch> open;  // those of the open batch that were in no moment before
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

  // The batch at `index`, counted from the oldest; null past the end, or if the medium
  // does not give it back: GiveUp is then to be called.  Valid until the next call of At
  // or of what is not const.
  virtual const SpooledBatch* At(std::size_t index) const = 0;

  // As At, without the samples and without asking the medium.
  virtual std::optional<BatchLimits> Limits(std::size_t index) const {
    const SpooledBatch* batch = At(index);
    if (batch == nullptr) return std::nullopt;
    return BatchLimits{batch->boot, batch->first_sequence, batch->count};
  }

  // Drops a batch that At does not give; counted in unreadable_samples().
  // REQUIRES: index < batches()
  virtual void GiveUp(std::size_t) {}

  // If it is due: has all that the spool was handed made durable, with the open samples.
  // Does not wait for that; it may give up the oldest batches.
  //
  // Returns when it wants to be called again at the latest, due or not.
  virtual BootTime Commit(SpoolMoment) { return BootTime::max(); }

  // Memory of columns that the spool needs no more, whatever it holds: what batches and open samples are
  // handed over in, so that a vehicle that drives asks for none.
  virtual std::vector<std::byte> TakeSpareColumns() { return {}; }

  // Deletes the batch with these limits, wherever it lies.  Returns its number of
  // samples; 0 if no such batch is held (an acknowledgement that came twice).
  virtual std::size_t Delete(BootId boot, std::uint64_t first_sequence) = 0;

  virtual std::size_t batches() const = 0;
  virtual std::uint64_t samples() const = 0;
  virtual std::size_t bytes() const = 0;
  virtual std::uint64_t dropped_samples() const = 0;  // Given up because it was full.
  virtual std::uint64_t too_old_samples() const { return 0; }
  virtual std::uint64_t unreadable_samples() const { return 0; }
};

}  // namespace starling::edge
