#include "oci/spec_reader.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <set>

namespace nacre::oci {
namespace {

// Linux: MAX_ARG_STRLEN is 32 pages, and arguments with environment get a quarter of the 8 MiB stack.
constexpr std::size_t max_argument = 131071;
constexpr std::size_t max_arguments = 2 << 20;

constexpr std::array<std::string_view, 41> capabilities = {"CAP_CHOWN",
                                                           "CAP_DAC_OVERRIDE",
                                                           "CAP_DAC_READ_SEARCH",
                                                           "CAP_FOWNER",
                                                           "CAP_FSETID",
                                                           "CAP_KILL",
                                                           "CAP_SETGID",
                                                           "CAP_SETUID",
                                                           "CAP_SETPCAP",
                                                           "CAP_LINUX_IMMUTABLE",
                                                           "CAP_NET_BIND_SERVICE",
                                                           "CAP_NET_BROADCAST",
                                                           "CAP_NET_ADMIN",
                                                           "CAP_NET_RAW",
                                                           "CAP_IPC_LOCK",
                                                           "CAP_IPC_OWNER",
                                                           "CAP_SYS_MODULE",
                                                           "CAP_SYS_RAWIO",
                                                           "CAP_SYS_CHROOT",
                                                           "CAP_SYS_PTRACE",
                                                           "CAP_SYS_PACCT",
                                                           "CAP_SYS_ADMIN",
                                                           "CAP_SYS_BOOT",
                                                           "CAP_SYS_NICE",
                                                           "CAP_SYS_RESOURCE",
                                                           "CAP_SYS_TIME",
                                                           "CAP_SYS_TTY_CONFIG",
                                                           "CAP_MKNOD",
                                                           "CAP_LEASE",
                                                           "CAP_AUDIT_WRITE",
                                                           "CAP_AUDIT_CONTROL",
                                                           "CAP_SETFCAP",
                                                           "CAP_MAC_OVERRIDE",
                                                           "CAP_MAC_ADMIN",
                                                           "CAP_SYSLOG",
                                                           "CAP_WAKE_ALARM",
                                                           "CAP_BLOCK_SUSPEND",
                                                           "CAP_AUDIT_READ",
                                                           "CAP_PERFMON",
                                                           "CAP_BPF",
                                                           "CAP_CHECKPOINT_RESTORE"};

constexpr std::array<std::string_view, 16> limits = {
    "RLIMIT_AS",      "RLIMIT_CORE",     "RLIMIT_CPU",        "RLIMIT_DATA",   "RLIMIT_FSIZE", "RLIMIT_LOCKS",
    "RLIMIT_MEMLOCK", "RLIMIT_MSGQUEUE", "RLIMIT_NICE",       "RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_RSS",
    "RLIMIT_RTPRIO",  "RLIMIT_RTTIME",   "RLIMIT_SIGPENDING", "RLIMIT_STACK"};

StringList read_arguments(const Field& field, std::size_t& total) {
  StringList out;
  for (const auto& item : field.items()) {
    item.require();
    auto text = item.text();
    if (text.size() > max_argument)
      item.refuse("is " + std::to_string(text.size()) + " bytes long", "Linux takes at most 131071");
    total += text.size() + 1 + sizeof(char*);
    if (total > max_arguments)
      field.refuse("makes more than 2 MiB of arguments and environment", "Linux would not execute it");
    out.push_back(std::move(text));
  }
  return out;
}

User read_user(const Field& field) {
  User user;
  user.uid = field.member("uid").id();
  user.gid = field.member("gid").id();
  user.umask = field.member("umask").maybe_id();
  if (user.umask && *user.umask > 0777) field.member("umask").refuse("must be at most 0777 (511)");
  const auto groups = field.member("additionalGids").items();
  if (groups.size() > 65536) field.member("additionalGids").refuse("has more than 65536 entries");
  for (const auto& item : groups)
    user.additional_gids.push_back(item.id());
  return user;
}

std::optional<ConsoleSize> read_console_size(const Field& field) {
  if (!field.present()) return std::nullopt;
  const auto side = [&](std::string_view name) {
    return static_cast<std::uint16_t>(
        field.member(name).integer(0, std::numeric_limits<std::uint16_t>::max()));
  };
  return ConsoleSize{side("height"), side("width")};
}

StringList read_capability_set(const Field& field) {
  for (const auto& item : field.items())
    if (const auto name = item.text();
        std::find(capabilities.begin(), capabilities.end(), name) == capabilities.end())
      item.refuse("is \"" + name + "\"", "write CAP_KILL or another name of capabilities(7)");
  return field.texts();
}

std::optional<Capabilities> read_capabilities(const Field& field) {
  if (!field.present()) return std::nullopt;
  Capabilities out;
  out.bounding = read_capability_set(field.member("bounding"));
  out.effective = read_capability_set(field.member("effective"));
  out.inheritable = read_capability_set(field.member("inheritable"));
  out.permitted = read_capability_set(field.member("permitted"));
  out.ambient = read_capability_set(field.member("ambient"));
  return out;
}

std::vector<Rlimit> read_rlimits(const Field& field) {
  std::vector<Rlimit> out;
  std::set<std::string> seen;
  for (const auto& item : field.items()) {
    Rlimit limit{item.member("type").text(), item.member("soft").whole(), item.member("hard").whole()};
    if (std::find(limits.begin(), limits.end(), limit.type) == limits.end())
      item.member("type").refuse("is \"" + limit.type + "\"",
                                 "write RLIMIT_NOFILE or another limit of getrlimit(2)");
    if (!seen.insert(limit.type).second) item.member("type").refuse("repeats \"" + limit.type + "\"");
    if (limit.soft > limit.hard) item.member("soft").refuse("of " + limit.type + " is above the hard limit");
    out.push_back(std::move(limit));
  }
  return out;
}

} // namespace

bool has_dot_dot(std::string_view path) {
  while (!path.empty()) {
    const auto slash = path.find('/');
    if (path.substr(0, slash) == "..") return true;
    if (slash == std::string_view::npos) return false;
    path.remove_prefix(slash + 1);
  }
  return false;
}

Process read_process(const Field& field) {
  Process process;
  process.terminal = field.member("terminal").flag();
  process.console_size = read_console_size(field.member("consoleSize"));
  process.user = read_user(field.member("user"));
  std::size_t total = 0;
  const auto args = field.member("args");
  process.args = read_arguments(args, total);
  if (process.args.empty()) args.refuse("is empty", "name the program to run");
  process.env = read_arguments(field.member("env"), total);
  const auto cwd = field.member("cwd");
  cwd.require();
  process.cwd = cwd.text();
  if (process.cwd.empty() || process.cwd.front() != '/')
    cwd.refuse("is \"" + process.cwd + "\"", "it must be an absolute path");
  process.capabilities = read_capabilities(field.member("capabilities"));
  process.rlimits = read_rlimits(field.member("rlimits"));
  process.no_new_privileges = field.member("noNewPrivileges").flag();
  process.apparmor_profile = field.member("apparmorProfile").text();
  process.selinux_label = field.member("selinuxLabel").text();
  if (const auto score = field.member("oomScoreAdj").maybe_integer(-1000, 1000))
    process.oom_score_adj = static_cast<std::int32_t>(*score);
  return process;
}

} // namespace nacre::oci
