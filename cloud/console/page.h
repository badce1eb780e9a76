#pragma once

#include <optional>
#include <string_view>

namespace starling::cloud {

// A file of the console's page, as the build made it: bytes of the program.
struct WebFile {
  std::string_view content_type;
  std::string_view bytes;
};

// None if `path` is none of theirs.  "/" is the page.
std::optional<WebFile> FindWebFile(std::string_view path);

}  // namespace starling::cloud
