#include "cli/verbs.hpp"

#include "base/error.hpp"
#include "cli/output.hpp"
#include "config/config.hpp"
#include "config/schema_document.hpp"
#include "oci/pretty_json.hpp"
#include "plugin/configured_tables.hpp"

namespace nacre::cli {
namespace {

struct Checked {
  config::Config config;
  config::Problems problems; // notices too
};

// The files, the plugins' tables among them, and all that is to be said of them.
Checked check_file(const std::string& file) {
  config::Problems problems;
  auto config = config::parse({file}, problems);
  if (!config.runtime().hypervisor.empty()) {
    plugin::Registry registry(config.runtime().extra_plugin_dir);
    plugin::check_plugin_tables(config, registry, problems);
  }
  return {std::move(config), std::move(problems)};
}

void check(const std::string& file) {
  auto [config, problems] = check_file(file);
  if (!config.guest().has_kata_assets && problems.empty()) { // else a notice has told
    try {
      config.guest().require_files();
    } catch (const Error& error) {
      problems.add({}, error.what());
    }
  }
  auto notices = problems.notices();
  for (auto& notice : notices)
    notice.text = "notice: " + notice.text;
  if (!notices.empty()) print(config::lines_of(std::move(notices)) + "\n");
  problems.throw_if_any();
  print(config.files().front() + ": good\n");
}

void migrate(const std::string& file) {
  const auto [config, problems] = check_file(file);
  problems.throw_if_any();
  print("# Made by `nacre config migrate` from \"" + config.files().front() + "\".\n" +
        config.migrated(problems));
}

// A plugin that cannot be loaded must not hide the others.
std::vector<config::PluginSchema> installed_schemas(const GlobalOptions& options) {
  std::string extra_dir;
  try {
    extra_dir = config::load({options.config}).runtime().extra_plugin_dir;
  } catch (const Error& error) {
    log_error(error.what());
  }
  plugin::Registry registry(extra_dir);
  std::vector<config::PluginSchema> schemas;
  for (const auto& entry : registry.list()) {
    try {
      const auto& loaded = registry.load(entry.kind, entry.name);
      schemas.push_back({std::string(plugin::to_string(entry.kind)), entry.name,
                         config::parse_schema(loaded.options_schema())});
    } catch (const Error& error) {
      log_error(error.what());
    }
  }
  return schemas;
}

std::string file_of(const CommandLine& line, const GlobalOptions& options) {
  return line.words().size() > 1 ? absolute_path(line.words()[1]) : options.config;
}

} // namespace

CommandLine config_grammar() {
  CommandLine line(
      "config show [--origin] | config check [FILE] | config migrate FILE | config schema --json",
      "Shows the configuration, checks a file, turns Kata's into Nacre's, lists keys.");
  line.flag("origin", "show: say where each value was written");
  line.flag("json", "schema: as a document for programs");
  return line;
}

int verb_config(const GlobalOptions& options) {
  auto line = config_grammar();
  if (!line.parse(options.arguments, 1, 2)) return 0;
  const auto& action = line.words().front();
  const bool has_file = line.words().size() == 2;
  if (action == "show" && !has_file)
    print(config::load({options.config}).show(line.is_set("origin")));
  else if (action == "check")
    check(file_of(line, options));
  else if (action == "migrate" && has_file)
    migrate(file_of(line, options));
  else if (action == "schema" && !has_file && line.is_set("json"))
    print(oci::pretty(config::schema_document(installed_schemas(options))) + "\n");
  else
    throw Error(ErrorCode::invalid_argument, "bad arguments of config", action)
        .hint("use show, check FILE, migrate KATA-FILE or schema --json");
  return 0;
}

} // namespace nacre::cli
