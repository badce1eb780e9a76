#include "cloud/gateway/plan_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include "common/durable_file.h"

namespace starling::cloud {
namespace {

namespace fs = std::filesystem;

Status IoError(const fs::path& path) {
  return Status(ErrorCode::kIoError, path.string() + ": " + std::strerror(errno));
}

Result<CompiledPlan> ReadPlanFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  // One byte more than a plan may have, and it is refused as too long.
  std::vector<char> text(PlanLimits::kBytesMax + 1);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) return IoError(path);
  Result<CompiledPlan> plan =
      ReadCompiledPlan(std::as_bytes(std::span(text)).first(static_cast<std::size_t>(file.gcount())));
  if (!plan.ok()) return Status(plan.status().code(), path.string() + ": " + std::string(plan.status().message()));
  return plan;
}

// One push at a time: two would each find what is there older.
class FolderLock {
 public:
  explicit FolderLock(const fs::path& folder) : folder_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    locked_ = folder_ >= 0 && ::flock(folder_, LOCK_EX) == 0;
  }
  ~FolderLock() {
    if (folder_ >= 0) ::close(folder_);
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

  bool locked() const { return locked_; }

 private:
  const int folder_;
  bool locked_ = false;
};

fs::path FileFor(const fs::path& folder, const std::optional<VehicleId>& vehicle) {
  return vehicle ? folder / "vehicles" / (vehicle->ToString() + ".plan") : folder / "all.plan";
}

Status NotNewer(const CompiledPlan& plan, const CompiledPlan& there, const std::string& whose) {
  return Status(ErrorCode::kInvalidArgument, "version " + std::to_string(plan.plan.version) + " is not newer than " +
                                                 std::to_string(there.plan.version) + " of " + there.plan.name +
                                                 ", which is there for " + whose + "; a plan is never rolled back");
}

}  // namespace

std::shared_ptr<const CompiledPlan> WantedPlans::For(const VehicleId& vehicle) const {
  const auto own = vehicles.find(vehicle);
  if (own == vehicles.end()) return all;
  return all != nullptr && all->plan.version > own->second->plan.version ? all : own->second;
}

WantedPlans ReadPlanFolder(const fs::path& folder, std::vector<std::string>* warnings) {
  WantedPlans wanted;
  const auto read = [&](const fs::path& path) -> std::shared_ptr<const CompiledPlan> {
    Result<CompiledPlan> plan = ReadPlanFile(path);
    if (plan.ok()) return std::make_shared<const CompiledPlan>(std::move(plan).value());
    warnings->push_back(std::string(plan.status().message()));
    return nullptr;
  };
  std::error_code failure;
  if (fs::exists(folder / "all.plan", failure)) wanted.all = read(folder / "all.plan");
  for (fs::directory_iterator each(folder / "vehicles", failure), end; !failure && each != end; each.increment(failure)) {
    if (each->path().extension() != ".plan") continue;
    const Result<VehicleId> vehicle = VehicleId::Parse(each->path().stem().string());
    if (!vehicle.ok()) {
      warnings->push_back(each->path().string() + " is not named after a vehicle");
    } else if (std::shared_ptr<const CompiledPlan> plan = read(each->path())) {
      wanted.vehicles.emplace(vehicle.value(), std::move(plan));
    }
  }
  return wanted;
}

Status PushPlan(const fs::path& folder, const CompiledPlan& plan, const std::optional<VehicleId>& vehicle) {
  for (const fs::path& each : {folder, folder / "vehicles", folder / "known"}) {
    std::error_code failure;
    fs::create_directories(each, failure);
    if (failure) return Status(ErrorCode::kIoError, each.string() + ": " + failure.message());
  }
  const FolderLock lock(folder);
  if (!lock.locked()) return IoError(folder);
  std::vector<std::string> warnings;
  const WantedPlans wanted = ReadPlanFolder(folder, &warnings);
  // What cannot be read may be newer.
  if (!warnings.empty()) return Status(ErrorCode::kIoError, warnings.front());
  const std::uint64_t version = plan.plan.version;
  if (wanted.all != nullptr && version <= wanted.all->plan.version) return NotNewer(plan, *wanted.all, "all vehicles");
  for (const auto& [name, own] : wanted.vehicles) {
    if ((!vehicle || *vehicle == name) && version <= own->plan.version) return NotNewer(plan, *own, name.ToString());
  }
  const fs::path known = folder / "known" / (ToHex(plan.hash) + ".plan");
  if (Status status = ReplaceFile(known, plan.bytes); !status.ok()) return status;
  return ReplaceFile(FileFor(folder, vehicle), plan.bytes);
}

Result<CompiledPlan> FindKnownPlan(const fs::path& folder, PlanHash hash) {
  const fs::path path = folder / "known" / (ToHex(hash) + ".plan");
  std::error_code failure;
  if (!fs::exists(path, failure)) {
    return Status(ErrorCode::kInvalidArgument, "no plan of hash " + ToHex(hash) + " in " + folder.string());
  }
  return ReadPlanFile(path);
}

}  // namespace starling::cloud
