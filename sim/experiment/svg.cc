#include "sim/experiment/svg.h"

#include "sim/experiment/number_text.h"

namespace starling::sim {
namespace {

std::string Attribute(std::string_view name, std::string_view value) {
  return std::string(" ").append(name).append("=\"").append(value).append("\"");
}

std::string Attribute(std::string_view name, double value) { return Attribute(name, Fixed(value, 1)); }

const char* Name(Anchor anchor) {
  switch (anchor) {
    case Anchor::kStart: return "start";
    case Anchor::kMiddle: return "middle";
    case Anchor::kEnd: break;
  }
  return "end";
}

}  // namespace

std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char character : text) {
    switch (character) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      case '\'': escaped += "&#39;"; break;
      default: escaped += character;
    }
  }
  return escaped;
}

std::string WithMinus(std::string_view text) {
  std::string printed;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool minus = text[i] == '-' && i + 1 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '9';
    if (minus)
      printed += "−";
    else
      printed += text[i];
  }
  return printed;
}

void SvgPath::Append(char verb, Vec2 point) { text_ += verb + Fixed(point.x, 1) + ' ' + Fixed(point.y, 1); }

Svg::Svg(double width, double height, std::string_view label)
    : text_("<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\"") {
  text_ += Attribute("viewBox", "0 0 " + Fixed(width, 0) + " " + Fixed(height, 0)) +
           Attribute("aria-label", Escaped(label)) + ">\n";
}

void Svg::Line(Vec2 from, Vec2 to, std::string_view looks) {
  text_ += "<line" + Attribute("x1", from.x) + Attribute("y1", from.y) + Attribute("x2", to.x) + Attribute("y2", to.y) +
           Attribute("class", looks) + "/>\n";
}

void Svg::Rectangle(Vec2 corner, Vec2 size, std::string_view looks) {
  text_ += "<rect" + Attribute("x", corner.x) + Attribute("y", corner.y) + Attribute("width", size.x) +
           Attribute("height", size.y) + Attribute("class", looks) + "/>\n";
}

void Svg::Circle(Vec2 centre, double radius, std::string_view looks, std::string_view title) {
  text_ += "<circle" + Attribute("cx", centre.x) + Attribute("cy", centre.y) + Attribute("r", radius) +
           Attribute("class", looks);
  End("circle", title);
}

void Svg::Path(const SvgPath& path, std::string_view looks, std::string_view title) {
  text_ += "<path" + Attribute("d", path.text()) + Attribute("class", looks);
  End("path", title);
}

void Svg::Text(Vec2 at, std::string_view text, std::string_view looks, Anchor anchor) {
  text_ += "<text" + Attribute("x", at.x) + Attribute("y", at.y) + Attribute("class", looks) +
           Attribute("text-anchor", Name(anchor)) + ">" + Escaped(text) + "</text>\n";
}

void Svg::TextUpwards(Vec2 at, std::string_view text, std::string_view looks) {
  text_ += "<text" + Attribute("transform", "translate(" + Fixed(at.x, 1) + " " + Fixed(at.y, 1) + ") rotate(-90)") +
           Attribute("class", looks) + Attribute("text-anchor", "middle") + ">" + Escaped(text) + "</text>\n";
}

void Svg::End(std::string_view element, std::string_view title) {
  if (title.empty()) {
    text_ += "/>\n";
    return;
  }
  text_ += "><title>" + Escaped(title) + "</title></" + std::string(element) + ">\n";
}

}  // namespace starling::sim
