#include "kernel_image.hpp"

#include <nacre/sdk/error.hpp>
#include <nacre/sdk/fd.hpp>

#include <cstdint>
#include <cstring>
#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nacre::qemu {
namespace {

constexpr std::uint32_t pvh_entry_note = 18; // XEN_ELFNOTE_PHYS32_ENTRY (xen/interface/elfnote.h)
constexpr std::size_t most_segments = 64, longest_notes = 64 * 1024;
// Fields of the setup header (Documentation/arch/x86/boot.rst).
constexpr std::size_t setup_size_at = 0x1f1, system_size_at = 0x1f4, magic_at = 0x202,
                      setup_header_end = 0x268;

class KernelFile {
public:
  explicit KernelFile(const std::string& path)
      : fd_(sdk::check_errno(::open(path.c_str(), O_RDONLY | O_CLOEXEC), "open kernel \"" + path + "\"")) {
    struct stat status {};
    sdk::check_errno(::fstat(fd_.get(), &status), "open kernel \"" + path + "\"");
    size = static_cast<std::uint64_t>(status.st_size);
  }

  // What of it is there.
  std::string read(std::uint64_t offset, std::size_t length) const {
    std::string bytes(length, '\0');
    const ssize_t got = ::pread(fd_.get(), bytes.data(), length, static_cast<off_t>(offset));
    bytes.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return bytes;
  }

  std::uint64_t size = 0;

private:
  sdk::Fd fd_;
};

template <typename T> bool take(const std::string& bytes, std::size_t offset, T& value) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof value) return false;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return true;
}

bool has_pvh_note(const std::string& notes) {
  Elf64_Nhdr note;
  for (std::size_t offset = 0; take(notes, offset, note);) {
    const auto padded = [](std::uint32_t length) { return (std::size_t{length} + 3) & ~std::size_t{3}; };
    const auto name = notes.substr(offset + sizeof note, note.n_namesz);
    if (note.n_type == pvh_entry_note && name == std::string_view("Xen", 4)) return true;
    offset += sizeof note + padded(note.n_namesz) + padded(note.n_descsz);
  }
  return false;
}

std::string trouble_of_elf(const KernelFile& file, const std::string& start) {
  Elf64_Ehdr header;
  if (!take(start, 0, header)) return "it is cut off";
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != EM_X86_64)
    return "it is an ELF file for another machine (number " + std::to_string(header.e_machine) + ")";
  bool pvh = false;
  for (std::size_t i = 0; i < header.e_phnum && i < most_segments; ++i) {
    Elf64_Phdr segment;
    if (!take(file.read(header.e_phoff + i * sizeof segment, sizeof segment), 0, segment))
      return "it is cut off";
    if (segment.p_offset + segment.p_filesz > file.size) return "it is cut off";
    if (segment.p_type == PT_NOTE && segment.p_filesz <= longest_notes)
      pvh = pvh || has_pvh_note(file.read(segment.p_offset, segment.p_filesz));
  }
  return pvh ? "" : "it is an ELF file without the entry that a virtual machine starts at (PVH)";
}

std::string trouble_of_bzimage(const KernelFile& file, const std::string& start) {
  std::uint8_t setup_sectors = 0;
  std::uint32_t paragraphs = 0;
  if (!take(start, setup_size_at, setup_sectors) || !take(start, system_size_at, paragraphs))
    return "it is cut off";
  const std::uint64_t whole = (setup_sectors + 1ull) * 512 + paragraphs * 16ull;
  return file.size < whole ? "it is cut off" : "";
}

std::string trouble_of(const KernelFile& file) {
  if (file.size == 0) return "it is empty";
  const auto start = file.read(0, setup_header_end);
  if (start.starts_with(ELFMAG)) return trouble_of_elf(file, start);
  if (start.size() >= magic_at + 4 && start.compare(magic_at, 4, "HdrS") == 0)
    return trouble_of_bzimage(file, start);
  return "it is neither an ELF file nor a bzImage";
}

} // namespace

void check_kernel(const std::string& path) {
  const auto trouble = trouble_of(KernelFile(path));
  if (trouble.empty()) return;
  throw sdk::Error(NACRE_E_INVALID_ARGUMENT,
                   "QEMU cannot start kernel \"" + path + "\": " + trouble +
                       "; set kernel to a Linux kernel for x86-64, a vmlinux or a bzImage");
}

} // namespace nacre::qemu
