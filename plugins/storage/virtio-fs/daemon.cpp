#include "daemon.hpp"

#include <nacre/sdk/error.hpp>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <sys/resource.h>
#include <unistd.h>

namespace nacre::virtio_fs {
namespace {

// Debian 13's is the Rust one of package virtiofsd, Debian 12's the C one of qemu-system-common.
constexpr const char* places[] = {"/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd"};

constexpr std::string_view given_anyway[] = {"--announce-submounts", "--xattr"};

// The C one is part of QEMU up to 7.2 and lies in a folder of QEMU's wherever it is installed.
bool is_of_qemu(const std::string& program) {
  return program.find("/qemu/") != std::string::npos;
}

constexpr rlim_t most_descriptors = 1'000'000;

// The daemon holds a descriptor for each file that the guest knows; its own default asks for more than a
// process without CAP_SYS_RESOURCE may have, and then it ends.
rlim_t descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return std::min(limit.rlim_max, most_descriptors);
}

// Submounts are told to the guest, since files of several file systems below one share must not show the same
// inode number.
void add_words_for_qemu(std::vector<std::string>& words, const Settings& settings,
                        const std::string& folder) {
  if (settings.cache == "metadata")
    throw sdk::Error(NACRE_E_UNSUPPORTED,
                     "virtio_fs_cache \"metadata\" is not known to QEMU's own virtiofsd; use never, "
                     "auto or always, or set virtio_fs_daemon to a virtiofsd in Rust");
  if (settings.inode_file_handles == "mandatory")
    throw sdk::Error(
        NACRE_E_UNSUPPORTED,
        "virtio_fs_inode_file_handles \"mandatory\" is not known to QEMU's own virtiofsd; use never "
        "or prefer, or set virtio_fs_daemon to a virtiofsd in Rust");
  words.emplace_back("-f");
  words.emplace_back("-o");
  words.push_back("source=" + folder + ",announce_submounts,xattr,cache=");
  // Its mode `none` refuses shared writable mappings to the guest; pages that live no longer than an open
  // file, with names and sizes asked for each time, show the host's changes as well.
  words.back() += settings.cache == "never" ? "auto,timeout=0" : settings.cache;
}

void add_words(std::vector<std::string>& words, const Settings& settings, const std::string& folder) {
  words.push_back("--shared-dir=" + folder);
  words.insert(words.end(), std::begin(given_anyway), std::end(given_anyway));
  words.push_back("--cache=" + settings.cache);
  if (settings.inode_file_handles != "never")
    words.push_back("--inode-file-handles=" + settings.inode_file_handles);
  if (settings.cache == "never" || settings.cache == "metadata") words.emplace_back("--allow-mmap");
}

} // namespace

Settings::Settings(const sdk::Options& options)
    : daemon(options.string_or("virtio_fs_daemon", "")), cache(options.string_or("virtio_fs_cache", "never")),
      queue_size(options.integer_or("virtio_fs_queue_size", 1024)),
      inode_file_handles(options.string_or("virtio_fs_inode_file_handles", "never")),
      extra_args(options.strings_or_empty("virtio_fs_extra_args")) {}

std::string find_daemon(const Settings& settings) {
  if (!settings.daemon.empty()) return settings.daemon;
  for (const char* place : places)
    if (::access(place, X_OK) == 0) return place;
  return {};
}

std::vector<std::string> command_line(const std::string& program, const Settings& settings,
                                      const std::string& folder, int socket_fd) {
  std::vector<std::string> words = {program, "--fd=" + std::to_string(socket_fd),
                                    "--rlimit-nofile=" + std::to_string(descriptor_limit())};
  if (is_of_qemu(program))
    add_words_for_qemu(words, settings, folder);
  else
    add_words(words, settings, folder);
  // Kata's files have the first one among the user's own arguments: the daemon in Rust takes no flag twice,
  // and QEMU's has another spelling.
  std::copy_if(settings.extra_args.begin(), settings.extra_args.end(), std::back_inserter(words),
               [](const auto& word) {
                 return std::find(std::begin(given_anyway), std::end(given_anyway), word) ==
                        std::end(given_anyway);
               });
  return words;
}

} // namespace nacre::virtio_fs
