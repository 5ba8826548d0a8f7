// The timeline as a picture.
#pragma once

#include "cli/timeline_view.hpp"

namespace nacre::cli {

// Lanes of the command line, the sandbox process and the guest below one time axis; in each lane the phases
// in the order of their start, many of one name on one line. Those where the time went are marked.
std::string timeline_as_svg(const std::vector<TimelinePhase>& phases, std::string_view title);

} // namespace nacre::cli
