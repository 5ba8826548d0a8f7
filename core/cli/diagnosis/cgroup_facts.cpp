#include "cli/diagnosis/cgroup_facts.hpp"

#include "base/error.hpp"
#include "oci/file_io.hpp"

#include <cerrno>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <unistd.h>

namespace nacre::cli {
namespace {

constexpr const char* top = "/sys/fs/cgroup";

bool is_cgroup2(const char* path) {
  struct statfs status {};
  return ::statfs(path, &status) == 0 && status.f_type == CGROUP2_SUPER_MAGIC;
}

std::string version() {
  if (is_cgroup2(top)) return "v2";
  if (is_cgroup2("/sys/fs/cgroup/unified")) return "hybrid";
  return ::access("/sys/fs/cgroup/memory", F_OK) == 0 ? "v1" : "";
}

} // namespace

CgroupFacts cgroup_facts() {
  CgroupFacts facts;
  facts.version = version();
  facts.manager = ::access("/run/systemd/system", F_OK) == 0 ? "systemd" : "cgroupfs"; // sd_booted(3)
  if (facts.version == "v2") try {
      facts.controllers = oci::read_file(std::string(top) + "/cgroup.controllers", 4096, "read").value_or("");
      if (facts.controllers.ends_with('\n')) facts.controllers.pop_back();
    } catch (const Error& error) {
      facts.problem = error.what();
    }
  const std::string folder = facts.version == "v2" ? top : std::string(top) + "/memory";
  if (facts.version.empty())
    facts.problem = std::string("no cgroups are mounted at ") + top;
  else if (::access(folder.c_str(), W_OK) < 0)
    facts.problem = folder + " cannot be written: " + errno_text(errno);
  return facts;
}

} // namespace nacre::cli
