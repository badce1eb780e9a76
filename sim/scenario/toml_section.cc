#include "sim/scenario/toml_section.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "common/toml/long_key.h"
#include "common/toml/parser.h"

namespace starling::sim {
namespace {

std::uint32_t LineOf(const toml::node& node) { return static_cast<std::uint32_t>(node.source().begin.line); }

// 1 for the first.
std::uint32_t LineAt(std::string_view text, std::size_t at) {
  return static_cast<std::uint32_t>(1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

}  // namespace

TomlFile::TomlFile(std::string name, std::string_view text) : name_(std::move(name)), root_(new toml::table) {
  if (const std::optional<std::size_t> at = FindLongKey(text)) {
    Refuse(LineAt(text, *at),
           "a key of more than " + std::to_string(kTomlKeyPartsMax) + " parts; those of a scenario have two");
    return;
  }
  try {
    *root_ = toml::parse(text, name_);
  } catch (const toml::parse_error& error) {
    Refuse(static_cast<std::uint32_t>(error.source().begin.line), std::string(error.description()));
  }
}

TomlFile::~TomlFile() = default;

void TomlFile::Refuse(std::uint32_t line, const std::string& finding) {
  if (!status_.ok()) return;
  status_ = Status(ErrorCode::kInvalidArgument,
                   line > 0 ? name_ + ":" + std::to_string(line) + ": " + finding : name_ + ": " + finding);
}

TomlSection::TomlSection(TomlFile* file, const toml::table& table, std::string name)
    : file_(file), table_(table), name_(std::move(name)) {}

const toml::node* TomlSection::Find(std::string_view key) {
  known_.emplace(key);
  return file_->status().ok() ? table_.get(key) : nullptr;
}

bool TomlSection::Has(std::string_view key) const { return table_.contains(key); }

void TomlSection::Demand(std::string_view key) {
  if (!Has(key)) file_->Refuse(LineOf(table_), name_ + " needs " + std::string(key));
}

void TomlSection::Expect(std::string_view key, const toml::node& node, std::string_view what) {
  file_->Refuse(LineOf(node), std::string(key) + " is to be " + std::string(what));
}

void TomlSection::Read(std::string_view key, double* value) {
  const toml::node* const node = Find(key);
  if (node == nullptr) return;
  const std::optional<double> number = node->value<double>();
  if (!node->is_number() || !number || !std::isfinite(*number)) return Expect(key, *node, "a number");
  *value = *number;
}

void TomlSection::Read(std::string_view key, std::uint64_t* value) {
  const toml::node* const node = Find(key);
  if (node == nullptr) return;
  const std::optional<std::int64_t> number = node->value_exact<std::int64_t>();
  if (!number || *number < 0) return Expect(key, *node, "a whole number, not negative");
  *value = static_cast<std::uint64_t>(*number);
}

void TomlSection::Read(std::string_view key, std::uint32_t* value) {
  std::uint64_t wide = *value;
  Read(key, &wide);
  if (wide > std::numeric_limits<std::uint32_t>::max()) return Expect(key, *table_.get(key), "less than 4294967296");
  *value = static_cast<std::uint32_t>(wide);
}

void TomlSection::Read(std::string_view key, bool* value) {
  const toml::node* const node = Find(key);
  if (node == nullptr) return;
  const std::optional<bool> flag = node->value_exact<bool>();
  if (!flag) return Expect(key, *node, "true or false");
  *value = *flag;
}

void TomlSection::Read(std::string_view key, std::string* value) {
  const toml::node* const node = Find(key);
  if (node == nullptr) return;
  std::optional<std::string> text = node->value_exact<std::string>();
  if (!text) return Expect(key, *node, "a text in quotes");
  *value = *std::move(text);
}

void TomlSection::Read(std::string_view key, Vec2* value) {
  const std::string prefix = key.empty() ? std::string() : std::string(key) + "_";
  Read(prefix + "x_m", &value->x);
  Read(prefix + "y_m", &value->y);
}

void TomlSection::Read(std::string_view key, nanoseconds* value) {
  constexpr double kMaxS = 1e8;
  double seconds = 0;
  if (!Has(key)) {
    known_.emplace(key);
    return;
  }
  Read(key, &seconds);
  if (!file_->status().ok()) return;
  if (std::abs(seconds) > kMaxS) return Expect(key, *table_.get(key), "a time in seconds, at most 100 million");
  *value = nanoseconds(std::llround(seconds * 1e9));
}

void TomlSection::Read(std::string_view key, const std::vector<std::string_view>& names, std::size_t* value) {
  const toml::node* const node = Find(key);
  if (node == nullptr) return;
  std::string expected = "one of ";
  const std::optional<std::string> text = node->value_exact<std::string>();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (text && *text == names[i]) {
      *value = i;
      return;
    }
    expected.append(i == 0 ? "\"" : ", \"").append(names[i]).append("\"");
  }
  Expect(key, *node, expected);
}

void TomlSection::Section(std::string_view key, const std::function<void(TomlSection*)>& read) {
  const toml::node* const node = Find(key);
  if (node == nullptr) return;
  const std::string name = std::string("[").append(key).append("]");
  if (!node->is_table()) return Expect(key, *node, "a section, " + name);
  TomlSection section(file_, *node->as_table(), name);
  read(&section);
}

void TomlSection::Sections(std::string_view key, const std::function<void(TomlSection*)>& read) {
  const toml::node* const node = Find(key);
  if (node == nullptr) return;
  const std::string name = std::string("[[").append(key).append("]]");
  if (!node->is_array_of_tables()) return Expect(key, *node, "one or more sections, " + name);
  for (const toml::node& each : *node->as_array()) {
    TomlSection section(file_, *each.as_table(), name);
    read(&section);
  }
}

void TomlSection::End(const Status& validated) {
  for (const auto& [key, node] : table_) {
    if (known_.contains(key.str())) continue;
    std::string expected;
    for (const std::string& each : known_) expected.append(expected.empty() ? "" : ", ").append(each);
    file_->Refuse(LineOf(node), std::string("unknown key ").append(key.str()) + " in " + name_ + "; there are: " + expected);
  }
  if (validated.ok()) return;
  std::uint32_t line = LineOf(table_);
  std::size_t longest = 0;
  // A field of a part is "up.loss" there, and up_loss here.
  std::string message(validated.message());
  std::replace(message.begin(), message.end(), '.', '_');
  for (const auto& [key, node] : table_) {
    // Durations are fields without their unit.
    std::string_view field = key.str();
    if (message.find(field) == std::string::npos && field.ends_with("_s")) field.remove_suffix(2);
    if (field.size() <= longest || message.find(field) == std::string::npos) continue;
    longest = field.size();
    line = LineOf(node);
  }
  file_->Refuse(line, name_ + ": " + std::string(validated.message()));
}

}  // namespace starling::sim
