#include "sim/truth/ssm_writer.h"

#include <zlib.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "common/check.h"

namespace starling::sim {
namespace {

constexpr std::string_view kBegin =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\n"
    "<SSMLog xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
    "xsi:noNamespaceSchemaLocation=\"http://sumo.dlr.de/xsd/ssm_file.xsd\">\n";

std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      case '\'': escaped += "&apos;"; break;
      default: escaped += c;
    }
  }
  return escaped;
}

std::string Fixed(double value, int digits) {
  char text[400];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

}  // namespace

Status SsmWriterConfig::Validate() const {
  if (!(ttc_s >= 0 && drac_mps2 >= 0 && pet_s >= 0)) {
    return {ErrorCode::kInvalidArgument, "thresholds must be at least 0"};
  }
  if (position_digits < 0 || position_digits > 12) {
    return {ErrorCode::kInvalidArgument, "position_digits must be within 0 and 12"};
  }
  return {};
}

struct SsmWriter::State {
  std::string path;
  SsmWriterConfig config;
  Name name;
  Place place;
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file{nullptr, &::gzclose};

  Status Put(std::string_view text) {
    if (::gzwrite(file.get(), text.data(), static_cast<unsigned>(text.size())) > 0) return {};
    return Failed();
  }
  Status Failed() const { return {ErrorCode::kIoError, "cannot write " + path + ": " + std::strerror(errno)}; }

  std::string Measure(std::string_view element, const std::optional<Extreme>& extreme, bool mirrored) const {
    std::string text = "        <" + std::string(element);
    if (!extreme) return text += " time=\"NA\" position=\"NA\" type=\"NA\" value=\"NA\"/>\n";
    const Vec2 at = place(extreme->position);
    const EncounterType type = mirrored ? Mirrored(extreme->type) : extreme->type;
    text += " time=\"" + Fixed(SecondsOf(extreme->time), 2) + "\" position=\"" + Fixed(at.x, config.position_digits) +
            ',' + Fixed(at.y, config.position_digits) + "\" type=\"" + std::to_string(static_cast<int>(type)) +
            "\" value=\"" + Fixed(extreme->value, 2) + "\"/>\n";
    return text;
  }

  std::string Conflict(const Encounter& encounter, bool mirrored) const {
    const std::string ego = Escaped(name(mirrored ? encounter.foe : encounter.ego));
    const std::string foe = Escaped(name(mirrored ? encounter.ego : encounter.foe));
    return "    <conflict begin=\"" + Fixed(SecondsOf(encounter.begin), 2) + "\" end=\"" +
           Fixed(SecondsOf(encounter.end), 2) + "\" ego=\"" + ego + "\" foe=\"" + foe + "\">\n" +
           Measure("minTTC", encounter.min_ttc, mirrored) + Measure("maxDRAC", encounter.max_drac, mirrored) +
           Measure("PET", encounter.pet, mirrored) + "    </conflict>\n";
  }
};

SsmWriter::SsmWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
SsmWriter::~SsmWriter() = default;

Result<std::unique_ptr<SsmWriter>> SsmWriter::Create(const std::string& path, const SsmWriterConfig& config, Name name,
                                                     Place place) {
  STARLING_CHECK(config.Validate().ok());
  auto state = std::make_unique<State>();
  state->path = path;
  state->config = config;
  state->name = std::move(name);
  state->place = std::move(place);
  state->file.reset(::gzopen(path.c_str(), std::string_view(path).ends_with(".gz") ? "wb" : "wbT"));  // T: as it is.
  if (state->file == nullptr) return state->Failed();
  if (Status status = state->Put(kBegin); !status.ok()) return status;
  return std::unique_ptr<SsmWriter>(new SsmWriter(std::move(state)));
}

bool SsmWriter::IsConflict(const Encounter& encounter) const {
  const SsmWriterConfig& config = state_->config;
  return (encounter.min_ttc && encounter.min_ttc->value <= config.ttc_s) ||
         (encounter.max_drac && encounter.max_drac->value >= config.drac_mps2) ||
         (encounter.pet && encounter.pet->value <= config.pet_s);
}

Status SsmWriter::Write(const Encounter& encounter) {
  STARLING_CHECK(state_->file != nullptr);
  if (!IsConflict(encounter)) return {};
  return state_->Put(state_->Conflict(encounter, false) + state_->Conflict(encounter, true));
}

Status SsmWriter::Close() {
  STARLING_CHECK(state_->file != nullptr);
  Status written = state_->Put("</SSMLog>\n");
  if (::gzclose(state_->file.release()) != Z_OK && written.ok()) written = state_->Failed();
  return written;
}

}  // namespace starling::sim
