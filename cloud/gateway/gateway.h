#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "cloud/gateway/admission.h"
#include "cloud/gateway/plan_book.h"
#include "cloud/log/log.h"
#include "cloud/measure/latency_histogram.h"
#include "cloud/regions/region_map.h"
#include "cloud/shard/shard.h"
#include "cloud/tls/certificate_watch.h"
#include "common/geo/local_frame.h"
#include "common/ids.h"
#include "common/status.h"
#include "common/tls/tls_context.h"
#include "schemas/log/dead_letter_generated.h"

namespace starling::cloud {

class HistoryLedger;  // cloud/gateway/history_ledger.h

struct GatewayConfig {
  std::string host = "0.0.0.0";
  std::uint16_t port = 7443;              // 0: any free one; see Gateway::port()
  std::size_t threads = 1;                // io_contexts; a connection stays on one
  // What arrives within so long is taken in together once there is much of it: a wake-up for
  // each frame costs more than the frame.  Delays frames and commands by half of it in the
  // mean; 0 ms: never.  At most 20 ms.
  milliseconds coalesce{1};
  std::size_t connections_max = 12'500;   // more are refused at accept; each takes a file
  // Of connections_max, from one address (IPv6: from one /64); more are refused at
  // accept.  Lower it where vehicles do not share the address of a mobile network.
  std::size_t connections_per_address_max = 12'500;
  double connections_per_address_and_second = 5'000;  // more are refused at accept; [1, 1e6]
  // Connections of which the next move is the peer's and that are nobody yet: a TLS hello
  // that is not whole, a handshake that waits and has no slot.  One more cuts the oldest.
  std::size_t half_open_max = 4'096;
  std::size_t handshakes_max = 64;        // under way at once on one thread; the rest wait
  double handshakes_per_second = 5'000;   // begun, by all threads; the rest wait; [10, 1e6]
  // Vehicles that come back when this gateway was lost: each is told how long to spread
  // itself over, unless it avoids somebody; [10, 1e6].  A core shakes about 1,500
  // hands of resumed sessions in a second.
  double reconnects_per_second = 1'000;
  milliseconds handshake_timeout{10'000}; // from accept to a whole TLS hello, from there to the
                                          // handshake's end, and from handshake to Hello
  milliseconds handshake_slot_timeout{250};  // after which a handshake goes on without its slot
  milliseconds idle_timeout{30'000};      // silence after which a connection is cut
  milliseconds frame_timeout{10'000};     // from a frame's first byte to its last
  std::size_t write_bytes_max = 64 << 10; // unsent bytes at which a slow vehicle is cut

  // Token bucket for each vehicle, in live fixes.
  double fixes_per_second = 15;           // (0, 1000]
  double fixes_burst = 30;
  // And in bytes of all frames, as sent or decompressed, whichever is more: live takes
  // 1 KB/s, and an hour's backlog, sent at once, some hundred KB.
  double bytes_per_second = 64 << 10;     // [1, 1e9]
  double bytes_burst = 2 << 20;           // [128 KiB, 1e9]: each frame has to fit
  // And in command statuses that the log does not have yet.
  double statuses_per_second = 200;       // [1, 1e6]
  double statuses_burst = 2'000;          // [256, 1e6]: each report has to fit

  // A vehicle whose connection is replaced by a newer one more often than this is two
  // with one certificate, or one that is in a loop: for a while the newer is refused.
  double replacements_per_minute = 12;    // [1, 1000]
  milliseconds replacement_pause{10'000};

  // Of all vehicles together.
  AdmissionConfig admission;

  // Plausibility, after clock translation.  C2C-CC profile.
  milliseconds fix_age_max{2'000};
  milliseconds fix_lead_max{220};
  double jump_base_m = 10;                // plus jump_speed_mps for each second since the last fix
  double jump_speed_mps = 70;
  milliseconds clock_step_max{100};       // between two clock reports of one boot, beyond their uncertainty

  RegionId region{};                      // partition of history and dead letters
  std::string plans;                      // folder of collection plans, watched; empty: none are pushed
  std::optional<RegionMap> region_map;    // none: all of the world is `region`
  FrameOrigin origin;

  Status Validate() const;
};

inline constexpr std::size_t kVerdictCount = static_cast<std::size_t>(log::Verdict::MAX) + 1;

struct GatewayCounters {
  std::uint64_t connections = 0;          // open, identified
  std::uint64_t accepted = 0;
  std::uint64_t handshakes_full = 0;
  std::uint64_t handshakes_resumed = 0;
  std::uint64_t handshakes_failed = 0;    // and connections that ended before theirs
  std::uint64_t revoked_refused = 0;      // of those: the certificate is revoked
  std::uint64_t revoked_cut = 0;          // living connections whose certificate was revoked
  std::uint64_t refused_connections = 0;  // over connections_max, or no file left
  std::uint64_t refused_address = 0;      // of those: over the limits of one address
  std::uint64_t half_open_cut = 0;        // over half_open_max
  std::uint64_t handshakes_parked = 0;    // lost their slot to others
  std::uint64_t refused_twins = 0;        // over replacements_per_minute
  std::array<std::uint64_t, kFrameClasses> turned_away{};  // frames, over the limits of all vehicles
  std::uint64_t replaced_connections = 0; // a newer connection of the same vehicle
  std::uint64_t frames_in = 0;
  std::uint64_t bytes_in = 0;             // frames, before TLS
  std::uint64_t frames_out = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t commands_sent = 0;
  std::uint64_t commands_unroutable = 0;  // vehicle not connected; its outbox keeps them
  std::uint64_t commands_fenced = 0;      // of a former owner of their region: dropped
  std::uint64_t plans_sent = 0;
  std::uint64_t sessions_shed = 0;        // connects and disconnects that the log had no room for
  std::uint64_t ghosts = 0;               // copies of fixes for other regions than the owner's
  std::uint64_t ghosts_shed = 0;          // that the log had no room for; the next fix makes up for it
  std::array<std::uint64_t, kVerdictCount> verdicts{};  // one for each message
  std::array<std::uint64_t, kVerdictCount> history_verdicts{};  // of these, of history batches
  std::array<std::uint64_t, kFrameClasses> shed{};      // frames without room here or in the log
  std::uint64_t wire_bytes_in = 0;        // with TLS, without TCP/IP; counted once a second
  std::uint64_t wire_bytes_out = 0;
  std::uint64_t deliveries_untimed = 0;   // applied commands of which it is not known when they were sent
};

// How long things took, where the gateway can tell.
struct GatewayLatencies {
  HistogramCounts uplink;                 // a fix's instant to the log's queue, by the vehicle's clock as translated
  HistogramCounts dispatch;               // the shard's issuing a command to its connection here
  HistogramCounts delivery;               // from there to the vehicle's controller, by what the vehicle says
  HistogramCounts acknowledgement;        // from there to its status here: by this machine's clock alone
};

// Ends the vehicles' connections: knows who is there by the certificate, gives
// every message exactly one verdict, translates clocks, and appends to the log
// what passed.  Acknowledges history and statuses when they are durable.
//
// Threading: Start, Drain and Stop from one thread; the rest is thread-safe.
class Gateway {
 public:
  // `log` and `ledger` must outlive the gateway.
  Gateway(const GatewayConfig& config, Log* log, HistoryLedger* ledger);
  ~Gateway();

  // Watches the folder from now on: what changes there holds for new connections, and
  // whose certificate is revoked is cut.  `say` gets lines for people, from another
  // thread; null: standard error.  `listening` is a socket that listens there already; it
  // becomes the gateway's.
  //
  // Errors: kUnavailable if the port is taken, naming it; kIoError otherwise.
  Status Start(const CertificateFolder& certificates, CertificateWatch::Say say = nullptr,
               std::optional<int> listening = {});

  // Reads the certificates' folder again, soon; does nothing before Start.
  void ReloadCertificates();

  // Sends commands to the vehicles that are connected, stamping emitted_time_ns.  Drops
  // those of an older epoch than SetEpoch said of their region.
  void Deliver(std::span<const ShardOutputs::Command> commands);

  // Fencing epoch of a region, when a shard owns it; an older one changes nothing.
  void SetEpoch(RegionId region, Epoch epoch);

  // From each vehicle's next fix on.  A map that is not newer changes nothing.
  void SetRegionMap(RegionMap map);

  // Stops accepting, tells vehicles (Notice Draining), waits for acknowledgements
  // that are due, at most `timeout`, then closes.
  void Drain(milliseconds timeout);

  // Of collection plans: which is wanted, null if none is, and what the vehicle said last.
  std::shared_ptr<const CompiledPlan> WantedPlan(const VehicleId& vehicle) const;
  std::optional<ReportedPlan> PlanOf(const VehicleId& vehicle) const;
  PlanFigures plans() const;

  // Whether the vehicle has a connection here.
  bool Connected(const VehicleId& vehicle) const;

  std::uint16_t port() const;
  GatewayCounters counters() const;
  GatewayLatencies latencies() const;
  CertificateFigures certificates() const;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace starling::cloud
