#include "cli/verbs.hpp"

#include "base/error.hpp"
#include "cli/container_states.hpp"
#include "cli/output.hpp"
#include "oci/state.hpp"

#include <algorithm>
#include <array>

namespace nacre::cli {
namespace {

std::string as_json(const std::vector<oci::State>& states) {
  if (states.empty()) return "null\n"; // runc's answer, which engines know
  std::string out = "[";
  for (const auto& state : states)
    out += (out.size() > 1 ? "," : "") + oci::to_printed_json(state, state.status);
  return out + "]\n";
}

std::string as_table(const std::vector<oci::State>& states) {
  std::vector<std::array<std::string, 6>> rows = {{"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}};
  for (const auto& state : states)
    rows.push_back({state.id, std::to_string(state.status == oci::Status::stopped ? 0 : state.pid),
                    std::string(oci::to_string(state.status)), state.bundle, state.created, state.owner});
  std::array<std::size_t, 6> widths{};
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max({widths[i], row[i].size() + 3, std::size_t{12}});
  std::string out;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i)
      out += row[i] + std::string(widths[i] - row[i].size(), ' ');
    out += row.back() + "\n";
  }
  return out;
}

} // namespace

CommandLine list_grammar() {
  CommandLine line("list [--format table|json] [--quiet]", "Lists the containers below --root.");
  line.value("format,f", "table|json", "table (default) or json");
  line.flag("quiet,q", "print ids only");
  return line;
}

int verb_list(const GlobalOptions& options) {
  auto line = list_grammar();
  if (!line.parse(options.arguments, 0, 0)) return 0;
  const auto format = line.get("format");
  if (!format.empty() && format != "table" && format != "json")
    throw Error(ErrorCode::invalid_argument, "unknown list format", format).hint("use table or json");
  const auto [states, problems] = container_states(options.root);
  for (const auto& problem : problems)
    log_error(problem);
  if (line.is_set("quiet")) {
    std::string out;
    for (const auto& state : states)
      out += state.id + "\n";
    print(out);
  } else {
    print(format == "json" ? as_json(states) : as_table(states));
  }
  return 0;
}

} // namespace nacre::cli
