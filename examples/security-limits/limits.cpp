// Security `limits`: what a process of the host may use up, by its role. A virtual machine monitor must leave
// no core dump (it holds the guest's memory), and has no reason to open thousands of files.
#include <nacre/sdk/security.hpp>

#include <algorithm>

namespace {

using namespace nacre::sdk;

constexpr char options_schema[] = R"json([
{"key":"roles","type":"strings","default":["vmm"],"help":"processes that are limited"},
{"key":"core_dumps","type":"boolean","default":false,"help":"let them leave core dumps"},
{"key":"open_files","type":"integer","default":512,"min":64,"max":1048576,"help":"how many files one of them may have open"}
])json";

class Limits : public Security {
public:
  Limits(Host, const Call&, const Options& options)
      : roles_(options.strings("roles")), core_dumps_(options.boolean("core_dumps")),
        open_files_(std::to_string(options.integer("open_files"))) {}

  // Only data are returned: Nacre applies them between fork and exec, where no code of a plugin may run. What
  // other security plugins return is merged with it, and the stricter side wins.
  ProcessRules confine(const Call&, const ProcessRequest& request) override {
    ProcessRules rules;
    if (std::find(roles_.begin(), roles_.end(), request.role) == roles_.end()) return rules;
    rules.no_new_privileges = true;
    rules.rlimits.push_back("RLIMIT_NOFILE=" + open_files_ + ":" + open_files_);
    if (!core_dumps_) rules.rlimits.push_back("RLIMIT_CORE=0:0");
    return rules;
  }

private:
  std::vector<std::string> roles_;
  bool core_dumps_;
  std::string open_files_;
};

} // namespace

NACRE_PLUGIN_DEFINE(security, "limits", "1.0", "Apache-2.0", 0, 0, options_schema,
                    &nacre::sdk::security_table<Limits>);
