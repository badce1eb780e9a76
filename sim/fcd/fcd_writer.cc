#include "sim/fcd/fcd_writer.h"

#include <zlib.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string_view>
#include <utility>

#include "common/check.h"

namespace starling::sim {
namespace {

constexpr std::string_view kXmlBegin =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\n"
    "<fcd-export xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
    "xsi:noNamespaceSchemaLocation=\"http://sumo.dlr.de/xsd/fcd_file.xsd\">\n";
constexpr std::string_view kCsvBegin =
    "timestep_time;vehicle_acceleration;vehicle_angle;vehicle_id;vehicle_lane;vehicle_pos;vehicle_slope;"
    "vehicle_speed;vehicle_type;vehicle_x;vehicle_y\n";

void AppendNumber(double value, int digits, std::string* text) {
  std::array<char, 400> number;
  const auto [end, failure] =
      std::to_chars(number.data(), number.data() + number.size(), value, std::chars_format::fixed, digits);
  STARLING_CHECK(failure == std::errc());
  text->append(number.data(), end);
}

void AppendAttribute(std::string_view name, std::string_view value, std::string* text) {
  *text += ' ';
  *text += name;
  *text += "=\"";
  for (const char c : value) {
    switch (c) {
      case '&': *text += "&amp;"; break;
      case '<': *text += "&lt;"; break;
      case '>': *text += "&gt;"; break;
      case '"': *text += "&quot;"; break;
      case '\'': *text += "&apos;"; break;
      default: *text += c;
    }
  }
  *text += '"';
}

bool FitsCsv(std::string_view text) { return text.find_first_of(";\"\r\n") == std::string_view::npos; }

}  // namespace

Status FcdWriterConfig::Validate() const {
  if (position_digits < 0 || position_digits > 12) {
    return {ErrorCode::kInvalidArgument, "position_digits must be within 0 and 12"};
  }
  if (digits < 0 || digits > 12) return {ErrorCode::kInvalidArgument, "digits must be within 0 and 12"};
  return {};
}

struct FcdWriter::State {
  std::string path;
  FcdWriterConfig config;
  bool csv = false;
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file{nullptr, &::gzclose};

  Status Put(std::string_view text) {
    if (text.empty() || ::gzwrite(file.get(), text.data(), static_cast<unsigned>(text.size())) > 0) return {};
    return Failed();
  }
  Status Failed() const { return {ErrorCode::kIoError, "cannot write " + path + ": " + std::strerror(errno)}; }

  void AppendXml(const FcdVehicle& vehicle, std::string* text) const {
    const auto number = [&](std::string_view name, double value, int digits) {
      if (std::isnan(value)) return;
      *text += ' ';
      *text += name;
      *text += "=\"";
      AppendNumber(value, digits, text);
      *text += '"';
    };
    *text += "        <vehicle";
    AppendAttribute("id", vehicle.id, text);
    number("x", vehicle.x, config.position_digits);
    number("y", vehicle.y, config.position_digits);
    number("angle", vehicle.angle_deg, config.digits);
    if (!vehicle.type.empty()) AppendAttribute("type", vehicle.type, text);
    number("speed", vehicle.speed_mps, config.digits);
    number("pos", vehicle.pos_m, config.digits);
    if (!vehicle.lane.empty()) AppendAttribute("lane", vehicle.lane, text);
    number("slope", vehicle.slope_deg, config.digits);
    number("acceleration", vehicle.accel_mps2, config.digits);
    *text += "/>\n";
  }

  void AppendCsv(const FcdVehicle& vehicle, std::string* text) const {
    const auto number = [&](double value, int digits) {
      if (!std::isnan(value)) AppendNumber(value, digits, text);
      *text += ';';
    };
    number(vehicle.accel_mps2, config.digits);
    number(vehicle.angle_deg, config.digits);
    *text += vehicle.id;
    *text += ';';
    *text += vehicle.lane;
    *text += ';';
    number(vehicle.pos_m, config.digits);
    number(vehicle.slope_deg, config.digits);
    number(vehicle.speed_mps, config.digits);
    *text += vehicle.type;
    *text += ';';
    number(vehicle.x, config.position_digits);
    number(vehicle.y, config.position_digits);
    text->back() = '\n';
  }
};

FcdWriter::FcdWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
FcdWriter::~FcdWriter() = default;

Result<std::unique_ptr<FcdWriter>> FcdWriter::Create(const std::string& path, const FcdWriterConfig& config) {
  STARLING_CHECK(config.Validate().ok());
  auto state = std::make_unique<State>();
  state->path = path;
  state->config = config;
  std::string_view name = path;
  const bool gzip = name.ends_with(".gz");
  if (gzip) name.remove_suffix(3);
  state->csv = name.ends_with(".csv");
  state->file.reset(::gzopen(path.c_str(), gzip ? "wb" : "wbT"));  // T: as it is.
  if (state->file == nullptr) return state->Failed();
  if (Status status = state->Put(state->csv ? kCsvBegin : kXmlBegin); !status.ok()) return status;
  return std::unique_ptr<FcdWriter>(new FcdWriter(std::move(state)));
}

Status FcdWriter::Write(const FcdStep& step) {
  State& state = *state_;
  STARLING_CHECK(state.file != nullptr);
  std::string time;
  AppendNumber(SecondsOf(step.time), state.config.digits, &time);
  std::string text;
  if (!state.csv) {
    text += "    <timestep time=\"" + time + (step.vehicles.empty() ? "\"/>\n" : "\">\n");
    for (const FcdVehicle& vehicle : step.vehicles) state.AppendXml(vehicle, &text);
    if (!step.vehicles.empty()) text += "    </timestep>\n";
    return state.Put(text);
  }
  for (const FcdVehicle& vehicle : step.vehicles) {
    if (!FitsCsv(vehicle.id) || !FitsCsv(vehicle.type) || !FitsCsv(vehicle.lane)) {
      return {ErrorCode::kInvalidArgument,
              state.path + ": a name with ; or \" cannot be written as CSV; write XML"};
    }
    text += time + ';';
    state.AppendCsv(vehicle, &text);
  }
  if (step.vehicles.empty()) text = time + ";;;;;;;;;;\n";
  return state.Put(text);
}

Status FcdWriter::Close() {
  State& state = *state_;
  STARLING_CHECK(state.file != nullptr);
  Status written = state.csv ? Status() : state.Put("</fcd-export>\n");
  if (::gzclose(state.file.release()) != Z_OK && written.ok()) written = state.Failed();
  return written;
}

}  // namespace starling::sim
