#include "cli/verbs.hpp"

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "oci/default_spec.hpp"

#include <fcntl.h>

namespace nacre::cli {

CommandLine spec_grammar() {
  CommandLine line("spec [--bundle DIR]", "Writes a config.json to start from into the bundle.");
  line.value("bundle,b", "DIR", "folder of the bundle (default: the working folder)");
  line.flag("rootless", "not available yet");
  return line;
}

int verb_spec(const GlobalOptions& options) {
  auto line = spec_grammar();
  if (!line.parse(options.arguments, 0, 0)) return 0;
  if (line.is_set("rootless"))
    throw Error(ErrorCode::unimplemented, "nacre spec --rootless is not available yet");
  const auto file = absolute_path(line.get("bundle")) + "/config.json";
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!fd && errno == EEXIST)
    throw Error(ErrorCode::already_exists, "write", file).because("the file exists").hint("remove it first");
  check_errno(fd.get(), "write", file);
  const auto text = oci::default_spec() + "\n";
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    const int failure = errno;
    ::unlink(file.c_str());
    throw Error::from_errno(failure, "write", file);
  }
  return 0;
}

} // namespace nacre::cli
