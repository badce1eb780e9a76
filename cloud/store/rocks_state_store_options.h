// What the state store asks of RocksDB, and why.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include <rocksdb/env.h>
#include <rocksdb/options.h>

namespace starling::cloud {

// What memtables, block cache and open tables may take together, bytes.  Writes stream
// into files, so a point in time takes none of it, however large it is.
inline constexpr std::size_t kStateStoreMemoryBytesMax = 64ull << 20;

// `compacted_bytes` counts what compactions write; it must outlive the database.
rocksdb::Options MakeStateStoreOptions(rocksdb::Env* env, std::atomic<std::uint64_t>* compacted_bytes);

}  // namespace starling::cloud
