// The core's own undo records: kind "core", bytes a CoreUndo (proto/core_undo.proto).
#pragma once

#include "base/process_identity.hpp"
#include "journal/journal.hpp"

#include <string>

namespace nacre::journal {

class CoreUndo;

inline constexpr const char* core_kind = "core";

// Ready-made records. `role` and paths are for messages as well.
Record kill_process(const ProcessIdentity& process, const std::string& role);
Record remove_cgroup(const std::string& path, bool kill_members);
Record remove_file(const std::string& path); // a file, socket, fifo or symlink
Record remove_folder(const std::string& path, bool with_content);
Record unmount(const std::string& path);
Record stop_unit(const std::string& unit); // a transient unit of systemd

// Whether taking it back ends a process.
bool ends_process(const Record& record);

// Takes one change back; that it was never made, or is undone already, is fine. Throws Error when it cannot.
//   kill_process   only if pid and start ticks are those of the record; waits until it has ended
//   remove_cgroup  with kill_members: kills what is left in it (never the caller), waits, removes it and
//   those below remove_folder  with_content: everything in it, never crossing a mount point or following a
//   symlink unmount        detached, not following a symlink
void undo_core(const Record& record);

} // namespace nacre::journal
