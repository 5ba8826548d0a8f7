#include "plugin/note_reader.hpp"

#include "plugin/elf_image.hpp"

#include <nacre/plugin/descriptor.h>

#include <sys/mman.h>
#include <sys/stat.h>

namespace nacre::plugin {
namespace {

constexpr std::uint64_t file_bytes_max = 64u << 20;
constexpr std::uint64_t note_bytes_max = 64u << 10;

constexpr std::uint64_t aligned(std::uint64_t size) {
  return (size + 3) & ~std::uint64_t{3};
}

// One PT_NOTE segment holds notes one behind the other: header, owner, description, each padded to 4 bytes.
std::optional<std::string> find_note(const ElfImage& image, std::uint64_t at, std::uint64_t left) {
  constexpr std::string_view owner(NACRE_NOTE_OWNER, sizeof NACRE_NOTE_OWNER); // with its NUL
  while (left >= sizeof(Elf64_Nhdr)) {
    const auto header = image.read<Elf64_Nhdr>(at);
    if (!header) return std::nullopt;
    const std::uint64_t name_size = aligned(header->n_namesz), text_size = aligned(header->n_descsz);
    const std::uint64_t size = sizeof(Elf64_Nhdr) + name_size + text_size; // cannot overflow: 32-bit fields
    const auto name = image.bytes(at + sizeof(Elf64_Nhdr), header->n_namesz);
    const auto text = image.bytes(at + sizeof(Elf64_Nhdr) + name_size, header->n_descsz);
    if (size > left + 3 || !name || !text) return std::nullopt; // the last one's padding may be left out
    if (header->n_type == NACRE_NOTE_TYPE &&
        std::equal(name->begin(), name->end(), owner.begin(), owner.end()) &&
        header->n_descsz <= note_bytes_max)
      return std::string(text->begin(), text->end());
    if (size >= left) return std::nullopt;
    at += size;
    left -= size;
  }
  return std::nullopt;
}

} // namespace

NoteResult read_note(std::span<const std::uint8_t> file) {
  const ElfImage image(file);
  switch (image.status()) {
  case ElfImage::Status::not_elf:
    return {NoteStatus::not_elf, {}, image.detail()};
  case ElfImage::Status::wrong_machine:
    return {NoteStatus::wrong_machine, {}, image.detail()};
  case ElfImage::Status::ok:
    break;
  }
  for (const auto& program : image.programs()) {
    if (program.p_type != PT_NOTE || !image.bytes(program.p_offset, program.p_filesz)) continue;
    if (auto json = find_note(image, program.p_offset, program.p_filesz))
      return {NoteStatus::ok, std::move(*json), {}};
  }
  return {NoteStatus::not_a_plugin, {}, "it carries no note of owner \"" NACRE_NOTE_OWNER "\""};
}

NoteResult read_note(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
    return {NoteStatus::not_elf, {}, "it is no regular file"};
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > file_bytes_max) return {NoteStatus::not_elf, {}, "it is larger than 64 MiB"};
  if (size == 0) return {NoteStatus::not_elf, {}, "it is empty"};
  void* map = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (map == MAP_FAILED) return {NoteStatus::not_elf, {}, "it cannot be read"};
  NoteResult result = read_note(std::span(static_cast<const std::uint8_t*>(map), size));
  ::munmap(map, size);
  return result;
}

} // namespace nacre::plugin
