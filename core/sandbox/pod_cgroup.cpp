#include "sandbox/pod_cgroup.hpp"

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "journal/core_undo.hpp"
#include "oci/file_io.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <map>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

namespace nacre::sandbox {
namespace {

constexpr std::size_t proc_file_limit = 1 << 20;

std::string read_proc(const std::string& path) {
  return oci::read_file(path, proc_file_limit, "read").value_or(std::string());
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);)
    parts.push_back(part);
  return parts;
}

// Writes with one write(2), which is what cgroup files want. False: errno says why.
bool write_file(const std::string& path, const std::string& text) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

// A v1 cpuset takes no process before it has CPUs and memory nodes, and it inherits neither.
void fill_cpuset(const std::string& folder, const std::string& parent) {
  for (const char* name : {"/cpuset.cpus", "/cpuset.mems"}) {
    const std::string current = read_proc(folder + name);
    if (!current.empty() && current != "\n") continue;
    if (!write_file(folder + name, read_proc(parent + name))) throw_errno("set up cgroup", folder);
  }
}

bool is_controller(const std::string& option) {
  static const std::vector<std::string> known = {"cpu",      "cpuacct",    "cpuset", "memory",  "devices",
                                                 "freezer",  "blkio",      "pids",   "hugetlb", "net_cls",
                                                 "net_prio", "perf_event", "rdma",   "misc"};
  return option.starts_with("name=") || std::find(known.begin(), known.end(), option) != known.end();
}

std::string joined(const std::string& folder, const std::string& path) {
  return path == "/" ? folder : folder + path;
}

// The files of a controller of version 2 are there once each folder above gives it to its children. One that
// has processes of its own cannot; whoever writes such a file then hears that it is missing.
void give_to_children(const std::string& mount_point, const std::string& path, const char* controller) {
  std::string folder = mount_point;
  for (const auto& part : split(path, '/')) {
    if (part.empty()) continue;
    write_file(folder + "/cgroup.subtree_control", std::string("+") + controller);
    folder += "/" + part;
  }
}

// Path of a process in each hierarchy, by controller list ("" for v2).
std::map<std::string, std::string> own_paths() {
  std::map<std::string, std::string> paths;
  for (const auto& line : split(read_proc("/proc/self/cgroup"), '\n')) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    paths[line.substr(first + 1, second - first - 1)] = line.substr(second + 1);
  }
  return paths;
}

std::string own_path(const std::map<std::string, std::string>& paths, const CgroupHierarchy& hierarchy) {
  if (hierarchy.controllers.empty()) return paths.contains("") ? paths.at("") : "";
  for (const auto& [names, path] : paths) {
    const auto listed = split(names, ',');
    if (std::find(listed.begin(), listed.end(), hierarchy.controllers.front()) != listed.end()) return path;
  }
  return "";
}

} // namespace

std::vector<CgroupHierarchy> find_hierarchies(const std::string& mountinfo) {
  std::vector<CgroupHierarchy> found;
  for (const auto& line : split(mountinfo, '\n')) {
    // id parent major:minor root mount-point options [optional...] - fstype source super-options
    const auto dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    const auto before = split(line.substr(0, dash), ' ');
    const auto after = split(line.substr(dash + 3), ' ');
    if (before.size() < 5 || after.size() < 3 || (after[0] != "cgroup" && after[0] != "cgroup2")) continue;
    CgroupHierarchy hierarchy{before[4], before[3], {}};
    if (after[0] == "cgroup")
      for (const auto& option : split(after[2], ','))
        if (is_controller(option)) hierarchy.controllers.push_back(option);
    const bool twice = std::any_of(found.begin(), found.end(), [&](const CgroupHierarchy& other) {
      return other.controllers == hierarchy.controllers; // mounted at two places
    });
    if (!twice && (after[0] == "cgroup2" || !hierarchy.controllers.empty()))
      found.push_back(std::move(hierarchy));
  }
  return found;
}

std::string cgroup_path(const std::string& cgroups_path, const std::string& container_id) {
  if (cgroups_path.empty()) return "/" + container_id;
  // Neither "." nor ".." leads out of the hierarchy.
  std::string path;
  for (const auto& part : split(cgroups_path, '/'))
    if (!part.empty() && part != "." && part != "..") path += "/" + part;
  return path.empty() ? "/" + container_id : path;
}

bool cgroup_exists(const std::string& path) {
  const auto hierarchies = find_hierarchies(read_proc("/proc/self/mountinfo"));
  return std::any_of(hierarchies.begin(), hierarchies.end(), [&](const CgroupHierarchy& hierarchy) {
    return exists(joined(hierarchy.mount_point, path));
  });
}

PodCgroup::PodCgroup(journal::Journal& journal, const std::string& path)
    : PodCgroup(journal, path, find_hierarchies(read_proc("/proc/self/mountinfo"))) {}

PodCgroup::PodCgroup(journal::Journal& journal, const std::string& path,
                     std::vector<CgroupHierarchy> hierarchies)
    : journal_(journal) {
  make_all(hierarchies, path);
}

PodCgroup::PodCgroup(journal::Journal& journal, const systemd::ScopeName& scope,
                     const std::string& container_id, int first_pid)
    : journal_(journal), scope_(std::in_place, journal, scope, container_id, first_pid) {
  try {
    make_all(find_hierarchies(read_proc("/proc/self/mountinfo")), scope.cgroup_path());
  } catch (const Error&) {
    scope_->stop();
    throw;
  }
}

void PodCgroup::make_all(const std::vector<CgroupHierarchy>& hierarchies, const std::string& path) {
  const auto paths = own_paths();
  path_ = path;
  hierarchies_ = hierarchies;
  for (const auto& hierarchy : hierarchies) {
    make(hierarchy, path);
    procs_files_.push_back(joined(hierarchy.mount_point, path) + "/cgroup.procs");
    const std::string own = own_path(paths, hierarchy);
    if (!own.empty())
      own_procs_files_.push_back(
          {joined(hierarchy.mount_point, own) + "/cgroup.procs", hierarchy.mount_point + "/cgroup.procs"});
  }
}

// Folders above the pod's own may come to hold other pods: they have no record, and go only while they are
// empty.
void PodCgroup::make(const CgroupHierarchy& hierarchy, const std::string& path) {
  const std::string leaf = joined(hierarchy.mount_point, path);
  const bool cpuset = std::find(hierarchy.controllers.begin(), hierarchy.controllers.end(), "cpuset") !=
                      hierarchy.controllers.end();
  std::string folder = hierarchy.mount_point;
  for (const auto& part : split(path, '/')) {
    if (part.empty()) continue;
    const std::string parent = folder;
    folder += "/" + part;
    const bool there = exists(folder);
    // What systemd has made for the pod goes with whoever is still in it, as what is made here.
    if (!there || (folder == leaf && scope_ && scope_->is_ours())) {
      const std::uint64_t record = folder == leaf ? journal_.append(journal::remove_cgroup(folder, true)) : 0;
      if (!there && ::mkdir(folder.c_str(), 0755) < 0 && errno != EEXIST) {
        const int error = errno;
        if (record != 0) journal_.done(record);
        throw Error::from_errno(error, "make cgroup", folder);
      }
      made_.push_back({folder, record});
    }
    if (cpuset) fill_cpuset(folder, parent);
  }
}

void PodCgroup::join(int pid) const {
  for (const auto& file : procs_files_)
    if (!write_file(file, std::to_string(pid)) && errno != ESRCH)
      throw Error::from_errno(errno, "put process " + std::to_string(pid) + " into cgroup", file);
}

void PodCgroup::limit(const BlockIo& block_io) const {
  if (block_io.empty()) return;
  const CgroupHierarchy *version_1 = nullptr, *version_2 = nullptr;
  for (const auto& hierarchy : hierarchies_) {
    const auto& controllers = hierarchy.controllers;
    if (controllers.empty()) version_2 = &hierarchy;
    if (std::find(controllers.begin(), controllers.end(), "blkio") != controllers.end())
      version_1 = &hierarchy;
  }
  if (!version_1 && !version_2)
    throw Error(ErrorCode::failed_precondition, "limit block I/O of cgroup", path_)
        .because("no cgroup hierarchy with blkio or io is mounted")
        .hint("mount one, or leave the limit out");
  const auto& used = version_1 ? *version_1 : *version_2;
  const auto is_there = [&](const std::string& file) {
    return exists(joined(used.mount_point, path_) + "/" + file);
  };
  if (version_2) give_to_children(version_2->mount_point, path_, "io");
  apply(used, version_1 ? block_io.version_1(is_there) : block_io.version_2(is_there));
  if (block_io.unified().empty()) return;
  if (!version_2)
    throw Error(ErrorCode::failed_precondition, "set \"" + block_io.unified().front().file + "\" of cgroup",
                path_)
        .because("the host has cgroups of version 1 alone")
        .hint("use linux.resources.blockIO");
  apply(*version_2, block_io.unified());
}

void PodCgroup::apply(const CgroupHierarchy& hierarchy, const std::vector<CgroupSetting>& settings) const {
  const std::string folder = joined(hierarchy.mount_point, path_);
  for (const auto& [file, value] : settings) {
    if (write_file(folder + "/" + file, value)) continue;
    const int why = errno;
    auto error = Error::from_errno(why, "write \"" + value + "\" to", folder + "/" + file);
    if (why == ENOENT) error.hint("this host has no such limit; leave it out");
    if (why == ENODEV) error.hint("name a whole disk of the host by its major and minor number");
    throw error;
  }
}

void PodCgroup::leave() const noexcept {
  for (const auto& files : own_procs_files_)
    if (!write_file(files.own, "0")) // 0 is the writer
      write_file(files.root, "0");   // the cgroup that it came from is gone, with its session, say
}

void PodCgroup::remove() {
  while (!made_.empty()) {
    const Made made = made_.back();
    if (made.record == 0) {
      ::rmdir(made.path.c_str());
    } else {
      journal::undo_core(journal::remove_cgroup(made.path, true));
      journal_.done(made.record);
    }
    made_.pop_back();
  }
  if (scope_) scope_->stop();
}

} // namespace nacre::sandbox
