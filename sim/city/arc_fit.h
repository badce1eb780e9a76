#pragma once

#include <cstddef>

#include "common/motion/predictor.h"

namespace starling::sim {

// Up to three arcs that lead from one pose to another without a corner.
struct ArcFit {
  PathArc arcs[3];
  std::size_t count = 0;
};

// Joins `from` to `to` tangentially: one straight piece where they are in line;
// straight, circle, straight where their lines meet between them at a
// turn of at least 0.3 rad; otherwise the biarc with equal tangents.
//
// REQUIRES: `to` lies ahead of `from`, more than 1 m away, and the headings
// differ by less than 2.8 rad.
// Source: K. M. Bolton, Biarc curves, Computer-Aided Design 7 (1975), 89-92.
ArcFit FitArcs(const Pose& from, const Pose& to);

}  // namespace starling::sim
