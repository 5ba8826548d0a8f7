// The format is that of Documentation/driver-api/early-userspace/buffer-format.rst.
#include "sandbox/guest_initrd.hpp"

#include "base/error.hpp"
#include "base/unique_fd.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fcntl.h>
#include <optional>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

namespace nacre::sandbox {
namespace {

using namespace std::string_view_literals;
constexpr std::size_t header_size = 110, mode_at = 14, file_size_at = 54, name_size_at = 94,
                      longest_name = 4096;
// Those that the kernel unpacks (lib/decompress.c): gzip, bzip2, lzma, xz, lzo, lz4, zstd.
constexpr std::string_view compressed[] = {"\x1f\x8b"sv,
                                           "\x1f\x9e"sv,
                                           "BZh"sv,
                                           "\x5d\0\0"sv,
                                           "\xfd"
                                           "7zXZ\0"sv,
                                           "\x89LZO"sv,
                                           "\x02\x21\x4c\x18"sv,
                                           "\x28\xb5\x2f\xfd"sv};

bool is_archive(std::string_view start) {
  return start.starts_with("070701") || start.starts_with("070702");
}

bool is_compressed(std::string_view start) {
  for (const auto magic : compressed)
    if (start.starts_with(magic)) return true;
  return false;
}

std::uint64_t aligned(std::uint64_t offset) {
  return (offset + 3) & ~std::uint64_t{3};
}

// One file of an archive.
struct Entry {
  std::string name;
  std::uint32_t mode = 0;
  std::uint64_t end = 0; // of its content
};

class Initrd {
public:
  explicit Initrd(const std::string& path)
      : fd_(check_errno(::open(path.c_str(), O_RDONLY | O_CLOEXEC), "open guest initrd", path)) {
    struct stat status {};
    check_errno(::fstat(fd_.get(), &status), "open guest initrd", path);
    size_ = static_cast<std::uint64_t>(status.st_size);
  }

  std::uint64_t size() const { return size_; }

  std::string read(std::uint64_t offset, std::size_t size) const {
    std::string bytes(size, '\0');
    const ssize_t got = ::pread(fd_.get(), bytes.data(), size, static_cast<off_t>(offset));
    bytes.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return bytes;
  }

  // Nothing: the file ends within it, or its header is none.
  std::optional<Entry> entry(std::uint64_t offset) const {
    const auto header = read(offset, header_size);
    if (header.size() < header_size) return std::nullopt;
    const auto name_size = field(header, name_size_at), file_size = field(header, file_size_at);
    if (!name_size || !file_size || *name_size == 0 || *name_size > longest_name) return std::nullopt;
    Entry entry;
    entry.name = read(offset + header_size, *name_size - 1);
    entry.mode = field(header, mode_at).value_or(0);
    entry.end = aligned(offset + header_size + *name_size) + *file_size;
    if (entry.end > size_) return std::nullopt;
    return entry;
  }

  // Where the next archive may begin: zeros lie between.
  std::uint64_t skip_zeros(std::uint64_t offset) const {
    for (;;) {
      const auto bytes = read(offset, 512);
      const auto first = bytes.find_first_not_of('\0');
      if (first != std::string::npos) return offset + first;
      if (bytes.empty()) return offset;
      offset += bytes.size();
    }
  }

private:
  static std::optional<std::uint32_t> field(const std::string& header, std::size_t at) {
    std::uint32_t value = 0;
    const char* const begin = header.data() + at;
    const auto parsed = std::from_chars(begin, begin + 8, value, 16);
    if (parsed.ec != std::errc() || parsed.ptr != begin + 8) return std::nullopt;
    return value;
  }

  UniqueFd fd_;
  std::uint64_t size_ = 0;
};

// The value of the last `name=value` on the kernel's command line: the one that counts.
std::optional<std::string> kernel_parameter(std::string_view line, std::string_view name) {
  std::optional<std::string> value;
  while (!line.empty()) {
    const auto word = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(word.size() + 1, line.size()));
    if (word.starts_with(name) && word.substr(name.size()).starts_with('='))
      value = word.substr(name.size() + 1);
  }
  return value;
}

std::string without_root(std::string_view name) {
  while (name.starts_with("./") || name.starts_with('/'))
    name.remove_prefix(name.front() == '.' ? 2 : 1);
  return std::string(name);
}

// Why the kernel will not start `init` from it; "": it will, or nobody but the kernel can tell.
std::string trouble_of(const Initrd& initrd, const std::string& init) {
  if (initrd.size() == 0) return "it is empty";
  std::uint64_t offset = initrd.skip_zeros(0);
  if (const auto start = initrd.read(offset, 8); !is_archive(start))
    return is_compressed(start) ? "" : "it is neither a cpio archive nor a compressed one";
  std::uint32_t init_mode = 0;
  while (offset < initrd.size()) {
    if (!is_archive(initrd.read(offset, 6))) return ""; // a compressed one follows
    const auto entry = initrd.entry(offset);
    if (!entry) return "it is cut off or damaged at byte " + std::to_string(offset);
    if (without_root(entry->name) == init) init_mode = entry->mode;
    offset = entry->name == "TRAILER!!!" ? initrd.skip_zeros(entry->end) : aligned(entry->end);
  }
  if (init_mode == 0) return "it holds no program \"/" + init + "\"";
  return S_ISREG(init_mode) && (init_mode & 0111) == 0 ? "its \"/" + init + "\" is not executable" : "";
}

} // namespace

void check_initrd(const std::string& path, const std::string& kernel_params, const std::string& remedy) {
  if (kernel_parameter(kernel_params, "root")) return; // the kernel goes on to another root
  const auto init = kernel_parameter(kernel_params, "rdinit");
  const auto trouble = trouble_of(Initrd(path), without_root(init.value_or("/init")));
  if (trouble.empty()) return;
  throw Error(ErrorCode::invalid_argument, "use guest initrd", path)
      .because(trouble)
      .hint(init ? "correct \"rdinit=" + *init + "\" in kernel_params, or " + remedy : remedy);
}

} // namespace nacre::sandbox
