#pragma once

#include <boost/json/value.hpp>
#include <string>

namespace starling::sim {

// JSON for people and machines: two spaces to the level, small objects and lists of numbers or words on one line, and a
// line end after it. Numbers are the shortest that read back as the same value; those with a fraction have a point also
// where it is 0.
std::string PrettyJson(const boost::json::value& value);

}  // namespace starling::sim
