#include "edge/source/line_splitter.h"

#include <utility>

namespace starling::edge {

void LineSplitter::Take(std::string_view bytes) {
  for (;;) {
    const std::size_t end = bytes.find('\n');
    if (end == std::string_view::npos) break;
    Finish(bytes.substr(0, end));
    bytes.remove_prefix(end + 1);
  }
  if (too_long_) return;
  if (begun_.size() + bytes.size() > line_bytes_max_) {
    too_long_ = true;
    std::string().swap(begun_);
    return;
  }
  begun_ += bytes;
}

void LineSplitter::End() {
  if (too_long_ || !begun_.empty()) Finish({});
  number_ = 0;
}

void LineSplitter::Finish(std::string_view tail) {
  ++number_;
  const bool too_long = std::exchange(too_long_, false);
  const std::string begun = std::exchange(begun_, {});
  if (too_long || begun.size() + tail.size() > line_bytes_max_) {
    on_line_(std::nullopt, number_);
  } else if (begun.empty()) {
    on_line_(tail, number_);
  } else {
    on_line_(begun + std::string(tail), number_);
  }
}

}  // namespace starling::edge
