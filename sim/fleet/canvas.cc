#include "sim/fleet/canvas.h"

#include <png.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>

#include "common/check.h"
#include "sim/fleet/font.h"

namespace starling::sim {
namespace {

constexpr std::size_t kSideMax = 16'384;

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// Writes `rows`; false if libpng gave up.  Nothing here has a destructor, because
// libpng leaves by longjmp.
bool WriteRows(std::FILE* file, std::uint32_t width, std::uint32_t height,
               const std::uint8_t* const* rows) {
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png == nullptr ? nullptr : png_create_info_struct(png);
  if (info == nullptr) {
    png_destroy_write_struct(&png, nullptr);
    return false;
  }
  if (setjmp(png_jmpbuf(png))) {
    png_destroy_write_struct(&png, &info);
    return false;
  }
  png_init_io(png, file);
  png_set_IHDR(png, info, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  for (std::uint32_t y = 0; y < height; ++y) png_write_row(png, rows[y]);
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  return true;
}

}  // namespace

Canvas::Canvas(std::size_t width, std::size_t height, Colour background)
    : width_(width), height_(height), pixels_(width * height, background) {
  STARLING_CHECK(width > 0 && width <= kSideMax && height > 0 && height <= kSideMax);
}

void Canvas::Blend(std::size_t x, std::size_t y, Colour colour, double cover) {
  Colour& pixel = pixels_[y * width_ + x];
  const auto mix = [cover](std::uint8_t below, std::uint8_t above) {
    return static_cast<std::uint8_t>(below + (above - below) * cover + 0.5);
  };
  pixel = {mix(pixel.r, colour.r), mix(pixel.g, colour.g), mix(pixel.b, colour.b)};
}

// Colours the pixels whose centres have a negative distance to the shape, softly
// over the pixel at its edge.
template <typename Distance>
void Canvas::Shape(double left, double top, double right, double bottom, Colour colour,
                   double cover, Distance distance) {
  const auto clip = [](double value, std::size_t limit) {
    return static_cast<std::size_t>(std::clamp(value, 0.0, static_cast<double>(limit)));
  };
  const std::size_t x1 = clip(std::ceil(right) + 1, width_);
  const std::size_t y1 = clip(std::ceil(bottom) + 1, height_);
  for (std::size_t y = clip(std::floor(top) - 1, height_); y < y1; ++y) {
    for (std::size_t x = clip(std::floor(left) - 1, width_); x < x1; ++x) {
      const double away = distance(static_cast<double>(x) + 0.5, static_cast<double>(y) + 0.5);
      const double share = std::clamp(0.5 - away, 0.0, 1.0) * cover;
      if (share > 0) Blend(x, y, colour, share);
    }
  }
}

void Canvas::Rectangle(double left, double top, double right, double bottom, Colour colour,
                       double cover) {
  Shape(left, top, right, bottom, colour, cover, [&](double x, double y) {
    return std::max({left - x, x - right, top - y, y - bottom});
  });
}

void Canvas::Line(double x0, double y0, double x1, double y1, double width, Colour colour,
                  double cover) {
  const double dx = x1 - x0;
  const double dy = y1 - y0;
  const double squared = std::max(dx * dx + dy * dy, 1e-12);
  const double r = width / 2;
  Shape(std::min(x0, x1) - r, std::min(y0, y1) - r, std::max(x0, x1) + r, std::max(y0, y1) + r,
        colour, cover, [&](double x, double y) {
          const double t = std::clamp(((x - x0) * dx + (y - y0) * dy) / squared, 0.0, 1.0);
          return std::hypot(x - x0 - t * dx, y - y0 - t * dy) - r;
        });
}

void Canvas::Disc(double x, double y, double radius, Colour colour, double cover) {
  Shape(x - radius, y - radius, x + radius, y + radius, colour, cover,
        [&](double px, double py) { return std::hypot(px - x, py - y) - radius; });
}

void Canvas::Ring(double x, double y, double radius, double width, Colour colour, double cover) {
  const double outer = radius + width / 2;
  Shape(x - outer, y - outer, x + outer, y + outer, colour, cover, [&](double px, double py) {
    return std::abs(std::hypot(px - x, py - y) - radius) - width / 2;
  });
}

void Canvas::Text(double left, double top, std::size_t scale, std::string_view text,
                  Colour colour) {
  const auto side = static_cast<double>(scale);
  for (const char character : text) {
    const Glyph& glyph = GlyphOf(character);
    for (std::size_t row = 0; row < kGlyphRows; ++row) {
      for (std::size_t column = 0; column < kGlyphColumns; ++column) {
        if ((glyph[row] >> (kGlyphColumns - 1 - column) & 1) == 0) continue;
        const double x = left + static_cast<double>(column) * side;
        const double y = top + static_cast<double>(row) * side;
        Rectangle(x, y, x + side, y + side, colour);
      }
    }
    left += static_cast<double>(kGlyphColumns + 1) * side;
  }
}

std::size_t Canvas::TextWidth(std::size_t scale, std::string_view text) {
  return text.size() * (kGlyphColumns + 1) * scale;
}

Status Canvas::WritePng(const std::string& path) const {
  std::vector<std::uint8_t> bytes;
  bytes.reserve(pixels_.size() * 3);
  for (const Colour& pixel : pixels_) bytes.insert(bytes.end(), {pixel.r, pixel.g, pixel.b});
  std::vector<const std::uint8_t*> rows;
  for (std::size_t y = 0; y < height_; ++y) rows.push_back(bytes.data() + y * width_ * 3);
  std::unique_ptr<std::FILE, FileCloser> file(std::fopen(path.c_str(), "wbe"));
  if (file == nullptr ||
      !WriteRows(file.get(), static_cast<std::uint32_t>(width_),
                 static_cast<std::uint32_t>(height_), rows.data()) ||
      std::fclose(file.release()) != 0) {
    return Status(ErrorCode::kIoError, path + ": " + std::strerror(errno));
  }
  return Status();
}

}  // namespace starling::sim
