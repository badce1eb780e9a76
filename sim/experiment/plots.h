// The drawings of an experiment's page, each an <svg> element whose looks are the page's style sheet's.
#pragma once

#include <cstddef>
#include <string>

#include "sim/experiment/experiment_result.h"

namespace starling::sim {

// Each figure's difference in percent of its mean without commands, with its interval.
std::string ForestPlot(const Experiment& experiment);

// Each seed's value without and with commands, joined, and the means.  REQUIRES: figure < figures.size().
std::string SlopePlot(const Experiment& experiment, std::size_t figure);

// So many values of a series are drawn as one, their mean, at most; 1: each of them is.
std::size_t ValuesInOne(const SpeedSeries& speed);

// Mean speed over time, the mean of the seeds with a band from the slowest to the fastest; below it the paired
// difference with its interval at each time.  REQUIRES: there is a series.
std::string SpeedPlot(const Experiment& experiment);

// Collisions, and near misses, that are no farther from the first one of them are one mark of the maps, m.
// REQUIRES: the city has bounds.
double MarkReachM(const ExperimentResult& result);

// Where collisions and near misses happened, without commands on the left, with them on the right, at one scale.
// REQUIRES: the city has bounds.
std::string EncounterMaps(const ExperimentResult& result);

}  // namespace starling::sim
