#include "sim/virtual/virtual_cloud.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "cloud/gateway/payload_check.h"
#include "common/frame/frame_reader.h"
#include "schemas/log/telemetry_generated.h"

namespace starling::sim {
namespace {

constexpr milliseconds kTickEvery{100};

}  // namespace

VirtualCloud::VirtualCloud(const cloud::ShardConfig& shard, const cloud::GatewayConfig& gateway,
                           nanoseconds durable_after, Deliver deliver, Tap tap)
    : config_(gateway),
      frame_(gateway.origin),
      durable_after_(durable_after),
      deliver_(std::move(deliver)),
      tap_(std::move(tap)),
      shard_(shard, gateway.region, gateway.origin),
      records_(gateway.region),
      downlink_(&codec_) {}

void VirtualCloud::Append(std::span<const std::byte> value, CloudTime now) {
  time_ = std::max(time_, now);
  aligned_.assign((value.size() + 7) / 8, 0);
  std::memcpy(aligned_.data(), value.data(), value.size());
  outputs_.Clear();
  shard_.Apply({cloud::Offset{offset_++}, time_, {}, std::as_bytes(std::span(aligned_)).first(value.size())},
               &outputs_);
  if (watch_ && !(outputs_.commands.empty() && outputs_.records.empty())) watch_(outputs_, time_);
  // Apply is not entered again from here: a command's frame goes out at once.
  for (cloud::ShardOutputs::Command& command : outputs_.commands) {
    const auto found = vehicles_.find(command.vehicle);
    if (found == vehicles_.end() || !connections_[found->second].greeted) continue;
    auto* const wire = flatbuffers::GetMutableRoot<wire::Command>(command.wire_command.data());
    wire->mutate_emitted_time_ns(ToNs(now));
    Send(found->second, downlink_.Command(command.wire_command), now);
  }
}

void VirtualCloud::AppendOwned(bool ownership, CloudTime now) {
  flatbuffers::FlatBufferBuilder builder;
  const auto owner = builder.CreateString("virtual");
  const auto type = ownership ? log::TelemetryBody::Ownership : log::TelemetryBody::Tick;
  const auto body = ownership ? log::CreateOwnership(builder, owner).Union()
                              : log::CreateTick(builder, owner, ToNumber(shard_.epoch())).Union();
  builder.Finish(log::CreateTelemetry(builder, ToNumber(config_.region), type, body));
  Append(std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize())), now);
}

void VirtualCloud::Send(std::size_t vehicle, std::span<const std::byte> frame, CloudTime now) {
  if (!connections_[vehicle].open || frame.empty()) return;
  if (tap_) {
    const Result<std::optional<FrameView>> view = ParseFrame(frame);
    if (view.ok() && view.value()) {
      if (const auto payload = tap_codec_.Decode(*view.value()); payload.ok()) {
        tap_(view.value()->type, payload.value());
      }
    }
  }
  deliver_(vehicle, frame, now);
}

void VirtualCloud::Connect(std::size_t vehicle, const VehicleId& id, CloudTime now) {
  if (connections_.size() <= vehicle) connections_.resize(vehicle + 1);
  if (connections_[vehicle].open) Disconnect(vehicle, now);
  Connection& connection = connections_[vehicle];
  vehicles_[id] = vehicle;
  connection.vehicle = {id, BootId{}, 0, 0};
  connection.carry.clear();
  ++connection.round;
  connection.open = true;
  connection.greeted = false;
}

void VirtualCloud::Disconnect(std::size_t vehicle, CloudTime now) {
  Connection& connection = connections_[vehicle];
  if (!connection.open) return;
  connection.open = false;
  if (std::exchange(connection.greeted, false)) {
    Append(records_.Session(connection.vehicle, false, 0), now);
  }
}

Status VirtualCloud::OnBytes(std::size_t vehicle, std::span<const std::byte> bytes, CloudTime now) {
  std::vector<std::byte>& carry = connections_[vehicle].carry;
  carry.insert(carry.end(), bytes.begin(), bytes.end());
  std::size_t taken = 0;
  while (taken < carry.size()) {
    const Result<std::optional<FrameView>> parsed = ParseFrame(std::span(carry).subspan(taken));
    if (!parsed.ok()) return parsed.status();
    if (!parsed.value()) break;
    TakeFrame(vehicle, *parsed.value(), now);
    taken += parsed.value()->bytes;
  }
  carry.erase(carry.begin(), carry.begin() + static_cast<std::ptrdiff_t>(taken));
  return Status();
}

void VirtualCloud::TakeFrame(std::size_t vehicle, const FrameView& frame, CloudTime now) {
  const auto payload = codec_.Decode(frame);
  if (!payload.ok()) {
    ++refused_;
    return;
  }
  // A copy: making an answer uses the codec's memory anew.
  std::vector<std::uint64_t> copy((payload.value().size() + 7) / 8);
  std::memcpy(copy.data(), payload.value().data(), payload.value().size());
  const auto bytes = std::as_bytes(std::span(copy)).first(payload.value().size());
  if (tap_) tap_(frame.type, bytes);
  Connection& connection = connections_[vehicle];
  if (!connection.greeted && frame.type != FrameType::kHello) {
    ++refused_;
    return;
  }
  switch (frame.type) {
    case FrameType::kHello: return OnHello(vehicle, bytes, now);
    case FrameType::kLive: return OnLive(vehicle, bytes, now);
    case FrameType::kHistory: return OnHistory(vehicle, bytes, now);
    case FrameType::kCommandReport: return OnReport(vehicle, bytes, now);
    case FrameType::kClockProbe:
      if (const auto* probe = cloud::ReadPayload<wire::ClockProbe>(bytes)) {
        Send(vehicle, downlink_.ClockReply(probe->boot_time_ns(), now, now, milliseconds(0)), now);
      }
      return;
    case FrameType::kClockReport:
      if (const auto* report = cloud::ReadPayload<wire::ClockReport>(bytes)) {
        if (!connection.gate.JudgeClock(config_, *report, now).accepted()) ++refused_;
      }
      return;
    default: ++refused_;
  }
}

void VirtualCloud::OnHello(std::size_t vehicle, std::span<const std::byte> payload, CloudTime now) {
  const auto* hello = cloud::ReadPayload<wire::Hello>(payload);
  if (hello == nullptr || !cloud::CheckHello(*hello).accepted()) {
    ++refused_;
    return;
  }
  Connection& connection = connections_[vehicle];
  connection.vehicle.boot = BootId{hello->boot_id()};
  connection.vehicle.length_cm = hello->length_cm();
  connection.vehicle.width_cm = hello->width_cm();
  connection.gate.OnHello(connection.vehicle.boot);
  connection.greeted = true;
  const std::uint64_t through =
      ledger_.DurableThrough(connection.vehicle.id, connection.vehicle.boot, cloud::Ticket{ticket_});
  Append(records_.Session(connection.vehicle, true, through), now);
  Send(vehicle, downlink_.Welcome(now, config_.region, shard_.epoch(), config_.origin,
                                  connection.vehicle.boot, through, milliseconds(0)), now);
}

void VirtualCloud::OnLive(std::size_t vehicle, std::span<const std::byte> payload, CloudTime now) {
  const auto* live = cloud::ReadPayload<wire::Live>(payload);
  Connection& connection = connections_[vehicle];
  const std::size_t arcs = live == nullptr || live->path() == nullptr ? 0 : live->path()->size();
  if (live == nullptr ||
      !connection.gate.JudgeFix(config_, frame_, *live->fix(), arcs, now).accepted()) {
    ++refused_;
    return;
  }
  Append(records_.Fix(connection.vehicle, *live, connection.gate.sample_time()), now);
}

void VirtualCloud::OnHistory(std::size_t vehicle, std::span<const std::byte> payload, CloudTime now) {
  const auto* history = cloud::ReadPayload<wire::History>(payload);
  if (history == nullptr || !cloud::CheckHistory(*history).accepted()) {
    ++refused_;
    return;
  }
  const Connection& connection = connections_[vehicle];
  const BootId boot{history->boot_id()};
  const cloud::SequenceRange range{history->first_sequence(),
                                   history->first_sequence() + history->count() - 1};
  if (!ledger_.Holds(connection.vehicle.id, boot, range)) {
    ledger_.Record(connection.vehicle.id, boot, range, cloud::Ticket{++ticket_});
  }
  acks_.push_back({now + durable_after_, vehicle, connection.round, false, boot, range.first, range.last});
}

void VirtualCloud::OnReport(std::size_t vehicle, std::span<const std::byte> payload, CloudTime now) {
  const auto* report = cloud::ReadPayload<wire::CommandReport>(payload);
  if (report == nullptr || !cloud::CheckReport(*report).accepted()) {
    ++refused_;
    return;
  }
  Connection& connection = connections_[vehicle];
  const BootId boot{report->boot_id()};
  if (connection.reports_boot != boot) {
    connection.reports_boot = boot;
    connection.reports_through = 0;
  }
  std::vector<wire::CommandStatus> fresh;
  std::uint32_t through = connection.reports_through;
  for (const wire::CommandStatus* status : *report->statuses()) {
    if (status->report_sequence() > connection.reports_through) fresh.push_back(*status);
    through = std::max(through, status->report_sequence());
  }
  connection.reports_through = through;
  const Ack ack{now + durable_after_, vehicle, connection.round, true, boot, 0, through};
  if (!fresh.empty()) Append(records_.Report(connection.vehicle.id, boot, fresh), now);
  acks_.push_back(ack);
}

void VirtualCloud::Advance(CloudTime now) {
  if (offset_ == 0) {
    AppendOwned(true, now);
    next_tick_ = now + kTickEvery;
  }
  for (;;) {
    const CloudTime ack_due = acks_.empty() ? CloudTime::max() : acks_.front().due;
    if (std::min(next_tick_, ack_due) > now) return;
    if (next_tick_ <= ack_due) {
      AppendOwned(false, next_tick_);
      next_tick_ += kTickEvery;
      continue;
    }
    const Ack ack = acks_.front();
    acks_.pop_front();
    // What a connection is owed ends with it; the agent sends again and is told then.
    if (!connections_[ack.vehicle].open || connections_[ack.vehicle].round != ack.round) continue;
    Send(ack.vehicle, ack.is_status
                          ? downlink_.StatusAck(ack.boot, static_cast<std::uint32_t>(ack.through))
                          : downlink_.HistoryAck(ack.boot, ack.first, ack.through, false), ack.due);
  }
}

}  // namespace starling::sim
