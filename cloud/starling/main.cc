// The operator's program.

#include <vector>

#include "cloud/starling/backup_commands.h"
#include "cloud/starling/operator_commands.h"

namespace {

using starling::cloud::Subcommand;

constexpr const char* kExamples = R"(
Examples:
  starling init certs --vehicles 10000          a fleet: veh-00001 to veh-10000
  starling init certs --vehicles 12000          later: adds the last 2,000
  starling init certs --server-name gw.example.org
  starling request taxi-7 --out /etc/starling   on the vehicle: makes its key and a request
  starling sign certs --request taxi-7.csr      where the authority is: certs/vehicles/taxi-7.pem
  starling revoke certs taxi-7                  shuts taxi-7 out, and cuts its connection
  starling crl certs --renew                    the revocation list for another while
  starling keys init /etc/starling/keys         for starling-cloud --key-file
  starling keys rotate /etc/starling/keys       then: kill -HUP the running starling-cloud
  starling audit verify --data data             no command was altered or dropped since
  starling audit show --data data --vehicle veh-00001
  starling backup --data data --to backups/monday        while starling-cloud works
  starling restore --from backups/monday --data data2     or --verify-only
  starling archive --data data --to history                and again, each hour
  starling history veh-00001 --archive history --data data
  starling status                               is everything well, and what to do if not
  starling vehicle veh-00001                    is it streaming?
  starling explain 1234567890123456789          why a vehicle was told that
  starling doctor                               which step of the chain fails first
  starling commands stop --data data --reason "false brakes at the harbour"
  starling commands shadow --fleet taxi- --kind avoidance --bootstrap 10.0.0.1:9092
  starling tokens create ana --role operator --days 90 --file tokens      for starling-cloud --http-tokens
  starling send veh-00001 --speed 8.3 --for 4 --reason "ice on the bridge"
  starling topics apply --bootstrap 10.0.0.1:9092 --regions 16 --replication 3 --dry-run
  starling topics acl --gateway gw --shard shard --analyst ana --bootstrap 10.0.0.1:9092 --apply
  starling regions move --region 3 --to shard-b --bootstrap 10.0.0.1:9092
  starling streets city.net.xml.gz              what a city's network has, and what of it is not supported
  starling plan check brakes.toml               whether vehicles can be asked for that

Exit codes: 0 done, 1 failed (the reason is on standard error), 2 wrong usage.)";

}  // namespace

int main(int argc, char** argv) {
  CLI::App program("Starling's operator program.", "starling");
  program.footer(kExamples);
  program.require_subcommand(1);
  std::vector<Subcommand> commands;
  starling::cloud::AddFleetCommands(&program, &commands);
  starling::cloud::AddRevocationCommands(&program, &commands);
  starling::cloud::AddKeyCommands(&program, &commands);
  starling::cloud::AddAuditCommands(&program, &commands);
  starling::cloud::AddArchiveCommands(&program, &commands);
  starling::cloud::AddBackupCommands(&program, &commands);
  starling::cloud::AddTopicsCommands(&program, &commands);
  starling::cloud::AddRegionsCommands(&program, &commands);
  starling::cloud::AddSwitchCommands(&program, &commands);
  starling::cloud::AddLookCommands(&program, &commands);
  starling::cloud::AddExplainCommand(&program, &commands);
  starling::cloud::AddStreetsCommand(&program, &commands);
  starling::cloud::AddPlanCommands(&program, &commands);
  starling::cloud::AddSendCommand(&program, &commands);
  starling::cloud::AddTokensCommands(&program, &commands);
  starling::cloud::AddShellCommands(&program, &commands);
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? 0 : starling::cloud::kExitUsage;
  }
  for (const Subcommand& command : commands) {
    if (*command.app) return command.run();
  }
  return starling::cloud::kExitUsage;
}
