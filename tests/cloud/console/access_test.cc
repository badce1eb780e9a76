// The door of the HTTP port: who is let in to what, with what, and until when.
#include "cloud/console/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "cloud/fleet_ca/authority.h"
#include "cloud/fleet_ca/pem_files.h"
#include "tests/cloud/console/fake_source.h"

namespace starling::cloud {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const CloudTime kNow = CloudTimeFromNs(1'800'000'000'000'000'000);
constexpr std::chrono::steady_clock::time_point kAt{};

class Door : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string folder = (std::filesystem::temp_directory_path() / "starling-XXXXXX").string();
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    config_.tokens = Path("tokens");
    for (const AccessRole role : {AccessRole::kViewer, AccessRole::kOperator, AccessRole::kAdmin}) {
      const std::string name = "a-" + std::string(NameOf(role));
      const auto token = CreateAccessToken(config_.tokens, name, role, std::nullopt, kNow);
      ASSERT_TRUE(token.ok()) << token.status().message();
      tokens_[static_cast<std::size_t>(role)] = token.value();
    }
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  std::string Token(AccessRole role) const { return tokens_[static_cast<std::size_t>(role)]; }
  void Open() {
    access_ = std::make_unique<Access>(config_);
    const Status status = access_->Open();
    ASSERT_TRUE(status.ok()) << status.message();
  }
  // A change is taken over once it has stopped changing.
  void Look(CloudTime now = kNow) {
    access_->Look(now);
    access_->Look(now);
  }

  AccessRequest Request(std::string_view method, std::string_view path, const std::string& token = "") {
    authorization_ = token.empty() ? "" : "Bearer " + token;
    AccessRequest request;
    request.method = method;
    request.path = path;
    request.authorization = authorization_;
    request.host = "cloud:7480";
    request.address = "10.0.0.1";
    return request;
  }
  unsigned Ask(const AccessRequest& request, CloudTime now = kNow,
               std::chrono::steady_clock::time_point at = kAt) {
    admission_ = access_->Admit(request, now, at);
    return admission_.refusal ? admission_.refusal->answer.status : 200;
  }
  unsigned Ask(std::string_view method, std::string_view path, const std::string& token = "", CloudTime now = kNow) {
    return Ask(Request(method, path, token), now);
  }
  std::string Field(const Reply& reply, std::string_view name) {
    for (const auto& [field, value] : reply.fields) {
      if (field == name) return value;
    }
    return "";
  }
  // The cookie that a sign-in sets, as a browser sends it back.
  std::string SignIn(const std::string& token, CloudTime now = kNow) {
    const Reply reply = access_->AnswerSession("POST", "application/json", R"({"token": ")" + token + "\"}", {}, now);
    EXPECT_EQ(reply.answer.status, 200u) << reply.answer.body;
    const std::string cookie = Field(reply, "Set-Cookie");
    return cookie.substr(0, cookie.find(';'));
  }

  std::filesystem::path folder_;
  AccessConfig config_;
  std::array<std::string, 4> tokens_;
  std::unique_ptr<Access> access_;
  std::string authorization_;
  AccessDecision admission_;
};

struct Way {
  const char* method;
  const char* path;
  AccessRole needed;
};
constexpr Way kWays[] = {
    {"GET", "/healthz", AccessRole::kStranger},       {"HEAD", "/readyz", AccessRole::kStranger},
    {"GET", "/readyz", AccessRole::kStranger},        {"GET", "/", AccessRole::kViewer},
    {"GET", "/app.js", AccessRole::kViewer},      {"GET", "/metrics", AccessRole::kViewer},
    {"GET", "/v1/stats", AccessRole::kViewer},    {"HEAD", "/v1/stats", AccessRole::kViewer},
    {"GET", "/v1/heatmap", AccessRole::kViewer},  {"GET", "/v1/conflicts", AccessRole::kViewer},
    {"GET", "/v1/audit", AccessRole::kViewer},    {"GET", "/v1/vehicles", AccessRole::kViewer},
    {"GET", "/v1/vehicles/a", AccessRole::kViewer}, {"GET", "/v1/commands", AccessRole::kViewer},
    {"GET", "/v1/commands/1", AccessRole::kViewer}, {"GET", "/v1/topics/history", AccessRole::kViewer},
    {"GET", "/v1/live", AccessRole::kViewer},     {"GET", "/v1/openapi.json", AccessRole::kViewer},
    {"GET", "/v1/session", AccessRole::kViewer},  {"GET", "/v1/switch", AccessRole::kViewer},
    {"GET", "/anything", AccessRole::kViewer},    {"GET", "/healthz/../v1/stats", AccessRole::kViewer},
    {"GET", "//healthz", AccessRole::kViewer},    {"GET", "", AccessRole::kViewer},
    {"POST", "/healthz", AccessRole::kViewer},    {"PUT", "/v1/stats", AccessRole::kViewer},
    {"DELETE", "/v1/vehicles/a", AccessRole::kViewer}, {"TRACE", "/", AccessRole::kViewer},
    {"POST", "/v1/commands", AccessRole::kOperator}, {"PUT", "/v1/commands", AccessRole::kOperator},
    {"POST", "/v1/switch", AccessRole::kOperator}, {"DELETE", "/v1/switch", AccessRole::kOperator},
    {"GET", "/v1/access", AccessRole::kAdmin},    {"POST", "/v1/access", AccessRole::kAdmin},
    {"POST", "/v1/session", AccessRole::kStranger},   {"DELETE", "/v1/session", AccessRole::kStranger},
};

TEST_F(Door, EveryPathAndMethodTakesItsRoleAndNothingLess) {
  config_.requests_burst = 1e6;
  Open();
  for (const Way& way : kWays) {
    const std::string what = std::string(way.method) + " " + way.path;
    EXPECT_EQ(RoleNeeded(way.method, way.path), way.needed) << what;
    EXPECT_EQ(Ask(way.method, way.path), way.needed == AccessRole::kStranger ? 200u : 401u) << what;
    EXPECT_EQ(Ask(way.method, way.path, "st_wrong"), way.needed == AccessRole::kStranger ? 200u : 401u) << what;
    for (const AccessRole role : {AccessRole::kViewer, AccessRole::kOperator, AccessRole::kAdmin}) {
      EXPECT_EQ(Ask(way.method, way.path, Token(role)), role >= way.needed ? 200u : 403u) << what << " " << NameOf(role);
    }
  }
}

TEST_F(Door, WithoutTokensAllMayLookAndNobodyMayCommand) {
  config_ = {};
  Open();
  EXPECT_EQ(Ask("GET", "/v1/stats"), 200u);
  EXPECT_EQ(admission_.caller.role, AccessRole::kViewer);
  EXPECT_EQ(Ask("POST", "/v1/commands"), 403u);
  EXPECT_THAT(admission_.refusal->answer.body, HasSubstr("--http-tokens"));
  EXPECT_EQ(Ask("GET", "/v1/access"), 403u);
}

TEST_F(Door, ATokenIsTheBearersAlone) {
  Open();
  const std::string token = Token(AccessRole::kViewer);
  for (const std::string& wrong :
       {token.substr(1), token + "x", token.substr(0, token.size() - 1), std::string("st_"), std::string(4'000, 'a')}) {
    EXPECT_EQ(Ask("GET", "/v1/stats", wrong), 401u) << wrong;
  }
  AccessRequest request = Request("GET", "/v1/stats", token);
  request.authorization = "Basic dXNlcjpwYXNz";
  EXPECT_EQ(Ask(request), 401u);
  const std::string lower = "bearer " + token;
  request.authorization = lower;
  EXPECT_EQ(Ask(request), 200u);
  EXPECT_EQ(admission_.caller.name, "a-viewer");
  EXPECT_THAT(Ask("GET", "/v1/stats"), 401u);
  EXPECT_EQ(Field(*admission_.refusal, "WWW-Authenticate"), "Bearer realm=\"starling\"");
}

TEST_F(Door, AFileOfTokensHoldsNoneOfThem) {
  Open();
  std::ifstream file(config_.tokens);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  for (const AccessRole role : {AccessRole::kViewer, AccessRole::kOperator, AccessRole::kAdmin}) {
    EXPECT_THAT(text, Not(HasSubstr(Token(role).substr(3))));
    EXPECT_EQ(Token(role).size(), 46u) << "256 bits";
  }
  EXPECT_EQ(std::filesystem::status(config_.tokens).permissions() & std::filesystem::perms(077), std::filesystem::perms::none);
  EXPECT_NE(Token(AccessRole::kViewer), Token(AccessRole::kAdmin));
}

TEST_F(Door, RevokedOrExpiredItOpensNothingAndWhoIsInsideIsSentOut) {
  const auto short_lived = CreateAccessToken(config_.tokens, "guest", AccessRole::kViewer, kNow + seconds(60), kNow);
  ASSERT_TRUE(short_lived.ok());
  Open();
  EXPECT_EQ(Ask("GET", "/v1/stats", Token(AccessRole::kOperator)), 200u);
  const Caller inside = admission_.caller;
  EXPECT_EQ(Ask("GET", "/v1/stats", short_lived.value()), 200u);
  const Caller guest = admission_.caller;
  EXPECT_TRUE(access_->Holds(inside, kNow));
  EXPECT_TRUE(access_->Holds(guest, kNow + seconds(59)));
  EXPECT_FALSE(access_->Holds(guest, kNow + seconds(60)));
  EXPECT_EQ(Ask("GET", "/v1/stats", short_lived.value(), kNow + seconds(60)), 401u);
  const std::string cookie = SignIn(Token(AccessRole::kOperator));

  ASSERT_TRUE(RevokeAccessToken(config_.tokens, "a-operator").ok());
  Look();
  EXPECT_FALSE(access_->Holds(inside, kNow));
  EXPECT_EQ(Ask("GET", "/v1/stats", Token(AccessRole::kOperator)), 401u);
  AccessRequest request = Request("GET", "/v1/stats");
  request.cookie = cookie;
  EXPECT_EQ(Ask(request), 401u) << "a session ends with its token";
  EXPECT_EQ(Ask("GET", "/v1/stats", Token(AccessRole::kViewer)), 200u);
}

TEST_F(Door, ABrokenFileOfTokensIsNamedByLineAndWhatWasInForceStays) {
  Open();
  std::ofstream(config_.tokens, std::ios::app) << "mallory admin 00 2026-01-01T00:00:00Z -\n";
  Look();
  EXPECT_EQ(Ask("GET", "/v1/stats", Token(AccessRole::kViewer)), 200u);
  Access second(config_);
  const Status status = second.Open();
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("tokens:6: expected a SHA-256"));
  std::filesystem::remove(config_.tokens);
  Look();
  EXPECT_EQ(Ask("GET", "/v1/stats", Token(AccessRole::kViewer)), 200u) << "a file that is gone revokes nobody";
}

TEST_F(Door, LinesThatAreNotAsTheyShouldBeAreNamed) {
  const std::string digest(64, 'a');
  const auto mistake = [&](const std::string& text) {
    std::ofstream(Path("other")) << text;
    const auto read = ReadAccessTokens(Path("other"));
    return read.ok() ? std::string() : std::string(read.status().message());
  };
  const std::string head = "starling-tokens 1\n";
  EXPECT_EQ(mistake(head + "ana viewer " + digest + " 2026-01-01T00:00:00Z -\n"), "");
  EXPECT_THAT(mistake(""), HasSubstr(":1: expected \"starling-tokens 1\""));
  EXPECT_THAT(mistake("starling-tokens 2\n"), HasSubstr(":1: expected"));
  EXPECT_THAT(mistake(head + "ana root " + digest + " 2026-01-01T00:00:00Z -\n"), HasSubstr(":2: expected viewer, operator or admin"));
  EXPECT_THAT(mistake(head + "an/a viewer " + digest + " 2026-01-01T00:00:00Z -\n"), HasSubstr("a name is"));
  EXPECT_THAT(mistake(head + "ana viewer " + digest + " yesterday -\n"), HasSubstr("expected a time"));
  EXPECT_THAT(mistake(head + "ana viewer " + digest + " 2026-01-01T00:00:00Z soon\n"), HasSubstr("expected a time or -"));
  EXPECT_THAT(mistake(head + "ana viewer " + digest + " 2026-01-01T00:00:00Z\n"), HasSubstr("NAME ROLE SHA256"));
  const std::string line = "ana viewer " + digest + " 2026-01-01T00:00:00Z -\n";
  EXPECT_THAT(mistake(head + line + line), HasSubstr(":3: the name ana is there twice"));
  EXPECT_FALSE(CreateAccessToken(config_.tokens, "a-viewer", AccessRole::kViewer, std::nullopt, kNow).ok());
  EXPECT_FALSE(CreateAccessToken(config_.tokens, "a b", AccessRole::kViewer, std::nullopt, kNow).ok());
  EXPECT_FALSE(RevokeAccessToken(config_.tokens, "nobody").ok());
}

TEST_F(Door, APageOfAnotherSiteMayNeitherChangeAnythingNorOpenASocket) {
  Open();
  const std::string cookie = SignIn(Token(AccessRole::kOperator));
  AccessRequest post = Request("POST", "/v1/commands");
  post.cookie = cookie;
  EXPECT_EQ(Ask(post), 403u) << "a browser says where a page came from";
  post.origin = "http://cloud:7480";
  EXPECT_EQ(Ask(post), 200u);
  post.origin = "https://cloud:7480";
  EXPECT_EQ(Ask(post), 200u) << "a proxy in front may speak TLS";
  for (const char* foreign : {"http://evil.example", "null", "http://cloud", "http://cloud:7480.evil.example",
                              "http://evil.example/http://cloud:7480", "ftp://cloud:7480", "cloud:7480"}) {
    post.origin = foreign;
    EXPECT_EQ(Ask(post), 403u) << foreign;
  }
  post.origin = "http://cloud:7480";
  post.fetch_site = "cross-site";
  EXPECT_EQ(Ask(post), 403u);
  AccessRequest socket = Request("GET", "/v1/live");
  socket.cookie = cookie;
  socket.upgrades = true;
  EXPECT_EQ(Ask(socket), 403u);
  socket.origin = "http://evil.example";
  EXPECT_EQ(Ask(socket), 403u);
  socket.origin = "http://cloud:7480";
  EXPECT_EQ(Ask(socket), 200u);
  AccessRequest token = Request("GET", "/v1/live", Token(AccessRole::kViewer));
  token.upgrades = true;
  EXPECT_EQ(Ask(token), 200u) << "a program has no origin";
  token.origin = "http://evil.example";
  EXPECT_EQ(Ask(token), 403u);
  AccessRequest sign_in = Request("POST", "/v1/session");
  sign_in.origin = "http://evil.example";
  EXPECT_EQ(Ask(sign_in), 403u);
  AccessRequest open = Request("GET", "/v1/live", "");
  config_ = {};
  Open();
  open.upgrades = true;
  open.origin = "http://evil.example";
  EXPECT_EQ(Ask(open), 403u) << "also where nobody is asked";
}

TEST_F(Door, ASessionIsACookieThatScriptsAndOtherSitesNeverGet) {
  Open();
  const std::string body = R"({"token": ")" + Token(AccessRole::kOperator) + "\"}";
  const Reply reply = access_->AnswerSession("POST", "application/json", body, {}, kNow);
  const std::string cookie = Field(reply, "Set-Cookie");
  EXPECT_THAT(cookie, HasSubstr("; HttpOnly; SameSite=Strict"));
  EXPECT_THAT(cookie, Not(HasSubstr(Token(AccessRole::kOperator).substr(3))));
  EXPECT_THAT(cookie, Not(HasSubstr("Secure"))) << "or a browser would not keep it without TLS";
  AccessRequest request = Request("GET", "/v1/stats");
  const std::string sent = "other=1; " + cookie.substr(0, cookie.find(';')) + "; third=2";
  request.cookie = sent;
  EXPECT_EQ(Ask(request), 200u);
  EXPECT_EQ(admission_.caller.name, "a-operator");
  EXPECT_EQ(admission_.caller.role, AccessRole::kOperator);
  EXPECT_EQ(Ask(request, kNow + config_.session), 401u) << "it ends";
  // Each changed character makes it nobody's.
  for (std::size_t i = sent.find('=', 8) + 1; i < sent.find("; third"); ++i) {
    std::string forged = sent;
    forged[i] = forged[i] == '1' ? '2' : '1';
    request.cookie = forged;
    EXPECT_EQ(Ask(request), 401u) << i;
  }
  for (const char* wrong : {"{}", "", "[]", R"({"token": 1})", R"({"token": "st_wrong"})"}) {
    EXPECT_EQ(access_->AnswerSession("POST", "application/json", wrong, {}, kNow).answer.status, 401u) << wrong;
  }
  EXPECT_THAT(Field(access_->AnswerSession("DELETE", "", "", {}, kNow), "Set-Cookie"), HasSubstr("Max-Age=0"));
}

TEST_F(Door, AFormSignsInWithoutAScript) {
  Open();
  AccessRequest page = Request("GET", "/");
  page.wants_page = true;
  EXPECT_EQ(Ask(page), 401u);
  EXPECT_THAT(admission_.refusal->answer.body, HasSubstr("<form method=\"post\" action=\"/v1/session\">"));
  const Reply reply = access_->AnswerSession("POST", "application/x-www-form-urlencoded",
                                             "token=" + Token(AccessRole::kViewer), {}, kNow);
  EXPECT_EQ(reply.answer.status, 303u);
  EXPECT_EQ(Field(reply, "Location"), "/");
  EXPECT_THAT(Field(reply, "Set-Cookie"), HasSubstr("HttpOnly"));
  EXPECT_EQ(access_->AnswerSession("POST", "application/x-www-form-urlencoded", "token=%zz", {}, kNow).answer.status, 401u);
}

TEST_F(Door, ASessionOutlivesARestartWithItsKeyAndNotWithAnother) {
  config_.session_key = Path("session.key");
  Open();
  const std::string cookie = SignIn(Token(AccessRole::kViewer));
  EXPECT_EQ(std::filesystem::file_size(config_.session_key), 32u);
  Open();
  AccessRequest request = Request("GET", "/v1/stats");
  request.cookie = cookie;
  EXPECT_EQ(Ask(request), 200u);
  std::filesystem::remove(config_.session_key);
  Open();
  EXPECT_EQ(Ask(request), 401u);
  std::ofstream(config_.session_key) << "short";
  Access damaged(config_);
  EXPECT_FALSE(damaged.Open().ok());
}

TEST_F(Door, WhoAsksTooOftenWaitsAndHealthIsNeverTurnedAway) {
  config_.requests_per_second = 2;
  config_.requests_burst = 5;
  Open();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Ask("GET", "/v1/stats"), 401u);
  EXPECT_EQ(Ask("GET", "/v1/stats"), 429u);
  EXPECT_EQ(Field(*admission_.refusal, "Retry-After"), "1");
  EXPECT_EQ(Ask("GET", "/healthz"), 200u);
  AccessRequest other = Request("GET", "/v1/stats");
  const std::string bearer = "Bearer " + Token(AccessRole::kViewer);
  other.authorization = bearer;
  other.address = "10.0.0.2";
  EXPECT_EQ(Ask(other), 200u) << "another address";
  EXPECT_EQ(Ask(Request("GET", "/v1/stats", Token(AccessRole::kAdmin)), kNow, kAt + milliseconds(500)), 200u);
  // One name from many addresses.
  unsigned limited = 0;
  for (int i = 0; i < 10; ++i) {
    other.address = "10.0.1." + std::to_string(i);
    limited += Ask(other) == 429 ? 1 : 0;
  }
  EXPECT_EQ(limited, 6u);
}

TEST(AccessRatesTest, KnowsABoundedNumberOfNamesAndForgetsWhoHasWaited) {
  AccessRates rates(1, 2);
  for (int i = 0; i < 3 * static_cast<int>(AccessRates::kNamesMax); ++i) {
    (void)rates.Take(std::to_string(i), kAt);
  }
  EXPECT_LE(rates.names(), AccessRates::kNamesMax + 1);
  EXPECT_GT(rates.Take("a new one", kAt).count(), 0) << "new names share what is left";
  EXPECT_EQ(rates.Take("a new one", kAt + seconds(5)).count(), 0) << "the others are full again";
  EXPECT_LE(rates.names(), 2u);
}

TEST(AccessRatesTest, AnAddressOfIpv6IsItsFirstHalf) {
  EXPECT_EQ(AddressKey("2001:db8::1"), AddressKey("2001:db8::ffff:1"));
  EXPECT_NE(AddressKey("2001:db8::1"), AddressKey("2001:db8:0:1::1"));
  EXPECT_EQ(AddressKey("::ffff:10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(AddressKey("10.0.0.1"), "10.0.0.1");
}

class Certificates : public Door {
 protected:
  void SetUp() override {
    Door::SetUp();
    Result<Authority> authority = Authority::Create("a fleet", Validity::StartingAt(CloudNow(), 2));
    ASSERT_TRUE(authority.ok());
    authority_.emplace(std::move(authority).value());
    const auto key = MakeKey();
    const auto server = authority_->IssueServer({"127.0.0.1"}, key.value().get(), Validity::StartingAt(CloudNow(), 2));
    ASSERT_TRUE(WriteCertificate(Path("ca.pem"), authority_->credentials().certificate.get()).ok());
    ASSERT_TRUE(WriteCertificate(Path("server.pem"), server.value().get()).ok());
    ASSERT_TRUE(WriteKey(Path("server.key"), key.value().get()).ok());
    config_.certificate = Path("server.pem");
    config_.key = Path("server.key");
    config_.client_ca = Path("ca.pem");
    key_ = MakeKey().value();
  }
  unsigned AskAs(X509* certificate, std::string_view path = "/v1/stats", CloudTime now = CloudNow()) {
    AccessRequest request = Request("GET", path);
    request.certificate = certificate;
    return Ask(request, now);
  }
  X509Ptr Person(const std::string& name, int days = 1) {
    return std::move(authority_->IssuePerson(name, key_.get(), Validity::StartingAt(CloudNow(), days))).value();
  }

  std::optional<Authority> authority_;
  PrivateKeyPtr key_;
};

TEST_F(Certificates, ARoleIsInTheNameAndAVehicleHasNone) {
  Open();
  EXPECT_EQ(AskAs(Person("viewer:ana").get()), 200u);
  EXPECT_EQ(admission_.caller.name, "ana");
  EXPECT_EQ(AskAs(Person("viewer:ana").get(), "/v1/access"), 403u);
  EXPECT_EQ(AskAs(Person("admin:ana").get(), "/v1/access"), 200u);
  for (const char* none : {"root:ana", ":ana", "viewer:", "viewer:a b", "ana:viewer"}) {
    EXPECT_EQ(AskAs(Person(none).get()), 401u) << none;
  }
  const auto vehicle =
      authority_->IssueVehicle(VehicleId::Parse("veh-00001").value(), key_.get(), Validity::StartingAt(CloudNow(), 1));
  EXPECT_EQ(AskAs(vehicle.value().get()), 401u);
  EXPECT_EQ(AskAs(Person("viewer:ana").get(), "/v1/stats", CloudNow() + std::chrono::hours(25)), 401u) << "expired";
  EXPECT_FALSE(VehicleOf(Person("operator:ana").get(), CloudNow()).ok()) << "and a person is no vehicle";
  EXPECT_FALSE(authority_->IssuePerson("ana", key_.get(), Validity::StartingAt(CloudNow(), 1)).ok());
}

TEST_F(Certificates, NewAuthoritiesSendOutWhoWasHeldAgainstTheFormerOnes) {
  Open();
  ASSERT_EQ(AskAs(Person("viewer:ana").get()), 200u);
  const Caller inside = admission_.caller;
  EXPECT_TRUE(access_->Holds(inside, CloudNow()));
  const auto other = Authority::Create("another", Validity::StartingAt(CloudNow(), 2));
  ASSERT_TRUE(WriteCertificate(Path("ca.pem"), other.value().credentials().certificate.get()).ok());
  Look(CloudNow());
  EXPECT_FALSE(access_->Holds(inside, CloudNow()));
}

TEST_F(Certificates, ANewCertificateIsShownWithoutARestartAndABrokenOneIsNot) {
  Open();
  const auto serial = [&] {
    return SerialText(X509_get_serialNumber(SSL_CTX_get0_certificate(access_->tls())));
  };
  const std::string before = serial();
  const auto key = MakeKey();
  const auto server = authority_->IssueServer({"127.0.0.1"}, key.value().get(), Validity::StartingAt(CloudNow(), 2));
  ASSERT_TRUE(WriteCertificate(Path("server.pem"), server.value().get()).ok());
  Look();
  EXPECT_EQ(serial(), before) << "its key is not there yet";
  ASSERT_TRUE(WriteKey(Path("server.key"), key.value().get()).ok());
  Look();
  EXPECT_NE(serial(), before);
}

TEST(AccessConfigTest, SaysWhatDoesNotFit) {
  EXPECT_TRUE(AccessConfig().Validate().ok());
  AccessConfig config;
  config.certificate = "a";
  EXPECT_THAT(std::string(config.Validate().message()), HasSubstr("certificate and key"));
  config = {};
  config.client_ca = "a";
  EXPECT_THAT(std::string(config.Validate().message()), HasSubstr("--http-cert"));
  config = {};
  config.requests_per_second = 0;
  EXPECT_FALSE(config.Validate().ok());
  config = {};
  config.body_bytes_max = 1;
  EXPECT_FALSE(config.Validate().ok());
  config = {};
  config.session = seconds(1);
  EXPECT_FALSE(config.Validate().ok());
  config = {};
  config.client_crl = "a";
  EXPECT_FALSE(config.Validate().ok());
}

}  // namespace
}  // namespace starling::cloud
