#pragma once

#include <array>
#include <optional>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cloud/gateway/gateway_thread.h"
#include "cloud/gateway/judgement.h"
#include "cloud/gateway/tls_connection.h"
#include "common/frame/frame_reader.h"

namespace starling::cloud {

// One vehicle's connection: who it is, what it says, and one verdict for each thing
// that it says.
//
// Threading: lives on its GatewayThread.
class VehicleConnection final : public TlsConnection {
 public:
  // `thread` must outlive the connection.
  VehicleConnection(boost::asio::ip::tcp::socket socket, AddressTable::Place address, GatewayThread* thread);

  void AwaitFirstMove();

  // Call once, when the TLS hello is there.
  void BeginHandshake(SSL_CTX* tls);
  bool shaking() const { return stage_ == Stage::kShaking; }
  // A handshake that has had its slot for too long goes on without one; false if not yet.
  // REQUIRES: shaking()
  bool ParkIfStalled(std::chrono::steady_clock::time_point now);

  void SendCommand(std::span<const std::byte> wire_command);
  void SendAck(const GatewayThread::Ack& ack);
  void SendDraining();

  // Closes if the TLS hello, the handshake's end, Hello, the next frame or the rest of one
  // has been awaited too long.  Not while it waits for others' handshakes: that is our doing.
  // True if the vehicle was given its next ticket.
  bool SendTicketIfDue();
  void CheckTimeouts(std::chrono::steady_clock::time_point now);

  // Sends the plan that is wanted on the vehicle, if that is newer than what it has.
  void PushPlan();

  // Closes if the vehicle's certificate is revoked.
  void CutIfRevoked(const ServerTls& tls);

  // A newer connection of the same vehicle is there.
  void Replace();

  std::size_t place = 0;        // in the thread's list; the thread's own

 private:
  static constexpr std::size_t kNoticeCodes = static_cast<std::size_t>(wire::NoticeCode::MAX) + 1;

  // How far it has come.
  enum class Stage { kSilent, kQueued, kShaking, kParked, kIdentified, kWelcomed };

  void OnClientHello() override;
  void OnEstablished(const SSL* ssl) override;
  void OnBytes(std::span<const std::byte> bytes) override;
  void OnClosed(const std::string& why) override;

  void LeaveHalfOpen();
  void TakeBytes(std::span<const std::byte> bytes);
  // Takes the whole frames of `stream` and returns how many bytes they were.
  std::size_t TakeFrames(std::span<const std::byte> stream);
  void TakeFrame(const FrameView& frame);
  Judgement Judge(const FrameView& frame);
  Judgement JudgeRate(const FrameView& frame);
  Judgement OnHello(std::span<const std::byte> payload);
  Judgement OnLive(std::span<const std::byte> payload);
  Judgement OnHistory(std::span<const std::byte> payload);
  Judgement OnReport(std::span<const std::byte> payload);
  Judgement OnPlanReport(std::span<const std::byte> payload);
  Judgement OnProbe(std::span<const std::byte> payload);
  Judgement OnClock(std::span<const std::byte> payload);

  // Counts the verdict; if it is a refusal, tells those who should know.
  void Conclude(const Judgement& judgement, std::uint8_t frame_type, std::span<const std::byte> payload);
  void SendNotice(const Judgement& judgement);
  void Send(std::span<const std::byte> frame, Priority priority);
  // Says in each region that the vehicle is in reach of, or that commanded it, that the
  // connection began or ended.  False if the log had no room.
  bool AppendSession(bool connected);
  Judgement AppendFix(const wire::Live& live, CloudTime sample_time);
  // To the region that each status is for.  False if the log had no room for all.
  bool AppendReport(BootId boot, const std::vector<wire::CommandStatus>& statuses, Ticket* ticket);
  bool Append(Topic topic, RegionId partition, std::span<const std::byte> value, Ticket* ticket);
  FrameClass ClassOfFrame(FrameType type) const;
  // Times what a command took whose status has come.  `offset`: cloud time - boot time.
  void TimeDelivery(const wire::CommandStatus& status, nanoseconds offset);
  void CountWireBytes();

  GatewayThread* const thread_;
  const AddressTable::Place address_;
  std::optional<GatewayThread::HalfOpen::iterator> half_open_;  // while silent or parked
  std::shared_ptr<VehicleRecord> record_;   // null until established
  RecordBuilder::Vehicle vehicle_;          // boot 0 until Hello
  CloudTime received_;                      // when the bytes at hand were read
  std::uint64_t acked_through_ = 0;         // as Welcome said
  bool ticket_due_ = false;                 // its session was resumed with the last one
  bool session_pending_ = false;            // its first fix tells which regions to tell
  std::uint64_t plan_version_ = 0;          // the newest that it has, or was sent here
  CloudTime commanded_{};                   // when the last command was sent
  std::uint64_t wire_read_ = 0;             // already counted
  std::uint64_t wire_written_ = 0;
  std::vector<std::byte> carry_;            // an incomplete frame
  std::chrono::steady_clock::time_point carry_since_;  // its first bytes came
  Stage stage_ = Stage::kSilent;
  std::chrono::steady_clock::time_point active_;  // the stage's begin, or last bytes

  // Refused frames since the window began.
  CloudTime refused_since_;
  int refused_ = 0;
  std::array<CloudTime, kNoticeCodes> noticed_{};  // last time of each code
};

}  // namespace starling::cloud
