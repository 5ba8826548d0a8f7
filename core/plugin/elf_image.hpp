// A 64-bit ELF file of this machine, read with every offset checked. No byte of it is trusted.
#pragma once

#include <cstdint>
#include <cstring>
#include <elf.h>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace nacre::plugin {

class ElfImage {
public:
  enum class Status { ok, not_elf, wrong_machine };

  explicit ElfImage(std::span<const std::uint8_t> file);

  Status status() const noexcept { return status_; }
  const std::string& detail() const noexcept { return detail_; } // what is wrong, when not ok

  const std::vector<Elf64_Phdr>& programs() const noexcept { return programs_; } // at most 128
  std::vector<Elf64_Shdr> sections() const;                                      // at most 4096
  std::vector<Elf64_Dyn> dynamic() const; // up to DT_NULL, at most 4096

  // The bytes [offset, offset + length), or none when they are not all in the file.
  std::optional<std::span<const std::uint8_t>> bytes(std::uint64_t offset, std::uint64_t length) const;
  // The same for an address of the loaded image.
  std::optional<std::uint64_t> offset_of(std::uint64_t address) const;
  // The NUL-terminated string at an offset, at most 4096 bytes; "" when there is none.
  std::string text(std::uint64_t offset) const;

  template <typename T> std::optional<T> read(std::uint64_t offset) const {
    const auto raw = bytes(offset, sizeof(T));
    if (!raw) return std::nullopt;
    T value;
    std::memcpy(&value, raw->data(), sizeof value);
    return value;
  }

private:
  void parse();
  void fail(Status status, std::string detail);

  std::span<const std::uint8_t> file_;
  Status status_ = Status::ok;
  std::string detail_;
  Elf64_Ehdr header_{};
  std::vector<Elf64_Phdr> programs_;
};

} // namespace nacre::plugin
