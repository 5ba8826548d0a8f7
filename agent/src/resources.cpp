#include "resources.hpp"

#include "device_wait.hpp"
#include "error.hpp"
#include "file.hpp"
#include "storage.hpp"
#include "version.hpp"

#include <dirent.h>
#include <memory>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

namespace nacre::agent {

namespace {

constexpr auto cpu_folder = "/sys/devices/system/cpu";
constexpr auto memory_folder = "/sys/devices/system/memory";

// Files `online` of the folder's entries that are a name and a number, where they say 0.
std::vector<std::string> offline_files(const std::string& folder, std::string_view prefix) {
  std::vector<std::string> out;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(folder.c_str()), ::closedir);
  if (!dir) return out;
  while (const auto* entry = ::readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    if (!name.starts_with(prefix) || !parse_number(name.substr(prefix.size()))) continue;
    const auto file = folder + "/" + entry->d_name + "/online";
    if (try_read_line(file) == "0") out.push_back(file);
  }
  return out;
}

std::uint32_t online_cpus() {
  return static_cast<std::uint32_t>(::get_nprocs());
}

std::uint64_t memory_bytes() {
  struct sysinfo info {};
  ::sysinfo(&info);
  return static_cast<std::uint64_t>(info.totalram) * info.mem_unit;
}

std::uint64_t memory_block_bytes() {
  const auto text = try_read_line(std::string(memory_folder) + "/block_size_bytes");
  return text ? std::strtoull(text->c_str(), nullptr, 16) : 0; // the kernel prints it without 0x
}

} // namespace

void online_resources(const v1::OnlineResourcesRequest& request, v1::OnlineResourcesReply& reply) {
  if (request.vcpus() > 0) {
    wait_for_device("CPU", std::to_string(request.vcpus()), [&] {
      for (const auto& file : offline_files(cpu_folder, "cpu")) {
        if (online_cpus() < request.vcpus()) write_value(file, "1");
      }
      return online_cpus() >= request.vcpus();
    });
  }
  if (request.memory()) {
    for (const auto& file : offline_files(memory_folder, "memory"))
      write_value(file, "1");
  }
  reply.set_vcpus(online_cpus());
  reply.set_memory_bytes(memory_bytes());
}

void describe_guest(v1::GetGuestDetailsReply& reply) {
  utsname name{};
  ::uname(&name);
  reply.set_kernel_release(name.release);
  reply.set_agent_version(agent_version);
  reply.set_vcpus_online(online_cpus());
  reply.set_memory_bytes(memory_bytes());
  reply.set_memory_block_bytes(memory_block_bytes());
  for (const auto& driver : Storages::drivers())
    reply.add_storage_drivers(driver);
  // Present when the kernel has seccomp filters, whatever this process's own mode is.
  reply.set_seccomp(try_read_file("/proc/sys/kernel/seccomp/actions_avail").has_value());
  const auto modules = try_read_line("/sys/kernel/security/lsm").value_or("");
  std::string_view rest = modules;
  while (!rest.empty()) {
    const auto end = rest.find(',');
    reply.add_lsm(std::string(rest.substr(0, end)));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
}

} // namespace nacre::agent
