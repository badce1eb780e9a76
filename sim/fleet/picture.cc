#include "sim/fleet/picture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace starling::sim {
namespace {

constexpr std::size_t kWidth = 1600;
constexpr std::size_t kHeight = 1720;
constexpr double kMargin = 40;
constexpr double kHeader = 90;
constexpr double kMapSide = kWidth - 2 * kMargin;

constexpr Colour kGround{16, 20, 28};
constexpr Colour kMap{22, 27, 37};
constexpr Colour kStreet{76, 86, 104};
constexpr Colour kArterial{126, 138, 160};
constexpr Colour kInk{228, 232, 240};
constexpr Colour kFaint{150, 160, 178};
constexpr Colour kConflict{96, 222, 255};
constexpr Colour kUrgent{255, 255, 255};

// A conflict that came closer than this is drawn as an urgent one.
constexpr double kUrgentTtcS = 1.5;

// From free to standing; dark where nothing is the matter, so that the eye goes to
// where something is.
constexpr std::array<Colour, 5> kScale{
    Colour{24, 62, 72}, Colour{36, 118, 96}, Colour{214, 176, 54}, Colour{232, 106, 42},
    Colour{214, 36, 62}};

Colour ScaleAt(double congestion) {
  const double place = std::clamp(congestion, 0.0, 1.0) * (kScale.size() - 1);
  const auto low = std::min(static_cast<std::size_t>(place), kScale.size() - 2);
  const double share = place - static_cast<double>(low);
  const auto mix = [share](std::uint8_t a, std::uint8_t b) {
    return static_cast<std::uint8_t>(a + (b - a) * share + 0.5);
  };
  const Colour& a = kScale[low];
  const Colour& b = kScale[low + 1];
  return {mix(a.r, b.r), mix(a.g, b.g), mix(a.b, b.b)};
}

// From the city's metres to the picture's pixels.
class Projection {
 public:
  explicit Projection(const City& city) {
    // Whole cells: those at the edge reach beyond the last street.
    const auto down = [](double metres) { return std::floor(metres / kCellSideM) * kCellSideM; };
    const auto up = [](double metres) { return std::ceil(metres / kCellSideM) * kCellSideM; };
    const Vec2 low{down(city.south_west().x), down(city.south_west().y)};
    const Vec2 high{up(city.north_east().x), up(city.north_east().y)};
    scale_ = kMapSide / std::max({high.x - low.x, high.y - low.y, 1.0});
    centre_ = 0.5 * (low + high);
  }
  double X(double x) const { return kMargin + kMapSide / 2 + (x - centre_.x) * scale_; }
  double Y(double y) const { return kHeader + kMapSide / 2 - (y - centre_.y) * scale_; }
  double Length(double metres) const { return metres * scale_; }

 private:
  double scale_ = 1;
  Vec2 centre_;
};

void DrawCells(const PictureData& data, const Projection& at, Canvas* canvas) {
  for (const CloudCell& cell : data.cells) {
    const double x = cell.cell.x * kCellSideM;
    const double y = cell.cell.y * kCellSideM;
    // One car that waits colours its cell less than a queue does.
    const double weight = std::min(1.0, 0.35 + 0.13 * cell.vehicles);
    const double gap = 0.5;
    canvas->Rectangle(at.X(x) + gap, at.Y(y + kCellSideM) + gap, at.X(x + kCellSideM) - gap,
                      at.Y(y) - gap, ScaleAt(cell.congestion), weight);
    if (cell.congested) {
      const double l = at.X(x) + 1, r = at.X(x + kCellSideM) - 1;
      const double t = at.Y(y + kCellSideM) + 1, b = at.Y(y) - 1;
      canvas->Line(l, t, r, t, 1.6, kInk, 0.7);
      canvas->Line(r, t, r, b, 1.6, kInk, 0.7);
      canvas->Line(r, b, l, b, 1.6, kInk, 0.7);
      canvas->Line(l, b, l, t, 1.6, kInk, 0.7);
    }
  }
}

void DrawStreets(const PictureData& data, const Projection& at, Canvas* canvas) {
  const City& city = *data.city;
  const auto draw = [&](TrackIndex track, double width, Colour colour, double cover) {
    // Every 20 m: at this scale what lies between is straight.
    const double length = city.track(track).length_m;
    const auto pieces = static_cast<int>(std::ceil(length / 20));
    Vec2 from = city.PoseAt(track, 0).position;
    for (int i = 1; i <= pieces; ++i) {
      const Vec2 to = city.PoseAt(track, length * i / pieces).position;
      canvas->Line(at.X(from.x), at.Y(from.y), at.X(to.x), at.Y(to.y), width, colour, cover);
      from = to;
    }
  };
  for (ConnectionIndex i = 0; i < city.connections().size(); ++i) {
    draw(city.TrackOf(i), std::max(0.6, at.Length(1.2)), kStreet, 0.3);
  }
  for (LaneIndex lane = 0; lane < city.lanes().size(); ++lane) {
    const bool arterial = city.lane(lane).arterial;
    draw(lane, std::max(arterial ? 1.5 : 0.9, at.Length(arterial ? 2.6 : 2.0)),
         arterial ? kArterial : kStreet, 0.8);
  }
}

void DrawConflicts(const PictureData& data, const Projection& at, Canvas* canvas) {
  for (const auto& [episode, conflict] : data.conflicts) {
    const double x = at.X(conflict.contact.x);
    const double y = at.Y(conflict.contact.y);
    const bool urgent = conflict.ttc_s < kUrgentTtcS;
    // Where there are many, the rings would hide the map.
    const bool crowd = data.conflicts.size() > 1000;
    canvas->Disc(x, y, crowd ? 1.6 : 2.2, urgent ? kUrgent : kConflict, crowd ? 0.7 : 0.95);
    canvas->Ring(x, y, crowd ? 3.6 : urgent ? 6.5 : 5, crowd ? 0.9 : 1.4,
                 urgent ? kUrgent : kConflict, crowd ? 0.35 : 0.85);
  }
}

void DrawLegend(const PictureData& data, Canvas* canvas) {
  const double top = kHeader + kMapSide + 22;
  double x = kMargin;
  canvas->Text(x, top, 2, "free", kFaint);
  x += 60;
  constexpr int kSteps = 220;
  for (int i = 0; i < kSteps; ++i) {
    canvas->Rectangle(x + i, top - 3, x + i + 1, top + 17, ScaleAt(i / (kSteps - 1.0)));
  }
  x += kSteps + 12;
  canvas->Text(x, top, 2, "standing", kFaint);
  x += 125;
  canvas->Rectangle(x, top - 4, x + 22, top + 18, kInk, 0.8);
  canvas->Rectangle(x + 2, top - 2, x + 20, top + 16, ScaleAt(0.8));
  canvas->Text(x + 32, top, 2, "congested", kFaint);
  x += 170;
  canvas->Disc(x + 8, top + 7, 2.2, kConflict);
  canvas->Ring(x + 8, top + 7, 5, 1.4, kConflict);
  canvas->Text(x + 24, top, 2, "conflict", kFaint);
  x += 148;
  canvas->Disc(x + 8, top + 7, 2.2, kUrgent);
  canvas->Ring(x + 8, top + 7, 6.5, 1.4, kUrgent);
  canvas->Text(x + 24, top, 2, "under 1.5 s", kFaint);

  // A scale bar of one kilometre.
  const Projection at(*data.city);
  const double right = kWidth - kMargin;
  const double bar = at.Length(1000) < kMapSide / 2 ? 1000 : 200;
  const double left = right - at.Length(bar);
  canvas->Line(left, top + 14, right, top + 14, 2, kFaint);
  canvas->Line(left, top + 8, left, top + 14, 2, kFaint);
  canvas->Line(right, top + 8, right, top + 14, 2, kFaint);
  const char* const length = bar > 500 ? "1 km" : "200 m";
  canvas->Text(left + 6, top - 8, 2, length, kFaint);
}

}  // namespace

Canvas DrawPicture(const PictureData& data) {
  Canvas canvas(kWidth, kHeight, kGround);
  canvas.Rectangle(kMargin - 8, kHeader - 8, kMargin + kMapSide + 8, kHeader + kMapSide + 8, kMap);
  const Projection at(*data.city);
  DrawCells(data, at, &canvas);
  DrawStreets(data, at, &canvas);
  DrawConflicts(data, at, &canvas);
  canvas.Text(kMargin, 22, 3, data.title, kInk);
  canvas.Text(kMargin, 54, 2, data.subtitle, kFaint);
  DrawLegend(data, &canvas);
  return canvas;
}

}  // namespace starling::sim
