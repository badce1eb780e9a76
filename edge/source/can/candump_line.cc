#include "edge/source/can/candump_line.h"

#include <optional>
#include <string>

namespace starling::edge {
namespace {

// Of candump's own identifiers: an error of the bus, not a frame on it.
constexpr std::uint32_t kErrorFlag = 0x2000'0000;

int HexDigit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return -1;
}

class Reader {
 public:
  explicit Reader(std::string_view line) : line_(line) {}

  Status Wrong(const char* expected) const {
    return Status(ErrorCode::kInvalidArgument, "column " + std::to_string(at_ + 1) + ": expected " + expected);
  }
  bool Take(char wanted) {
    if (at_ == line_.size() || line_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  bool TakeSpaces() {
    const std::size_t start = at_;
    while (at_ < line_.size() && (line_[at_] == ' ' || line_[at_] == '\t')) ++at_;
    return at_ > start;
  }
  bool done() const { return at_ == line_.size(); }
  bool NextIsHex() const { return at_ < line_.size() && HexDigit(line_[at_]) >= 0; }
  unsigned Hex() { return static_cast<unsigned>(HexDigit(line_[at_++])); }
  bool NextIsDigit() const { return at_ < line_.size() && line_[at_] >= '0' && line_[at_] <= '9'; }
  int Digit() { return line_[at_++] - '0'; }
  std::string_view Word() {
    const std::size_t start = at_;
    while (at_ < line_.size() && line_[at_] > ' ') ++at_;
    return line_.substr(start, at_ - start);
  }

 private:
  const std::string_view line_;
  std::size_t at_ = 0;
};

Status ReadTime(Reader* reader, nanoseconds* time) {
  if (!reader->Take('(')) return reader->Wrong("'('");
  std::int64_t whole_s = 0;
  int digits = 0;
  // Up to 2286, so that it stays within nanoseconds of 63 bits.
  for (; reader->NextIsDigit() && digits < 10; ++digits) whole_s = whole_s * 10 + reader->Digit();
  if (digits == 0 || whole_s > 9'000'000'000) return reader->Wrong("seconds");
  *time = seconds(whole_s);
  if (reader->Take('.')) {
    nanoseconds::rep digit_ns = 100'000'000;
    for (; reader->NextIsDigit() && digit_ns > 0; digit_ns /= 10) *time += nanoseconds(reader->Digit() * digit_ns);
  }
  return reader->Take(')') ? Status() : reader->Wrong("')'");
}

Status ReadId(Reader* reader, CandumpLine* result) {
  std::uint32_t id = 0;
  int digits = 0;
  for (; reader->NextIsHex() && digits < 9; ++digits) id = id << 4 | reader->Hex();
  if (digits != 3 && digits != 8) return reader->Wrong("an identifier of 3 or 8 hex digits before '#'");
  result->frame.extended = digits == 8;
  if (digits == 8 && (id & kErrorFlag) != 0) {
    result->has_data = false;
    return Status();
  }
  if (id > (digits == 8 ? kCanExtendedIdMax : kCanStandardIdMax)) return reader->Wrong("an identifier within 29 bits");
  result->frame.id = id;
  return Status();
}

}  // namespace

Result<CandumpLine> ParseCandumpLine(std::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (line.size() > kCandumpLineBytesMax) {
    return Status(ErrorCode::kExhausted, "line is longer than " + std::to_string(kCandumpLineBytesMax) + " bytes");
  }
  Reader reader(line);
  CandumpLine result;
  result.has_data = true;
  if (Status status = ReadTime(&reader, &result.time); !status.ok()) return status;
  if (!reader.TakeSpaces()) return reader.Wrong("a space");
  result.interface = reader.Word();
  if (result.interface.empty() || !reader.TakeSpaces()) return reader.Wrong("an interface and a frame");
  if (Status status = ReadId(&reader, &result); !status.ok()) return status;
  if (!reader.Take('#')) return reader.Wrong("'#'");
  const bool fd = reader.Take('#');
  if (fd) {
    if (!reader.NextIsHex()) return reader.Wrong("the flags of a CAN FD frame");
    reader.Hex();
  } else if (reader.Take('R')) {
    result.has_data = false;
    if (reader.NextIsHex()) reader.Hex();
  }
  const std::size_t size_max = fd ? 64 : 8;
  while (result.has_data && reader.NextIsHex()) {
    const unsigned high = reader.Hex();
    if (!reader.NextIsHex()) return reader.Wrong("two hex digits for each byte");
    if (result.frame.size == size_max) return reader.Wrong(fd ? "64 bytes at most" : "8 bytes at most");
    result.frame.data[result.frame.size++] = static_cast<std::uint8_t>(high << 4 | reader.Hex());
  }
  if (!result.has_data) {
    while (reader.NextIsHex()) reader.Hex();
  }
  // The raw length code of a classic frame of eight bytes.
  if (!fd && reader.Take('_')) {
    if (!reader.NextIsHex()) return reader.Wrong("a length code");
    reader.Hex();
  }
  if (reader.TakeSpaces() && !reader.done()) {
    if (!reader.Take('R') && !reader.Take('T')) return reader.Wrong("R, T or the end");
    reader.TakeSpaces();
  }
  if (!reader.done()) return reader.Wrong("the end of the line");
  return result;
}

}  // namespace starling::edge
