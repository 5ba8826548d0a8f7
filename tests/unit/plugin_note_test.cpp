#include "catch.hpp"

#include "plugin/identity.hpp"
#include "plugin/note_reader.hpp"

#include <nacre/plugin/descriptor.h>
#include <nacre/plugin/hypervisor.h>

#include <cstring>
#include <elf.h>
#include <random>
#include <string>
#include <vector>

using namespace nacre::plugin;

namespace {

#if defined(__x86_64__)
constexpr unsigned machine = EM_X86_64;
#elif defined(__aarch64__)
constexpr unsigned machine = EM_AARCH64;
#else
constexpr unsigned machine = EM_NONE;
#endif

using Bytes = std::vector<std::uint8_t>;

template <typename T> void put(Bytes& file, std::size_t at, const T& value) {
  if (file.size() < at + sizeof value) file.resize(at + sizeof value);
  std::memcpy(file.data() + at, &value, sizeof value);
}

// The smallest file with notes: a header, one program header, the notes.
Bytes file_with(const Bytes& notes) {
  Bytes file;
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_type = ET_DYN;
  header.e_machine = machine;
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 1;
  put(file, 0, header);
  Elf64_Phdr program{};
  program.p_type = PT_NOTE;
  program.p_offset = sizeof header + sizeof program;
  program.p_filesz = notes.size();
  put(file, sizeof header, program);
  file.insert(file.end(), notes.begin(), notes.end());
  return file;
}

Bytes note(const std::string& owner, const std::string& text, std::uint32_t type = NACRE_NOTE_TYPE) {
  Bytes bytes;
  put(bytes, 0,
      Elf64_Nhdr{static_cast<std::uint32_t>(owner.size() + 1), static_cast<std::uint32_t>(text.size()),
                 type});
  const auto append = [&](const std::string& part, std::size_t length) {
    bytes.insert(bytes.end(), part.begin(), part.end());
    bytes.resize(bytes.size() + length - part.size());
    bytes.resize((bytes.size() + 3) & ~std::size_t{3});
  };
  append(owner, owner.size() + 1);
  append(text, text.size());
  return bytes;
}

Bytes operator+(Bytes first, const Bytes& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

} // namespace

TEST_CASE("our note is found among others") {
  const NoteResult result =
      read_note(file_with(note("GNU", "xyz") + note("Nacre", "{}") + note("Other", "")));
  CHECK(result.status == NoteStatus::ok);
  CHECK(result.json == "{}");
}

TEST_CASE("a note of another owner or type is not ours") {
  CHECK(read_note(file_with(note("GNU", "{}"))).status == NoteStatus::not_a_plugin);
  CHECK(read_note(file_with(note("Nacre", "{}", 2))).status == NoteStatus::not_a_plugin);
  CHECK(read_note(file_with(note("Nacr", "{}"))).status == NoteStatus::not_a_plugin);
  CHECK(read_note(file_with({})).status == NoteStatus::not_a_plugin);
}

TEST_CASE("sizes that lie are not followed") {
  Bytes huge = note("Nacre", "{}");
  put(huge, 4, std::uint32_t{0xffffffff});
  CHECK(read_note(file_with(huge)).status == NoteStatus::not_a_plugin);
  Bytes wrap = note("Nacre", "{}");
  put(wrap, 0, std::uint32_t{0xfffffffd});
  CHECK(read_note(file_with(wrap)).status == NoteStatus::not_a_plugin);

  Bytes offset = file_with(note("Nacre", "{}"));
  put(offset, offsetof(Elf64_Ehdr, e_phoff), ~std::uint64_t{0} - 8);
  CHECK(read_note(offset).status == NoteStatus::not_elf);
  Bytes segment = file_with(note("Nacre", "{}"));
  put(segment, sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_filesz), ~std::uint64_t{0});
  CHECK(read_note(segment).status == NoteStatus::not_a_plugin);
}

TEST_CASE("another machine's file and other files are told apart") {
  Bytes file = file_with(note("Nacre", "{}"));
  put(file, offsetof(Elf64_Ehdr, e_machine), std::uint16_t{EM_SPARCV9});
  CHECK(read_note(file).status == NoteStatus::wrong_machine);
  file = file_with(note("Nacre", "{}"));
  put(file, offsetof(Elf64_Ehdr, e_type), std::uint16_t{ET_EXEC});
  CHECK(read_note(file).status == NoteStatus::not_elf);
  CHECK(read_note(Bytes{'#', '!'}).status == NoteStatus::not_elf);
  CHECK(read_note(Bytes{}).status == NoteStatus::not_elf);
}

TEST_CASE("random damage is survived") {
  const Bytes good = file_with(note("GNU", "abc") + note("Nacre", "{\"a\":1}"));
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    Bytes bad = good;
    for (int k = 0; k < 3; ++k)
      bad[random() % bad.size()] = static_cast<std::uint8_t>(random());
    bad.resize(random() % (bad.size() + 1));
    read_note(std::span<const std::uint8_t>(bad)); // a sanitizer build sees what this must not do
  }
  CHECK(read_note(good).status == NoteStatus::ok);
}

TEST_CASE("an identity names what is missing or of another type") {
  CHECK_THROWS_WITH(parse_identity("{}"), Catch::Matchers::ContainsSubstring("\"magic\" is missing"));
  CHECK_THROWS_WITH(parse_identity(R"({"magic":1})"), Catch::Matchers::ContainsSubstring("not a string"));
  CHECK_THROWS_WITH(parse_identity(R"({"magic":"NACREPLG","abi_major":-1})"),
                    Catch::Matchers::ContainsSubstring("not a number"));
  CHECK_THROWS(parse_identity("[]"));
  CHECK_THROWS(parse_identity(std::string(1000, '[')));
}

TEST_CASE("capabilities go by name") {
  const std::vector<std::string> names = {"NACRE_HV_PAUSE", "NACRE_HV_INITRD"};
  const std::uint64_t bits = capability_bits(Kind::hypervisor, names);
  CHECK(bits == (NACRE_HV_PAUSE | NACRE_HV_INITRD));
  CHECK(capability_names(Kind::hypervisor, bits) == names);
  CHECK(capability_names(Kind::hypervisor, 1ull << 63) == std::vector<std::string>{"bit 63"});
  CHECK(capability_bits(Kind::hypervisor, {"NACRE_HV_OF_TOMORROW"}) == 0);
}

TEST_CASE("names of plugins") {
  CHECK(is_plugin_name("9p"));
  CHECK(is_plugin_name("cloud-hypervisor"));
  CHECK_FALSE(is_plugin_name(""));
  CHECK_FALSE(is_plugin_name("../x"));
  CHECK_FALSE(is_plugin_name("Qemu"));
  CHECK_FALSE(is_plugin_name(std::string(32, 'a')));
}
