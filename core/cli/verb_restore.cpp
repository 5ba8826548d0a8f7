#include "cli/verbs.hpp"

#include "base/error.hpp"
#include "config/config.hpp"
#include "oci/container_id.hpp"
#include "plugin/savable.hpp"

namespace nacre::cli {

CommandLine restore_grammar() {
  CommandLine line("restore [flags] <container-id>", "Starts a container from what `checkpoint` has saved.");
  for (const auto* name : {"image-path", "work-path"})
    line.value(name, "DIR", "as in runc");
  line.value("console-socket", "SOCKET", "as in runc");
  line.value("pid-file", "FILE", "as in runc");
  for (const auto* name : {"manage-cgroups-mode", "lsm-profile", "lsm-mount-context"})
    line.value(name, "VALUE", "as in runc");
  line.value("bundle,b", "DIR", "as in runc");
  line.list("empty-ns", "NAMESPACE", "as in runc");
  line.flag("detach,d", "as in runc");
  for (const auto* name : {"tcp-established", "ext-unix-sk", "shell-job", "file-locks", "no-subreaper",
                           "no-pivot", "auto-dedup", "lazy-pages"})
    line.flag(name, "as in runc");
  return line;
}

int verb_restore(const GlobalOptions& options) {
  auto line = restore_grammar();
  if (!line.parse(options.arguments, 1, 1)) return 0;
  const auto& id = line.words().front();
  oci::check_id(id);
  const auto runtime = config::load({options.config}).runtime();
  plugin::require_savable(plugin::Registry(runtime.extra_plugin_dir).list(), runtime.storage,
                          "restore container", id);
  throw Error(ErrorCode::unimplemented, "restore container", id)
      .because("virtual machines cannot be restored yet");
}

} // namespace nacre::cli
