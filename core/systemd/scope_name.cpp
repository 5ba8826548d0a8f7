#include "systemd/scope_name.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <string_view>

namespace nacre::systemd {
namespace {

constexpr std::size_t unit_name_max = 255; // systemd.unit(5)

bool is_name_character(char c) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return letter || std::string_view(":-_.\\@").find(c) != std::string_view::npos;
}

void check_unit(const std::string& unit, const std::string& cgroups_path) {
  if (unit.size() <= unit_name_max && std::all_of(unit.begin(), unit.end(), is_name_character)) return;
  throw Error(ErrorCode::invalid_argument, "use cgroupsPath", cgroups_path)
      .because("\"" + unit + "\" is not the name of a systemd unit");
}

// Every part of a slice's name is one more slice around it, so an empty part ("a--b") names none.
void check_slice(const std::string& slice, const std::string& cgroups_path) {
  check_unit(slice, cgroups_path);
  const std::string_view stem = std::string_view(slice).substr(0, slice.size() - 6);
  const bool empty_part = stem.empty() || stem.front() == '-' || stem.back() == '-' ||
                          stem.find("--") != std::string_view::npos ||
                          stem.find('/') != std::string_view::npos;
  if (slice != "-.slice" && empty_part)
    throw Error(ErrorCode::invalid_argument, "use cgroupsPath", cgroups_path)
        .because("invalid slice name: " + slice);
}

// "user.slice" lies in the root, "user-1000.slice" in "user.slice" (systemd.slice(5)).
std::string folders_of(const std::string& slice) {
  if (slice == "-.slice") return "";
  std::string path;
  const std::string stem = slice.substr(0, slice.size() - 6);
  for (auto dash = stem.find('-'); dash != std::string::npos; dash = stem.find('-', dash + 1))
    path += "/" + stem.substr(0, dash) + ".slice";
  return path + "/" + slice;
}

} // namespace

std::string ScopeName::cgroup_path() const {
  return is_slice() ? folders_of(unit) : folders_of(slice) + "/" + unit;
}

ScopeName ScopeName::parse(const std::string& cgroups_path, const std::string& container_id) {
  std::string slice, prefix = "nacre", name = container_id;
  if (!cgroups_path.empty()) {
    const auto first = cgroups_path.find(':');
    const auto second = first == std::string::npos ? first : cgroups_path.find(':', first + 1);
    if (second == std::string::npos || cgroups_path.find(':', second + 1) != std::string::npos)
      throw Error(ErrorCode::invalid_argument, "use cgroupsPath", cgroups_path)
          .because("expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got \"" +
                   cgroups_path + "\" instead");
    slice = cgroups_path.substr(0, first);
    prefix = cgroups_path.substr(first + 1, second - first - 1);
    name = cgroups_path.substr(second + 1);
  }
  ScopeName scope;
  scope.slice = slice.empty() ? "system.slice" : slice;
  if (!scope.slice.ends_with(".slice"))
    throw Error(ErrorCode::invalid_argument, "use cgroupsPath", cgroups_path)
        .because("invalid slice name: " + slice);
  check_slice(scope.slice, cgroups_path);
  scope.unit = name.ends_with(".slice") ? name : (prefix.empty() ? "" : prefix + "-") + name + ".scope";
  if (scope.is_slice())
    check_slice(scope.unit, cgroups_path);
  else
    check_unit(scope.unit, cgroups_path);
  return scope;
}

} // namespace nacre::systemd
