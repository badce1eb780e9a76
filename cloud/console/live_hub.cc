#include "cloud/console/live_hub.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <boost/beast/core/bind_handler.hpp>

#include "cloud/console/documents.h"

namespace starling::cloud {
namespace {

namespace beast = boost::beast;

Answer Refusal(unsigned status, std::string_view message) {
  return {status, "application/json", ErrorDocument(message)};
}

// One of a comma-separated list.
bool Lists(std::string_view list, std::string_view wanted) {
  while (!list.empty()) {
    std::string_view item = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), item.size() + 1));
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
    if (item == wanted) return true;
  }
  return false;
}

// A page of another site may open a connection to here in the name of whoever looks at it.  It cannot forge this.
bool IsOwnPage(std::string_view origin, std::string_view host) {
  const std::size_t scheme = origin.find("://");
  return scheme != std::string_view::npos && origin.substr(scheme + 3) == host;
}

}  // namespace

LiveHub::LiveHub(boost::asio::io_context* context, const LiveConfig& config, ConsoleSource* source)
    : config_(config), collector_(config, source), timer_(*context) {}

LiveHub::~LiveHub() {
  for (LiveSession* session : std::exchange(sessions_, {})) session->Orphan();
}

std::optional<Answer> LiveHub::Refuse(const LiveRequest& request) const {
  if (!request.upgrades) return Refusal(426, "/v1/live speaks WebSocket: docs/formats/live.md");
  if (!Lists(request.protocols, kLiveProtocol)) {
    return Refusal(400, "the protocol here is " + std::string(kLiveProtocol));
  }
  if (!request.origin.empty() && !IsOwnPage(request.origin, request.host)) {
    return Refusal(403, "a page of another site may not look");
  }
  if (closed_ || sessions_.size() >= config_.viewers_max) {
    return Refusal(503, std::to_string(config_.viewers_max) + " viewers are here already");
  }
  return std::nullopt;
}

void LiveHub::Close() {
  closed_ = true;
  timer_.cancel();
  for (LiveSession* session : sessions_) session->Cut();
}

void LiveHub::Join(LiveSession* session) {
  sessions_.insert(session);
  if (!scheduled_) Schedule();
}

void LiveHub::Schedule() {
  scheduled_ = true;
  timer_.expires_after(LiveCollector::kStep);
  timer_.async_wait(beast::bind_front_handler(&LiveHub::OnStep, this));
}

void LiveHub::OnStep(const boost::system::error_code& failure) {
  scheduled_ = false;
  if (failure || closed_ || sessions_.empty()) return;
  std::vector<VehicleId> watched;
  for (const LiveSession* session : sessions_) {
    if (const VehicleId selected = session->selected(); !selected.empty()) watched.push_back(selected);
  }
  std::sort(watched.begin(), watched.end());
  watched.erase(std::unique(watched.begin(), watched.end()), watched.end());
  if (collector_.Step(CloudNow(), watched)) {
    for (LiveSession* session : sessions_) {
      if (session->MayStay()) {
        session->Tell(collector_.picture());
      } else {
        session->Cut();
      }
    }
  }
  Schedule();
}

}  // namespace starling::cloud
