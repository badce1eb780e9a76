#pragma once

#include <map>
#include <string>
#include <string_view>

#include "common/status.h"

namespace starling::cloud {

// Reads the text of a client's configuration, as librdkafka's and Kafka's own tools have
// it: name=value lines, blank ones, and comments that begin with #.  Space around a name
// and a value is not theirs.
//
// Errors: kInvalidArgument with the line's number; it quotes no values.
Result<std::map<std::string, std::string>> ParseKafkaProperties(std::string_view text);

// The same, of a file.
//
// Errors: and kIoError if it cannot be read.
Result<std::map<std::string, std::string>> ReadKafkaProperties(const std::string& file);

}  // namespace starling::cloud
