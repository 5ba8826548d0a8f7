// The runtime specification's config.json: what the host's side needs of it, checked, beside the document
// itself, which goes to the guest (changed where it must be) so that nothing is lost that this model does not
// know.
#pragma once

#include <boost/json/object.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nacre::oci {

using StringList = std::vector<std::string>;

struct ConsoleSize {
  std::uint16_t rows = 0;
  std::uint16_t columns = 0;
};

struct User {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::optional<std::uint32_t> umask;
  std::vector<std::uint32_t> additional_gids;
};

struct Rlimit {
  std::string type; // "RLIMIT_NOFILE"
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
};

struct Capabilities { // names as written, "CAP_KILL"
  StringList bounding, effective, inheritable, permitted, ambient;
};

struct Process {
  bool terminal = false;
  std::optional<ConsoleSize> console_size;
  User user;
  StringList args; // never empty
  StringList env;  // "NAME=value"
  std::string cwd; // absolute, in the container
  std::optional<Capabilities> capabilities;
  std::vector<Rlimit> rlimits;
  bool no_new_privileges = false;
  std::string apparmor_profile;
  std::string selinux_label;
  std::optional<std::int32_t> oom_score_adj;
};

struct Root {
  std::string path; // absolute on the host; not resolved, need not exist (see require_rootfs)
  bool readonly = false;
};

struct Mount {
  std::string destination; // absolute in the container, without ".."
  std::string type;        // may be empty with a bind option
  std::string source;      // as written: bind sources may be relative to the bundle
  StringList options;

  bool is_bind() const;      // "bind" or "rbind" among the options, or as the type
  bool is_read_only() const; // "ro" or "rro" among the options
};

bool has_option(const StringList& options, std::string_view option);

struct Hook {
  std::string path; // absolute on the host
  StringList args;
  StringList env;
  bool has_env = false;        // false: none is given, which is not the same as an empty one
  std::uint32_t timeout_s = 0; // 0: none
};

struct Hooks {
  std::vector<Hook> prestart, create_runtime, create_container, start_container, poststart, poststop;
};

struct Namespace {
  std::string type; // "pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"
  std::string path; // absolute; "": a new one
};

struct Device {
  std::string type; // "c", "b", "u" or "p"
  std::string path; // absolute in the container
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::optional<std::uint32_t> file_mode, uid, gid;
};

struct IdMapping {
  std::uint32_t container_id = 0;
  std::uint32_t host_id = 0;
  std::uint32_t size = 0;
};

// What sizes the VM and the pod's cgroup; everything else of linux.resources is only in the document.
struct Resources {
  std::optional<std::int64_t> memory_limit; // bytes; -1: unlimited
  std::optional<std::int64_t> memory_swap;  // bytes, memory and swap; -1: unlimited
  std::optional<std::int64_t> cpu_quota;    // us per period; -1: unlimited
  std::optional<std::uint64_t> cpu_period;  // us
  std::optional<std::uint64_t> cpu_shares;
  std::string cpuset_cpus; // "0-3,7"
  std::string cpuset_mems;
  std::optional<std::int64_t> pids_limit;                // -1 or 0: unlimited
  std::map<std::string, std::uint64_t> huge_page_limits; // by size of page, "2MB": bytes
};

struct Linux {
  std::vector<Namespace> namespaces;
  std::vector<Device> devices;
  std::vector<IdMapping> uid_mappings, gid_mappings;
  Resources resources;
  std::string cgroups_path; // path, or slice:prefix:name with --systemd-cgroup; "": none given
  std::map<std::string, std::string> sysctl;
  bool has_seccomp = false;
  std::string mount_label;

  const Namespace* find(std::string_view type) const; // null when not listed
};

struct Spec {
  std::string version;            // "1.0.2"
  std::optional<Process> process; // absent: the container can be created but not started
  Root root;
  std::string hostname, domainname;
  std::vector<Mount> mounts;
  Hooks hooks;
  std::map<std::string, std::string> annotations;
  Linux linux;
  boost::json::object document; // all of it, in the order of the file
};

// Reads and checks <bundle>/config.json. `bundle` is absolute. Throws Error that names the file and the field
// ("/b/config.json: process.args is empty").
Spec load_spec(const std::string& bundle);
Spec parse_spec(std::string_view text, const std::string& name, const std::string& bundle);

// Checks an OCI process object, such as exec's; `document` is it as read, for the guest.
struct ProcessDocument {
  Process process;
  boost::json::object document;
};
ProcessDocument parse_process(std::string_view text, const std::string& name);

// Throws Error unless spec.root.path is a folder.
void require_rootfs(const Spec& spec);
// Throws Error unless the source of each bind mount exists; relative ones start at the bundle.
void require_mount_sources(const Spec& spec, const std::string& bundle);

// Largest files and deepest nesting that are read.
inline constexpr std::size_t max_spec_size = 16 << 20;
inline constexpr std::size_t max_spec_depth = 32;

// linux.resources of the document of a config.json; null: it has none.
const boost::json::object* linux_resources(const boost::json::object& document);

} // namespace nacre::oci
