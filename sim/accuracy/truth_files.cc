#include "sim/accuracy/truth_files.h"

#include <expat.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include "sim/accuracy/packed_file.h"
#include "sim/fcd/text_source.h"

namespace starling::sim {
namespace {

constexpr std::size_t kPieceBytes = 64 << 10;
constexpr double kTimeMaxS = 1e9;
constexpr double kSameTtcS = 0.02;  // from either side

std::optional<double> Number(std::string_view text) {
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || !(std::abs(value) <= kTimeMaxS))
    return std::nullopt;
  return value;
}

std::string Quoted(std::string_view text) {
  std::string quoted(1, '"');
  for (const char c : text.substr(0, 60)) quoted += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  return quoted += '"';
}

// Calls take(text, is_last) with all of a file's text; it returns what is wrong.
template <typename Take>
Status ForText(const std::string& path, Take take) {
  Result<std::unique_ptr<PackedFile>> opened = PackedFile::Open(path);
  if (!opened.ok()) return opened.status();
  Result<std::unique_ptr<TextSource>> source = TextSource::Open(opened.value()->readable());
  if (!source.ok()) return opened.value()->Named(source.status());
  std::vector<char> piece(kPieceBytes);
  for (;;) {
    const Result<std::size_t> got = source.value()->Read(piece);
    if (!got.ok()) return opened.value()->Named(got.status());
    const bool last = got.value() == 0;
    if (last) {
      if (Status status = opened.value()->Finish(); !status.ok()) return status;
    }
    if (Status status = take(std::string_view(piece.data(), got.value()), last); !status.ok()) return status;
    if (last) return {};
  }
}

// A row of a file: times are the file's.
struct Row {
  std::string ego;
  std::string foe;
  double begin_s = 0;
  double end_s = 0;
  double worst_s = 0;
  double ttc_s = 0;
  EncounterType type = EncounterType::kNone;
};

class Taker {
 public:
  explicit Taker(const Recording& recording) : recording_(recording) {
    for (std::uint32_t track = 0; track < recording.tracks.size(); ++track) {
      tracks_[recording.IdOf(track)].push_back(track);
    }
  }

  void Take(const Row& row) {
    const SimTime worst = TimeOf(row.worst_s);
    const std::optional<std::uint32_t> ego = TrackAt(row.ego, worst);
    const std::optional<std::uint32_t> foe = TrackAt(row.foe, worst);
    if (!ego || !foe || *ego == *foe) {
      ++truth_.not_recorded;
      return;
    }
    TrueEncounter made;
    std::tie(made.a, made.b) = std::minmax(*ego, *foe);
    made.begin = TimeOf(row.begin_s);
    made.end = TimeOf(row.end_s);
    made.worst = worst;
    made.ttc_s = row.ttc_s;
    made.kind = KindOf(recording_, made.a, made.b, worst, row.type);
    const bool crosses = row.type >= EncounterType::kCrossingLeader && row.type <= EncounterType::kBothLeft;
    taken_.push_back({made, *ego == made.a, crosses});
  }

  ReadTruth Finish() {
    std::ranges::sort(taken_, {}, [](const Taken& each) {
      return std::tuple(each.encounter.a, each.encounter.b, each.encounter.begin, each.encounter.end, !each.ego_is_a);
    });
    std::vector<TrueEncounter>& merged = truth_.encounters;
    for (auto first = taken_.begin(); first != taken_.end();) {
      // Those of the pair that follow and overlap.
      auto end = first;
      SimTime until = first->encounter.end;
      for (; end != taken_.end() && SamePair(*end, *first) && end->encounter.begin <= until; ++end) {
        until = std::max(until, end->encounter.end);
      }
      const Taken& least = *std::min_element(
          first, end, [](const Taken& a, const Taken& b) { return a.encounter.ttc_s < b.encounter.ttc_s; });
      TrueEncounter made = least.encounter;
      made.begin = first->encounter.begin;
      made.end = until;
      made.one_sided =
          least.crosses && std::none_of(first, end, [&](const Taken& other) {
            return other.ego_is_a != least.ego_is_a && std::abs(other.encounter.ttc_s - made.ttc_s) < kSameTtcS;
          });
      merged.push_back(made);
      first = end;
    }
    std::ranges::sort(merged, {}, [](const TrueEncounter& each) { return std::tuple(each.worst, each.a, each.b); });
    return std::move(truth_);
  }

  ReadTruth& truth() { return truth_; }

 private:
  SimTime TimeOf(double file_s) const {
    return SimTime(nanoseconds(std::llround((file_s - recording_.begin_s) * 1e9)));
  }
  std::optional<std::uint32_t> TrackAt(const std::string& id, SimTime time) const {
    const auto found = tracks_.find(id);
    if (found == tracks_.end()) return std::nullopt;
    for (const std::uint32_t track : found->second) {
      if (recording_.Begin(track) <= time && time <= recording_.End(track)) return track;
    }
    return std::nullopt;
  }

  struct Taken {
    TrueEncounter encounter;
    bool ego_is_a = false;
    bool crosses = false;
  };
  static bool SamePair(const Taken& one, const Taken& other) {
    return one.encounter.a == other.encounter.a && one.encounter.b == other.encounter.b;
  }

  const Recording& recording_;
  std::map<std::string, std::vector<std::uint32_t>, std::less<>> tracks_;
  std::vector<Taken> taken_;
  ReadTruth truth_;
};

class SsmParser {
 public:
  SsmParser(const std::string& path, Taker* taker)
      : path_(path), taker_(*taker), parser_(::XML_ParserCreate("UTF-8"), &::XML_ParserFree) {
    ::XML_SetUserData(parser_.get(), this);
    ::XML_SetElementHandler(
        parser_.get(),
        [](void* self, const XML_Char* name, const XML_Char** attributes) {
          static_cast<SsmParser*>(self)->OnBegin(name, attributes);
        },
        [](void* self, const XML_Char* name) { static_cast<SsmParser*>(self)->OnEnd(name); });
    ::XML_SetStartDoctypeDeclHandler(parser_.get(),
                                     [](void* self, const XML_Char*, const XML_Char*, const XML_Char*, int) {
                                       static_cast<SsmParser*>(self)->Fail("expected no document type");
                                     });
  }

  Status Take(std::string_view text, bool last) {
    const auto status = ::XML_Parse(parser_.get(), text.data(), static_cast<int>(text.size()), last ? 1 : 0);
    if (failure_.ok() && status != XML_STATUS_OK) {
      Fail(std::string("expected well-formed XML: ") + ::XML_ErrorString(::XML_GetErrorCode(parser_.get())));
    }
    return failure_;
  }

 private:
  void Fail(const std::string& what) {
    if (!failure_.ok()) return;
    failure_ = {ErrorCode::kCorruption,
                path_ + ":" + std::to_string(::XML_GetCurrentLineNumber(parser_.get())) + ": " + what};
    (void)::XML_StopParser(parser_.get(), XML_FALSE);
  }

  static std::string_view Attribute(const XML_Char** attributes, std::string_view name) {
    for (; *attributes != nullptr; attributes += 2) {
      if (attributes[0] == name) return attributes[1];
    }
    return {};
  }
  double Needed(const XML_Char** attributes, const char* name, const char* of) {
    const std::string_view text = Attribute(attributes, name);
    const std::optional<double> value = Number(text);
    if (!value) Fail(std::string("expected a number as ") + name + " of <" + of + ">, not " + Quoted(text));
    return value.value_or(0);
  }

  void OnBegin(std::string_view name, const XML_Char** attributes) {
    if (!failure_.ok()) return;
    if (++depth_ == 1) {
      if (name != "SSMLog") Fail("expected <SSMLog> at the top, not <" + std::string(name.substr(0, 60)) + ">");
    } else if (name == "conflict" && depth_ == 2) {
      row_ = {};
      has_ttc_ = false;
      row_.ego = Attribute(attributes, "ego");
      row_.foe = Attribute(attributes, "foe");
      if (row_.ego.empty() || row_.foe.empty()) return Fail("expected ego and foe of a <conflict>");
      row_.begin_s = Needed(attributes, "begin", "conflict");
      row_.end_s = Needed(attributes, "end", "conflict");
    } else if (name == "minTTC" && depth_ == 3) {
      if (Attribute(attributes, "value") == "NA") return;
      has_ttc_ = true;
      row_.ttc_s = Needed(attributes, "value", "minTTC");
      row_.worst_s = Needed(attributes, "time", "minTTC");
      const double type = Needed(attributes, "type", "minTTC");
      if (!(type >= 0 && type <= 255)) return Fail("expected a type from 0 to 255 of <minTTC>");
      row_.type = static_cast<EncounterType>(static_cast<int>(type));
    }
  }

  void OnEnd(std::string_view name) {
    if (!failure_.ok()) return;
    if (depth_-- != 2 || name != "conflict") return;
    ++taker_.truth().rows;
    if (has_ttc_) {
      taker_.Take(row_);
    } else {
      ++taker_.truth().without_ttc;
    }
  }

  const std::string& path_;
  Taker& taker_;
  const std::unique_ptr<XML_ParserStruct, void (*)(XML_Parser)> parser_;
  Status failure_;
  int depth_ = 0;
  Row row_;
  bool has_ttc_ = false;
};

}  // namespace

Result<ReadTruth> ReadSsmLog(const std::string& path, const Recording& recording) {
  Taker taker(recording);
  SsmParser parser(path, &taker);
  const Status status = ForText(path, [&](std::string_view text, bool last) { return parser.Take(text, last); });
  if (!status.ok()) return status;
  return taker.Finish();
}

Result<ReadTruth> ReadContacts(const std::string& path, const Recording& recording) {
  constexpr std::string_view kHeader = "begin_s,end_s,id_a,id_b";
  Taker taker(recording);
  std::string rest;
  std::uint64_t number = 0;
  const auto fail = [&](const std::string& expected) {
    return Status(ErrorCode::kCorruption, path + ":" + std::to_string(number) + ": expected " + expected);
  };
  const auto line = [&](std::string_view text) -> Status {
    ++number;
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (number == 1)
      return text.starts_with(kHeader) ? Status() : fail("a header that begins with " + std::string(kHeader));
    if (text.empty()) return {};
    std::vector<std::string_view> cells;
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t end = std::min(text.find(',', begin), text.size());
      cells.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    if (cells.size() < 4) return fail("four cells at least, not " + std::to_string(cells.size()));
    const std::optional<double> begin_s = Number(cells[0]);
    const std::optional<double> end_s = Number(cells[1]);
    if (!begin_s || !end_s)
      return fail("seconds as begin_s and end_s, not " + Quoted(cells[0]) + " and " + Quoted(cells[1]));
    if (cells[2].empty() || cells[3].empty()) return fail("two ids");
    ++taker.truth().rows;
    taker.Take(
        {std::string(cells[2]), std::string(cells[3]), *begin_s, *end_s, *begin_s, 0, EncounterType::kCollision});
    return {};
  };
  const Status status = ForText(path, [&](std::string_view text, bool last) -> Status {
    rest += text;
    std::size_t begin = 0;
    for (std::size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n', begin)) {
      if (Status wrong = line(std::string_view(rest).substr(begin, end - begin)); !wrong.ok()) return wrong;
      begin = end + 1;
    }
    rest.erase(0, begin);
    if (rest.size() > kPieceBytes) return fail("lines of at most 64 KiB");
    if (!last) return {};
    if (!rest.empty()) return line(rest);
    return number == 0 ? fail("a header that begins with " + std::string(kHeader)) : Status();
  });
  if (!status.ok()) return status;
  return taker.Finish();
}

}  // namespace starling::sim
