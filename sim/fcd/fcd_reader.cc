#include "sim/fcd/fcd_reader.h"

#include <expat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <deque>
#include <optional>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sim/fcd/text_source.h"

namespace starling::sim {
namespace {

constexpr std::size_t kPieceBytes = 64 << 10;
constexpr std::size_t kQuotedMax = 60;
constexpr std::size_t kSkippedKindsMax = 100;
constexpr std::uint32_t kMissing = 0xffff'ffff;

enum Field : std::uint8_t { kId, kX, kY, kAngle, kSpeed, kType, kLane, kPos, kSlope, kAccel, kFields };
// As attributes; a CSV has "vehicle_" before them.
constexpr std::array<std::string_view, kFields> kNames = {"id",   "x",    "y",   "angle", "speed",
                                                          "type", "lane", "pos", "slope", "acceleration"};
constexpr std::size_t kRequired = kSpeed + 1;

std::string Quoted(std::string_view text) {
  std::string quoted(1, '"');
  for (const char c : text.substr(0, kQuotedMax)) {
    const auto code = static_cast<unsigned char>(c);
    quoted += code < 0x20 || code == 0x7f ? '?' : c;
  }
  return quoted + (text.size() > kQuotedMax ? "...\"" : "\"");
}

std::string Tag(std::string_view name) {
  std::string tag(1, '<');
  tag += name.substr(0, kQuotedMax);
  return tag += '>';
}

std::optional<double> Number(std::string_view text) {
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

// Texts that live as long as it does.
class Words {
 public:
  struct Word {
    std::string_view text;
    std::uint32_t number = 0;
  };
  // None if there are too many.
  std::optional<Word> Keep(std::string_view text) {
    if (const auto known = numbers_.find(text); known != numbers_.end()) return Word{known->first, known->second};
    if (texts_.size() == kFcdWordsMax) return std::nullopt;
    const auto number = static_cast<std::uint32_t>(texts_.size());
    return Word{numbers_.emplace(texts_.emplace_back(text), number).first->first, number};
  }

 private:
  std::deque<std::string> texts_;
  std::unordered_map<std::string_view, std::uint32_t> numbers_;
};

}  // namespace

// What XML and CSV have in common: steps that are taken apart vehicle by vehicle.
class FcdReader::Parser {
 public:
  explicit Parser(std::string path) : path_(std::move(path)) {}
  virtual ~Parser() = default;

  // More of the text; `last` with the end of it.
  virtual void Take(std::string_view text, bool last) = 0;

  bool failed() const { return !failure_.ok(); }
  const Status& failure() const { return failure_; }
  std::deque<FcdStep>& steps() { return steps_; }
  const std::map<std::string, std::uint64_t>& skipped() const { return skipped_; }

 protected:
  using Texts = std::array<std::string_view, kFields>;

  virtual std::uint64_t Line() const = 0;

  void Fail(const std::string& expected) { FailWith(ErrorCode::kCorruption, "expected " + expected); }
  void FailWith(ErrorCode code, const std::string& why) {
    if (!failed()) failure_ = {code, path_ + ":" + std::to_string(Line()) + ": " + why};
  }

  void Skip(const std::string& what) {
    ++skipped_[skipped_.contains(what) || skipped_.size() < kSkippedKindsMax ? what : "other things"];
  }

  void BeginStep(std::string_view text) {
    const std::optional<double> time_s = Number(text);
    if (!time_s || std::abs(*time_s) > kFcdTimeMaxS) {
      return Fail("seconds as the time of a step, not " + Quoted(text));
    }
    const SimTime time(nanoseconds(std::llround(*time_s * 1e9)));
    if (last_time_ && time <= *last_time_) return Fail("a later time than that of the step before, not " + Quoted(text));
    last_time_ = time;
    current_ = FcdStep{time, {}};
    current_.vehicles.reserve(expected_vehicles_);
    ++step_;
  }

  void EndStep() {
    expected_vehicles_ = current_.vehicles.size();
    steps_.push_back(std::move(current_));
    current_ = {};
  }

  void AddVehicle(const Texts& texts) {
    for (std::size_t field = 0; field < kRequired; ++field) {
      if (texts[field].data() == nullptr) return Fail(std::string(kNames[field]) + " of a vehicle");
    }
    if (current_.vehicles.size() == kFcdVehiclesMax) {
      return FailWith(ErrorCode::kExhausted, "more than " + std::to_string(kFcdVehiclesMax) + " vehicles in one step");
    }
    FcdVehicle vehicle;
    if (texts[kId].empty()) return Fail("an id of a vehicle that is not empty");
    for (const auto& [field, text] : {std::pair(kId, &vehicle.id), {kType, &vehicle.type}, {kLane, &vehicle.lane}}) {
      if (texts[field].empty()) continue;
      if (texts[field].size() > kFcdWordBytesMax) {
        return Fail(std::string(kNames[field]) + " of at most " + std::to_string(kFcdWordBytesMax) + " bytes, not " +
                    Quoted(texts[field]));
      }
      const std::optional<Words::Word> word = (field == kId ? ids_ : others_).Keep(texts[field]);
      if (!word) {
        return FailWith(ErrorCode::kExhausted, "more than " + std::to_string(kFcdWordsMax) + " different names");
      }
      *text = word->text;
      if (field == kId) vehicle.number = word->number;
    }
    for (const auto& [field, number] :
         {std::pair(kX, &vehicle.x), {kY, &vehicle.y}, {kAngle, &vehicle.angle_deg}, {kSpeed, &vehicle.speed_mps},
          {kPos, &vehicle.pos_m}, {kSlope, &vehicle.slope_deg}, {kAccel, &vehicle.accel_mps2}}) {
      if (texts[field].empty() && field >= kRequired) continue;
      const std::optional<double> value = Number(texts[field]);
      if (!value || std::abs(*value) > kFcdNumberMax) {
        return Fail("a number as " + std::string(kNames[field]) + " of vehicle " + Quoted(vehicle.id) + ", not " +
                    Quoted(texts[field]));
      }
      *number = *value;
    }
    if (vehicle.number >= seen_in_.size()) seen_in_.resize(vehicle.number + 1, 0);
    if (std::exchange(seen_in_[vehicle.number], step_) == step_) {
      return Fail("each vehicle once in a step, not " + Quoted(vehicle.id) + " again");
    }
    current_.vehicles.push_back(vehicle);
  }

 private:
  const std::string path_;
  Status failure_;
  std::deque<FcdStep> steps_;
  FcdStep current_;
  std::optional<SimTime> last_time_;
  std::size_t expected_vehicles_ = 0;
  std::uint64_t step_ = 0;
  Words ids_;
  Words others_;                        // Types and lanes.
  std::vector<std::uint64_t> seen_in_;  // By number of the id.
  std::map<std::string, std::uint64_t> skipped_;
};

// Expat hands over elements as they come; a document type, and with it entities of one's own, is refused.
class FcdReader::XmlParser : public Parser {
 public:
  explicit XmlParser(std::string path) : Parser(std::move(path)), parser_(::XML_ParserCreate("UTF-8"), &::XML_ParserFree) {
    ::XML_SetUserData(parser_.get(), this);
    ::XML_SetElementHandler(
        parser_.get(),
        [](void* self, const XML_Char* name, const XML_Char** attributes) {
          static_cast<XmlParser*>(self)->OnBegin(name, attributes);
        },
        [](void* self, const XML_Char*) { static_cast<XmlParser*>(self)->OnEnd(); });
    ::XML_SetStartDoctypeDeclHandler(
        parser_.get(), [](void* self, const XML_Char*, const XML_Char*, const XML_Char*, int) {
          static_cast<XmlParser*>(self)->Refuse("no document type");
        });
  }

  void Take(std::string_view text, bool last) override {
    fed_ += text.size();
    const auto status = ::XML_Parse(parser_.get(), text.data(), static_cast<int>(text.size()), last ? 1 : 0);
    if (failed()) return;
    if (status != XML_STATUS_OK) {
      return Fail(std::string("well-formed XML: ") + ::XML_ErrorString(::XML_GetErrorCode(parser_.get())));
    }
    const XML_Index reached = ::XML_GetCurrentByteIndex(parser_.get());
    if (!last && reached >= 0 && fed_ - static_cast<std::uint64_t>(reached) > kFcdTagBytesMax) {
      FailWith(ErrorCode::kExhausted, "a tag or comment of more than " + std::to_string(kFcdTagBytesMax) + " bytes");
    }
  }

 private:
  std::uint64_t Line() const override { return ::XML_GetCurrentLineNumber(parser_.get()); }

  void Refuse(const std::string& expected) {
    Fail(expected);
    (void)::XML_StopParser(parser_.get(), XML_FALSE);
  }

  void OnBegin(std::string_view name, const XML_Char** attributes) {
    if (failed()) return;
    ++depth_;
    if (depth_ == 1) {
      if (name != "fcd-export") Refuse("<fcd-export> at the top, not " + Tag(name));
    } else if (depth_ == 2) {
      in_step_ = name == "timestep";
      if (in_step_) {
        BeginStep(TimeOf(attributes));
      } else {
        Skip(Tag(name));
      }
    } else if (depth_ == 3 && in_step_ && name == "vehicle") {
      OnVehicle(attributes);
    } else {
      Skip(Tag(name));
    }
    if (failed()) (void)::XML_StopParser(parser_.get(), XML_FALSE);
  }

  void OnEnd() {
    if (failed()) return;
    if (depth_ == 2 && in_step_) EndStep();
    --depth_;
  }

  static std::string_view TimeOf(const XML_Char** attributes) {
    for (; *attributes != nullptr; attributes += 2) {
      if (std::string_view(attributes[0]) == "time") return attributes[1];
    }
    return {};
  }

  void OnVehicle(const XML_Char** attributes) {
    Texts texts;
    for (; *attributes != nullptr; attributes += 2) {
      const auto field = std::find(kNames.begin(), kNames.end(), std::string_view(attributes[0]));
      if (field != kNames.end()) {
        texts[static_cast<std::size_t>(field - kNames.begin())] = attributes[1];
      } else {
        Skip("attribute " + std::string(std::string_view(attributes[0]).substr(0, kQuotedMax)));
      }
    }
    AddVehicle(texts);
  }

  const std::unique_ptr<XML_ParserStruct, void (*)(XML_Parser)> parser_;
  std::uint64_t fed_ = 0;
  std::size_t depth_ = 0;
  bool in_step_ = false;
};

// Rows as SUMO's xml2csv.py makes them: a step is the rows with one time; without an id it has no vehicles.
class FcdReader::CsvParser : public Parser {
 public:
  using Parser::Parser;

  void Take(std::string_view text, bool last) override {
    while (!failed()) {
      const std::size_t end = text.find('\n');
      rest_ += text.substr(0, end);
      if (rest_.size() > kFcdTagBytesMax) {
        return FailWith(ErrorCode::kExhausted, "a line of more than " + std::to_string(kFcdTagBytesMax) + " bytes");
      }
      if (end == std::string_view::npos) break;
      text.remove_prefix(end + 1);
      OnLine();
    }
    if (!last || failed()) return;
    if (!rest_.empty()) OnLine();
    if (columns_.empty()) return Fail("a header with timestep_time;vehicle_id;...");
    if (in_step_ && !failed()) EndStep();
  }

 private:
  std::uint64_t Line() const override { return line_; }

  void OnLine() {
    ++line_;
    const std::string line = std::exchange(rest_, {});
    std::string_view text = line;
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (text.empty()) return;
    columns_.empty() ? OnHeader(text) : OnRow(text);
  }

  template <typename Visit>
  static std::size_t ForCells(std::string_view text, Visit visit) {
    for (std::size_t column = 0;; ++column) {
      const std::size_t end = text.find(';');
      std::string_view cell = text.substr(0, end);
      if (cell.size() >= 2 && cell.front() == '"' && cell.back() == '"') cell = cell.substr(1, cell.size() - 2);
      visit(column, cell);
      if (end == std::string_view::npos) return column + 1;
      text.remove_prefix(end + 1);
    }
  }

  void OnHeader(std::string_view text) {
    std::array<bool, kFields> there{};
    ForCells(text, [&](std::size_t column, std::string_view name) {
      columns_.push_back(kFields);
      if (name == "timestep_time") {
        if (time_column_ != kMissing) Fail("timestep_time once");
        time_column_ = static_cast<std::uint32_t>(column);
        return;
      }
      for (std::uint8_t field = 0; field < kFields; ++field) {
        if (name != "vehicle_" + std::string(kNames[field])) continue;
        if (std::exchange(there[field], true)) Fail("vehicle_" + std::string(kNames[field]) + " once");
        columns_.back() = static_cast<Field>(field);
        return;
      }
      Skip("column " + std::string(name.substr(0, kQuotedMax)));
    });
    if (time_column_ == kMissing) return Fail("a column timestep_time, or XML");
    for (std::size_t field = 0; field < kRequired; ++field) {
      if (!there[field]) return Fail("a column vehicle_" + std::string(kNames[field]));
    }
  }

  void OnRow(std::string_view text) {
    Texts texts;
    std::string_view time;
    const std::size_t cells = ForCells(text, [&](std::size_t column, std::string_view cell) {
      if (column == time_column_) {
        time = cell;
      } else if (column < columns_.size() && columns_[column] != kFields) {
        texts[columns_[column]] = cell;
      }
    });
    if (cells != columns_.size()) {
      return Fail(std::to_string(columns_.size()) + " cells as in the header, not " + std::to_string(cells));
    }
    if (!in_step_ || time != time_) {
      if (in_step_) EndStep();
      BeginStep(time);
      in_step_ = true;
      time_ = time;
    }
    if (!failed() && !texts[kId].empty()) AddVehicle(texts);
  }

  std::string rest_;                   // Of a line.
  std::uint64_t line_ = 0;
  std::vector<Field> columns_;
  std::uint32_t time_column_ = kMissing;
  bool in_step_ = false;
  std::string time_;
};

struct FcdReader::State {
  std::string path;
  std::unique_ptr<TextSource> source;
  std::unique_ptr<Parser> parser;
  std::vector<char> piece = std::vector<char>(kPieceBytes);
  bool ended = false;
};

FcdReader::FcdReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
FcdReader::~FcdReader() = default;

Result<std::unique_ptr<FcdReader>> FcdReader::Open(const std::string& path) {
  Result<std::unique_ptr<TextSource>> source = TextSource::Open(path);
  if (!source.ok()) return source.status();
  auto state = std::make_unique<State>();
  state->path = path;
  state->source = std::move(source).value();
  return std::unique_ptr<FcdReader>(new FcdReader(std::move(state)));
}

Result<bool> FcdReader::Next(FcdStep* step) {
  State& state = *state_;
  for (;;) {
    if (state.parser && !state.parser->steps().empty()) {
      *step = std::move(state.parser->steps().front());
      state.parser->steps().pop_front();
      return true;
    }
    if (state.parser && state.parser->failed()) return state.parser->failure();
    if (state.ended) return false;
    const Result<std::size_t> got = state.source->Read(state.piece);
    if (!got.ok()) return got.status();
    const std::string_view text(state.piece.data(), got.value());
    if (!state.parser) {
      const std::size_t begins = text.find_first_not_of(" \t\r\n\xef\xbb\xbf");  // The latter: a byte order mark.
      if (begins != std::string_view::npos && text[begins] == '<') {
        state.parser = std::make_unique<XmlParser>(state.path);
      } else {
        state.parser = std::make_unique<CsvParser>(state.path);
      }
    }
    state.ended = text.empty();
    state.parser->Take(text, state.ended);
  }
}

const std::map<std::string, std::uint64_t>& FcdReader::skipped() const {
  static const std::map<std::string, std::uint64_t> kNothing;
  return state_->parser ? state_->parser->skipped() : kNothing;
}

}  // namespace starling::sim
