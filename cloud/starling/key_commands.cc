// starling keys init, rotate, show, drop.

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cloud/starling/subcommand.h"
#include "cloud/store/encryption.h"
#include "cloud/store/key_file.h"
#include "cloud/store/key_ring.h"

namespace starling::cloud {
namespace {

struct Arguments {
  std::string file;
  std::string id;
  std::string data;
};

// Of the log and the state store in `data`.
Result<KeyUse> ReadUse(const std::string& data) {
  Result<KeyUse> use = ReadKeyUse(data);
  if (!use.ok()) return use;
  const std::string state = data + "/state";
  std::error_code none;
  if (!std::filesystem::is_directory(state, none)) return use;
  const Result<KeyUse> more = ReadKeyUse(state);
  if (!more.ok()) return more;
  KeyUse sum = use.value();
  sum.files_plain += more.value().files_plain;
  for (const auto& [id, files] : more.value().files) sum.files[id] += files;
  return sum;
}

int Init(const Arguments& arguments) {
  const std::string id = arguments.id.empty() ? NextKeyId({}) : arguments.id;
  if (const Status status = InitKeyFile(arguments.file, id); !status.ok()) return Fail(status);
  std::printf("%s: key %s\nkeep a copy elsewhere: without it nothing can be read\n", arguments.file.c_str(), id.c_str());
  return 0;
}

int Rotate(const Arguments& arguments) {
  const Result<std::shared_ptr<KeyRing>> ring = KeyRing::Open(arguments.file);
  if (!ring.ok()) return Fail(ring.status());
  const std::string id = arguments.id.empty() ? NextKeyId(ring.value()->ids()) : arguments.id;
  if (const Status status = AddKey(arguments.file, id); !status.ok()) return Fail(status);
  std::printf("%s: new files take key %s once starling-cloud has had SIGHUP; when starling keys show\n"
              "counts no file under an older one, drop that with: starling keys drop %s ID --data DIR\n",
              arguments.file.c_str(), id.c_str(), arguments.file.c_str());
  return 0;
}

int Show(const Arguments& arguments) {
  const Result<std::shared_ptr<KeyRing>> ring = KeyRing::Open(arguments.file);
  if (!ring.ok()) return Fail(ring.status());
  Result<KeyUse> use = KeyUse();
  if (!arguments.data.empty()) use = ReadUse(arguments.data);
  if (!use.ok()) return Fail(use.status());
  const std::string current = ring.value()->current().id;
  std::map<std::string, std::uint64_t> rest = use.value().files;
  for (const std::string& id : ring.value()->ids()) {
    std::printf("%-16s %s", id.c_str(), id == current ? "new files" : "older    ");
    if (!arguments.data.empty()) {
      std::printf("  %llu files", static_cast<unsigned long long>(rest[id]));
      if (id != current && rest[id] == 0) std::printf(", can be dropped");
    }
    std::printf("\n");
    rest.erase(id);
  }
  for (const auto& [id, files] : rest) {
    std::printf("%-16s missing    %llu files\n", id.c_str(), static_cast<unsigned long long>(files));
  }
  if (!arguments.data.empty()) {
    std::printf("%-16s            %llu files\n", "(plain)", static_cast<unsigned long long>(use.value().files_plain));
  }
  return 0;
}

int Drop(const Arguments& arguments) {
  const Result<KeyUse> use = ReadUse(arguments.data);
  if (!use.ok()) return Fail(use.status());
  if (const auto found = use.value().files.find(arguments.id); found != use.value().files.end()) {
    return Fail({ErrorCode::kInvalidArgument, std::to_string(found->second) + " files of " + arguments.data +
                                                  " are still under key " + arguments.id +
                                                  "; a starling-cloud that has had SIGHUP rewrites them"});
  }
  if (const Status status = DropKey(arguments.file, arguments.id); !status.ok()) return Fail(status);
  std::printf("%s: key %s is gone\n", arguments.file.c_str(), arguments.id.c_str());
  return 0;
}

}  // namespace

void AddKeyCommands(CLI::App* program, std::vector<Subcommand>* commands) {
  const auto arguments = std::make_shared<Arguments>();
  Arguments* const a = arguments.get();
  CLI::App* const keys = program->add_subcommand("keys", "Keys that starling-cloud encrypts its files with");
  keys->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, int (*run)(const Arguments&)) {
    CLI::App* const command = keys->add_subcommand(name, help);
    command->add_option("FILE", a->file, "the key file, as for starling-cloud --key-file")->required();
    commands->push_back({command, [arguments, run] { return run(*arguments); }});
    return command;
  };
  CLI::App* const init = add("init", "Make a key file with one new key", Init);
  CLI::App* const rotate = add("rotate", "Put a new key first; older ones stay, to read", Rotate);
  for (CLI::App* const command : {init, rotate}) {
    command->add_option("--id", a->id, "its name: 1 to 16 of [A-Za-z0-9._-] [key1, key2, ...]");
  }
  add("show", "Names of the keys, and how many files are under each", Show)
      ->add_option("--data", a->data, "folder of starling-cloud --data: counts its files");
  CLI::App* const drop = add("drop", "Remove a key that no file is under", Drop);
  drop->add_option("ID", a->id, "the key")->required();
  drop->add_option("--data", a->data, "folder of starling-cloud --data: refuses while a file needs the key")->required();
}

}  // namespace starling::cloud
