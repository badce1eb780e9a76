#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace starling::edge {

// Cuts a stream of bytes, which come in any portions, into lines.
//
// Threading: thread-compatible.
class LineSplitter {
 public:
  // A line without its end, or nullopt for one that was longer than the limit; and
  // its number, from 1.
  using OnLine = std::function<void(std::optional<std::string_view> line, std::uint64_t number)>;

  // Holds at most `line_bytes_max`; the rest of a longer line is thrown away.
  LineSplitter(std::size_t line_bytes_max, OnLine on_line)
      : line_bytes_max_(line_bytes_max), on_line_(std::move(on_line)) {}

  void Take(std::string_view bytes);

  // The stream has ended: what is left is a line too.
  void End();

 private:
  void Finish(std::string_view tail);

  const std::size_t line_bytes_max_;
  const OnLine on_line_;
  std::string begun_;                  // of a line that came in several portions
  bool too_long_ = false;              // the present line is
  std::uint64_t number_ = 0;
};

}  // namespace starling::edge
