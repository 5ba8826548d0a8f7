// Step 3: cgroups, OOM score, resource limits.
#include "launch/plan_fields.hpp"
#include "launch/program/steps.hpp"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace nacre::launch {
namespace {

void write_file(const char* step, const char* path, std::string_view text) {
  const int file = ::open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) fail(step, path, errno);
  if (::write(file, text.data(), text.size()) < 0) fail(step, path, errno);
  ::close(file);
}

struct LimitName {
  std::string_view name;
  int resource;
};
constexpr LimitName limit_names[] = {
    {"RLIMIT_AS", RLIMIT_AS},           {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},         {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},     {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK}, {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},       {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},     {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},   {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_STACK", RLIMIT_STACK},     {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
};

int resource_named(std::string_view name) {
  for (const auto& known : limit_names)
    if (known.name == name) return known.resource;
  fail("rlimit", name, EINVAL, "unknown resource limit");
}

} // namespace

void join_cgroups(Message plan, std::uint32_t field) {
  // "0" is the writer itself, whatever pid namespace it is seen from.
  for_each(plan, field, [](std::string_view path) { write_file("cgroup", c_string(path), "0"); });
}

void set_oom_score(Message plan, std::uint32_t value_field, std::uint32_t set_field) {
  if (!number_of(plan, set_field)) return;
  char text[16];
  const int length = std::snprintf(text, sizeof(text), "%d", static_cast<int>(number_of(plan, value_field)));
  write_file("oom-score", "/proc/self/oom_score_adj", {text, static_cast<std::size_t>(length)});
}

void set_limits(Message plan) {
  for_each(plan, PlanField::rlimits, [](Message limit) {
    const auto name = text_of(limit, RlimitField::type);
    const rlimit values{number_of(limit, RlimitField::soft), number_of(limit, RlimitField::hard)};
    if (::setrlimit(static_cast<__rlimit_resource_t>(resource_named(name)), &values) < 0)
      fail("rlimit", name, errno);
  });
}

} // namespace nacre::launch
