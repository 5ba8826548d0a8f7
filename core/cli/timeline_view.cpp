#include "cli/timeline_view.hpp"

#include "base/error.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace nacre::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t max_phases = 10000;
constexpr int bar_columns = 40;

std::string text_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

double number_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  const double number = value && value->is_number() ? value->to_number<double>() : 0;
  return std::isfinite(number) && number >= 0 ? number : 0;
}

double total_of(const std::vector<TimelinePhase>& phases) {
  double total = 0.001; // no division by nothing
  for (const auto& phase : phases)
    total = std::max(total, phase.start_ms + phase.duration_ms);
  return total;
}

template <class... Values> std::string format(const char* pattern, Values... values) {
  char text[512];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

// Control characters would let a guest write to the operator's terminal.
std::string printable(std::string text) {
  for (auto& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return text.substr(0, 120);
}

std::string label_of(const TimelinePhase& phase) {
  return phase.object.empty() ? phase.name : phase.name + " (" + phase.object + ")";
}

} // namespace

std::vector<TimelinePhase> parse_timeline(std::string_view text, const std::string& name) {
  boost::system::error_code failure;
  const auto value = json::parse(text, failure);
  const auto* object = failure ? nullptr : value.if_object();
  const auto* list = object ? object->if_contains("phases") : nullptr;
  if (!list || !list->is_array())
    throw Error(ErrorCode::internal, "read timeline", name).because("it is not a timeline");
  std::vector<TimelinePhase> phases;
  for (const auto& item : list->get_array()) {
    if (!item.is_object() || phases.size() == max_phases) continue;
    const auto& phase = item.get_object();
    phases.push_back({printable(text_of(phase, "name")), printable(text_of(phase, "object")),
                      number_of(phase, "start_ms"), number_of(phase, "duration_ms")});
  }
  std::stable_sort(phases.begin(), phases.end(),
                   [](const auto& a, const auto& b) { return a.start_ms < b.start_ms; });
  return phases;
}

std::string timeline_as_table(const std::vector<TimelinePhase>& phases) {
  const double total = total_of(phases);
  std::size_t width = 5;
  for (const auto& phase : phases)
    width = std::max(width, label_of(phase).size());
  std::string out = format("%10s %10s  ", "start ms", "ms") + "phase\n";
  for (const auto& phase : phases) {
    const auto from = static_cast<std::size_t>(phase.start_ms / total * bar_columns);
    const auto length = std::max<std::size_t>(
        1, static_cast<std::size_t>(std::lround(phase.duration_ms / total * bar_columns)));
    const auto label = label_of(phase);
    out += format("%10.1f %10.1f  ", phase.start_ms, phase.duration_ms) + label +
           std::string(width - label.size() + 2, ' ') + std::string(from, ' ') +
           std::string(std::min<std::size_t>(length, bar_columns), '#') + "\n";
  }
  return out;
}

} // namespace nacre::cli
