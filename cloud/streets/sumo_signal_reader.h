#pragma once

#include <optional>
#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "cloud/streets/street_network.h"
#include "cloud/streets/xml_text.h"

namespace starling::cloud {

// Reads <tlLogic>, of a network or of an additional file.
// Source: https://sumo.dlr.de/docs/Simulation/Traffic_Lights.html#loading_a_new_program.
//
// Threading: one thread owns it.
class SumoSignalReader {
 public:
  // `xml` outlives the reader.
  SumoSignalReader(XmlText* xml, std::vector<StreetSignal> signals);

  // `new_signals`: ids that are unknown so far are signals, too.
  void Read(pugi::xml_node logic, bool new_signals);

  std::optional<SignalIndex> Find(std::string_view id) const;
  // A railway's: has no programme, and is not taken over.
  bool IsRailway(std::string_view id) const { return railways_.contains(std::string(id)); }
  void AddRailway(std::string_view id) { railways_.emplace(id); }
  // Connections of the signal name link `link`.
  void NeedLink(pugi::xml_node node, SignalIndex signal, std::uint32_t link);

  // Puts the signals, and what was not taken over, into the network.
  void FinishInto(StreetNetwork* network);

 private:
  SignalProgramme ReadProgramme(pugi::xml_node logic, std::string_view id);

  XmlText* const xml_;
  std::vector<StreetSignal> signals_;
  std::unordered_map<std::string, SignalIndex> by_id_;
  std::unordered_set<std::string> railways_;
};

}  // namespace starling::cloud
