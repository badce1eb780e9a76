#include "sim/accuracy/accuracy_text.h"

namespace starling::sim {

std::string AccuracyPage(const Accuracy&) { return {}; }

}  // namespace starling::sim
