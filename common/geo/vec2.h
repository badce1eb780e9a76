#pragma once

#include <cmath>

namespace starling {

// A point or displacement in a local metric frame: metres east and north.
struct Vec2 {
  double x = 0;
  double y = 0;

  friend constexpr Vec2 operator+(Vec2 a, Vec2 b) { return {a.x + b.x, a.y + b.y}; }
  friend constexpr Vec2 operator-(Vec2 a, Vec2 b) { return {a.x - b.x, a.y - b.y}; }
  friend constexpr Vec2 operator*(double k, Vec2 a) { return {k * a.x, k * a.y}; }
  friend constexpr bool operator==(Vec2, Vec2) = default;
};

constexpr double Dot(Vec2 a, Vec2 b) { return a.x * b.x + a.y * b.y; }
constexpr double Cross(Vec2 a, Vec2 b) { return a.x * b.y - a.y * b.x; }
constexpr double NormSquared(Vec2 a) { return Dot(a, a); }
inline double Norm(Vec2 a) { return std::sqrt(NormSquared(a)); }  // Exact rounding on IEEE 754.

}  // namespace starling
