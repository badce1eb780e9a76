// Integers in stored bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace starling::cloud {

template <typename Word>
void StoreLittleEndian(Word word, std::byte* target) {
  for (std::size_t i = 0; i < sizeof(Word); ++i) target[i] = static_cast<std::byte>(word >> (8 * i));
}

template <typename Word>
Word LoadLittleEndian(const std::byte* source) {
  Word word = 0;
  for (std::size_t i = 0; i < sizeof(Word); ++i) word |= static_cast<Word>(source[i]) << (8 * i);
  return word;
}

}  // namespace starling::cloud
