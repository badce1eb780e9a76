#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "cloud/tls/server_tls.h"
#include "common/mutex.h"
#include "common/status.h"
#include "common/tls/tls_context.h"

namespace starling::cloud {

struct CertificateFigures {
  std::uint64_t reloads = 0;           // changes that were taken over, whole or in part
  std::uint64_t reloads_refused = 0;   // changes of which at least a part was not
  CloudTime server_expires;
  CloudTime authority_expires;         // the first one
  std::size_t revoked = 0;             // entries of the revocation list
  std::uint64_t crl_number = 0;
  std::optional<CloudTime> crl_next_update;
};

// Keeps what a server shows and believes as its folder says: looks at the files several
// times a second, and takes over what has changed once it has stopped changing.  What
// is broken is named and left out, and what was in force before stays so.
//
// Threading: Start and Stop from one thread; the rest is thread-safe.
class CertificateWatch {
 public:
  using Say = std::function<void(const std::string&)>;

  // A change has to be this old; so it is in force after twice this time.
  static constexpr milliseconds kInterval{250};

  // `say` gets a line for people, on the watch's thread or on Start's.
  CertificateWatch(CertificateFolder folder, Say say);
  ~CertificateWatch();

  // Reads everything.  `on_change` is called on the watch's thread whenever current()
  // is another one.
  //
  // Errors: as ServerTls::Load.
  Status Start(std::function<void()> on_change);
  void Stop();

  // Reads everything again, soon, whether it changed or not.
  void Reload();

  // REQUIRES: Start was ok.
  std::shared_ptr<const ServerTls> current() const;
  CertificateFigures figures() const;

 private:
  struct FileState {
    std::int64_t changed_ns = 0;       // 0: not there
    std::int64_t bytes = 0;
    std::uint64_t inode = 0;
    friend bool operator==(const FileState&, const FileState&) = default;
  };
  using FolderState = std::array<FileState, 6>;

  FolderState Look() const;
  void Loop();
  void TakeOver();
  void WarnOfExpiry(const ServerTls& tls);
  void WarnOfOverdueList(const ServerTls& tls);

  const CertificateFolder folder_;
  const Say say_;
  std::function<void()> on_change_;

  // The watch's thread's own, once it runs.
  FolderState taken_{};                // as of the last time that it was read
  FolderState seen_{};                 // at the last look
  bool overdue_said_ = false;

  mutable Mutex mutex_;
  std::shared_ptr<const ServerTls> current_ STARLING_GUARDED_BY(mutex_);
  std::uint64_t reloads_ STARLING_GUARDED_BY(mutex_) = 0;
  std::uint64_t reloads_refused_ STARLING_GUARDED_BY(mutex_) = 0;

  int wake_ = -1;                      // an eventfd: ends the pause
  std::atomic<bool> stop_{false};      // stored by Stop, loaded after the wake-up
  std::atomic<bool> asked_{false};     // stored by Reload, taken by the watch's thread
  std::thread thread_;
};

}  // namespace starling::cloud
