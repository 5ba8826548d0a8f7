#include "oci/spec_reader.hpp"

#include <algorithm>
#include <limits>
#include <set>

namespace nacre::oci {
namespace {

// Linux: MAX_ARG_STRLEN is 32 pages, and arguments with environment get a quarter of the 8 MiB stack.
constexpr std::size_t max_argument = 131071;
constexpr std::size_t max_arguments = 2 << 20;

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

std::optional<Capabilities> read_capabilities(const Field& field) {
  if (!field.present()) return std::nullopt;
  Capabilities out;
  out.bounding = field.member("bounding").texts();
  out.effective = field.member("effective").texts();
  out.inheritable = field.member("inheritable").texts();
  out.permitted = field.member("permitted").texts();
  out.ambient = field.member("ambient").texts();
  return out;
}

std::vector<Rlimit> read_rlimits(const Field& field) {
  std::vector<Rlimit> out;
  std::set<std::string> seen;
  for (const auto& item : field.items()) {
    Rlimit limit{item.member("type").text(), item.member("soft").whole(), item.member("hard").whole()};
    if (!limit.type.starts_with("RLIMIT_"))
      item.member("type").refuse("is \"" + limit.type + "\"",
                                 "write RLIMIT_NOFILE or another limit of getrlimit(2)");
    if (!seen.insert(limit.type).second) item.member("type").refuse("repeats \"" + limit.type + "\"");
    if (limit.soft > limit.hard) item.member("soft").refuse("is above the hard limit");
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
