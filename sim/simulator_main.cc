// starling-sim: a city of vehicles with real agents against a running orchestrator.
#include "sim/simulator.h"

int main(int argc, char** argv) { return starling::sim::SimulatorMain(argc, argv); }
