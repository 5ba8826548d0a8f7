#include "config/annotations.hpp"

#include "base/error.hpp"
#include "config/kata_key.hpp"
#include "config/known_keys.hpp"
#include "config/locate.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fnmatch.h>
#include <regex>
#include <thread>

namespace nacre::config {
namespace {

constexpr std::array<std::string_view, 2> prefixes = {"io.katacontainers.config.", "io.nacre.config."};
constexpr std::size_t longest_name =
    128; // annotation names end at 63 after the slash; a guard for std::regex
constexpr std::size_t longest_value = 4096;

// Kata's settings that bear other prefixes.
constexpr std::array<std::string_view, 3> stray = {"io.katacontainers.config_path",
                                                   "io.katacontainers.enable_vcpus_pinning",
                                                   "io.katacontainers.asset_hash_type"};

[[noreturn]] void refuse(const std::string& annotation, ErrorCode code, const std::string& why,
                         const std::string& remedy) {
  throw Error(code, "apply annotation", annotation).because(why).hint(remedy);
}

// One annotation, taken apart.
struct Asked {
  const std::string& annotation;
  const std::string& value;
  std::string group = {}, name = {}; // "hypervisor", "default_max_vcpus"
  const KataKey* key = nullptr;
};

std::string table_of(const AnnotationRules& rules, const std::string& group) {
  return group == "hypervisor" ? rules.hypervisor_table : group == "agent" ? "agent.nacre" : "runtime";
}

// By the annotation's own name, which is not always the key's, else by the key's.
const KataKey* key_named(const std::string& table, const std::string& name) {
  for (const auto& key : kata_keys_of(table)) {
    const auto* known = find_kata_key(table, key);
    if (known->annotation == name) return known;
  }
  return find_kata_key(table, name);
}

Asked take_apart(const std::string& annotation, const std::string& value, std::string_view rest,
                 const AnnotationRules& rules) {
  Asked asked{annotation, value};
  const auto dot = rest.find('.');
  asked.group = rest.substr(0, dot);
  asked.name = dot == rest.npos ? "" : rest.substr(dot + 1);
  if (annotation.size() > longest_name || value.size() > longest_value || value.find('\0') != value.npos)
    refuse(annotation.substr(0, longest_name), ErrorCode::invalid_argument,
           "a name of at most 128 and a value of at most 4096 bytes, without NUL, is accepted", "shorten it");
  if ((asked.group != "hypervisor" && asked.group != "agent" && asked.group != "runtime") ||
      asked.name.empty())
    refuse(annotation, ErrorCode::invalid_argument,
           "a setting is named hypervisor.KEY, agent.KEY or runtime.KEY after the prefix",
           "correct or remove it");
  const auto table = table_of(rules, asked.group);
  asked.key = key_named(table, asked.name);
  if (!asked.key) {
    const auto near = nearest(asked.name, kata_keys_of(table));
    refuse(annotation, ErrorCode::invalid_argument, "there is no such setting",
           near.empty() ? "remove it" : "did you mean \"" + near + "\"?");
  }
  return asked;
}

bool is_listed(const Asked& asked, const CheckedTable& guest) {
  const std::string key(asked.key->key);
  const auto matches = [&](const std::string& pattern) {
    const std::regex expression(pattern, std::regex::ECMAScript);
    if (std::regex_match(asked.group + "." + asked.name, expression) ||
        std::regex_match(asked.group + "." + key, expression))
      return true;
    return asked.group == "hypervisor" &&
           (std::regex_match(asked.name, expression) || std::regex_match(key, expression));
  };
  const auto patterns = guest.list("enable_annotations");
  return std::any_of(patterns.begin(), patterns.end(), matches);
}

void require_admitted(const Asked& asked, const AnnotationRules& rules) {
  if (asked.key->annotation.empty())
    refuse(asked.annotation, ErrorCode::permission_denied,
           "no annotation may set \"" + std::string(asked.key->key) + "\"", "set it in the configuration");
  if (!is_listed(asked, rules.guest))
    refuse(asked.annotation, ErrorCode::permission_denied, "it is not enabled",
           "add \"" + (asked.group == "hypervisor" ? "" : asked.group + "\\\\.") +
               std::string(asked.key->key) + "\" to enable_annotations in [" + rules.hypervisor_table +
               "], or remove it");
}

// The path that is used is the one that was looked at, links resolved.
std::string require_valid_path(const Asked& asked, const AnnotationRules& rules) {
  const std::string list = "valid_" + std::string(asked.key->key) + "_paths";
  const auto patterns = rules.guest.list(list);
  const auto real = resolved_path(asked.value);
  const auto allowed = [&](const std::string& path) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const auto& pattern) {
      return ::fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0;
    });
  };
  if (!asked.value.starts_with("/") || !allowed(asked.value) || (!real.empty() && !allowed(real)))
    refuse(asked.annotation, ErrorCode::permission_denied, "\"" + asked.value + "\" is not in " + list,
           "add it there in [" + rules.hypervisor_table + "], or remove the annotation");
  if (real.empty())
    refuse(asked.annotation, ErrorCode::not_found, "there is no file \"" + asked.value + "\"",
           "correct the path");
  if (!only_root_can_change(real))
    refuse(asked.annotation, ErrorCode::permission_denied,
           "\"" + real + "\" can be changed by others than root",
           "chown and chmod it and the folders above it");
  return real;
}

void require_cpus(const Asked& asked) {
  const auto cpus = std::max(1U, std::thread::hardware_concurrency());
  if (asked.key->key == "default_vcpus" && std::atof(asked.value.c_str()) > cpus)
    refuse(asked.annotation, ErrorCode::resource_exhausted, "the host has " + std::to_string(cpus) + " CPUs",
           "ask for fewer");
}

void apply(Document& document, const Asked& asked, const AnnotationRules& rules) {
  require_admitted(asked, rules);
  require_cpus(asked);
  const std::string key(asked.key->key);
  const bool is_file = key == "kernel" || key == "initrd" || key == "image";
  const Origin origin{"annotation " + asked.annotation, 0, 0};
  auto& settings = document.tables[table_of(rules, asked.group)].settings;
  auto value = is_file ? require_valid_path(asked, rules) : asked.value;
  // The kernel takes the last word of each name, so the configuration's others stay, as with Kata.
  if (key == "kernel_params" && !rules.guest.string(key).empty())
    value = rules.guest.string(key) + " " + value;
  settings[key] = Setting{std::move(value), origin, origin};
  // One takes the place of the other.
  if (key == "initrd") settings.erase("image");
  if (key == "image") settings.erase("initrd");
}

} // namespace

bool apply_annotations(Document& document, const AnnotationRules& rules, const Annotations& annotations) {
  bool any = false;
  for (const auto& [name, value] : annotations) {
    if (std::find(stray.begin(), stray.end(), name) != stray.end())
      refuse(name, ErrorCode::permission_denied, "no annotation may set this", "set it in the configuration");
    for (const auto prefix : prefixes) {
      if (!name.starts_with(prefix)) continue;
      apply(document, take_apart(name, value, std::string_view(name).substr(prefix.size()), rules), rules);
      any = true;
    }
  }
  return any;
}

Annotations setting_annotations(const Annotations& annotations) {
  Annotations settings;
  for (const auto& [name, value] : annotations)
    for (const auto prefix : prefixes)
      if (name.starts_with(prefix)) settings.emplace(name, value);
  return settings;
}

void throw_fault_of_annotation(const Problems& problems) {
  constexpr std::string_view word = "annotation ";
  for (const auto& problem : problems.list())
    if (problem.origin.is_annotation())
      throw Error(ErrorCode::invalid_argument, "apply annotation", problem.origin.file.substr(word.size()))
          .because(problem.text);
}

void check_patterns(const std::string& table, const CheckedTable& guest, Problems& problems) {
  for (const auto& pattern : guest.list("enable_annotations")) {
    try {
      const std::regex expression(pattern, std::regex::ECMAScript);
    } catch (const std::regex_error&) {
      problems.add(guest.origin("enable_annotations"), "\"enable_annotations\" in [" + table + "] holds \"" +
                                                           pattern + "\", which is no regular expression");
    }
  }
  for (const auto* key : {"valid_kernel_paths", "valid_initrd_paths", "valid_image_paths"})
    for (const auto& pattern : guest.list(key))
      if (!pattern.starts_with("/"))
        problems.add(guest.origin(key), "\"" + std::string(key) + "\" in [" + table + "] holds \"" + pattern +
                                            "\", which is no absolute path");
}

} // namespace nacre::config
