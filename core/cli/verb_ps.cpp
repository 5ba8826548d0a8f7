#include "cli/verbs.hpp"

#include "base/error.hpp"
#include "cli/host_ps.hpp"
#include "cli/output.hpp"
#include "oci/container_id.hpp"
#include "oci/state.hpp"
#include "ttrpc/task_client.hpp"

#include <limits>

namespace nacre::cli {
namespace {

// None when it has stopped: runc finds an empty cgroup then.
std::vector<int> pids_of(const oci::State& state) {
  const auto status = oci::current_status(state);
  if (status == oci::Status::stopped || status == oci::Status::creating) return {};
  const auto answer = ttrpc::TaskClient::connect(state.socket).pids(state.id);
  std::vector<int> pids;
  for (const auto& process : answer.processes())
    pids.push_back(static_cast<int>(process.pid()));
  return pids;
}

std::string as_json(const std::vector<int>& pids) {
  if (pids.empty()) return "null\n"; // as runc
  std::string out = "[";
  for (const int pid : pids)
    out += (out.size() > 1 ? "," : "") + std::to_string(pid);
  return out + "]\n";
}

} // namespace

CommandLine ps_grammar() {
  CommandLine line("ps [--format table|json] <container-id> [ps options]",
                   "Shows the processes of a container, by their pids on the host.");
  line.value("format,f", "table|json", "table (default) or json");
  return line;
}

int verb_ps(const GlobalOptions& options) {
  auto line = ps_grammar();
  if (!line.parse(options.arguments, 1, std::numeric_limits<std::size_t>::max(), true)) return 0;
  const auto& id = line.words().front();
  oci::check_id(id);
  const auto format = line.get("format");
  const auto pids = pids_of(oci::read_state(options.state_dir(id)));
  if (format == "json") {
    print(as_json(pids));
    return 0;
  }
  if (!format.empty() && format != "table") throw Error(ErrorCode::invalid_argument, "invalid format option");
  std::vector<std::string> arguments(line.words().begin() + 1, line.words().end());
  if (arguments.empty()) arguments.push_back("-ef");
  print(lines_of(run_ps(arguments), {pids.begin(), pids.end()}));
  return 0;
}

} // namespace nacre::cli
