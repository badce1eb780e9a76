#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "schemas/cloud_to_edge/downlink_generated.h"
#include "schemas/log/dead_letter_generated.h"

namespace starling::cloud {

// What became of one message: exactly one verdict, and what to tell the vehicle.
struct Judgement {
  log::Verdict verdict = log::Verdict::Accepted;
  wire::NoticeCode notice = wire::NoticeCode::None;
  std::uint32_t retry_after_ms = 0;
  std::string detail;  // For a person; empty where accepted.

  bool accepted() const { return verdict == log::Verdict::Accepted; }
};

inline Judgement Refuse(log::Verdict verdict, wire::NoticeCode notice, std::string detail,
                        std::uint32_t retry_after_ms = 0) {
  return {verdict, notice, retry_after_ms, std::move(detail)};
}

}  // namespace starling::cloud
