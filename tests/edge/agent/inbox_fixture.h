// An inbox with the verbs that its tests speak.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "edge/inbox/inbox.h"
#include "tests/edge/agent/link.h"

namespace starling::edge {

class InboxTest : public ::testing::Test {
 protected:
  void Accept(const CommandSpec& spec) {
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(spec.Build(builder));
    inbox_->Accept(*flatbuffers::GetRoot<wire::Command>(builder.GetBufferPointer()), now_);
  }
  // Its id, or 0 if nothing is to be handed over.
  std::uint64_t Take() {
    const auto action = inbox_->Take(now_);
    return action ? ToNumber(action->command) : 0;
  }
  // All statuses that are due, as they are sent.
  std::vector<wire::CommandStatus> Reports() { return inbox_->NextReports(1000); }
  // The one that is due.
  wire::CommandStatus Report() {
    const auto reports = Reports();
    EXPECT_EQ(reports.size(), 1u);
    return reports.empty() ? wire::CommandStatus() : reports.back();
  }
  void ExpectRejected(const CommandSpec& spec, wire::RejectReason reason) {
    Accept(spec);
    EXPECT_EQ(Take(), 0u);
    const auto status = Report();
    EXPECT_EQ(status.outcome(), wire::CommandOutcome::Rejected);
    EXPECT_EQ(status.reason(), reason) << wire::EnumNameRejectReason(status.reason());
    EXPECT_EQ(status.command_id(), spec.id);
  }
  static CommandSpec Spec(std::uint64_t id, std::uint64_t sequence, std::uint64_t episode) {
    CommandSpec spec;
    spec.id = id;
    spec.sequence = sequence;
    spec.episode = episode;
    return spec;
  }

  std::optional<Inbox> inbox_{std::in_place, InboxConfig(), kBoot};
  BootTime now_ = AtMs(1000);
};

}  // namespace starling::edge
