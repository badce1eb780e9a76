#include "cloud/audit/audit_report.h"

#include <algorithm>
#include <charconv>

namespace starling::cloud {
namespace {

std::string OffsetText(Offset offset) { return std::to_string(static_cast<std::uint64_t>(offset)); }

}  // namespace

Result<AuditHead> ParseAuditHead(std::string_view text) {
  const Status wrong(ErrorCode::kInvalidArgument,
                     std::string(text) + " is not a head: 64 hexadecimal digits, and @INDEX if it is known");
  const std::size_t at = text.find('@');
  const std::string_view digits = text.substr(0, at);
  AuditHead head;
  if (digits.size() != 2 * head.digest.size()) return wrong;
  for (std::size_t i = 0; i < head.digest.size(); ++i) {
    unsigned value = 0;
    const char* const end = digits.data() + 2 * i + 2;
    if (std::from_chars(end - 2, end, value, 16).ptr != end) return wrong;
    head.digest[i] = static_cast<std::byte>(value);
  }
  if (at == std::string_view::npos) return head;
  std::uint64_t index = 0;
  const char* const end = text.data() + text.size();
  const auto [parsed, failure] = std::from_chars(text.data() + at + 1, end, index);
  if (failure != std::errc() || parsed != end || index == 0) return wrong;
  head.index = index;
  return head;
}

std::string ToHex(std::span<const std::byte> digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : digest) {
    text += kDigits[std::to_integer<std::size_t>(byte >> 4)];
    text += kDigits[std::to_integer<std::size_t>(byte & std::byte{15})];
  }
  return text;
}

Result<AuditReport> VerifyAudit(const ReadRecords& read, const std::optional<AuditHead>& expected) {
  AuditReport report;
  if (expected) report.head_found = false;
  AuditVerifier verifier;
  const Status status = read([&](const LogRecord& record) {
    verifier.Add(record.key, record.value);
    if (verifier.first_break() && !report.first_break) {
      const AuditBreak& broken = *verifier.first_break();
      report.first_break = {NameOf(broken.kind), record.offset, broken.index, broken.expected};
    }
    if (verifier.starts_count() > report.chain_starts) {
      report.chain_starts = verifier.starts_count();
      if (report.starts.size() < AuditReport::kStartsKept) report.starts.push_back(record.offset);
    }
    if (expected && std::ranges::equal(verifier.last_digest(), expected->digest) &&
        (!expected->index || *expected->index == verifier.last_index())) {
      report.head_found = true;
    }
    return true;
  });
  if (!status.ok()) return status;
  report.records = verifier.records();
  report.begins_at = verifier.begins_at();
  report.last_index = verifier.last_index();
  if (report.records > 0) report.head = ToHex(verifier.last_digest());
  return report;
}

std::string AuditReport::ToText() const {
  std::string text = "records      " + std::to_string(records) + "\n";
  if (records > 0) {
    text += "begins at    index " + std::to_string(begins_at) +
            (begins_at > 1 ? " (older ones are no longer retained)\n" : "\n");
    text += "chain starts " + std::to_string(chain_starts);
    for (const Offset& offset : starts) text += (&offset == &starts.front() ? ": offset " : ", ") + OffsetText(offset);
    text += "\nhead         " + head + "@" + std::to_string(last_index) + "\n";
  }
  if (head_found) text += std::string("expected     ") + (*head_found ? "found\n" : "NOT FOUND: cut or written anew\n");
  if (first_break) {
    text += "BROKEN       " + first_break->why + " at offset " + OffsetText(first_break->offset) + ": index " +
            std::to_string(first_break->index) + ", expected " + std::to_string(first_break->expected) + "\n";
  }
  return text + (whole() ? "whole\n" : "not whole\n");
}

std::string AuditReport::ToJson() const {
  std::string json = std::string("{\"whole\": ") + (whole() ? "true" : "false") +
                     ", \"records\": " + std::to_string(records) + ", \"begins_at\": " + std::to_string(begins_at) +
                     ", \"chain_starts\": " + std::to_string(chain_starts) + ", \"starts\": [";
  for (const Offset& offset : starts) json += (&offset == &starts.front() ? "" : ", ") + OffsetText(offset);
  json += "], \"last_index\": " + std::to_string(last_index) + ", \"head\": \"" + head + "\", \"head_found\": " +
          (head_found ? (*head_found ? "true" : "false") : "null") + ", \"first_break\": ";
  if (!first_break) return json + "null}\n";
  return json + "{\"why\": \"" + first_break->why + "\", \"offset\": " + OffsetText(first_break->offset) +
         ", \"index\": " + std::to_string(first_break->index) +
         ", \"expected\": " + std::to_string(first_break->expected) + "}}\n";
}

}  // namespace starling::cloud
