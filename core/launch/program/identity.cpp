// Step 6: user, groups and capabilities.
//
// The order is the kernel's: the bounding set and a change of ids need capabilities that the change itself
// takes away, and ambient capabilities must be permitted and inheritable first (capabilities(7)).
#include "launch/plan_fields.hpp"
#include "launch/program/capability_names.hpp"
#include "launch/program/steps.hpp"

#include <cerrno>
#include <cstdlib>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nacre::launch {
namespace {

std::uint64_t capability_set(Message capabilities, std::uint32_t field) {
  std::uint64_t set = 0;
  for_each(capabilities, field, [&](std::string_view name) {
    const int number = capability_number(name);
    if (number < 0) fail("capabilities", name, EINVAL, "unknown capability");
    set |= 1ull << number;
  });
  return set;
}

void limit_bounding_set(std::uint64_t keep) {
  for (unsigned long number = 0; number < 64; ++number) {
    if (keep >> number & 1) continue;
    const int present = ::prctl(PR_CAPBSET_READ, number, 0, 0, 0);
    if (present < 0) return; // beyond the kernel's last
    if (present == 1 && ::prctl(PR_CAPBSET_DROP, number, 0, 0, 0) < 0)
      fail("capabilities", "bounding", errno);
  }
}

void change_ids(Message plan) {
  constexpr std::uint64_t unchanged = 0xffffffff; // what the system calls take as "leave it as it is"
  if (number_of(plan, PlanField::uid) >= unchanged || number_of(plan, PlanField::gid) >= unchanged)
    fail("ids", {}, EINVAL);
  gid_t* groups = nullptr;
  std::size_t count = 0;
  for_each_number(plan, PlanField::groups, [&](std::uint64_t) { ++count; });
  groups = static_cast<gid_t*>(std::calloc(count + 1, sizeof(gid_t)));
  if (!groups) fail("ids", {}, ENOMEM);
  std::size_t next = 0;
  for_each_number(plan, PlanField::groups,
                  [&](std::uint64_t group) { groups[next++] = static_cast<gid_t>(group); });
  if (::setgroups(count, groups) < 0) fail("ids", "groups", errno);
  const auto gid = static_cast<gid_t>(number_of(plan, PlanField::gid));
  const auto uid = static_cast<uid_t>(number_of(plan, PlanField::uid));
  if (::setresgid(gid, gid, gid) < 0) fail("ids", "gid", errno);
  if (::setresuid(uid, uid, uid) < 0) fail("ids", "uid", errno);
}

void set_capabilities(std::uint64_t effective, std::uint64_t permitted, std::uint64_t inheritable) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2];
  for (int half = 0; half < 2; ++half) {
    data[half].effective = static_cast<std::uint32_t>(effective >> (32 * half));
    data[half].permitted = static_cast<std::uint32_t>(permitted >> (32 * half));
    data[half].inheritable = static_cast<std::uint32_t>(inheritable >> (32 * half));
  }
  if (::syscall(SYS_capset, &header, data) < 0) fail("capabilities", {}, errno);
}

void set_ambient(std::uint64_t ambient) {
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) fail("capabilities", "ambient", errno);
  for (unsigned long number = 0; number < 64; ++number)
    if (ambient >> number & 1 && ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0) < 0)
      fail("capabilities", "ambient", errno);
}

} // namespace

void take_identity(Message plan) {
  const bool limits_capabilities = has(plan, PlanField::capabilities);
  const Message sets = text_of(plan, PlanField::capabilities);
  if (limits_capabilities) {
    limit_bounding_set(capability_set(sets, CapabilitiesField::bounding));
    if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) fail("capabilities", {}, errno);
  }
  if (number_of(plan, PlanField::set_ids)) change_ids(plan);
  if (limits_capabilities) {
    set_capabilities(capability_set(sets, CapabilitiesField::effective),
                     capability_set(sets, CapabilitiesField::permitted),
                     capability_set(sets, CapabilitiesField::inheritable));
    set_ambient(capability_set(sets, CapabilitiesField::ambient));
  }
  if (number_of(plan, PlanField::no_new_privileges) && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    fail("no-new-privileges", {}, errno);
}

} // namespace nacre::launch
