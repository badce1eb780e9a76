#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/geo/vec2.h"
#include "common/status.h"
#include "common/time.h"

namespace toml {
inline namespace v3 {
class table;
class node;
}  // namespace v3
}  // namespace toml

namespace starling::sim {

// A TOML file that is read key by key, so that each finding has its line.  The first one counts:
// what is read after it is left as it was.
//
// Threading: thread-compatible.
class TomlFile {
 public:
  // `name` is for messages.
  TomlFile(std::string name, std::string_view text);
  ~TomlFile();

  // Success, or kInvalidArgument as "FILE:LINE: what was found and what was expected".
  const Status& status() const { return status_; }
  void Refuse(std::uint32_t line, const std::string& finding);

  const toml::table& root() const { return *root_; }

 private:
  const std::string name_;
  std::unique_ptr<toml::table> root_;
  Status status_;
};

// One table of it.  A key is only there for who reads it; End refuses those that nobody has.
class TomlSection {
 public:
  TomlSection(TomlFile* file, const toml::table& table, std::string name);

  // Each leaves what it is for as it is where the key is not there.
  void Read(std::string_view key, double* value);
  void Read(std::string_view key, std::uint32_t* value);
  void Read(std::string_view key, std::uint64_t* value);
  void Read(std::string_view key, bool* value);
  void Read(std::string_view key, std::string* value);
  // Of the keys `key`_x_m and `key`_y_m; with an empty `key` x_m and y_m.
  void Read(std::string_view key, Vec2* value);
  // Seconds, as a number.
  void Read(std::string_view key, nanoseconds* value);
  // One of `names`: its index.
  void Read(std::string_view key, const std::vector<std::string_view>& names, std::size_t* value);

  bool Has(std::string_view key) const;
  // A key that has to be there.
  void Demand(std::string_view key);

  // Calls `read` for the table of that name, if it is there; for each of an array of tables.
  void Section(std::string_view key, const std::function<void(TomlSection*)>& read);
  void Sections(std::string_view key, const std::function<void(TomlSection*)>& read);

  // Refuses keys that nobody read, and takes what a Validate says of what was: at the line of
  // the field that its message names, or of the section.
  void End(const Status& validated = {});

 private:
  const toml::node* Find(std::string_view key);
  void Expect(std::string_view key, const toml::node& node, std::string_view what);

  TomlFile* const file_;
  const toml::table& table_;
  const std::string name_;  // "[gnss]"
  std::set<std::string, std::less<>> known_;
};

}  // namespace starling::sim
