#include "cli/verbs.hpp"

#include "base/error.hpp"
#include "cli/output.hpp"
#include "cli/plugin_skeleton.hpp"
#include "config/config.hpp"
#include "oci/pretty_json.hpp"
#include "plugin/crash_line.hpp"
#include "plugin/report_json.hpp"
#include "plugin/report_text.hpp"

namespace nacre::cli {
namespace {

// The folders that the configuration names. A configuration that cannot be read must not hide what is
// installed.
plugin::Registry configured_registry(const GlobalOptions& options) {
  try {
    return plugin::Registry(config::load({options.config}).runtime().extra_plugin_dir);
  } catch (const Error& error) {
    log_error(error.what());
    return plugin::Registry();
  }
}

plugin::Registry registry_of(const CommandLine& line, const GlobalOptions& options) {
  if (!line.has("plugin-dir")) return configured_registry(options);
  const auto folder = absolute_path(line.get("plugin-dir"));
  log_error("only this command looks for plugins in \"" + folder + "\": containers do not");
  return plugin::Registry("", folder);
}

int list(const CommandLine& line, const GlobalOptions& options) {
  const auto entries = registry_of(line, options).list();
  print(line.is_set("json") ? oci::pretty(plugin::list_json(entries)) + "\n" : plugin::list_text(entries));
  return 0;
}

int pairs(const CommandLine& line, const GlobalOptions& options) {
  plugin::install_crash_line(); // every plugin is loaded into this process
  auto registry = registry_of(line, options);
  const auto pairs = plugin::all_pairs(registry);
  print(line.is_set("json") ? oci::pretty(plugin::pairs_json(pairs)) + "\n" : plugin::pairs_text(pairs));
  return 0;
}

int show_or_verify(bool show, const CommandLine& line, const GlobalOptions& options) {
  const auto& word = line.words()[1];
  const auto target = word.ends_with(".so") ? plugin::target_of_file(word)
                                            : plugin::target_named(word, registry_of(line, options));
  const auto report = plugin::verify(target.path, target.kind, target.name);
  if (line.is_set("json"))
    print(oci::pretty(plugin::report_json(target, report)) + "\n");
  else
    print(show && report.good() ? plugin::show_text(target, report) : plugin::verify_text(target, report));
  return report.good() ? 0 : 1;
}

int make_new(const CommandLine& line) {
  const auto kind = plugin::kind_of(line.words()[1]);
  if (!kind)
    throw Error(ErrorCode::invalid_argument, "there is no kind of plugin", line.words()[1])
        .hint("use hypervisor, network, storage or security");
  const auto& name = line.words()[2];
  const PluginSkeleton skeleton{*kind, name, line.has("language") ? line.get("language") : "c++",
                                absolute_path(name)};
  for (const auto& file : skeleton.write())
    print(name + "/" + file + "\n");
  return 0;
}

} // namespace

CommandLine plugin_grammar() {
  CommandLine line(
      "plugin list | plugin pairs | plugin show KIND/NAME|FILE | plugin verify KIND/NAME|FILE | "
      "plugin new KIND NAME",
      "Lists plugins, says which fit each other, shows what one offers, tries one in a process of "
      "its own, or writes a new one into the folder NAME.");
  line.value("plugin-dir", "DIR", "look here and nowhere else");
  line.value("language", "NAME", "of a new plugin: c++ (default), c or rust");
  line.flag("json", "for programs (docs/plugin-authors.md has the shape)");
  return line;
}

int verb_plugin(const GlobalOptions& options) {
  auto line = plugin_grammar();
  if (!line.parse(options.arguments, 1, 3)) return 0;
  const auto& action = line.words().front();
  const auto words = line.words().size();
  if (action == "list" && words == 1) return list(line, options);
  if (action == "pairs" && words == 1) return pairs(line, options);
  if ((action == "show" || action == "verify") && words == 2)
    return show_or_verify(action == "show", line, options);
  if (action == "new" && words == 3) return make_new(line);
  throw Error(ErrorCode::invalid_argument, "bad arguments of plugin", action)
      .hint("use list, show KIND/NAME, verify KIND/NAME, pairs or new KIND NAME");
}

} // namespace nacre::cli
