// plan_fields.hpp and proto/plan.proto must agree; the compiler is the judge.
#include "launch/plan_fields.hpp"
#include "launch/proto/plan.pb.h"

namespace nacre::launch {

static_assert(static_cast<int>(PlanField::argv) == ProcessPlan::kArgvFieldNumber);
static_assert(static_cast<int>(PlanField::env) == ProcessPlan::kEnvFieldNumber);
static_assert(static_cast<int>(PlanField::cwd) == ProcessPlan::kCwdFieldNumber);
static_assert(static_cast<int>(PlanField::umask) == ProcessPlan::kUmaskFieldNumber);
static_assert(static_cast<int>(PlanField::fds) == ProcessPlan::kFdsFieldNumber);
static_assert(static_cast<int>(PlanField::cgroup_procs) == ProcessPlan::kCgroupProcsFieldNumber);
static_assert(static_cast<int>(PlanField::oom_score_adj) == ProcessPlan::kOomScoreAdjFieldNumber);
static_assert(static_cast<int>(PlanField::set_oom_score_adj) == ProcessPlan::kSetOomScoreAdjFieldNumber);
static_assert(static_cast<int>(PlanField::rlimits) == ProcessPlan::kRlimitsFieldNumber);
static_assert(static_cast<int>(PlanField::enter_namespaces) == ProcessPlan::kEnterNamespacesFieldNumber);
static_assert(static_cast<int>(PlanField::unshare) == ProcessPlan::kUnshareFieldNumber);
static_assert(static_cast<int>(PlanField::uid_map) == ProcessPlan::kUidMapFieldNumber);
static_assert(static_cast<int>(PlanField::gid_map) == ProcessPlan::kGidMapFieldNumber);
static_assert(static_cast<int>(PlanField::mounts) == ProcessPlan::kMountsFieldNumber);
static_assert(static_cast<int>(PlanField::set_ids) == ProcessPlan::kSetIdsFieldNumber);
static_assert(static_cast<int>(PlanField::uid) == ProcessPlan::kUidFieldNumber);
static_assert(static_cast<int>(PlanField::gid) == ProcessPlan::kGidFieldNumber);
static_assert(static_cast<int>(PlanField::groups) == ProcessPlan::kGroupsFieldNumber);
static_assert(static_cast<int>(PlanField::capabilities) == ProcessPlan::kCapabilitiesFieldNumber);
static_assert(static_cast<int>(PlanField::no_new_privileges) == ProcessPlan::kNoNewPrivilegesFieldNumber);
static_assert(static_cast<int>(PlanField::selinux_exec_label) == ProcessPlan::kSelinuxExecLabelFieldNumber);
static_assert(static_cast<int>(PlanField::apparmor_exec_profile) ==
              ProcessPlan::kApparmorExecProfileFieldNumber);
static_assert(static_cast<int>(PlanField::seccomp_filters) == ProcessPlan::kSeccompFiltersFieldNumber);
static_assert(static_cast<int>(PlanField::seccomp_flags) == ProcessPlan::kSeccompFlagsFieldNumber);
static_assert(static_cast<int>(PlanField::parent_death_signal) == ProcessPlan::kParentDeathSignalFieldNumber);
static_assert(static_cast<int>(PlanField::return_namespaces) == ProcessPlan::kReturnNamespacesFieldNumber);
static_assert(static_cast<int>(PlanField::program) == ProcessPlan::kProgramFieldNumber);
static_assert(static_cast<int>(FdUseField::received) == FdUse::kReceivedFieldNumber);
static_assert(static_cast<int>(FdUseField::target) == FdUse::kTargetFieldNumber);
static_assert(static_cast<int>(RlimitField::type) == Rlimit::kTypeFieldNumber);
static_assert(static_cast<int>(RlimitField::soft) == Rlimit::kSoftFieldNumber);
static_assert(static_cast<int>(RlimitField::hard) == Rlimit::kHardFieldNumber);
static_assert(static_cast<int>(CapabilitiesField::bounding) == Capabilities::kBoundingFieldNumber);
static_assert(static_cast<int>(CapabilitiesField::effective) == Capabilities::kEffectiveFieldNumber);
static_assert(static_cast<int>(CapabilitiesField::permitted) == Capabilities::kPermittedFieldNumber);
static_assert(static_cast<int>(CapabilitiesField::inheritable) == Capabilities::kInheritableFieldNumber);
static_assert(static_cast<int>(CapabilitiesField::ambient) == Capabilities::kAmbientFieldNumber);
static_assert(static_cast<int>(MountField::kind) == MountStep::kKindFieldNumber);
static_assert(static_cast<int>(MountField::source) == MountStep::kSourceFieldNumber);
static_assert(static_cast<int>(MountField::target) == MountStep::kTargetFieldNumber);
static_assert(static_cast<int>(MountField::fstype) == MountStep::kFstypeFieldNumber);
static_assert(static_cast<int>(MountField::flags) == MountStep::kFlagsFieldNumber);
static_assert(static_cast<int>(MountField::data) == MountStep::kDataFieldNumber);
static_assert(static_cast<int>(MountField::mode) == MountStep::kModeFieldNumber);
static_assert(static_cast<int>(MountField::fd) == MountStep::kFdFieldNumber);
static_assert(static_cast<int>(MountField::optional) == MountStep::kOptionalFieldNumber);
static_assert(static_cast<int>(MountKind::mount) == MountStep::MOUNT);
static_assert(static_cast<int>(MountKind::bind) == MountStep::BIND);
static_assert(static_cast<int>(MountKind::move_fd) == MountStep::MOVE_FD);
static_assert(static_cast<int>(MountKind::pivot) == MountStep::PIVOT);
static_assert(static_cast<int>(MountKind::umount) == MountStep::UMOUNT);
static_assert(static_cast<int>(MountKind::mkdir) == MountStep::MKDIR);
static_assert(static_cast<int>(MountKind::symlink) == MountStep::SYMLINK);
static_assert(static_cast<int>(MountKind::propagation) == MountStep::PROPAGATION);
static_assert(static_cast<int>(MountKind::mkfile) == MountStep::MKFILE);
static_assert(static_cast<int>(MountKind::remove) == MountStep::REMOVE);
static_assert(static_cast<int>(ReplyField::step) == LaunchReply::kStepFieldNumber);
static_assert(static_cast<int>(ReplyField::object) == LaunchReply::kObjectFieldNumber);
static_assert(static_cast<int>(ReplyField::errno_value) == LaunchReply::kErrnoValueFieldNumber);
static_assert(static_cast<int>(ReplyField::message) == LaunchReply::kMessageFieldNumber);
static_assert(static_cast<int>(ReplyField::kind) == LaunchReply::kKindFieldNumber);
static_assert(static_cast<int>(ReplyKind::failed) == LaunchReply::FAILED);
static_assert(static_cast<int>(ReplyKind::wants_id_maps) == LaunchReply::WANTS_ID_MAPS);
static_assert(static_cast<int>(ReplyKind::supervised) == LaunchReply::SUPERVISED);
static_assert(static_cast<int>(ReplyKind::ready) == LaunchReply::READY);
static_assert(static_cast<int>(ReplyKind::done) == LaunchReply::DONE);
static_assert(static_cast<int>(HolderPlanField::uses_terminal) == HolderPlan::kUsesTerminalFieldNumber);
static_assert(static_cast<int>(HolderPlanField::new_netns) == HolderPlan::kNewNetnsFieldNumber);
static_assert(static_cast<int>(HolderPlanField::netns_path) == HolderPlan::kNetnsPathFieldNumber);
static_assert(static_cast<int>(HolderPlanField::cgroup_procs) == HolderPlan::kCgroupProcsFieldNumber);
static_assert(static_cast<int>(HolderPlanField::hostname) == HolderPlan::kHostnameFieldNumber);
static_assert(static_cast<int>(HolderPlanField::new_ipc) == HolderPlan::kNewIpcFieldNumber);
static_assert(static_cast<int>(HolderPlanField::enter_namespaces) == HolderPlan::kEnterNamespacesFieldNumber);
static_assert(static_cast<int>(HolderPlanField::oom_score_adj) == HolderPlan::kOomScoreAdjFieldNumber);
static_assert(static_cast<int>(HolderPlanField::set_oom_score_adj) == HolderPlan::kSetOomScoreAdjFieldNumber);
static_assert(static_cast<int>(HolderReportField::pid) == HolderReport::kPidFieldNumber);
static_assert(static_cast<int>(HolderReportField::failed) == HolderReport::kFailedFieldNumber);
static_assert(static_cast<int>(HolderReportField::failure) == HolderReport::kFailureFieldNumber);

} // namespace nacre::launch
