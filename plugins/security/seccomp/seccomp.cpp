// Security `seccomp`: the guest's profile is checked and left to be enforced in the guest; the host's
// processes that Nacre starts run under a list of system calls, one list a role (<role>.txt).
#include "filter.hpp"
#include "lists.hpp"
#include "profile.hpp"

#include <nacre/sdk/security.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <seccomp.h>

namespace {

using namespace nacre::sdk;
namespace json = boost::json;
namespace seccomp = nacre::seccomp;

constexpr char options_schema[] = R"json([
{"key":"disable_guest_seccomp","type":"boolean","default":false,"help":"containers run without the seccomp profile of their bundle"},
{"key":"disable_seccomp","type":"boolean","default":false,"help":"the VMM and its helpers run without a list of system calls"}
])json";

class Seccomp : public Security {
public:
  Seccomp(Host host, const Call&, const Options& options)
      : host_(host), guest_off_(options.boolean_or("disable_guest_seccomp", false)),
        host_off_(options.boolean_or("disable_seccomp", false)) {}

  static Probe probe(Host, const Call&, const Options&) {
    if (seccomp_api_get() == 0) return Probe::skip("this kernel has no seccomp filters");
    return Probe::ok();
  }

  ProcessRules confine(const Call&, const ProcessRequest& request) override {
    ProcessRules rules;
    const auto list = seccomp::list_for_role(request.role);
    if (host_off_ || list.empty()) return rules;
    rules.no_new_privileges = true; // the kernel wants it, or a capability that the process need not have
    rules.filter = seccomp::compile(seccomp::RuleList::parse(list));
    return rules;
  }

  GuestRules guest_process(const Call&, const GuestRequest& request) override {
    // An exec gets the filter that its container was created with.
    if (request.is_exec || request.linux_section.empty()) return {};
    json::value section = json::parse(request.linux_section);
    if (!section.is_object()) return {};
    auto& linux_section = section.get_object();
    const auto* profile = linux_section.if_contains("seccomp");
    if (profile == nullptr || profile->is_null()) return {};
    if (guest_off_) {
      linux_section.erase("seccomp");
      return {{}, json::serialize(section)};
    }
    if (!profile->is_object()) throw Error(NACRE_E_INVALID_ARGUMENT, "linux.seccomp is not an object");
    tell(seccomp::check_profile(profile->get_object()));
    return {};
  }

private:
  void tell(const seccomp::ProfileCheck& check) const {
    if (check.unknown_calls.empty()) return;
    std::string names;
    for (const auto& name : check.unknown_calls)
      names += (names.empty() ? "" : ", ") + name.substr(0, 64);
    host_.debug("linux.seccomp names system calls that are not known here and are left out: " + names);
  }

  Host host_;
  bool guest_off_, host_off_;
};

} // namespace

NACRE_PLUGIN_DEFINE(security, "seccomp", "0.1.0", "Apache-2.0", 0,
                    NACRE_SEC_HOST_SECCOMP | NACRE_SEC_GUEST_SECCOMP, options_schema,
                    &nacre::sdk::security_table<Seccomp>);
