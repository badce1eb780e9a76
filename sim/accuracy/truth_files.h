// Truths of others: what SUMO's SSM device and a table of contacts say.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/status.h"
#include "sim/accuracy/recording.h"
#include "sim/accuracy/true_encounter.h"

namespace starling::sim {

struct ReadTruth {
  std::vector<TrueEncounter> encounters;  // in the order of their worst instants; Foresee has not been asked
  std::uint64_t rows = 0;                 // conflicts, or contacts, in the file
  std::uint64_t without_ttc = 0;          // not taken: no TTC
  std::uint64_t not_recorded = 0;         // not taken: a vehicle is not in the recording at that time
};

// docs/formats/ssm_log.md; plain, .gz, .xz, .zst.  A pair that is there twice at overlapping times, from either side,
// is one encounter with the smaller of the TTCs.
//
// Errors: kIoError; kCorruption with file, line and what was expected.
Result<ReadTruth> ReadSsmLog(const std::string& path, const Recording& recording);

// Lines begin_s,end_s,id_a,id_b[,...] after a header that begins with these; plain, .gz, .xz, .zst.
//
// Errors: as above.
Result<ReadTruth> ReadContacts(const std::string& path, const Recording& recording);

}  // namespace starling::sim
