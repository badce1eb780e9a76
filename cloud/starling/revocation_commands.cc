// starling revoke, crl, tickets.

#include <array>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "cloud/fleet_ca/revocation.h"
#include "cloud/starling/subcommand.h"

namespace starling::cloud {
namespace {

struct Arguments {
  std::string folder;
  std::vector<std::string> names;
  std::vector<std::string> serials;
  int days = kCrlDays;
  bool renew = false;
};

std::string ToText(const std::optional<CloudTime>& time) {
  if (!time) return "never";
  const auto unix_time =
      static_cast<std::time_t>(std::chrono::floor<seconds>(time->time_since_epoch()).count());
  std::tm utc{};
  ::gmtime_r(&unix_time, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text.data();
}

void PrintHead(const RevocationSummary& summary) {
  std::printf("list %llu of %s, next update %s%s, %zu revoked\n", static_cast<unsigned long long>(summary.number),
              ToText(summary.this_update).c_str(), ToText(summary.next_update).c_str(),
              summary.next_update && *summary.next_update < CloudNow() ? " (overdue)" : "", summary.entries.size());
}

int RevokeAll(const Arguments& arguments) {
  if (arguments.names.empty() && arguments.serials.empty()) {
    return Misuse({ErrorCode::kInvalidArgument, "name a vehicle or --serial to revoke"});
  }
  std::vector<VehicleId> vehicles;
  for (const std::string& name : arguments.names) {
    const Result<VehicleId> vehicle = VehicleId::Parse(name);
    if (!vehicle.ok()) return Misuse(vehicle.status());
    vehicles.push_back(vehicle.value());
  }
  const Result<RevocationSummary> summary =
      Revoke({arguments.folder}, vehicles, arguments.serials, arguments.days, CloudNow());
  if (!summary.ok()) return Fail(summary.status());
  std::printf("revoked %zu certificates\n", summary.value().added);
  PrintHead(summary.value());
  return 0;
}

int ShowOrRenew(const Arguments& arguments) {
  const CertificateFolder folder{arguments.folder};
  const Result<RevocationSummary> summary =
      arguments.renew ? Revoke(folder, {}, {}, arguments.days, CloudNow()) : ReadRevocations(folder);
  if (!summary.ok()) return Fail(summary.status());
  if (summary.value().number == 0) {
    std::printf("no revocation list: nobody is revoked\n");
    return 0;
  }
  PrintHead(summary.value());
  for (const RevocationSummary::Entry& entry : summary.value().entries) {
    std::printf("%s  %s\n", ToText(entry.revoked).c_str(), entry.serial.c_str());
  }
  return 0;
}

int RotateTickets(const Arguments& arguments) {
  if (const Status status = RotateTicketKey({arguments.folder}); !status.ok()) return Fail(status);
  std::printf("%s: new ticket.key; the former one still opens tickets, until the next time\n",
              arguments.folder.c_str());
  return 0;
}

}  // namespace

void AddRevocationCommands(CLI::App* program, std::vector<Subcommand>* commands) {
  const auto arguments = std::make_shared<Arguments>();
  Arguments* const a = arguments.get();

  CLI::App* const revoke = program->add_subcommand("revoke", "Shut vehicles out: put their certificates on the list");
  revoke->add_option("DIR", a->folder, "the fleet's folder, with ca.pem and ca.key")->required();
  revoke->add_option("NAME", a->names, "vehicles: every certificate that each has had");
  revoke->add_option("--serial", a->serials, "a certificate's serial number, hexadecimal (repeat)");
  revoke->add_option("--days", a->days, "until the list's next update")->capture_default_str();
  commands->push_back({revoke, [arguments] { return RevokeAll(*arguments); }});

  CLI::App* const crl = program->add_subcommand("crl", "Show or renew the revocation list");
  crl->add_option("DIR", a->folder, "the fleet's folder")->required();
  crl->add_flag("--renew", a->renew, "sign it again with the next number; makes an empty one if there is none");
  crl->add_option("--days", a->days, "until its next update")->capture_default_str();
  commands->push_back({crl, [arguments] { return ShowOrRenew(*arguments); }});

  CLI::App* const tickets = program->add_subcommand("tickets", "Make a new key for session tickets");
  tickets->add_option("DIR", a->folder, "the fleet's folder")->required();
  commands->push_back({tickets, [arguments] { return RotateTickets(*arguments); }});
}

}  // namespace starling::cloud
