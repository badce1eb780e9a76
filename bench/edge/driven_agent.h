#pragma once

#include <cstddef>
#include <cstdint>

namespace starling {

// What agents of driving vehicles cost, after a minute in which tables and buffers have
// reached their size.
struct AgentCosts {
  std::uint64_t samples = 0;
  std::uint64_t allocations = 0;            // on the agent's thread, by the agent's code
  // By what the sample was the occasion for; the first of these that is so has all of them.
  std::uint64_t allocations_of_batches = 0; // a history batch was sealed, sent or acknowledged
  std::uint64_t allocations_of_commits = 0; // the spool was committed
  std::uint64_t allocations_of_frames = 0;  // a frame of another kind went out
  std::uint64_t allocations_of_none = 0;    // nothing of that: the sample was taken, predicted and kept
  std::uint64_t quiet_samples = 0;          // how many of those there were
  std::uint64_t frames = 0;                 // that went out
  std::uint64_t live_bytes = 0;             // frames, headers included
  std::uint64_t history_bytes = 0;
  std::uint64_t other_bytes = 0;            // clock probes and reports
  std::uint64_t records = 0;                // of TLS: frames that go together are one
  std::uint64_t flash_bytes = 0;            // handed to the file system by the spool
  std::uint64_t flash_syncs = 0;
};

// Drives `vehicles` for `minutes` of virtual time through a drawn city, 10 samples a second each,
// with the real agent and its spool in the folder of TMPDIR, committed each second, against a
// cloud that answers at once.  Takes about a second for ten minutes of one vehicle.
//
// Everything but the time that it takes is the same in every run.
AgentCosts DriveAgents(std::size_t vehicles, std::size_t minutes);

}  // namespace starling
