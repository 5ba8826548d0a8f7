#include "oci/direct_volume.hpp"

#include "base/error.hpp"
#include "oci/file_io.hpp"

#include <boost/json.hpp>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdint>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace nacre::oci {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

constexpr const char* all_volumes = "/run/kata-containers/shared/direct-volumes";
constexpr const char* note_name = "mountInfo.json";
constexpr std::size_t longest_note = 1 << 20;

// RFC 4648, 5, with padding: Go's base64.URLEncoding.
std::string base64_url(std::string_view bytes) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const auto group = bytes.substr(at, 3);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i)
      bits = bits << 8U | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i)
      text += i <= group.size() ? letters[(bits >> (18 - 6 * i)) & 63U] : '=';
  }
  return text;
}

[[noreturn]] void refuse(const std::string& name, const std::string& why) {
  throw Error(ErrorCode::invalid_argument, "read the note of a direct volume", name)
      .because(why)
      .hint(
          R"(write {"volume-type": "block", "device": "/dev/...", "fstype": "ext4", "metadata": {}, "options": []})");
}

std::string text_of(const json::value& value, const std::string& name, std::string_view key) {
  if (!value.is_string()) refuse(name, "\"" + std::string(key) + "\" is no text");
  return std::string(value.get_string());
}

// Kata's words for what kubelet leaves to the runtime.
void take_metadata(DirectVolume& volume, std::string_view key, std::string value, const std::string& name) {
  if (key == "fsGroup") {
    std::uint32_t group = 0;
    const auto* end = value.data() + value.size();
    if (const auto [rest, fault] = std::from_chars(value.data(), end, group);
        fault != std::errc() || rest != end)
      refuse(name, "\"fsGroup\" is \"" + value + "\", which is no number of a group");
    volume.fs_group = group;
  } else if (key == "fsGroupChangePolicy") {
    if (value != "Always" && value != "OnRootMismatch")
      refuse(name, "\"fsGroupChangePolicy\" is \"" + value + R"(", not "Always" or "OnRootMismatch")");
    volume.fs_group_on_mismatch = value == "OnRootMismatch";
  } else {
    volume.metadata[std::string(key)] = std::move(value);
  }
}

std::string need_folder(const std::string& volume_path) {
  auto folder = direct_volume_folder(volume_path);
  if (folder.empty())
    throw Error(ErrorCode::invalid_argument, "name the direct volume", volume_path)
        .because(
            "its path must be absolute, without \"..\", \"//\" and a last \"/\", and have at most 189 bytes");
  return folder;
}

// Who could write it, or put another in its place, would choose a disk of the host.
void require_root_s(const std::string& file) {
  for (fs::path path = file; path != "/"; path = path.parent_path()) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) < 0) return; // it is not there
    const bool sticky = S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0;
    if (S_ISLNK(status.st_mode) || status.st_uid != 0 || ((status.st_mode & 022) != 0 && !sticky))
      throw Error(ErrorCode::permission_denied, "trust the note of a direct volume", file)
          .because("\"" + path.string() + "\" is a link, or can be changed by others than root")
          .hint("chown and chmod it, or remove the folder");
  }
}

} // namespace

std::string direct_volume_folder(const std::string& volume_path) {
  const bool clean = volume_path.starts_with("/") && !volume_path.ends_with("/") &&
                     volume_path.find('\0') == std::string::npos &&
                     fs::path(volume_path).lexically_normal().string() == volume_path;
  const auto name = base64_url(volume_path);
  return clean && name.size() <= NAME_MAX ? std::string(all_volumes) + "/" + name : std::string();
}

DirectVolume parse_direct_volume(std::string_view text, const std::string& name) {
  boost::system::error_code failure;
  const auto value = json::parse(text, failure);
  if (failure || !value.is_object()) refuse(name, failure ? failure.message() : "it is no JSON object");
  DirectVolume volume;
  for (const auto& [key, member] : value.get_object()) {
    if (key == "volume-type") volume.type = text_of(member, name, key);
    if (key == "device") volume.device = text_of(member, name, key);
    if (key == "fstype") volume.fstype = text_of(member, name, key);
    if (key == "metadata" && member.is_object())
      for (const auto& [word, meaning] : member.get_object())
        take_metadata(volume, word, text_of(meaning, name, key), name);
    if (key == "options" && member.is_array())
      for (const auto& option : member.get_array())
        volume.options.push_back(text_of(option, name, key));
  }
  if (volume.type != "block") refuse(name, "\"volume-type\" must be \"block\"");
  if (!volume.device.starts_with("/")) refuse(name, "\"device\" must be an absolute path");
  if (volume.fstype.empty()) refuse(name, "\"fstype\" is missing");
  return volume;
}

std::optional<DirectVolume> find_direct_volume(const std::string& volume_path) {
  const auto folder = direct_volume_folder(volume_path);
  struct stat status {};
  if (folder.empty() || ::lstat(folder.c_str(), &status) < 0) return std::nullopt;
  const auto file = folder + "/" + note_name;
  require_root_s(file);
  const auto text = read_file(file, longest_note, "read the note of a direct volume");
  if (!text) return std::nullopt;
  return parse_direct_volume(*text, file);
}

void add_direct_volume(const std::string& volume_path, std::string_view note) {
  const auto folder = need_folder(volume_path);
  parse_direct_volume(note, volume_path);
  const auto umask_before = ::umask(022);
  std::error_code failure;
  fs::create_directories(folder, failure);
  ::umask(umask_before);
  if (failure) throw Error::from_errno(failure.value(), "make folder", folder);
  const auto file = folder + "/" + note_name;
  if (fs::exists(file, failure))
    throw Error(ErrorCode::already_exists, "add the direct volume", volume_path)
        .because("there is one of that path")
        .hint("remove it first");
  replace_file(file, note, 0600, "write the note of a direct volume");
}

void remove_direct_volume(const std::string& volume_path) {
  std::error_code failure;
  const auto count = fs::remove_all(need_folder(volume_path), failure);
  if (failure) throw Error::from_errno(failure.value(), "remove the direct volume", volume_path);
  if (count == 0)
    throw Error(ErrorCode::not_found, "remove the direct volume", volume_path)
        .because("there is none of that path");
}

void note_direct_volume_user(const std::string& volume_path, const std::string& sandbox_id,
                             const DirectVolumeUser& user) {
  const json::object object = {{"socket", user.socket}, {"container", user.container_id}};
  replace_file(need_folder(volume_path) + "/" + sandbox_id, json::serialize(object), 0600,
               "note who has the direct volume");
}

void forget_direct_volume_user(const std::string& volume_path, const std::string& sandbox_id) noexcept {
  ::unlink((direct_volume_folder(volume_path) + "/" + sandbox_id).c_str());
}

std::optional<DirectVolumeUser> find_direct_volume_user(const std::string& volume_path) {
  const auto folder = need_folder(volume_path);
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(folder, failure)) {
    if (entry.path().filename() == note_name) continue;
    require_root_s(entry.path());
    const auto text = read_file(entry.path(), longest_note, "read who has the direct volume").value_or("");
    boost::system::error_code fault;
    const auto value = json::parse(text, fault);
    if (fault || !value.is_object()) continue; // another runtime's
    const auto& object = value.get_object();
    const auto *socket = object.if_contains("socket"), *container = object.if_contains("container");
    if (socket && socket->is_string() && container && container->is_string())
      return DirectVolumeUser{std::string(socket->get_string()), std::string(container->get_string())};
  }
  return std::nullopt;
}

} // namespace nacre::oci
