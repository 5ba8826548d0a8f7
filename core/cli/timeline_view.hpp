// timeline.json, for people.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nacre::cli {

struct TimelinePhase {
  std::string name;
  std::string object;
  double start_ms = 0; // since the first phase began
  double duration_ms = 0;
};

// Throws Error when the text is not such a document. Guests write part of it: at most 10000 phases are taken.
std::vector<TimelinePhase> parse_timeline(std::string_view text, const std::string& name);

std::string timeline_as_table(const std::vector<TimelinePhase>& phases);

} // namespace nacre::cli
