#include "cli/verbs.hpp"

#include "base/error.hpp"
#include "base/paths.hpp"
#include "cli/build_info.hpp"
#include "cli/output.hpp"
#include "cli/verb_table.hpp"
#include "oci/state.hpp"

#include <exception>

namespace nacre::cli {
namespace {

std::string version_text() {
  return std::string("nacre version ") + paths::version + "\ncommit: " + build_commit +
         "\nspec: " + std::string(oci::oci_version) + "\n";
}

[[noreturn]] void refuse_verb(const std::string& name) {
  if (name == "init")
    throw Error(ErrorCode::invalid_argument, "nacre init is not for users")
        .because("runc runs itself so inside a container, but here the guest's agent starts processes")
        .hint("use create, run or exec");
  throw Error(ErrorCode::invalid_argument, "unknown verb", name).hint("`nacre --help` lists them");
}

} // namespace

int run_program(const Arguments& arguments) {
  try {
    GlobalOptions options;
    if (!parse_global_options(arguments, options)) return 0;
    if (options.version) {
      print(version_text());
      return 0;
    }
    if (options.verb.empty())
      throw Error(ErrorCode::invalid_argument, "no verb given").hint("`nacre --help` lists them");
    if (options.verb == "help") return parse_global_options({"--help"}, options) ? 1 : 0;
    if (const auto* verb = find_verb(options.verb)) return verb->run(options);
    refuse_verb(options.verb);
  } catch (const std::exception& error) {
    log_error(error.what());
    return 1;
  }
}

} // namespace nacre::cli
