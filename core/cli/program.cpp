#include "cli/verbs.hpp"

#include "base/error.hpp"
#include "base/paths.hpp"
#include "cli/build_info.hpp"
#include "cli/output.hpp"
#include "oci/state.hpp"

#include <exception>
#include <string_view>

namespace nacre::cli {
namespace {

struct Verb {
  std::string_view name;
  int (*run)(const GlobalOptions&);
  int failure_code; // exec's differs from the others in runc, and engines know it
};

constexpr Verb verbs[] = {
    {"config", verb_config, 1}, {"create", verb_create, 1}, {"delete", verb_delete, 1},
    {"exec", verb_exec, 255},   {"kill", verb_kill, 1},     {"features", verb_features, 1},
    {"list", verb_list, 1},     {"run", verb_run, 1},       {"spec", verb_spec, 1},
    {"start", verb_start, 1},   {"state", verb_state, 1},   {"timeline", verb_timeline, 1},
};

constexpr std::string_view verbs_of_later[] = {"checkpoint", "events", "pause", "ps",
                                               "restore",    "resume", "update"};

std::string version_text() {
  return std::string("nacre version ") + paths::version + "\ncommit: " + build_commit +
         "\nspec: " + std::string(oci::oci_version) + "\n";
}

[[noreturn]] void refuse_verb(const std::string& name) {
  for (const auto later : verbs_of_later)
    if (name == later) throw Error(ErrorCode::unimplemented, "nacre " + name + " is not available yet");
  if (name == "init")
    throw Error(ErrorCode::invalid_argument, "nacre init is not for users")
        .because("runc runs itself so inside a container, but here the guest's agent starts processes")
        .hint("use create, run or exec");
  throw Error(ErrorCode::invalid_argument, "unknown verb", name).hint("`nacre --help` lists them");
}

} // namespace

int run_program(const Arguments& arguments) {
  int failure_code = 1;
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
    for (const auto& verb : verbs)
      if (options.verb == verb.name) {
        failure_code = verb.failure_code;
        return verb.run(options);
      }
    refuse_verb(options.verb);
  } catch (const std::exception& error) {
    log_error(error.what());
    return failure_code;
  }
}

} // namespace nacre::cli
