#include "cli/verbs.hpp"

#include "base/error.hpp"
#include "cli/output.hpp"
#include "config/config.hpp"
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

} // namespace

CommandLine plugin_grammar() {
  CommandLine line("plugin list | plugin show KIND/NAME|FILE | plugin verify KIND/NAME|FILE",
                   "Lists plugins, shows what one offers, or tries one in a process of its own.");
  line.value("plugin-dir", "DIR", "look here and nowhere else");
  return line;
}

int verb_plugin(const GlobalOptions& options) {
  auto line = plugin_grammar();
  if (!line.parse(options.arguments, 1, 2)) return 0;
  const auto& action = line.words().front();
  const bool has_target = line.words().size() == 2;
  if (action == "list" && !has_target) {
    print(plugin::list_text(registry_of(line, options).list()));
    return 0;
  }
  if ((action != "show" && action != "verify") || !has_target)
    throw Error(ErrorCode::invalid_argument, "bad arguments of plugin", action)
        .hint("use list, show KIND/NAME or verify KIND/NAME");
  const auto& word = line.words()[1];
  const auto target = word.ends_with(".so") ? plugin::target_of_file(word)
                                            : plugin::target_named(word, registry_of(line, options));
  const auto report = plugin::verify(target.path, target.kind, target.name);
  const bool show = action == "show" && report.good();
  print(show ? plugin::show_text(target, report) : plugin::verify_text(target, report));
  return report.good() ? 0 : 1;
}

} // namespace nacre::cli
