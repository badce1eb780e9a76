#include "cloud/streets/text_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace starling::cloud {
namespace {

using testing::HasSubstr;

class TextFile : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "text_file_" + std::to_string(::getpid());
    for (int i = 0; i < 2'000; ++i) text_ += std::to_string(i * 7919) + '\n';
  }
  void TearDown() override { std::filesystem::remove(path_); }

  void Write(const std::string& bytes) { std::ofstream(path_, std::ios::binary) << bytes; }
  std::string Compressed(const std::string& text) {
    const gzFile file = ::gzopen(path_.c_str(), "wb");
    EXPECT_EQ(::gzwrite(file, text.data(), static_cast<unsigned>(text.size())), static_cast<int>(text.size()));
    EXPECT_EQ(::gzclose(file), Z_OK);
    std::ifstream read(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(read), std::istreambuf_iterator<char>()};
  }
  Result<std::string> Read(std::size_t bytes_max = 1 << 20) { return ReadTextFile(path_, bytes_max); }

  std::string path_;
  std::string text_;
};

TEST_F(TextFile, ReadsPlainAndCompressed) {
  Write(text_);
  EXPECT_EQ(Read().value(), text_);
  Write(Compressed(text_));
  EXPECT_EQ(Read().value(), text_);
  Write("");
  EXPECT_EQ(Read().value(), "");
  Write("<");
  EXPECT_EQ(Read().value(), "<");
}

TEST_F(TextFile, ReadsWhatIsLongerThanItsBuffers) {
  std::string text;
  while (text.size() < 3'000'000) text += text_ + std::to_string(text.size());
  Write(Compressed(text));
  EXPECT_TRUE(Read(4'000'000).value() == text);
  Write(text);
  EXPECT_TRUE(Read(4'000'000).value() == text);
}

TEST_F(TextFile, EveryCutOfACompressedFileIsRefused) {
  const std::string whole = Compressed(text_);
  for (std::size_t length = whole.size() - 1; length >= 2; --length) {  // One byte is no sign of gzip yet.
    std::filesystem::resize_file(path_, length);
    const Result<std::string> read = Read();
    ASSERT_FALSE(read.ok()) << length;
    EXPECT_EQ(read.status().code(), ErrorCode::kIoError);
  }
}

TEST_F(TextFile, MembersThatFollowEachOtherAreOneText) {
  const std::string bytes = Compressed(text_);
  Write(bytes + bytes);
  EXPECT_EQ(Read().value(), text_ + text_);
  Write(bytes + "and more");
  EXPECT_FALSE(Read().ok());
}

TEST_F(TextFile, DamageIsRefused) {
  std::string bytes = Compressed(text_);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0x10);
  Write(bytes);
  ASSERT_FALSE(Read().ok());
  EXPECT_THAT(std::string(Read().status().message()), HasSubstr("damaged gzip"));
}

// 64 MB that were 64 kB: no more than the limit is unpacked.
TEST_F(TextFile, BombIsRefusedAtTheLimit) {
  const std::string bomb = Compressed(std::string(64 << 20, ' '));
  EXPECT_LT(bomb.size(), 100'000u);
  Write(bomb);
  const Result<std::string> read = Read(1'000'000);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.status().code(), ErrorCode::kExhausted);
  EXPECT_EQ(read.status().message(), path_ + ": more than 1000000 bytes of text");
  Write(text_);
  EXPECT_TRUE(Read(text_.size()).ok());
  EXPECT_FALSE(Read(text_.size() - 1).ok());
}

TEST_F(TextFile, SaysWhyThereIsNone) {
  EXPECT_EQ(Read().status().message(), path_ + ": No such file or directory");
  EXPECT_EQ(ReadTextFile(testing::TempDir(), 10).status().message(), testing::TempDir() + ": Is a directory");
}

}  // namespace
}  // namespace starling::cloud
