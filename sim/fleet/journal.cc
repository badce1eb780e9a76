#include "sim/fleet/journal.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <utility>

#include "common/crc32c.h"

namespace starling::sim {
namespace {

constexpr std::string_view kHeader = "starling-journal 1";
constexpr std::size_t kDigestDigits = 8;

class Line {
 public:
  explicit Line(std::string_view word) { text_ = word; }
  Line& operator<<(std::uint64_t number) {
    text_.append(" ").append(std::to_string(number));
    return *this;
  }
  Line& operator<<(std::string_view word) {
    text_.append(" ").append(word);
    return *this;
  }
  void AppendTo(std::string* out) { out->append(text_).append("\n"); }

 private:
  std::string text_;
};

void AppendDigests(const std::vector<std::uint32_t>& samples, std::string* out) {
  static constexpr char kDigits[] = "0123456789abcdef";
  out->append("samples ");
  for (const std::uint32_t digest : samples) {
    for (int shift = 28; shift >= 0; shift -= 4) out->push_back(kDigits[(digest >> shift) & 15]);
  }
  out->append("\n");
}

// The words of one line, taken one by one.
class Words {
 public:
  explicit Words(std::string_view line) : rest_(line) {}

  std::string_view Next() {
    const std::size_t end = std::min(rest_.find(' '), rest_.size());
    const std::string_view word = rest_.substr(0, end);
    rest_.remove_prefix(std::min(rest_.size(), end + 1));
    return word;
  }
  template <typename Number = std::uint64_t>
  Number Count() {
    Number number = 0;
    const std::string_view word = Next();
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    good_ = good_ && error == std::errc() && end == word.data() + word.size() && !word.empty();
    return number;
  }
  BootTime Boot() { return BootTimeFromNs(Count()); }
  CloudTime Cloud() { return CloudTimeFromNs(Count<std::int64_t>()); }
  bool Done() const { return good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

bool ReadDigests(std::string_view hex, std::vector<std::uint32_t>* samples) {
  if (hex.size() % kDigestDigits != 0) return false;
  for (; !hex.empty(); hex.remove_prefix(kDigestDigits)) {
    std::uint32_t digest = 0;
    const auto [end, error] = std::from_chars(hex.data(), hex.data() + kDigestDigits, digest, 16);
    if (error != std::errc() || end != hex.data() + kDigestDigits) return false;
    samples->push_back(digest);
  }
  return true;
}

bool ReadBoot(Words* words, Journal* journal) {
  VehicleBoot boot;
  const Result<VehicleId> name = VehicleId::Parse(words->Next());
  if (!name.ok()) return false;
  boot.vehicle = name.value();
  boot.boot = BootId{words->Count()};
  boot.rebooted = words->Count() != 0;
  boot.delivered = words->Count();
  boot.dropped_spool_full = words->Count();
  boot.dropped_refused = words->Count();
  boot.dropped_io = words->Count();
  boot.dropped_reboot = words->Count();
  boot.in_flight = words->Count();
  journal->boots.push_back(std::move(boot));
  return words->Done();
}

bool ReadLine(std::string_view line, Journal* journal) {
  Words words(line);
  const std::string_view kind = words.Next();
  if (kind == "drained") {
    journal->drained = words.Cloud();
    return words.Done();
  }
  if (kind == "boot") return ReadBoot(&words, journal);
  if (journal->boots.empty()) return false;
  VehicleBoot& boot = journal->boots.back();
  if (kind == "samples") return ReadDigests(words.Next(), &boot.samples) && words.Done();
  if (kind == "acknowledged") {
    boot.acknowledged.push_back({words.Count(), words.Count()});
    return words.Done();
  }
  if (kind == "handed") {
    HandedOver handed;
    handed.command = CommandId{words.Count()};
    handed.region = RegionId{words.Count<std::uint32_t>()};
    handed.epoch = Epoch{words.Count()};
    handed.kind = words.Count<std::uint8_t>();
    handed.episode = EpisodeId{words.Count()};
    handed.handed_over = words.Boot();
    handed.expires = words.Boot();
    handed.at = words.Cloud();
    boot.handed_over.push_back(handed);
    return words.Done();
  }
  if (kind == "closed") {
    ClosedOnVehicle closed;
    closed.command = CommandId{words.Count()};
    closed.region = RegionId{words.Count<std::uint32_t>()};
    closed.epoch = Epoch{words.Count()};
    closed.outcome = words.Count<std::uint8_t>();
    closed.reason = words.Count<std::uint8_t>();
    closed.at = words.Boot();
    boot.closed.push_back(closed);
    return words.Done();
  }
  return false;
}

}  // namespace

std::uint32_t DigestOf(const wire::Fix& fix) {
  return Crc32c(std::as_bytes(std::span(&fix, 1)));
}

std::string WriteJournal(const Journal& journal) {
  std::string out(kHeader);
  out.append("\ndrained ").append(std::to_string(ToNs(journal.drained))).append("\n");
  for (const VehicleBoot& boot : journal.boots) {
    (Line("boot") << boot.vehicle.view() << ToNumber(boot.boot) << (boot.rebooted ? 1u : 0u)
                  << boot.delivered << boot.dropped_spool_full << boot.dropped_refused
                  << boot.dropped_io << boot.dropped_reboot << boot.in_flight)
        .AppendTo(&out);
    AppendDigests(boot.samples, &out);
    for (const SampleRange& range : boot.acknowledged) {
      (Line("acknowledged") << range.first << range.last).AppendTo(&out);
    }
    for (const HandedOver& handed : boot.handed_over) {
      (Line("handed") << ToNumber(handed.command) << ToNumber(handed.region) << ToNumber(handed.epoch)
                      << handed.kind << ToNumber(handed.episode) << ToNs(handed.handed_over)
                      << ToNs(handed.expires) << static_cast<std::uint64_t>(ToNs(handed.at)))
          .AppendTo(&out);
    }
    for (const ClosedOnVehicle& closed : boot.closed) {
      (Line("closed") << ToNumber(closed.command) << ToNumber(closed.region) << ToNumber(closed.epoch)
                      << closed.outcome << closed.reason << ToNs(closed.at))
          .AppendTo(&out);
    }
  }
  // A journal that was cut short is none.
  out.append("end\n");
  return out;
}

Result<Journal> ReadJournal(std::string_view text) {
  Journal journal;
  bool ended = false;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(text.size(), end + 1));
    const bool readable = number == 1 ? line == kHeader : !ended && (line == "end" || ReadLine(line, &journal));
    if (!readable) {
      return Status(ErrorCode::kCorruption, "journal: line " + std::to_string(number) + " is not readable: " +
                                                std::string(line.substr(0, 80)));
    }
    ended = line == "end";
  }
  if (!ended) return Status(ErrorCode::kCorruption, "journal: it has no end");
  return journal;
}

Status SaveJournal(const std::string& path, const Journal& journal) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << WriteJournal(journal);
  file.close();
  if (file) return Status();
  return Status(ErrorCode::kIoError, path + ": " + std::strerror(errno));
}

Result<Journal> LoadJournal(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file.is_open() || file.bad()) {
    return Status(ErrorCode::kIoError, path + ": " + std::strerror(errno));
  }
  Result<Journal> journal = ReadJournal(text);
  if (journal.ok()) return journal;
  return Status(journal.status().code(), path + ": " + std::string(journal.status().message()));
}

}  // namespace starling::sim
