// Whole small files: kernel interfaces below /proc and /sys, and the few files that the agent makes.
#pragma once

#include "unique_fd.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace nacre::agent {

// All of a file; /proc and /sys files have no size, so this reads to the end. Throws Error.
std::string read_file(const std::string& path);
// The same, but nothing instead of an error: for values that a kernel may not have.
std::optional<std::string> try_read_file(const std::string& path);
// Without white space at its end.
std::optional<std::string> try_read_line(const std::string& path);

// Writes a value into an existing (kernel) file with one write(2). Throws Error.
void write_value(const std::string& path, std::string_view value);

// Makes or replaces a file. Throws Error.
void make_file(const std::string& path, std::string_view content, mode_t mode);

// For what was just made: open(2) and mkdir(2) take the umask off the mode. A link has an owner only. Throws
// Error.
void set_owner_and_mode(const std::string& path, uid_t uid, gid_t gid, mode_t mode);

// Makes a folder and its missing parents, mode 0755. Throws Error.
void make_folders(const std::string& path);

// A folder that holds no folders; nothing where it cannot be removed, or does not exist.
void remove_flat_folder(const std::string& path) noexcept;

// Folder part of a path; "/" for a path directly below the root.
std::string parent_of(const std::string& path);

// An unsigned decimal number with nothing around it.
std::optional<std::uint64_t> parse_number(std::string_view text);

} // namespace nacre::agent
