// One encrypted file: what is read is what was written, or a refusal that names it.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "cloud/store/encrypted_file_system.h"
#include "tests/cloud/log/log_fixture.h"
#include "tests/cloud/store/key_file.h"

namespace starling::cloud {
namespace {

class SealedFile : public testing::Test {
 protected:
  SealedFile() {
    WriteKeyFile(directory_.path() + "/keys", KeyLine('a'));
    Mount();
  }
  void Mount() {
    refusals_ = std::make_unique<Refusals>();
    const StoreEncryption keys = OpenKeys(directory_.path() + "/keys");
    files_ = std::make_unique<EncryptedFileSystem>(keys.keys, "test", false, refusals_.get());
  }
  std::string Path(const std::string& name) const { return directory_.path() + "/" + name; }

  void Write(const std::string& name, const std::vector<std::string>& appends) {
    std::unique_ptr<rocksdb::FSWritableFile> file;
    ASSERT_TRUE(files_->NewWritableFile(Path(name), {}, &file, nullptr).ok());
    for (const std::string& each : appends) {
      ASSERT_TRUE(file->Append(each, rocksdb::IOOptions(), nullptr).ok());
      ASSERT_TRUE(file->Flush(rocksdb::IOOptions(), nullptr).ok());
    }
    ASSERT_TRUE(file->Close(rocksdb::IOOptions(), nullptr).ok());
  }
  // The plaintext, or "REFUSED".
  std::string Read(const std::string& name) {
    std::unique_ptr<rocksdb::FSSequentialFile> file;
    if (!files_->NewSequentialFile(Path(name), {}, &file, nullptr).ok()) return "REFUSED";
    std::string text;
    std::string scratch(1'000, '\0');
    for (;;) {
      rocksdb::Slice part;
      if (!file->Read(scratch.size(), rocksdb::IOOptions(), &part, scratch.data(), nullptr).ok()) return "REFUSED";
      if (part.empty()) return text;
      text.append(part.data(), part.size());
    }
  }
  // As above, a part of the file.
  std::string ReadAt(const std::string& name, std::uint64_t offset, std::size_t bytes) {
    std::unique_ptr<rocksdb::FSRandomAccessFile> file;
    if (!files_->NewRandomAccessFile(Path(name), {}, &file, nullptr).ok()) return "REFUSED";
    std::string scratch(bytes, '\0');
    rocksdb::Slice part;
    if (!file->Read(offset, bytes, rocksdb::IOOptions(), &part, scratch.data(), nullptr).ok()) return "REFUSED";
    return part.ToString();
  }
  std::uint64_t SizeOf(const std::string& name) {
    std::uint64_t bytes = 0;
    EXPECT_TRUE(files_->GetFileSize(Path(name), rocksdb::IOOptions(), &bytes, nullptr).ok());
    return bytes;
  }
  std::string Stored(const std::string& name) const {
    std::ifstream file(Path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  void Store(const std::string& name, const std::string& bytes) const {
    std::ofstream(Path(name), std::ios::binary | std::ios::trunc) << bytes;
  }

  TestDirectory directory_;
  std::unique_ptr<Refusals> refusals_;
  std::unique_ptr<EncryptedFileSystem> files_;
};

std::string Noise(std::size_t bytes, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::string text(bytes, '\0');
  for (char& each : text) each = static_cast<char>(random());
  return text;
}

TEST_F(SealedFile, IsReadAsItWasWritten) {
  for (const char* name : {"1.log", "2.sst"}) {
    // Long enough that no key makes these bytes by chance: three of them would be there in one run of a hundred.
    const std::string end = "the end of what was written";
    const std::vector<std::string> appends{"a", Noise(40'000, 1), "", Noise(200'000, 2), end};
    Write(name, appends);
    std::string whole;
    for (const std::string& each : appends) whole += each;
    EXPECT_EQ(Read(name), whole);
    EXPECT_EQ(SizeOf(name), whole.size());
    EXPECT_EQ(Stored(name).find(end), std::string::npos);
    std::mt19937 random(3);
    for (int i = 0; i < 300; ++i) {
      const std::size_t offset = random() % (whole.size() + 10);
      const std::size_t bytes = random() % 50'000;
      ASSERT_EQ(ReadAt(name, offset, bytes), offset < whole.size() ? whole.substr(offset, bytes) : "");
    }
  }
}

// Made by another implementation: Python's hmac and cryptography 48.
TEST_F(SealedFile, TheExampleOfTheFormatPageIsRead) {
  constexpr std::string_view kExample =
      "535441525345414c01000000610000000000000000000000000000007834e272"
      "abbc5618000102030405060708090a0b0c0d0e0f101112131415161718191a1b"
      "1c1d1e1f33b73ed07842b59e70d63b35414adcd5020000003d1d8349c252dcc9"
      "28b01a5ea06d8897b909485e22aa";
  std::string stored;
  for (std::size_t i = 0; i < kExample.size(); i += 2) {
    stored.push_back(static_cast<char>(std::stoi(std::string(kExample.substr(i, 2)), nullptr, 16)));
  }
  Store("000007.log", stored);
  files_ = std::make_unique<EncryptedFileSystem>(OpenKeys(directory_.path() + "/keys").keys, "log", false,
                                                 refusals_.get());
  EXPECT_EQ(Read("000007.log"), "hi");
  EXPECT_TRUE(refusals_->first().ok()) << refusals_->first().message();
}

TEST_F(SealedFile, TheSameBytesAreNeverStoredAlikeTwice) {
  Write("1.log", {std::string(1'000, 'x'), std::string(1'000, 'x')});
  Write("2.log", {std::string(1'000, 'x'), std::string(1'000, 'x')});
  const std::string one = Stored("1.log").substr(kSealedHeaderBytes + kChunkHeaderBytes);
  const std::string two = Stored("2.log").substr(kSealedHeaderBytes + kChunkHeaderBytes);
  EXPECT_NE(one.substr(0, 16), two.substr(0, 16));
  EXPECT_NE(one.substr(0, 16), one.substr(1'000 + kChunkOverhead, 16));
}

TEST_F(SealedFile, EveryFlippedBitIsRefused) {
  for (const char* name : {"1.log", "2.sst"}) {
    Write(name, {"first append", "second one"});
    const std::string stored = Stored(name);
    for (std::size_t bit = 0; bit < 8 * stored.size(); ++bit) {
      std::string altered = stored;
      altered[bit / 8] = static_cast<char>(altered[bit / 8] ^ (1 << (bit % 8)));
      Store(name, altered);
      Mount();
      ASSERT_EQ(Read(name), "REFUSED") << name << " bit " << bit;
      const Status refusal = refusals_->first();
      ASSERT_NE(std::string(refusal.message()).find(name), std::string::npos) << refusal.message();
      ASSERT_TRUE(bit / 8 < kSealedHeaderBytes || refusal.code() == ErrorCode::kCorruption);
      ASSERT_NE(ReadAt(name, 0, 100), "first appendsecond one") << name << " bit " << bit;
    }
  }
}

// A power cut, or kill -9 in the middle of a write.
TEST_F(SealedFile, ATornEndIsTheEndAtEveryLength) {
  Write("1.log", {"first append", "second one"});
  const std::string stored = Stored("1.log");
  for (std::size_t length = 0; length < stored.size(); ++length) {
    Store("1.log", stored.substr(0, length));
    const std::size_t first = kSealedHeaderBytes + 12 + kChunkOverhead;
    ASSERT_EQ(Read("1.log"), length < first ? "" : "first append") << length;
    ASSERT_TRUE(refusals_->first().ok());
  }
}

// The unsynced end of a file after a power cut: sectors that were not written are zero,
// others behind them may be there.
TEST_F(SealedFile, AHoleIsTheEnd) {
  const std::string first = Noise(3'000, 1);
  Write("1.log", {first, Noise(3'000, 2), Noise(3'000, 3)});
  const std::string stored = Stored("1.log");
  const std::size_t second = kSealedHeaderBytes + 3'000 + kChunkOverhead;
  for (std::size_t sector = (second + 511) / 512; (sector + 1) * 512 < second + 3'000; ++sector) {
    std::string holed = stored;
    std::fill_n(holed.begin() + static_cast<std::ptrdiff_t>(512 * sector), 512, '\0');
    Store("1.log", holed);
    ASSERT_EQ(Read("1.log"), first) << sector;
  }
  // A page that was written when only the first append was in it.
  std::string holed = stored;
  std::fill(holed.begin() + static_cast<std::ptrdiff_t>(second), holed.end(), '\0');
  Store("1.log", holed);
  EXPECT_EQ(Read("1.log"), first);
  EXPECT_TRUE(refusals_->first().ok());
}

TEST_F(SealedFile, ChunksCannotChangePlaces) {
  Write("1.log", {"first", "later"});
  const std::string stored = Stored("1.log");
  const std::size_t chunk = 5 + kChunkOverhead;
  Store("1.log", stored.substr(0, kSealedHeaderBytes) + stored.substr(kSealedHeaderBytes + chunk, chunk) +
                     stored.substr(kSealedHeaderBytes, chunk));
  EXPECT_EQ(Read("1.log"), "REFUSED");
}

TEST_F(SealedFile, AWriteAheadLogCannotStandInForAnother) {
  Write("1.log", {"old"});
  Store("2.log", Stored("1.log"));
  EXPECT_EQ(Read("2.log"), "REFUSED");
  EXPECT_EQ(refusals_->first().code(), ErrorCode::kCorruption);
}

TEST_F(SealedFile, APlainFileIsRefused) {
  Store("CURRENT", "MANIFEST-000001\n");
  EXPECT_EQ(Read("CURRENT"), "REFUSED");
  EXPECT_EQ(refusals_->first().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(std::string(refusals_->first().message()).find("--accept-plain-files"), std::string::npos);
}

}  // namespace
}  // namespace starling::cloud
