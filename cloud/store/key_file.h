// The key file as an operator changes it: docs/formats/encryption.md.
#pragma once

#include <string>
#include <vector>

#include "common/status.h"

namespace starling::cloud {

// Each replaces the file as a whole, and has it on disk on return; a new one is readable
// by its owner alone, others keep owner and rights.  A file that KeyRing would refuse is not touched.  One at a time: two at once
// may lose the change of one.

// A new file with one new key.
// Errors: kInvalidArgument if `path` is there already or `id` is no id; kIoError.
Status InitKeyFile(const std::string& path, const std::string& id);

// A new key before the others: new files will take it.
// Errors: those of KeyRing::Open; kInvalidArgument if `id` is no id or there already.
Status AddKey(const std::string& path, const std::string& id);

// Errors: those of KeyRing::Open; kInvalidArgument if `id` is the first one or not there.
Status DropKey(const std::string& path, const std::string& id);

// The first of key1, key2, ... that comes after all of them in `ids`.
std::string NextKeyId(const std::vector<std::string>& ids);

}  // namespace starling::cloud
