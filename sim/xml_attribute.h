#pragma once

#include <string>
#include <string_view>

namespace starling::sim {

// `text` as the value of an XML attribute in double quotes.
inline std::string XmlAttribute(std::string_view text) {
  std::string quoted;
  for (const char letter : text) {
    switch (letter) {
      case '&': quoted += "&amp;"; break;
      case '<': quoted += "&lt;"; break;
      case '"': quoted += "&quot;"; break;
      default: quoted += letter;
    }
  }
  return quoted;
}

}  // namespace starling::sim
