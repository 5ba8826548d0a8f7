#include "cli/diagnosis/container_summary.hpp"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>

namespace nacre::cli {
namespace {

namespace json = boost::json;

// Annotations whose values are the engines' own words; all others are the user's.
constexpr std::array<std::string_view, 10> known_annotations = {
    "io.kubernetes.cri.container-type",  "io.kubernetes.cri.sandbox-id",
    "io.kubernetes.cri.sandbox-name",    "io.kubernetes.cri.container-name",
    "io.kubernetes.cri.image-name",      "io.kubernetes.cri.sandbox-namespace",
    "io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri-o.SandboxID",
    "io.kubernetes.cri-o.SandboxName",   "io.container.manager"};

constexpr std::array<std::string_view, 11> process_members = {
    "terminal",        "consoleSize",     "user",         "cwd",         "capabilities", "rlimits",
    "noNewPrivileges", "apparmorProfile", "selinuxLabel", "oomScoreAdj", "ioPriority"};

// Of every container; masking them would blank half of each log.
constexpr std::array<std::string_view, 10> harmless_variables = {
    "PATH", "HOME", "TERM", "HOSTNAME", "LANG", "PWD", "USER", "SHELL", "LC_ALL", "container"};

bool is_known_annotation(std::string_view key) {
  return key.starts_with("io.nacre.") || key.starts_with("io.katacontainers.") ||
         std::find(known_annotations.begin(), known_annotations.end(), key) != known_annotations.end();
}

const json::object* object_in(const json::object& parent, std::string_view key) {
  const auto* value = parent.if_contains(key);
  return value ? value->if_object() : nullptr;
}

const json::array* array_in(const json::object& parent, std::string_view key) {
  const auto* value = parent.if_contains(key);
  return value ? value->if_array() : nullptr;
}

json::object annotations_summary(const json::object& annotations) {
  json::object out;
  for (const auto& [key, value] : annotations)
    out[key] = is_known_annotation(key) ? value : json::value(json::string(masked));
  return out;
}

json::object process_summary(const json::object& process) {
  json::object out;
  for (const auto key : process_members)
    if (const auto* value = process.if_contains(key)) out[key] = *value;
  if (const auto* args = array_in(process, "args"); args && !args->empty()) {
    json::array kept = {args->front()};
    if (args->size() > 1) kept.emplace_back("(" + std::to_string(args->size() - 1) + " more left out)");
    out["args"] = std::move(kept);
  }
  if (const auto* variables = array_in(process, "env")) {
    json::array names;
    for (const auto& variable : *variables)
      if (const auto* text = variable.if_string())
        names.emplace_back(std::string(text->subview(0, text->find('='))) + "=" + std::string(masked));
    out["env"] = std::move(names);
  }
  return out;
}

json::object hooks_summary(const json::object& hooks) {
  json::object out;
  for (const auto& [point, list] : hooks) {
    json::array paths;
    if (list.is_array())
      for (const auto& hook : list.get_array())
        if (hook.is_object() && hook.get_object().contains("path"))
          paths.push_back(json::object{{"path", hook.get_object().at("path")}});
    out[point] = std::move(paths);
  }
  return out;
}

} // namespace

json::object bundle_summary(const json::object& spec) {
  json::object out;
  for (const auto* key : {"ociVersion", "hostname", "domainname", "root", "mounts", "linux"})
    if (const auto* value = spec.if_contains(key)) out[key] = *value;
  if (const auto* process = object_in(spec, "process")) out["process"] = process_summary(*process);
  if (const auto* hooks = object_in(spec, "hooks")) out["hooks"] = hooks_summary(*hooks);
  if (const auto* annotations = object_in(spec, "annotations"))
    out["annotations"] = annotations_summary(*annotations);
  return out;
}

json::object state_summary(const json::object& state) {
  auto out = state;
  if (const auto* annotations = object_in(state, "annotations"))
    out["annotations"] = annotations_summary(*annotations);
  return out;
}

void learn_secrets(const json::object& spec, Secrets& secrets) {
  if (const auto* annotations = object_in(spec, "annotations"))
    for (const auto& [key, value] : *annotations)
      if (is_secret_name(key) && value.is_string()) secrets.add(value.get_string());
  const auto* process = object_in(spec, "process");
  const auto* variables = process ? array_in(*process, "env") : nullptr;
  if (!variables) return;
  for (const auto& variable : *variables) {
    const auto* text = variable.if_string();
    const auto equals = text ? text->find('=') : json::string::npos;
    if (equals == json::string::npos) continue;
    const std::string_view name(text->data(), equals);
    if (std::find(harmless_variables.begin(), harmless_variables.end(), name) == harmless_variables.end())
      secrets.add(std::string_view(*text).substr(equals + 1));
  }
}

} // namespace nacre::cli
