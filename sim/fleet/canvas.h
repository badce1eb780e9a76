#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/status.h"

namespace starling::sim {

struct Colour {
  std::uint8_t r = 0;
  std::uint8_t g = 0;
  std::uint8_t b = 0;
};

// A picture of pixels, y downwards, that is drawn on with soft edges and then
// written as PNG.
//
// Threading: thread-compatible.
class Canvas {
 public:
  // REQUIRES: 0 < width, height <= 16384
  Canvas(std::size_t width, std::size_t height, Colour background);

  // Lets `colour` cover the pixels of a rectangle by `cover`, 0 to 1.
  void Rectangle(double left, double top, double right, double bottom, Colour colour,
                 double cover = 1);
  // A line with round ends.
  void Line(double x0, double y0, double x1, double y1, double width, Colour colour,
            double cover = 1);
  void Disc(double x, double y, double radius, Colour colour, double cover = 1);
  void Ring(double x, double y, double radius, double width, Colour colour, double cover = 1);
  // Digits, capital letters and a few signs from a 5 x 7 font, each pixel of it
  // `scale` wide; lower-case letters are shown as capitals.
  void Text(double left, double top, std::size_t scale, std::string_view text, Colour colour);
  static std::size_t TextWidth(std::size_t scale, std::string_view text);

  Colour At(std::size_t x, std::size_t y) const { return pixels_[y * width_ + x]; }
  std::size_t width() const { return width_; }
  std::size_t height() const { return height_; }

  // Errors: kIoError, naming the file.
  Status WritePng(const std::string& path) const;

 private:
  template <typename Distance>
  void Shape(double left, double top, double right, double bottom, Colour colour, double cover,
             Distance distance);
  void Blend(std::size_t x, std::size_t y, Colour colour, double cover);

  const std::size_t width_;
  const std::size_t height_;
  std::vector<Colour> pixels_;
};

}  // namespace starling::sim
