#include "journal/journal.hpp"

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "journal/proto/core_undo.pb.h"

#include <algorithm>
#include <boost/crc.hpp>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <sys/stat.h>

namespace nacre::journal {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view magic = "NCJ1";
constexpr std::string_view suffix = ".undo";
constexpr std::size_t header_size = 12;
constexpr std::size_t file_bytes_max = record_bytes_max + 16 * 1024;

std::uint32_t crc_of(std::string_view bytes) {
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

void put_number(std::string& to, std::uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8)
    to.push_back(static_cast<char>(value >> shift & 0xff));
}

std::uint32_t get_number(std::string_view from, std::size_t at) {
  std::uint32_t value = 0;
  for (unsigned index = 0; index < 4; ++index)
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(from[at + index])) << (8 * index);
  return value;
}

std::string file_name(std::uint64_t id) {
  char name[32];
  std::snprintf(name, sizeof(name), "%016llx", static_cast<unsigned long long>(id));
  return std::string(name) + std::string(suffix);
}

std::optional<std::uint64_t> id_of(std::string_view name) {
  if (name.size() != 16 + suffix.size() || !name.ends_with(suffix)) return {};
  std::uint64_t id = 0;
  const auto parsed = std::from_chars(name.data(), name.data() + 16, id, 16);
  if (parsed.ec != std::errc() || parsed.ptr != name.data() + 16) return {};
  return id;
}

std::string encode(const Record& record) {
  StoredRecord stored;
  stored.set_kind(record.kind);
  stored.set_name(record.name);
  stored.set_version(record.version);
  stored.set_data(record.bytes);
  const std::string message = stored.SerializeAsString();
  std::string file(magic);
  put_number(file, static_cast<std::uint32_t>(message.size()));
  put_number(file, crc_of(message));
  return file + message;
}

std::optional<Record> decode(std::uint64_t id, std::string_view file) {
  if (file.size() < header_size || !file.starts_with(magic)) return {};
  const auto message = file.substr(header_size);
  StoredRecord stored;
  if (get_number(file, 4) != message.size() || get_number(file, 8) != crc_of(message) ||
      !stored.ParseFromArray(message.data(), static_cast<int>(message.size())))
    return {};
  return Record{id, stored.kind(), stored.name(), stored.version(), stored.data()};
}

std::optional<std::string> read_file(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) return {};
  std::string content(file_bytes_max, '\0');
  std::size_t size = 0;
  while (size < content.size()) {
    const ssize_t got = ::read(file.get(), content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return {};
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  content.resize(size);
  return content;
}

void write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) throw_errno("write");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

// A record written aside, removed unless it was given its name.
class Draft {
public:
  Draft(const std::string& folder, std::string_view bytes) : path_(folder + "/draft.XXXXXX") {
    UniqueFd file(check_errno(::mkostemp(path_.data(), O_CLOEXEC), "create"));
    named_ = true;
    try {
      write_all(file.get(), bytes);
    } catch (...) {
      ::unlink(path_.c_str());
      throw;
    }
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;
  ~Draft() {
    if (named_) ::unlink(path_.c_str());
  }
  // False when another process has taken the name.
  bool publish(const std::string& path) {
    if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0) {
      named_ = false;
      return true;
    }
    if (errno != EEXIST) throw_errno("rename");
    return false;
  }

private:
  std::string path_;
  bool named_ = false;
};

std::vector<std::uint64_t> ids_in(const std::string& folder) {
  std::vector<std::uint64_t> ids;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (const auto id = id_of(entry->path().filename().string())) ids.push_back(*id);
  if (error) throw Error::from_errno(error.value(), "read journal", folder);
  return ids;
}

} // namespace

Journal::Journal(std::string folder) : folder_(std::move(folder)) {
  if (::mkdir(folder_.c_str(), 0700) < 0 && errno != EEXIST) throw_errno("make journal", folder_);
  for (const auto id : ids_in(folder_))
    next_ = std::max(next_, id + 1);
}

std::uint64_t Journal::append(const Record& record) {
  if (record.bytes.size() > record_bytes_max)
    throw Error(ErrorCode::invalid_argument, "write undo record of", record.kind + "/" + record.name)
        .because(std::to_string(record.bytes.size()) + " bytes, 65536 at most");
  try {
    Draft draft(folder_, encode(record));
    const std::lock_guard lock(mutex_);
    while (!draft.publish(folder_ + "/" + file_name(next_)))
      ++next_;
    return next_++;
  } catch (const Error& cause) {
    auto error = Error::from_errno(cause.error_number(), "write undo record into", folder_);
    if (error.code() == ErrorCode::resource_exhausted)
      error.hint("make room on that file system and try again");
    throw error;
  }
}

void Journal::done(std::uint64_t id) {
  const std::string path = folder_ + "/" + file_name(id);
  if (::unlink(path.c_str()) < 0 && errno != ENOENT) throw_errno("remove undo record", path);
}

std::vector<Record> Journal::records(std::vector<std::string>* damaged) const {
  auto ids = ids_in(folder_);
  std::sort(ids.rbegin(), ids.rend());
  std::vector<Record> found;
  for (const auto id : ids) {
    const std::string path = folder_ + "/" + file_name(id);
    const auto content = read_file(path);
    if (!content && errno == ENOENT) continue; // done meanwhile
    auto record = content ? decode(id, *content) : std::nullopt;
    if (record)
      found.push_back(std::move(*record));
    else if (damaged)
      damaged->push_back(path);
  }
  return found;
}

void Journal::move(const std::string& folder) {
  const std::lock_guard lock(mutex_);
  if (::rename(folder_.c_str(), folder.c_str()) < 0) throw_errno("move journal to", folder);
  folder_ = folder;
}

void Journal::remove() {
  std::error_code error;
  fs::remove_all(folder_, error);
  if (error) throw Error::from_errno(error.value(), "remove journal", folder_);
}

} // namespace nacre::journal
