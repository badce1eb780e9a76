// An XML document whose mistakes are reported by file, line and what was expected.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/streets/street_network.h"
#include "common/status.h"

namespace starling::cloud {

// What a document may have: elements (each is one mark, or two if it has content), attributes
// and lines (one each).  Each costs up to 64 bytes of memory.
inline constexpr std::size_t kXmlMarksMax = 50'000'000;

// A document, what is wrong with it, and what of it is not taken over.  The first mistake
// counts; readers go on after it with values that are in range, so that they need not look
// after each attribute, and ask failed() before they use what they have read.
//
// Threading: one thread owns it.
class XmlText {
 public:
  // `name` stands for the file in messages.
  XmlText(std::string text, std::string name);
  XmlText(const XmlText&) = delete;
  XmlText& operator=(const XmlText&) = delete;

  // Parses.  The one element at the top; an empty node, and a failure, if the text is not
  // well-formed or that element has another name.
  //
  // REQUIRES: called once.
  pugi::xml_node Root(std::initializer_list<std::string_view> names, const std::string& expected);

  bool failed() const { return !failure_.ok(); }
  const Status& failure() const { return failure_; }
  void Fail(pugi::xml_node node, const std::string& expected);

  // A text attribute, not empty.
  std::string_view Text(pugi::xml_node node, const char* attribute);
  // A finite number within [low, high]; `absent` if there is no such attribute.
  double Number(pugi::xml_node node, const char* attribute, double low, double high, std::optional<double> absent = {});
  // A whole one, at most `high`.
  std::uint32_t Whole(pugi::xml_node node, const char* attribute, std::uint32_t high);
  // "x,y" or "x,y,z" in metres; `with_height` is set if there is a third number.
  Vec2 Point(pugi::xml_node node, std::string_view text, bool* with_height);

  // Counts something that is not taken over; the elements in a node, its attributes, but for
  // those that are known.
  void Skip(const std::string& what);
  void SkipElements(pugi::xml_node node, std::initializer_list<std::string_view> known);
  void SkipAttributes(pugi::xml_node node, std::initializer_list<std::string_view> known);
  const std::map<std::string, std::uint64_t>& skipped() const { return skipped_; }

 private:
  void FailAt(std::ptrdiff_t offset, const std::string& expected);

  std::string text_;                   // pugixml's too: it parses in place
  const std::string name_;
  std::vector<std::size_t> newlines_;  // where they were before parsing
  pugi::xml_document document_;
  Status failure_;
  std::map<std::string, std::uint64_t> skipped_;
};

std::vector<std::string_view> Words(std::string_view text);

// For messages: in quotes, short, and without control characters.
std::string Quoted(std::string_view text);

}  // namespace starling::cloud
