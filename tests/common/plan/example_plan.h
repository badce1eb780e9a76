// A plan with something of everything, for tests.
#pragma once

#include "common/plan/plan.h"

namespace starling {

inline Plan ExamplePlan(std::uint64_t version = 12) {
  using wire::PlanOpCode;
  using wire::PlanSignal;
  Plan plan;
  plan.name = "winter-brakes";
  plan.version = version;
  plan.priority = wire::PlanPriority::Urgent;
  plan.link_share_percent = 50;
  plan.position_error_m = 0.5;
  plan.heading_error_deg = 5;
  plan.speed_error_mps = 0.75;
  plan.heartbeat = milliseconds(2000);
  plan.signals = {{PlanSignal::Accuracy, wire::PlanLane::History, 10},
                  {PlanSignal::YawRate, wire::PlanLane::Windows, 1}};
  plan.windows = {{PlanSignal::YawRate, milliseconds(10'000), static_cast<std::uint8_t>(wire::PlanAggregate::ANY), 0.3}};
  plan.geofences = {{"depot", {{481'401'000, 115'602'000}, {481'401'000, 115'634'000}, {481'422'000, 115'618'000}}}};
  plan.triggers = {
      {"hard-brake",
       {{PlanOpCode::Greater, static_cast<std::uint8_t>(PlanSignal::Brake), 4}},
       milliseconds(200), milliseconds(5000), milliseconds(3000), milliseconds(0)},
      {"at-depot",
       {{PlanOpCode::Entered, 0, 0}, {PlanOpCode::CommandReceived, 0, 0}, {PlanOpCode::Or, 0, 0}},
       milliseconds(0), milliseconds(0), milliseconds(10'000), milliseconds(60'000)}};
  return plan;
}

}  // namespace starling
