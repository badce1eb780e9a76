// regions show, move and rebalance: which process owns which region of a running fleet;
// regions map and split: which part of the map each region is.

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "cloud/dispatch/ownership_book.h"
#include "cloud/log/kafka_log.h"
#include "cloud/starling/kafka_options.h"
#include "cloud/starling/subcommand.h"

namespace starling::cloud {
namespace {

constexpr milliseconds kLookAgain{100};
constexpr std::chrono::seconds kConnectPatience{2};

struct RegionsOptions {
  KafkaOptions kafka;
  std::uint32_t region = 0;
  std::vector<std::string> nodes;
  std::string running_at;    // DOMAIN:PORT; empty: all nodes run
  std::uint32_t wait_s = 15;
  bool dry_run = false;
  std::string file;          // of a map
  std::uint32_t into = 0;    // the region that a split adds
};

struct Move {
  RegionId region{};
  std::string node;
};

using Regions = std::map<RegionId, RegionOwnership>;

Result<Regions> ReadRegions(const KafkaLog& log) {
  OwnershipBook book(nullptr);
  if (Status status = book.ReadAll(log); !status.ok()) return status;
  return book.regions();
}

Status Write(KafkaLog* log, const WishRecord& wish, seconds patience) {
  const auto ticket = log->Append(Topic::kOwnership, Partition{0}, std::as_bytes(std::span(wish.key)), wish.value);
  if (!ticket.ok()) return ticket.status();
  return log->AwaitDurable(ticket.value(), patience);
}

Result<std::unique_ptr<KafkaLog>> OpenLog(const KafkaOptions& options) {
  const Result<KafkaConfig> config = options.Config();
  if (!config.ok()) return config.status();
  return KafkaLog::Open(config.value());
}

std::string NodeNow(const Regions& regions, RegionId region) {
  const auto found = regions.find(region);
  return found == regions.end() ? std::string() : std::string(NodeOf(found->second.owner));
}

int ShowRegions(const RegionsOptions& options) {
  auto log = OpenLog(options.kafka);
  if (!log.ok()) return Misuse(log.status());
  const Result<Regions> regions = ReadRegions(*log.value());
  if (!regions.ok()) return Fail(regions.status());
  std::printf("%-8s %-24s %-10s %s\n", "region", "node", "epoch", "owned for");
  for (const auto& [region, now] : regions.value()) {
    if (now.owner.empty()) continue;
    std::printf("%-8u %-24s %-10llu %.0f s\n", ToNumber(region), std::string(NodeOf(now.owner)).c_str(),
                static_cast<unsigned long long>(ToNumber(now.epoch)), ToSeconds(CloudNow() - now.claimed));
  }
  return 0;
}

// Asks the node to own the region, and waits until topic "ownership" has its claim.
Status MoveRegion(KafkaLog* log, const Move& move, seconds patience) {
  if (Status status = Write(log, MakeWanted(move.region, move.node), patience); !status.ok()) return status;
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const Result<Regions> regions = ReadRegions(*log);
    if (!regions.ok()) return regions.status();
    if (NodeNow(regions.value(), move.region) == move.node) return {};
    if (std::chrono::steady_clock::now() > deadline) {
      return {ErrorCode::kUnavailable,
              "region " + std::to_string(ToNumber(move.region)) + ": " + move.node + " has not claimed it within " +
                  std::to_string(patience.count()) + " s; does a starling-cloud --node " + move.node +
                  " run that stands by for it?"};
    }
    std::this_thread::sleep_for(kLookAgain);
  }
}

int MoveRegions(KafkaLog* log, const Regions& regions, const std::vector<Move>& moves, const RegionsOptions& options) {
  bool any = false;
  for (const Move& move : moves) {
    const std::string now = NodeNow(regions, move.region);
    if (now == move.node) continue;
    any = true;
    std::printf("region %u: %s -> %s\n", ToNumber(move.region), now.empty() ? "nobody" : now.c_str(),
                move.node.c_str());
    (void)std::fflush(stdout);
    if (options.dry_run) continue;
    if (const Status status = MoveRegion(log, move, seconds(options.wait_s)); !status.ok()) return Fail(status);
  }
  std::printf(!any ? "nothing to do\n" : options.dry_run ? "" : "done\n");
  return 0;
}

// Whether anybody takes connections at HOST:PORT, for a node that is not there has no such name, or no such port.
bool Answers(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) return false;
  bool answers = false;
  for (const addrinfo* each = found; each != nullptr && !answers; each = each->ai_next) {
    const int number = ::socket(each->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (number < 0) continue;
    // The limit of sending is the one of connecting, too.
    const timeval limit{kConnectPatience.count(), 0};
    (void)::setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    answers = ::connect(number, each->ai_addr, each->ai_addrlen) == 0;
    ::close(number);
  }
  ::freeaddrinfo(found);
  return answers;
}

// Those of `nodes` that run, if the options say where to look.
//
// Errors: kInvalidArgument; kUnavailable if none does.
Result<std::vector<std::string>> Running(const RegionsOptions& options) {
  if (options.running_at.empty()) return options.nodes;
  const std::size_t colon = options.running_at.rfind(':');
  if (colon == 0 || colon == std::string::npos || colon + 1 == options.running_at.size()) {
    return Status(ErrorCode::kInvalidArgument, "--running-at takes DOMAIN:PORT, not " + options.running_at);
  }
  std::vector<std::string> running;
  for (const std::string& node : options.nodes) {
    if (Answers(node + "." + options.running_at.substr(0, colon), options.running_at.substr(colon + 1))) {
      running.push_back(node);
    } else {
      std::printf("%s does not run\n", node.c_str());
    }
  }
  if (running.empty()) return Status(ErrorCode::kUnavailable, "none of the nodes answers at " + options.running_at);
  return running;
}

int Run(RegionsOptions options, bool rebalance) {
  for (const std::string& node : options.nodes) {
    if (!IsNodeName(node)) return Misuse({ErrorCode::kInvalidArgument, node + " is no node's name"});
  }
  Result<std::vector<std::string>> running = Running(options);
  if (!running.ok()) return Misuse(running.status());
  options.nodes = std::move(running).value();
  auto log = OpenLog(options.kafka);
  if (!log.ok()) return Misuse(log.status());
  const Result<Regions> regions = ReadRegions(*log.value());
  if (!regions.ok()) return Fail(regions.status());
  std::vector<Move> moves;
  if (!rebalance) {
    moves.push_back({RegionId{options.region}, options.nodes.front()});
  } else {
    // Nodes keep what they have as far as their share goes: each region that moves pauses.
    const std::size_t count = regions.value().size();
    const std::size_t share = (count + options.nodes.size() - 1) / options.nodes.size();
    std::map<std::string, std::size_t> has;
    for (const std::string& node : options.nodes) has[node] = 0;
    std::vector<RegionId> homeless;
    for (const auto& [region, now] : regions.value()) {
      const auto node = has.find(std::string(NodeOf(now.owner)));
      if (node != has.end() && node->second < share) {
        ++node->second;
      } else {
        homeless.push_back(region);
      }
    }
    for (const RegionId region : homeless) {
      const auto least = std::min_element(has.begin(), has.end(),
                                          [](const auto& a, const auto& b) { return a.second < b.second; });
      ++least->second;
      moves.push_back({region, least->first});
    }
  }
  return MoveRegions(log.value().get(), regions.value(), moves, options);
}

Result<RegionMap> ReadMapFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file.is_open() || file.bad()) return Status(ErrorCode::kIoError, path + " cannot be read");
  Result<RegionMap> map = RegionMap::FromJson(text);
  if (!map.ok()) return Status(map.status().code(), path + ": " + std::string(map.status().message()));
  return map;
}

// Whoever gets vehicles by the map has to be there before.
Status CheckOwners(const RegionMap& map, const Regions& regions) {
  for (const RegionId region : map.regions()) {
    if (!NodeNow(regions, region).empty()) continue;
    const std::string number = std::to_string(ToNumber(region));
    return {ErrorCode::kInvalidArgument,
            "nobody owns region " + number + "; its topics need the partition (starling topics apply --regions), and a "
            "starling-cloud --role shard --regions ... that includes it has to run"};
  }
  return {};
}

int ShowMap(const OwnershipBook& book) {
  const std::optional<RegionMap> map = book.map();
  if (!map) {
    std::fprintf(stderr, "no map was given to this fleet; each gateway routes by its own --region-map\n");
    return 0;
  }
  std::printf("%s\n", map->ToJson().c_str());
  return 0;
}

// `split`: of the map that the fleet has; otherwise the file's, or none to show the fleet's.
int RunMap(const RegionsOptions& options, bool split) {
  auto log = OpenLog(options.kafka);
  if (!log.ok()) return Misuse(log.status());
  OwnershipBook book(nullptr);
  if (const Status status = book.ReadAll(*log.value()); !status.ok()) return Fail(status);
  if (!split && options.file.empty()) return ShowMap(book);
  const std::optional<RegionMap> now = book.map();
  if (split && !now) return Misuse({ErrorCode::kInvalidArgument, "this fleet has no map yet: starling regions map FILE"});
  const Result<RegionMap> map =
      split ? now->Split(RegionId{options.region}, RegionId{options.into}) : ReadMapFile(options.file);
  if (!map.ok()) return Misuse(map.status());
  if (now && map.value().version() <= now->version()) {
    return Misuse({ErrorCode::kInvalidArgument, "the fleet has version " + std::to_string(now->version()) +
                                                    " of the map; a new one needs a higher version"});
  }
  if (const Status status = CheckOwners(map.value(), book.regions()); !status.ok()) return Misuse(status);
  if (split || options.dry_run) std::printf("%s\n", map.value().ToJson().c_str());
  if (options.dry_run) return 0;
  const Status status = Write(log.value().get(), MakeRegionMapWish(map.value()), seconds(options.wait_s));
  if (!status.ok()) return Fail(status);
  std::fprintf(stderr, "version %llu of the map is in topic ownership; gateways route by it in a second\n",
               static_cast<unsigned long long>(map.value().version()));
  return 0;
}

}  // namespace

void AddRegionsCommands(CLI::App* program, std::vector<Subcommand>* commands) {
  CLI::App* const regions = program->add_subcommand("regions", "Which process owns which region of a running fleet");
  regions->require_subcommand(1);
  const auto options = std::make_shared<RegionsOptions>();
  CLI::App* const show = regions->add_subcommand("show", "Print who owns what");
  AddKafkaOptions(show, &options->kafka);
  commands->push_back({show, [options] { return ShowRegions(*options); }});

  CLI::App* const move = regions->add_subcommand("move", "Have a node that stands by for a region own it");
  AddKafkaOptions(move, &options->kafka);
  move->add_option("--region", options->region, "its number")->required();
  move->add_option("--to", options->nodes, "the node: starling-cloud's --node")->required()->expected(1);
  commands->push_back({move, [options] { return Run(*options, /*rebalance=*/false); }});

  CLI::App* const rebalance = regions->add_subcommand("rebalance", "Share the regions out evenly among nodes");
  AddKafkaOptions(rebalance, &options->kafka);
  rebalance->add_option("--nodes", options->nodes, "NODE,NODE: all stand by for every region")
      ->required()
      ->delimiter(',');
  rebalance->add_option("--running-at", options->running_at,
                        "DOMAIN:PORT: leaves out nodes at whose NODE.DOMAIN:PORT, their --http, nobody answers");
  commands->push_back({rebalance, [options] { return Run(*options, /*rebalance=*/true); }});

  CLI::App* const map = regions->add_subcommand("map", "Give a running fleet a map of its regions, or print the one it has");
  AddKafkaOptions(map, &options->kafka);
  map->add_option("FILE", options->file, "docs/formats/region_map.md; without it the fleet's map is printed");
  commands->push_back({map, [options] { return RunMap(*options, /*split=*/false); }});

  CLI::App* const split = regions->add_subcommand("split", "Cut a region's largest tile in two");
  AddKafkaOptions(split, &options->kafka);
  split->add_option("--region", options->region, "its number")->required();
  split->add_option("--into", options->into, "the new region, which is owned already and gets the half")->required();
  commands->push_back({split, [options] { return RunMap(*options, /*split=*/true); }});
  for (CLI::App* const each : {map, split}) {
    each->add_option("--wait", options->wait_s, "seconds for the brokers to take it")->capture_default_str();
    each->add_flag("--dry-run", options->dry_run, "print the map and change nothing");
  }
  for (CLI::App* const each : {move, rebalance}) {
    each->add_option("--wait", options->wait_s, "seconds for each region to change hands")->capture_default_str();
    each->add_flag("--dry-run", options->dry_run, "say what would be moved");
  }
}

}  // namespace starling::cloud
