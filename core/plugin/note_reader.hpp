// Reads a plugin's identity out of its file without running any of it.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace nacre::plugin {

enum class NoteStatus { ok, not_elf, wrong_machine, not_a_plugin };

struct NoteResult {
  NoteStatus status = NoteStatus::not_elf;
  std::string json;   // ok: the note's text
  std::string detail; // else: what is wrong, for a message
};

// Bounded: every offset and size of the file is checked against `file` before it is used. Looks at program
// headers only (PT_NOTE survives strip), at the first note of owner "Nacre".
NoteResult read_note(std::span<const std::uint8_t> file);

// Of an open file; maps it. A file larger than 64 MiB is refused.
NoteResult read_note(int fd);

} // namespace nacre::plugin
