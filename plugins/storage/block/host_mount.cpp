#include "host_mount.hpp"

#include <nacre/sdk/error.hpp>

#include <cstdlib>
#include <libmount/libmount.h>
#include <memory>
#include <sys/mount.h>

namespace nacre::block {
namespace {

struct Unref {
  void operator()(libmnt_table* table) const { ::mnt_unref_table(table); }
  void operator()(libmnt_iter* iterator) const { ::mnt_free_iter(iterator); }
};

std::unique_ptr<libmnt_table, Unref> read_table() {
  std::unique_ptr<libmnt_table, Unref> table(::mnt_new_table());
  if (!table) throw std::bad_alloc();
  constexpr char file[] = "/proc/self/mountinfo";
  if (const int result = ::mnt_table_parse_file(table.get(), file); result < 0)
    throw sdk::Error::from_errno(-result, std::string("read \"") + file + "\"");
  return table;
}

std::string text(const char* value) {
  return value == nullptr ? std::string() : std::string(value);
}

void join(std::string& list, const std::string& more) {
  if (!list.empty() && !more.empty()) list += ',';
  list += more;
}

// MS_* of the words that mount(2) knows; the rest is the file system's.
unsigned long split(const char* options, std::string& own) {
  unsigned long flags = 0;
  char *file_systems = nullptr, *kernels = nullptr;
  if (options == nullptr) return 0;
  if (::mnt_split_optstr(options, nullptr, &kernels, &file_systems, 0, 0) == 0) {
    if (kernels != nullptr) ::mnt_optstr_get_flags(kernels, &flags, ::mnt_get_builtin_optmap(MNT_LINUX_MAP));
    join(own, text(file_systems));
  }
  std::free(kernels);
  std::free(file_systems);
  return flags;
}

// "seclabel" is shown by a kernel with SELinux, and not taken by mount(2).
void drop_word(std::string& list, const char* word) {
  char* copy = ::strdup(list.c_str());
  if (copy == nullptr) throw std::bad_alloc();
  ::mnt_optstr_remove_option(&copy, word);
  list = text(copy);
  std::free(copy);
}

HostMount read_mount(libmnt_fs* fs) {
  HostMount mount;
  mount.device = ::mnt_fs_get_devno(fs);
  mount.source = text(::mnt_fs_get_source(fs));
  mount.target = text(::mnt_fs_get_target(fs));
  mount.root = text(::mnt_fs_get_root(fs));
  mount.fstype = text(::mnt_fs_get_fstype(fs));
  std::string none;
  mount.flags = split(::mnt_fs_get_vfs_options(fs), none);
  mount.super_flags = split(::mnt_fs_get_fs_options(fs), mount.data);
  drop_word(mount.data, "seclabel");
  mount.words = text(::mnt_fs_get_vfs_options(fs));
  join(mount.words, mount.data);
  unsigned long propagation = 0;
  ::mnt_fs_get_propagation(fs, &propagation);
  mount.shared = (propagation & MS_SHARED) != 0;
  return mount;
}

} // namespace

bool HostMount::is_read_only() const {
  return (super_flags & MS_RDONLY) != 0;
}

std::optional<HostMount> find_mount(const std::string& target) {
  const auto table = read_table();
  libmnt_fs* fs = ::mnt_table_find_target(table.get(), target.c_str(), MNT_ITER_BACKWARD);
  if (fs == nullptr) return std::nullopt;
  return read_mount(fs);
}

std::string other_use(const HostMount& mount) {
  const auto table = read_table();
  libmnt_fs* own = ::mnt_table_find_target(table.get(), mount.target.c_str(), MNT_ITER_BACKWARD);
  const std::unique_ptr<libmnt_iter, Unref> iterator(::mnt_new_iter(MNT_ITER_FORWARD));
  if (own == nullptr || !iterator) return "it has just been unmounted";
  libmnt_fs* other = nullptr;
  while (::mnt_table_next_fs(table.get(), iterator.get(), &other) == 0) {
    if (other == own) continue;
    const std::string place = "\"" + text(::mnt_fs_get_target(other)) + "\"";
    if (::mnt_fs_get_devno(other) == mount.device) return "it is mounted at " + place + " too";
    if (::mnt_fs_get_parent_id(other) == ::mnt_fs_get_id(own))
      return "there is a mount below it, at " + place;
  }
  return {};
}

} // namespace nacre::block
