#include "sim/chaos/stored_data.h"

#include <limits>
#include <utility>

#include "cloud/store/byte_order.h"
#include "cloud/store/rocks_state_store.h"

namespace starling::sim {

using cloud::Offset;
using cloud::Partition;
using cloud::Topic;

Result<std::unique_ptr<StoredData>> StoredData::Open(const std::string& folder,
                                                     const std::vector<Partition>& regions) {
  std::unique_ptr<StoredData> data(new StoredData());
  data->regions_ = regions;
  cloud::EmbeddedLogConfig config;
  config.directory = folder;
  Result<std::unique_ptr<cloud::EmbeddedLog>> log = cloud::EmbeddedLog::Open(config);
  if (!log.ok()) return log.status();
  data->log_ = std::move(log).value();
  for (const Partition region : regions) {
    if (Status status = data->ReadProgress(region); !status.ok()) return status;
  }
  if (Status status = data->ReadStates(folder); !status.ok()) return status;
  return data;
}

Status StoredData::ReadProgress(Partition region) {
  // Without a marker everything that was read must have been worked on.
  Offset committed{std::numeric_limits<std::uint64_t>::max()};
  bool readable = true;
  const Status status = log_->Read(Topic::kProgress, region, Offset{0}, [&](const cloud::LogRecord& record) {
    readable = record.value.size() == sizeof(std::uint64_t);
    if (readable) committed = Offset{cloud::LoadLittleEndian<std::uint64_t>(record.value.data())};
    return readable;
  });
  committed_.push_back(committed);
  if (!status.ok() || readable) return status;
  return {ErrorCode::kCorruption, "topic progress holds a record that is no marker"};
}

Status StoredData::ReadStates(const std::string& folder) {
  cloud::RocksStateStoreConfig config;
  config.directory = folder + "/state";
  const Result<std::unique_ptr<cloud::RocksStateStore>> store = cloud::RocksStateStore::Open(config);
  if (!store.ok()) return store.status();
  for (const Partition region : regions_) {
    StoredState state;
    state.region = region;
    const auto next = store.value()->Load(
        Topic::kTelemetry, region, [&](std::span<const std::byte> key, std::span<const std::byte> value) {
          state.entries.emplace_back(std::vector<std::byte>(key.begin(), key.end()),
                                     std::vector<std::byte>(value.begin(), value.end()));
          return Status();
        });
    if (!next.ok()) return next.status();
    if (!next.value()) continue;
    state.next = *next.value();
    states_.push_back(std::move(state));
  }
  return {};
}

void StoredData::AddTo(Evidence* evidence) const {
  evidence->log = log_.get();
  evidence->regions = regions_;
  evidence->committed = committed_;
  evidence->states = states_;
}

}  // namespace starling::sim
