// The checked configuration: where it is looked for, what the core itself reads from it, and the door through
// which plugins get their own tables. Immutable once loaded; may be read from any thread.
#pragma once

#include "config/annotations.hpp"
#include "config/document.hpp"
#include "config/option_schema.hpp"
#include "config/problems.hpp"
#include "config/table_check.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nacre::config {

// [runtime]
struct RuntimeOptions {
  std::string hypervisor;             // name of the plugin; never empty after load()
  StringList network;                 // tried in order; the first plugin that claims a link has it
  StringList storage;                 // tried in order; the first plugin that claims a mount has it
  StringList security;                // all of them are applied, in order
  std::string extra_plugin_dir;       // searched before the installed folder; "" for none
  bool enable_debug = false;          // debug lines in the log
  bool disable_guest_seccomp = false; // the spec's linux.seccomp is not given to the guest
  StringList guest_sysctls;   // of the guest's kernel, that containers may set; "vm.*" for all that begin so
  StringList relayed_sockets; // of the host's, that containers may have as mounts: glob patterns of paths
  Origin hypervisor_origin, network_origin, storage_origin;
  // Kata's keys for emptyDir volumes on disk.
  bool disable_guest_empty_dir = true; // the host's folder; false: the guest's own where a plugin can
  std::string emptydir_mode;           // "block-plain": a disk of the guest's; else as the key before says
  bool empty_dirs_on_disks() const { return emptydir_mode == "block-plain"; }
  bool guest_empty_dirs() const { return !disable_guest_empty_dir || empty_dirs_on_disks(); }
  std::string annotations_file; // where a container finds its annotations; "": nowhere, else an absolute path
};

// [agent.nacre], also written [agent.kata]
struct AgentOptions {
  bool enable_debug = false;
  bool debug_console_enabled = false;
};

// The core's own keys in the table of the chosen hypervisor.
struct GuestOptions {
  std::string kernel;               // absolute path
  std::string initrd;               // absolute path or "": exactly one of initrd and image is set
  std::string image;                // absolute path or ""
  std::string kernel_params;        // appended last to the kernel's command line
  std::uint32_t vcpus = 1;          // at boot, at least 1
  std::uint32_t memory_mib = 0;     // at boot
  std::uint32_t max_vcpus = 0;      // with what containers ask for; 0: the host's
  std::uint32_t max_memory_mib = 0; // the same
  Origin kernel_origin, initrd_origin, image_origin;
  // "disable_selinux = false" is written: a container's label is on the VMM or the container is refused.
  bool label_is_promised = false;
  Origin label_origin;
  bool has_kata_assets = false; // kernel, initrd or image is Kata's, and is not to be replaced

  // Throws an Error that names the file and the configuration line, unless kernel and initrd or image are
  // readable regular files that are not Kata's.
  void require_files() const;
};

// What a plugin gets: its own keys only.
struct PluginOptions {
  std::string json;                      // one object; defaults filled in; keys without value are absent
  std::map<std::string, Origin> origins; // of each key in `json`
  std::vector<Problem> notices;          // what is done otherwise than the table says
};

struct LoadOptions {
  std::string file;             // --config or containerd's ConfigPath; "": the default places
  Annotations annotations = {}; // of the pod
};

class Config {
public:
  const RuntimeOptions& runtime() const noexcept { return runtime_; }
  const AgentOptions& agent() const noexcept { return agent_; }
  const GuestOptions& guest() const noexcept { return guest_; }

  // Validates the table of one plugin. `kind` is "hypervisor", "network", "storage" or "security". Throws an
  // Error with every problem of that table.
  PluginOptions check(std::string_view kind, std::string_view name, const Schema& schema) const;
  // The same, collecting.
  PluginOptions check(std::string_view kind, std::string_view name, const Schema& schema,
                      Problems& problems) const;

  // The table of the chosen hypervisor as far as Kata's keys go: for a plugin whose schema cannot be had.
  void check_hypervisor_as_kata(Problems& problems) const;

  // Every file that was read, main file first.
  const std::vector<std::string>& files() const noexcept { return files_; }
  const Document& document() const noexcept { return document_; }
  // What is done otherwise than the files say, but for plugins' own tables: check() has those.
  const std::vector<Problem>& notices() const noexcept { return notices_; }
  // The table of the chosen hypervisor: "hypervisor.NAME", or with Kata's name.
  const std::string& hypervisor_table_name() const noexcept { return hypervisor_table_; }
  const CheckedTable& runtime_table() const noexcept { return runtime_table_; }
  const CheckedTable& agent_table() const noexcept { return agent_table_; }
  const CheckedTable& guest_table() const noexcept { return guest_table_; }
  // The tables in force: what the user wrote and the core's defaults; the core's own tables first.
  using Tables = std::vector<std::pair<std::string, std::map<std::string, Setting>>>;
  Tables effective() const;
  // The same as TOML; with_origin adds a comment to each line.
  std::string show(bool with_origin) const;
  // The same settings as a file of Nacre's own: what of it is not a default, with the notices as comments.
  std::string migrated(const Problems& problems) const;

private:
  friend Config parse(const LoadOptions& options, Problems& problems);
  friend Config parse_text(std::string_view text, const std::string& file, Problems& problems,
                           const Annotations& annotations);
  friend Config finish(Config config, const Annotations& annotations, Problems& problems);
  void interpret(Problems& problems);
  void read_runtime(Problems& problems);
  void check_choices(Problems& problems) const;
  void require_hypervisor(Problems& problems);
  void check_agent(Problems& problems);
  void check_guest(Problems& problems);
  void replace_kata_assets(Problems& problems);
  void check_guest_paths(Problems& problems);
  void check_jailer(Problems& problems) const;
  void refuse_part_of_no_table(const Table& table, Problems& problems) const;
  bool is_only_parent(const std::string& name) const;
  void check_extra_plugin_dir(Problems& problems);
  void refuse_unknown_tables(Problems& problems) const;

  std::vector<std::string> files_;
  Document document_;
  std::string hypervisor_table_;
  std::vector<Problem> notices_;
  CheckedTable runtime_table_, agent_table_, guest_table_;
  RuntimeOptions runtime_;
  AgentOptions agent_;
  GuestOptions guest_;
};

// Finds, reads, merges and checks; problems are collected, and the result is only good when there are none.
// Throws Error when no file is found or one cannot be read, or when an annotation cannot be applied.
Config parse(const LoadOptions& options, Problems& problems);
// One text as if it were the only file.
Config parse_text(std::string_view text, const std::string& file, Problems& problems,
                  const Annotations& annotations = {});
// parse(), then throws one Error that holds all problems.
Config load(const LoadOptions& options = {});

// The file that load() would read first, links resolved; throws Error naming the places when there is none.
std::string find_main_file(const std::string& wanted);

// The core's keys: for [runtime], [agent.nacre] and [hypervisor.NAME].
const Schema& runtime_schema();
const Schema& agent_schema();
const Schema& guest_schema();

} // namespace nacre::config
