#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "cloud/explain/explanation.h"

namespace starling::cloud {
namespace {

namespace json = boost::json;

json::string_view Text(std::string_view text) { return {text.data(), text.size()}; }

// JSON has no way to write what is not finite.
json::value Number(double value) { return std::isfinite(value) ? json::value(value) : json::value(nullptr); }

// As text: readers that keep numbers as doubles would lose its last bits.
template <typename T>
json::value Id(T number) {
  return json::string(std::to_string(number));
}
json::value IdOrNull(std::uint64_t number) { return number == 0 ? json::value(nullptr) : Id(number); }
json::value TimeOrNull(std::int64_t ns) { return ns == 0 ? json::value(nullptr) : json::value(ns); }

std::string_view NameOf(log::EpisodePhase phase) {
  switch (phase) {
    case log::EpisodePhase::Opened: return "opened";
    case log::EpisodePhase::Updated: return "updated";
    case log::EpisodePhase::Closed: return "closed";
    case log::EpisodePhase::None: break;
  }
  return "none";
}

std::string_view NameOf(log::Encounter encounter) {
  switch (encounter) {
    case log::Encounter::Following: return "following";
    case log::Encounter::Crossing: return "crossing";
    case log::Encounter::Oncoming: return "oncoming";
    case log::Encounter::Unknown: break;
  }
  return "unknown";
}

std::string_view NameOf(wire::RejectReason reason) {
  switch (reason) {
    case wire::RejectReason::StaleEpoch: return "stale_epoch";
    case wire::RejectReason::StaleSequence: return "stale_sequence";
    case wire::RejectReason::OutsideEnvelope: return "outside_envelope";
    case wire::RejectReason::WrongBoot: return "wrong_boot";
    case wire::RejectReason::Malformed: return "malformed";
    case wire::RejectReason::LeaseTooLong: return "lease_too_long";
    case wire::RejectReason::InboxFull: return "inbox_full";
    case wire::RejectReason::None: break;
  }
  return "none";
}

std::string_view NameOf(PlanTrial::What what) {
  switch (what) {
    case PlanTrial::What::kYields: return "yields";
    case PlanTrial::What::kAround: return "around";
    case PlanTrial::What::kThird: return "third";
  }
  return "unknown";
}

json::object Describe(const FoundCommand& found) {
  const CommandFields& fields = found.command.fields;
  const CommandRequest& request = found.command.request;
  json::object command;
  command["id"] = Id(ToNumber(fields.id));
  command["vehicle"] = Text(found.vehicle.view());
  command["kind"] = Text(KindName(request.kind));
  command["region"] = ToNumber(fields.region);
  command["epoch"] = Id(ToNumber(fields.epoch));
  command["sequence"] = Id(fields.sequence);
  command["episode"] = IdOrNull(ToNumber(request.episode));
  command["supersedes"] = IdOrNull(ToNumber(request.supersedes));
  command["by"] = request.issuer.empty() ? json::value(nullptr) : json::value(Text(request.issuer));
  command["reason"] = found.reason.empty() ? json::value(nullptr) : json::value(Text(found.reason));
  const bool release = request.kind == wire::CommandKind::Release;
  command["ceiling_mps"] = release ? json::value(nullptr) : Number(request.profile.ceiling_mps);
  command["decel_mps2"] = release ? json::value(nullptr) : Number(request.profile.decel_mps2);
  if (request.kind == wire::CommandKind::SpeedAdvice) {
    command["cell"] = json::object{{"x", request.cell.x}, {"y", request.cell.y}};
  }
  command["boot_id"] = Id(fields.boot_id);
  command["expires_boot_time_ns"] = Id(fields.expires_boot_time_ns);
  json::object cause;
  const bool tick = request.cause.vehicle.empty();
  cause["kind"] = tick ? "tick" : "sample";
  cause["vehicle"] = tick ? json::value(nullptr) : json::value(Text(request.cause.vehicle.view()));
  cause["boot_id"] = IdOrNull(request.cause.boot_id);
  cause["sequence"] = IdOrNull(request.cause.sequence);
  cause["log_time_ns"] = request.cause.log_time_ns;
  command["cause"] = std::move(cause);
  command["recorded_ns"] = ToNs(found.recorded);
  command["offset"] = ToNumber(found.offset);
  command["mode"] = found.mode == CommandMode::Send ? "send" : found.mode == CommandMode::Shadow ? "shadow" : "stop";
  json::array again;
  for (const CloudTime time : found.again) again.push_back(ToNs(time));
  command["issued_again_ns"] = std::move(again);
  command["ending"] = Text(found.ending());
  command["end"] = nullptr;
  if (found.end) {
    json::object end;
    end["outcome"] = Text(OutcomeName(found.end->outcome));
    end["reason"] = found.end->outcome == wire::CommandOutcome::Rejected ? json::value(Text(NameOf(found.end->reason)))
                                                                        : json::value(nullptr);
    end["boot_id"] = Id(found.end->boot_id);
    end["boot_time_ns"] = IdOrNull(found.end->boot_time_ns);
    end["recorded_ns"] = ToNs(found.end->recorded);
    command["end"] = std::move(end);
  }
  return command;
}

json::object Describe(const SeenSample& sample) {
  json::object entry;
  entry["vehicle"] = Text(sample.vehicle.view());
  entry["causes"] = sample.causes;
  entry["boot_id"] = Id(sample.boot_id);
  entry["sequence"] = Id(sample.sequence);
  entry["sample_time_ns"] = sample.sample_time_ns;
  entry["appended_time_ns"] = TimeOrNull(sample.appended_time_ns);
  entry["log_time_ns"] = sample.log_time_ns;
  entry["offset"] = ToNumber(sample.offset);
  entry["x_m"] = Number(sample.position.x);
  entry["y_m"] = Number(sample.position.y);
  entry["heading_rad"] = Number(sample.heading_rad);
  entry["speed_mps"] = Number(sample.speed_mps);
  entry["accel_mps2"] = Number(sample.accel_mps2);
  entry["accuracy_m"] = Number(sample.accuracy_m);
  entry["planned_arcs"] = sample.arcs;
  return entry;
}

json::value Describe(const std::optional<Encounter>& met) {
  if (!met) return nullptr;
  json::object entry;
  entry["encounter"] = Text(NameOf(met->type));
  entry["contact_s"] = Number(met->contact_s);
  entry["ttc_s"] = Number(met->ttc_s);
  entry["drac_mps2"] = Number(met->drac_mps2);
  entry["required_mps2"] = Number(met->required_mps2);
  entry["pet_s"] = Number(met->pet_s);
  entry["probability"] = Number(met->probability);
  entry["x_m"] = Number(met->point.x);
  entry["y_m"] = Number(met->point.y);
  return entry;
}

json::array Describe(const std::vector<TracePoint>& path) {
  json::array list;
  for (const TracePoint& point : path) {
    list.push_back(json::object{{"after_s", point.after_s},
                                {"x_m", Number(point.position.x)},
                                {"y_m", Number(point.position.y)},
                                {"speed_mps", Number(point.speed_mps)}});
  }
  return list;
}

json::object Describe(const TraceVehicle& vehicle) {
  json::object entry;
  entry["vehicle"] = Text(vehicle.vehicle.view());
  entry["sequence"] = Id(vehicle.sequence);
  entry["sample_time_ns"] = vehicle.sample_time_ns;
  entry["x_m"] = Number(vehicle.position.x);
  entry["y_m"] = Number(vehicle.position.y);
  entry["heading_rad"] = Number(vehicle.heading_rad);
  entry["speed_mps"] = Number(vehicle.speed_mps);
  entry["accel_mps2"] = Number(vehicle.accel_mps2);
  entry["accuracy_m"] = Number(vehicle.accuracy_m);
  entry["planned_arcs"] = vehicle.planned_arcs;
  entry["street_arcs"] = vehicle.street_arcs;
  entry["expected"] = Describe(vehicle.expected);
  entry["told"] = Describe(vehicle.told);
  return entry;
}

json::object Describe(const TracePlan& plan) {
  json::array trials;
  for (const TraceTrial& trial : plan.trials) {
    json::object entry;
    entry["what"] = Text(NameOf(trial.what));
    entry["brakes"] = Text(trial.brakes.view());
    entry["ceiling_mps"] = Number(trial.profile.ceiling_mps);
    entry["decel_mps2"] = Number(trial.profile.decel_mps2);
    entry["resolves"] = trial.what != PlanTrial::What::kThird && !trial.met;
    entry["met"] = Describe(trial.met);
    entry["third"] = trial.third.empty() ? json::value(nullptr) : json::value(Text(trial.third.view()));
    trials.push_back(std::move(entry));
  }
  json::object document;
  document["at_ns"] = plan.at_ns;
  document["yields"] = Text(plan.yields.view());
  document["resolved"] = plan.resolved;
  document["both_brake"] = plan.both_brake;
  document["reversed"] = plan.reversed;
  document["trials"] = std::move(trials);
  json::array told;
  for (std::size_t side = 0; side < 2; ++side) {
    told.push_back(json::object{{"vehicle", Text(plan.vehicles[side].view())},
                                {"ceiling_mps", Number(plan.profiles[side].ceiling_mps)},
                                {"decel_mps2", Number(plan.profiles[side].decel_mps2)}});
  }
  document["told"] = std::move(told);
  return document;
}

// In a word, why it was decided at that moment.
std::string_view MomentOf(const Decision& decision) {
  if (!decision.request.issuer.empty()) return "operator";
  switch (decision.request.kind) {
    case wire::CommandKind::SpeedAdvice: return "congestion";
    case wire::CommandKind::Release: return "closed";
    default: break;
  }
  if (decision.plan && decision.plan->at_ns == decision.at_ns) {
    return ToNumber(decision.request.supersedes) == 0 ? "opened" : "sharpened";
  }
  return "renewed";
}

json::value Describe(const std::optional<Decision>& decision) {
  if (!decision) return nullptr;
  json::object document;
  document["at_ns"] = decision->at_ns;
  document["moment"] = Text(MomentOf(*decision));
  json::array vehicles;
  for (const TraceVehicle& vehicle : decision->vehicles) vehicles.push_back(Describe(vehicle));
  document["vehicles"] = std::move(vehicles);
  json::array evaluations;
  for (const TraceEvaluation& each : decision->evaluations) {
    json::object entry;
    entry["at_ns"] = each.at_ns;
    entry["sequences"] = json::array{Id(each.sequences[0]), Id(each.sequences[1])};
    entry["hit"] = each.hit;
    entry["met"] = Describe(each.met);
    evaluations.push_back(std::move(entry));
  }
  document["evaluations"] = std::move(evaluations);
  document["plan"] = decision->plan ? json::value(Describe(*decision->plan)) : json::value(nullptr);
  document["advice"] = nullptr;
  if (decision->advice) {
    document["advice"] = json::object{{"x", decision->advice->cell.x},
                                      {"y", decision->advice->cell.y},
                                      {"vehicles", decision->advice->vehicles},
                                      {"mean_speed_mps", Number(decision->advice->mean_speed_mps)},
                                      {"free_speed_mps", Number(decision->advice->free_speed_mps)},
                                      {"congestion", Number(decision->advice->congestion)},
                                      {"confidence", Number(decision->advice->confidence)}};
  }
  return document;
}

json::value Between(std::int64_t from_ns, std::int64_t until_ns) {
  if (from_ns == 0 || until_ns == 0) return nullptr;
  return static_cast<double>(until_ns - from_ns) * 1e-6;
}

json::object Describe(const SeenLegs& legs) {
  json::object document;
  document["sample_ns"] = TimeOrNull(legs.sample_ns);
  document["appended_ns"] = TimeOrNull(legs.appended_ns);
  document["logged_ns"] = TimeOrNull(legs.logged_ns);
  document["recorded_ns"] = TimeOrNull(legs.recorded_ns);
  document["controller_ns"] = TimeOrNull(legs.controller_ns);
  document["uplink_ms"] = Between(legs.sample_ns, legs.logged_ns);
  document["uplink_log_ms"] = Between(legs.appended_ns, legs.logged_ns);
  document["decision_at_most_ms"] = Between(legs.logged_ns, legs.recorded_ns);
  document["decision_and_delivery_ms"] = Between(legs.logged_ns, legs.controller_ns);
  document["end_to_end_ms"] = Between(legs.sample_ns, legs.controller_ns);
  return document;
}

}  // namespace

std::string ToJson(const Explanation& explanation) {
  json::object document;
  document["command"] = Describe(explanation.command);
  document["pair"] = nullptr;
  if (explanation.pair) {
    document["pair"] = json::array{Text((*explanation.pair)[0].view()), Text((*explanation.pair)[1].view())};
  }
  json::array samples;
  for (const SeenSample& sample : explanation.samples) samples.push_back(Describe(sample));
  document["samples"] = std::move(samples);
  json::array phases;
  for (const SeenPhase& phase : explanation.phases) {
    phases.push_back(json::object{{"phase", Text(NameOf(phase.phase))},
                                  {"encounter", Text(NameOf(phase.encounter))},
                                  {"at_ns", phase.at_ns},
                                  {"ttc_s", phase.ttc_s},
                                  {"drac_mps2", phase.drac_mps2},
                                  {"pet_s", phase.pet_s},
                                  {"probability", phase.probability},
                                  {"x_m", phase.contact.x},
                                  {"y_m", phase.contact.y}});
  }
  document["episode"] = std::move(phases);
  json::array cell;
  for (const SeenCell& window : explanation.cell) {
    cell.push_back(json::object{{"window_end_ns", window.window_end_ns},
                                {"vehicles", window.vehicles},
                                {"mean_speed_mps", window.mean_speed_mps},
                                {"congestion", window.congestion},
                                {"confidence", window.confidence}});
  }
  document["cell"] = std::move(cell);
  document["decision"] = Describe(explanation.decision);
  document["legs"] = Describe(explanation.legs);
  const Replay& replay = explanation.replay;
  document["replay"] = json::object{{"tried", replay.tried},
                                    {"reproduced", replay.reproduced},
                                    {"from_offset", ToNumber(replay.from)},
                                    {"records", replay.records},
                                    {"took_ms", ToSeconds(replay.took) * 1e3},
                                    {"note", replay.note}};
  document["took_ms"] = ToSeconds(explanation.took) * 1e3;
  return json::serialize(document);
}

std::string ToJson(const CommandPage& page, RegionId region) {
  json::array list;
  for (const FoundCommand& command : page.commands) list.push_back(Describe(command));
  json::object document;
  document["region"] = ToNumber(region);
  document["commands"] = std::move(list);
  document["next"] = page.next ? json::value(ToNumber(*page.next)) : json::value(nullptr);
  return json::serialize(document);
}

}  // namespace starling::cloud
