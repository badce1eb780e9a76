#pragma once

#include <string_view>

namespace starling::cloud {

// The live picture for a browser: one document, nothing loaded from elsewhere.
std::string_view Page();

}  // namespace starling::cloud
