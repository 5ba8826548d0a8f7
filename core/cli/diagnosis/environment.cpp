#include "cli/diagnosis/environment.hpp"

#include "base/error.hpp"
#include "base/paths.hpp"
#include "cli/build_info.hpp"
#include "cli/container_states.hpp"
#include "cli/diagnosis/cgroup_facts.hpp"
#include "cli/diagnosis/host_facts.hpp"
#include "cli/diagnosis/installation.hpp"
#include "cli/diagnosis/kernel_features.hpp"
#include "cli/diagnosis/program_facts.hpp"
#include "cli/diagnosis/secrets.hpp"
#include "launch/holder_protocol.hpp"
#include "ttrpc/descriptors.hpp"
#include "ttrpc/task_client.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <nacre/plugin/descriptor.h>

namespace nacre::cli {
namespace {

namespace json = boost::json;

template <class Texts> json::array array_of(const Texts& texts) {
  json::array list;
  for (const auto& text : texts)
    list.emplace_back(text);
  return list;
}

json::object nacre_of() {
  return {{"version", paths::version},
          {"commit", build_commit},
          {"oci_version", oci::oci_version},
          {"plugin_abi", std::to_string(NACRE_ABI_MAJOR) + "." + std::to_string(NACRE_ABI_MINOR)},
          {"protocols",
           {{"task", ttrpc::task_protocol_version},
            {"fd", ttrpc::descriptor_protocol_version},
            {"holder", launch::holder_protocol_version}}}};
}

json::object host_of() {
  const auto facts = host_facts();
  return {{"distribution", facts.distribution},
          {"kernel", facts.kernel},
          {"machine", facts.machine},
          {"cpu", facts.cpu},
          {"cpus", facts.cpus},
          {"cpu_flags", array_of(facts.cpu_flags)},
          {"memory_mib", facts.memory_mib},
          {"available_mib", facts.available_mib}};
}

json::object kernel_of() {
  json::object features;
  for (const auto& feature : kernel_features())
    features[feature.name] = {{"works", feature.works}, {"reason", feature.why_not}};
  return features;
}

json::object cgroup_of() {
  const auto facts = cgroup_facts();
  return {{"version", facts.version},
          {"manager", facts.manager},
          {"controllers", facts.controllers},
          {"problem", facts.problem}};
}

json::object paths_of(const std::string& root) {
  return {{"root", root},
          {"plugins", paths::plugin_dir},
          {"data", paths::data_dir},
          {"configuration", std::string(paths::sysconf_dir) + "/configuration.toml"},
          {"default_configuration", std::string(paths::defaults_dir) + "/configuration.toml"},
          {"shim", paths::shim},
          {"launch", paths::launch}};
}

json::array programs_of(const std::vector<PluginFacts>& plugins) {
  json::array list;
  for (const auto& programs : {own_programs(), plugin_programs(plugins), other_programs()})
    for (const auto& program : programs)
      list.push_back({{"name", program.name},
                      {"path", program.path},
                      {"version", program.version},
                      {"problem", program.problem}});
  return list;
}

// Each value by its table and key, as TOML, and where it was written.
json::object configuration_of(const ConfigurationFacts& facts) {
  json::object values;
  if (facts.config)
    for (const auto& [table, settings] : facts.config->effective()) {
      json::object keys;
      for (const auto& [key, setting] : settings)
        keys[key] = {{"value", config::to_toml(setting.value)}, {"origin", setting.value_origin.text()}};
      values[table] = std::move(keys);
    }
  return {{"files", array_of(facts.files)},
          {"problems", array_of(facts.problems)},
          {"values", std::move(values)}};
}

json::object options_of(const config::PluginOptions& options) {
  json::object out;
  if (options.json.empty()) return out;
  const auto values = json::parse(options.json);
  for (const auto& [key, value] : values.as_object()) {
    const auto origin = options.origins.find(key);
    out[key] = {{"value", value},
                {"origin", origin == options.origins.end() ? "default" : origin->second.text()}};
  }
  return out;
}

json::array plugins_of(const std::vector<PluginFacts>& plugins) {
  json::array list;
  for (const auto& plugin : plugins) {
    const auto& identity = plugin.report.identity;
    json::array findings;
    for (const auto& finding : plugin.report.findings)
      findings.push_back({{"result", to_string(finding.status)}, {"sentence", finding.sentence}});
    list.push_back({{"kind", to_string(plugin.kind)},
                    {"name", plugin.name},
                    {"path", plugin.path},
                    {"chosen", plugin.chosen},
                    {"usable", plugin.report.good()},
                    {"version", identity.version},
                    {"abi", std::to_string(identity.abi_major) + "." + std::to_string(identity.abi_minor)},
                    {"capabilities", array_of(identity.capabilities)},
                    {"findings", std::move(findings)},
                    {"options", options_of(plugin.options)}});
  }
  return list;
}

json::object guest_of(const ConfigurationFacts& configuration) {
  auto facts = guest_facts(configuration);
  json::array files;
  for (const auto& file : facts.files)
    files.push_back(
        {{"what", file.what}, {"path", file.path}, {"size", file.size}, {"problem", file.problem}});
  facts.note.erase("initrd"); // each file of it with its sum: the note itself has them
  return {{"files", std::move(files)},
          {"note_path", facts.note_path},
          {"note_problem", facts.note_problem},
          {"note", std::move(facts.note)}};
}

json::object containers_of(const std::string& root) {
  json::object out = {{"states", json::object()}, {"problems", json::array()}};
  try {
    const auto [states, problems] = container_states(root);
    for (const auto& state : states)
      out["states"].as_object()[state.id] = to_string(state.status);
    out["problems"] = array_of(problems);
  } catch (const Error& error) {
    out["problems"] = json::array{error.what()};
  }
  return out;
}

} // namespace

json::object environment_document(const std::string& config_file, const std::string& root) {
  const auto configuration = configuration_facts(config_file);
  const auto plugins = plugin_facts(configuration);
  json::value document = json::object{{"nacre", nacre_of()},
                                      {"host", host_of()},
                                      {"kernel_features", kernel_of()},
                                      {"cgroups", cgroup_of()},
                                      {"paths", paths_of(root)},
                                      {"programs", programs_of(plugins)},
                                      {"configuration", configuration_of(configuration)},
                                      {"plugins", plugins_of(plugins)},
                                      {"guest", guest_of(configuration)},
                                      {"containers", containers_of(root)}};
  Secrets().mask(document);
  return std::move(document.get_object());
}

} // namespace nacre::cli
