#pragma once

#include <string_view>

namespace starling::cloud {

// cloud/console/openapi.json: the HTTP port's description, OpenAPI 3.1.
std::string_view OpenApiDocument();

}  // namespace starling::cloud
