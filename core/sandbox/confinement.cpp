#include "sandbox/confinement.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <boost/json.hpp>

namespace nacre::sandbox {
namespace {

using Names = google::protobuf::RepeatedPtrField<std::string>;

// The first list stands; every further one can only take away.
void limit_to(Names& names, const std::vector<std::string>& allowed, bool first) {
  if (first) {
    names.Assign(allowed.begin(), allowed.end());
    return;
  }
  Names kept;
  for (const auto& name : names)
    if (std::find(allowed.begin(), allowed.end(), name) != allowed.end()) *kept.Add() = name;
  names.Swap(&kept);
}

void limit_capabilities(const std::vector<std::string>& allowed, launch::ProcessPlan& plan) {
  const bool first = !plan.has_capabilities();
  auto& sets = *plan.mutable_capabilities();
  for (auto* names : {sets.mutable_bounding(), sets.mutable_effective(), sets.mutable_permitted()})
    limit_to(*names, allowed, first);
}

// "RLIMIT_NOFILE=1024:4096"
void add_rlimit(const std::string& text, launch::ProcessPlan& plan) {
  const auto equals = text.find('='), colon = text.find(':');
  if (equals == std::string::npos || colon == std::string::npos || colon < equals)
    throw Error(ErrorCode::invalid_argument, "apply a security plugin's limit", text)
        .because("it must read NAME=SOFT:HARD");
  const std::string type = text.substr(0, equals);
  const std::uint64_t soft = std::stoull(text.substr(equals + 1, colon - equals - 1));
  const std::uint64_t hard = std::stoull(text.substr(colon + 1));
  for (auto& limit : *plan.mutable_rlimits()) {
    if (limit.type() != type) continue;
    limit.set_soft(std::min<std::uint64_t>(limit.soft(), soft));
    limit.set_hard(std::min<std::uint64_t>(limit.hard(), hard));
    return;
  }
  auto& limit = *plan.add_rlimits();
  limit.set_type(type);
  limit.set_soft(soft);
  limit.set_hard(hard);
}

boost::json::object parse_object(const std::string& text, const plugin::Security& security) {
  boost::system::error_code error;
  boost::json::value value = boost::json::parse(text, error);
  if (error || !value.is_object())
    throw Error(ErrorCode::internal, "understand the rules of plugin", security.plugin().label())
        .because("they are no JSON object");
  return std::move(value.as_object());
}

} // namespace

void merge_rules(const plugin::ProcessRules& rules, launch::ProcessPlan& plan) {
  if (rules.no_new_privileges) plan.set_no_new_privileges(true);
  if (!rules.filter.empty())
    plan.add_seccomp_filters(rules.filter); // the kernel applies all, the stricter wins
  plan.set_seccomp_flags(plan.seccomp_flags() | rules.filter_flags);
  if (rules.ids) {
    plan.set_set_ids(true);
    plan.set_uid(rules.ids->uid);
    plan.set_gid(rules.ids->gid);
    plan.mutable_groups()->Assign(rules.ids->groups.begin(), rules.ids->groups.end());
  }
  if (rules.capabilities) limit_capabilities(*rules.capabilities, plan);
  for (const auto& limit : rules.rlimits)
    add_rlimit(limit, plan);
  if (!rules.selinux_label.empty()) plan.set_selinux_exec_label(rules.selinux_label);
  if (!rules.apparmor_profile.empty()) plan.set_apparmor_exec_profile(rules.apparmor_profile);
}

void Confinement::confine(const plugin::SpawnRequest& request, launch::ProcessPlan& plan) {
  const std::lock_guard lock(mutex_);
  plugin::ProcessRequest question;
  question.role = request.role;
  question.program = request.argv.empty() ? "" : request.argv.front();
  question.sandbox_id = sandbox_id_;
  question.bundle_label = label_;
  question.plugin = request.plugin;
  for (auto& security : securities_)
    merge_rules(security.confine(plugin::Limits::none(), question), plan);
}

void Confinement::guest_process(bool is_exec, boost::json::object& process,
                                boost::json::object& linux_section) {
  const std::lock_guard lock(mutex_);
  for (auto& security : securities_) {
    const plugin::GuestRequest question{is_exec, boost::json::serialize(process),
                                        boost::json::serialize(linux_section)};
    const auto answer = security.guest_process(plugin::Limits::none(), question);
    if (!answer.process.empty()) process = parse_object(answer.process, security);
    if (!answer.linux_section.empty()) linux_section = parse_object(answer.linux_section, security);
  }
}

} // namespace nacre::sandbox
