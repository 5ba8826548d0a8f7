#include "cli/verbs.hpp"

#include "base/error.hpp"
#include "cli/diagnosis/collection.hpp"
#include "cli/output.hpp"
#include "cli/signal_watch.hpp"
#include "oci/container_id.hpp"

#include <ctime>
#include <limits>
#include <sys/stat.h>

namespace nacre::cli {
namespace {

std::string default_name() {
  const auto now = std::time(nullptr);
  tm utc{};
  ::gmtime_r(&now, &utc);
  char text[64];
  std::strftime(text, sizeof text, "nacre-collect-%Y%m%d-%H%M%S.tar.gz", &utc);
  return text;
}

void add_named(const GlobalOptions& options, const std::string& id, Collection& collection) {
  oci::check_id(id);
  const auto folder = options.state_dir(id);
  struct stat status {};
  if (::lstat(folder.c_str(), &status) < 0 || !S_ISDIR(status.st_mode))
    throw Error(ErrorCode::not_found, "container does not exist", id)
        .hint("`nacre list` shows those there are");
  collection.add_container("containers/" + id, folder);
}

void fill(const GlobalOptions& options, const Arguments& ids, Collection& collection) {
  for (const auto& id : ids)
    add_named(options, id, collection);
  if (ids.empty()) {
    try {
      for (const auto& [label, folder] : state_folders(options.root))
        collection.add_container(label, folder);
    } catch (const Error& error) {
      log_error(error.what()); // what can be had without states is worth having
    }
  }
  collection.add_host(options.config, options.root);
}

} // namespace

CommandLine collect_grammar() {
  CommandLine line(
      "collect [--output FILE] [<container-id>...]",
      "Packs what a bug report wants into one archive: facts of the host, configuration, and the "
      "states, timelines and logs of these containers, or of all below --root. Secrets are left out.");
  line.value("output,o", "FILE", "archive (default: nacre-collect-TIME.tar.gz)");
  return line;
}

int verb_collect(const GlobalOptions& options) {
  auto line = collect_grammar();
  if (!line.parse(options.arguments, 0, std::numeric_limits<std::size_t>::max())) return 0;
  // The folder with what is packed must go, whatever signal comes meanwhile.
  std::optional<int> signal;
  {
    SignalWatch signals;
    Collection collection;
    fill(options, line.words(), collection);
    signal = signals.take();
    if (!signal) {
      const auto file = absolute_path(line.has("output") ? line.get("output") : default_name());
      collection.write(file);
      print(file + ": " + std::to_string(collection.containers()) +
            " containers; read it before you send it to somebody else\n");
    }
  }
  if (signal) die_of(*signal);
  return 0;
}

} // namespace nacre::cli
