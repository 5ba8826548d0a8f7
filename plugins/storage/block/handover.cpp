#include "handover.hpp"

#include <charconv>
#include <string>
#include <sys/mount.h>
#include <unistd.h>
#include <vector>

namespace nacre::block {
namespace {

constexpr std::string_view first_field = "mount 1";
constexpr std::size_t field_count = 9;

std::string record_of(const HostMount& mount) {
  std::string record(first_field);
  // NUL separates the fields, since paths and options may hold anything else.
  for (const std::string& field :
       {std::to_string(mount.device), mount.source, mount.target, mount.fstype, std::to_string(mount.flags),
        std::to_string(mount.super_flags), mount.data, std::string(mount.shared ? "1" : "0")}) {
    record += '\0';
    record += field;
  }
  return record;
}

template <typename Number> Number number_of(std::string_view text) {
  Number number{};
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

HostMount parse_record(std::string_view record) {
  std::vector<std::string> fields;
  for (std::size_t at = 0; at <= record.size();) {
    const auto end = std::min(record.find('\0', at), record.size());
    fields.emplace_back(record.substr(at, end - at));
    at = end + 1;
  }
  if (fields.size() != field_count || fields[0] != first_field)
    throw sdk::Error(NACRE_E_INVALID_ARGUMENT, "the record is none of this plugin's");
  HostMount mount;
  mount.device = number_of<dev_t>(fields[1]);
  mount.source = fields[2];
  mount.target = fields[3];
  mount.fstype = fields[4];
  mount.flags = number_of<unsigned long>(fields[5]);
  mount.super_flags = number_of<unsigned long>(fields[6]);
  mount.data = fields[7];
  mount.shared = fields[8] == "1";
  return mount;
}

// Also when it is there already, or its place is gone.
void mount_again(const HostMount& mount) {
  if (const auto now = find_mount(mount.target); now && now->device == mount.device) return;
  const std::string what = "cannot mount \"" + mount.source + "\" at \"" + mount.target + "\" again";
  const auto& target = mount.target;
  const auto node = node_of(mount.device, mount.source);
  if (node.empty() || ::access(target.c_str(), F_OK) != 0) return;
  // MS_RDONLY here would make the file system read-only, not this mount of it.
  const unsigned long flags = (mount.flags & ~static_cast<unsigned long>(MS_RDONLY)) | mount.super_flags;
  sdk::check_errno(::mount(node.c_str(), target.c_str(), mount.fstype.c_str(), flags, mount.data.c_str()),
                   what);
  if ((mount.flags & ~mount.super_flags & MS_RDONLY) != 0)
    sdk::check_errno(::mount(nullptr, target.c_str(), nullptr, MS_REMOUNT | MS_BIND | mount.flags, nullptr),
                     what);
  const unsigned long propagation = mount.shared ? MS_SHARED : MS_PRIVATE;
  sdk::check_errno(::mount(nullptr, target.c_str(), nullptr, propagation, nullptr), what);
}

void unmount(const HostMount& mount) {
  if (::umount2(mount.target.c_str(), UMOUNT_NOFOLLOW) == 0) return;
  const std::string what = "cannot hand \"" + mount.target + "\" over to the guest";
  if (errno != EBUSY) throw sdk::Error::from_errno(errno, what);
  throw sdk::Error(NACRE_E_PRECONDITION,
                   what + ": a process of the host uses it (`fuser -m " + mount.target +
                       "` shows which); end it, or take \"block\" out of [runtime] storage",
                   EBUSY);
}

} // namespace

Handover::Handover(sdk::Host host, const HostMount& mount, const std::string& node, bool read_only) {
  change_ = host.change(record_of(mount), [mount] { mount_again(mount); });
  unmount(mount);
  disk_ = open_disk(node, mount.device, read_only ? Use::exclusive_read_only : Use::exclusive);
} // when opening throws, ~Change mounts it again

void undo_handover(std::string_view record) {
  mount_again(parse_record(record));
}

} // namespace nacre::block
