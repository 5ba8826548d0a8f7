#include "config/config.hpp"

#include "base/error.hpp"
#include "base/paths.hpp"
#include "config/kata_assets.hpp"
#include "config/kata_choices.hpp"
#include "config/kata_verdict.hpp"
#include "config/known_keys.hpp"
#include "config/locate.hpp"
#include "config/value_json.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <cmath>
#include <set>
#include <thread>

namespace nacre::config {
namespace {

constexpr std::string_view plugin_kinds[] = {"hypervisor", "network", "storage", "security"};

// A plugin's name is part of a file name: nothing that could leave the plugin folder.
bool is_plugin_name(std::string_view name) {
  const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !name.empty() && name.size() <= 31 && std::all_of(name.begin(), name.end(), good);
}

void check_plugin_name(const std::string& key, const std::string& name, const Origin& origin,
                       Problems& problems) {
  if (is_plugin_name(name)) return;
  problems.add(origin, "\"" + key + "\" in [runtime] names \"" + name +
                           "\", which cannot be a plugin's name; use small letters, digits and -");
}

// `network = "a"` is short for `network = ["a"]`.
void widen_to_list(Table& table, const std::string& key) {
  const auto found = table.settings.find(key);
  if (found == table.settings.end()) return;
  if (const auto* text = std::get_if<std::string>(&found->second.value))
    found->second.value = StringList{std::string(*text)};
}

std::uint32_t vcpus_of(double wanted) {
  if (wanted < 0) return std::max(1U, std::thread::hardware_concurrency());
  return std::max(1U, static_cast<std::uint32_t>(std::ceil(wanted)));
}

std::string own_kernel() {
  return std::string(paths::data_dir) + "/vmlinux";
}

std::string own_initrd() {
  return std::string(paths::data_dir) + "/nacre-initrd.img";
}

// Kata's tables that no schema here describes.
void judge_rest(const std::string& name, const Table& table, Problems& problems) {
  const bool described = name == "runtime" || name == "agent.nacre" || name == "agent.kata";
  const auto* known = find_kata_table(name);
  const bool of_plugin = known && known->name == "hypervisor.*";
  if (known && !described && !of_plugin && !(name.starts_with("agent.") && name != "agent.kata.mem_agent"))
    check_table(name, &table, {}, {}, problems);
}

// Merges `over` into the names of `table`: a default never replaces what a user wrote.
void overlay(CheckedTable& table, const CheckedTable& over) {
  for (const auto& [key, setting] : over.settings())
    if (!setting.value_origin.is_default() || !table.find(key)) table.set(key, setting);
}

} // namespace

Config parse(const LoadOptions& options, Problems& problems) {
  Config config;
  config.files_.push_back(find_main_file(options.file));
  const auto drop_ins = find_drop_ins(config.files_.front());
  config.files_.insert(config.files_.end(), drop_ins.files.begin(), drop_ins.files.end());
  for (const auto& file : drop_ins.unread)
    problems.note({file, 1, 1}, "the file is not read: the name of a drop-in ends in .toml");
  for (const auto& file : config.files_)
    merge(config.document_, read_document(file, problems));
  return finish(std::move(config), options.annotations, problems);
}

Config parse_text(std::string_view text, const std::string& file, Problems& problems,
                  const Annotations& annotations) {
  Config config;
  config.files_.push_back(file);
  config.document_ = parse_document(text, file, problems);
  return finish(std::move(config), annotations, problems);
}

// Annotations are a last layer of the document, but which may be one is for the document below them to say.
Config finish(Config config, const Annotations& annotations, Problems& problems) {
  Config changed = config;
  Problems faults = problems; // with what was told of the files
  config.interpret(problems);
  if (annotations.empty() || !problems.empty()) return config;
  const AnnotationRules rules{config.hypervisor_table_, config.guest_table_};
  if (!apply_annotations(changed.document_, rules, annotations)) return config;
  changed.interpret(faults);
  throw_fault_of_annotation(faults);
  changed.check_hypervisor_as_kata(faults);
  throw_fault_of_annotation(faults);
  return changed;
}

Config load(const LoadOptions& options) {
  Problems problems;
  auto config = parse(options, problems);
  problems.throw_if_any();
  return config;
}

void Config::interpret(Problems& problems) {
  for (const auto* key : {"network", "storage", "security"})
    widen_to_list(document_.tables["runtime"], key);
  choose_as_kata(document_, files_.front(), problems);
  refuse_unknown_tables(problems);
  read_runtime(problems);
  check_choices(problems);
  check_extra_plugin_dir(problems);
  require_hypervisor(problems);
  check_agent(problems);
  runtime_.hypervisor_origin = runtime_table_.origin("hypervisor");
  if (!runtime_.hypervisor.empty()) check_guest(problems);
  for (const auto& [name, table] : document_.tables)
    judge_rest(name, table, problems);
  notices_ = problems.notices();
}

void Config::read_runtime(Problems& problems) {
  runtime_table_ = check_table("runtime", document_.find("runtime"), runtime_schema(), {}, problems);
  runtime_.network = runtime_table_.list("network");
  runtime_.network_origin = runtime_table_.origin("network");
  runtime_.storage = runtime_table_.list("storage");
  runtime_.storage_origin = runtime_table_.origin("storage");
  runtime_.security = runtime_table_.list("security");
  runtime_.enable_debug = runtime_table_.boolean("enable_debug");
  runtime_.disable_guest_seccomp = runtime_table_.boolean("disable_guest_seccomp");
  runtime_.disable_guest_empty_dir = runtime_table_.boolean("disable_guest_empty_dir");
  runtime_.emptydir_mode = runtime_table_.string("emptydir_mode");
  runtime_.guest_sysctls = runtime_table_.list("guest_sysctls");
  runtime_.relayed_sockets = runtime_table_.list("relayed_sockets");
  for (const auto& pattern : runtime_.relayed_sockets)
    if (!pattern.starts_with("/"))
      problems.add(runtime_table_.origin("relayed_sockets"),
                   "\"relayed_sockets\" in [runtime] holds \"" + pattern + "\", which is no absolute path");
  runtime_.annotations_file = runtime_table_.string("annotations_file");
  if (!runtime_.annotations_file.empty() && runtime_.annotations_file.front() != '/')
    problems.add(runtime_table_.origin("annotations_file"),
                 "\"annotations_file\" in [runtime] must be an absolute path");
}

void Config::check_choices(Problems& problems) const {
  const auto& table = document_.tables.at("runtime");
  for (const auto* key : {"network", "storage"}) {
    if (!runtime_table_.list(key).empty() || (table.settings.contains(key) && !runtime_table_.find(key)) ||
        document_.partial)
      continue;
    const auto origin = runtime_table_.find(key) ? runtime_table_.origin(key) : table.origin;
    problems.add(origin.is_default() ? Origin{files_.front(), 1, 1} : origin,
                 std::string("[runtime] ") + key +
                     " names no plugin; `nacre plugin list` shows those installed");
  }
  for (const auto* key : {"network", "storage", "security"}) {
    std::set<std::string> seen;
    for (const auto& name : runtime_table_.list(key)) {
      check_plugin_name(key, name, runtime_table_.origin(key), problems);
      if (!seen.insert(name).second)
        problems.add(runtime_table_.origin(key),
                     std::string("[runtime] ") + key + " names \"" + name + "\" twice");
    }
  }
}

void Config::check_agent(Problems& problems) {
  agent_table_ = check_table("agent.kata", document_.find("agent.kata"), agent_schema(), {}, problems);
  overlay(agent_table_,
          check_table("agent.nacre", document_.find("agent.nacre"), agent_schema(), {}, problems));
  agent_.enable_debug = agent_table_.boolean("enable_debug");
  agent_.debug_console_enabled = agent_table_.boolean("debug_console_enabled");
}

void Config::check_extra_plugin_dir(Problems& problems) {
  runtime_.extra_plugin_dir = runtime_table_.string("extra_plugin_dir");
  if (runtime_.extra_plugin_dir.empty()) return;
  const auto origin = runtime_table_.origin("extra_plugin_dir");
  if (runtime_.extra_plugin_dir.front() != '/')
    problems.add(origin, "\"extra_plugin_dir\" in [runtime] must be an absolute path");
  if (origin.file != files_.front())
    problems.add(origin, "\"extra_plugin_dir\" in [runtime] may only stand in the main file, \"" +
                             files_.front() + "\"");
  else if (!only_root_can_write(origin.file))
    problems.add(origin,
                 "\"extra_plugin_dir\" in [runtime] is only honoured in a file that belongs to root and that "
                 "no one else may write to; chown and chmod the file");
}

void Config::require_hypervisor(Problems& problems) {
  const auto* runtime = document_.find("runtime");
  if (runtime_table_.find("hypervisor")) {
    runtime_.hypervisor = runtime_table_.string("hypervisor");
    check_plugin_name("hypervisor", runtime_.hypervisor, runtime_table_.origin("hypervisor"), problems);
    hypervisor_table_ = hypervisor_table(document_, runtime_.hypervisor);
    return;
  }
  if (document_.partial || runtime->settings.contains("hypervisor"))
    return; // of the wrong type: said already
  std::string first;
  for (const auto& [name, table] : document_.tables)
    if (first.empty() && name.starts_with("hypervisor.")) first = name.substr(11);
  problems.add(!runtime->origin.is_default() ? runtime->origin : Origin{files_.front(), 1, 1},
               first.empty()
                   ? "[runtime] hypervisor is not set; `nacre plugin list` shows the plugins installed"
                   : "several [hypervisor.*] tables but no choice; write hypervisor = \"" + first +
                         "\" or another in [runtime]");
}

void Config::check_guest(Problems& problems) {
  const auto& name = hypervisor_table_;
  // The plugin's own keys are checked when its schema is known; here they are passed over.
  Table own;
  if (const auto* table = document_.find(name))
    for (const auto& [key, setting] : table->settings)
      if (find_key(guest_schema(), key)) own.settings[key] = setting;
  guest_table_ = check_table(name, &own, guest_schema(), {}, problems);
  check_guest_paths(problems);
  check_jailer(problems);
  check_patterns(name, guest_table_, problems);

  guest_.kernel = guest_table_.string("kernel");
  guest_.initrd = guest_table_.string("initrd");
  guest_.image = guest_table_.string("image");
  guest_.kernel_params = guest_table_.string("kernel_params");
  guest_.vcpus = vcpus_of(guest_table_.number("default_vcpus"));
  guest_.memory_mib = static_cast<std::uint32_t>(guest_table_.integer("default_memory"));
  guest_.max_vcpus = static_cast<std::uint32_t>(guest_table_.integer("default_maxvcpus"));
  guest_.max_memory_mib = static_cast<std::uint32_t>(guest_table_.integer("default_maxmemory"));
  guest_.kernel_origin = guest_table_.origin("kernel");
  guest_.initrd_origin = guest_table_.origin("initrd");
  guest_.image_origin = guest_table_.origin("image");
  guest_.label_is_promised = guest_table_.find("disable_selinux") && !guest_table_.boolean("disable_selinux");
  guest_.label_origin = guest_table_.origin("disable_selinux");
  replace_kata_assets(problems);
  if (!guest_.initrd.empty() && !guest_.image.empty())
    problems.add(guest_.image_origin, "[" + name + "] has both initrd and image; remove one of them");
  if (guest_.initrd.empty() && guest_.image.empty()) {
    guest_.initrd = own_initrd();
    guest_table_.set("initrd", Setting{guest_.initrd, {}, {}});
  }
}

void Config::check_guest_paths(Problems& problems) {
  for (const auto* key : {"kernel", "initrd", "image"}) {
    const auto path = guest_table_.string(key);
    if (!path.empty() && path.front() != '/')
      problems.add(guest_table_.origin(key),
                   "\"" + std::string(key) + "\" in [" + hypervisor_table_ + "] must be an absolute path");
  }
}

// What takes the jailer's place has a part that the configuration can leave out.
void Config::check_jailer(Problems& problems) const {
  const auto* table = document_.find(hypervisor_table_);
  const auto found =
      table ? table->settings.find("jailer_path") : std::map<std::string, Setting>::const_iterator();
  if (!table || found == table->settings.end() || found->second.value == Value("") ||
      !runtime_.security.empty())
    return;
  problems.add(found->second.key_origin,
               "\"jailer_path\" in [" + hypervisor_table_ +
                   "] asks for a confined VMM, but [runtime] security names no plugin; write security = "
                   "[\"seccomp\"] there, or remove the line");
}

void Config::replace_kata_assets(Problems& problems) {
  const bool replace = runtime_table_.string("kata_assets") == "replace";
  const auto replaced = [&](const std::string& key, std::string& path, const std::string& by) {
    if (!is_kata_asset(path)) return;
    problems.note(guest_table_.origin(key),
                  "\"" + key + "\" in [" + hypervisor_table_ +
                      "] is Kata's, whose agent speaks another protocol: " +
                      (replace ? "\"" + by + "\" is used instead"
                               : "no container is made with it; remove the line, or write kata_assets = "
                                 "\"replace\" in [runtime], and \"" +
                                     by + "\" is used"));
    guest_.has_kata_assets |= !replace;
    if (!replace) return;
    path = key == "image" ? "" : by;
    guest_table_.set(key, Setting{path, {}, {}});
  };
  replaced("kernel", guest_.kernel, own_kernel());
  replaced("initrd", guest_.initrd, own_initrd());
  replaced("image", guest_.image, own_initrd());
}

bool Config::is_only_parent(const std::string& name) const {
  const auto next = document_.tables.upper_bound(name);
  return document_.tables.at(name).settings.empty() && next != document_.tables.end() &&
         next->first.starts_with(name + ".");
}

void Config::refuse_part_of_no_table(const Table& table, Problems& problems) const {
  for (const auto& [key, setting] : table.settings) {
    auto place = place_of_key(key);
    const auto near = place.empty() ? nearest(key, all_known_keys()) : "";
    if (place.empty() && !near.empty()) place = place_of_key(near);
    problems.add(setting.key_origin, "key \"" + key + "\" stands outside any table; " +
                                         (near.empty() ? "" : "did you mean \"" + near + "\"? ") +
                                         "put it below " + (place.empty() ? "[runtime] or another" : place));
  }
}

void Config::refuse_unknown_tables(Problems& problems) const {
  for (const auto& [name, table] : document_.tables) {
    if (name.empty()) {
      refuse_part_of_no_table(table, problems);
      continue;
    }
    const auto dot = name.find('.');
    const auto kind = name.substr(0, dot);
    const bool is_kind =
        std::find(std::begin(plugin_kinds), std::end(plugin_kinds), kind) != std::end(plugin_kinds);
    const bool named = dot != std::string::npos && name.find('.', dot + 1) == std::string::npos;
    if (name == "runtime" || name == "agent.nacre" || name == "agent.kata") continue;
    if (is_kind && named) continue;
    if ((is_kind || kind == "agent") &&
        dot == std::string::npos) { // [hypervisor] itself: only its tables count
      for (const auto& [key, setting] : table.settings)
        problems.add(setting.key_origin,
                     "key \"" + key + "\" stands in [" + name + "]; put it below [" + name + ".NAME]");
      continue;
    }
    // [a.b] alone makes [a] too: said once, for [a.b].
    if ((find_kata_table(name) && kind != "agent") || name == "agent.kata.mem_agent" || is_only_parent(name))
      continue;
    const auto near = nearest(kind, all_known_tables());
    const auto rest = dot == std::string::npos || near == "runtime" ? "" : name.substr(dot);
    const auto hint = near.empty() ? "" : near == "agent" ? "agent.nacre" : near + rest;
    problems.add(table.origin, "unknown table [" + name + "]" +
                                   (hint.empty() || hint == name ? "" : "; did you mean [" + hint + "]?"));
  }
}

void Config::check_hypervisor_as_kata(Problems& problems) const {
  const auto* table = document_.find(hypervisor_table_);
  if (!table) return;
  Table rest;
  for (const auto& [key, setting] : table->settings) {
    const auto* known = find_kata_key(hypervisor_table_, key);
    if (!known || known->fate != KataFate::honoured) rest.settings[key] = setting;
  }
  check_table(hypervisor_table_, &rest, {}, guest_schema(), problems);
}

PluginOptions Config::check(std::string_view kind, std::string_view name, const Schema& schema,
                            Problems& problems) const {
  const auto own = std::string(kind) + "." + std::string(name);
  const bool chosen = kind == "hypervisor" && name == runtime_.hypervisor;
  const auto& table = chosen ? hypervisor_table_ : own;
  const auto checked = check_table(table, document_.find(table), schema,
                                   kind == "hypervisor" ? guest_schema() : Schema{}, problems);
  PluginOptions options;
  boost::json::object json;
  for (const auto& [key, setting] : checked.settings()) {
    json[key] = json_of(setting.value);
    options.origins[key] = setting.value_origin;
  }
  options.json = boost::json::serialize(json);
  options.notices = problems.notices();
  return options;
}

PluginOptions Config::check(std::string_view kind, std::string_view name, const Schema& schema) const {
  Problems problems;
  auto options = check(kind, name, schema, problems);
  problems.throw_if_any();
  return options;
}

} // namespace nacre::config
