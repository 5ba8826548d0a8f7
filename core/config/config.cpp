#include "config/config.hpp"

#include "base/error.hpp"
#include "base/paths.hpp"
#include "config/kata_keys.hpp"
#include "config/locate.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <cmath>
#include <set>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

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

boost::json::value json_of(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return boost::json::string(*text);
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto* flag = std::get_if<bool>(&value)) return *flag;
  boost::json::array list;
  if (const auto* texts = std::get_if<StringList>(&value))
    for (const auto& text : *texts)
      list.emplace_back(text);
  return list;
}

std::uint32_t vcpus_of(double wanted) {
  if (wanted < 0) return std::max(1U, std::thread::hardware_concurrency());
  return std::max(1U, static_cast<std::uint32_t>(std::ceil(wanted)));
}

void require_file(const std::string& what, const std::string& path, const Origin& origin) {
  const std::string hint = origin.is_default()
                               ? "install the guest image, or set \"" + what + "\" in the configuration"
                               : "correct \"" + what + "\" at " + origin.text();
  struct stat status {};
  if (::stat(path.c_str(), &status) < 0)
    throw Error::from_errno(errno, "open guest " + what, path).hint(hint);
  if (!S_ISREG(status.st_mode))
    throw Error(ErrorCode::invalid_argument, "open guest " + what, path)
        .because("not a regular file")
        .hint(hint);
  if (::access(path.c_str(), R_OK) < 0) throw Error::from_errno(errno, "open guest " + what, path).hint(hint);
}

// Merges `over` into the names of `table`: a default never replaces what a user wrote.
void overlay(CheckedTable& table, const CheckedTable& over) {
  for (const auto& [key, setting] : over.settings())
    if (!setting.value_origin.is_default() || !table.find(key)) table.set(key, setting);
}

} // namespace

void GuestOptions::require_files() const {
  require_file("kernel", kernel, kernel_origin);
  if (!initrd.empty()) require_file("initrd", initrd, initrd_origin);
  if (!image.empty()) require_file("image", image, image_origin);
}

Config parse(const LoadOptions& options, Problems& problems) {
  Config config;
  config.files_.push_back(find_main_file(options.file));
  const auto drop_ins = find_drop_ins(config.files_.front());
  config.files_.insert(config.files_.end(), drop_ins.begin(), drop_ins.end());
  for (const auto& file : config.files_)
    merge(config.document_, read_document(file, problems));
  // What follows from a file that could only be read in part would be noise.
  if (problems.empty()) config.interpret(problems);
  return config;
}

Config parse_text(std::string_view text, const std::string& file, Problems& problems) {
  Config config;
  config.files_.push_back(file);
  config.document_ = parse_document(text, file, problems);
  if (problems.empty()) config.interpret(problems);
  return config;
}

Config load(const LoadOptions& options) {
  Problems problems;
  auto config = parse(options, problems);
  problems.throw_if_any();
  return config;
}

void Config::interpret(Problems& problems) {
  auto& table = document_.tables["runtime"];
  for (const auto* key : {"network", "storage", "security"})
    widen_to_list(table, key);
  runtime_table_ = check_table("runtime", &table, runtime_schema(), {}, problems);
  refuse_unknown_tables(problems);

  for (const auto* key : {"network", "storage"}) {
    if (!runtime_table_.list(key).empty() || (table.settings.contains(key) && !runtime_table_.find(key)))
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
  runtime_.network = runtime_table_.list("network");
  runtime_.storage = runtime_table_.list("storage");
  runtime_.security = runtime_table_.list("security");
  runtime_.enable_debug = runtime_table_.boolean("enable_debug");
  runtime_.sandbox_cgroup_only = runtime_table_.boolean("sandbox_cgroup_only");
  runtime_.disable_guest_seccomp = runtime_table_.boolean("disable_guest_seccomp");
  runtime_.guest_sysctls = runtime_table_.list("guest_sysctls");
  runtime_.annotations_file = runtime_table_.string("annotations_file");
  if (!runtime_.annotations_file.empty() && runtime_.annotations_file.front() != '/')
    problems.add(runtime_table_.origin("annotations_file"),
                 "\"annotations_file\" in [runtime] must be an absolute path");
  check_extra_plugin_dir(problems);
  choose_hypervisor(problems);

  agent_table_ = check_table("agent.kata", document_.find("agent.kata"), agent_schema(), {}, problems);
  overlay(agent_table_,
          check_table("agent.nacre", document_.find("agent.nacre"), agent_schema(), {}, problems));
  agent_.enable_debug = agent_table_.boolean("enable_debug");
  agent_.debug_console_enabled = agent_table_.boolean("debug_console_enabled");
  if (!runtime_.hypervisor.empty()) check_guest(problems);
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

void Config::choose_hypervisor(Problems& problems) {
  if (runtime_table_.find("hypervisor")) {
    runtime_.hypervisor = runtime_table_.string("hypervisor");
    check_plugin_name("hypervisor", runtime_.hypervisor, runtime_table_.origin("hypervisor"), problems);
    return;
  }
  const auto* runtime = document_.find("runtime");
  if (runtime && runtime->settings.contains("hypervisor")) return; // of the wrong type: said already
  // Kata's rule: a file with one [hypervisor.*] table needs no other choice.
  std::vector<std::pair<std::string, Origin>> names;
  for (const auto& [name, table] : document_.tables)
    if (name.starts_with("hypervisor.") && name.find('.', 11) == std::string::npos)
      names.emplace_back(name.substr(11), table.origin);
  if (names.size() == 1) {
    runtime_.hypervisor = names.front().first;
    const Setting setting{runtime_.hypervisor, names.front().second, names.front().second};
    runtime_table_.set("hypervisor", setting);
    check_plugin_name("hypervisor", runtime_.hypervisor, setting.value_origin, problems);
    return;
  }
  problems.add(runtime && !runtime->origin.is_default() ? runtime->origin : Origin{files_.front(), 1, 1},
               names.empty()
                   ? "[runtime] hypervisor is not set; `nacre plugin list` shows the plugins installed"
                   : "several [hypervisor.*] tables but no choice; write hypervisor = \"" +
                         names.front().first + "\" or another in [runtime]");
}

void Config::check_guest(Problems& problems) {
  const auto name = "hypervisor." + runtime_.hypervisor;
  // The plugin's own keys are checked when its schema is known; here they are passed over.
  Table own;
  if (const auto* table = document_.find(name))
    for (const auto& [key, setting] : table->settings)
      if (std::any_of(guest_schema().begin(), guest_schema().end(),
                      [&wanted = key](const auto& item) { return item.key == wanted; }))
        own.settings[key] = setting;
  guest_table_ = check_table(name, &own, guest_schema(), {}, problems);

  guest_.kernel = guest_table_.string("kernel");
  guest_.initrd = guest_table_.string("initrd");
  guest_.image = guest_table_.string("image");
  guest_.kernel_params = guest_table_.string("kernel_params");
  guest_.vcpus = vcpus_of(guest_table_.number("default_vcpus"));
  guest_.memory_mib = static_cast<std::uint32_t>(guest_table_.integer("default_memory"));
  guest_.kernel_origin = guest_table_.origin("kernel");
  guest_.initrd_origin = guest_table_.origin("initrd");
  guest_.image_origin = guest_table_.origin("image");
  if (!guest_.initrd.empty() && !guest_.image.empty())
    problems.add(guest_.image_origin, "[" + name + "] has both initrd and image; remove one of them");
  if (guest_.initrd.empty() && guest_.image.empty()) {
    guest_.initrd = std::string(paths::data_dir) + "/nacre-initrd.img";
    guest_table_.set("initrd", Setting{guest_.initrd, {}, {}});
  }
  for (const auto* key : {"kernel", "initrd", "image"}) {
    const auto path = guest_table_.string(key);
    if (!path.empty() && path.front() != '/')
      problems.add(guest_table_.origin(key),
                   "\"" + std::string(key) + "\" in [" + name + "] must be an absolute path");
  }
}

void Config::refuse_unknown_tables(Problems& problems) const {
  for (const auto& [name, table] : document_.tables) {
    if (name.empty()) {
      for (const auto& [key, setting] : table.settings)
        problems.add(setting.key_origin,
                     "key \"" + key + "\" stands outside any table; put it below [runtime] or another");
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
    if (auto refusal = refusal_of_kata_key(name, ""); !refusal.empty()) {
      problems.add(table.origin, std::move(refusal));
      continue;
    }
    const auto next = document_.tables.upper_bound(name);
    const bool only_parent =
        table.settings.empty() && next != document_.tables.end() && next->first.starts_with(name + ".");
    if (only_parent) continue; // [a.b] alone makes [a] too: said once, for [a.b]
    const auto near = nearest(kind, {"runtime", "agent", "hypervisor", "network", "storage", "security"});
    const auto hint = near.empty() ? "" : near + (dot == std::string::npos ? "" : name.substr(dot));
    problems.add(table.origin,
                 "unknown table [" + name + "]" + (hint.empty() ? "" : "; did you mean [" + hint + "]?"));
  }
}

PluginOptions Config::check(std::string_view kind, std::string_view name, const Schema& schema,
                            Problems& problems) const {
  const auto table = std::string(kind) + "." + std::string(name);
  const auto checked = check_table(table, document_.find(table), schema,
                                   kind == "hypervisor" ? guest_schema() : Schema{}, problems);
  PluginOptions options;
  boost::json::object json;
  for (const auto& [key, setting] : checked.settings()) {
    json[key] = json_of(setting.value);
    options.origins[key] = setting.value_origin;
  }
  options.json = boost::json::serialize(json);
  return options;
}

PluginOptions Config::check(std::string_view kind, std::string_view name, const Schema& schema) const {
  Problems problems;
  auto options = check(kind, name, schema, problems);
  problems.throw_if_any();
  return options;
}

} // namespace nacre::config
