// SUMO's words for what a network has.
// Source: https://sumo.dlr.de/docs/Networks/SUMO_Road_Networks.html and
// https://sumo.dlr.de/docs/Definition_of_Vehicles,_Vehicle_Types,_and_Routes.html#abstract_vehicle_class
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "cloud/streets/street_network.h"

namespace starling::cloud {

// None for an unknown word.
std::optional<EdgeFunction> EdgeFunctionOf(std::string_view word);
std::optional<JunctionKind> JunctionKindOf(std::string_view word);
std::optional<Turn> TurnOf(std::string_view word);
std::optional<RightOfWay> RightOfWayOf(std::string_view word);

// SUMO's word, "other" for kOther.
std::string_view WordFor(JunctionKind kind);

// Who may drive: those of `allow`, or if that is empty all but those of `disallow`.  Words
// that are no class of SUMO's are put into `unknown`.
VehicleClasses AllowedClasses(std::string_view allow, std::string_view disallow,
                              std::vector<std::string_view>* unknown);

}  // namespace starling::cloud
