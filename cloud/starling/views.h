// The orchestrator's documents as tables and pages for people.  Each takes what
// docs/formats/http.md and explain.md describe, and shows a dash for what is not there.
#pragma once

#include <cstddef>
#include <string>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace starling::cloud {

// `vehicles`: entries of /v1/vehicles.
std::string VehiclesText(const boost::json::array& vehicles);
// /v1/vehicles/NAME, and its page of /v1/commands; of those what is left empty is left out.
std::string VehicleText(const boost::json::object& vehicle, const boost::json::array& commands);
std::string ConflictsText(const boost::json::object& document);
// The `count_max` most congested cells first.
std::string CellsText(const boost::json::object& document, std::size_t count_max);
// Entries of /v1/commands.
std::string CommandsText(const boost::json::array& commands);
// /v1/commands/ID: one page.
std::string ExplanationText(const boost::json::object& document);

// The answer to "is it streaming?": a sentence.
std::string StreamingText(const boost::json::object& vehicle);

}  // namespace starling::cloud
