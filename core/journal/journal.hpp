// Undo records on disk: before each change of the host one is written, and whoever finds the folder later can
// take the change back, whether or not it was made, and whether or not the process that made it still lives.
//
// One file a record, written aside and renamed: a reader never sees half a record, whenever the writer is
// killed. There is no fsync: what the records undo does not survive a reboot either. A damaged file (a disk's
// fault) is reported and does not hide the others.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace nacre::journal {

inline constexpr std::uint32_t format_version = 1; // state.json: protocols.journal
inline constexpr std::size_t record_bytes_max = 64 * 1024;

struct Record {
  std::uint64_t id = 0; // given by append(); rising
  std::string kind;     // "hypervisor", "network", "storage", "security"; "core": see core_undo.hpp
  std::string name;     // plugin name; for the core the kind of its record
  std::string version;  // plugin version
  std::string bytes;    // the plugin's own, at most record_bytes_max
};

// Safe from any thread. Two processes may have the same journal open (a delete beside a dying sandbox
// process).
class Journal {
public:
  // The folder is made, mode 0700, if it is missing; its parent must exist. Throws Error.
  explicit Journal(std::string folder);

  // Returns the record's id once it is in the file system; throws Error, with nothing written, when it cannot
  // be (disk full, too long): then the change must not be made. `record.id` is ignored.
  std::uint64_t append(const Record& record);

  // The change is taken back, or can never be made. An unknown id is fine.
  void done(std::uint64_t id);

  // Newest first: the order of playback. Files that are damaged are left out; their names are put into
  // `damaged`.
  std::vector<Record> records(std::vector<std::string>* damaged = nullptr) const;

  // Goes on in another folder, which must not exist but in an existing one, on the same file system. Throws
  // Error.
  void move(const std::string& folder);

  // Removes the folder with everything in it, played back or not.
  void remove();

  const std::string& folder() const noexcept { return folder_; }

private:
  std::string folder_;
  std::mutex mutex_;
  std::uint64_t next_ = 1;
};

} // namespace nacre::journal
