#include "cloud/log/kafka_config.h"

#include <algorithm>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "cloud/log/ticket_window.h"

namespace starling::cloud {
namespace {

KafkaConfig Valid() {
  KafkaConfig config;
  config.bootstrap = std::string("broker:9092");
  return config;
}

std::string RefusalOf(const KafkaConfig& config) {
  const Status status = config.Validate();
  return std::string(status.ok() ? std::string_view() : status.message());
}

TEST(KafkaConfig, TheDefaultsNeedOnlyABroker) {
  EXPECT_EQ(RefusalOf(Valid()), "");
  EXPECT_NE(RefusalOf(KafkaConfig()).find("bootstrap"), std::string::npos);
}

TEST(KafkaConfig, SecurityIsPassedThrough) {
  KafkaConfig config = Valid();
  config.properties = {{"security.protocol", "SASL_SSL"},
                       {"sasl.mechanism", "SCRAM-SHA-512"},
                       {"sasl.username", "shard"},
                       {"sasl.password", "hush"},
                       {"ssl.ca.location", "/etc/ssl/kafka-ca.pem"},
                       {"ssl.key.password", "hush"}};
  EXPECT_EQ(RefusalOf(config), "");
}

TEST(KafkaConfig, AnUnknownPropertyIsNamed) {
  KafkaConfig config = Valid();
  config.properties.emplace("sasl.pasword", "hush");
  EXPECT_NE(RefusalOf(config).find("sasl.pasword"), std::string::npos);
}

TEST(KafkaConfig, WhatPromisesRestOnCannotBeChanged) {
  for (const char* name : {"acks", "enable.idempotence", "isolation.level", "auto.offset.reset", "transactional.id",
                           "message.timeout.ms", "group.id", "linger.ms"}) {
    KafkaConfig config = Valid();
    config.properties.emplace(name, "1");
    EXPECT_NE(RefusalOf(config).find(name), std::string::npos) << name;
  }
}

TEST(KafkaConfig, SecretsAreNotShown) {
  KafkaConfig config = Valid();
  config.properties = {{"sasl.username", "shard"},
                       {"sasl.password", "hush"},
                       {"ssl.key.password", "hush"},
                       {"ssl.key.pem", "hush"},
                       {"ssl.keystore.password", "hush"},
                       {"sasl.oauthbearer.client.secret", "hush"},
                       {"sasl.oauthbearer.config", "hush"}};
  const std::string shown = Describe(config);
  EXPECT_EQ(shown.find("hush"), std::string::npos) << shown;
  EXPECT_NE(shown.find("sasl.username=shard"), std::string::npos) << shown;
  // Nor where a value is refused.
  config.properties = {{"ssl.key.pem", "hush"}};
  EXPECT_EQ(RefusalOf(config).find("hush"), std::string::npos);
}

TEST(KafkaConfig, NamesCarryThePrefix) {
  KafkaConfig config = Valid();
  EXPECT_EQ(config.TopicNameOf(Topic::kDeadLetter), "starling.dead-letter");
  EXPECT_EQ(config.RegionName(Partition{7}), "starling.region-7");
  config.prefix = std::string("no spaces");
  EXPECT_NE(RefusalOf(config).find("prefix"), std::string::npos);
}

TEST(TicketWindow, DoneIsTheEndOfTheUnbrokenPrefix) {
  TicketWindow window(8);
  const auto now = std::chrono::steady_clock::now();
  for (int i = 0; i < 4; ++i) (void)window.Open(now);
  (void)window.Finish(Ticket{2}, now);
  (void)window.Finish(Ticket{4}, now);
  EXPECT_EQ(window.done(), Ticket{0});
  (void)window.Finish(Ticket{1}, now);
  EXPECT_EQ(window.done(), Ticket{2});
  (void)window.Finish(Ticket{3}, now + milliseconds(5));
  EXPECT_EQ(window.done(), Ticket{4});
}

TEST(TicketWindow, IsFullAtItsSizeAndWrapsAround) {
  TicketWindow window(4);
  const auto now = std::chrono::steady_clock::now();
  std::mt19937 random(1);
  for (int round = 0; round < 1'000; ++round) {
    std::vector<Ticket> open;
    while (!window.full()) open.push_back(window.Open(now));
    ASSERT_EQ(open.size(), 4u);
    std::shuffle(open.begin(), open.end(), random);
    for (const Ticket ticket : open) (void)window.Finish(ticket, now);
    ASSERT_EQ(window.done(), window.last());
  }
}

TEST(TicketWindow, ATicketTakenBackIsGivenAgain) {
  TicketWindow window(4);
  const auto now = std::chrono::steady_clock::now();
  const Ticket first = window.Open(now);
  const Ticket refused = window.Open(now);
  window.TakeBack(refused);
  (void)window.Finish(first, now);
  EXPECT_EQ(window.done(), first);
  EXPECT_EQ(window.Open(now), refused);
  EXPECT_EQ(window.done(), first);
}

}  // namespace
}  // namespace starling::cloud
