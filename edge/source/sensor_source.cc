#include "edge/source/sensor_source.h"

#include <boost/asio/steady_timer.hpp>
#include <initializer_list>
#include <map>
#include <utility>

#include "edge/source/can/candump_line.h"
#include "edge/source/gnss/nmea_source.h"

namespace starling::edge {
namespace {

// Of one source in a minute.
constexpr int kTroublesTold = 10;
constexpr seconds kTroublesEach{60};

struct Member {
  const char* name;
  std::uint64_t value;
};

std::string Object(std::initializer_list<Member> members) {
  std::string json = "{";
  for (const Member& member : members) {
    json += json.size() == 1 ? "\"" : ",\"";
    json += member.name;
    json += "\":" + std::to_string(member.value);
  }
  return json + "}";
}

std::string PerQuantity(const std::array<std::uint64_t, kQuantities>& values) {
  std::string json = "{";
  for (std::size_t i = 0; i < kQuantities; ++i) {
    json += i == 0 ? "\"" : ",\"";
    json += QuantityName(static_cast<Quantity>(i));
    json += "\":" + std::to_string(values[i]);
  }
  return json + "}";
}

std::string FusionJson(const FusionCounters& counters) {
  std::string json = Object({{"fixes", counters.fixes},
                             {"fixes_refused", counters.fixes_refused},
                             {"fixes_out_of_order", counters.fixes_out_of_order},
                             {"clock_steps", counters.clock_steps},
                             {"samples", counters.samples},
                             {"samples_reckoned", counters.samples_reckoned},
                             {"silent_no_fix", counters.silent_no_fix},
                             {"silent_stale_fix", counters.silent_stale_fix},
                             {"silent_no_speed", counters.silent_no_speed},
                             {"silent_no_heading", counters.silent_no_heading},
                             {"silent_invalid", counters.silent_invalid}});
  json.pop_back();
  return json + ",\"bus_values\":" + PerQuantity(counters.bus_values) +
         ",\"bus_refused\":" + PerQuantity(counters.bus_refused) + "}";
}

std::string GpsdJson(const GpsdCounters& counters, const GpsdLinkCounters& link) {
  return Object({{"connects", link.connects},
                 {"losses", link.losses},
                 {"failures", link.failures},
                 {"reports", counters.reports},
                 {"refused", counters.refused},
                 {"unused", counters.unused},
                 {"tpv", counters.tpv},
                 {"tpv_without_fix", counters.tpv_without_fix},
                 {"tpv_other_device", counters.tpv_other_device},
                 {"fixes", counters.fixes},
                 {"devices_lost", counters.devices_lost},
                 {"errors", counters.errors}});
}

std::string NmeaJson(const NmeaCounters& counters, const LineDeviceCounters& device) {
  return Object({{"opens", device.opens},
                 {"losses", device.losses},
                 {"lines_too_long", device.lines_too_long},
                 {"sentences", counters.sentences},
                 {"unused", counters.unused},
                 {"refused_checksum", counters.refused_checksum},
                 {"refused_malformed", counters.refused_malformed},
                 {"epochs", counters.epochs},
                 {"epochs_without_fix", counters.epochs_without_fix},
                 {"fixes", counters.fixes}});
}

std::string CanJson(const CanCounters& counters, Member first, Member second, Member third) {
  return Object({first,
                 second,
                 third,
                 {"frames", counters.frames},
                 {"frames_used", counters.frames_used},
                 {"frames_short", counters.frames_short},
                 {"values", counters.values},
                 {"values_out_of_range", counters.values_out_of_range}});
}

std::optional<nanoseconds> TimeOf(std::string_view line) {
  const Result<CandumpLine> parsed = ParseCandumpLine(line);
  return parsed.ok() ? std::optional(parsed.value().time) : std::nullopt;
}

const char* SilenceText(Silence silence) {
  switch (silence) {
    case Silence::kNone: return "";
    case Silence::kNoFix: return "no position fix yet";
    case Silence::kStaleFix: return "the last position fix is too old";
    case Silence::kNoSpeed: return "neither the receiver nor the bus gives a speed";
    case Silence::kNoHeading: return "the heading is unknown until the vehicle has driven";
    default: return "what the sensors say is nothing that a vehicle may report";
  }
}

}  // namespace

Status SensorSourceConfig::Validate() const {
  if (gpsd.has_value() == nmea.has_value()) {
    return Status(ErrorCode::kInvalidArgument, "one source says where the vehicle is: give --gpsd or --nmea");
  }
  if (gpsd) {
    if (Status status = gpsd->Validate(); !status.ok()) return status;
  } else if (Status status = nmea->Validate(); !status.ok()) {
    return Status(status.code(), "--nmea: " + std::string(status.message()));
  }
  if (can && candump) return Status(ErrorCode::kInvalidArgument, "a bus is read once: give --can or --candump");
  if ((can || candump) != decoder.has_value()) {
    return Status(ErrorCode::kInvalidArgument,
                  "a bus (--can, --candump) needs to be known (--dbc, --can-map), and the other way round");
  }
  if (nmea && candump && nmea->path == "-" && candump->path == "-") {
    return Status(ErrorCode::kInvalidArgument, "standard input is read once: --nmea or --candump");
  }
  if (can) {
    if (Status status = can->Validate(); !status.ok()) return status;
  }
  if (candump) {
    if (Status status = candump->Validate(); !status.ok()) return status;
  }
  return fusion.Validate();
}

struct SensorSource::State : std::enable_shared_from_this<SensorSource::State> {
  State(const SensorSourceConfig& config, boost::asio::io_context* context, Callbacks the_callbacks,
        std::uint64_t seed)
      : callbacks(std::move(the_callbacks)), fusion(config.fusion), timer(*context), decoder(config.decoder) {
    if (config.can) {
      can.emplace(*config.can, decoder->ids(), context,
                  CanSocket::Callbacks{[this](const CanFrame& frame) { OnFrame(frame); },
                                       [this](std::string_view why) { Trouble("can", why); }},
                  seed);
      ++running;
    }
    if (config.candump) {
      LineDeviceConfig device = *config.candump;
      device.line_bytes_max = kCandumpLineBytesMax;
      candump.emplace(device, context,
                      LineDevice::Callbacks{callbacks.clock, [this](std::string_view line) { OnCandumpLine(line); },
                                            TimeOf, [this](std::string_view why) { Trouble("candump", why); },
                                            [this] { Ended(); }},
                      seed);
      ++running;
    }
    if (config.gpsd) {
      gpsd.emplace(*config.gpsd, context,
                   GpsdSource::Callbacks{callbacks.clock, [this](const GnssFix& fix) { fusion.OnFix(fix); },
                                         [this](std::string_view why) { Trouble("gpsd", why); }},
                   seed);
      ++running;
    }
    if (config.nmea) {
      nmea.emplace(*config.nmea, context,
                   NmeaSource::Callbacks{callbacks.clock, [this](const GnssFix& fix) { fusion.OnFix(fix); },
                                         [this](std::string_view why) { Trouble("nmea", why); },
                                         [this] { Ended(); }},
                   seed);
      ++running;
    }
  }

  void Trouble(const char* source, std::string_view why) {
    if (stopped) return;
    const BootTime now = callbacks.clock();
    Told& told_before = troubles[source];
    if (told_before.count == 0 || now >= told_before.since + kTroublesEach) told_before = {now, 0};
    if (++told_before.count > kTroublesTold) return;
    callbacks.on_trouble(source, why);
    if (told_before.count == kTroublesTold) {
      callbacks.on_trouble(source, "for the rest of a minute, more of these are only counted");
    }
  }
  void OnFrame(const CanFrame& frame);
  void OnCandumpLine(std::string_view line);
  void Ended();
  void Arm();
  void Tick();

  const Callbacks callbacks;
  Fusion fusion;
  boost::asio::steady_timer timer;
  std::optional<GpsdSource> gpsd;
  std::optional<NmeaSource> nmea;
  std::optional<CanDecoder> decoder;
  std::optional<CanSocket> can;
  std::optional<LineDevice> candump;
  std::uint64_t candump_refused = 0;
  std::uint64_t candump_other = 0;       // remote and error frames
  struct Told {
    BootTime since;
    int count = 0;
  };
  std::map<std::string_view, Told> troubles;
  int running = 0;                       // sources that have not ended
  bool stopped = false;
  std::optional<Silence> told;
};

void SensorSource::State::OnFrame(const CanFrame& frame) {
  const BootTime now = callbacks.clock();
  decoder->OnFrame(frame, [this, now](Quantity quantity, double value) { fusion.OnBus(quantity, value, now); });
}

void SensorSource::State::OnCandumpLine(std::string_view line) {
  const Result<CandumpLine> parsed = ParseCandumpLine(line);
  if (!parsed.ok()) {
    ++candump_refused;
    return Trouble("candump", parsed.status().message());
  }
  if (parsed.value().has_data) {
    OnFrame(parsed.value().frame);
  } else {
    ++candump_other;
  }
}

void SensorSource::State::Ended() {
  if (--running == 0 && !stopped && callbacks.on_end) callbacks.on_end();
}

void SensorSource::State::Arm() {
  const BootTime now = callbacks.clock();
  timer.expires_after(fusion.next_sample(now) - now);
  timer.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!error && self != nullptr && !self->stopped) self->Tick();
  });
}

void SensorSource::State::Tick() {
  const BootTime now = callbacks.clock();
  if (now >= fusion.next_sample(now)) {
    const std::optional<Sample> sample = fusion.TakeSample(now);
    if (std::exchange(told, fusion.silence()) != fusion.silence()) {
      callbacks.on_silence(SilenceText(fusion.silence()));
    }
    if (sample && !stopped) callbacks.on_sample(*sample);
  }
  if (!stopped) Arm();
}

SensorSource::SensorSource(const SensorSourceConfig& config, boost::asio::io_context* context,
                           Callbacks callbacks, std::uint64_t seed)
    : state_(std::make_shared<State>(config, context, std::move(callbacks), seed)) {}

SensorSource::~SensorSource() { Stop(); }

void SensorSource::Start() {
  state_->Arm();
  if (state_->gpsd) state_->gpsd->Start();
  if (state_->nmea) state_->nmea->Start();
  if (state_->can) state_->can->Start();
  if (state_->candump) state_->candump->Start();
}

void SensorSource::Stop() {
  state_->stopped = true;
  state_->timer.cancel();
  if (state_->gpsd) state_->gpsd->Stop();
  if (state_->nmea) state_->nmea->Stop();
  if (state_->can) state_->can->Stop();
  if (state_->candump) state_->candump->Stop();
}

const FusionCounters& SensorSource::fusion_counters() const { return state_->fusion.counters(); }

std::string SensorSource::CountersJson() const {
  std::string json = "{\"fusion\":" + FusionJson(state_->fusion.counters());
  if (state_->gpsd) {
    json += ",\"gpsd\":" + GpsdJson(state_->gpsd->counters(), state_->gpsd->link_counters());
  }
  if (state_->nmea) {
    json += ",\"nmea\":" + NmeaJson(state_->nmea->counters(), state_->nmea->device_counters());
  }
  if (state_->can) {
    const CanSocketCounters& socket = state_->can->counters();
    json += ",\"can\":" + CanJson(state_->decoder->counters(), {"opens", socket.opens}, {"losses", socket.losses},
                                  {"frames_other", socket.frames_other});
  }
  if (state_->candump) {
    json += ",\"candump\":" + CanJson(state_->decoder->counters(),
                                      {"lines_too_long", state_->candump->counters().lines_too_long},
                                      {"lines_refused", state_->candump_refused},
                                      {"frames_other", state_->candump_other});
  }
  return json + "}";
}

}  // namespace starling::edge
