#include "oci/state.hpp"

#include "base/error.hpp"
#include "base/process_identity.hpp"
#include "oci/file_io.hpp"
#include "oci/pretty_json.hpp"

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <array>
#include <cstdio>
#include <ctime>
#include <utility>

namespace nacre::oci {
namespace {

namespace json = boost::json;

constexpr std::size_t max_state_size = 4 << 20; // annotations may be large
constexpr std::array<std::string_view, 5> status_names = {"creating", "created", "running", "stopped",
                                                          "paused"};

[[noreturn]] void damaged(const std::string& name, std::string_view why) {
  throw Error(ErrorCode::internal, "read state", name)
      .because(why)
      .hint("remove the container with `nacre delete --force`");
}

Status status_of(std::string_view text, const std::string& name) {
  for (std::size_t i = 0; i < status_names.size(); ++i)
    if (status_names[i] == text) return static_cast<Status>(i);
  damaged(name, "status is not one of OCI's");
}

std::string text_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

template <class Int> Int number_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (!value || !value->is_number()) return 0;
  boost::system::error_code failure;
  const auto number = value->to_number<Int>(failure);
  return failure ? 0 : number;
}

json::object own_members(const State& state) {
  return {{"version", state.version},
          {"protocols",
           {{"task", state.protocols.task},
            {"fd", state.protocols.fd},
            {"holder", state.protocols.holder},
            {"agent", state.protocols.agent},
            {"journal", state.protocols.journal}}},
          {"sandbox_id", state.sandbox_id},
          {"sandbox_pid", state.sandbox_pid},
          {"sandbox_start_ticks", state.sandbox_start_ticks},
          {"holder_start_ticks", state.holder_start_ticks},
          {"creator_pid", state.creator_pid},
          {"creator_start_ticks", state.creator_start_ticks},
          {"sandbox_dir", state.sandbox_dir},
          {"socket", state.socket}};
}

json::object oci_members(const State& state, Status status) {
  json::object object{{"ociVersion", state.oci_version},
                      {"id", state.id},
                      {"pid", status == Status::stopped ? 0 : state.pid},
                      {"status", to_string(status)},
                      {"bundle", state.bundle},
                      {"rootfs", state.rootfs},
                      {"created", state.created}};
  if (!state.annotations.empty()) {
    json::object annotations;
    for (const auto& [key, value] : state.annotations)
      annotations[key] = value;
    object["annotations"] = std::move(annotations);
  }
  object["owner"] = state.owner;
  return object;
}

void read_own_members(const json::object& own, State& state) {
  state.version = text_of(own, "version");
  if (const auto* protocols = own.if_contains("protocols"); protocols && protocols->is_object()) {
    const auto& object = protocols->get_object();
    state.protocols = {number_of<std::uint32_t>(object, "task"), number_of<std::uint32_t>(object, "fd"),
                       number_of<std::uint32_t>(object, "holder"), number_of<std::uint32_t>(object, "agent"),
                       number_of<std::uint32_t>(object, "journal")};
  }
  state.sandbox_id = text_of(own, "sandbox_id");
  state.sandbox_pid = number_of<pid_t>(own, "sandbox_pid");
  state.sandbox_start_ticks = number_of<std::uint64_t>(own, "sandbox_start_ticks");
  state.holder_start_ticks = number_of<std::uint64_t>(own, "holder_start_ticks");
  state.creator_pid = number_of<pid_t>(own, "creator_pid");
  state.creator_start_ticks = number_of<std::uint64_t>(own, "creator_start_ticks");
  state.sandbox_dir = text_of(own, "sandbox_dir");
  state.socket = text_of(own, "socket");
}

bool is_alive(pid_t pid, std::uint64_t ticks) {
  return ProcessIdentity{pid, ticks}.alive();
}

} // namespace

std::string_view to_string(Status status) {
  return status_names[static_cast<std::size_t>(status)];
}

Status current_status(const State& state) {
  if (state.status == Status::stopped) return Status::stopped;
  if (state.status == Status::creating && is_alive(state.creator_pid, state.creator_start_ticks))
    return Status::creating;
  if (!is_alive(state.sandbox_pid, state.sandbox_start_ticks)) return Status::stopped;
  if (state.status == Status::creating) return Status::creating;
  return is_alive(state.pid, state.holder_start_ticks) ? state.status : Status::stopped;
}

std::string to_json(const State& state) {
  auto object = oci_members(state, state.status);
  object["pid"] = state.pid;
  object["nacre"] = own_members(state);
  return pretty(object);
}

std::string to_printed_json(const State& state, Status status) {
  auto object = oci_members(state, status);
  object["nacre"] = own_members(state);
  return pretty(object);
}

std::string to_oci_json(const State& state, Status status) {
  return pretty(oci_members(state, status));
}

State parse_state(std::string_view text, const std::string& name) {
  unsigned char buffer[8192];
  json::monotonic_resource memory(buffer, sizeof buffer);
  boost::system::error_code failure;
  const auto value = json::parse(text, failure, &memory);
  if (failure) damaged(name, "it is not JSON");
  const auto* object = value.if_object();
  if (!object) damaged(name, "it is no JSON object");
  State state;
  state.oci_version = text_of(*object, "ociVersion");
  state.id = text_of(*object, "id");
  state.status = status_of(text_of(*object, "status"), name);
  state.pid = number_of<pid_t>(*object, "pid");
  state.bundle = text_of(*object, "bundle");
  state.rootfs = text_of(*object, "rootfs");
  state.created = text_of(*object, "created");
  state.owner = text_of(*object, "owner");
  if (const auto* annotations = object->if_contains("annotations"); annotations && annotations->is_object())
    for (const auto& [key, annotation] : annotations->get_object())
      if (annotation.is_string()) state.annotations[std::string(key)] = std::string(annotation.get_string());
  if (const auto* own = object->if_contains("nacre"); own && own->is_object())
    read_own_members(own->get_object(), state);
  return state;
}

State read_state(const std::string& state_dir) {
  const auto file = state_dir + "/state.json";
  const auto text = read_file(file, max_state_size, "read state");
  if (!text) // the words that engines look for
    throw Error(ErrorCode::not_found, "container does not exist", state_dir.substr(state_dir.rfind('/') + 1));
  return parse_state(*text, file);
}

void write_state(const std::string& state_dir, const State& state) {
  replace_file(state_dir + "/state.json", to_json(state) + "\n", 0600, "write state");
}

std::string timestamp() {
  std::timespec now{};
  std::timespec_get(&now, TIME_UTC);
  std::tm parts{};
  ::gmtime_r(&now.tv_sec, &parts);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%09ldZ", parts.tm_year + 1900,
                parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, now.tv_nsec);
  return text;
}

} // namespace nacre::oci
