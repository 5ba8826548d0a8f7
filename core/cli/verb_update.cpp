#include "cli/verbs.hpp"

#include "base/error.hpp"
#include "cli/resource_flags.hpp"
#include "oci/container_id.hpp"
#include "oci/file_io.hpp"
#include "oci/state.hpp"
#include "ttrpc/task_client.hpp"

namespace nacre::cli {
namespace {

constexpr std::size_t most_bytes = 1 << 20;

std::string read_resources(const std::string& path) {
  if (path == "-") return oci::read_standard_input(most_bytes, "read resources");
  const auto text = oci::read_file(path, most_bytes, "read resources");
  if (!text)
    throw Error(ErrorCode::not_found, "open " + path + ": no such file or directory"); // runc's words
  return *text;
}

} // namespace

CommandLine update_grammar() {
  CommandLine line("update [flags] <container-id>",
                   "Changes limits of a container. With --resources all other flags are ignored.");
  line.value("resources,r", "FILE", "file with an OCI linux.resources object as JSON; - is standard input");
  add_resource_flags(line);
  return line;
}

int verb_update(const GlobalOptions& options) {
  auto line = update_grammar();
  if (!line.parse(options.arguments, 1, 1)) return 0;
  const auto& id = line.words().front();
  oci::check_id(id);
  const auto state = oci::read_state(options.state_dir(id));
  const auto file = line.get("resources");
  const auto resources = file.empty() ? resources_of_flags(line) : read_resources(file);
  const auto status = oci::current_status(state);
  if (status == oci::Status::stopped || status == oci::Status::creating)
    throw Error(ErrorCode::failed_precondition, "container not running"); // runc's words
  ttrpc::TaskClient::connect(state.socket).update(id, resources);
  return 0;
}

} // namespace nacre::cli
