#include "cli/exec_process.hpp"

#include "base/error.hpp"
#include "oci/file_io.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <charconv>

namespace nacre::cli {
namespace {

namespace json = boost::json;

std::uint32_t parse_id(std::string_view text, const char* what) {
  std::uint32_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end != text.data() + text.size())
    throw Error(ErrorCode::invalid_argument, std::string("invalid ") + what, text)
        .hint("use numbers, as in --user 1000:1000");
  return number;
}

json::object& member_object(json::object& parent, std::string_view key) {
  auto& value = parent[key];
  if (!value.is_object()) value.emplace_object();
  return value.get_object();
}

void append(json::object& parent, std::string_view key, const std::vector<std::string>& texts) {
  auto& value = parent[key];
  if (!value.is_array()) value.emplace_array();
  for (const auto& text : texts)
    value.get_array().emplace_back(text);
}

void set_user(json::object& process, const CommandLine& line) {
  auto& user = member_object(process, "user");
  if (const auto text = line.get("user"); !text.empty()) {
    const auto colon = text.find(':');
    user["uid"] = parse_id(std::string_view(text).substr(0, colon), "user");
    if (colon != std::string::npos) user["gid"] = parse_id(std::string_view(text).substr(colon + 1), "group");
  }
  if (!line.has("additional-gids")) return;
  auto& groups = user["additionalGids"];
  if (!groups.is_array()) groups.emplace_array();
  for (const auto& text : line.all("additional-gids"))
    groups.get_array().emplace_back(parse_id(text, "group"));
}

void add_capabilities(json::object& process, const std::vector<std::string>& names) {
  if (names.empty()) return;
  auto& capabilities = member_object(process, "capabilities");
  for (const auto* set : {"bounding", "effective", "permitted", "ambient"})
    append(capabilities, set, names);
}

json::object from_flags(const CommandLine& line, const std::string& bundle) {
  auto spec = oci::load_spec(bundle);
  if (!spec.process)
    throw Error(ErrorCode::invalid_argument, bundle + "/config.json").because("process is missing");
  json::object process = std::move(spec.document.at("process").get_object());
  auto& args = process["args"].emplace_array();
  for (std::size_t i = 1; i < line.words().size(); ++i)
    args.emplace_back(line.words()[i]);
  if (line.has("cwd")) process["cwd"] = line.get("cwd");
  if (line.has("apparmor")) process["apparmorProfile"] = line.get("apparmor");
  if (line.has("process-label")) process["selinuxLabel"] = line.get("process-label");
  if (line.is_set("no-new-privs")) process["noNewPrivileges"] = true;
  process["terminal"] = line.is_set("tty");
  append(process, "env", line.all("env"));
  add_capabilities(process, line.all("cap"));
  set_user(process, line);
  return process;
}

} // namespace

void add_process_flags(CommandLine& line) {
  line.value("process,p", "FILE", "file with an OCI process object, instead of a command and flags");
  line.value("cwd", "DIR", "working folder in the container");
  line.list("env,e", "NAME=VALUE", "environment variable; may be given several times");
  line.flag("tty,t", "with a terminal");
  line.value("user,u", "UID[:GID]", "user and group in the container");
  line.list("additional-gids,g", "GID", "further group; may be given several times");
  line.list("cap,c", "CAP", "capability to add; may be given several times");
  line.flag("no-new-privs", "set no_new_privs");
  line.value("apparmor", "PROFILE", "AppArmor profile in the guest");
  line.value("process-label", "LABEL", "SELinux label in the guest");
}

oci::ProcessDocument exec_process(const CommandLine& line, const std::string& bundle) {
  const auto file = line.get("process");
  if (file.empty()) {
    if (line.words().size() < 2)
      throw Error(ErrorCode::invalid_argument, "no command given")
          .hint("usage: nacre exec [flags] <container-id> <command> [args]");
    return oci::parse_process(json::serialize(from_flags(line, bundle)), "process");
  }
  if (line.words().size() > 1)
    throw Error(ErrorCode::invalid_argument, "both --process and a command are given");
  const auto text = oci::read_file(file, oci::max_spec_size, "read process");
  if (!text) throw Error::from_errno(ENOENT, "read process", file);
  return oci::parse_process(*text, file);
}

} // namespace nacre::cli
