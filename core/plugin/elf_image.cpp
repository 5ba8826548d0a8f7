#include "plugin/elf_image.hpp"

#include <algorithm>

namespace nacre::plugin {
namespace {

#if defined(__x86_64__)
constexpr unsigned this_machine = EM_X86_64;
#elif defined(__aarch64__)
constexpr unsigned this_machine = EM_AARCH64;
#elif defined(__riscv)
constexpr unsigned this_machine = EM_RISCV;
#elif defined(__s390x__)
constexpr unsigned this_machine = EM_S390;
#elif defined(__powerpc64__)
constexpr unsigned this_machine = EM_PPC64;
#else
#error "name this machine's e_machine"
#endif

constexpr unsigned char this_order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;

} // namespace

ElfImage::ElfImage(std::span<const std::uint8_t> file) : file_(file) {
  parse();
}

void ElfImage::fail(Status status, std::string detail) {
  status_ = status;
  detail_ = std::move(detail);
  programs_.clear();
}

void ElfImage::parse() {
  const auto header = read<Elf64_Ehdr>(0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
    return fail(Status::not_elf, "it is no ELF file");
  header_ = *header;
  if (header_.e_ident[EI_CLASS] != ELFCLASS64 || header_.e_ident[EI_DATA] != this_order ||
      header_.e_machine != this_machine)
    return fail(Status::wrong_machine, "it is built for another kind of processor");
  if (header_.e_type != ET_DYN) return fail(Status::not_elf, "it is an ELF file, but no shared object");
  if (header_.e_phentsize != sizeof(Elf64_Phdr) || header_.e_phnum == 0 || header_.e_phnum > 128)
    return fail(Status::not_elf, "its program headers are damaged");
  for (unsigned i = 0; i < header_.e_phnum; ++i) {
    if (header_.e_phoff > file_.size()) return fail(Status::not_elf, "it is truncated");
    const auto program = read<Elf64_Phdr>(header_.e_phoff + i * sizeof(Elf64_Phdr));
    if (!program) return fail(Status::not_elf, "it is truncated");
    // The dynamic loader maps what is not there and the process dies of SIGBUS: find it now.
    if (program->p_type == PT_LOAD && !bytes(program->p_offset, program->p_filesz))
      return fail(Status::not_elf, "it is truncated");
    programs_.push_back(*program);
  }
}

std::optional<std::span<const std::uint8_t>> ElfImage::bytes(std::uint64_t offset,
                                                             std::uint64_t length) const {
  if (offset > file_.size() || length > file_.size() - offset) return std::nullopt;
  return file_.subspan(offset, length);
}

std::optional<std::uint64_t> ElfImage::offset_of(std::uint64_t address) const {
  for (const auto& program : programs_)
    if (program.p_type == PT_LOAD && address >= program.p_vaddr &&
        address - program.p_vaddr < program.p_filesz)
      return program.p_offset + (address - program.p_vaddr);
  return std::nullopt;
}

std::string ElfImage::text(std::uint64_t offset) const {
  if (offset >= file_.size()) return {};
  const auto rest = file_.subspan(offset, std::min<std::size_t>(file_.size() - offset, 4096));
  const auto end = std::find(rest.begin(), rest.end(), 0);
  if (end == rest.end()) return {};
  return {rest.begin(), end};
}

std::vector<Elf64_Shdr> ElfImage::sections() const {
  std::vector<Elf64_Shdr> sections;
  if (status_ != Status::ok || header_.e_shentsize != sizeof(Elf64_Shdr) || header_.e_shoff > file_.size())
    return {};
  for (unsigned i = 0; i < std::min<unsigned>(header_.e_shnum, 4096); ++i)
    if (const auto section = read<Elf64_Shdr>(header_.e_shoff + i * sizeof(Elf64_Shdr)))
      sections.push_back(*section);
  return sections;
}

std::vector<Elf64_Dyn> ElfImage::dynamic() const {
  std::vector<Elf64_Dyn> entries;
  for (const auto& program : programs_) {
    if (program.p_type != PT_DYNAMIC || program.p_offset > file_.size()) continue;
    const auto count = std::min<std::uint64_t>(program.p_filesz / sizeof(Elf64_Dyn), 4096);
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto entry = read<Elf64_Dyn>(program.p_offset + i * sizeof(Elf64_Dyn));
      if (!entry || entry->d_tag == DT_NULL) return entries;
      entries.push_back(*entry);
    }
  }
  return entries;
}

} // namespace nacre::plugin
