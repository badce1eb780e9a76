// Numbers and text for people: as many digits as mean something, as many characters as there is room for.
#pragma once

#include <string>
#include <string_view>

namespace starling::sim {

// With a point and `decimals` digits after it, at most 17; never "-0.00".  From 1e15 on with an exponent.
std::string Fixed(double value, int decimals);

// The same with a plus before what is above 0.
std::string Signed(double value, int decimals);

// "[-3.14, +2.72]".
std::string IntervalText(double low, double high, int decimals);

// Decimals with which a number as large as `magnitude` has four digits, but at most 6.
int DecimalsFor(double magnitude);

// The same value with nine significant digits: what a report gives of what was computed.
double NineDigits(double value);

// "95 %", "99.9 %": no more decimals than there are, two at most.
std::string PercentOf(double share);

// Valid UTF-8 without control characters: what is not is replaced by U+FFFD, tabs and line ends by blanks.
std::string CleanText(std::string_view text);

// Not more than `characters_max` code points: of a longer one the beginning and "…".  REQUIRES: text is clean,
// characters_max >= 1.
std::string Shortened(std::string_view text, std::size_t characters_max);

// Code points.  REQUIRES: text is clean.
std::size_t LengthOf(std::string_view text);

}  // namespace starling::sim
