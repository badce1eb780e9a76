// The agent of one vehicle as a library, for programs that would rather call it than run
// starling-edge beside them: docs/vehicle.md, "As a library".  This header, and nothing else of
// Starling's, is its public face.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace starling::edge {

struct ClientOptions {
  // Gateways as HOST:PORT, at least one, tried in this order; the name that their certificates
  // carry.
  std::vector<std::string> connect;
  std::string server_name = "starling-cloud";

  // PEM files: the fleet's authority, this vehicle's certificate and key.  Read again when they
  // change; a new certificate is shown within `renew_spread_s` seconds, [0, 86400].
  std::string ca;
  std::string certificate;
  std::string key;
  double renew_spread_s = 60;

  // A folder for samples that wait for the cloud and for the collection plan, one for each vehicle;
  // empty: memory, which the process takes with it.  Above so many bytes the oldest samples are dropped.
  std::string spool;
  std::size_t spool_bytes_max = 16 << 20;

  double length_m = 4.6;                      // [0.1, 30]
  double width_m = 1.8;                       // [0.1, 5]

  // Pushed samples that the library's thread has not taken yet: [1, 65536].
  std::size_t queue_samples_max = 1024;
};

struct ClientSample {
  // The instant that it describes, nanoseconds of CLOCK_BOOTTIME, later than the one before; 0: now.
  std::uint64_t boot_time_ns = 0;
  double lat_deg = 0;                         // WGS84, of the centre of the vehicle's box
  double lon_deg = 0;
  double heading_deg = 0;                     // clockwise from true north
  double speed_mps = 0;                       // along the heading
  double accel_mps2 = 0;                      // along the heading
  double yaw_rate_dps = 0;                    // degrees a second, clockwise positive
  double accuracy_m = 0;                      // of the position, one sigma; 0: not known
};

struct ClientCommand {
  enum class Kind : std::uint8_t { kSpeedAdvice, kAvoidance, kRelease };

  Kind kind = Kind::kRelease;                 // a release ends what its episode asked for
  std::uint64_t id = 0;
  std::uint64_t episode = 0;                  // what it is about; a later command of it replaces this one
  double speed_ceiling_mps = 0;               // be no faster than this
  double decel_mps2 = 0;                      // at which to get there
  std::uint64_t expires_boot_time_ns = 0;     // CLOCK_BOOTTIME; means nothing from then on
  std::string cause_vehicle;                  // whom it is about; empty: nobody
};

// sampled == delivered + dropped + in_flight of the agent, at the same instant; what the spool
// held at the start counts as sampled.  Samples that Push has refused are in neither.
struct ClientCounters {
  std::uint64_t sampled = 0;
  std::uint64_t delivered = 0;                // the cloud has them for good
  std::uint64_t dropped = 0;                  // spool full or failing, too old, or refused by the cloud
  std::uint64_t in_flight = 0;
  std::uint64_t samples_refused = 0;          // taken by Push, but not later than the one before
  std::uint64_t commands_applied = 0;         // handed over: to on_command, or to the queue of TakeCommand
  std::uint64_t commands_rejected = 0;        // vetoed, or outside what the agent takes
  std::uint64_t commands_expired = 0;
  std::uint64_t commands_superseded = 0;
  std::uint64_t commands_untaken = 0;         // of the applied: not fetched by TakeCommand in time
  std::uint64_t connects = 0;
  std::uint64_t connect_failures = 0;
  std::uint64_t renewals = 0;                 // certificates that a gateway has welcomed while this ran
  bool connected = false;
};

// All of these are called on the library's thread: they must return within milliseconds, because
// nothing is sent or received meanwhile, must not throw, and may call Push, TakeCommand and counters
// of the client, but neither Drain nor Stop.  The first may come before Start has returned.
struct ClientCallbacks {
  // A command to act on now; each comes once, and none after its lease.  Empty: TakeCommand.
  std::function<void(const ClientCommand&)> on_command;
  // Whether this vehicle will not do it; the cloud is told "rejected".  Not asked of a release.
  // Empty: it does everything.
  std::function<bool(const ClientCommand&)> veto;
  // A line for people: connections, certificates, plans, a spool that fails.  Empty: nobody reads them.
  std::function<void(const std::string&)> on_event;
};

// What became of a pushed sample.
enum class PushResult : std::uint8_t {
  kTaken,
  kInvalid,   // a value that cannot be: no number, outside its range, more than a second ahead of now
  kFull,      // queue_samples_max wait: the machine is overloaded; the sample was dropped
  kStopped,
};

// One vehicle's agent with its connection, on a thread of its own.
//
// Threading: thread-safe but for Stop and the destructor, which one thread calls when no other
// one uses the client any more.  The process ignores SIGPIPE from Start on, unless it has a
// handler.  It must not be used over a fork.
class Client {
 public:
  // Reads files, opens the spool, starts the thread and connecting; the cloud need not be there.
  //
  // Errors: null, and the reason in `*why`: options that are out of range or do not go together,
  //         files that cannot be read or do not fit, a spool that another process has.
  static std::unique_ptr<Client> Start(const ClientOptions& options, ClientCallbacks callbacks, std::string* why);

  // As Stop; also waits for a lookup of a gateway's name that is under way, as long as the system's
  // resolver takes.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Takes one sample; some ten a second is what all else is made for.  Never waits.
  PushResult Push(const ClientSample& sample);

  // The oldest command that waits, if there is no on_command; its lease lives.  At most 64 wait, and
  // one that is no release gives way first: poll ten times a second at least.  A command counts as applied when it begins to wait.
  std::optional<ClientCommand> TakeCommand();

  // Figures of one instant, at most 0.1 s ago.
  ClientCounters counters() const;

  // Waits until the cloud has everything that was pushed before, or `seconds` have passed, [0, 3600];
  // true if it has, and of what was pushed since the last Drain nothing was dropped; what counts as
  // samples_refused is left out.  What the cloud has not stays in a spool on disk.  Once at a time,
  // and nobody may push meanwhile: it would wait for that too, and say false if that is on its way
  // when the time is over.
  bool Drain(double seconds);

  // Ends the connection and the thread; does not wait for the cloud.  What was pushed and it has not
  // is in a spool on disk once the client is destroyed.  Push and TakeCommand then do nothing.
  void Stop();

 private:
  struct State;
  explicit Client(std::unique_ptr<State> state);
  const std::unique_ptr<State> state_;
};

}  // namespace starling::edge
