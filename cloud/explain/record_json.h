// The log's records for people and scripts, a JSON object each: docs/formats/http.md.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "cloud/explain/record_source.h"
#include "cloud/log/log.h"
#include "common/ids.h"
#include "common/status.h"

namespace starling::cloud {

// By its name, as TopicName has it.
std::optional<Topic> TopicOf(std::string_view name);
// "telemetry, history, ..."
std::string TopicNames();

// One line without its end.  Of what is large - history's columns, whole heatmaps - it has the
// count; a record that cannot be read has its bytes' number and "unreadable".
std::string RecordJson(Topic topic, const LogRecord& record);

struct TopicQuestion {
  // The first one wanted; nothing: the last `count`.
  std::optional<Offset> from;
  std::size_t count = 100;
};

inline constexpr std::size_t kTopicRecordsMax = 1'000;  // of one answer
inline constexpr std::size_t kTopicBytesMax = 1 << 20;  // of one answer's records

// {"topic": ..., "region": ..., "first": ..., "end": ..., "next": ..., "records": [...]}
//
// Errors: those of `records`.
Result<std::string> TopicDocument(const RecordSource& records, Topic topic, RegionId region,
                                  const TopicQuestion& question);

}  // namespace starling::cloud
