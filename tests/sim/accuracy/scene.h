// Scenes by hand: vehicles that go straight at a constant speed, as recordings and as files.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "common/geo/trigonometry.h"
#include "sim/accuracy/recording.h"

namespace starling::sim {

struct SceneCar {
  std::string id;
  Vec2 front;               // where its track begins
  double heading_deg = 90;  // east
  double speed_mps = 10;
  double from_s = 0;
  double to_s = 8;

  Vec2 FrontAt(double time_s) const {
    return front + (time_s - from_s) * speed_mps * HeadingVector(heading_deg * kDegree);
  }
};

// Steps of 100 ms.
inline int StepsOf(const std::vector<SceneCar>& cars) {
  double to_s = 0;
  for (const SceneCar& car : cars) to_s = std::max(to_s, car.to_s);
  return static_cast<int>(to_s * 10 + 0.5);
}
inline bool IsThere(const SceneCar& car, int step) {
  return step >= static_cast<int>(car.from_s * 10 + 0.5) && step <= static_cast<int>(car.to_s * 10 + 0.5);
}

inline Recording SceneOf(const std::vector<SceneCar>& cars) {
  Recording recording;
  recording.origin = {450'000'000, 100'000'000};
  for (int step = 0; step <= StepsOf(cars); ++step) recording.times.emplace_back(milliseconds(100) * step);
  for (const SceneCar& car : cars) {
    RecordedTrack track;
    track.vehicle = static_cast<std::uint32_t>(recording.ids.size());
    recording.ids.push_back(car.id);
    for (int step = 0; step <= StepsOf(cars); ++step) {
      if (!IsThere(car, step)) continue;
      if (track.rows.empty()) track.first_step = static_cast<std::uint32_t>(step);
      track.rows.push_back({car.FrontAt(step * 0.1), static_cast<float>(WrapAngle(car.heading_deg * kDegree)),
                            static_cast<float>(car.speed_mps), 0});
    }
    recording.tracks.push_back(std::move(track));
  }
  return recording;
}

inline std::string FcdOf(const std::vector<SceneCar>& cars) {
  std::string text = "timestep_time;vehicle_id;vehicle_x;vehicle_y;vehicle_angle;vehicle_speed;vehicle_type\n";
  for (int step = 0; step <= StepsOf(cars); ++step) {
    for (const SceneCar& car : cars) {
      if (!IsThere(car, step)) continue;
      const Vec2 front = car.FrontAt(step * 0.1);
      char row[200];
      std::snprintf(row, sizeof row, "%.2f;%s;%.9f;%.9f;%.2f;%.2f;car\n", 100 + step * 0.1, car.id.c_str(), front.x,
                    front.y, car.heading_deg, car.speed_mps);
      text += row;
    }
  }
  return text;
}

// A folder for a test's files, gone at its end.
class SceneFolder {
 public:
  SceneFolder()
      : folder_(std::filesystem::temp_directory_path() / ("starling_accuracy." + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~SceneFolder() { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(Path(name), std::ios::binary) << text;
    return Path(name);
  }
  std::string Text(const std::string& name) const {
    std::ifstream file(Path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace starling::sim
