#include "cli/verbs.hpp"

#include "base/error.hpp"
#include "cli/output.hpp"
#include "cli/timeline_svg.hpp"
#include "oci/container_id.hpp"
#include "oci/file_io.hpp"
#include "oci/pretty_json.hpp"
#include "oci/state.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

namespace nacre::cli {
namespace {

// With the phases that deletion will pass, since no file outlives them.
std::string as_json(const std::string& text, const std::string& name) {
  parse_timeline(text, name); // refuses what is none
  auto value = boost::json::parse(text);
  value.get_object()["delete_phases"] = {"delete.task", "delete.state"};
  return oci::pretty(value) + "\n";
}

} // namespace

CommandLine timeline_grammar() {
  CommandLine line("timeline [--json] [--svg FILE] <container-id>",
                   "Shows where the time of a container's start went.");
  line.flag("json", "print it as JSON");
  line.value("svg", "FILE", "draw it into this file");
  return line;
}

int verb_timeline(const GlobalOptions& options) {
  auto line = timeline_grammar();
  if (!line.parse(options.arguments, 1, 1)) return 0;
  const auto& id = line.words().front();
  oci::check_id(id);
  oci::read_state(options.state_dir(id)); // "container does not exist"
  const auto name = options.state_dir(id) + "/timeline.json";
  const auto text = oci::read_file(name, 16 << 20, "read timeline");
  if (!text)
    throw Error(ErrorCode::not_found, "read timeline", name)
        .because("the container has none yet")
        .hint("it is written when the start has ended");
  if (line.is_set("json")) {
    print(as_json(*text, name));
    return 0;
  }
  const auto phases = parse_timeline(*text, name);
  if (const auto file = line.get("svg"); !file.empty())
    oci::replace_file(absolute_path(file), timeline_as_svg(phases, "container " + id), 0644, "write");
  else
    print(timeline_as_table(phases));
  return 0;
}

} // namespace nacre::cli
