// tokens create, list and revoke: who may use the orchestrator's HTTP port.

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cloud/console/access_tokens.h"
#include "cloud/fleet_ca/authority.h"
#include "cloud/fleet_ca/pem_files.h"
#include "cloud/starling/subcommand.h"

namespace starling::cloud {
namespace {

struct Arguments {
  std::string certs;
  std::string out = ".";
  std::string file = "tokens";
  std::string name;
  std::string role = "viewer";
  int days = 0;
};

int Create(const Arguments& arguments) {
  const CloudTime now = CloudNow();
  std::optional<CloudTime> expires;
  if (arguments.days > 0) expires = now + std::chrono::hours(24) * arguments.days;
  const Result<std::string> token =
      CreateAccessToken(arguments.file, arguments.name, *ParseAccessRole(arguments.role), expires, now);
  if (!token.ok()) return token.status().code() == ErrorCode::kInvalidArgument ? Misuse(token.status()) : Fail(token.status());
  // Alone on standard output, so that it can go where it is needed and nowhere else.
  std::fprintf(stderr, "%s may act as %s%s; this is the only time that the token is shown:\n", arguments.name.c_str(),
               arguments.role.c_str(), expires ? (" until " + UtcText(*expires)).c_str() : "");
  std::printf("%s\n", token.value().c_str());
  return 0;
}

int List(const Arguments& arguments) {
  const Result<std::vector<AccessToken>> tokens = ReadAccessTokens(arguments.file);
  if (!tokens.ok()) return Fail(tokens.status());
  const CloudTime now = CloudNow();
  std::printf("%-24s %-9s %-21s %s\n", "name", "role", "made", "expires");
  for (const AccessToken& token : tokens.value()) {
    std::printf("%-24s %-9s %-21s %s%s\n", token.name.c_str(), std::string(NameOf(token.role)).c_str(),
                UtcText(token.created).c_str(), token.expires ? UtcText(*token.expires).c_str() : "never",
                token.Holds(now) ? "" : " (EXPIRED)");
  }
  return 0;
}

int Revoke(const Arguments& arguments) {
  const Status status = RevokeAccessToken(arguments.file, arguments.name);
  if (!status.ok()) return status.code() == ErrorCode::kInvalidArgument ? Misuse(status) : Fail(status);
  std::printf("revoked; an orchestrator that reads %s refuses it within a second, and cuts its connections\n",
              arguments.file.c_str());
  return 0;
}

int Certify(const Arguments& arguments) {
  if (!IsAccessName(arguments.name)) {
    return Misuse({ErrorCode::kInvalidArgument, "'" + arguments.name + "' is no name: 1 to 64 of [A-Za-z0-9._@-]"});
  }
  const Result<Authority> authority = Authority::Load({arguments.certs});
  if (!authority.ok()) return Fail(authority.status());
  const std::filesystem::path stem = std::filesystem::path(arguments.out) / arguments.name;
  const std::string certificate_path = stem.string() + ".pem";
  const std::string key_path = stem.string() + ".key";
  if (std::filesystem::exists(certificate_path) || std::filesystem::exists(key_path)) {
    return Misuse({ErrorCode::kInvalidArgument, certificate_path + " or " + key_path + " is there already"});
  }
  const Result<PrivateKeyPtr> key = MakeKey();
  if (!key.ok()) return Fail(key.status());
  const Result<X509Ptr> certificate =
      authority.value().IssuePerson(arguments.role + ":" + arguments.name, key.value().get(),
                                    Validity::StartingAt(CloudNow(), arguments.days > 0 ? arguments.days : 90));
  if (!certificate.ok()) return Fail(certificate.status());
  std::error_code failure;
  std::filesystem::create_directories(arguments.out, failure);
  if (Status status = WriteKey(key_path, key.value().get()); !status.ok()) return Fail(status);
  if (Status status = WriteCertificate(certificate_path, certificate.value().get()); !status.ok()) return Fail(status);
  std::printf("%s and %s: %s may act as %s at a starling-cloud --http-client-ca %s\n", certificate_path.c_str(),
              key_path.c_str(), arguments.name.c_str(), arguments.role.c_str(),
              CertificateFolder{arguments.certs}.ca().string().c_str());
  return 0;
}

}  // namespace

void AddTokensCommands(CLI::App* program, std::vector<Subcommand>* commands) {
  CLI::App* const group = program->add_subcommand("tokens", "Who may use the orchestrator's HTTP port");
  group->require_subcommand(1);
  const auto arguments = std::make_shared<Arguments>();
  Arguments* const a = arguments.get();
  const auto add_file = [a](CLI::App* command) {
    command->add_option("--file", a->file, "the file that starling-cloud --http-tokens reads")->capture_default_str();
  };
  CLI::App* const create = group->add_subcommand("create", "Make a token, and show it once");
  create->add_option("NAME", a->name, "who it is for; stands in the audit trail")->required();
  create->add_option("--role", a->role, "viewer looks, operator commands vehicles, admin sees who may")
      ->check(CLI::IsMember({"viewer", "operator", "admin"}))
      ->capture_default_str();
  create->add_option("--days", a->days, "until it expires [never]")->check(CLI::Range(1, 3650));
  add_file(create);
  commands->push_back({create, [arguments] { return Create(*arguments); }});
  CLI::App* const list = group->add_subcommand("list", "Whose tokens there are");
  add_file(list);
  commands->push_back({list, [arguments] { return List(*arguments); }});
  CLI::App* const revoke = group->add_subcommand("revoke", "Let a token open nothing any more");
  revoke->add_option("NAME", a->name, "whose")->required();
  add_file(revoke);
  CLI::App* const certify = group->add_subcommand("certificate", "The same as a client certificate, of the fleet's authority");
  certify->add_option("NAME", a->name, "who it is for")->required();
  certify->add_option("--certs", a->certs, "folder made by `starling init`")->required();
  certify->add_option("--role", a->role, "as of a token")
      ->check(CLI::IsMember({"viewer", "operator", "admin"}))
      ->capture_default_str();
  certify->add_option("--days", a->days, "until it expires [90]")->check(CLI::Range(1, 3650));
  certify->add_option("--out", a->out, "folder for NAME.pem and NAME.key")->capture_default_str();
  commands->push_back({certify, [arguments] { return Certify(*arguments); }});
  commands->push_back({revoke, [arguments] { return Revoke(*arguments); }});
}

}  // namespace starling::cloud
