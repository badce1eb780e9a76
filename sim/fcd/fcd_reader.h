#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "common/status.h"
#include "sim/fcd/fcd_format.h"

namespace starling::sim {

// Reads FCD step by step, XML or CSV by what is in it, plain or compressed with gzip: in as much memory as the
// largest step and the different names take, however long the file is.
//
// Of a vehicle, id, x, y, angle and speed must be there.  Persons and containers, and attributes that FcdVehicle has
// no place for, are passed over and counted.
//
// Threading: thread-compatible.
class FcdReader {
 public:
  // Errors: kIoError if it cannot be opened.
  static Result<std::unique_ptr<FcdReader>> Open(const std::string& path);
  ~FcdReader();

  // The next step; false at the end.  The texts in it live as long as the reader.
  //
  // Errors: kCorruption with file, line and what was expected; kExhausted beyond a limit of fcd_format.h;
  //         kIoError if it cannot be read.  After an error there is nothing more.
  Result<bool> Next(FcdStep* step);

  // What was passed over, and how often.
  const std::map<std::string, std::uint64_t>& skipped() const;

 private:
  class Parser;
  class XmlParser;
  class CsvParser;
  struct State;
  explicit FcdReader(std::unique_ptr<State> state);
  const std::unique_ptr<State> state_;
};

}  // namespace starling::sim
