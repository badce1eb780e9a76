// Drawings for a page: elements in the order in which they are drawn, and their looks by classes of the page's style
// sheet, so that one drawing is good on light and dark ground.
#pragma once

#include <string>
#include <string_view>

#include "common/geo/vec2.h"

namespace starling::sim {

// For text and quoted attributes of XML and HTML.  REQUIRES: clean (number_text.h).
std::string Escaped(std::string_view text);

// Minus signs and not hyphens before digits, as print has them.
std::string WithMinus(std::string_view text);

// What <path d="..."> takes; coordinates have one decimal.
class SvgPath {
 public:
  void MoveTo(Vec2 point) { Append('M', point); }
  void LineTo(Vec2 point) { Append('L', point); }
  void Close() { text_ += 'Z'; }
  const std::string& text() const { return text_; }

 private:
  void Append(char verb, Vec2 point);

  std::string text_;
};

enum class Anchor { kStart, kMiddle, kEnd };

// Units are those of a page's pixel at full width; x goes right and y down.  Classes are ours and are not escaped.
class Svg {
 public:
  // `label` is what it shows, for those who cannot see it.
  Svg(double width, double height, std::string_view label);

  void Line(Vec2 from, Vec2 to, std::string_view looks);
  void Rectangle(Vec2 corner, Vec2 size, std::string_view looks);
  // `title` is shown by a browser when one points at it; none if it is empty.
  void Circle(Vec2 centre, double radius, std::string_view looks, std::string_view title = {});
  void Path(const SvgPath& path, std::string_view looks, std::string_view title = {});
  void Text(Vec2 at, std::string_view text, std::string_view looks, Anchor anchor = Anchor::kStart);
  // Anticlockwise, from below to above.
  void TextUpwards(Vec2 at, std::string_view text, std::string_view looks);

  std::string Finish() const { return text_ + "</svg>\n"; }

 private:
  void End(std::string_view element, std::string_view title);

  std::string text_;
};

}  // namespace starling::sim
