#pragma once

#include <memory>
#include <string>

#include <rocksdb/env.h>

namespace starling::cloud {

// What RocksDB writes for people, into DIRECTORY/LOG; the former one becomes LOG.old.
//
// Its own logger writes as it writes data, and there a second write behind one that failed is
// an assertion, in Debian's build too: a full disk ended the process, with a line that
// named a header of RocksDB's and no disk.  This one leaves out what the disk does not take.
//
// The directory has to be there; where the file cannot be made nothing is written.
std::shared_ptr<rocksdb::Logger> MakeInfoLog(const std::string& directory);

}  // namespace starling::cloud
