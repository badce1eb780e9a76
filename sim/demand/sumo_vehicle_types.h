#pragma once

#include <optional>
#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cloud/streets/xml_text.h"
#include "sim/demand/demand.h"

namespace starling::sim {

// Adds up the weights of a mix's members.  A failure if they are not more than 0 together.
void FinishMix(cloud::XmlText* xml, pugi::xml_node node, Mix* mix);

// The numbers of a list; a failure if there are not `count` of them, or one is negative.
std::vector<double> Weights(cloud::XmlText* xml, pugi::xml_node node, const char* attribute, std::size_t count);

// Reads <vType> and <vTypeDistribution>.
// Source: https://sumo.dlr.de/docs/Definition_of_Vehicles,_Vehicle_Types,_and_Routes.html#vehicle_types
//
// Threading: one thread owns it.
class SumoVehicleTypes {
 public:
  explicit SumoVehicleTypes(Demand* demand) : demand_(demand) {}

  void ReadType(cloud::XmlText* xml, pugi::xml_node node);
  // REQUIRES: all types have been read.
  void ReadMix(cloud::XmlText* xml, pugi::xml_node node);

  // Knows the types that SUMO brings itself, such as DEFAULT_VEHTYPE, where no file has them.
  std::optional<Choice> Find(std::string_view id);

 private:
  Demand* const demand_;
  std::unordered_map<std::string, Choice> by_id_;
};

}  // namespace starling::sim
