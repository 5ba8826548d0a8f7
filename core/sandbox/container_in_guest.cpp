// A container that has been admitted is made in the guest.
#include "sandbox/sandbox_impl.hpp"

#include "base/error.hpp"
#include "sandbox/hook_places.hpp"
#include "sandbox/host_hooks.hpp"
#include "sandbox/refusal.hpp"

#include <boost/json.hpp>
#include <sys/sysinfo.h>

namespace nacre::sandbox {
namespace {

using namespace std::chrono_literals;
constexpr auto create_deadline = 120s;
constexpr auto short_deadline = 20s;

unsigned host_cpus() {
  return static_cast<unsigned>(::get_nprocs_conf());
}

void set_cpus(boost::json::object& document, const std::string& list) {
  document["linux"].as_object()["resources"].as_object()["cpu"].as_object()["cpus"] = list;
}

// The file for the container, which it finds at `path`.
agent_client::v1::CopiedFile show_annotations(boost::json::object& document, const oci::Spec& spec,
                                              const std::string& container_id, const std::string& path) {
  agent_client::v1::CopiedFile file;
  file.set_path("/run/nacre/bundle/" + container_id + "/annotations.json");
  file.set_content(boost::json::serialize(boost::json::value_from(spec.annotations)) + "\n");
  file.set_mode(0444);
  auto& mounts = document["mounts"];
  if (!mounts.is_array()) mounts = boost::json::array();
  mounts.as_array().push_back({{"destination", path},
                               {"type", "bind"},
                               {"source", file.path()},
                               {"options", {"bind", "ro", "nosuid", "nodev", "noexec"}}});
  return file;
}

AskedProcess asked_process(const oci::Spec& spec, const GuestPaths& paths,
                           const std::vector<GuestMountChoice>& choices) {
  AskedProcess asked;
  if (spec.process && !spec.process->args.empty()) asked.program = spec.process->args.front();
  if (spec.process) asked.cwd = spec.process->cwd;
  asked.paths.emplace_back(paths.rootfs, spec.root.path);
  for (std::size_t i = 0; i < choices.size() && i < paths.mount_sources.size(); ++i)
    asked.paths.emplace_back(paths.mount_sources[i], choices[i].host_source);
  return asked;
}

} // namespace

void Sandbox::Impl::create_in_guest(Container& container, const oci::Spec& spec, Admission admission,
                                    PodStorage::Attached attached) {
  auto& [choices, document, devices, made, offers] = admission;
  const auto phase = timeline.phase("container", container.id);
  agent_client::v1::CreateContainerRequest request;
  if (!spec.hooks.create_container.empty())
    *request.mutable_create_hooks() = lend_to_hooks(container, spec, attached);
  describe(made, request, attached.paths);
  note_volumes(container, choices, attached.paths);
  set_guest_paths(document, spec, choices, attached.paths);
  if (const auto& path = config->runtime().annotations_file; !path.empty())
    *request.add_files() = show_annotations(document, spec, container.id, path);
  describe_devices(container.id, devices, document, request);
  const auto connected = need_agent();
  if (const auto& cpus = spec.linux.resources.cpuset_cpus; !cpus.empty())
    set_cpus(document, guest_cpus(cpus, count_cpus(*connected)));
  request.set_container_id(container.id);
  request.set_spec(boost::json::serialize(document));
  storage->name_devices(attached.storages);
  for (const auto& mount : attached.storages)
    *request.add_storages() = mount;
  for (const auto& file : attached.files)
    *request.add_files() = file;
  request.set_terminal(container.first->terminal());
  request.set_has_stdin(container.first->has_stdin());
  auto [rows, columns] = container.first->rows_and_columns();
  if (rows == 0 && spec.process && spec.process->console_size) {
    rows = spec.process->console_size->rows;
    columns = spec.process->console_size->columns;
  }
  request.set_rows(rows);
  request.set_columns(columns);
  container.first->describe_descriptors(*request.mutable_descriptors());
  try {
    container.guest_pid = connected->create_container(request, create_deadline).guest_pid();
  } catch (const Error& error) {
    throw_if_refused(error, "nacre create failed: unable to start container process",
                     asked_process(spec, attached.paths, choices));
    throw;
  }
  container.first->connect_stdio(connected);
  serve(container, std::move(made));
  storage->detach_lent(container.id);
}

CpuCounts Sandbox::Impl::count_cpus(agent_client::AgentClient& connected) const {
  return {host_cpus(), connected.guest_details(short_deadline).vcpus_online()};
}

agent_client::v1::CreateHooks Sandbox::Impl::lend_to_hooks(Container& container, const oci::Spec& spec,
                                                           PodStorage::Attached& attached) {
  auto hooks =
      describe_create_hooks(spec.hooks.create_container, hook_state(container, oci::Status::creating));
  hooks.set_rootfs(attached.paths.rootfs);
  hooks.set_rootfs_path(spec.root.path);
  std::vector<std::string> sources;
  for (const auto& place : hook_places(spec.hooks.create_container, container.bundle)) {
    auto& out = *hooks.add_places();
    out.set_path(place.path);
    out.set_link(place.link);
    if (place.link.empty()) sources.push_back(place.path);
  }
  auto lent = storage->lend(container.id, sources, attached);
  auto next = lent.begin();
  for (auto& place : *hooks.mutable_places())
    if (place.link().empty()) place.set_source(std::move(*next++));
  return hooks;
}

} // namespace nacre::sandbox
