#include "cloud/streets/sumo_signal_reader.h"

#include <algorithm>
#include <utility>

#include "cloud/streets/sumo_network.h"
#include "cloud/streets/text_file.h"

namespace starling::cloud {
namespace {

constexpr std::size_t kProgrammesMax = 100;  // of one signal
constexpr double kSecondsMax = 1e6;
constexpr std::uint32_t kLinksMax = 65'535;

bool HasNoProgramme(std::string_view type) { return type == "rail_signal" || type == "rail_crossing"; }

}  // namespace

SumoSignalReader::SumoSignalReader(XmlText* xml, std::vector<StreetSignal> signals)
    : xml_(xml), signals_(std::move(signals)) {
  for (SignalIndex i = 0; i < signals_.size(); ++i) by_id_.emplace(signals_[i].id, i);
}

std::optional<SignalIndex> SumoSignalReader::Find(std::string_view id) const {
  const auto found = by_id_.find(std::string(id));
  if (found == by_id_.end()) return std::nullopt;
  return found->second;
}

SignalProgramme SumoSignalReader::ReadProgramme(pugi::xml_node logic, std::string_view id) {
  SignalProgramme programme;
  programme.offset_s = xml_->Number(logic, "offset", -kSecondsMax, kSecondsMax, 0);
  double cycle_s = 0;
  for (const pugi::xml_node node : logic.children("phase")) {
    // The least and greatest durations are those of signals that see traffic.
    xml_->SkipAttributes(node, {"duration", "state", "minDur", "maxDur", "name"});
    SignalPhase phase{xml_->Number(node, "duration", 0, kSecondsMax), node.attribute("state").value()};
    if (phase.state.empty() || phase.state.find_first_not_of("rygGsuoOY") != std::string::npos) {
      xml_->Fail(node, "letters r y g G s u o O as state of <phase>, not " + Quoted(phase.state));
    }
    std::replace(phase.state.begin(), phase.state.end(), 'Y', 'y');  // Goes first when it blinks; it does not.
    if (!programme.phases.empty() && programme.phases.front().state.size() != phase.state.size()) {
      xml_->Fail(node, std::to_string(programme.phases.front().state.size()) +
                           " letters as state, as in the programme's first phase, not " +
                           std::to_string(phase.state.size()));
    }
    cycle_s += phase.duration_s;
    programme.phases.push_back(std::move(phase));
  }
  if (!programme.phases.empty() && cycle_s <= 0) {
    xml_->Fail(logic, "phases that last longer than 0 s together in <tlLogic id=" + Quoted(id) + ">");
  }
  return programme;
}

void SumoSignalReader::Read(pugi::xml_node logic, bool new_signals) {
  const std::string id(xml_->Text(logic, "id"));
  const std::string_view type = logic.attribute("type").value();
  const std::string words = Quoted(type);
  if (HasNoProgramme(type)) {
    xml_->Skip("signals of type " + words);
    AddRailway(id);
    return;
  }
  if (type == "off") {
    xml_->Skip("signal programmes of type " + words);
    return;
  }
  if (!type.empty() && type != "static") xml_->Skip("signal programmes of type " + words + ", taken as static");
  xml_->SkipAttributes(logic, {"id", "type", "programID", "offset"});
  xml_->SkipElements(logic, {"phase"});

  SignalProgramme programme = ReadProgramme(logic, id);
  const std::string_view name = logic.attribute("programID").value();
  programme.id = name.empty() ? "default" : name;  // As SUMO calls it.
  const std::optional<SignalIndex> known = Find(id);
  if (!known && !new_signals) return xml_->Fail(logic, "a signal of the network as id, not " + Quoted(id));
  if (!known) {
    if (programme.phases.empty()) return xml_->Fail(logic, "a <phase> in <tlLogic id=" + Quoted(id) + ">");
    by_id_.emplace(id, static_cast<SignalIndex>(signals_.size()));
    signals_.push_back({id, {std::move(programme)}});
    return;
  }
  StreetSignal& signal = signals_[*known];
  const auto same = std::find_if(signal.programmes.begin(), signal.programmes.end(),
                                 [&](const SignalProgramme& other) { return other.id == programme.id; });
  if (programme.phases.empty()) {
    if (same == signal.programmes.end()) return xml_->Fail(logic, "a <phase> in <tlLogic id=" + Quoted(id) + ">");
    same->offset_s = programme.offset_s;
    return;
  }
  if (same != signal.programmes.end()) {
    return xml_->Fail(logic, "a programID that signal " + Quoted(id) + " has not, not " + Quoted(programme.id));
  }
  if (signal.programmes.size() >= kProgrammesMax) {
    return xml_->Fail(logic, "at most " + std::to_string(kProgrammesMax) + " programmes of signal " + Quoted(id));
  }
  if (programme.phases.front().state.size() < signal.links) {
    return xml_->Fail(logic, "at least " + std::to_string(signal.links) + " letters in each state of signal " +
                                 Quoted(id) + ", as its connections need, not " +
                                 std::to_string(programme.phases.front().state.size()));
  }
  signal.programmes.push_back(std::move(programme));
}

void SumoSignalReader::NeedLink(pugi::xml_node node, SignalIndex signal, std::uint32_t link) {
  StreetSignal& needed = signals_[signal];
  for (const SignalProgramme& programme : needed.programmes) {
    const std::size_t letters = programme.phases.front().state.size();
    if (link < letters) continue;
    return xml_->Fail(node, "linkIndex below " + std::to_string(letters) + ", the letters of programme " +
                                Quoted(programme.id) + " of signal " + Quoted(needed.id) + ", not " +
                                std::to_string(link));
  }
  needed.links = std::max(needed.links, std::min(link, kLinksMax) + 1);
}

void SumoSignalReader::FinishInto(StreetNetwork* network) {
  network->signals_ = std::move(signals_);
  std::map<std::string, std::uint64_t> all = xml_->skipped();
  for (const Unsupported& before : network->unsupported_) all[before.what] += before.count;
  network->unsupported_.clear();
  for (const auto& [what, count] : all) network->unsupported_.push_back({what, count});
}

Status ParseSumoSignals(std::string text, const std::string& name, StreetNetwork* network) {
  XmlText xml(std::move(text), name);
  const pugi::xml_node root = xml.Root({"additional", "add"}, "element <additional>");
  SumoSignalReader reader(&xml, {network->signals().begin(), network->signals().end()});
  for (const pugi::xml_node logic : root.children("tlLogic")) {
    if (!xml.failed()) reader.Read(logic, /*new_signals=*/false);
  }
  xml.SkipElements(root, {"tlLogic"});
  if (xml.failed()) return xml.failure();
  reader.FinishInto(network);
  return {};
}

Status AddSumoSignals(const std::string& path, StreetNetwork* network) {
  Result<std::string> text = ReadTextFile(path, kSumoTextBytesMax);
  if (!text.ok()) return text.status();
  return ParseSumoSignals(std::move(text).value(), path, network);
}

}  // namespace starling::cloud
