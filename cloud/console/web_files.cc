// The page's files, which npm has bundled from web/, as they are.
#include "cloud/console/page.h"

#define STARLING_WEB_FILE(symbol, name)                                       \
  asm(".pushsection .rodata\n"                                                \
      ".balign 16\n"                                                          \
      ".globl starling_web_" #symbol "\n"                                     \
      "starling_web_" #symbol ":\n"                                           \
      ".incbin \"" STARLING_WEB_FOLDER "/" name "\"\n"                        \
      ".globl starling_web_" #symbol "_end\n"                                 \
      "starling_web_" #symbol "_end:\n"                                       \
      ".byte 0\n"                                                             \
      ".popsection\n");                                                       \
  extern "C" {                                                                \
  extern const char starling_web_##symbol[];                                  \
  extern const char starling_web_##symbol##_end[];                            \
  }

STARLING_WEB_FILE(page, "index.html")
STARLING_WEB_FILE(script, "console.js")
STARLING_WEB_FILE(style, "console.css")
STARLING_WEB_FILE(icon, "icon.svg")
STARLING_WEB_FILE(licences, "licences.txt")

namespace starling::cloud {
namespace {

std::string_view Between(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

}  // namespace

std::optional<WebFile> FindWebFile(std::string_view path) {
  if (path == "/") return WebFile{"text/html; charset=utf-8", Between(starling_web_page, starling_web_page_end)};
  if (path == "/console.js") {
    return WebFile{"text/javascript; charset=utf-8", Between(starling_web_script, starling_web_script_end)};
  }
  if (path == "/console.css") {
    return WebFile{"text/css; charset=utf-8", Between(starling_web_style, starling_web_style_end)};
  }
  if (path == "/icon.svg") return WebFile{"image/svg+xml", Between(starling_web_icon, starling_web_icon_end)};
  if (path == "/licences.txt") {
    return WebFile{"text/plain; charset=utf-8", Between(starling_web_licences, starling_web_licences_end)};
  }
  return std::nullopt;
}

}  // namespace starling::cloud
