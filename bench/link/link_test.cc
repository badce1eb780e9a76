// What the link table rests on: that rivals' encoders are real, that TLS and TCP are counted as they are, and
// that Starling keeps its distance in a small run.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "bench/link/driven_links.h"
#include "bench/link/link_meter.h"
#include "bench/link/mqtt_packet.h"
#include "bench/link/rivals.h"
#include "common/geo/trigonometry.h"
#include "sim/fleet/byte_baseline.h"

namespace starling {
namespace {

const TlsCosts& Tls() {
  static const TlsCosts costs = MeasureTls();
  return costs;
}

std::vector<Sample> SomeSamples(std::size_t count) {
  std::vector<Sample> samples;
  for (std::size_t i = 0; i < count; ++i) {
    const auto nth = static_cast<double>(i);
    Sample sample;
    sample.time = BootTime(seconds(5) + i * kSampleInterval);
    sample.position = {48.1351 + nth * 1.23e-5, 11.582 - nth * 2.34e-5};
    sample.heading_rad = 0.3 + nth * 0.01;
    sample.speed_mps = 11.23 + nth * 0.05;
    sample.accel_mps2 = -1.5;
    sample.yaw_rate_radps = 0.12;
    sample.accuracy_m = 1.4;
    sample.intent = wire::Intent::ToPickup;
    if (i % 2 == 0) sample.path.Append({12.34, 0.05});
    samples.push_back(sample);
  }
  return samples;
}

TEST(Rivals, EachGivesBackWhatItWasGiven) {
  const std::vector<Sample> samples = SomeSamples(10);
  const MessageContext context{"veh-00001", 7, 71};
  for (const Rival& rival : Rivals()) {
    const std::vector<std::byte> written = rival.encode(context, samples);
    const Result<std::vector<Sample>> read = rival.decode(context, written);
    ASSERT_TRUE(read.ok()) << rival.name << ": " << read.status().message();
    ASSERT_EQ(read.value().size(), samples.size()) << rival.name;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const Status same = CheckSame(samples[i], read.value()[i]);
      EXPECT_TRUE(same.ok()) << rival.name << ": " << same.message();
      ASSERT_EQ(read.value()[i].path.size(), samples[i].path.size()) << rival.name;
      if (samples[i].path.empty()) continue;
      EXPECT_NEAR(read.value()[i].path.arcs()[0].length_m, 12.34, 1e-9) << rival.name;
      EXPECT_NEAR(read.value()[i].path.arcs()[0].curvature_per_m, 0.05, 1e-9) << rival.name;
    }
  }
}

TEST(Rivals, AMessageThatIsCutIsRefused) {
  const std::vector<Sample> samples = SomeSamples(3);
  const MessageContext context{"veh-00001", 0, 1};
  for (const Rival& rival : Rivals()) {
    const std::vector<std::byte> written = rival.encode(context, samples);
    for (std::size_t bytes = 1; bytes < written.size(); ++bytes) {
      const auto read = rival.decode(context, std::span(written).first(bytes));
      EXPECT_FALSE(read.ok() && read.value().size() == samples.size()) << rival.name << " at " << bytes;
    }
  }
}

TEST(Rivals, ASampleThatIsTooFarOffIsNotTheSame) {
  const Sample sent = SomeSamples(1)[0];
  EXPECT_TRUE(CheckSame(sent, sent).ok());
  const auto changed = [&](auto change) {
    Sample read = sent;
    change(&read);
    return CheckSame(sent, read).ok();
  };
  EXPECT_FALSE(changed([](Sample* read) { read->position.lat_deg += 1.0e-7; read->position.lon_deg += 1e-7; }));
  EXPECT_TRUE(changed([](Sample* read) { read->position.lat_deg += 0.8e-7; }));
  EXPECT_FALSE(changed([](Sample* read) { read->speed_mps += 0.011; }));
  EXPECT_FALSE(changed([](Sample* read) { read->heading_rad += 0.011 * kDegree; }));
  EXPECT_FALSE(changed([](Sample* read) { read->accel_mps2 -= 0.011; }));
  EXPECT_FALSE(changed([](Sample* read) { read->yaw_rate_radps += 0.011 * kDegree; }));
  EXPECT_FALSE(changed([](Sample* read) { read->time += milliseconds(2); }));
  EXPECT_FALSE(changed([](Sample* read) { read->intent = wire::Intent::Idle; }));
}

// Known answers: MQTT 3.1.1, figure 3.11 in its section 3.3 has the topic "a/b" and identifier 10.
TEST(Mqtt, PacketsAreThoseOfTheStandard) {
  std::vector<std::byte> bytes;
  AppendMqttPublish("a/b", 10, {}, &bytes);
  const auto of = [](std::initializer_list<int> values) {
    std::vector<std::byte> packet;
    for (const int value : values) packet.push_back(static_cast<std::byte>(value));
    return packet;
  };
  EXPECT_EQ(bytes, of({0x32, 7, 0, 3, 'a', '/', 'b', 0, 10}));
  bytes.clear();
  AppendMqttPuback(0x1234, &bytes);
  EXPECT_EQ(bytes, of({0x40, 2, 0x12, 0x34}));
  bytes.clear();
  AppendMqttConnect("v", &bytes);
  EXPECT_EQ(bytes, of({0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 1, 'v'}));
}

// Section 2.2.3: up to 127 in one byte, 16383 in two.  sim::JsonOverMqtt, which the reports of runs go by, says
// the same of each length.
TEST(Mqtt, LengthsAreThoseThatReportsGoBy) {
  const std::string vehicle = "veh-00001";
  const std::string topic = "fleet/" + vehicle + "/telemetry";
  for (const std::size_t bytes : {0u, 1u, 95u, 96u, 97u, 98u, 99u, 100u, 16'350u, 16'353u, 16'354u, 16'355u, 16'360u, 70'000u}) {
    const std::string message(bytes, 'x');
    std::vector<std::byte> packet;
    AppendMqttPublish(topic, 1, std::as_bytes(std::span(message)), &packet);
    EXPECT_EQ(packet.size() + sim::kTlsRecordOverheadBytes, sim::JsonOverMqtt(vehicle, bytes).up) << bytes;
    const auto read = ReadMqttPublish(packet);
    ASSERT_TRUE(read.has_value()) << bytes;
    EXPECT_EQ(read->message.size(), bytes);
    EXPECT_EQ(read->topic, topic);
  }
}

TEST(LinkMeter, ARealConnectionPutsTwentyTwoBytesAroundARecord) {
  EXPECT_EQ(Tls().record_bytes, sim::kTlsRecordOverheadBytes);
  std::size_t up = 0;
  std::size_t down = 0;
  for (const TlsCosts::Flight& flight : Tls().handshake) (flight.way == Way::kUp ? up : down) += flight.bytes;
  // A certificate each way, at least.
  EXPECT_GT(up, 500u);
  EXPECT_GT(down, 500u);
}

TlsCosts NoTls() {
  TlsCosts none;
  none.record_bytes_max = 1 << 14;
  return none;
}

TEST(LinkMeter, AnAnswerWithinFortyMillisecondsCarriesTheAcknowledgement) {
  const TlsCosts none = NoTls();
  LinkMeter meter(&none);
  meter.Write(Way::kUp, 300, CloudTime());
  meter.Write(Way::kDown, 26, CloudTime(milliseconds(8)));
  meter.Write(Way::kUp, 300, CloudTime(milliseconds(100)));  // The answer was acknowledged alone before.
  meter.Write(Way::kDown, 26, CloudTime(milliseconds(141))); // And this sample before its answer.
  meter.Settle();
  EXPECT_EQ(meter.segments(Way::kUp), 2u + 2u);
  EXPECT_EQ(meter.segments(Way::kDown), 2u + 1u);
  EXPECT_EQ(meter.bytes().payload, 652u);
  EXPECT_EQ(meter.bytes().tcp_ip, 7 * LinkMeter::kHeaderBytes);
}

TEST(LinkMeter, EverySecondFullSegmentIsAcknowledged) {
  const TlsCosts none = NoTls();
  LinkMeter meter(&none);
  meter.Write(Way::kUp, 4 * LinkMeter::kSegmentBytesMax, CloudTime());
  EXPECT_EQ(meter.segments(Way::kUp), 4u);
  EXPECT_EQ(meter.segments(Way::kDown), 2u);
  meter.Write(Way::kUp, LinkMeter::kSegmentBytesMax + 1, CloudTime(seconds(1)));
  meter.Settle();
  EXPECT_EQ(meter.segments(Way::kUp), 6u);
  EXPECT_EQ(meter.segments(Way::kDown), 3u);
}

TEST(LinkMeter, LongWritesAreSeveralRecords) {
  TlsCosts costs = NoTls();
  costs.record_bytes = 22;
  LinkMeter meter(&costs);
  meter.Write(Way::kUp, (1 << 14) + 1, CloudTime());
  EXPECT_EQ(meter.bytes().tls, 44u);
}

// A small fleet for two minutes: with the handshakes left out, which a long drive does not notice.
TEST(LinkTable, StarlingKeepsItsDistanceAndLosesNothing) {
  const LinkFigures figures = DriveFleet(100, seconds(120), Tls());
  EXPECT_EQ(figures.wrong, "");
  EXPECT_EQ(figures.samples, 120'000u);
  EXPECT_LE(figures.picture.p99_m, 0.3);
  EXPECT_LE(figures.picture_before.p99_m, 0.3);
  std::uint64_t lanes = 0;
  for (const std::uint64_t lane : figures.lanes) lanes += lane;
  EXPECT_EQ(lanes, figures.starling.payload);
  ASSERT_EQ(figures.rivals.size(), Rivals().size());
  const auto lasting = [](const LinkBytes& bytes) { return static_cast<double>(bytes.total() - bytes.handshakes); };
  for (std::size_t i = 0; i < Rivals().size(); ++i) {
    EXPECT_GT(figures.rivals[i].payload, figures.samples * 30) << Rivals()[i].name;
    if (Rivals()[i].wanted == 0) continue;
    // A tenth more than is wanted of the long run.
    EXPECT_LE(lasting(figures.starling) / lasting(figures.rivals[i]), Rivals()[i].wanted * 1.1) << Rivals()[i].name;
  }
}

TEST(LinkTable, AReceiverThatErrsCostsFramesAndLosesNothing) {
  const std::vector<Sample> samples = SimulatedDrive(seconds(60));
  const LinkFigures figures = DriveAlone(samples, Tls());
  EXPECT_EQ(figures.wrong, "");
  EXPECT_EQ(figures.samples, samples.size());
  EXPECT_LE(figures.picture.p99_m, 0.3);
  EXPECT_LT(figures.starling.total() * 5, figures.rivals[0].total());
}

// Bytes are compared across commits, so they may not vary.
TEST(LinkTable, TheSameDriveCostsTheSameTwice) {
  const std::vector<Sample> samples = SimulatedDrive(seconds(30));
  EXPECT_EQ(DriveAlone(samples, Tls()).starling.payload, DriveAlone(samples, Tls()).starling.payload);
}

}  // namespace
}  // namespace starling
