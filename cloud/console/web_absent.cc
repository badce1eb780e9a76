// For a build without npm: says what is missing.
#include "cloud/console/page.h"

namespace starling::cloud {

std::optional<WebFile> FindWebFile(std::string_view path) {
  if (path != "/") return std::nullopt;
  return WebFile{"text/html; charset=utf-8", R"html(<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Starling</title>
<h1>Starling</h1>
<p>This starling-cloud was built without its map, because npm was not there or <code>STARLING_CONSOLE_WEB</code> was
OFF. <code>./run build</code> installs what it needs and builds it with the map. Until then:</p>
<ul><li><a href="/v1/stats">figures</a></li><li><a href="/v1/heatmap">heatmap</a></li>
<li><a href="/v1/conflicts">open conflicts</a></li><li><a href="/v1/vehicles">vehicles</a></li></ul>
</html>
)html"};
}

}  // namespace starling::cloud
