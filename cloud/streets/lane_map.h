// Where the lanes of a city lead, for who has to guess how a vehicle goes on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "cloud/streets/street_network.h"
#include "common/geo/vec2.h"
#include "common/motion/predictor.h"

namespace starling::cloud {

// A network's lanes for motor vehicles in a city's local frame: which one a vehicle is on, and the way that it will
// probably take from there.
//
// Threading: immutable after construction.
class LaneMap {
 public:
  // `to_frame`: from the network's plane to the local frame, m.  Positions are kept to the millimetre and directions to a
  // microradian, so that a library whose last bits differ gives the same map.
  LaneMap(const StreetNetwork& network, const std::function<Vec2(Vec2)>& to_frame);

  // A lane that a vehicle may be on, and where.
  struct Place {
    LaneIndex lane = kNone;
    double along_m = 0;
    double right_m = 0;                  // of the lane's middle
  };
  // The lane that position, heading and curvature fit best; lane kNone where none is near enough.
  Place Find(const MotionState& state) const;

  // The way that it will probably take for at least `length_m`, as far as eight arcs reach: a little on as it goes now,
  // then beside the middle of its lane, and where several lead on the straightest one, or, close to the line, that to which
  // it has begun to turn.  Empty off the streets.
  PlannedPath WayOf(const MotionState& state, double length_m) const;

  // Every lane's middle in its direction, and its width, m.
  void ForLanes(const std::function<void(std::span<const Vec2> middle, double width_m)>& visit) const;

  std::size_t lanes() const { return driven_; }
  double length_m() const { return metres_; }
  double reach_m() const { return reach_m_; }  // of the point that is farthest from the frame's zero, on either axis

 private:
  // Constant curvature, within 0.2 m of the lane's points and 0.4 m of what is between them.  A corner of the line is
  // between two pieces.
  struct Piece {
    float length_m = 0;
    float begin_heading_rad = 0;         // not wrapped within a lane
    float end_heading_rad = 0;
  };
  struct Lane {
    std::uint32_t point_first = 0;       // in points_ and along_
    std::uint32_t point_count = 0;       // 0: not for motor vehicles
    std::uint32_t piece_first = 0;
    std::uint32_t piece_count = 0;
    std::uint32_t way_first = 0;         // in ways_: lanes that follow
    std::uint32_t way_count = 0;
    float length_m = 0;
    float half_width_m = 0;
    float turn_rad = 0;                  // from its begin to its end
    bool inside = false;                 // a junction
  };
  struct Segment {
    LaneIndex lane = 0;
    std::uint32_t point = 0;             // its first one
  };

  void AddLane(const StreetNetwork& network, LaneIndex number, const std::function<Vec2(Vec2)>& to_frame);
  void AddWays(const StreetNetwork& network);
  void AddCells();
  void FitPieces(Lane* lane);
  // The pieces from `place` on, over the lanes that follow, as long as `visit` is true; headings clockwise from
  // north, which go on from piece to piece.
  template <typename Visit>  // bool (double length_m, double begin_rad, double end_rad)
  void ForPiecesAhead(const Place& place, double curvature_per_m, Visit visit) const;
  LaneIndex NextLane(const Lane& lane, double to_end_m, double curvature_per_m) const;
  std::int64_t CellAt(Vec2 position) const;

  std::vector<Lane> lanes_;              // by the network's numbers
  std::vector<Vec2> points_;
  std::vector<float> along_;             // of each point on its lane, m
  std::vector<Piece> pieces_;
  std::vector<LaneIndex> ways_;
  Vec2 low_;                             // of the cells
  std::int64_t columns_ = 0;
  std::int64_t rows_ = 0;
  std::vector<std::uint32_t> cell_first_;  // by cell, into segments_; one more than cells
  std::vector<Segment> segments_;
  std::size_t driven_ = 0;
  double metres_ = 0;
  double reach_m_ = 0;
};

}  // namespace starling::cloud
