// The simulator with vehicles whose controllers have a known fault: starling-sim's arguments,
// then --fault late|twice, last.
#include <boost/asio/steady_timer.hpp>
#include <cstdio>
#include <memory>
#include <string_view>
#include <utility>

#include "sim/simulator.h"

namespace starling::sim {
namespace {

using Controller = edge::Uplink::Controller;

// Acts three seconds after it was told to: leases of commands end after two, of advice after six.
Controller Late(std::size_t, boost::asio::io_context* context, Controller controller) {
  return [context, controller = std::move(controller)](const edge::ControlAction& action, BootTime now) {
    auto timer = std::make_shared<boost::asio::steady_timer>(*context, seconds(3));
    timer->async_wait([timer, controller, action, now](const boost::system::error_code& error) {
      if (!error) controller(action, now + seconds(3));
    });
  };
}

Controller Twice(std::size_t, boost::asio::io_context*, Controller controller) {
  return [controller = std::move(controller)](const edge::ControlAction& action, BootTime now) {
    controller(action, now);
    controller(action, now);
  };
}

int Run(int argc, char** argv) {
  const std::string_view fault = argc > 2 ? argv[argc - 1] : "";
  FleetHooks hooks;
  if (fault == "late") hooks.controller = Late;
  if (fault == "twice") hooks.controller = Twice;
  if (!hooks.controller) {
    std::fprintf(stderr, "faulty-sim: --fault late|twice comes last\n");
    return 2;
  }
  return SimulatorMain(argc - 2, argv, hooks);
}

}  // namespace
}  // namespace starling::sim

int main(int argc, char** argv) { return starling::sim::Run(argc, argv); }
