#include "cloud/options.h"

#include <charconv>
#include <chrono>
#include <cerrno>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

namespace starling::cloud {
namespace {

namespace json = boost::json;

// One object of the file: each Read takes the key of that name if it is there;
// what nobody has read is unknown.  The first mistake is kept, the rest skipped.
class Section {
 public:
  Section(std::string path, const json::value& value, Status* mistake)
      : path_(std::move(path)), mistake_(mistake) {
    if (value.is_object()) {
      object_ = &value.as_object();
    } else {
      Complain(path_.empty() ? "the file" : path_.substr(0, path_.size() - 1), "is not an object");
    }
  }

  void Read(std::string_view name, bool* field) {
    const json::value* const value = Take(name);
    if (value == nullptr) return;
    if (!value->is_bool()) return Complain(path_ + std::string(name), "is not true or false");
    *field = value->as_bool();
  }

  template <std::integral T>
  void Read(std::string_view name, T* field) {
    const json::value* const value = Take(name);
    if (value == nullptr) return;
    boost::system::error_code failure;
    const T number = value->to_number<T>(failure);
    if (failure) return Complain(path_ + std::string(name), "is not a whole number of its range");
    *field = number;
  }

  void Read(std::string_view name, double* field) {
    const json::value* const value = Take(name);
    if (value == nullptr) return;
    if (!value->is_number()) return Complain(path_ + std::string(name), "is not a number");
    *field = value->to_number<double>();
  }

  void Read(std::string_view name, std::string* field) {
    const json::value* const value = Take(name);
    if (value == nullptr) return;
    if (!value->is_string()) return Complain(path_ + std::string(name), "is not a string");
    *field = std::string(value->as_string().data(), value->as_string().size());
  }

  // The key is `name`_ms, a number of milliseconds, with a fraction if need be.
  template <typename Rep, typename Period>
  void Read(std::string_view name, std::chrono::duration<Rep, Period>* field) {
    constexpr double kMillisecondsMax = 1e12;  // 31 years
    double number = std::numeric_limits<double>::quiet_NaN();
    Read(std::string(name) + "_ms", &number);
    if (std::isnan(number)) return;
    if (number < 0 || number > kMillisecondsMax) {
      return Complain(path_ + std::string(name) + "_ms", "is out of range");
    }
    *field = std::chrono::duration_cast<std::chrono::duration<Rep, Period>>(
        std::chrono::duration<double, std::milli>(number));
  }

  // `read` is handed the section of that name if it is there.
  template <typename ReadSection>
  void ReadSectionOf(std::string_view name, ReadSection read) {
    const json::value* const value = Take(name);
    if (value == nullptr) return;
    Section section(path_ + std::string(name) + ".", *value, mistake_);
    read(&section);
    section.Finish();
  }

  // `read` is handed each element of the list of that name if it is there.
  template <typename ReadSection>
  void ReadEachOf(std::string_view name, ReadSection read) {
    const json::value* const value = Take(name);
    if (value == nullptr) return;
    if (!value->is_array()) return Complain(path_ + std::string(name), "is not a list");
    for (std::size_t i = 0; i < value->as_array().size(); ++i) {
      Section section(path_ + std::string(name) + "[" + std::to_string(i) + "].", value->as_array()[i], mistake_);
      read(&section);
      section.Finish();
    }
  }

  // For what a field's kind does not say.
  void Refuse(std::string_view name, const std::string& why) { Complain(path_ + std::string(name), why); }

  void Finish() {
    if (object_ == nullptr) return;
    for (const auto& entry : *object_) {
      const std::string key(entry.key().data(), entry.key().size());
      if (!known_.contains(key)) Complain(path_ + key, "is unknown");
    }
  }

 private:
  const json::value* Take(std::string_view name) {
    known_.emplace(name);
    return object_ == nullptr ? nullptr : object_->if_contains({name.data(), name.size()});
  }

  void Complain(const std::string& what, const std::string& why) {
    if (mistake_->ok()) *mistake_ = {ErrorCode::kInvalidArgument, what + " " + why};
  }

  const std::string path_;
  Status* const mistake_;
  const json::object* object_ = nullptr;
  std::set<std::string, std::less<>> known_;
};

void ReadGateway(Section* section, GatewayConfig* config) {
  section->Read("host", &config->host);
  section->Read("port", &config->port);
  section->Read("threads", &config->threads);
  section->Read("coalesce", &config->coalesce);
  section->Read("connections_max", &config->connections_max);
  section->Read("connections_per_address_max", &config->connections_per_address_max);
  section->Read("connections_per_address_and_second", &config->connections_per_address_and_second);
  section->Read("half_open_max", &config->half_open_max);
  section->Read("handshakes_max", &config->handshakes_max);
  section->Read("handshakes_per_second", &config->handshakes_per_second);
  section->Read("reconnects_per_second", &config->reconnects_per_second);
  section->Read("handshake_timeout", &config->handshake_timeout);
  section->Read("handshake_slot_timeout", &config->handshake_slot_timeout);
  section->Read("idle_timeout", &config->idle_timeout);
  section->Read("frame_timeout", &config->frame_timeout);
  section->Read("replacements_per_minute", &config->replacements_per_minute);
  section->Read("replacement_pause", &config->replacement_pause);
  section->ReadSectionOf("admission", [&](Section* of) {
    of->Read("frames_per_second", &config->admission.frames_per_second);
    of->Read("bytes_per_second", &config->admission.bytes_per_second);
  });
  section->Read("write_bytes_max", &config->write_bytes_max);
  section->Read("fixes_per_second", &config->fixes_per_second);
  section->Read("fixes_burst", &config->fixes_burst);
  section->Read("bytes_per_second", &config->bytes_per_second);
  section->Read("bytes_burst", &config->bytes_burst);
  section->Read("statuses_per_second", &config->statuses_per_second);
  section->Read("statuses_burst", &config->statuses_burst);
  section->Read("fix_age_max", &config->fix_age_max);
  section->Read("fix_lead_max", &config->fix_lead_max);
  section->Read("jump_base_m", &config->jump_base_m);
  section->Read("jump_speed_mps", &config->jump_speed_mps);
  section->Read("clock_step_max", &config->clock_step_max);
  section->Read("plans", &config->plans);
}

void ReadLog(Section* section, EmbeddedLogConfig* config) {
  section->Read("queue_bytes_max", &config->queue_bytes_max);
  section->Read("queue_records_max", &config->queue_records_max);
  section->Read("bulk_share_percent", &config->bulk_share_percent);
  section->Read("commit_interval_min", &config->commit_interval_min);
  section->Read("sync_interval", &config->sync_interval);
  section->Read("wal_bytes_max", &config->wal_bytes_max);
  section->Read("block_cache_bytes", &config->block_cache_bytes);
  section->ReadSectionOf("topics", [&](Section* topics) {
    for (std::size_t i = 0; i < kTopicCount; ++i) {
      TopicConfig* const topic = &config->topics[i];
      topics->ReadSectionOf(TopicName(static_cast<Topic>(i)), [&](Section* fields) {
        fields->Read("bytes_max", &topic->bytes_max);
        fields->Read("age_max", &topic->age_max);
        fields->Read("memtable_bytes", &topic->memtable_bytes);
      });
    }
  });
}

void ReadHeatmap(Section* section, HeatmapConfig* config) {
  section->Read("cells_max", &config->cells_max);
  section->Read("fading_after", &config->fading_after);
  section->Read("forgotten_after", &config->forgotten_after);
  section->Read("congested_vehicles", &config->congested_vehicles);
  section->Read("congested_speed_mps", &config->congested_speed_mps);
  section->Read("congested_windows", &config->congested_windows);
  section->Read("free_vehicles", &config->free_vehicles);
  section->Read("free_speed_mps", &config->free_speed_mps);
  section->Read("free_windows", &config->free_windows);
  section->Read("advice_ahead_s", &config->advice_ahead_s);
  section->Read("advice_speed_max_mps", &config->advice_speed_max_mps);
  section->Read("advice_speed_min_mps", &config->advice_speed_min_mps);
  section->Read("advice_decel_max_mps2", &config->advice_decel_max_mps2);
  section->Read("advice_lease", &config->advice_lease);
}

void ReadHorizon(Section* section, HorizonConfig* config) {
  section->Read("horizon_s", &config->horizon_s);
  section->Read("required_decel_min_mps2", &config->required_decel_min_mps2);
  section->Read("urgent_ttc_s", &config->urgent_ttc_s);
  section->Read("urgent_decel_min_mps2", &config->urgent_decel_min_mps2);
  section->Read("probability_min", &config->probability_min);
  section->Read("watched_decel_min_mps2", &config->watched_decel_min_mps2);
  section->Read("hits_min", &config->hits_min);
  section->Read("evaluations", &config->evaluations);
  section->Read("silent_max", &config->silent_max);
  section->Read("clear_after", &config->clear_after);
  section->Read("pairs_max", &config->pairs_max);
  section->Read("pairs_per_vehicle_max", &config->pairs_per_vehicle_max);
}

void ReadPlanner(Section* section, PlannerConfig* config) {
  section->Read("lease", &config->lease);
  section->Read("renew_before", &config->renew_before);
  section->Read("reissue_interval", &config->reissue_interval);
  section->Read("margin_m", &config->margin_m);
  section->Read("speed_change_min_mps", &config->speed_change_min_mps);
  section->Read("hold_decel_mps2", &config->hold_decel_mps2);
}

void ReadShard(Section* section, ShardConfig* config) {
  section->Read("vehicles_max", &config->vehicles_max);
  section->Read("vehicle_ttl", &config->vehicle_ttl);
  section->Read("sample_age_max", &config->sample_age_max);
  section->Read("sample_ahead_max", &config->sample_ahead_max);
  section->Read("outbox_per_vehicle_max", &config->outbox_per_vehicle_max);
  section->Read("closed_remembered", &config->closed_remembered);
  section->ReadSectionOf("heatmap", [&](Section* of) { ReadHeatmap(of, &config->heatmap); });
  section->ReadSectionOf("horizon", [&](Section* of) { ReadHorizon(of, &config->horizon); });
  section->ReadSectionOf("planner", [&](Section* of) { ReadPlanner(of, &config->planner); });
}

void ReadHistory(Section* section, HistoryKeeperConfig* config) {
  section->Read("interval", &config->interval);
  section->Read("vehicle_ttl", &config->vehicle_ttl);
}

void ReadCheckpoint(Section* section, CheckpointerConfig* config) {
  section->Read("interval", &config->interval);
  section->Read("feed_bytes_max", &config->feed_bytes_max);
  section->Read("changelog_interval", &config->changelog_interval);
}

void ReadRunner(Section* section, ShardRunnerConfig* config) {
  section->Read("recovery_window", &config->recovery_window);
  section->Read("tick_interval", &config->tick_interval);
  section->Read("takeover_after", &config->takeover_after);
  section->Read("held_bytes_max", &config->held_bytes_max);
  section->Read("queries_max", &config->queries_max);
  section->ReadSectionOf("checkpoint", [&](Section* of) { ReadCheckpoint(of, &config->checkpoint); });
}

void ReadWriter(Section* section, EmbeddedRegionWriterConfig* config) {
  section->Read("waiting_bytes_max", &config->waiting_bytes_max);
  section->Read("marker_interval", &config->marker_interval);
}

void ReadKafka(Section* section, KafkaConfig* config) {
  section->Read("transactions", &config->transactions);
  section->Read("linger", &config->linger);
  section->Read("queue_bytes_max", &config->queue_bytes_max);
  section->Read("queue_records_max", &config->queue_records_max);
  section->Read("bulk_share_percent", &config->bulk_share_percent);
  section->Read("delivery_threads", &config->delivery_threads);
  section->Read("batch_records_max", &config->batch_records_max);
  section->Read("query_timeout", &config->query_timeout);
  section->Read("close_timeout", &config->close_timeout);
  section->Read("commit_interval", &config->commit_interval);
  section->Read("idle_commit_interval", &config->idle_commit_interval);
  section->Read("transaction_patience", &config->transaction_patience);
  section->Read("outputs_bytes_max", &config->outputs_bytes_max);
}

void ReadConsole(Section* section, ConsoleConfig* config) {
  section->Read("host", &config->host);
  section->Read("port", &config->port);
  section->Read("connections_max", &config->connections_max);
  section->Read("header_bytes_max", &config->header_bytes_max);
  section->Read("request_timeout", &config->request_timeout);
  section->Read("idle_timeout", &config->idle_timeout);
  section->ReadSectionOf("access", [&](Section* of) {
    of->Read("tokens", &config->access.tokens);
    of->Read("certificate", &config->access.certificate);
    of->Read("key", &config->access.key);
    of->Read("client_ca", &config->access.client_ca);
    of->Read("client_crl", &config->access.client_crl);
    of->Read("session_key", &config->access.session_key);
    of->Read("requests_per_second", &config->access.requests_per_second);
    of->Read("requests_burst", &config->access.requests_burst);
    of->Read("body_bytes_max", &config->access.body_bytes_max);
    of->Read("session", &config->access.session);
  });
}

void ReadCost(Section* section, CostPrices* prices) {
  section->Read("link_per_gb", &prices->link_per_gb);
  section->Read("processor_per_core_hour", &prices->processor_per_core_hour);
  section->Read("memory_per_gb_hour", &prices->memory_per_gb_hour);
  section->Read("storage_per_gb_month", &prices->storage_per_gb_month);
}

void ReadScaling(Section* section, ScalingConfig* config) {
  section->Read("capacity_fixes_per_second", &config->capacity_fixes_per_second);
  section->Read("target_share", &config->target_share);
  section->Read("coverage", &config->coverage);
  section->Read("shards_min", &config->shards_min);
  section->Read("shards_max", &config->shards_max);
  section->Read("cool_down", &config->cool_down);
  section->Read("hysteresis", &config->hysteresis);
  section->Read("utc_offset_minutes", &config->utc_offset_minutes);
  section->ReadEachOf("announced", [&](Section* of) {
    AnnouncedLoad& event = config->announced.emplace_back();
    for (const auto& [name, field] : {std::pair("from", &event.begin), std::pair("to", &event.end)}) {
      std::string text;
      of->Read(name, &text);
      const Result<Minute> minute = ParseMinute(text);
      if (minute.ok()) *field = minute.value();
      if (!minute.ok()) of->Refuse(name, std::string(minute.status().message()));
    }
    of->Read("fixes_per_second", &event.fixes_per_second);
  });
}

std::optional<double> ParseDegrees(std::string_view text, double limit) {
  double degrees = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), degrees);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!(std::abs(degrees) <= limit)) return std::nullopt;
  return degrees;
}

}  // namespace

std::uint64_t CloudOptions::OpenFilesNeeded() const {
  // RocksDB's files and everything that is open once.
  constexpr std::uint64_t kOthers = 400;
  return gateway.connections_max + console.connections_max + kOthers;
}

Status CloudOptions::Validate() const {
  for (const Status& status :
       {gateway.Validate(), log.Validate(), state.Validate(), history.Validate(), shard.Validate(),
        runner.Validate(), writer.Validate(), console.Validate(), cost.Validate(),
         scaling.Validate()}) {
    if (!status.ok()) return status;
  }
  if (drain_delay.count() < 0 || drain_delay > std::chrono::minutes(5)) {
    return {ErrorCode::kInvalidArgument, "--drain-delay must be within 0 and 300 seconds"};
  }
  if (regions.empty() || regions.front() != region) {
    return {ErrorCode::kInvalidArgument, "regions must begin with region"};
  }
  if (log_kind == LogKind::kEmbedded && role != CloudRole::kAll) {
    return {ErrorCode::kInvalidArgument, "the embedded log is one process's: --role all, or --log kafka"};
  }
  if (accept_plain_files && key_file.empty()) {
    return {ErrorCode::kInvalidArgument, "--accept-plain-files needs --key-file"};
  }
  if (log_kind == LogKind::kKafka) return kafka.Validate();
  if (history.vehicle_ttl < log.topics[static_cast<std::size_t>(Topic::kHistory)].age_max) {
    return {ErrorCode::kInvalidArgument, "history.vehicle_ttl must be at least log.topics.history.age_max"};
  }
  return {};
}

Status ReadConfiguration(std::string_view text, CloudOptions* options) {
  boost::system::error_code failure;
  const json::value document = json::parse({text.data(), text.size()}, failure);
  if (failure) return {ErrorCode::kInvalidArgument, "not JSON: " + failure.message()};
  Status mistake;
  Section file("", document, &mistake);
  file.ReadSectionOf("gateway", [&](Section* of) { ReadGateway(of, &options->gateway); });
  file.ReadSectionOf("log", [&](Section* of) { ReadLog(of, &options->log); });
  file.ReadSectionOf("shard", [&](Section* of) { ReadShard(of, &options->shard); });
  file.ReadSectionOf("history", [&](Section* of) { ReadHistory(of, &options->history); });
  file.ReadSectionOf("runner", [&](Section* of) { ReadRunner(of, &options->runner); });
  file.ReadSectionOf("writer", [&](Section* of) { ReadWriter(of, &options->writer); });
  file.ReadSectionOf("kafka", [&](Section* of) { ReadKafka(of, &options->kafka); });
  file.ReadSectionOf("console", [&](Section* of) { ReadConsole(of, &options->console); });
  file.ReadSectionOf("cost", [&](Section* of) { ReadCost(of, &options->cost); });
  file.ReadSectionOf("scaling", [&](Section* of) { ReadScaling(of, &options->scaling); });
  file.Finish();
  return mistake;
}

Result<RegionMap> ReadRegionMap(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file.is_open() || file.bad()) return Status(ErrorCode::kIoError, path + ": " + std::strerror(errno));
  Result<RegionMap> map = RegionMap::FromJson(text);
  if (!map.ok()) return Status(map.status().code(), path + ": " + std::string(map.status().message()));
  return map;
}

Result<std::vector<RegionId>> ParseRegions(std::string_view text) {
  const Status wrong(ErrorCode::kInvalidArgument,
                     std::string(text) + " is not a list of regions, as in 0-3,7, rising and below 10000");
  constexpr std::uint32_t kRegionMax = 9'999;
  std::vector<RegionId> regions;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    std::uint32_t first = 0;
    auto parsed = std::from_chars(at, end, first);
    if (parsed.ec != std::errc()) return wrong;
    std::uint32_t last = first;
    at = parsed.ptr;
    if (at != end && *at == '-') {
      parsed = std::from_chars(at + 1, end, last);
      if (parsed.ec != std::errc()) return wrong;
      at = parsed.ptr;
    }
    if (last < first || last > kRegionMax) return wrong;
    if (!regions.empty() && RegionId{first} <= regions.back()) return wrong;
    for (std::uint32_t region = first; region <= last; ++region) regions.push_back(RegionId{region});
    if (at == end) return regions;
    if (*at != ',') return wrong;
    ++at;
  }
}

Status ParseHostPort(std::string_view text, std::string* host, std::uint16_t* port) {
  const Status wrong(ErrorCode::kInvalidArgument,
                     std::string(text) + " is not HOST:PORT, as in 0.0.0.0:7443 or [::1]:7443");
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return wrong;
  std::string_view name = text.substr(0, colon);
  if (name.front() == '[' && name.back() == ']') {
    name = name.substr(1, name.size() - 2);
  } else if (name.find(':') != std::string_view::npos) {
    return wrong;
  }
  std::uint16_t number = 0;
  const std::string_view digits = text.substr(colon + 1);
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (failure != std::errc() || end != digits.data() + digits.size() || name.empty()) return wrong;
  *host = std::string(name);
  *port = number;
  return {};
}

Result<FrameOrigin> ParseOrigin(std::string_view text) {
  const std::size_t comma = text.find(',');
  if (comma != std::string_view::npos) {
    const auto lat = ParseDegrees(text.substr(0, comma), 70);
    const auto lon = ParseDegrees(text.substr(comma + 1), 180);
    if (lat && lon) {
      return FrameOrigin{static_cast<std::int32_t>(std::lround(*lat * 1e7)),
                         static_cast<std::int32_t>(std::lround(*lon * 1e7))};
    }
  }
  return Status(ErrorCode::kInvalidArgument, std::string(text) +
                                                 " is not LAT,LON in degrees, |LAT| at most 70, "
                                                 "as in 48.1351,11.582");
}

}  // namespace starling::cloud
