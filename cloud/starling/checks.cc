#include "cloud/starling/checks.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <thread>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "cloud/starling/document.h"

namespace starling::cloud {
namespace {

namespace json = boost::json;
using Verdict = Finding::Verdict;

constexpr double kDayS = 86'400;
constexpr double kCertificateSoonS = 14 * kDayS;
constexpr double kClockApartS = 1;
constexpr double kCheckpointOldS = 30;      // one is made every two seconds
constexpr double kStreamingS = 3;
// So many of a hundred may be silent or refused before somebody should look.
constexpr double kShareMax = 0.01;

std::string Percent(double share) { return Fixed(share * 100, share < 0.1 ? 1 : 0, " %"); }

class Judgement {
 public:
  explicit Judgement(const Looks& looks) : looks_(looks) {}

  std::vector<Finding> All() {
    const bool reached = Connection();
    const bool served = reached && Http();
    const bool open = served && Access();
    if (served) Ready();
    if (open) {
      Certificates();
      Log();
      Clock();
      Shard();
      Gateway();
      Vehicles();
      Commands();
    }
    constexpr std::array<const char*, 12> kSteps = {"address", "connection", "http", "access", "ready", "certificates",
                                                    "log", "clock", "shard", "gateway", "vehicles", "commands"};
    for (const char* step : kSteps) {
      const bool judged = std::ranges::any_of(findings_, [&](const Finding& each) { return each.step == step; });
      if (!judged) Say(step, Verdict::kUnknown, "not looked at: an earlier step is wrong");
    }
    std::stable_sort(findings_.begin(), findings_.end(), [&](const Finding& one, const Finding& other) {
      const auto place = [&](const Finding& each) { return std::ranges::find(kSteps, each.step) - kSteps.begin(); };
      return place(one) < place(other);
    });
    return std::move(findings_);
  }

 private:
  void Say(std::string step, Verdict verdict, std::string what, std::string advice = "") {
    findings_.push_back({std::move(step), verdict, std::move(what), std::move(advice)});
  }
  void Well(std::string step, std::string what) { Say(std::move(step), Verdict::kWell, std::move(what)); }
  void Wrong(std::string step, std::string what, std::string advice) {
    Say(std::move(step), Verdict::kWrong, std::move(what), std::move(advice));
  }

  std::optional<double> Now(std::string_view group, std::string_view name) const {
    const json::object* const of = ObjectAt(looks_.after->value(), group);
    return of == nullptr ? std::nullopt : NumberAt(*of, name);
  }
  // How much it has grown between the two looks.
  double Growth(std::string_view group, std::string_view name) const {
    const json::object* const of = ObjectAt(looks_.before->value(), group);
    const std::optional<double> before = of == nullptr ? std::nullopt : NumberAt(*of, name);
    return Now(group, name).value_or(0) - before.value_or(0);
  }
  bool Has(std::string_view group) const { return ObjectAt(looks_.after->value(), group) != nullptr; }

  bool Connection() {
    const Result<HttpAnswer>& health = *looks_.health;
    if (!health.ok() && health.status().code() == ErrorCode::kInvalidArgument) {
      Wrong("address", std::string(health.status().message()),
            std::string("name it with --server http://HOST:PORT; without it ") + HttpServer().address + " is asked");
      return false;
    }
    const bool silent = !health.ok() && health.status().code() == ErrorCode::kUnavailable;
    const std::string why = health.ok() ? "" : std::string(health.status().message());
    if (silent && why.find("resolution") != std::string::npos) {
      Wrong("address", why, "the name is not known here; look at --server and this machine's DNS");
      return false;
    }
    if (silent && why.find("not known") != std::string::npos) {
      Wrong("address", why, "the name is not known here; look at --server and this machine's DNS");
      return false;
    }
    Well("address", looks_.address);
    if (silent) {
      Wrong("connection", why,
            "is starling-cloud running, and is its --http address one that this machine reaches? By default it is "
            "127.0.0.1:7480, for its own machine alone");
      return false;
    }
    Well("connection", "something answers");
    return true;
  }

  bool Http() {
    const Result<HttpAnswer>& health = *looks_.health;
    if (!health.ok() || health.value().status != 200) {
      Wrong("http",
            health.ok() ? std::string("/healthz answers ") + std::to_string(health.value().status)
                        : std::string(health.status().message()),
            "another program has that port, or the process is about to end; --http of starling-cloud says which is its");
      return false;
    }
    Well("http", "/healthz says ok");
    return true;
  }

  bool Access() {
    const Result<json::object>& stats = *looks_.after;
    if (stats.ok() && looks_.before->ok()) {
      Well("access", "/v1/stats is open to us");
      return true;
    }
    Wrong("access", std::string((stats.ok() ? looks_.before->status() : stats.status()).message()),
          "whoever runs the orchestrator says who may ask it");
    return false;
  }

  void Ready() {
    const Result<HttpAnswer>& ready = *looks_.ready;
    if (ready.ok() && ready.value().status == 200) return Well("ready", "it takes vehicles");
    Wrong("ready", ready.ok() ? Plain(ready.value().body.substr(0, ready.value().body.find('\n')))
                              : std::string(ready.status().message()),
          "docs/formats/http.md has what each reason means; the process's standard error has more");
  }

  void Certificates() {
    if (!Has("certificates")) return Say("certificates", Verdict::kUnknown, "this process takes no vehicles; ask a gateway");
    const double server_s = Now("certificates", "server_seconds_left").value_or(0);
    const double authority_s = Now("certificates", "authority_seconds_left").value_or(0);
    const std::optional<double> list_s = Now("certificates", "crl_seconds_left");
    const double refused = Growth("certificates", "reloads_refused");
    const std::string left = std::string("the server's expires in ") + SpanText(server_s) + ", the authority's in " + SpanText(authority_s);
    if (server_s <= 0) {
      return Wrong("certificates", std::string("the server's certificate has expired ") + SpanText(-server_s) + " ago, and vehicles refuse it",
                   "replace server.pem and server.key in its --certs folder; it is noticed without a restart");
    }
    if (authority_s <= 0) {
      return Wrong("certificates", std::string("the fleet's authority has expired ") + SpanText(-authority_s) + " ago",
                   "make a new one and put both into ca.pem, vehicles first: docs/formats/certificates.md");
    }
    if (list_s && *list_s <= 0) {
      return Wrong("certificates", std::string("the revocation list is overdue since ") + SpanText(-*list_s),
                   "`starling crl DIR --renew` where the authority is, and copy crl.pem here");
    }
    if (refused > 0) {
      return Wrong("certificates", "a change of the folder was refused", "the process's standard error says which file, and why");
    }
    if (std::min(server_s, authority_s) < kCertificateSoonS) {
      return Wrong("certificates", left, "replace what expires soon; it is noticed without a restart");
    }
    Well("certificates", left);
  }

  void Log() {
    const double refused = Growth("log", "refused");
    const double records = Growth("log", "records");
    if (refused > 0) {
      return Wrong("log", std::string("it refuses records, ") + Fixed(refused, 0) + " in " + SpanText(looks_.between_s),
                   "the disk or the brokers are too slow: look at their load, and at free space where --data is");
    }
    const std::optional<double> emitted = Now("log", "emitted_ticket");
    const std::optional<double> durable = Now("log", "durable_ticket");
    if (emitted && durable && *emitted > *durable && Growth("log", "durable_ticket") <= 0) {
      return Wrong("log", Fixed(*emitted - *durable, 0) + " records wait to be durable, and none became so",
                   "the disk does not sync: look at the kernel's log and at its free space");
    }
    Well("log", Fixed(records / std::max(looks_.between_s, 1e-3), 0) + " records a second, none refused");
  }

  void Clock() {
    const std::optional<double> lag_ms = Now("runner", "lag_ms");
    if (lag_ms && *lag_ms < -kClockApartS * 1e3) {
      return Wrong("clock", std::string("the orchestrator's clock is ") + SpanText(-*lag_ms * 1e-3) + " behind its own log",
                   "set that machine's clock (chrony, systemd-timesyncd); until it catches up fixes look older than they are");
    }
    if (!looks_.vehicles->ok()) return Say("clock", Verdict::kUnknown, "the shard does not say what time it is");
    const std::optional<std::int64_t> at_ns = WholeAt(looks_.vehicles->value(), "at_ns");
    if (!at_ns) return Say("clock", Verdict::kUnknown, "the answer has no time");
    const double apart_s = static_cast<double>(ToNs(looks_.asked) - *at_ns) * 1e-9;
    if (std::abs(apart_s) > kClockApartS + looks_.between_s) {
      return Wrong("clock", std::string("this machine's clock and the orchestrator's are ") + SpanText(std::abs(apart_s)) + " apart",
                   "set the one that is wrong (chrony, systemd-timesyncd)");
    }
    Well("clock", std::string("the orchestrator's is within ") + SpanText(std::abs(apart_s)) + " of this machine's");
  }

  void Shard() {
    if (!Has("runner")) return Say("shard", Verdict::kUnknown, "this process has no region; ask one of --role shard");
    if (!looks_.heatmap->ok()) {
      return Wrong("shard", std::string(looks_.heatmap->status().message()),
                   "it is overloaded or stuck: look at shard and runner in /v1/stats, and at the processor");
    }
    if (Now("runner", "owner").value_or(0) < 1) {
      return Wrong("shard", "no region is owned here: it stands by", "ask the owner; `starling regions show` says who that is");
    }
    if (Now("checkpoint", "digest_mismatches").value_or(0) > 0) {
      return Wrong("shard", "the shard and the one that stores its state have decided differently",
                   "keep the log and the state, restart the process, and report it: nothing is stored until then");
    }
    if (Growth("checkpoint", "failures") > 0 || Now("checkpoint", "age_s").value_or(0) > kCheckpointOldS) {
      return Wrong("shard", std::string("its state was stored ") + SpanText(Now("checkpoint", "age_s").value_or(0)) + " ago",
                   "look at free space where the state is, and at its standard error; a restart would take longer");
    }
    const double lag_ms = Now("runner", "lag_ms").value_or(0);
    if (lag_ms > kClockApartS * 1e3) {
      return Wrong("shard", std::string("it is ") + SpanText(lag_ms * 1e-3) + " behind the log",
                   "it has more vehicles than the processor holds: split the region (docs/formats/region_map.md)");
    }
    Well("shard", Fixed(Now("runner", "vehicles"), 0) + " vehicles, " + Fixed(lag_ms, 1) + " ms behind the log");
  }

  void Gateway() {
    if (!Has("gateway")) return Say("gateway", Verdict::kUnknown, "this process takes no vehicles; ask a gateway");
    const double refused = Growth("gateway", "refused_connections");
    if (refused > 0) {
      return Wrong("gateway", Fixed(refused, 0) + " connections refused in " + SpanText(looks_.between_s),
                   "raise gateway.connections_max and the open files, or the limits of one address");
    }
    double accepted = 0;
    double others = 0;
    std::string worst;
    double worst_count = 0;
    const json::object* const of = ObjectAt(looks_.after->value(), "gateway");
    const json::object* const was = ObjectAt(looks_.before->value(), "gateway");
    const json::object* const verdicts = of == nullptr ? nullptr : ObjectAt(*of, "verdicts");
    const json::object* const verdicts_were = was == nullptr ? nullptr : ObjectAt(*was, "verdicts");
    if (verdicts != nullptr) {
      for (const auto& entry : *verdicts) {
        const std::string name(entry.key().data(), entry.key().size());
        const double count = NumberAt(*verdicts, name).value_or(0) -
                             (verdicts_were == nullptr ? 0 : NumberAt(*verdicts_were, name).value_or(0));
        if (name == "Accepted" || name == "Duplicate") {
          accepted += count;
          continue;
        }
        others += count;
        if (count > worst_count) {
          worst = Plain(name);
          worst_count = count;
        }
      }
    }
    if (others > 0 && others > kShareMax * (accepted + others)) {
      const double share = others / (accepted + others);
      return Wrong("gateway", Percent(share) + " of what vehicles send is refused, most as " + worst,
                   worst == "Shed" ? "it is overloaded: look at the processor and the log"
                                   : "`starling tail dead-letter` says of whom, and why");
    }
    const double failed = Growth("gateway", "handshakes_failed");
    if (failed > 0 && failed > Growth("gateway", "accepted") / 2) {
      return Wrong("gateway", Fixed(failed, 0) + " TLS handshakes failed in " + SpanText(looks_.between_s),
                   "vehicles have no valid certificate of this fleet, or do not trust the server's; `starling-edge doctor` "
                   "on one of them says which");
    }
    Well("gateway", Fixed(Now("gateway", "connections"), 0) + " connections, " +
                        Fixed((accepted + others) / std::max(looks_.between_s, 1e-3), 0) + " messages a second");
  }

  void Vehicles() {
    if (!looks_.vehicles->ok()) {
      return Say("vehicles", Verdict::kUnknown, std::string(looks_.vehicles->status().message()));
    }
    const json::array& list = ArrayAt(looks_.vehicles->value(), "vehicles");
    const double total = NumberAt(looks_.vehicles->value(), "total").value_or(0);
    if (list.empty()) {
      return Wrong("vehicles", "no vehicle is known",
                   "start one: starling-edge --connect HOST:7443; on it `starling-edge doctor` says what does not work");
    }
    std::size_t silent = 0;
    std::string example;
    for (const json::value& each : list) {
      const json::object* const vehicle = each.if_object();
      if (vehicle == nullptr || NumberAt(*vehicle, "fix_age_s").value_or(1e9) <= kStreamingS) continue;
      ++silent;
      if (example.empty()) example = TextAt(*vehicle, "name");
    }
    const double share = static_cast<double>(silent) / static_cast<double>(list.size());
    const std::string of = std::string(" of the first ") + std::to_string(list.size()) + " of " + Fixed(total, 0);
    if (silent > 0 && share > kShareMax) {
      return Wrong("vehicles", std::to_string(silent) + of + " have sent nothing for 3 s, as " + example,
                   "`starling vehicles --silent` lists them, `starling vehicle " + example + "` says more of one");
    }
    Well("vehicles", std::to_string(list.size() - silent) + of + " stream");
  }

  void Commands() {
    if (!Has("shard")) return Say("commands", Verdict::kUnknown, "this process has no region; ask one of --role shard");
    if (Now("commands", "rules").value_or(0) > 0) {
      return Wrong("commands", "an operator has some stopped or in shadow",
                   "`starling commands status --data DIR` says which, who and why; `starling commands start` lifts it");
    }
    const double applied = Growth("shard", "closed_applied") + Growth("shard", "closed_superseded");
    const double lost = Growth("shard", "closed_expired") + Growth("shard", "closed_rejected");
    if (lost > 0 && lost > kShareMax * (applied + lost)) {
      return Wrong("commands", Fixed(lost, 0) + " of " + Fixed(applied + lost, 0) + " were refused or came too late",
                   "`starling commands --end expired` or `--end rejected` lists them, `starling explain` says why");
    }
    const double withheld = Growth("shard", "commands_withheld");
    if (withheld > 0) {
      return Wrong("commands", Fixed(withheld, 0) + " found no room: a vehicle does not say what became of those before",
                   "`starling commands --end open` lists those");
    }
    Well("commands", Fixed(Now("shard", "outbox_open"), 0) + " are open");
  }

  const Looks& looks_;
  std::vector<Finding> findings_;
};

std::string_view NameOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kWell: return "well";
    case Verdict::kWrong: return "wrong";
    case Verdict::kUnknown: break;
  }
  return "unknown";
}

json::array ToArray(const std::vector<Finding>& findings) {
  json::array list;
  for (const Finding& finding : findings) {
    list.push_back(json::object{{"step", finding.step},
                                {"verdict", json::string(NameOf(finding.verdict))},
                                {"what", finding.what},
                                {"advice", finding.advice}});
  }
  return list;
}

json::object Verdicts(const std::vector<Finding>& findings) {
  json::object document;
  const Finding* const wrong = FirstWrong(findings);
  document["well"] = wrong == nullptr;
  document["first_wrong"] = wrong == nullptr ? json::value(nullptr) : json::value(wrong->step);
  document["steps"] = ToArray(findings);
  return document;
}

}  // namespace

Looks LookAt(const Server& server, nanoseconds between) {
  Looks looks;
  looks.address = server.root();
  looks.health = server.Get("/healthz");
  if (!looks.health->ok() || looks.health->value().status != 200) return looks;
  looks.ready = server.Get("/readyz");
  const auto began = std::chrono::steady_clock::now();
  looks.before = server.GetDocument("/v1/stats");
  looks.heatmap = server.GetDocument("/v1/heatmap");
  looks.asked = CloudNow();
  looks.vehicles = server.GetDocument("/v1/vehicles?count=500");
  std::this_thread::sleep_until(began + between);
  looks.after = server.GetDocument("/v1/stats");
  looks.between_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return looks;
}

std::vector<Finding> Judge(const Looks& looks) { return Judgement(looks).All(); }

const Finding* FirstWrong(const std::vector<Finding>& findings) {
  const auto wrong = std::ranges::find(findings, Verdict::kWrong, &Finding::verdict);
  return wrong == findings.end() ? nullptr : &*wrong;
}

std::string FindingsText(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    std::string step = finding.step;
    step.resize(14, ' ');
    const char* const mark = finding.verdict == Verdict::kWell    ? "well     "
                             : finding.verdict == Verdict::kWrong ? "WRONG    "
                                                                  : "-        ";
    text += mark + step + Plain(finding.what) + "\n";
    if (finding.verdict == Verdict::kWrong) text += std::string(23, ' ') + "do: " + Plain(finding.advice) + "\n";
  }
  const Finding* const wrong = FirstWrong(findings);
  return text + (wrong == nullptr ? "everything that was looked at is well\n" : "the first that is wrong: " + wrong->step + "\n");
}

std::string FindingsJson(const std::vector<Finding>& findings) { return json::serialize(Verdicts(findings)) + "\n"; }

std::string StatusText(const Looks& looks, const std::vector<Finding>& findings) {
  const Finding* const wrong = FirstWrong(findings);
  std::string text = wrong == nullptr ? "well: " + looks.address + "/\n"
                                      : "NOT WELL: " + wrong->step + ": " + Plain(wrong->what) + "\ndo: " +
                                            Plain(wrong->advice) + "\n";
  text += "\n";
  for (const Finding& finding : findings) {
    if (finding.verdict == Verdict::kUnknown) continue;
    std::string step = finding.step;
    step.resize(14, ' ');
    text += step + (finding.verdict == Verdict::kWrong ? "WRONG  " : "") + Plain(finding.what) + "\n";
  }
  if (!looks.after || !looks.after->ok()) return text;
  static const json::object kNone;
  const auto group = [&](std::string_view name) -> const json::object& {
    const json::object* const of = ObjectAt(looks.after->value(), name);
    return of == nullptr ? kNone : *of;
  };
  const json::object& shard = group("shard");
  text += std::string("decided       ") + TextAt(shard, "speed_advice_issued") + " speed advice, " + TextAt(shard, "avoidance_issued") +
          std::string(" avoidance, ") + TextAt(shard, "releases_issued") + " release; " + TextAt(shard, "episodes") + " conflicts\n";
  text += std::string("ended         ") + TextAt(shard, "closed_applied") + " applied, " + TextAt(shard, "closed_superseded") +
          std::string(" superseded, ") + TextAt(shard, "closed_expired") + " expired, " + TextAt(shard, "closed_rejected") +
          std::string(" rejected, ") + TextAt(shard, "closed_unknown") + " unknown\n";
  const json::object& process = group("process");
  const std::optional<double> rss = NumberAt(process, "rss_bytes");
  text += std::string("process       up ") + SpanText(NumberAt(process, "uptime_s").value_or(0)) + ", " +
          Fixed(rss ? std::optional<double>(*rss / (1 << 20)) : std::nullopt, 0, " MB") + ", " +
          SpanText(NumberAt(process, "cpu_seconds").value_or(0)) + " of processor time\n";
  return text;
}

std::string StatusJson(const Looks& looks, const std::vector<Finding>& findings) {
  json::object document = Verdicts(findings);
  document["server"] = looks.address + "/";
  document["stats"] = looks.after && looks.after->ok() ? json::value(looks.after->value()) : json::value(nullptr);
  return json::serialize(document) + "\n";
}

}  // namespace starling::cloud
