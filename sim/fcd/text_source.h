#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "common/status.h"

namespace starling::sim {

// The text of a file, plain or compressed with gzip, piece by piece: in as much memory as one piece takes.
class TextSource {
 public:
  // Errors: kIoError if it cannot be opened.
  static Result<std::unique_ptr<TextSource>> Open(const std::string& path);
  ~TextSource();

  // How many bytes are there now; 0 at the end.
  // Errors: kIoError if it cannot be read, or was cut or damaged after it was compressed.
  Result<std::size_t> Read(std::span<char> piece);

 private:
  struct State;
  explicit TextSource(std::unique_ptr<State> state);
  const std::unique_ptr<State> state_;
};

}  // namespace starling::sim
