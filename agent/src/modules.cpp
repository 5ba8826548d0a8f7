#include "modules.hpp"

#include "error.hpp"
#include "file.hpp"
#include "timeline.hpp"

#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <sys/syscall.h>
#include <unistd.h>

namespace nacre::agent {

namespace {

constexpr auto list_path = "/lib/modules/list";

// The next word of `text`, which is shortened; words are separated by single spaces.
std::string_view next_word(std::string_view& text) {
  const auto end = text.find(' ');
  const auto word = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return word;
}

// Virtio device ids (virtio 1.2, section 5) and the drivers for them.
const char* driver_of(std::string_view device_id) {
  static constexpr std::pair<std::string_view, const char*> drivers[] = {
      {"0x0001", "virtio_net"},     {"0x0002", "virtio_blk"},
      {"0x0003", "virtio_console"}, {"0x0004", "virtio_rng"},
      {"0x0005", "virtio_balloon"}, {"0x0008", "virtio_scsi"},
      {"0x0009", "9pnet_virtio"},   {"0x0013", "vmw_vsock_virtio_transport"},
      {"0x0018", "virtio_mem"},     {"0x001a", "virtiofs"},
  };
  for (const auto& [id, driver] : drivers) {
    if (id == device_id) return driver;
  }
  return nullptr;
}

} // namespace

ModuleList parse_module_list(std::string_view text) {
  ModuleList list;
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.empty()) continue;
    const auto whole = line;
    const std::string name(next_word(line));
    Module module;
    module.file = next_word(line);
    if (name.empty() || !module.file.starts_with('/')) {
      throw Error(Code::invalid_argument,
                  "module list has the line " + quoted(whole) + ", expected `name /file dependency...`");
    }
    while (!line.empty())
      module.dependencies.emplace_back(next_word(line));
    list[name] = std::move(module);
  }
  return list;
}

std::string module_parameters(std::string_view cmdline, std::string_view name) {
  std::string parameters;
  while (!cmdline.empty()) {
    const auto end = cmdline.find_first_of(" \n");
    const auto word = cmdline.substr(0, end);
    cmdline = end == std::string_view::npos ? std::string_view() : cmdline.substr(end + 1);
    if (word.size() <= name.size() + 1 || !word.starts_with(name) || word[name.size()] != '.') continue;
    if (!parameters.empty()) parameters += ' ';
    parameters += word.substr(name.size() + 1);
  }
  return parameters;
}

Modules::Modules(Timeline& timeline, std::string cmdline)
    : timeline_(timeline), cmdline_(std::move(cmdline)) {
  if (const auto text = try_read_file(list_path)) list_ = parse_module_list(*text);
}

void Modules::need(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto found = list_.find(name);
  if (found == list_.end() || loaded_.contains(name)) return;
  for (const auto& dependency : found->second.dependencies) {
    const auto module = list_.find(dependency);
    if (module != list_.end()) load(dependency, module->second, module_parameters(cmdline_, dependency));
  }
  load(name, found->second, module_parameters(cmdline_, name));
}

void Modules::load_line(const std::string& line) {
  std::string_view parameters = line;
  const auto name = next_word(parameters);
  const std::lock_guard lock(mutex_);
  const auto found = list_.find(name);
  if (found == list_.end()) {
    throw Error(Code::not_found, "kernel module " + quoted(name) + " is not in the guest image");
  }
  for (const auto& dependency : found->second.dependencies) {
    const auto module = list_.find(dependency);
    if (module != list_.end()) load(dependency, module->second, module_parameters(cmdline_, dependency));
  }
  load(name, found->second, std::string(parameters));
}

void Modules::load(std::string_view name, const Module& module, const std::string& parameters) {
  if (loaded_.contains(name)) return;
  const auto phase = timeline_.phase("module", std::string(name));
  const UniqueFd file(::open(module.file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) throw system_error("cannot open kernel module", module.file);
  // EEXIST: it is there already, e.g. loaded by an own init before this one.
  if (::syscall(SYS_finit_module, file.get(), parameters.c_str(), 0) < 0 && errno != EEXIST) {
    const bool other_kernel = errno == ENOEXEC;
    const auto error = system_error("cannot load kernel module", name);
    if (!other_kernel) throw error;
    throw Error(error.code(),
                std::string(error.what()) + "; set initrd to one that was made for this kernel");
  }
  loaded_.emplace(name);
}

void Modules::need_for_present_devices() {
  // The root of NVDIMMs: its driver must be there before the first one comes, of which ACPI tells once.
  if (::access("/sys/bus/acpi/devices/ACPI0012:00", F_OK) == 0) need("nfit");
  const std::string bus = "/sys/bus/virtio/devices";
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(bus.c_str()), ::closedir);
  if (!folder) return;
  while (const auto* entry = ::readdir(folder.get())) {
    if (entry->d_name[0] == '.') continue;
    const auto id = try_read_line(bus + "/" + entry->d_name + "/device");
    if (!id) continue;
    if (const auto* driver = driver_of(*id)) need(driver);
    if (*id == "0x0009") need("9p");
  }
}

} // namespace nacre::agent
