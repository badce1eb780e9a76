#include "edge/source/can/dbc.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>

#include "edge/source/can/can_frame.h"

namespace starling::edge {
namespace {

// Set in the number of a message with an identifier of 29 bits.
constexpr std::uint32_t kExtendedFlag = 0x8000'0000;
// Holds signals that belong to no message.
constexpr std::string_view kNoMessage = "VECTOR__INDEPENDENT_SIG_MSG";

// Sections that end with ';' and say nothing that is used.
constexpr std::array<std::string_view, 21> kSkipped = {
    "VAL_TABLE_",   "BO_TX_BU_",     "EV_",          "ENVVAR_DATA_",     "EV_DATA_",  "SGTYPE_",
    "SGTYPE_VAL_",  "CM_",           "BA_DEF_",      "BA_DEF_DEF_",      "BA_",       "BA_DEF_REL_",
    "BA_REL_",      "BA_DEF_DEF_REL_", "VAL_",       "SIG_GROUP_",       "SIG_TYPE_REF_", "SIGTYPE_VALTYPE_",
    "SG_MUL_VAL_",  "BA_DEF_SGTYPE_", "BA_SGTYPE_"};

bool IsSkipped(std::string_view word) { return std::find(kSkipped.begin(), kSkipped.end(), word) != kSkipped.end(); }

bool IsKeyword(std::string_view word) {
  return word == "BO_" || word == "SG_" || word == "BU_" || word == "BS_" || word == "NS_" || word == "VERSION" ||
         word == "SIG_VALTYPE_" || IsSkipped(word);
}

bool IsNameCharacter(char character) {
  return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
         (character >= '0' && character <= '9') || character == '_';
}

class Parser {
 public:
  Parser(std::string_view text, std::string_view name) : text_(text), name_(name) {}

  Result<Dbc> Parse();

 private:
  // `at`: where what is wrong begins.
  Status Wrong(std::size_t at, const std::string& expected) const;
  Status Expected(const std::string& what) const { return Wrong(at_, "expected " + what); }
  std::size_t LineOf(std::size_t at) const {
    return 1 + static_cast<std::size_t>(std::count(text_.begin(), text_.begin() + static_cast<long>(at), '\n'));
  }

  // Spaces, ends of lines and comments that begin with //.
  void SkipBlank();
  bool Take(char wanted);
  Status Expect(char wanted) { return Take(wanted) ? Status() : Expected(std::string("'") + wanted + "'"); }
  std::string_view Word();
  Result<std::string_view> Name(const char* what);
  Result<std::uint64_t> Integer(const char* what);
  Result<double> Number(const char* what);
  Result<std::string_view> Quoted();
  void SkipLine();
  // To the end of the line and of those after it that begin with a space.
  void SkipIndentedLines();
  Status SkipSection();

  Status ReadMessage();
  Status ReadSignal();
  Status ReadMultiplexing(DbcSignal* signal);
  Status ReadValueType();

  const std::string_view text_;
  const std::string_view name_;
  std::size_t at_ = 0;
  std::size_t counted_at_ = 0;           // LineOf, remembered
  std::size_t counted_line_ = 1;
  Dbc dbc_;
  bool in_message_ = false;
  bool in_no_message_ = false;
};

Status Parser::Wrong(std::size_t at, const std::string& what) const {
  const std::size_t line_start = at == 0 ? 0 : text_.rfind('\n', at - 1) + 1;  // npos + 1 is 0
  return Status(ErrorCode::kInvalidArgument, std::string(name_) + ":" + std::to_string(LineOf(at)) + ":" +
                                                 std::to_string(at - line_start + 1) + ": " + what);
}

void Parser::SkipBlank() {
  for (; at_ < text_.size(); ++at_) {
    if (text_.substr(at_, 2) == "//") {
      at_ = std::min(text_.find('\n', at_), text_.size());
      if (at_ == text_.size()) return;
    } else if (static_cast<unsigned char>(text_[at_]) > ' ') {
      return;
    }
  }
}

bool Parser::Take(char wanted) {
  SkipBlank();
  if (at_ == text_.size() || text_[at_] != wanted) return false;
  ++at_;
  return true;
}

std::string_view Parser::Word() {
  SkipBlank();
  const std::size_t start = at_;
  while (at_ < text_.size() && IsNameCharacter(text_[at_])) ++at_;
  return text_.substr(start, at_ - start);
}

Result<std::string_view> Parser::Name(const char* what) {
  const std::string_view word = Word();
  if (word.empty()) return Expected(what);
  return word;
}

Result<std::uint64_t> Parser::Integer(const char* what) {
  SkipBlank();
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
  if (error != std::errc()) return Expected(what);
  at_ = static_cast<std::size_t>(end - text_.data());
  return value;
}

Result<double> Parser::Number(const char* what) {
  SkipBlank();
  if (at_ < text_.size() && text_[at_] == '+') ++at_;
  double value = 0;
  const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
  if (error != std::errc() || !std::isfinite(value)) return Expected(what);
  at_ = static_cast<std::size_t>(end - text_.data());
  return value;
}

Result<std::string_view> Parser::Quoted() {
  SkipBlank();
  const std::size_t start = at_;
  if (!Take('"')) return Expected("a text in quotes");
  for (; at_ < text_.size(); ++at_) {
    if (text_[at_] == '\\') {
      ++at_;
    } else if (text_[at_] == '"') {
      ++at_;
      return text_.substr(start + 1, at_ - start - 2);
    }
  }
  at_ = text_.size();
  return Wrong(start, "this text has no end: expected '\"'");
}

void Parser::SkipLine() { at_ = std::min(text_.find('\n', at_), text_.size()); }

void Parser::SkipIndentedLines() {
  for (;;) {
    SkipLine();
    const std::size_t next = at_ + 1;
    if (next >= text_.size()) return;
    const char first = text_[next];
    if (first != ' ' && first != '\t' && first != '\r' && first != '\n') return;
    at_ = next;
  }
}

Status Parser::SkipSection() {
  while (at_ < text_.size()) {
    const char character = text_[at_];
    if (character == '"') {
      if (const auto text = Quoted(); !text.ok()) return text.status();
      continue;
    }
    if (text_.substr(at_, 2) == "//") {
      SkipLine();
      continue;
    }
    ++at_;
    if (character == ';') return Status();
    if (character != '\n') continue;
    // Not all sections of others end with ';': the next one that is known does it.
    std::size_t end = at_;
    while (end < text_.size() && IsNameCharacter(text_[end])) ++end;
    if (IsKeyword(text_.substr(at_, end - at_))) return Status();
  }
  return Status();
}

Status Parser::ReadMessage() {
  DbcMessage message;
  SkipBlank();
  const std::size_t id_at = at_;
  const auto id = Integer("the number of a message");
  if (!id.ok()) return id.status();
  const auto name = Name("the name of a message");
  if (!name.ok()) return name.status();
  if (Status status = Expect(':'); !status.ok()) return status;
  const auto bytes = Integer("how many bytes the message has");
  if (!bytes.ok()) return bytes.status();
  SkipLine();                            // who sends it
  in_no_message_ = name.value() == kNoMessage;
  in_message_ = true;
  if (in_no_message_) return Status();
  const std::uint64_t bare = id.value() & ~std::uint64_t{kExtendedFlag};
  message.extended = (id.value() & kExtendedFlag) != 0;
  if (bare > (message.extended ? kCanExtendedIdMax : kCanStandardIdMax)) {
    return Wrong(id_at, "message " + std::string(name.value()) + " has number " + std::to_string(id.value()) +
                            ", expected 11 bits, or 29 with bit 31 set");
  }
  message.id = static_cast<std::uint32_t>(bare);
  message.name = name.value();
  message.bytes = static_cast<unsigned>(std::min<std::uint64_t>(bytes.value(), 1'000'000));
  // Counted on from the message before: files have tens of thousands.
  counted_line_ += static_cast<std::size_t>(std::count(text_.begin() + static_cast<long>(counted_at_),
                                                       text_.begin() + static_cast<long>(id_at), '\n'));
  counted_at_ = id_at;
  message.line = counted_line_;
  dbc_.messages.push_back(std::move(message));
  return Status();
}

Status Parser::ReadMultiplexing(DbcSignal* signal) {
  SkipBlank();
  const std::size_t start = at_;
  const std::string_view word = Word();
  if (word.empty()) return Status();
  if (word == "M") {
    signal->multiplexing = Multiplexing::kSwitch;
    return Status();
  }
  std::string_view digits = word.substr(1);
  const bool nested = !digits.empty() && digits.back() == 'M';
  if (nested) digits.remove_suffix(1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), signal->switch_value);
  if (word.front() != 'm' || error != std::errc() || end != digits.data() + digits.size()) {
    return Wrong(start, "expected M, m and a number, or ':'");
  }
  signal->multiplexing = Multiplexing::kSwitched;
  if (nested && !in_no_message_) dbc_.messages.back().nested_multiplexing = true;
  return Status();
}

Status Parser::ReadSignal() {
  DbcSignal signal;
  if (!in_message_) return Expected("BO_ before the first SG_");
  const auto name = Name("the name of a signal");
  if (!name.ok()) return name.status();
  signal.name = name.value();
  counted_line_ += static_cast<std::size_t>(std::count(text_.begin() + static_cast<long>(counted_at_),
                                                       text_.begin() + static_cast<long>(at_), '\n'));
  counted_at_ = at_;
  signal.line = counted_line_;
  if (Status status = ReadMultiplexing(&signal); !status.ok()) return status;
  if (Status status = Expect(':'); !status.ok()) return status;
  SkipBlank();
  const std::size_t start_at = at_;
  const auto start = Integer("the first bit");
  if (!start.ok()) return start.status();
  if (start.value() >= 512) {
    return Wrong(start_at, "bit " + std::to_string(start.value()) + " is in no frame: expected under 512");
  }
  if (Status status = Expect('|'); !status.ok()) return status;
  const std::size_t length_at = at_;
  const auto length = Integer("how many bits the signal has");
  if (!length.ok()) return length.status();
  if (length.value() < 1 || length.value() > 64) return Wrong(length_at, "expected 1 to 64 bits");
  signal.field.start = static_cast<unsigned>(start.value());
  signal.field.length = static_cast<unsigned>(length.value());
  if (Status status = Expect('@'); !status.ok()) return status;
  if (Take('1')) {
    signal.field.order = BitOrder::kIntel;
  } else if (Take('0')) {
    signal.field.order = BitOrder::kMotorola;
  } else {
    return Expected("0 (Motorola) or 1 (Intel)");
  }
  if (Take('-')) {
    signal.type = RawType::kSigned;
  } else if (!Take('+')) {
    return Expected("+ (unsigned) or - (signed)");
  }
  const auto numbers = [this](char open, double* first, char between, double* second, char close) -> Status {
    if (Status status = Expect(open); !status.ok()) return status;
    const auto one = Number("a number");
    if (!one.ok()) return one.status();
    if (Status status = Expect(between); !status.ok()) return status;
    const auto other = Number("a number");
    if (!other.ok()) return other.status();
    *first = one.value();
    *second = other.value();
    return Expect(close);
  };
  if (Status status = numbers('(', &signal.factor, ',', &signal.offset, ')'); !status.ok()) return status;
  if (Status status = numbers('[', &signal.min, '|', &signal.max, ']'); !status.ok()) return status;
  const auto unit = Quoted();
  if (!unit.ok()) return unit.status();
  signal.unit = unit.value();
  SkipLine();                            // who receives it
  if (!in_no_message_) dbc_.messages.back().signals.push_back(std::move(signal));
  return Status();
}

Status Parser::ReadValueType() {
  SkipBlank();
  const auto id = Integer("the number of a message");
  if (!id.ok()) return id.status();
  const auto name = Name("the name of a signal");
  if (!name.ok()) return name.status();
  Take(':');                             // some leave it out
  SkipBlank();
  const std::size_t type_at = at_;
  const auto type = Integer("0, 1 (float) or 2 (double)");
  if (!type.ok()) return type.status();
  if (Status status = Expect(';'); !status.ok()) return status;
  if (type.value() == 0) return Status();
  if (type.value() > 2) return Wrong(type_at, "expected 0, 1 (float) or 2 (double)");
  const unsigned length = type.value() == 1 ? 32 : 64;
  for (DbcMessage& message : dbc_.messages) {
    if ((message.id | (message.extended ? kExtendedFlag : 0)) != id.value()) continue;
    for (DbcSignal& signal : message.signals) {
      if (signal.name != name.value()) continue;
      if (signal.field.length != length) {
        return Wrong(type_at, signal.name + " has " + std::to_string(signal.field.length) + " bits, expected " +
                                  std::to_string(length));
      }
      signal.type = type.value() == 1 ? RawType::kFloat : RawType::kDouble;
    }
  }
  return Status();
}

Result<Dbc> Parser::Parse() {
  for (SkipBlank(); at_ < text_.size(); SkipBlank()) {
    const std::size_t start = at_;
    const std::string_view word = Word();
    Status status;
    if (word == "SG_") {
      status = ReadSignal();
    } else {
      in_message_ = in_no_message_ = false;
      if (word.empty()) {
        status = Wrong(start, "expected a section, such as BO_");
      } else if (word == "BO_") {
        status = ReadMessage();
      } else if (word == "SIG_VALTYPE_") {
        status = ReadValueType();
      } else if (word == "VERSION") {
        if (const auto version = Quoted(); !version.ok()) status = version.status();
      } else if (word == "NS_" || word == "BU_" || word == "BS_") {
        SkipIndentedLines();
      } else {
        ++(IsSkipped(word) ? dbc_.sections_skipped : dbc_.sections_unknown);
        status = SkipSection();
      }
    }
    if (!status.ok()) return status;
  }
  return std::move(dbc_);
}

}  // namespace

Result<Dbc> ParseDbc(std::string_view text, std::string_view name) {
  if (text.size() > kDbcBytesMax) {
    return Status(ErrorCode::kExhausted,
                  std::string(name) + " is longer than " + std::to_string(kDbcBytesMax >> 20) + " MiB");
  }
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
  return Parser(text, name).Parse();
}

Result<Dbc> LoadDbc(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Status(ErrorCode::kIoError, "cannot read " + path);
  std::string text;
  std::array<char, 65536> buffer{};
  while (text.size() <= kDbcBytesMax && (file.read(buffer.data(), buffer.size()) || file.gcount() > 0)) {
    text.append(buffer.data(), static_cast<std::size_t>(file.gcount()));
  }
  if (file.bad()) return Status(ErrorCode::kIoError, "cannot read " + path);
  return ParseDbc(text, path);
}

}  // namespace starling::edge
