#include "sim/experiment/number_text.h"

#include <gtest/gtest.h>

#include <cmath>

namespace starling::sim {
namespace {

TEST(NumberText, FixedHasItsDecimalsAndNoNegativeZero) {
  EXPECT_EQ(Fixed(1.005, 2), "1.00");  // The double is below.
  EXPECT_EQ(Fixed(-0.004, 2), "0.00");
  EXPECT_EQ(Fixed(-0.006, 2), "-0.01");
  EXPECT_EQ(Fixed(2, 0), "2");
  EXPECT_EQ(Fixed(1e60, 0), "1.000e+60");
  EXPECT_EQ(Signed(3.14159, 2), "+3.14");
  EXPECT_EQ(Signed(0.001, 2), "0.00");
  EXPECT_EQ(Signed(-3.14159, 2), "-3.14");
}

TEST(NumberText, DecimalsGiveFourDigits) {
  EXPECT_EQ(DecimalsFor(12345), 0);
  EXPECT_EQ(DecimalsFor(1000), 0);
  EXPECT_EQ(DecimalsFor(-999), 1);
  EXPECT_EQ(DecimalsFor(24.3), 2);
  EXPECT_EQ(DecimalsFor(1), 3);
  EXPECT_EQ(DecimalsFor(0.02), 5);
  EXPECT_EQ(DecimalsFor(1e-9), 6);
  EXPECT_EQ(DecimalsFor(0), 0);
}

TEST(NumberText, NineDigitsAreKept) {
  EXPECT_EQ(NineDigits(1.23456789012), 1.23456789);
  EXPECT_EQ(NineDigits(0.1 + 0.2), 0.3);
  EXPECT_EQ(NineDigits(-1e-300), -1e-300);
  EXPECT_FALSE(std::signbit(NineDigits(-0.0)));
}

TEST(NumberText, PercentOfHasNoMoreDecimalsThanThereAre) {
  EXPECT_EQ(PercentOf(0.95), "95 %");
  EXPECT_EQ(PercentOf(0.999), "99.9 %");
  EXPECT_EQ(PercentOf(0.9), "90 %");
}

TEST(NumberText, CleanTextIsWhatXmlMayContain) {
  const std::string mark = "\xEF\xBF\xBD";
  EXPECT_EQ(CleanText("a\tb\nc"), "a b c");
  EXPECT_EQ(CleanText(std::string("a\0b\x1B[31m", 7)), "a" + mark + "b" + mark + "[31");
  EXPECT_EQ(CleanText("größer 10 µm, 日本, 🚗"), "größer 10 µm, 日本, 🚗");
  EXPECT_EQ(CleanText("\xC3"), mark);                                   // cut
  EXPECT_EQ(CleanText("\xFF\xC0\x80"), mark + mark + mark);             // no such byte; NUL in two
  EXPECT_EQ(CleanText("\xED\xA0\x80"), mark + mark + mark);             // half of a pair
  EXPECT_EQ(CleanText("\xEF\xBF\xBF"), mark + mark + mark);             // U+FFFF
  EXPECT_EQ(CleanText("\xE2\x80\xAEtxt"), mark + mark + mark + "txt");  // would be read backwards
}

TEST(NumberText, ShortenedCountsCharactersAndNotBytes) {
  EXPECT_EQ(Shortened("größer", 6), "größer");
  EXPECT_EQ(Shortened("größer", 5), "größ…");
  EXPECT_EQ(Shortened("日本", 1), "…");
  EXPECT_EQ(LengthOf("größ…"), 5u);
}

}  // namespace
}  // namespace starling::sim
